//! Resources beside the Service that name a pod's port by its number.

use super::renumber::Builder;
use crate::manifest::{Field, ResourceId, Selector};

/// Whom a resource that names the port selects.
enum Selected {
    /// None of the pods that change.
    Others,
    /// Pods that change, and none that keep the number.
    Changing,
    /// Pods that change, and perhaps some that keep it.
    Both,
}

/// Adds every reference to the port.
pub(super) fn collect(builder: &mut Builder<'_, '_>) {
    annotations(builder);
    network_policies(builder);
    monitors(builder);
    authorization_policies(builder);
    peer_authentications(builder);
    sidecars(builder);
}

impl<'a> Builder<'a, '_> {
    fn is_port(&self, field: Field<'_>) -> bool {
        field.text() == Some(self.port.to_string().as_str())
    }

    /// Whether a resource with this selector is about the pods that change. An empty selector means all pods.
    fn selected(&self, id: ResourceId, selector: &Selector<'_>) -> Selected {
        let matching: Vec<ResourceId> = self
            .inventory
            .workloads()
            .filter(|workload| !workload.is_fragment() && self.inventory.share_a_namespace(id, workload.id))
            .filter(|workload| selector.matches(|label| workload.pod_label(label)))
            .map(|workload| workload.id)
            .collect();
        let near = self.inventory.nearest(id, &matching);
        if !near.iter().any(|id| self.members.contains(id)) {
            return Selected::Others;
        }
        let keeps = |id: &ResourceId| !self.members.contains(id) && self.usages.of(*id, self.port).is_some();
        if selector.is_empty() || near.iter().any(keeps) { Selected::Both } else { Selected::Changing }
    }
}

/// Lists of ports in annotations of pods and Services.
const ANNOTATIONS: &[&str] = &[
    "prometheus.io/port",
    "prometheus.istio.io/scrape-targets",
    "readiness.status.sidecar.istio.io/applicationPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts",
];

fn annotations(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    let pods = builder.members.iter().filter_map(|id| Some((*id, inventory.workload(*id)?.pod_metadata?)));
    let services = builder.services.iter().filter_map(|id| Some((*id, inventory.root(*id)?.get("metadata")?)));
    let holders: Vec<_> = pods.chain(services).collect();
    for (id, metadata) in holders {
        for name in ANNOTATIONS {
            let Some(field) = metadata.at(&["annotations", name]) else { continue };
            let Some(value) = field.as_str() else { continue };
            let mut from = 0;
            for part in value.split(',') {
                let number = part.split([':', '/']).next().unwrap_or_default();
                let start = from + number.len() - number.trim_start().len();
                from += part.len() + 1;
                if number.trim() == builder.port.to_string() {
                    let what = format!("the annotation `{name}` of {}", builder.name(id));
                    builder.splice(field, start..start + number.trim().len(), what);
                }
            }
        }
    }
}

fn network_policies(builder: &mut Builder<'_, '_>) {
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
            let mut selected = if peers.is_empty() { Selected::Both } else { Selected::Others };
            for peer in &peers {
                // A peer by namespace or address may be these pods, and others too.
                let next = match peer.get("podSelector") {
                    Some(pods) if peer.get("namespaceSelector").is_none() => {
                        builder.selected(id, &Selector::of_labels(pods))
                    }
                    _ => Selected::Both,
                };
                selected = match (selected, next) {
                    (Selected::Others, next) => next,
                    (have, Selected::Others) if peers.len() == 1 => have,
                    (Selected::Changing, Selected::Changing) => Selected::Changing,
                    _ => Selected::Both,
                };
            }
            policy_ports(builder, rule, &selected, &name);
        }
    }
}

/// True where a rule of a NetworkPolicy lets the port through by its number.
fn holds_port(builder: &Builder<'_, '_>, rule: Field<'_>) -> bool {
    rule.get("ports").into_iter().flat_map(Field::items).any(|item| covers(builder, item))
}

