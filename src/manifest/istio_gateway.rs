//! Istio's Gateways: which pods they configure, and which Services lead to those.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::selector::Selector;
use super::service_port::TargetPort;
use crate::glob;

/// A Gateway of Istio's API.
#[derive(Debug, Clone)]
pub struct IstioGateway<'a> {
    /// The resource.
    pub id: ResourceId,
    /// Its top node.
    pub root: Field<'a>,
    /// The labels of the pods that it configures, wherever they are.
    pub selector: BTreeMap<Cow<'a, str>, &'a str>,
}

/// A server of a Gateway.
#[derive(Debug, Clone, Copy)]
pub struct GatewayServer<'a> {
    /// The item of `servers`.
    pub field: Field<'a>,
    /// The number of its port.
    pub port: Field<'a>,
}

/// Where the pods of a Gateway can be reached.
#[derive(Debug, Clone, Default)]
pub struct GatewayPorts {
    /// The Services that select them.
    pub services: Vec<ResourceId>,
    /// The TCP ports of those, and the numbers that these lead to.
    numbers: Vec<i64>,
    /// True when they may have more than can be seen.
    has_more: bool,
}

/// Services by each label of their selectors.
pub type GatewayServices = HashMap<(String, String), Vec<ResourceId>>;

impl<'a> IstioGateway<'a> {
    /// True when every pod of the other one is its own too.
    pub fn has_pods_of(&self, other: &IstioGateway<'_>) -> bool {
        self.selector.iter().all(|(key, value)| other.selector.get(key) == Some(value))
    }

    /// True when both configure some pods: one asks for all that the other asks for.
    pub fn shares_pods_with(&self, other: &IstioGateway<'_>) -> bool {
        self.has_pods_of(other) || other.has_pods_of(self)
    }

    /// Its servers, as far as they have the number of a port.
    pub fn servers(&self) -> impl Iterator<Item = GatewayServer<'a>> + use<'a> {
        let servers = self.root.at(&["spec", "servers"]).into_iter().flat_map(Field::items);
        servers.filter_map(|field| {
            let port = field.at(&["port", "number"])?;
            Some(GatewayServer { field, port })
        })
    }
}

impl<'a> GatewayServer<'a> {
    /// The number of its port.
    pub fn number(self) -> Option<i64> {
        self.port.as_i64()
    }

    /// Its hosts, `namespace/name` or a name alone.
    pub fn hosts(self) -> impl Iterator<Item = Field<'a>> {
        self.field.get("hosts").into_iter().flat_map(Field::items)
    }
}

impl GatewayPorts {
    /// True when a Service has this port, or leads to it, or may.
    pub fn may_have(&self, number: i64) -> bool {
        self.has_more || self.numbers.contains(&number)
    }
}

impl<'a> Inventory<'a> {
    /// Istio's Gateways, those left out whose namespaces the configuration exempts or that kustomize patches change.
    pub fn istio_gateways(&self) -> Vec<IstioGateway<'a>> {
        let exempt = &self.options().exempt.namespaces;
        let is_exempt = |id: ResourceId| {
            let namespaces = self.placements(id).iter().filter_map(|placement| placement.namespace.as_deref());
            namespaces.into_iter().any(|namespace| exempt.iter().any(|name| glob::matches(name, namespace)))
        };
        let read = |id: ResourceId| {
            let root = self.root(id)?;
            let selector = root.at(&["spec", "selector"]).into_iter().flat_map(Field::entries);
            let selector = selector.filter_map(|(key, value)| Some((key, value.text()?))).collect();
            Some(IstioGateway { id, root, selector })
        };
        let gateways = self.of_kind("networking.istio.io", "Gateway");
        let gateways =
            gateways.filter(|id| !is_exempt(*id) && !self.may_spec_be_patched(*id, &["servers", "selector"]));
        gateways.filter_map(read).collect()
    }

    /// Services by each label that they select by: what [`Inventory::gateway_ports`] looks things up in.
    pub fn services_by_selector(&self) -> GatewayServices {
        let mut index = GatewayServices::new();
        for id in self.services() {
            let selector = self.root(id).and_then(|root| root.at(&["spec", "selector"]));
            for (key, value) in selector.into_iter().flat_map(Field::entries) {
                if let Some(value) = value.text() {
                    index.entry((key.into_owned(), value.to_owned())).or_default().push(id);
                }
            }
        }
        index
    }

    /// The Services of a Gateway's pods that stand nearest to it, and their ports; `None` where there are none in the
    /// files, or where the pods are reached without one.
    pub fn gateway_ports(&self, gateway: &IstioGateway<'_>, services: &GatewayServices) -> Option<GatewayPorts> {
        let (key, value) = gateway.selector.iter().next()?;
        let key = (key.clone().into_owned(), (*value).to_owned());
        let of_its_pods = |id: &ResourceId| {
            let selector = self.root(*id).and_then(|root| root.at(&["spec", "selector"]));
            let selector = selector.map(Selector::of_map).unwrap_or_default();
            gateway.selector.iter().all(|(key, value)| selector.value_of(key) == Some(*value))
        };
        let mut found: Vec<ResourceId> =
            services.get(&key).into_iter().flatten().copied().filter(of_its_pods).collect();
        for id in self.workloads_by_label(&key.0, &key.1) {
            let Some(workload) = self.workload(*id) else { continue };
            let has = |(key, value): (&Cow<'_, str>, &&str)| workload.pod_label(key) == Some(*value);
            if gateway.selector.iter().all(has) {
                if self.runs_in_host_network(workload) {
                    return None;
                }
                found.extend(self.services_of(workload).possible);
            }
        }
        found.sort_unstable();
        found.dedup();
        let near = self.nearest(gateway.id, &found);
        let mut ports = GatewayPorts::default();
        for id in near {
            let own: Vec<_> = self.ports_of(id).filter(|port| port.transport() == "TCP").collect();
            ports.has_more |= own.is_empty() || self.may_spec_be_patched(id, &["ports"]);
            for port in own {
                ports.numbers.extend(port.number());
                match port.target() {
                    TargetPort::Number(number) => ports.numbers.push(number),
                    TargetPort::Name(name) => match self.numbers_behind(id, name) {
                        numbers if numbers.is_empty() => ports.has_more = true,
                        numbers => ports.numbers.extend(numbers),
                    },
                }
            }
            ports.services.push(id);
        }
        (!ports.services.is_empty()).then_some(ports)
    }

    /// The numbers that a port's name stands for in the pods of a Service.
    fn numbers_behind(&self, service: ResourceId, name: &str) -> Vec<i64> {
        let workloads = self.workloads_of(service).possible;
        let containers = workloads.iter().filter_map(|id| self.workload(*id)).flat_map(|one| one.containers());
        let ports = containers.flat_map(|container| container.ports()).filter(|port| port.text_at(&["name"]) == name);
        ports.filter_map(|port| port.get("containerPort")?.as_i64()).collect()
    }
}
