mod group;
mod target;

use std::collections::HashMap;

use self::group::Conflict;
use crate::manifest::{Field, NodeId, Protocol, ServicePort, Workload, protocol};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
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
    level: Level::Warning, after: &["reserved-port", "target-port", "headless-port", "port-protocol"], istio: Some("IST0116"),
    safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/port-conflict/undeclared/fix.diff"),
}

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
                if !conflict.ports().iter().all(|port| cx.inventory.is_checked_service(port.service)) {
                    continue;
                }
                let key: Vec<NodeId> = conflict.ports().iter().map(|port| port.field.id()).collect();
                if let Some(at) = known.get(&key) {
                    let finding: &mut Finding = &mut findings[*at];
                    let remark = format!("the pods of {} as well", workload.resource.name);
                    finding.related.push((name_of(workload).loc(), remark));
                    continue;
                }
                known.insert(key, findings.len());
                findings.push(match &conflict {
                    Conflict::Target(group) => target::finding(cx, workload, group),
                    Conflict::Transport(ports) => transport(cx, workload, ports),
                });
            }
        }
    }
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
