//! What a gateway has to open for each port of a Service, or why it can't.

use super::candidate::Candidate;
use super::copies;
use super::hosts::Hosts;
use crate::manifest::{Field, Protocol, ProtocolClass, ResourceId, Route, RouteKind, ServicePort, protocol};
use crate::rule::Context;
use crate::transforms::port_protocol;

/// How a gateway passes traffic on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the host of HTTP requests.
    Http,
    /// The same for gRPC.
    Grpc,
    /// By the server name of TLS that the application ends.
    Passthrough,
    /// By the port alone.
    Tcp,
}

impl Way {
    pub(super) fn is_http(self) -> bool {
        matches!(self, Way::Http | Way::Grpc)
    }
}

/// A port that a gateway opens for a Service's port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) port: ServicePort<'a>,
    /// The gateway's port.
    pub(super) number: u16,
    pub(super) way: Way,
}

/// What becomes of a Service's port.
#[derive(Debug, Clone)]
pub(super) enum Fate<'a> {
    /// A route of a gateway leads to it already.
    Exposed,
    /// A gateway can open it.
    Opens(Opening<'a>),
    /// It can't, and why.
    Stays(String),
}

/// The fate of each of a Service's ports, but for what other Services take.
pub(super) fn fates<'a>(cx: &Context<'a>, candidate: &Candidate<'a>) -> Vec<Fate<'a>> {
    let options = &cx.options.exposed_service;
    let mut fates = Vec::with_capacity(candidate.ports.len());
    let ways: Vec<Result<Way, String>> = candidate.ports.iter().map(|port| way(cx, *port)).collect();
    let main = main_port(candidate, &ways);
    let mut has_tls = options.credential_name.is_some() && ways.contains(&Ok(Way::Http));
    for (i, (port, way)) in candidate.ports.iter().zip(&ways).enumerate() {
        let mapped = mapped(cx, candidate, *port);
        let fate = match way.clone() {
            _ if is_exposed(cx, candidate.id, *port) => Fate::Exposed,
            Err(reason) => Fate::Stays(reason),
            Ok(way) if way.is_http() && mapped.is_none() && main != Some(i) => Fate::Stays(format!(
                "port {} needs a gateway port of its own: `rules.exposed-service.portMap: {{\"{}\": <port>}}`",
                number(*port),
                map_key(candidate, *port)
            )),
            Ok(Way::Passthrough) if mapped.is_none() && has_tls => Fate::Stays(format!(
                "port {} would take the same server name on port {} as another one; give it a port of its own by `portMap`",
                number(*port),
                options.https_port
            )),
            Ok(way) => {
                let default = match way {
                    Way::Http | Way::Grpc if options.credential_name.is_some() => Some(options.https_port),
                    Way::Http | Way::Grpc => Some(options.http_port),
                    Way::Passthrough => Some(options.https_port),
                    Way::Tcp => port.number().and_then(|number| u16::try_from(number).ok()),
                };
                has_tls |= way == Way::Passthrough;
                match mapped.or(default) {
                    Some(number) => Fate::Opens(Opening { port: *port, number, way }),
                    None => Fate::Stays("its port has no number".to_owned()),
                }
            }
        };
        fates.push(fate);
    }
    fates
}

/// How a port's traffic passes a gateway.
fn way(cx: &Context<'_>, port: ServicePort<'_>) -> Result<Way, String> {
    if port.transport() != "TCP" {
        let transport = port.transport();
        return Err(format!("port {} is {transport}, which no gateway of the mesh carries", number(port)));
    }
    let declared = protocol(port.field);
    let known = || port_protocol::proven(cx, port).unwrap_or(declared);
    match if declared == Protocol::Undeclared { known() } else { declared } {
        Protocol::Grpc => Ok(Way::Grpc),
        Protocol::Https | Protocol::Tls => Ok(Way::Passthrough),
        Protocol::Undeclared => Err(format!(
            "port {} declares no protocol: set its `appProtocol`, so that the gateway knows what it opens",
            number(port)
        )),
        declared if declared.class() == ProtocolClass::Http => Ok(Way::Http),
        _ => Ok(Way::Tcp),
    }
}

