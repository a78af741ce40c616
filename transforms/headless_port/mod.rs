mod empty;
mod unlisted;

use std::collections::HashSet;

use crate::manifest::{Field, ResourceId, Role, ServicePort, Workload};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags headless Services whose ports are not those that their pods really have.
    ///
    /// ## Why
    /// The name of a headless Service leads to its pods' own addresses. The mesh knows that traffic only by the ports the
    /// Service lists: what comes to another port of the same pods belongs to no Service, so it goes without mutual TLS,
    /// routes and metrics. And nothing translates numbers, so a client of `port: 80` asks port 80 of the pod, whatever
    /// `targetPort` says.
    ///
    /// ## Fix
    /// A Service without ports gets those that its pods' containers declare, by the same names and numbers. A number that
    /// differs from its target, and declared ports that no Service of the pods lists, are reported.
    ///
    /// ## Safety
    /// Unsafe: the mesh then takes part in connections that it passed by, by the protocol that a port's name declares.
    /// Ports whose names say that they are for metrics, health or debugging are not missed.
    HeadlessPort, "headless-port", "headless Services must list the ports that clients use",
    level: Level::Warning, after: &["reserved-port", "target-port"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/headless-port/no-ports/fix.diff"),
}

impl Transform for HeadlessPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut missed = HashSet::new();
        for id in cx.inventory.services() {
            if !cx.inventory.is_headless(id) || cx.inventory.service_type(id) == "ExternalName" {
                continue;
            }
            let ports: Vec<ServicePort<'_>> = cx.inventory.ports_of(id).collect();
            let mut found: Vec<Finding> = Vec::new();
            if ports.is_empty() {
                found.extend(empty::finding(cx, id));
            } else {
                let workloads = workloads(cx, id);
                found.extend(ports.iter().filter_map(|port| translated(cx, *port, &workloads)));
                found.extend(unlisted::finding(cx, id, &workloads, &mut missed));
            }
            let is_as_written =
                || cx.inventory.is_checked_service(id) && !cx.inventory.may_service_be_patched(id, "ports");
            if !found.is_empty() && is_as_written() {
                findings.extend(found);
            }
        }
    }
}

/// The workloads that the Service certainly selects and whose pods stay.
fn workloads<'a>(cx: &'a Context<'_>, service: ResourceId) -> Vec<Workload<'a>> {
    let mut workloads = cx.inventory.workloads_behind(service);
    workloads.retain(|workload| !workload.is_fragment());
    workloads
}

/// The ports that the containers of a workload declare.
fn declared<'w>(cx: &'w Context<'_>, workload: Workload<'w>) -> impl Iterator<Item = Field<'w>> {
    let stay = cx.inventory.own_containers(workload).filter(|container| container.role == Role::App);
    stay.flat_map(|container| container.ports())
}

/// A number that is not the one behind it.
fn translated(cx: &Context<'_>, port: ServicePort<'_>, workloads: &[Workload<'_>]) -> Option<Finding> {
    let number = port.number()?;
    let field = port.field.get("targetPort")?;
    let behind = match field.as_i64() {
        Some(target) => Some(target).filter(|target| *target != 0 && *target != number),
        None => workloads
            .iter()
            .filter_map(|workload| cx.inventory.target_number(*workload, port))
            .find(|target| *target != number),
    }?;
    let written = field.text().unwrap_or_default();
    let target = if field.as_i64().is_some() { format!("{behind}") } else { format!("{behind} (`{written}`)") };
    let message =
        format!("port {number} of this headless Service is port {target} of its pods, and nothing translates it");
    let help = format!(
        "a client gets the pods' own addresses and asks port {number} there: write `port: {behind}` and let the clients \
         ask that, or give the Service an address of its own by taking out `clusterIP: None`"
    );
    let at = port.field.get("port").unwrap_or(port.field);
    Some(
        Finding::of(&HeadlessPort::META, cx.inventory, port.service, at, message)
            .related(field, format!("the pods' port is {behind}"))
            .help(help)
            .snippet(format!("port: {behind}")),
    )
}
