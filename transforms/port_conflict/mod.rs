mod group;

use std::collections::HashMap;

use self::group::{Conflict, Group};
use crate::config::PortStyle;
use crate::manifest::{Field, NodeId, Protocol, ServicePort, Workload, protocol};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags ports of Services that lead to one port of a pod with different protocols.
    ///
    /// ## Why
    /// A proxy treats each port of its pod in one way. Where Services disagree about the protocol, the oldest Service
    /// decides, so the same manifests can behave differently in two clusters: requests of the others lose their routes and
    /// metrics, or bytes that are no HTTP are refused.
    ///
    /// ## Fix
    /// Where some of the ports declare a protocol and others declare none, the others get the same `appProtocol`. Two
    /// declared protocols are a choice for you: the finding shows who says what. Several port numbers for one port of the
    /// pod are only mentioned when the protocols agree, and so is a number that is both TCP and UDP.
    ///
    /// ## Safety
    /// Unsafe: a proxy that looked at the traffic until then takes it for the declared protocol. Only Services that
    /// certainly select the same pods are compared. Names of target ports are looked up in the pods first. With
    /// `rules.port-protocol.style` other than `appProtocol` the finding only shows what is missing.
    PortConflict, "port-conflict", "Services must agree about the protocol of a pod's port",
    level: Level::Warning, after: &["reserved-port", "target-port", "headless-port"], istio: Some("IST0116"),
    safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/port-conflict/undeclared/fix.diff"),
}

/// The code of `istioctl analyze` for one target of several port numbers.
const SHARED_TARGET: &str = "IST0137";

/// Field order of a Service's port as people write it.
const PORT_FIELDS: &[&str] = &["name", "appProtocol", "protocol", "port", "targetPort", "nodePort"];

impl Transform for PortConflict {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        // The same ports lead to several workloads, such as versions of one: that is one problem.
        let mut known: HashMap<Vec<NodeId>, usize> = HashMap::new();
        for workload in cx.inventory.workloads() {
            if workload.runs_to_completion() || workload.is_fragment() {
                continue;
            }
            let ports: Vec<ServicePort<'_>> = group::ports(cx.inventory, workload);
            if ports.len() < 2 || !cx.inventory.is_checked(workload) {
                continue;
            }
            for conflict in group::conflicts(cx.inventory, workload, &ports) {
                let key: Vec<NodeId> = conflict.ports().iter().map(|port| port.field.id()).collect();
                if let Some(at) = known.get(&key) {
                    let finding: &mut Finding = &mut findings[*at];
                    let remark = format!("the pods of {} as well", workload.resource.name);
                    finding.related.push((name_of(workload).loc(), remark));
                    continue;
                }
                known.insert(key, findings.len());
                findings.push(match &conflict {
                    Conflict::Target(group) => target(cx, workload, group),
                    Conflict::Transport(ports) => transport(cx, workload, ports),
                });
            }
        }
    }
}

/// Ports that lead to one port of the pods.
fn target(cx: &Context<'_>, workload: Workload<'_>, group: &Group<'_>) -> Finding {
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
    let finding = finding.help(format!("{help}: declare the same everywhere")).snippet(format!("appProtocol: {word}"));
    align(cx, finding, &undeclared, *word)
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

/// Numbers that are a TCP port and a port of another transport.
fn transport(cx: &Context<'_>, workload: Workload<'_>, ports: &[ServicePort<'_>]) -> Finding {
    let others = ports.iter().filter(|port| port.transport() != "TCP");
    let mut numbers: Vec<i64> = others.clone().filter_map(|port| port.number()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut transports: Vec<&str> = others.map(|port| port.transport()).collect();
    transports.sort_unstable();
    transports.dedup();
    let several = if numbers.len() > 1 { "ports" } else { "port" };
    let are = if numbers.len() > 1 { "are" } else { "is" };
    let written: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let transports = transports.join(" and ");
    let message = format!("{several} {} of {} {are} TCP and {transports}", list(&written), services(cx, ports));
    let at = numbers.first().and_then(|number| declaration(workload, *number)).unwrap_or_else(|| name_of(workload));
    let finding = Finding::new(&PortConflict::META, workload, at, message).level(Level::Info).help(format!(
        "the mesh carries the TCP part only, {transports} goes past it as before; `istioctl analyze` warns of the number \
         that both have, and nothing needs to change where clients expect it"
    ));
    ports.iter().fold(finding, |finding, port| {
        finding.related(port.field, format!("{} is {}", port_name(cx, *port), port.transport()))
    })
}

/// Who says what: "`http` for port 80 of Service `a`, and `tcp` for port 80 of Service `b`".
fn said(cx: &Context<'_>, ports: &[ServicePort<'_>]) -> String {
    let mut words: Vec<(ServicePort<'_>, String)> = Vec::new();
    for port in ports {
        if !words.iter().any(|(known, _)| protocol(known.field) == protocol(port.field)) {
            words.push((*port, port_name(cx, *port)));
        }
    }
    words.sort_by_key(|(port, _)| protocol(port.field) == Protocol::Undeclared);
    let words = words.into_iter().map(|(port, name)| format!("{} for {name}", word(port)));
    list(&words.collect::<Vec<_>>())
}

/// What a port declares, for people.
fn word(port: ServicePort<'_>) -> String {
    match protocol(port.field) {
        Protocol::Undeclared => "undeclared".to_owned(),
        declared => format!("`{declared}`"),
    }
}

fn port_name(cx: &Context<'_>, port: ServicePort<'_>) -> String {
    let service = &cx.inventory.resource(port.service).name.name;
    format!("port {} of Service `{service}`", port.number().unwrap_or_default())
}

/// The Services of the ports, for people.
fn services(cx: &Context<'_>, ports: &[ServicePort<'_>]) -> String {
    let mut names: Vec<String> = Vec::new();
    for port in ports {
        let name = format!("`{}`", cx.inventory.resource(port.service).name.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("Service{} {}", if names.len() > 1 { "s" } else { "" }, list(&names))
}

fn list(words: &[String]) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        words => words.join(", "),
    }
}

/// Where a container declares the port.
fn declaration(workload: Workload<'_>, number: i64) -> Option<Field<'_>> {
    let ports = workload.containers().flat_map(|container| container.ports());
    ports.filter_map(|port| port.get("containerPort")).find(|port| port.as_i64() == Some(number))
}

fn name_of(workload: Workload<'_>) -> Field<'_> {
    workload.root.at(&["metadata", "name"]).unwrap_or(workload.root)
}
