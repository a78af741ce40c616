//! Services: which of them rules look at, and their ports.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::service_port::ServicePort;
use super::workload::Workload;

impl Inventory<'_> {
    /// True for a Service that is neither the mesh's nor a gateway's, by its own labels and by the pods it selects: rules
    /// look at it. One whose pods are not in the files may be an application's.
    pub fn is_checked_service(&self, id: ResourceId) -> bool {
        let Some(root) = self.root(id) else { return false };
        let namespaces = self.placements(id).iter().filter_map(|placement| placement.namespace.as_deref());
        let ignored = namespaces.into_iter().any(|namespace| self.is_ignored_namespace(namespace));
        let holders = [root.at(&["metadata", "labels"]), root.at(&["spec", "selector"])];
        let has = |key: &str| holders.iter().flatten().any(|labels| labels.get(key).is_some());
        let value =
            |key: &str| holders.iter().flatten().map(|labels| labels.text_at(&[key])).find(|text| !text.is_empty());
        let is_mesh = has("istio")
            || has("gateway.istio.io/managed")
            || has("gateway.networking.k8s.io/gateway-name")
            || value("release") == Some("istio")
            || value("app").is_some_and(|app| app.starts_with("istio") || app == "ztunnel" || app.ends_with("gateway"));
        let workloads = self.workloads_of(id).possible;
        let checked = |id: &ResourceId| self.workload(*id).is_some_and(|workload| self.is_checked(workload));
        !ignored && !is_mesh && (workloads.is_empty() || workloads.iter().any(checked))
    }

    /// The workloads that a Service certainly selects and whose pods stay. Of several with one kind and name, of which a
    /// namespace holds only one, the one beside the Service, or the first.
    pub fn workloads_behind(&self, service: ResourceId) -> Vec<Workload<'_>> {
        let beside = self.home(service);
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut found: Vec<Workload<'_>> = Vec::new();
        for workload in self.workloads_of(service).certain.into_iter().filter_map(|id| self.workload(id)) {
            if workload.runs_to_completion() {
                continue;
            }
            let name = &workload.resource.name;
            match places.entry((&name.kind, &name.name)) {
                Entry::Vacant(place) => {
                    place.insert(found.len());
                    found.push(workload);
                }
                Entry::Occupied(place) => {
                    let known = &mut found[*place.get()];
                    if self.home(known.id) != beside && self.home(workload.id) == beside {
                        *known = workload;
                    }
                }
            }
        }
        found
    }

    /// `spec.type` of a Service, "" where it is not written.
    pub fn service_type(&self, service: ResourceId) -> &str {
        self.root(service).map_or("", |root| root.text_at(&["spec", "type"]))
    }

    /// True for a Service without an address of its own: its name leads to the addresses of its pods.
    pub fn is_headless(&self, service: ResourceId) -> bool {
        self.root(service).is_some_and(|root| root.text_at(&["spec", "clusterIP"]) == "None")
    }

    /// True when something of kustomize may change this field of a Service's `spec`, seen or not.
    pub fn may_service_be_patched(&self, service: ResourceId, key: &str) -> bool {
        let sets = |patch: Field<'_>| patch.at(&["spec", key]).is_some();
        self.may_be_changed_unseen(service) || !self.patches_with(service, sets, |text| text.contains(key)).is_empty()
    }

    /// The ports of a Service.
    pub fn ports_of(&self, service: ResourceId) -> impl Iterator<Item = ServicePort<'_>> {
        let ports = self.root(service).and_then(|root| root.at(&["spec", "ports"]));
        let ports = ports.into_iter().flat_map(Field::items);
        ports.map(move |field| ServicePort { service, is_certain: true, field })
    }
}
