//! DestinationRules and VirtualServices that name a Service of `type: ExternalName`.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::{ExternalNamePort, service_entry, target};
use crate::manifest::{Field, KnownHosts, ResourceId};
use crate::rule::{Context, Finding, Level};

const GROUP: &str = "networking.istio.io";

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let known = Known { cx, outside: OnceCell::new() };
    for id in cx.inventory.of_kind(GROUP, "DestinationRule") {
        let host = cx.inventory.root(id).and_then(|root| root.at(&["spec", "host"]));
        findings.extend(host.and_then(|host| destination_rule(&known, id, host)));
    }
    for id in cx.inventory.of_kind(GROUP, "VirtualService") {
        let Some(spec) = cx.inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        // One word for each Service, however many routes lead to it.
        let (mut names, mut services) = (HashSet::new(), HashSet::new());
        for host in destinations(spec) {
            let alias = host.text().filter(|name| names.insert(*name)).and_then(|name| alias(cx, id, name));
            if let Some(service) = alias.filter(|service| services.insert(*service)) {
                findings.extend(route(&known, id, host, service));
            }
        }
    }
}

/// What the mesh knows.
struct Known<'c> {
    cx: &'c Context<'c>,
    outside: OnceCell<KnownHosts>,
}

impl Known<'_> {
    /// True for the host of a ServiceEntry or of a Service; `asker` is where it is written.
    fn has(&self, asker: ResourceId, host: &str) -> bool {
        let inventory = self.cx.inventory;
        self.outside.get_or_init(|| inventory.service_entry_hosts()).has(host)
            || inventory.is_full_cluster_host(host) && !inventory.services_of_host(asker, host).is_empty()
    }
}

/// The Service of `type: ExternalName` that a host means; `None` where it may mean another one.
fn alias(cx: &Context<'_>, asker: ResourceId, host: &str) -> Option<ResourceId> {
    let services = cx.inventory.services_of_host(asker, host);
    let is_alias = |id: &ResourceId| cx.inventory.service_type(*id) == "ExternalName";
    services.first().copied().filter(|_| services.iter().all(is_alias))
}

fn destination_rule(known: &Known<'_>, id: ResourceId, host: Field<'_>) -> Option<Finding> {
    let cx = known.cx;
    let name = host.text()?;
    let service = alias(cx, id, name)?;
    let target = target(cx, service)?;
    let outside = target.text()?.trim_end_matches('.');
    let message = format!("this DestinationRule has no effect: `{name}` is only another name for `{outside}`");
    let mut finding = Finding::of(&ExternalNamePort::META, cx.inventory, id, host, message);
    finding.istio = None;
    let finding = finding.related(target, "the host behind the name");
    let help = format!("since Istio 1.21 an ExternalName Service is an alias: write the rule for `{outside}`");
    if known.has(service, outside) || cx.inventory.is_full_cluster_host(outside) {
        return Some(finding.help(help).snippet(format!("host: {outside}")));
    }
    Some(
        finding
            .help(format!("{help}, and tell the mesh of it by a ServiceEntry"))
            .snippet(format!("host: {outside}\n---\n{}", service_entry(cx, service, outside))),
    )
}

/// The hosts that a VirtualService routes to.
fn destinations(spec: Field<'_>) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    for list in ["http", "tls", "tcp"] {
        for rule in spec.get(list).into_iter().flat_map(Field::items) {
            let lists = ["route", "mirrors"].into_iter().filter_map(|key| rule.get(key));
            let routes = lists.flat_map(Field::items).filter_map(|route| route.at(&["destination", "host"]));
            found.extend(routes.chain(rule.at(&["mirror", "host"])));
        }
    }
    found
}

fn route(known: &Known<'_>, id: ResourceId, host: Field<'_>, service: ResourceId) -> Option<Finding> {
    let (cx, name) = (known.cx, host.text()?);
    let target = target(cx, service)?;
    let outside = target.text()?.trim_end_matches('.');
    let is_address = outside.parse::<core::net::IpAddr>().is_ok();
    if is_address || known.has(service, outside) {
        return None;
    }
    let message =
        format!("this route leads to `{outside}` by the name `{name}`, and no file tells the mesh of that host");
    let mut finding = Finding::of(&ExternalNamePort::META, cx.inventory, id, host, message);
    finding.istio = None;
    let help = "since Istio 1.21 an ExternalName Service is an alias: a route to it works only where the mesh knows the \
                host behind it";
    let finding = finding.related(target, "the host behind the name");
    if cx.inventory.is_full_cluster_host(outside) {
        return Some(finding.level(Level::Info).help(format!("{help}, as a Service that may be in other files")));
    }
    Some(
        finding
            .help(format!("{help}, here by a ServiceEntry; it may be in other files"))
            .snippet(service_entry(cx, service, outside)),
    )
}
