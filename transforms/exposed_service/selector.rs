//! The gateway that takes the traffic: its pods' labels, and where they run.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Inventory, Owner, ResourceId, Workload};

/// The labels of the gateway's pods.
pub(super) type Selector = BTreeMap<String, String>;

/// The labels of the gateway's pods: the configuration's, or those of the one gateway in the files.
///
/// # Errors
/// What to do, where the files have none or several.
pub(super) fn find(inventory: &Inventory<'_>) -> Result<Selector, String> {
    let configured = &inventory.options().exposed_service.gateway_selector;
    if !configured.is_empty() {
        return Ok(configured.clone());
    }
    let is_inward =
        |labels: &Selector| labels.values().all(|value| !value.contains("egress") && !value.contains("eastwest"));
    let gateways = inventory.of_kind("networking.istio.io", "Gateway").filter_map(|id| of_gateway(inventory, id));
    let gateways = gateways.filter(is_inward);
    let mut found: BTreeSet<Selector> = gateways.collect();
    if found.is_empty() {
        found = gateway_workloads(inventory).into_iter().filter_map(of_workload).collect();
    }
    let set = "set `rules.exposed-service.gatewaySelector` to the labels of the gateway's pods";
    match found.len() {
        1 => found.into_iter().next().ok_or_else(String::new),
        0 => Err(format!("no gateway is in the files: {set}")),
        more => Err(format!("the files have gateways with {more} different selectors: {set}")),
    }
}

/// What a Gateway selects.
pub(super) fn of_gateway(inventory: &Inventory<'_>, id: ResourceId) -> Option<Selector> {
    let selector = inventory.root(id)?.at(&["spec", "selector"])?;
    let labels: Selector =
        selector.entries().filter_map(|(key, value)| Some((key.into_owned(), value.text()?.to_owned()))).collect();
    (!labels.is_empty()).then_some(labels)
}

fn gateway_workloads<'a>(inventory: &'a Inventory<'a>) -> Vec<Workload<'a>> {
    inventory.workloads().filter(|workload| inventory.owner(*workload) == Some(Owner::Gateway)).collect()
}

/// The label by which Istio's charts select a gateway.
fn of_workload(workload: Workload<'_>) -> Option<Selector> {
    let value = workload.pod_label("istio").filter(|value| !value.contains("egress") && !value.contains("eastwest"))?;
    Some(Selector::from([("istio".to_owned(), value.to_owned())]))
}

/// The workloads of the files that have all these labels.
fn selected<'a>(inventory: &'a Inventory<'a>, selector: &Selector) -> Vec<Workload<'a>> {
    let has_all =
        |workload: &Workload<'_>| selector.iter().all(|(key, value)| workload.pod_label(key) == Some(value.as_str()));
    inventory.workloads().filter(has_all).collect()
}

/// The namespace of the gateway's pods: the configuration's, or the one in the files.
pub(super) fn pod_namespace(inventory: &Inventory<'_>, selector: &Selector) -> Option<String> {
    if let Some(namespace) = &inventory.options().exposed_service.gateway_pod_namespace {
        return Some(namespace.clone());
    }
    let workloads = selected(inventory, selector);
    let mut namespaces = workloads.iter().flat_map(|workload| workload.placements).map(|place| place.namespace.clone());
    let first = namespaces.next().flatten()?;
    namespaces.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The container port of the gateway's pods behind a server's port: the configuration's, or that of the gateway's
/// Service in the files.
pub(super) fn target_port(inventory: &Inventory<'_>, selector: &Selector, number: u16) -> Option<u16> {
    if let Some(port) = inventory.options().exposed_service.gateway_target_ports.get(&number) {
        return Some(*port);
    }
    let mut found = BTreeSet::new();
    for workload in selected(inventory, selector) {
        for port in inventory.service_ports_of(workload).into_iter().filter(|port| port.number() == Some(number.into()))
        {
            let declared =
                workload.containers().flat_map(|container| container.ports()).find(|own| port.leads_to(*own));
            let declared = declared.and_then(|own| own.get("containerPort")?.as_i64());
            let target = match port.target() {
                crate::manifest::TargetPort::Number(number) => Some(number),
                crate::manifest::TargetPort::Name(_) => declared,
            };
            found.extend(target.and_then(|target| u16::try_from(target).ok()));
        }
    }
    (found.len() == 1).then(|| found.into_iter().next()).flatten()
}
