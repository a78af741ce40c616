//! Resources beside the Service that name a pod's port by its number.

mod istio;
mod monitor;
mod network_policy;

use super::renumber::Builder;
use crate::manifest::{Field, NamespaceScope, ResourceId, Selector, Workload, holds_number, text_holds_number};

/// Whom a resource that names the port selects.
enum Selected {
    /// None of the pods that change.
    Others,
    /// Pods that change, and none that keep the number.
    Changing,
    /// Pods that change, and perhaps some that keep it.
    Both,
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
    network_policy::network_policies(builder);
    monitor::monitors(builder);
    istio::authorization_policies(builder);
    istio::peer_authentications(builder);
    istio::sidecars(builder);
    others(builder);
}

impl<'a> Builder<'a, '_> {
    fn is_port(&self, field: Field<'_>) -> bool {
        field.text() == Some(self.port.to_string().as_str())
    }

    /// Whether a resource with this selector is about the pods that change, among the pods of its own namespace.
    fn selected(&self, id: ResourceId, selector: &Selector<'_>) -> Selected {
        self.selected_in(id, selector, &NamespaceScope::Own)
    }

    /// As [`Builder::selected`], among the pods of these namespaces. An empty selector means all pods.
    fn selected_in(&self, id: ResourceId, selector: &Selector<'_>, scope: &NamespaceScope<'_>) -> Selected {
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
        let others =
            selector.is_empty() || matches!(scope, NamespaceScope::Labelled) || near.iter().any(|id| self.keeps(*id));
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
