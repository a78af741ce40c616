//! Which routes lead to a Service: Ingresses, routes of the Gateway API, and VirtualServices.

mod read;
mod route;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::HashMap;

use super::association::Nearness;
use super::field::NodeId;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::service_port::ServicePort;
pub use route::{Route, RouteKind, RoutePort};

/// A backend of a route, as the index keeps it.
#[derive(Debug)]
struct Entry {
    id: ResourceId,
    kind: RouteKind,
    /// The namespace that the backend names, where it does.
    namespace: Option<String>,
    rule: Option<NodeId>,
    backend: NodeId,
    port: Option<NodeId>,
    /// How near the nearest Service is that the backend may mean.
    nearest: OnceCell<Option<Nearness>>,
}

/// The backends of all routes by the names of their Services; made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct RouteIndex {
    by_service: HashMap<String, Vec<Entry>>,
}

impl RouteIndex {
    fn new(inventory: &Inventory<'_>) -> RouteIndex {
        let mut index = RouteIndex::default();
        let mut last: Option<(ResourceId, NodeId)> = None;
        read::backends(inventory, |name, entry| {
            // A merge key may show one backend twice.
            if last != Some((entry.id, entry.backend)) {
                last = Some((entry.id, entry.backend));
                index.by_service.entry(name).or_default().push(entry);
            }
        });
        index
    }
}

impl<'a> Inventory<'a> {
    /// The routes of the input that lead to a Service, each backend by itself, in the order of files and places.
    /// Those that stand nearer to another Service of that name are not among them, unless this Service has no nearer one.
    pub fn routes_to(&self, service: ResourceId) -> Vec<Route<'a>> {
        let index = self.routes.get_or_init(|| RouteIndex::new(self));
        let Some(entries) = index.by_service.get(&self.resource(service).name.name) else { return Vec::new() };
        let near = |entry: &Entry| self.may_mean(entry, service).then(|| self.nearness(entry.id, service)).flatten();
        let entries: Vec<_> = entries.iter().filter_map(|entry| Some((entry, near(entry)?))).collect();
        // An Ingress says nothing of which VirtualService is this Service's: each kind is looked at by itself.
        let mut best: HashMap<&str, Nearness> = HashMap::new();
        for (entry, nearness) in &entries {
            let kind = self.resource(entry.id).name.kind.as_str();
            best.entry(kind).and_modify(|best| *best = (*best).max(*nearness)).or_insert(*nearness);
        }
        let route = |(entry, nearness): (&Entry, Nearness)| {
            let there = best.get(self.resource(entry.id).name.kind.as_str()) == Some(&nearness);
            let here = self.nearest_service(entry).is_some_and(|nearest| nearness >= nearest);
            let root = self.root(entry.id)?;
            (there || here).then_some(Route {
                id: entry.id,
                kind: entry.kind,
                is_certain: there && here,
                root,
                rule: entry.rule.and_then(|rule| self.field(rule)),
                backend: self.field(entry.backend)?,
                port: entry.port.and_then(|port| self.field(port)),
            })
        };
        let mut routes: Vec<Route<'a>> = entries.into_iter().filter_map(route).collect();
        routes.sort_by_key(|route| (route.id, route.backend.span().start));
        routes
    }

    /// The routes that lead to one port of a Service. A backend that names no port means a Service's only one.
    pub fn routes_to_port(&self, port: ServicePort<'_>) -> Vec<Route<'a>> {
        let mut routes = self.routes_to(port.service);
        if routes.is_empty() {
            return routes;
        }
        let is_only = self.ports_of(port.service).nth(1).is_none();
        routes.retain(|route| match route.port() {
            Some(RoutePort::Number(number)) => port.number() == Some(number),
            Some(RoutePort::Name(name)) => port.name() == name,
            None => is_only,
        });
        routes
    }

    /// The classes that a route is for: an Ingress's own, or those of the Gateways that a route of the Gateway API
    /// names, as far as the input has them. None where the manifests don't say; a VirtualService has none.
    pub fn route_classes(&self, route: &Route<'a>) -> Vec<&'a str> {
        match route.kind {
            RouteKind::Ingress => route.ingress_class().into_iter().collect(),
            RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => Vec::new(),
            RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => {
                route.parents().into_iter().flat_map(|parent| self.gateway_classes(route.id, parent)).collect()
            }
        }
    }

    /// The classes of the Gateways that a parent reference may mean.
    fn gateway_classes(&self, route: ResourceId, parent: super::Field<'a>) -> Vec<&'a str> {
        if !matches!(parent.text_at(&["kind"]), "" | "Gateway") {
            return Vec::new();
        }
        let name = parent.text_at(&["name"]);
        let namespace = Some(parent.text_at(&["namespace"])).filter(|namespace| !namespace.is_empty());
        let gateways = self.of_kind("gateway.networking.k8s.io", "Gateway");
        let named = gateways.filter(|id| self.resource(*id).name.name == name && self.is_in(*id, namespace, route));
        let classes = self.nearest(route, &named.collect::<Vec<_>>()).into_iter();
        classes.filter_map(|id| self.root(id)?.at(&["spec", "gatewayClassName"])?.text()).collect()
    }

    /// True when a resource may be in this namespace, or in the asker's own where none is named.
    fn is_in(&self, id: ResourceId, namespace: Option<&str>, asker: ResourceId) -> bool {
        let Some(namespace) = namespace else { return self.share_a_namespace(id, asker) };
        self.placements(id).iter().any(|placement| placement.namespace.as_deref().is_none_or(|own| own == namespace))
    }

    fn may_mean(&self, entry: &Entry, service: ResourceId) -> bool {
        self.is_in(service, entry.namespace.as_deref(), entry.id)
    }

    /// How near the nearest Service is that a backend may mean.
    fn nearest_service(&self, entry: &Entry) -> Option<Nearness> {
        *entry.nearest.get_or_init(|| {
            let (namespace, id) = (entry.namespace.as_deref(), entry.id);
            let name = read::service_name(self.field(entry.backend)?, entry.kind).0;
            let named = self.services_named(&name).iter();
            named.filter(|service| self.is_in(**service, namespace, id)).filter_map(|at| self.nearness(id, *at)).max()
        })
    }
}
