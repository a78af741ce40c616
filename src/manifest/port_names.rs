//! What refers to a Service's port by its name, so that a new name would break it.

use std::collections::HashMap;

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::selector::Selector;

/// Monitors: they ask for Services by labels, and for ports by name.
const MONITORS: &[(&str, &str)] =
    &[("monitoring.coreos.com", "ServiceMonitor"), ("operator.victoriametrics.com", "VMServiceScrape")];

/// Everything in the files that refers to ports of Services by name.
#[derive(Debug, Default)]
pub struct PortNames {
    /// By the names of Service and port; for monitors the Service's is "".
    users: HashMap<(String, String), Vec<ResourceId>>,
}

impl PortNames {
    /// Reads them.
    pub fn new(inventory: &Inventory<'_>) -> PortNames {
        let mut names = PortNames::default();
        for group in ["networking.k8s.io", "extensions"] {
            for id in inventory.of_kind(group, "Ingress") {
                names.add_ingress(id, inventory.root(id));
            }
        }
        for (group, kind) in MONITORS {
            for id in inventory.of_kind(group, kind) {
                let endpoints = inventory.root(id).and_then(|root| root.at(&["spec", "endpoints"]));
                endpoints.into_iter().flat_map(Field::items).for_each(|one| names.add(id, "", one.text_at(&["port"])));
            }
        }
        for id in inventory.of_kind("", "Endpoints") {
            let subsets = inventory.root(id).and_then(|root| root.get("subsets"));
            let ports = subsets.into_iter().flat_map(Field::items).filter_map(|subset| subset.get("ports"));
            let service = &inventory.resource(id).name.name;
            ports.flat_map(Field::items).for_each(|port| names.add(id, service, port.text_at(&["name"])));
        }
        for id in inventory.of_kind("discovery.k8s.io", "EndpointSlice") {
            let Some(root) = inventory.root(id) else { continue };
            let service = root.text_at(&["metadata", "labels", "kubernetes.io/service-name"]);
            let ports = root.get("ports").into_iter().flat_map(Field::items);
            ports.for_each(|port| names.add(id, service, port.text_at(&["name"])));
        }
        names
    }

    fn add_ingress(&mut self, id: ResourceId, root: Option<Field<'_>>) {
        let Some(spec) = root.and_then(|root| root.get("spec")) else { return };
        let rules = spec.get("rules").into_iter().flat_map(Field::items);
        let paths = rules.filter_map(|rule| rule.at(&["http", "paths"])).flat_map(Field::items);
        let defaults = [spec.get("defaultBackend"), spec.get("backend")].into_iter().flatten();
        for backend in paths.filter_map(|path| path.get("backend")).chain(defaults) {
            self.add(id, backend.text_at(&["service", "name"]), backend.text_at(&["service", "port", "name"]));
            self.add(id, backend.text_at(&["serviceName"]), backend.text_at(&["servicePort"]));
        }
    }

    fn add(&mut self, id: ResourceId, service: &str, port: &str) {
        if !port.is_empty() {
            self.users.entry((service.to_owned(), port.to_owned())).or_default().push(id);
        }
    }

    /// Something that refers to a Service's port by this name.
    pub fn user(&self, inventory: &Inventory<'_>, service: ResourceId, port: &str) -> Option<ResourceId> {
        let users = |service: &str| self.users.get(&(service.to_owned(), port.to_owned())).into_iter().flatten();
        let labels = inventory.root(service).and_then(|root| root.at(&["metadata", "labels"]));
        let label = |key: &str| labels.and_then(|labels| labels.get(key)?.text());
        let monitors = |id: &&ResourceId| {
            let Some(spec) = inventory.root(**id).and_then(|root| root.get("spec")) else { return false };
            let reaches = spec.get("namespaceSelector").is_some() || inventory.share_a_namespace(**id, service);
            reaches && spec.get("selector").is_none_or(|selector| Selector::of_labels(selector).matches(label))
        };
        let name = &inventory.resource(service).name.name;
        let own = users(name).find(|id| inventory.share_a_namespace(**id, service));
        own.or_else(|| users("").find(monitors)).copied()
    }
}
