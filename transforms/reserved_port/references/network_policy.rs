//! NetworkPolicies that let the port through.

use super::super::renumber::Builder;
use super::Selected;
use crate::manifest::{Field, NamespaceScope, ResourceId, Selector};

pub(super) fn network_policies(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for id in inventory.of_kind("networking.k8s.io", "NetworkPolicy") {
        let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        let name = builder.name(id);
        let own = spec.get("podSelector").map(Selector::of_labels).unwrap_or_default();
        for rule in spec.get("ingress").into_iter().flat_map(Field::items) {
            if holds_port(builder, rule) {
                let selected = builder.selected(id, &own);
                policy_ports(builder, rule, &selected, &name);
            }
        }
        for rule in spec.get("egress").into_iter().flat_map(Field::items) {
            if !holds_port(builder, rule) {
                continue;
            }
            let peers: Vec<Field<'_>> = rule.get("to").into_iter().flat_map(Field::items).collect();
            let all = peers.iter().map(|peer| peer_selected(builder, id, *peer));
            let selected = all.reduce(Selected::and).unwrap_or_else(|| builder.everybody(id));
            policy_ports(builder, rule, &selected, &name);
        }
    }
}

/// The pods that a peer of an egress rule is about.
fn peer_selected(builder: &Builder<'_, '_>, id: ResourceId, peer: Field<'_>) -> Selected {
    let pods = peer.get("podSelector").map(Selector::of_labels);
    let Some(namespaces) = peer.get("namespaceSelector") else {
        // An `ipBlock` is for addresses outside the cluster.
        return pods.map_or(Selected::Others, |pods| builder.selected(id, &pods));
    };
    let name = Selector::of_labels(namespaces).value_of("kubernetes.io/metadata.name");
    let scope = name.map_or(NamespaceScope::Labelled, |name| NamespaceScope::Named(vec![name]));
    builder.selected_in(id, &pods.unwrap_or_default(), &scope)
}

/// True where a rule of a NetworkPolicy lets the port through by its number.
fn holds_port(builder: &Builder<'_, '_>, rule: Field<'_>) -> bool {
    rule.get("ports").into_iter().flat_map(Field::items).any(|item| covers(&item, builder.port))
}

fn covers(item: &Field<'_>, port: u16) -> bool {
    let port = i64::from(port);
    let Some(first) = item.get("port").and_then(|port| port.as_i64()) else { return false };
    let last = item.get("endPort").and_then(|port| port.as_i64()).unwrap_or(first);
    (first..=last).contains(&port)
}

fn policy_ports<'a>(builder: &mut Builder<'a, '_>, rule: Field<'a>, selected: &Selected, name: &str) {
    let Some(ports) = rule.get("ports") else { return };
    let to = i64::from(builder.to);
    let items: Vec<Field<'a>> = ports.items().filter(|item| covers(item, builder.port)).collect();
    for item in items {
        let is_range = item.get("endPort").is_some();
        let Some(port) = item.get("port") else { continue };
        let what = format!("a port of {name}");
        match selected {
            Selected::Others => {}
            Selected::Changing if !is_range => builder.set(port, what),
            // What lets both numbers through already stays as it is.
            _ if ports.items().any(|item| covers(&item, builder.to)) => {}
            _ => {
                let mut entry = serde_json::Map::new();
                if let Some(protocol) = item.get("protocol").and_then(|protocol| protocol.as_str()) {
                    entry.insert("protocol".to_owned(), protocol.into());
                }
                entry.insert("port".to_owned(), to.into());
                builder.change.push(ports, &[], serde_json::Value::Object(entry));
                builder.note(item, item.loc(), what);
                if matches!(selected, Selected::Both) {
                    builder.doubt(format!("{name} is not only for these pods: it lets both numbers through"));
                }
            }
        }
    }
}
