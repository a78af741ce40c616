//! By which addresses programs reach others: what workloads are told, and who uses the address that a Service has
//! outside the cluster.

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::addresses::{Address, Host, addresses, in_comment};
use super::container::Container;
use super::field::{Field, NodeId};
use super::inventory::Inventory;
use super::listening::key;
use super::resource::ResourceId;
use super::workload::Workload;

/// An address that a workload's programs are told.
#[derive(Debug, Clone)]
pub struct AddressUse {
    /// The name of the setting; "" for a word of a command line.
    pub setting: String,
    /// The scalar that holds it.
    pub at: NodeId,
    /// The address; its range is one of the scalar's value.
    pub address: Address,
    /// The ConfigMap that holds it; `None` for the workload's own manifest.
    pub config_map: Option<ResourceId>,
}

impl AddressUse {
    /// The resource that holds it.
    pub fn holder(&self, workload: ResourceId) -> ResourceId {
        self.config_map.unwrap_or(workload)
    }

    /// True for a setting that tells people and browsers where something is, not this program.
    pub fn is_for_outside(&self) -> bool {
        let words = key::words(&self.setting);
        let joined = words.concat();
        words.iter().any(|word| FOR_OUTSIDE.contains(&word.as_str()))
            || IN_BROWSERS.iter().any(|start| joined.starts_with(start))
    }
}

/// Starts of names whose values build tools write into what browsers run.
const IN_BROWSERS: &[&str] = &["reactapp", "vueapp", "vite", "ngapp", "expopublic", "gatsby"];

/// Words in names of settings whose addresses are for those outside the cluster.
const FOR_OUTSIDE: &[&str] = &[
    "advertise",
    "advertised",
    "allowed",
    "announce",
    "baseurl",
    "browser",
    "callback",
    "cors",
    "csrf",
    "domain",
    "external",
    "frontend",
    "issuer",
    "origin",
    "origins",
    "public",
    "redirect",
    "referer",
    "referers",
    "rooturl",
];

/// How a program reaches a Service past its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detour {
    /// By the port that each node opens for it.
    NodePort,
    /// By its load balancer, one of its external addresses, or its public name.
    LoadBalancer,
}

/// A program of the input that reaches a Service by an address that the Service has for those outside the cluster.
#[derive(Debug, Clone)]
pub struct OutsideClient {
    /// The workload.
    pub workload: ResourceId,
    /// Where it says so.
    pub usage: AddressUse,
    /// How.
    pub detour: Detour,
    /// The entry of the Service's `spec.ports` that it leads to; `None` where no port is told.
    pub port: Option<NodeId>,
    /// True when the address can mean nothing else: the host is a node's and no other Service has the port, or the
    /// address is the Service's own.
    pub is_certain: bool,
}

/// The addresses that Services have beside their names.
#[derive(Debug, Default)]
struct ServiceAddresses {
    /// By node port: the Service and the entry of its ports.
    node_ports: HashMap<u16, Vec<(ResourceId, NodeId)>>,
    /// By IP address or name, those for the outside.
    hosts: HashMap<String, Vec<ResourceId>>,
    /// By IP address in the cluster.
    cluster_ips: HashMap<IpAddr, Vec<ResourceId>>,
}

/// Who uses which Service from the inside by its outside.
#[derive(Debug, Default)]
pub(super) struct AccessIndex {
    addresses: ServiceAddresses,
    clients: BTreeMap<ResourceId, Vec<OutsideClient>>,
}

