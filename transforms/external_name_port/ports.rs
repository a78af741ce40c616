//! The ports of Services of `type: ExternalName`.

use super::{ExternalNamePort, target};
use crate::manifest::{Field, Protocol, ProtocolClass, ResourceId, ServicePort, protocol};
use crate::rule::{Change, Context, Finding, Fix, Level, Safety};

/// Field order of a Service's port as people write it.
const PORT_FIELDS: &[&str] = &["name", "appProtocol", "protocol", "port", "targetPort", "nodePort"];

pub(super) fn check(cx: &Context<'_>, id: ResourceId, is_alias: bool, findings: &mut Vec<Finding>) {
    let ports: Vec<ServicePort<'_>> = cx.inventory.ports_of(id).collect();
    if is_alias {
        findings.extend(without_effect(cx, id, &ports));
        return;
    }
    if ports.is_empty() {
        findings.extend(without_ports(cx, id));
    }
    findings.extend(ports.into_iter().filter_map(|port| takes_all(cx, port)));
}

/// As `istioctl analyze` has it: no protocol, or the name `tcp` itself.
fn is_warned_of(port: ServicePort<'_>) -> bool {
    protocol(port.field) == Protocol::Undeclared || port.name() == "tcp"
}

/// The protocol that a number stands for almost everywhere.
pub(super) fn by_number(number: i64) -> Option<&'static str> {
    match number {
        443 => Some("https"),
        80 => Some("http"),
        _ => None,
    }
}

/// The field that names the port, or else its number.
fn place(port: ServicePort<'_>) -> Field<'_> {
    port.field.get("name").or_else(|| port.field.get("port")).unwrap_or(port.field)
}

/// Ports that `istioctl analyze` warns of, although they change nothing any more.
fn without_effect(cx: &Context<'_>, id: ResourceId, ports: &[ServicePort<'_>]) -> Option<Finding> {
    let warned: Vec<ServicePort<'_>> = ports.iter().copied().filter(|port| is_warned_of(*port)).collect();
    let first = *warned.first()?;
    let host = target(cx, id).and_then(|field| field.text())?;
    let names: Vec<String> =
        warned.iter().filter_map(|port| place(*port).text()).map(|name| format!("`{name}`")).collect();
    let what = match names.as_slice() {
        [one] => format!("port {one} has no effect"),
        several => format!("ports {} have no effect", several.join(", ")),
    };
    let message = format!("{what}: this Service is only another name for `{host}`");
    let finding =
        Finding::of(&ExternalNamePort::META, cx.inventory, id, place(first), message).level(Level::Info).help(
            "since Istio 1.21 the ports of an ExternalName Service change nothing, but `istioctl analyze` still warns of \
             their names: take `ports` out, or use a name such as `https`",
        );
    Some(warned.iter().skip(1).fold(finding, |finding, port| finding.related(place(*port), "this one too")))
}

/// A Service without ports, in a mesh that still makes a cluster of it.
fn without_ports(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let field = target(cx, id)?;
    let mut finding = Finding::of(
        &ExternalNamePort::META,
        cx.inventory,
        id,
        field,
        format!("this name for `{}` has no ports, so the mesh does not know it", field.text()?),
    );
    finding.istio = None;
    Some(
        finding
            .help("before Istio 1.21 the mesh knows an ExternalName Service by its ports: list those that clients use")
            .snippet("ports:\n  - name: https\n    port: 443"),
    )
}

/// A port that takes the traffic of all hosts on its number.
fn takes_all(cx: &Context<'_>, port: ServicePort<'_>) -> Option<Finding> {
    let known = protocol(port.field);
    let takes_all = match known.class() {
        ProtocolClass::Undeclared => true,
        ProtocolClass::Tcp => !known.is_tls(),
        ProtocolClass::Http | ProtocolClass::Udp => false,
    };
    let number = port.number().filter(|_| takes_all)?;
    let message = match known {
        Protocol::Undeclared => format!("port {number} of this ExternalName Service declares no protocol"),
        _ => format!("port {number} of this ExternalName Service is `{known}`: it takes traffic to every address"),
    };
    let mut finding = Finding::of(&ExternalNamePort::META, cx.inventory, port.service, place(port), message);
    if !is_warned_of(port) {
        finding.istio = None;
    }
    let finding = finding.help(format!(
        "before Istio 1.21 a TCP port of such a Service matches all addresses, so connections to other hosts on port \
         {number} go to this one; declare `http`, `https` or `tls`, which match by the name of the host"
    ));
    let Some(word) = by_number(number) else {
        return Some(finding.snippet("appProtocol: tls   # or what the host speaks"));
    };
    if cx.inventory.not_ours(port.service).is_some() || cx.inventory.may_service_be_patched(port.service, "ports") {
        return Some(finding.snippet(format!("appProtocol: {word}")));
    }
    let mut change = Change::default();
    match port.field.get("appProtocol") {
        Some(field) => change.set(field, word),
        None => change.insert(port.field, &["appProtocol"], word, PORT_FIELDS),
    }
    let title = format!("declare port {number} as `{word}`");
    let consequence = format!("traffic that is not `{word}` no longer comes through on this port");
    let mut finding = finding;
    finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence, change });
    Some(finding)
}
