use std::collections::HashSet;

use serde_json::{Value, json};

use crate::manifest::{Field, NodeId, ResourceId, Role, ServicePort, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags headless Services whose ports are not those that their pods really have.
    ///
    /// ## Why
    /// The name of a headless Service leads to its pods' own addresses. The mesh knows that traffic only by the ports the
    /// Service lists: what comes to another port of the same pods belongs to no Service, so it goes without mutual TLS,
    /// routes and metrics. And nothing translates numbers, so a client of `port: 80` asks port 80 of the pod, whatever
    /// `targetPort` says.
    ///
    /// ## Fix
    /// A Service without ports gets those that its pods' containers declare, by the same names and numbers. A number that
    /// differs from its target, and declared ports that no Service of the pods lists, are reported.
    ///
    /// ## Safety
    /// Unsafe: the mesh then takes part in connections that it passed by, by the protocol that a port's name declares.
    /// Ports whose names say that they are for metrics, health or debugging are not missed.
    HeadlessPort, "headless-port", "headless Services must list the ports that clients use",
    level: Level::Warning, after: &["reserved-port", "target-port"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/headless-port/no-ports/fix.diff"),
}

/// Field order of a Service's spec as people write it.
const SPEC_FIELDS: &[&str] = &["type", "clusterIP", "publishNotReadyAddresses", "ports", "selector"];

/// Parts of names of ports that other pods of the application have no use for.
const NOT_FOR_CLIENTS: &[&str] = &["metrics", "prom", "monitor", "health", "probe", "debug", "jmx"];

impl Transform for HeadlessPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut missed = HashSet::new();
        for id in cx.inventory.services() {
            if !cx.inventory.is_headless(id) || cx.inventory.service_type(id) == "ExternalName" {
                continue;
            }
            if !cx.inventory.is_checked_service(id) || cx.inventory.may_service_be_patched(id, "ports") {
                continue;
            }
            let ports: Vec<ServicePort<'_>> = cx.inventory.ports_of(id).collect();
            if ports.is_empty() {
                findings.extend(without_ports(cx, id));
                continue;
            }
            let workloads = workloads(cx, id);
            findings.extend(ports.iter().filter_map(|port| translated(cx, *port, &workloads)));
            findings.extend(not_listed(cx, id, &workloads, &mut missed));
        }
    }
}

/// The workloads that the Service certainly selects and whose pods stay.
fn workloads<'a>(cx: &'a Context<'_>, service: ResourceId) -> Vec<Workload<'a>> {
    let ids = cx.inventory.workloads_of(service).certain;
    let workloads = ids.into_iter().filter_map(|id| cx.inventory.workload(id));
    workloads.filter(|workload| !workload.runs_to_completion() && !workload.is_fragment()).collect()
}

/// The ports that the containers of a workload declare.
fn declared<'w>(cx: &'w Context<'_>, workload: Workload<'w>) -> impl Iterator<Item = Field<'w>> {
    let stay = cx.inventory.own_containers(workload).filter(|container| container.role == Role::App);
    stay.flat_map(|container| container.ports())
}

/// A number that is not the one behind it.
fn translated(cx: &Context<'_>, port: ServicePort<'_>, workloads: &[Workload<'_>]) -> Option<Finding> {
    let number = port.number()?;
    let field = port.field.get("targetPort")?;
    let behind = match field.as_i64() {
        Some(target) => Some(target).filter(|target| *target != 0 && *target != number),
        None => workloads
            .iter()
            .filter_map(|workload| cx.inventory.target_number(*workload, port))
            .find(|target| *target != number),
    }?;
    let written = field.text().unwrap_or_default();
    let target = if field.as_i64().is_some() { format!("{behind}") } else { format!("{behind} (`{written}`)") };
    let message =
        format!("port {number} of this headless Service is port {target} of its pods, and nothing translates it");
    let help = format!(
        "a client gets the pods' own addresses and asks port {number} there: write `port: {behind}` and let the clients \
         ask that, or give the Service an address of its own by taking out `clusterIP: None`"
    );
    let at = port.field.get("port").unwrap_or(port.field);
    Some(
        Finding::of(&HeadlessPort::META, cx.inventory, port.service, at, message)
            .related(field, format!("the pods' port is {behind}"))
            .help(help)
            .snippet(format!("port: {behind}")),
    )
}

/// Declared ports of the pods that none of their Services lists.
fn not_listed(
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

/// A headless Service that lists no ports.
fn without_ports(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
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
