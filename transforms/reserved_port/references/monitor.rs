//! Monitors of the Prometheus and VictoriaMetrics operators that scrape the port.

use super::super::renumber::Builder;
use super::Selected;
use crate::manifest::{Field, NamespaceScope, ResourceId, Selector};

/// Kinds of the Prometheus and VictoriaMetrics operators: group, kind, list of endpoints, and whether they select Services.
const MONITORS: &[(&str, &str, &str, bool)] = &[
    ("monitoring.coreos.com", "PodMonitor", "podMetricsEndpoints", false),
    ("monitoring.coreos.com", "ServiceMonitor", "endpoints", true),
    ("operator.victoriametrics.com", "VMPodScrape", "podMetricsEndpoints", false),
    ("operator.victoriametrics.com", "VMServiceScrape", "endpoints", true),
];

pub(super) fn monitors(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for (group, kind, endpoints, of_services) in MONITORS {
        for id in inventory.of_kind(group, kind) {
            let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
            let items = spec.get(endpoints).into_iter().flat_map(Field::items);
            let ports = items.flat_map(|item| [item.get("targetPort"), item.get("portNumber")]).flatten();
            let ports: Vec<Field<'_>> = ports.filter(|port| builder.is_port(*port)).collect();
            if ports.is_empty() {
                continue;
            }
            let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
            let scope = NamespaceScope::of_monitor(spec);
            let selected = if *of_services {
                services_selected(builder, id, &selector, &scope)
            } else {
                builder.selected_in(id, &selector, &scope)
            };
            let name = builder.name(id);
            match selected {
                Selected::Others => {}
                Selected::Changing => {
                    ports.into_iter().for_each(|port| builder.set(port, format!("a port of {name}")));
                }
                Selected::Both => builder.block(format!("{name} also scrapes others at port {}", builder.port)),
            }
        }
    }
}

/// As [`Builder::selected`], for a selector of Services by their own labels.
fn services_selected(
    builder: &Builder<'_, '_>,
    id: ResourceId,
    selector: &Selector<'_>,
    scope: &NamespaceScope<'_>,
) -> Selected {
    let inventory = builder.inventory;
    let label = |service: ResourceId, name: &str| inventory.root(service)?.at(&["metadata", "labels", name])?.text();
    let candidates: Vec<ResourceId> = inventory
        .services()
        .filter(|service| scope.holds(inventory, id, *service) && selector.matches(|name| label(*service, name)))
        .collect();
    let near = inventory.nearest(id, &candidates);
    let changes = |service: &ResourceId| {
        builder.services.contains(service)
            || inventory.workloads_of(*service).possible.iter().any(|workload| builder.members.contains(workload))
    };
    if !near.iter().any(changes) {
        Selected::Others
    } else if near.iter().all(changes) {
        Selected::Changing
    } else {
        Selected::Both
    }
}
