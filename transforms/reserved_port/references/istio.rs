//! Istio's own resources that name the port.

use super::super::renumber::Builder;
use super::Selected;
use crate::manifest::{Field, NamespaceScope, Selector};

pub(super) fn authorization_policies(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for id in inventory.of_kind("security.istio.io", "AuthorizationPolicy") {
        let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        // One with targets is for gateways and waypoints, which know Services by their own ports.
        if spec.get("targetRef").is_some() || spec.get("targetRefs").is_some() {
            continue;
        }
        let rules: Vec<Field<'_>> = spec.get("rules").into_iter().flat_map(Field::items).collect();
        let items =
            |key: &'static str| rules.iter().flat_map(move |rule| rule.get(key).into_iter().flat_map(Field::items));
        let of_operations =
            items("to").flat_map(|to| [to.at(&["operation", "ports"]), to.at(&["operation", "notPorts"])]);
        let conditions = items("when").filter(|when| when.text_at(&["key"]) == "destination.port");
        let of_conditions = conditions.flat_map(|when| [when.get("values"), when.get("notValues")]);
        let lists = of_operations.chain(of_conditions).flatten();
        let lists: Vec<Field<'_>> = lists.filter(|list| list.items().any(|port| builder.is_port(port))).collect();
        if lists.is_empty() {
            continue;
        }
        let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
        // In the mesh's own namespace a policy is for all others too.
        let is_root = inventory.placements(id).iter().any(|place| place.namespace.as_deref() == Some("istio-system"));
        let selected =
            builder.selected_in(id, &selector, if is_root { &NamespaceScope::All } else { &NamespaceScope::Own });
        let name = builder.name(id);
        for list in lists {
            let what = format!("a port of {name}");
            match selected {
                Selected::Others => {}
                Selected::Changing => {
                    let ports: Vec<Field<'_>> = list.items().filter(|port| builder.is_port(*port)).collect();
                    ports.into_iter().for_each(|port| builder.set(port, what.clone()));
                }
                Selected::Both => {
                    let to = builder.to.to_string();
                    builder.change.push(list, &[], to);
                    builder.note(list, list.loc(), what);
                    builder.doubt(format!("{name} is not only for these pods: it names both numbers"));
                }
            }
        }
    }
}

pub(super) fn peer_authentications(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for id in inventory.of_kind("security.istio.io", "PeerAuthentication") {
        let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        let Some(ports) = spec.get("portLevelMtls") else { continue };
        let Some(value) = ports.get(&builder.port.to_string()) else { continue };
        let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
        let name = builder.name(id);
        match builder.selected(id, &selector) {
            Selected::Others => {}
            Selected::Changing => {
                let to = builder.to.to_string();
                let mode = value.text_at(&["mode"]);
                if mode.is_empty() || value.entries().count() != 1 {
                    builder.block(format!("`portLevelMtls` of {name} is unusual: change it by hand"));
                    continue;
                }
                builder.change.insert(ports, &[&to], serde_json::json!({ "mode": mode }), &[]);
                builder.change.remove(value);
                builder.note(value, value.entry_loc(), format!("`portLevelMtls` of {name}"));
            }
            Selected::Both => builder.block(format!("{name} also holds for others at port {}", builder.port)),
        }
    }
}

pub(super) fn sidecars(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for id in inventory.of_kind("networking.istio.io", "Sidecar") {
        let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        let selector = spec.at(&["workloadSelector", "labels"]).map(Selector::of_map).unwrap_or_default();
        let name = builder.name(id);
        for ingress in spec.get("ingress").into_iter().flat_map(Field::items) {
            let number = ingress.at(&["port", "number"]).filter(|number| builder.is_port(*number));
            let endpoint = ingress.get("defaultEndpoint").and_then(|field| {
                let value = field.as_str()?;
                let port = value.rsplit(':').next().filter(|port| *port == builder.port.to_string())?;
                Some((field, value.len() - port.len()..value.len()))
            });
            if number.is_none() && endpoint.is_none() {
                continue;
            }
            match builder.selected(id, &selector) {
                Selected::Others => {}
                Selected::Changing => {
                    if let Some(number) = number {
                        builder.set(number, format!("`ingress` of {name}"));
                    }
                    if let Some((field, range)) = endpoint {
                        builder.splice(field, range, format!("`defaultEndpoint` of {name}"));
                    }
                }
                Selected::Both => builder.block(format!("{name} also holds for others at port {}", builder.port)),
            }
        }
    }
}
