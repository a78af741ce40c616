//! Services: which of them rules look at, and their ports.

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::service_port::ServicePort;

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

    /// The ports of a Service.
    pub fn ports_of(&self, service: ResourceId) -> impl Iterator<Item = ServicePort<'_>> {
        let ports = self.root(service).and_then(|root| root.at(&["spec", "ports"]));
        let ports = ports.into_iter().flat_map(Field::items);
        ports.map(move |field| ServicePort { service, is_certain: true, field })
    }
}
