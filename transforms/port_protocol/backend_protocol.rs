//! How ingress controllers are told to call a Service: their annotations on Ingresses and on Services.

use super::evidence::spoken;
use crate::manifest::{Field, Protocol, Route, ServicePort};

/// Annotations of an Ingress whose value is the protocol of its backends.
const OF_INGRESS: &[&str] = &[
    "alb.ingress.kubernetes.io/backend-protocol-version",
    "nginx.ingress.kubernetes.io/backend-protocol",
    "alb.ingress.kubernetes.io/backend-protocol",
    "haproxy-ingress.github.io/backend-protocol",
    "ingress.kubernetes.io/backend-protocol",
    "ingress.kubernetes.io/protocol",
];

/// Annotations of an Ingress that are switches, each with the protocol of its backends where it is on.
const SWITCHES: &[(&str, Protocol)] = &[
    ("nginx.ingress.kubernetes.io/ssl-passthrough", Protocol::Https),
    ("haproxy-ingress.github.io/ssl-passthrough", Protocol::Https),
    ("haproxy.org/ssl-passthrough", Protocol::Https),
    ("ingress.kubernetes.io/ssl-passthrough", Protocol::Https),
    ("nginx.ingress.kubernetes.io/secure-backends", Protocol::Https),
    ("ingress.kubernetes.io/secure-backends", Protocol::Https),
    ("nginx.ingress.kubernetes.io/grpc-backend", Protocol::Grpc),
];

/// Annotations of a Service whose value is the protocol of all its ports.
const OF_SERVICE: &[&str] = &["traefik.ingress.kubernetes.io/service.serversscheme", "konghq.com/protocol"];

/// Annotations of a Service that list the ports of a protocol, by number or name.
const LISTS: &[(&str, Protocol)] = &[
    ("projectcontour.io/upstream-protocol.h2c", Protocol::Http2),
    ("projectcontour.io/upstream-protocol.h2", Protocol::Https),
    ("projectcontour.io/upstream-protocol.tls", Protocol::Https),
];

/// What the annotations of an Ingress say of its backends; `Undeclared` where its controller finds out by itself.
pub(super) fn of_ingress<'a>(route: &Route<'a>) -> Option<(Protocol, Field<'a>)> {
    let switch = |(name, protocol): &(&str, Protocol)| {
        let field = route.annotation(name)?;
        (field.text() == Some("true")).then_some((*protocol, field))
    };
    let value = |name: &&str| {
        let field = route.annotation(name)?;
        Some((of_word(field.text()?)?, field))
    };
    // One annotation may say TLS and another the version of HTTP inside it.
    let weight = |(protocol, _): &(Protocol, Field<'_>)| match protocol {
        Protocol::Https => 2,
        Protocol::Grpc | Protocol::Http2 | Protocol::Tcp => 1,
        _ => 0,
    };
    SWITCHES.iter().find_map(switch).or_else(|| OF_INGRESS.iter().filter_map(value).max_by_key(weight))
}

/// What the annotations of a Service say of one of its ports, with the place and a sentence.
pub(super) fn of_service<'a>(root: Field<'a>, port: ServicePort<'_>) -> Option<(Protocol, Field<'a>, String)> {
    let annotations = root.at(&["metadata", "annotations"])?;
    let number = port.field.text_at(&["port"]);
    let value = |name: &&'static str| {
        let field = annotations.get(name)?;
        Some((of_word(field.text()?)?, field, *name))
    };
    let listed = |(name, protocol): &(&'static str, Protocol)| {
        let field = annotations.get(name)?;
        let mut ports = field.text()?.split(',').map(str::trim);
        let is_meant = ports.any(|listed| !listed.is_empty() && (listed == number || listed == port.name()));
        is_meant.then_some((*protocol, field, *name))
    };
    let google = || {
        let name = "cloud.google.com/app-protocols";
        let field = annotations.get(name)?;
        let embedded = field.embedded()?;
        let word = embedded.document().root().get(port.name())?.text()?.to_ascii_lowercase();
        // To Google's load balancer HTTP2 is HTTP/2 over TLS.
        let protocol = if word == "http" { Protocol::Http } else { Protocol::Https };
        (!port.name().is_empty()).then_some((protocol, field, name))
    };
    let found = OF_SERVICE.iter().find_map(value).or_else(|| LISTS.iter().find_map(listed)).or_else(google)?;
    let (protocol, field, name) = found;
    (protocol != Protocol::Undeclared)
        .then(|| (protocol, field, format!("the annotation `{name}` has it called over {}", spoken(protocol))))
}

fn of_word(word: &str) -> Option<Protocol> {
    Some(match word.to_ascii_lowercase().as_str() {
        "http" | "http1" | "h1" => Protocol::Http,
        "h2" | "h2c" | "http2" => Protocol::Http2,
        "grpc" => Protocol::Grpc,
        "https" | "grpcs" | "h1-ssl" | "h2-ssl" | "tls" => Protocol::Https,
        "tcp" | "fcgi" => Protocol::Tcp,
        "auto_http" => Protocol::Undeclared,
        _ => return None,
    })
}
