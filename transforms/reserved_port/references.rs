//! Resources beside the Service that name a pod's port by its number.

use super::renumber::Builder;
use crate::manifest::{Field, Inventory, ResourceId, Selector, Workload, holds_number, text_holds_number};

/// Whom a resource that names the port selects.
enum Selected {
    /// None of the pods that change.
    Others,
    /// Pods that change, and none that keep the number.
    Changing,
    /// Pods that change, and perhaps some that keep it.
    Both,
}

/// The namespaces that a resource is about.
enum Scope<'a> {
    /// Its own.
    Own,
    /// These.
    Named(Vec<&'a str>),
    /// All.
    All,
    /// Those that labels select.
    Labelled,
}

impl<'a> Scope<'a> {
    /// Reads the `namespaceSelector` of a monitor.
    fn of_monitor(spec: Field<'a>) -> Scope<'a> {
        let Some(selector) = spec.get("namespaceSelector") else { return Scope::Own };
        let names: Vec<&str> =
            selector.get("matchNames").into_iter().flat_map(Field::items).filter_map(|name| name.text()).collect();
        if selector.get("any").is_some_and(|any| any.is_true()) {
            Scope::All
        } else if names.is_empty() {
            Scope::Own
        } else {
            Scope::Named(names)
        }
    }

    fn holds(&self, inventory: &Inventory<'_>, id: ResourceId, other: ResourceId) -> bool {
        match self {
            Scope::Own => inventory.share_a_namespace(id, other),
            Scope::Named(names) => {
                let mut places = inventory.placements(other).iter();
                places.any(|place| place.namespace.as_deref().is_none_or(|namespace| names.contains(&namespace)))
            }
            Scope::All | Scope::Labelled => true,
        }
    }
}

impl Selected {
    fn and(self, other: Selected) -> Selected {
        match (self, other) {
            (Selected::Others, Selected::Others) => Selected::Others,
            (Selected::Changing, Selected::Changing) => Selected::Changing,
            _ => Selected::Both,
        }
    }
}

/// Adds every reference to the port.
pub(super) fn collect(builder: &mut Builder<'_, '_>) {
    annotations(builder);
    network_policies(builder);
    monitors(builder);
    authorization_policies(builder);
    peer_authentications(builder);
    sidecars(builder);
    others(builder);
}

impl<'a> Builder<'a, '_> {
    fn is_port(&self, field: Field<'_>) -> bool {
        field.text() == Some(self.port.to_string().as_str())
    }

    /// Whether a resource with this selector is about the pods that change, among the pods of its own namespace.
    fn selected(&self, id: ResourceId, selector: &Selector<'_>) -> Selected {
        self.selected_in(id, selector, &Scope::Own)
    }

    /// As [`Builder::selected`], among the pods of these namespaces. An empty selector means all pods.
    fn selected_in(&self, id: ResourceId, selector: &Selector<'_>, scope: &Scope<'_>) -> Selected {
        let is_match = |workload: &Workload<'_>| {
            selector.matches(|label| workload.pod_label(label)) && scope.holds(self.inventory, id, workload.id)
        };
        let mut members = self.members.iter().filter_map(|member| self.inventory.workload(*member));
        if !members.any(|member| is_match(&member)) {
            return Selected::Others;
        }
        let matching = self.inventory.workloads().filter(|workload| !workload.is_fragment() && is_match(workload));
        let matching: Vec<ResourceId> = matching.map(|workload| workload.id).collect();
        let near = self.inventory.nearest(id, &matching);
        if !near.iter().any(|id| self.members.contains(id)) {
            return Selected::Others;
        }
        let others = selector.is_empty() || matches!(scope, Scope::Labelled) || near.iter().any(|id| self.keeps(*id));
        if others { Selected::Both } else { Selected::Changing }
    }

    /// Whether a rule for all pods everywhere is about those that change: where they are the nearest ones that use
    /// the port.
    fn everybody(&self, id: ResourceId) -> Selected {
        let users = self.inventory.workloads().map(|workload| workload.id);
        let users: Vec<ResourceId> = users.filter(|id| self.members.contains(id) || self.keeps(*id)).collect();
        let is_near = self.inventory.nearest(id, &users).iter().any(|id| self.members.contains(id));
        if is_near { Selected::Both } else { Selected::Others }
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
        for (name, field) in metadata.get("annotations").into_iter().flat_map(Field::entries) {
            let Some(value) = field.as_str().filter(|value| text_holds_number(value, builder.port)) else { continue };
            let what = format!("the annotation `{name}` of {}", builder.name(id));
            if !ANNOTATIONS.contains(&name.as_ref()) {
                if name != "kubectl.kubernetes.io/last-applied-configuration" {
                    builder.doubt(format!("{} also stands in {what}, which is left as it is", builder.port));
                }
                continue;
            }
            let mut from = 0;
            for part in value.split(',') {
                let number = part.split([':', '/']).next().unwrap_or_default();
                let start = from + number.len() - number.trim_start().len();
                from += part.len() + 1;
                if number.trim() == builder.port.to_string() {
                    builder.splice(field, start..start + number.trim().len(), what.clone());
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
    let scope = name.map_or(Scope::Labelled, |name| Scope::Named(vec![name]));
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
            let scope = Scope::of_monitor(spec);
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
    scope: &Scope<'_>,
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

fn authorization_policies(builder: &mut Builder<'_, '_>) {
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
        let selected = builder.selected_in(id, &selector, if is_root { &Scope::All } else { &Scope::Own });
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
                builder.note(value, value.entry_loc(), format!("`portLevelMtls` of {name}"));
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

/// Kinds that may name a pod's port in ways that are not followed: group and kind.
const OTHERS: &[(&str, &str)] = &[
    ("networking.istio.io", "EnvoyFilter"),
    ("extensions.istio.io", "WasmPlugin"),
    ("networking.istio.io", "ServiceEntry"),
    ("cilium.io", "CiliumNetworkPolicy"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
    ("projectcalico.org", "GlobalNetworkPolicy"),
];

fn others(builder: &mut Builder<'_, '_>) {
    let inventory = builder.inventory;
    for (group, kind) in OTHERS {
        for id in inventory.of_kind(group, kind) {
            let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
            // A ServiceEntry without pods is for what is outside.
            let is_about_pods = *kind != "ServiceEntry" || spec.get("workloadSelector").is_some();
            if is_about_pods
                && holds_number(spec, builder.port)
                && builder.members.iter().any(|member| inventory.share_a_namespace(id, *member))
                && matches!(builder.everybody(id), Selected::Both)
            {
                let name = builder.name(id);
                builder.doubt(format!("{name} also names {}, which is left as it is", builder.port));
            }
        }
    }
}
