//! Ports of the pods that no Service lists.

use std::collections::HashSet;

use super::{HeadlessPort, declared};
use crate::manifest::{Field, NodeId, ResourceId, Workload};
use crate::rule::{Context, Finding, Level};

/// Parts of names of ports that other pods of the application have no use for.
const NOT_FOR_CLIENTS: &[&str] = &["metrics", "prom", "monitor", "health", "probe", "debug", "jmx"];

/// Declared ports of the pods that none of their Services lists.
pub(super) fn finding(
    cx: &Context<'_>,
    id: ResourceId,
    workloads: &[Workload<'_>],
    missed: &mut HashSet<NodeId>,
) -> Option<Finding> {
    let mut ports: Vec<Field<'_>> = Vec::new();
    for workload in workloads {
        let listed = cx.inventory.service_ports_of(*workload);
        let number = |port: Field<'_>| port.get("containerPort").and_then(|port| port.as_i64());
        let is_listed = |port: Field<'_>| {
            listed.iter().any(|one| one.leads_to(port) || cx.inventory.target_number(*workload, *one) == number(port))
        };
        let is_for_clients = |port: Field<'_>| {
            let name = port.text_at(&["name"]).to_ascii_lowercase();
            let transport = matches!(port.text_at(&["protocol"]), "" | "TCP");
            transport && !NOT_FOR_CLIENTS.iter().any(|part| name.contains(part))
        };
        let is_missing = |port: &Field<'_>| number(*port).is_some() && is_for_clients(*port) && !is_listed(*port);
        ports.extend(declared(cx, *workload).filter(is_missing));
    }
    ports.retain(|port| missed.insert(port.id()));
    let first = ports.first()?;
    let mut names: Vec<String> = Vec::new();
    for port in &ports {
        let number = port.text_at(&["containerPort"]);
        let name = match port.text_at(&["name"]) {
            "" => number.to_owned(),
            name => format!("{number} (`{name}`)"),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let several = if names.len() > 1 { "s" } else { "" };
    let message = format!("no Service lists port{several} {} of its pods", names.join(", "));
    let at = cx.inventory.root(id)?.at(&["spec", "ports"])?;
    let name = first.text_at(&["name"]);
    let number = first.text_at(&["containerPort"]);
    let snippet =
        if name.is_empty() { format!("- port: {number}") } else { format!("- name: {name}\n  port: {number}") };
    let finding = Finding::of(&HeadlessPort::META, cx.inventory, id, at, message).level(Level::Info).help(
        "clients that ask the pods' own addresses on it go past the mesh: no mutual TLS, no metrics, and a refusal where \
         mutual TLS is strict; list it if other pods use it",
    );
    Some(ports.iter().fold(finding, |finding, port| finding.related(*port, "declared here")).snippet(snippet))
}
