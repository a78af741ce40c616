//! Ports of Services that lead to one port of the pods.

use super::group::Group;
use super::{PortConflict, declaration, list, name_of, port_name, said, services, word};
use crate::config::PortStyle;
use crate::manifest::{Field, Protocol, ProtocolClass, ServicePort, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Safety};

/// The code of `istioctl analyze` for one target of several port numbers.
const SHARED_TARGET: &str = "IST0137";

/// Field order of a Service's port as people write it.
const PORT_FIELDS: &[&str] = &["name", "appProtocol", "protocol", "port", "targetPort", "nodePort"];

/// Ports that lead to one port of the pods.
pub(super) fn finding(cx: &Context<'_>, workload: Workload<'_>, group: &Group<'_>) -> Finding {
    let at = declaration(workload, group.number).unwrap_or_else(|| name_of(workload));
    let number = group.number;
    let said = said(cx, &group.ports);
    let declared = group.declared();
    let undeclared: Vec<ServicePort<'_>> = group.of(Protocol::Undeclared);
    let base = |message: String| {
        let finding = Finding::new(&PortConflict::META, workload, at, message);
        let mut finding = group.ports.iter().fold(finding, |finding, port| {
            finding.related(port.field, format!("{} for {}", word(*port), port_name(cx, *port)))
        });
        if group.numbers().len() > 1 {
            finding.istio = Some(SHARED_TARGET);
        }
        finding
    };
    if group.clashes() {
        let message = format!("port {number} of these pods is {said}");
        return base(message).help(format!(
            "a proxy treats a port of its pod in one way, and the oldest Service decides in which: declare the same \
             protocol {}, or let the application open a port for each protocol",
            if group.services() > 1 { "in all of them" } else { "for both" }
        ));
    }
    if undeclared.is_empty() || declared.is_empty() {
        let numbers: Vec<String> = group.numbers().iter().map(ToString::to_string).collect();
        let message = format!("ports {} of {} lead to one port, {number}", list(&numbers), services(cx, &group.ports));
        return base(message).level(Level::Info).help(
            "that works as long as their protocols agree; `istioctl analyze` warns of it, so keep only the port that \
             clients use if you can",
        );
    }
    let message = format!("port {number} of these pods is {said}");
    let mut finding = base(message).level(Level::Info);
    if group.numbers().len() < 2 {
        finding.istio = None;
    }
    let help = "the oldest Service decides whether the proxy looks at the traffic or trusts what is declared";
    let [word] = declared.as_slice() else {
        return finding.help(format!("{help}: declare the protocol that the application speaks"));
    };
    if let Some((probe, at)) = contradiction(cx, workload, number, *word) {
        let help =
            format!("{help}; but `{probe}` asks the port otherwise than as `{word}`: see first which of them is right");
        return finding.related(at, format!("`{probe}` does not speak `{word}`")).help(help);
    }
    let finding = finding.help(format!("{help}: declare the same everywhere")).snippet(format!("appProtocol: {word}"));
    align(cx, finding, &undeclared, *word)
}

/// A probe of the port that speaks another protocol.
fn contradiction<'w>(
    cx: &Context<'_>,
    workload: Workload<'w>,
    number: i64,
    word: Protocol,
) -> Option<(&'static str, Field<'w>)> {
    let probes = cx.inventory.own_containers(workload).flat_map(|container| {
        container.probes().filter_map(move |probe| {
            let (how, handler) = probe.handler()?;
            let port = probe.port()?;
            let named = || container.ports().find(|declared| Some(declared.text_at(&["name"])) == port.as_str());
            let asked = port.as_i64().or_else(|| named()?.get("containerPort")?.as_i64())?;
            (asked == number).then_some((probe.name, how, handler))
        })
    });
    let contradicts = |(_, how, handler): &(&str, &str, Field<'_>)| match *how {
        "grpc" => !matches!(word, Protocol::Grpc | Protocol::Http2),
        "httpGet" if handler.text_at(&["scheme"]).eq_ignore_ascii_case("https") => word.class() == ProtocolClass::Http,
        "httpGet" => word.class() != ProtocolClass::Http,
        _ => false,
    };
    let mut probes: Vec<_> = probes.collect();
    probes.retain(contradicts);
    probes.first().map(|(name, _, handler)| (*name, *handler))
}

/// Gives the undeclared ports the protocol that the others declare.
fn align(cx: &Context<'_>, mut finding: Finding, undeclared: &[ServicePort<'_>], word: Protocol) -> Finding {
    let not_ours = undeclared.iter().find_map(|port| cx.inventory.not_ours(port.service));
    if let Some(reason) = not_ours {
        finding.refusal = Some(reason.to_owned());
        return finding;
    }
    let is_patched = undeclared.iter().any(|port| cx.inventory.may_service_be_patched(port.service, "ports"));
    if is_patched || cx.options.port_protocol.style != PortStyle::AppProtocol {
        return finding;
    }
    let mut change = Change::default();
    for port in undeclared {
        match port.field.get("appProtocol") {
            Some(field) => change.set(field, word.word()),
            None => change.insert(port.field, &["appProtocol"], word.word(), PORT_FIELDS),
        }
    }
    let names: Vec<String> = undeclared.iter().map(|port| port_name(cx, *port)).collect();
    let title = format!("declare {} as `{word}`", list(&names));
    let consequence = format!("proxies no longer look at this traffic but take it for `{word}`");
    finding.snippet = None;
    finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence, change });
    finding
}
