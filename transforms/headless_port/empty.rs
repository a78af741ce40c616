//! Headless Services without any port.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{HeadlessPort, declared, workloads};
use crate::manifest::{Field, ResourceId, Workload};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// Field order of a Service's spec as people write it.
const SPEC_FIELDS: &[&str] = &["type", "clusterIP", "publishNotReadyAddresses", "ports", "selector"];

/// A headless Service that lists no ports.
pub(super) fn finding(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let spec = cx.inventory.root(id)?.get("spec")?;
    let at = spec.get("clusterIP")?;
    let finding = Finding::of(&HeadlessPort::META, cx.inventory, id, at, "this headless Service lists no ports");
    let help = "the mesh knows the traffic to its pods only by the Service's ports: now it belongs to no Service, and goes \
                without mutual TLS, routes and metrics; strict mutual TLS refuses it";
    let workloads = workloads(cx, id);
    let Some(items) = items(cx, &workloads) else {
        return Some(finding.help(help).snippet("ports:\n  - name: tcp-peer   # the protocol, and what it is for\n    port: 7000   # the port that the pods listen on"));
    };
    let finding = workloads
        .iter()
        .flat_map(|workload| declared(cx, *workload))
        .fold(finding, |finding, port| finding.related(port, "a port of its pods"));
    let mut finding = finding.help(help);
    let association = cx.inventory.workloads_of(id);
    let is_patched = |workload: &Workload<'_>| cx.inventory.may_be_patched(*workload, &["containers"]);
    if association.certain.len() != association.possible.len() || workloads.iter().any(is_patched) {
        return Some(finding.snippet(snippet(&items)));
    }
    if let Some(reason) = cx.inventory.not_ours(id) {
        finding.refusal = Some(reason.to_owned());
        return Some(finding);
    }
    let numbers: Vec<String> = items.iter().map(|item| item["port"].to_string()).collect();
    let several = if numbers.len() > 1 { "s" } else { "" };
    let title = format!("list port{several} {} of its pods", numbers.join(", "));
    let consequence =
        "proxies take part in connections that they passed by, by the protocol that each port's name declares";
    let mut change = Change::default();
    match spec.get("ports") {
        Some(ports) => change.set(ports, Value::Array(items)),
        None => change.insert(spec, &["ports"], Value::Array(items), SPEC_FIELDS),
    }
    finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change });
    Some(finding)
}

/// The ports for a Service of these workloads; `None` where they declare none, not the same, or names that a Service
/// can't have.
fn items(cx: &Context<'_>, workloads: &[Workload<'_>]) -> Option<Vec<Value>> {
    let mut all = workloads.iter().map(|workload| items_of(cx, *workload));
    let first = all.next().flatten().filter(|items| !items.is_empty())?;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn items_of(cx: &Context<'_>, workload: Workload<'_>) -> Option<Vec<Value>> {
    let ports: Vec<Field<'_>> = declared(cx, workload).collect();
    let (mut seen, mut names) = (HashSet::new(), HashSet::new());
    let mut items = Vec::new();
    for port in &ports {
        let number = port.get("containerPort")?.as_i64()?;
        let transport = port.text_at(&["protocol"]);
        if !seen.insert((number, transport.replace("TCP", ""))) {
            continue;
        }
        let name = match port.text_at(&["name"]) {
            "" if ports.len() == 1 => None,
            "" => Some(format!("port-{number}")),
            name => Some(name.to_owned()),
        };
        if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
            return None;
        }
        let mut item = serde_json::Map::new();
        item.extend(name.map(|name| ("name".to_owned(), json!(name))));
        item.insert("port".to_owned(), json!(number));
        if !matches!(transport, "" | "TCP") {
            item.insert("protocol".to_owned(), json!(transport));
        }
        items.push(Value::Object(item));
    }
    Some(items)
}

fn snippet(items: &[Value]) -> String {
    let mut text = "ports:".to_owned();
    for item in items {
        let entries = item.as_object().into_iter().flatten();
        for (i, (key, value)) in entries.enumerate() {
            let start = if i == 0 { "  - " } else { "    " };
            text.push_str(&format!("\n{start}{key}: {}", value.to_string().trim_matches('"')));
        }
    }
    text
}
