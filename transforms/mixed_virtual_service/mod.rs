//! VirtualServices that are for calls inside the mesh and for gateways at once.

mod split;

use std::collections::HashSet;

use crate::manifest::{Field, KnownHosts, ResourceId, VirtualService};
use crate::rule::{Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Parts VirtualServices that serve calls inside the mesh and clients of a gateway at once.
    ///
    /// ## Why
    /// The vendor's specification keeps what is for the outside apart from a Service's own VirtualService: each can
    /// change without the other, and a console that looks for the VirtualService by the Service's name finds the inner
    /// one. A VirtualService that names a gateway and not `mesh` does nothing for calls inside the mesh, also where its
    /// hosts are names of Services.
    ///
    /// ## Fix
    /// The VirtualService keeps all its hosts and loses `gateways`, so that it is for the mesh alone. A new one beside it,
    /// with `-external` behind the name, takes the public hosts and the gateways. Rules go to both, and those that
    /// `match.gateways` gives to one side go there. With `keepPublicInMesh: false` the public hosts leave the inner one:
    /// then calls from inside to a public name go out through the gateway and come back.
    ///
    /// ## Safety
    /// Unsafe: who changes one side later has to think of the other, and a VirtualService without `mesh` starts to apply
    /// inside. VirtualServices that Argo Rollouts or Flagger change while they roll out, those that delegate, and
    /// those that lead calls out to the hosts of ServiceEntries are left alone. One that is only for gateways and has its Service's name is told, and stays.
    MixedVirtualService, "mixed-virtual-service", "what is for the outside stands apart from a Service's own VirtualService",
    level: Level::Warning, after: &["mesh-retry", "exposed-service"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/mixed-virtual-service/mesh-and-gateway/fix.diff"),
}

/// What is mixed in a VirtualService.
enum Mixture<'a> {
    /// `gateways` has `mesh` and others.
    Gateways(Field<'a>),
    /// It is for gateways alone, and this host is a name inside the mesh beside public ones.
    Hosts(Field<'a>),
    /// It is for gateways alone, and has the name of a Service.
    Name(Field<'a>),
}

impl Transform for MixedVirtualService {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut rolled_out: Option<HashSet<ResourceId>> = None;
        let mut entries: Option<KnownHosts> = None;
        for one in cx.inventory.virtual_services() {
            let Some(mixture) = mixture(cx, one) else { continue };
            if delegates(one) || leads_out(one, entries.get_or_insert_with(|| cx.inventory.service_entry_hosts())) {
                continue;
            }
            let rolled_out = rolled_out.get_or_insert_with(|| cx.inventory.rolled_out_virtual_services());
            findings.push(finding(cx, one, mixture, rolled_out.contains(&one.id)));
        }
    }
}

fn mixture<'a>(cx: &Context<'_>, one: VirtualService<'a>) -> Option<Mixture<'a>> {
    let gateways = one.root.at(&["spec", "gateways"])?;
    let (mut mesh, mut others) = (false, false);
    gateways.items().for_each(|gateway| match gateway.text() {
        Some("mesh") => mesh = true,
        _ => others = true,
    });
    if mesh && others {
        return Some(Mixture::Gateways(gateways));
    }
    if mesh || !others {
        return None;
    }
    let is_internal = |host: &Field<'_>| host.text().is_some_and(|host| cx.inventory.is_cluster_host(host));
    let internal = one.hosts().find(is_internal);
    let is_public = one.hosts().any(|host| !is_internal(&host));
    if let Some(host) = internal.filter(|_| is_public) {
        return Some(Mixture::Hosts(host));
    }
    let name = one.root.at(&["metadata", "name"])?;
    let named = cx.inventory.services_named(name.text()?);
    let is_service = named.iter().any(|id| cx.inventory.share_a_namespace(*id, one.id));
    is_service.then_some(Mixture::Name(name))
}

/// True for one that leads calls of the mesh out through an egress gateway: its hosts are ServiceEntries'.
fn leads_out(one: VirtualService<'_>, entries: &KnownHosts) -> bool {
    one.hosts().all(|host| host.text().is_some_and(|host| entries.names(host)))
}

/// True when its rules stand in other VirtualServices.
fn delegates(one: VirtualService<'_>) -> bool {
    one.hosts().next().is_none() || one.http().any(|rule| rule.get("delegate").is_some())
}

fn finding(cx: &Context<'_>, one: VirtualService<'_>, mixture: Mixture<'_>, rolled_out: bool) -> Finding {
    let name = &cx.inventory.resource(one.id).name.name;
    let on = |field: Field<'_>, message: String| {
        Finding::of(&MixedVirtualService::META, cx.inventory, one.id, field, message)
    };
    let (finding, consequence) = match mixture {
        Mixture::Gateways(field) => {
            let message = format!("VirtualService `{name}` is for calls inside the mesh and for gateways at once");
            (on(field, message), "the rules stand in two resources now: change both where both are meant")
        }
        Mixture::Hosts(field) => {
            let host = field.text().unwrap_or_default();
            let message = format!(
                "the host `{host}` is a name inside the mesh, and VirtualService `{name}` is for gateways alone"
            );
            (on(field, message), "its rules start to apply to calls inside the mesh")
        }
        Mixture::Name(field) => {
            let message = format!("VirtualService `{name}` is for gateways alone, and has the name of a Service");
            return on(field, message).level(Level::Info).help(
                "the vendor's specification keeps that name for the Service's own VirtualService; give it another one when you change it next",
            );
        }
    };
    let finding = finding.help("what is for the outside should change without what is inside, and the other way round");
    if rolled_out {
        let mut finding = finding;
        finding.refusal = Some("a rollout changes it: part it together with the Rollout or the Canary".to_owned());
        return finding;
    }
    match split::split(cx, one) {
        Ok((title, change)) => {
            let mut finding = finding;
            finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change });
            finding
        }
        Err(reason) => {
            let mut finding = finding;
            finding.refusal = Some(reason);
            finding
        }
    }
}