impl Inventory<'_> {
    /// The addresses that a workload's own containers are told: in their environment and command lines, in the
    /// commands of their probes and hooks, and in the ConfigMaps that they read. No setting says one twice.
    pub fn addresses_of(&self, workload: Workload<'_>) -> Rc<[AddressUse]> {
        if let Some(known) = self.addresses.borrow().get(&workload.id) {
            return Rc::clone(known);
        }
        let found: Rc<[AddressUse]> = self.read_addresses(workload).into();
        self.addresses.borrow_mut().insert(workload.id, Rc::clone(&found));
        found
    }

    fn read_addresses(&self, workload: Workload<'_>) -> Vec<AddressUse> {
        // By place: a name that is nearer to the address says more.
        let mut found: BTreeMap<(NodeId, usize), AddressUse> = BTreeMap::new();
        let mut read = |setting: &str, field: Field<'_>, range: Range<usize>, config_map: Option<ResourceId>| {
            let Some(text) = field.text().filter(|_| !range.is_empty()) else { return };
            let Some(value) = text.get(range.clone()).filter(|value| value.contains(['.', ':', '/'])) else { return };
            for mut address in addresses(value) {
                address.range = range.start + address.range.start..range.start + address.range.end;
                let place = (field.id(), address.range.start);
                if in_comment(&text[..address.range.start]) {
                    continue;
                }
                if setting.is_empty() && found.contains_key(&place) {
                    continue;
                }
                let setting = setting.to_owned();
                found.insert(place, AddressUse { setting, at: field.id(), address, config_map });
            }
        };
        for setting in self.settings_of(workload).iter().filter(|setting| !setting.value.is_empty()) {
            if let Some(field) = self.field(setting.at) {
                read(&setting.name, field, setting.range.clone(), setting.config_map);
            }
        }
        for word in self.own_containers(workload).flat_map(exec_words) {
            read("", word, 0..word.text().map_or(0, str::len), None);
        }
        found.into_values().collect()
    }

    /// The programs of the input that reach this Service by a node port, or by the address of its load balancer: they
    /// lose it when the Service gets another type.
    pub fn node_port_clients(&self, service: ResourceId) -> &[OutsideClient] {
        self.access().clients.get(&service).map_or(&[], Vec::as_slice)
    }

    /// Whether the host of an address is a node: true for an IP address, for a variable with the node's address and for
    /// names that say so, false where it may be one, `None` where it is something else.
    pub fn is_node(&self, workload: Workload<'_>, usage: &AddressUse) -> Option<bool> {
        let name = match &usage.address.host {
            Host::Ip(ip) if ip.is_loopback() => return self.leaves_the_pod(workload, usage).then_some(false),
            Host::Ip(ip) if ip.is_unspecified() => return None,
            Host::Ip(_) => return Some(true),
            Host::Variable(name) => return self.is_node_variable(workload, name),
            Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase(),
        };
        if name == "localhost" {
            return self.leaves_the_pod(workload, usage).then_some(false);
        }
        let mut labels = name.split('.');
        let first = labels.next().unwrap_or_default();
        let is_service = name.contains(".svc") || !self.services_named(first).is_empty();
        if is_service {
            return None;
        }
        let says_node = key::words(first).iter().any(|word| word.starts_with("node")) || first == "minikube";
        Some(says_node || labels.next().is_some())
    }

    /// True for an address at which a Service can be reached from outside the cluster.
    pub fn is_outside_address(&self, ip: IpAddr) -> bool {
        self.access().addresses.hosts.contains_key(&ip.to_string())
    }

    /// The Service that has this address in the cluster, where it is written: the one nearest to the asker.
    pub fn service_of_cluster_ip(&self, asker: ResourceId, ip: IpAddr) -> Option<ResourceId> {
        self.nearest(asker, self.access().addresses.cluster_ips.get(&ip)?).first().copied()
    }

    /// The name by which the asker reaches a Service: the short one where both are in one namespace, as far as the
    /// manifests say. `None` where a kustomization gives it another name, or several namespaces.
    pub fn host_of_service(&self, service: ResourceId, asker: ResourceId) -> Option<String> {
        let name = &self.resource(service).name.name;
        if self.renamer(service).is_some() {
            return None;
        }
        let (theirs, own) = (self.placements(service), self.placements(asker));
        let namespace = theirs.first()?.namespace.as_deref();
        if theirs.iter().any(|placement| placement.namespace.as_deref() != namespace) {
            // Wherever the asker is deployed, the Service is deployed beside it.
            return own.iter().all(|placement| theirs.contains(placement)).then(|| name.clone());
        }
        let is_same = own.iter().all(|placement| placement.namespace.as_deref() == namespace);
        Some(match namespace.filter(|_| !is_same) {
            Some(namespace) => format!("{name}.{namespace}.svc.{}", self.options().cluster_domain),
            None => name.clone(),
        })
    }

    fn access(&self) -> &AccessIndex {
        self.access_index.get_or_init(|| {
            let addresses = self.service_addresses();
            let mut clients: BTreeMap<ResourceId, Vec<OutsideClient>> = BTreeMap::new();
            if addresses.node_ports.is_empty() && addresses.hosts.is_empty() {
                return AccessIndex { addresses, clients };
            }
            for workload in self.workloads() {
                for usage in self.addresses_of(workload).iter() {
                    for (service, client) in self.outside_clients(&addresses, workload, usage) {
                        clients.entry(service).or_default().push(client);
                    }
                }
            }
            AccessIndex { addresses, clients }
        })
    }

    fn service_addresses(&self) -> ServiceAddresses {
        let mut addresses = ServiceAddresses::default();
        for id in self.services() {
            let Some(root) = self.root(id) else { continue };
            let own = root.at(&["spec", "clusterIPs"]).into_iter().flat_map(texts);
            for ip in own.chain([root.text_at(&["spec", "clusterIP"])]).filter_map(|ip| ip.parse().ok()) {
                let users = addresses.cluster_ips.entry(ip).or_default();
                if users.last() != Some(&id) {
                    users.push(id);
                }
            }
            let mut hosts: Vec<&str> = root.at(&["spec", "externalIPs"]).into_iter().flat_map(texts).collect();
            if matches!(root.text_at(&["spec", "type"]), "NodePort" | "LoadBalancer") {
                for port in self.ports_of(id) {
                    let number = port.field.get("nodePort").and_then(|port| u16::try_from(port.as_i64()?).ok());
                    if let Some(number) = number.filter(|number| *number > 0) {
                        addresses.node_ports.entry(number).or_default().push((id, port.field.id()));
                    }
                }
                hosts.push(root.text_at(&["spec", "loadBalancerIP"]));
                let annotations = root.at(&["metadata", "annotations"]);
                let annotation = |name: &str| annotations.map_or("", |annotations| annotations.text_at(&[name]));
                hosts.extend(ADDRESS_ANNOTATIONS.iter().flat_map(|name| annotation(name).split(',')));
                let ingress = root.at(&["status", "loadBalancer", "ingress"]).into_iter().flat_map(Field::items);
                hosts.extend(ingress.flat_map(|ingress| [ingress.text_at(&["ip"]), ingress.text_at(&["hostname"])]));
            }
            for host in hosts.into_iter().map(str::trim).filter(|host| !host.is_empty()) {
                let users = addresses.hosts.entry(host.to_ascii_lowercase()).or_default();
                if users.last() != Some(&id) {
                    users.push(id);
                }
            }
        }
        addresses
    }

    fn nearest_with(&self, addresses: &ServiceAddresses, asker: ResourceId, port: u16) -> Vec<(ResourceId, NodeId)> {
        let Some(all) = addresses.node_ports.get(&port) else { return Vec::new() };
        let ids: Vec<ResourceId> = all.iter().map(|(id, _)| *id).collect();
        let near = self.nearest(asker, &ids);
        all.iter().filter(|(id, _)| near.contains(id)).copied().collect()
    }

    /// The Services that an address leads to from the outside: one, or those that it may mean.
    fn outside_clients(
        &self,
        addresses: &ServiceAddresses,
        workload: Workload<'_>,
        usage: &AddressUse,
    ) -> Vec<(ResourceId, OutsideClient)> {
        let holder = usage.holder(workload.id);
        let client = |detour: Detour, port: Option<NodeId>, is_certain: bool| {
            let (workload, usage) = (workload.id, usage.clone());
            OutsideClient { workload, usage, detour, port, is_certain }
        };
        let host = match &usage.address.host {
            Host::Ip(ip) => ip.to_string(),
            Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::Variable(_) => String::new(),
        };
        if let Some(ids) = addresses.hosts.get(&host) {
            let near = self.nearest(holder, ids);
            let is_certain = near.len() == 1;
            let to = |id: &ResourceId| {
                let number = usage.address.port.map(i64::from);
                let mut ports = self.ports_of(*id);
                let port = ports.find(|port| number.is_some() && port.number() == number);
                (*id, client(Detour::LoadBalancer, port.map(|port| port.field.id()), is_certain))
            };
            return near.iter().map(to).collect();
        }
        let Some(port) = usage.address.port else { return Vec::new() };
        if !addresses.node_ports.contains_key(&port) {
            return Vec::new();
        }
        let Some(is_node) = self.is_node(workload, usage) else { return Vec::new() };
        let mut near = self.nearest_with(addresses, holder, port);
        // A number may be one of TCP and one of UDP.
        let transport = if usage.address.scheme == "udp" { "UDP" } else { "TCP" };
        near.retain(|(_, port)| {
            let written = self.field(*port).map_or("", |port| port.text_at(&["protocol"]));
            (if written.is_empty() { "TCP" } else { written }) == transport
        });
        let is_certain = is_node && near.len() == 1;
        near.into_iter().map(|(id, port)| (id, client(Detour::NodePort, Some(port), is_certain))).collect()
    }

    /// True where no container of the pod declares the port as its own.
    fn leaves_the_pod(&self, workload: Workload<'_>, usage: &AddressUse) -> bool {
        let number = usage.address.port.map(i64::from);
        let mut ports = workload.containers().flat_map(Container::ports);
        !ports.any(|port| port.get("containerPort").and_then(|port| port.as_i64()) == number)
    }

    /// True for a variable that the node's address or name is put into, by its source or else by its name.
    fn is_node_variable(&self, workload: Workload<'_>, name: &str) -> Option<bool> {
        let mut entries = workload.containers().flat_map(Container::env);
        match entries.find(|(have, _)| *have == name) {
            Some((_, entry)) => {
                let source =
                    entry.at(&["valueFrom", "fieldRef", "fieldPath"]).map(|path| path.text().unwrap_or_default());
                match source {
                    Some(path) => matches!(path, "status.hostIP" | "status.hostIPs" | "spec.nodeName").then_some(true),
                    None => {
                        let value = entry.text_at(&["value"]);
                        value.parse::<IpAddr>().is_ok_and(|ip| !ip.is_loopback()).then_some(false)
                    }
                }
            }
            None => {
                let words = key::words(name);
                let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
                let is_node =
                    has(&["host", "node", "hostip", "nodeip"]) && has(&["ip", "hostip", "nodeip", "name", "addr"]);
                Some(is_node).filter(|is_node| *is_node)
            }
        }
    }
}

