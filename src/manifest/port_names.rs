//! What refers to a Service's port by its name.

use std::collections::HashMap;

use memchr::memmem;

use super::field::{Field, NodeId};
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::routes::RoutePort;
use super::service_port::ServicePort;
use super::source::State;
use crate::text::FileId;

/// A place that names a Service's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortNameUse<'a> {
    /// A scalar that holds the name and nothing else, and means this port alone: it can follow.
    Follows {
        /// The resource.
        id: ResourceId,
        /// The scalar.
        field: NameField<'a>,
    },
    /// A resource that may mean other ports too, or is of a kind that is not followed.
    Stays(ResourceId),
    /// A file with text that asks DNS for the name: `_name._tcp.service`.
    Dns(FileId),
}

/// A field that can be compared by its place.
#[derive(Debug, Clone, Copy)]
pub struct NameField<'a>(pub Field<'a>);

impl PartialEq for NameField<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for NameField<'_> {}

/// Kinds of other makers that lead to a Service's port by its name or number: group and kind.
const OTHERS: &[(&str, &str)] = &[
    ("route.openshift.io", "Route"),
    ("projectcontour.io", "HTTPProxy"),
    ("k8s.nginx.org", "VirtualServer"),
    ("k8s.nginx.org", "VirtualServerRoute"),
    ("k8s.nginx.org", "TransportServer"),
    ("traefik.io", "IngressRoute"),
    ("traefik.io", "IngressRouteTCP"),
    ("traefik.containo.us", "IngressRoute"),
    ("traefik.containo.us", "IngressRouteTCP"),
    ("apisix.apache.org", "ApisixRoute"),
];

/// Names that stand where no other index finds them; made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct PortNameIndex {
    /// Resources of other makers by Service and port.
    others: HashMap<(String, String), Vec<ResourceId>>,
    /// The addresses of Services without selector, by the Service's name.
    endpoints: HashMap<String, Vec<(ResourceId, NodeId)>>,
    /// Files that ask DNS, by the port's name and the Service's; "" for a Service that the text does not spell out.
    dns: HashMap<(String, String), Vec<FileId>>,
}

impl PortNameIndex {
    fn new(inventory: &Inventory<'_>) -> Self {
        let mut index = PortNameIndex::default();
        for (group, kind) in OTHERS {
            for id in inventory.of_kind(group, kind) {
                inventory.root(id).into_iter().for_each(|root| index.mentions(id, root));
            }
        }
        for id in inventory.of_kind("", "Endpoints") {
            let service = inventory.resource(id).name.name.clone();
            let subsets = inventory.root(id).and_then(|root| root.get("subsets"));
            let lists = subsets.into_iter().flat_map(Field::items).filter_map(|subset| subset.get("ports"));
            let ports = lists.flat_map(Field::items);
            index.endpoints.entry(service).or_default().extend(ports.map(|port| (id, port.id())));
        }
        for id in inventory.of_kind("discovery.k8s.io", "EndpointSlice") {
            let Some(root) = inventory.root(id) else { continue };
            let service = root.text_at(&["metadata", "labels", "kubernetes.io/service-name"]).to_owned();
            let ports = root.get("ports").into_iter().flat_map(Field::items);
            index.endpoints.entry(service).or_default().extend(ports.map(|port| (id, port.id())));
        }
        for (i, file) in inventory.files().iter().enumerate() {
            for slot in file.slots.iter().filter(|slot| matches!(slot.state, State::Read(_))) {
                index.dns_names(FileId(i as u32), &file.text[slot.slice.range()]);
            }
        }
        index
    }

    /// The Services and ports that any object of a resource names beside each other.
    fn mentions(&mut self, id: ResourceId, field: Field<'_>) {
        let first = |paths: &[&[&str]]| paths.iter().find_map(|path| field.at(path)?.text().map(str::to_owned));
        let service = first(&[&["name"], &["serviceName"], &["service"], &["to", "name"]]);
        let port = first(&[&["port", "targetPort"], &["port"], &["servicePort"]]);
        if let (Some(service), Some(port)) = (service, port) {
            self.others.entry((service, port)).or_default().push(id);
        }
        field.items().for_each(|item| self.mentions(id, item));
        field.entries().for_each(|(_, value)| self.mentions(id, value));
    }