/// The one HTTP port that gets the Service's public names, where several could: by its name, then by its number.
fn main_port(candidate: &Candidate<'_>, ways: &[Result<Way, String>]) -> Option<usize> {
    let http = || (0..ways.len()).filter(|i| ways[*i].as_ref().is_ok_and(|way| way.is_http()));
    let named = |i: &usize| matches!(candidate.ports[*i].name(), "http" | "web" | "grpc");
    let numbered = |wanted: i64| move |i: &usize| candidate.ports[*i].number() == Some(wanted);
    let only = || http().next().filter(|_| http().nth(1).is_none());
    only().or_else(|| http().find(named)).or_else(|| http().find(numbered(80))).or_else(|| http().find(numbered(8080)))
}

/// The gateway's port that the configuration gives to a port.
fn mapped(cx: &Context<'_>, candidate: &Candidate<'_>, port: ServicePort<'_>) -> Option<u16> {
    cx.options.exposed_service.port_map.get(&map_key(candidate, port)).copied()
}

/// The name of a port in `portMap`.
pub(super) fn map_key(candidate: &Candidate<'_>, port: ServicePort<'_>) -> String {
    let namespace = candidate.namespace.as_deref().unwrap_or("default");
    format!("{namespace}/{}:{}", candidate.name, port.number().unwrap_or_default())
}

fn number(port: ServicePort<'_>) -> String {
    let number = port.field.text_at(&["port"]);
    match port.name() {
        "" => number.to_owned(),
        name => format!("{number} (`{name}`)"),
    }
}

/// True when a gateway leads to the port already, whoever wrote that.
fn is_exposed(cx: &Context<'_>, service: ResourceId, port: ServicePort<'_>) -> bool {
    let routes = cx.inventory.routes_to_port(port).into_iter();
    let mut routes = routes.filter(|route| route.is_certain && is_by_gateway(route) && takes_all(route));
    routes.any(|route| copies::is_for(cx.inventory, route.id, service, copies::Far::IsNot))
}

/// True for a route that takes all requests for its hosts, but for those of other rules: one for some paths only does not
/// expose a Service.
fn takes_all(route: &Route<'_>) -> bool {
    let Some(rule) = route.rule else { return true };
    let entries = |key: &str| rule.get(key).into_iter().flat_map(Field::items);
    let is_root = |path: Option<Field<'_>>| path.is_none_or(|path| path.text() == Some("/"));
    match route.kind {
        RouteKind::VirtualHttp => {
            let is_open = |entry: Field<'_>| {
                entry.entries().all(|(key, value)| match &*key {
                    "uri" => is_root(value.get("prefix").or_else(|| value.get("exact")).or_else(|| value.get("regex"))),
                    key => matches!(key, "name" | "port" | "gateways"),
                })
            };
            rule.get("match").is_none() || entries("match").any(is_open)
        }
        RouteKind::Http => {
            let is_open =
                |entry: Field<'_>| entry.entries().all(|(key, value)| &*key == "path" && is_root(value.get("value")));
            rule.get("matches").is_none() || entries("matches").any(is_open)
        }
        _ => true,
    }
}

/// True for a route that a gateway of the mesh, or one of the Gateway API, has.
fn is_by_gateway(route: &Route<'_>) -> bool {
    match route.kind {
        RouteKind::Ingress => route.ingress_class() == Some("istio"),
        _ => {
            let parents = route.parents();
            let is_egress = |parent: &Field<'_>| parent.text().is_some_and(|name| name.contains("egress"));
            !route.is_inside_the_mesh() && !parents.is_empty() && !parents.iter().all(is_egress)
        }
    }
}

/// True when the public names of a candidate are of use for an opening.
pub(super) fn hosts_of<'c>(candidate: &'c Candidate<'_>) -> &'c [String] {
    match &candidate.hosts {
        Hosts::Known(names) => names,
        Hosts::Missing(_) => &[],
    }
}