/// Annotations that give a Service its address or its public name.
const ADDRESS_ANNOTATIONS: &[&str] = &[
    "metallb.universe.tf/loadBalancerIPs",
    "metallb.io/loadBalancerIPs",
    "external-dns.alpha.kubernetes.io/hostname",
    "kube-vip.io/loadbalancerIPs",
    "lbipam.cilium.io/ips",
    "io.cilium/lb-ipam-ips",
];

fn texts(field: Field<'_>) -> impl Iterator<Item = &str> {
    field.items().filter_map(|item| item.text())
}

/// The words of the commands that probes and hooks run.
fn exec_words(container: Container<'_>) -> impl Iterator<Item = Field<'_>> {
    let commands = container.probes().chain(container.hooks()).filter_map(|probe| probe.field.at(&["exec", "command"]));
    commands.collect::<Vec<_>>().into_iter().flat_map(Field::items)
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    const WEB: &str = "apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  loadBalancerIP: 192.0.2.10
  ports:
    - {name: http, port: 80, nodePort: 30080}
    - {name: dns, port: 53, nodePort: 30053, protocol: UDP}
";

    fn pod(args: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - name: a\n    args: [{args}]\n    ports: [{{containerPort: 30999}}]\n    env: [{{name: MY, valueFrom: {{fieldRef: {{fieldPath: status.hostIP}}}}}}]\n"
        )
    }

    fn clients(args: &str) -> Vec<(Detour, bool)> {
        let read = |name: &str, text: String| SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest");
        let files = [read("web.yaml", WEB.to_owned()), read("a.yaml", pod(args))];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let service = inventory.services().next().expect("one");
        inventory.node_port_clients(service).iter().map(|client| (client.detour, client.is_certain)).collect()
    }

    #[test]
    fn clients_come_by_node_ports_and_load_balancers() {
        for (args, expected) in [
            ("curl, 'http://10.0.0.5:30080/x'", Some((Detour::NodePort, true))),
            ("curl, '$(MY):30080'", Some((Detour::NodePort, true))),
            ("curl, '$(NODE_IP):30080'", Some((Detour::NodePort, true))),
            ("curl, 'http://edge.example.com:30080'", Some((Detour::NodePort, true))),
            ("curl, 'http://localhost:30080'", Some((Detour::NodePort, false))),
            ("curl, 'http://other:30080'", Some((Detour::NodePort, false))),
            ("curl, 'http://192.0.2.10/'", Some((Detour::LoadBalancer, true))),
            ("curl, 'http://web:30080/'", None),
            ("curl, 'http://cart.shop.svc:30080/'", None),
            ("curl, '10.0.0.5:30053'", None),
            ("curl, '0.0.0.0:30080'", None),
            ("curl, '$(POD_IP):30080'", None),
            ("curl, 'localhost:30999'", None),
        ] {
            assert_eq!(clients(args), Vec::from_iter(expected), "{args}");
        }
    }
}