    /// The names in `_web._tcp.shop`.
    fn dns_names(&mut self, file: FileId, text: &str) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        for at in memmem::find_iter(text.as_bytes(), b"._tcp.") {
            let start = text[..at].rfind(|c: char| !is_name(c)).map_or(0, |before| before + 1);
            if !text[..start].ends_with('_') || start == at {
                continue;
            }
            let service = text[at + "._tcp.".len()..].split(|c: char| !is_name(c)).next().unwrap_or_default();
            let files = self.dns.entry((text[start..at].to_owned(), service.to_owned())).or_default();
            if files.last() != Some(&file) {
                files.push(file);
            }
        }
    }
}

impl<'a> Inventory<'a> {
    /// Everything in the input that refers to a Service's port by its name. Addresses of a Service without selector
    /// are there too where neither they nor the port have a name.
    pub fn port_name_uses(&self, port: ServicePort<'_>) -> Vec<PortNameUse<'a>> {
        let index = self.port_names.get_or_init(|| PortNameIndex::new(self));
        let (service, name) = (self.resource(port.service).name.name.clone(), port.name());
        let mut uses = Vec::new();
        for route in self.routes_to(port.service) {
            if let (Some(RoutePort::Name(_)), Some(field)) = (route.port(), route.port)
                && field.text() == Some(name)
            {
                uses.push(one(route.id, field, route.is_certain));
            }
        }
        for scrape in self.scrapes_of(port).into_iter().filter(|scrape| scrape.is_by_service_port) {
            uses.push(one(scrape.id, scrape.port, scrape.is_certain && !scrape.is_shared));
        }
        for (id, item) in index.endpoints.get(&service).into_iter().flatten() {
            let Some(item) = self.field(*item).filter(|_| self.share_a_namespace(*id, port.service)) else { continue };
            let named = item.get("name").filter(|field| field.text() == Some(name));
            match named {
                Some(field) => {
                    uses.push(one(*id, field, self.nearest(*id, self.services_named(&service)) == [port.service]))
                }
                None if item.text_at(&["name"]) == name => uses.push(PortNameUse::Stays(*id)),
                None => {}
            }
        }
        if !name.is_empty() {
            uses.extend(self.other_routes(port.service, name).map(PortNameUse::Stays));
            for of in [service, String::new()] {
                let files = index.dns.get(&(name.to_owned(), of)).into_iter().flatten();
                uses.extend(files.map(|file| PortNameUse::Dns(*file)));
            }
        }
        uses.dedup();
        uses
    }
}

impl Inventory<'_> {
    /// Resources of other makers that lead to a Service's port, by its name or its number.
    pub fn other_routes_to(&self, port: ServicePort<'_>) -> Vec<ResourceId> {
        let number = port.field.text_at(&["port"]);
        let names = [port.name(), number].into_iter().filter(|name| !name.is_empty());
        names.flat_map(|name| self.other_routes(port.service, name)).collect()
    }

    fn other_routes(&self, service: ResourceId, port: &str) -> impl Iterator<Item = ResourceId> {
        let index = self.port_names.get_or_init(|| PortNameIndex::new(self));
        let key = (self.resource(service).name.name.clone(), port.to_owned());
        let named = index.others.get(&key).into_iter().flatten().copied();
        named.filter(move |id| self.share_a_namespace(*id, service) && self.nearness(*id, service).is_some())
    }
}

fn one(id: ResourceId, field: Field<'_>, is_alone: bool) -> PortNameUse<'_> {
    if is_alone { PortNameUse::Follows { id, field: NameField(field) } } else { PortNameUse::Stays(id) }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    #[test]
    fn names_of_ports_are_found_everywhere() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web}}\nspec: {ports: [{name: web, port: 80}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {defaultBackend: {service: {name: web, port: {name: web}}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: m}\nspec: {selector: {matchLabels: {app: web}}, endpoints: [{port: web}]}\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets: [{ports: [{name: web, port: 80}]}]\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\nports: [{name: web, port: 80}]\n---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: t}\nspec: {routes: [{services: [{name: web, port: web}]}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 'srv _web._tcp.web.shop.svc', b: '_web._tcp.other'}\n";
        let files = [SourceFile::read("all.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let service = inventory.services().next().expect("a Service");
        let port = inventory.ports_of(service).next().expect("a port");
        let name = |id: ResourceId| inventory.resource(id).name.kind.clone();
        let found = inventory.port_name_uses(port).into_iter().map(|found| match found {
            PortNameUse::Follows { id, .. } => name(id),
            PortNameUse::Stays(id) => format!("not {}", name(id)),
            PortNameUse::Dns(_) => "DNS".to_owned(),
        });
        let found: Vec<String> = found.collect();
        assert_eq!(found, ["Ingress", "ServiceMonitor", "Endpoints", "EndpointSlice", "not IngressRoute", "DNS"]);
    }
}