fn covers(builder: &Builder<'_, '_>, item: Field<'_>) -> bool {
    let port = i64::from(builder.port);
    let Some(first) = item.get("port").and_then(|port| port.as_i64()) else { return false };
    let last = item.get("endPort").and_then(|port| port.as_i64()).unwrap_or(first);
    (first..=last).contains(&port)
}

fn policy_ports<'a>(builder: &mut Builder<'a, '_>, rule: Field<'a>, selected: &Selected, name: &str) {
    let Some(ports) = rule.get("ports") else { return };
    let to = i64::from(builder.to);
    let items: Vec<Field<'a>> = ports.items().filter(|item| covers(builder, *item)).collect();
    for item in items {
        let last = item.get("endPort").and_then(|port| port.as_i64());
        let Some(port) = item.get("port") else { continue };
        let what = format!("a port of {name}");
        match selected {
            Selected::Others => {}
            Selected::Changing if last.is_none() => builder.set(port, what),
            _ if last.is_some_and(|last| (port.as_i64().unwrap_or(i64::MAX)..=last).contains(&to)) => {}
            _ => {
                let mut entry = serde_json::Map::new();
                if let Some(protocol) = item.get("protocol").and_then(|protocol| protocol.as_str()) {
                    entry.insert("protocol".to_owned(), protocol.into());
                }
                entry.insert("port".to_owned(), to.into());
                builder.change.push(ports, &[], serde_json::Value::Object(entry));
                builder.note(ports, what);
                builder.doubt(format!("{name} is not only for these pods: it lets both numbers through"));
            }
        }
    }
}

/// Kinds of the Prometheus and VictoriaMetrics operators: group, kind, list of endpoints, and whether they select Services.
const MONITORS: &[(&str, &str, &str, bool)] = &[
    ("monitoring.coreos.com", "PodMonitor", "podMetricsEndpoints", false),
    ("monitoring.coreos.com", "ServiceMonitor", "endpoints", true),
    ("operator.victoriametrics.com", "VMPodScrape", "podMetricsEndpoints", false),
    ("operator.victoriametrics.com", "VMServiceScrape", "endpoints", true),
];

fn monitors(builder: &mut Builder<'_, '_>) {
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
            let selected =
                if *of_services { services_selected(builder, id, &selector) } else { builder.selected(id, &selector) };
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
fn services_selected(builder: &Builder<'_, '_>, id: ResourceId, selector: &Selector<'_>) -> Selected {
    let inventory = builder.inventory;
    let label = |service: ResourceId, name: &str| inventory.root(service)?.at(&["metadata", "labels", name])?.text();
    let candidates: Vec<ResourceId> =
        inventory.services().filter(|service| selector.matches(|name| label(*service, name))).collect();
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

fn authorization_policies(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for id in inventory.of_kind("security.istio.io", "AuthorizationPolicy") {
        let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
        let rules = spec.get("rules").into_iter().flat_map(Field::items);
        let to = rules.flat_map(|rule| rule.get("to").into_iter().flat_map(Field::items));
        let lists = to.flat_map(|to| [to.at(&["operation", "ports"]), to.at(&["operation", "notPorts"])]).flatten();
        let lists: Vec<Field<'_>> = lists.filter(|list| list.items().any(|port| builder.is_port(port))).collect();
        if lists.is_empty() {
            continue;
        }
        let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
        let selected = builder.selected(id, &selector);
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
                    builder.note(list, what);
                    builder.doubt(format!("{name} is not only for these pods: it names both numbers"));
                }
            }
        }
    }
}

fn peer_authentications(builder: &mut Builder<'_, '_>) {
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
                builder.note(value, format!("`portLevelMtls` of {name}"));
            }
            Selected::Both => builder.block(format!("{name} also holds for others at port {}", builder.port)),
        }
    }
}

fn sidecars(builder: &mut Builder<'_, '_>) {
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
