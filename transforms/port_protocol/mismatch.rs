//! Ports that declare a protocol against what the manifests show.

use super::evidence::{Case, Evidence, Source, Strength, spoken};
use super::undeclared::related;
use super::verdict::{Verdict, is_http1, is_http2};
use super::{PortProtocol, declare, label};
use crate::manifest::{Field, Protocol, ProtocolClass, ServicePort};
use crate::rule::{Context, Finding};

pub(super) fn finding(cx: &Context<'_>, case: &Case<'_>, declared: Protocol) -> Option<Finding> {
    let verdict = case.verdict_of_others();
    let (best, doubt) = match verdict {
        Verdict::Known(best) => (Some(best), None),
        // The name of the container's port is the same person's word.
        Verdict::Disputed(best, name) if best.strength == Strength::High && name.source == Source::Name => {
            (Some(best), Some(name))
        }
        _ => (None, None),
    };
    if let Some((best, why)) = best.and_then(|best| Some((best, contradiction(declared, best)?))) {
        return Some(contradicted(cx, case, declared, best, doubt, why));
    }
    names_differ(cx, case.port, declared, &verdict)
}

/// What happens where a port that is declared so carries what the evidence shows; `None` where that is well.
fn contradiction(declared: Protocol, best: &Evidence<'_>) -> Option<&'static str> {
    let is_http = |protocol: Protocol| protocol.class() == ProtocolClass::Http;
    let carried = best.protocol;
    if is_http(declared) && carried == Protocol::Tcp {
        Some("the proxy reads the bytes as HTTP requests and refuses them")
    } else if is_http(declared) && carried.is_tls() {
        Some("the proxy reads the TLS handshake as an HTTP request and refuses it")
    } else if is_http1(declared) && is_http2(carried) {
        Some("the proxy speaks HTTP/1.1 to the application, which expects HTTP/2")
    } else if declared.is_tls() && is_http(carried) {
        // An Ingress by itself does not say whether it speaks TLS to its backend.
        matches!(best.source, Source::Probe | Source::Scrape)
            .then_some("the proxy takes plain requests for TLS: it passes them on without routes, retries and metrics")
    } else if declared.class() == ProtocolClass::Tcp && is_http(carried) {
        Some("the proxy passes the requests on as bytes: no routes, retries, metrics or policies by request")
    } else {
        None
    }
}

fn contradicted(
    cx: &Context<'_>,
    case: &Case<'_>,
    declared: Protocol,
    best: &Evidence<'_>,
    doubt: Option<&Evidence<'_>>,
    why: &'static str,
) -> Finding {
    let port = case.port;
    let (at, decides) = deciding(port);
    let message = format!("{decides} declares {} as {}, but {}", label(port), spoken(declared), best.says);
    let mut finding = Finding::of(&PortProtocol::META, cx.inventory, port.service, at, message);
    finding.istio = None;
    let finding = related(finding, best);
    if let Some(doubt) = doubt {
        let help = format!("{why}; but {}: ask its owners which is right", doubt.says);
        return related(finding.help(help), doubt);
    }
    let is_about_tls = declared.is_tls() || best.protocol.is_tls();
    let mut others = cx.inventory.ports_of(port.service).filter(|other| other.field.id() != port.field.id());
    if let Some(other) = others.find(|other| is_about_tls && other.target() == port.target()) {
        let help = format!(
            "{why}; {} leads to the same port of the pods, which may speak both: ask its owners which of them is right",
            label(other)
        );
        return finding.help(help).related(other.field, "leads to the same port of the pods");
    }
    declare::fix(cx, case, best.protocol, Some(declared), finding.help(why))
}

/// The field that decides, and how to call it.
fn deciding(port: ServicePort<'_>) -> (Field<'_>, String) {
    let text = |field: Field<'_>| field.text().unwrap_or_default().to_owned();
    if let Some(field) = port.field.get("appProtocol").filter(|field| field.as_str().is_some()) {
        return (field, format!("`appProtocol: {}`", text(field)));
    }
    match port.field.get("name") {
        Some(field) if Protocol::of_port_name(port.name()) != Protocol::Undeclared => (field, "the name".to_owned()),
        _ => (port.field.get("port").unwrap_or(port.field), "the number".to_owned()),
    }
}

/// A name that says something else than `appProtocol`, which wins.
fn names_differ(
    cx: &Context<'_>,
    port: ServicePort<'_>,
    declared: Protocol,
    verdict: &Verdict<'_, '_>,
) -> Option<Finding> {
    let field = port.field.get("appProtocol").filter(|field| field.as_str().is_some())?;
    let named = Protocol::of_port_name(port.name());
    let is_grpc = |protocol: Protocol| protocol == Protocol::Grpc;
    let differ = named.class() != declared.class()
        || is_grpc(named) && is_http1(declared)
        || is_http1(named) && is_grpc(declared);
    let is_confirmed = matches!(verdict, Verdict::Known(best) if best.protocol.class() == declared.class());
    if named == Protocol::Undeclared || !differ || is_confirmed {
        return None;
    }
    let word = field.text().unwrap_or_default();
    let message = format!("the name of {} says {}, but `appProtocol` says `{word}`", label(port), spoken(named));
    let mut finding = Finding::of(&PortProtocol::META, cx.inventory, port.service, field, message);
    finding.istio = None;
    let help = format!(
        "Istio goes by `appProtocol` and takes the port for {}: change the one that is wrong, so that people read the same",
        spoken(declared)
    );
    let name = port.field.get("name")?;
    Some(finding.help(help).related(name, format!("the name says {}", spoken(named))))
}
