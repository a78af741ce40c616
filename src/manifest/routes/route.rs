//! One route to a Service: a backend, with what stands around it.

use super::super::field::Field;
use super::super::resource::ResourceId;

/// What kind of route leads to a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// An Ingress, old shapes included.
    Ingress,
    /// An HTTPRoute.
    Http,
    /// A GRPCRoute.
    Grpc,
    /// A TLSRoute.
    Tls,
    /// A TCPRoute.
    Tcp,
    /// `http` of a VirtualService.
    VirtualHttp,
    /// `tls` of a VirtualService.
    VirtualTls,
    /// `tcp` of a VirtualService.
    VirtualTcp,
}

/// The port of a Service that a route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutePort<'a> {
    /// By its name, as an Ingress may.
    Name(&'a str),
    /// By its number.
    Number(i64),
}

/// A backend of a route that is a Service.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The resource that routes.
    pub id: ResourceId,
    /// What it is.
    pub kind: RouteKind,
    /// True when each is the other's nearest; otherwise it may lead to another Service of that name.
    pub is_certain: bool,
    /// The top node of the resource.
    pub root: Field<'a>,
    /// The rule that the backend is part of; `None` for an Ingress's default backend.
    pub rule: Option<Field<'a>>,
    /// What names the Service: `backend`, an item of `backendRefs`, or a VirtualService's `destination`.
    pub backend: Field<'a>,
    /// What names its port, where something does.
    pub port: Option<Field<'a>>,
}

impl<'a> Route<'a> {
    /// The port that it names.
    pub fn port(&self) -> Option<RoutePort<'a>> {
        let field = self.port?;
        // `servicePort: "80"` of an old Ingress is a number too, as its controllers read it.
        let number = field.as_i64().or_else(|| field.text()?.parse().ok());
        number.map(RoutePort::Number).or_else(|| field.as_str().map(RoutePort::Name))
    }

    /// The names under which its clients know it, each where it is written: the host of an Ingress's rule, `hostnames`, or
    /// a VirtualService's `hosts`, those inside the cluster included. None means any name.
    pub fn hosts(&self) -> Vec<Field<'a>> {
        let list = |key: &str| self.root.at(&["spec", key]).into_iter().flat_map(Field::items).collect();
        match self.kind {
            RouteKind::Ingress => self.rule.and_then(|rule| rule.get("host")).into_iter().collect(),
            RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => list("hostnames"),
            RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => list("hosts"),
        }
    }

    /// The entry of an Ingress's `tls` that holds a host; one without hosts holds all.
    pub fn tls_of(&self, host: &str) -> Option<Field<'a>> {
        let holds = |entry: &Field<'_>| match entry.get("hosts") {
            Some(hosts) => hosts.items().any(|have| have.text() == Some(host)),
            None => true,
        };
        (self.kind == RouteKind::Ingress).then(|| self.root.at(&["spec", "tls"])?.items().find(holds)).flatten()
    }

    /// What it is attached to: `parentRefs`, or a VirtualService's `gateways`.
    pub fn parents(&self) -> Vec<Field<'a>> {
        let key = match self.kind {
            RouteKind::Ingress => return Vec::new(),
            RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => "parentRefs",
            RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => "gateways",
        };
        self.root.at(&["spec", key]).into_iter().flat_map(Field::items).collect()
    }

    /// The class of an Ingress, by its field or its old annotation.
    pub fn ingress_class(&self) -> Option<&'a str> {
        let class = |path: &[&str]| self.root.at(path)?.text().filter(|class| !class.is_empty());
        let field = || class(&["spec", "ingressClassName"]);
        let is_ingress = self.kind == RouteKind::Ingress;
        is_ingress.then(|| field().or_else(|| class(&["metadata", "annotations", "kubernetes.io/ingress.class"])))?
    }

    /// An annotation of the resource.
    pub fn annotation(&self, name: &str) -> Option<Field<'a>> {
        self.root.at(&["metadata", "annotations", name])
    }

    /// True for a route inside the mesh only: a VirtualService without `gateways` or with `mesh` alone, or a route of
    /// the Gateway API that is attached to Services.
    pub fn is_inside_the_mesh(&self) -> bool {
        let parents = self.parents();
        match self.kind {
            RouteKind::Ingress => false,
            RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => {
                !parents.is_empty() && parents.iter().all(|parent| parent.text_at(&["kind"]) == "Service")
            }
            RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => {
                parents.iter().all(|gateway| gateway.text() == Some("mesh"))
            }
        }
    }
}
