//! Names of target ports that no pod has, and which of its ports is meant.

use super::{Selected, TargetPort, declared, kind_and_name, target_field};
use crate::manifest::{Container, Field, Role, ServicePort, TargetPort as Target, Workload};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// Field order of a container's port as people write it.
const PORT_FIELDS: &[&str] = &["hostPort", "containerPort", "name", "protocol", "hostIP"];

/// The longest name that a container's port can have (`IANA_SVC_NAME`).
const LONGEST: usize = 15;

/// A Service's port leads to a name that none of its pods has.
pub(super) fn missing(cx: &Context<'_>, port: ServicePort<'_>, name: &str, selected: &Selected<'_>) -> Finding {
    let names: Vec<String> = selected.certain.iter().map(|workload| kind_and_name(*workload)).collect();
    let message = match names.as_slice() {
        [one] => format!("`targetPort: {name}` leads nowhere: no port of {one} has that name"),
        [first, rest @ ..] => {
            format!("`targetPort: {name}` leads nowhere: no port of {first} or {} more has that name", rest.len())
        }
        [] => format!("`targetPort: {name}` leads nowhere"),
    };
    let mut finding = Finding::of(&TargetPort::META, cx.inventory, port.service, target_field(port), message);
    let help = "the Service has no endpoints on this port, so every request to it fails";
    if name.len() > LONGEST {
        return finding.help(format!("{help}; a container's port has at most {LONGEST} characters in its name"));
    }
    let ports: Vec<Field<'_>> = selected.certain.iter().flat_map(|workload| declared(cx, *workload)).collect();
    if let Some(other) = ports.iter().find(|other| other.text_at(&["name"]) == name) {
        let (own, theirs) = (port.transport(), other.text_at(&["protocol"]));
        let theirs = if theirs.is_empty() { "TCP" } else { theirs };
        return finding.related(*other, format!("this port has the name, and is {theirs}")).help(format!(
            "{help}: the Service's port is {own}, the one of that name {theirs}; write the same `protocol`"
        ));
    }
    if let [workload] = selected.certain.as_slice()
        && let Some(proof) = proof(cx, *workload, port, name)
    {
        let number = proof.number;
        finding = proof.shown.into_iter().fold(finding, |finding, (at, remark)| finding.related(at, remark));
        finding = finding.help(format!("{help}; port {number} is the one that is meant"));
        let is_patched = cx.inventory.may_be_patched(*workload, &["containers", "initContainers"]);
        if !selected.is_closed || is_patched {
            return finding.snippet(format!("- containerPort: {number}\n  name: {name}"));
        }
        let mut change = Change::default();
        change.insert(proof.field, &["name"], name, PORT_FIELDS);
        let title = format!("name port {number} of {} `{name}`", kind_and_name(*workload));
        return finding.fix(*workload, Fix { title, safety: Safety::Safe, consequence: String::new(), change });
    }
    let have = have(&ports);
    let only = match ports.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    if let Some(only) = only {
        let number = only.text_at(&["containerPort"]);
        let called = match only.text_at(&["name"]) {
            "" => format!("the pods' only port, {number}, has no name"),
            called => format!("the pods' only port, {number}, is called `{called}`"),
        };
        let target = match only.text_at(&["name"]) {
            "" => number,
            called => called,
        };
        return finding
            .related(only, "the only port that the pods declare")
            .help(format!("{help}; {called}: if it is the one that is meant, lead to it"))
            .snippet(format!("targetPort: {target}"));
    }
    finding.help(format!("{help}; {have}"))
}

/// The names that the pods' ports have, for people.
fn have(ports: &[Field<'_>]) -> String {
    if ports.is_empty() {
        return "the pods declare no port: write the number that the program listens on".to_owned();
    }
    let mut names: Vec<String> = Vec::new();
    for port in ports {
        let number = port.text_at(&["containerPort"]);
        let name = match port.text_at(&["name"]) {
            "" => number.to_owned(),
            name => format!("`{name}` ({number})"),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("the pods have {}", names.join(", "))
}

/// The port that is meant, and what shows it.
struct Proof<'w> {
    field: Field<'w>,
    number: i64,
    shown: Vec<(Field<'w>, String)>,
}

/// The one port without a name that another Service calls by the same name, or that a probe asks where the pod has no
/// other port.
fn proof<'w>(cx: &'w Context<'_>, workload: Workload<'w>, port: ServicePort<'w>, name: &str) -> Option<Proof<'w>> {
    let own: Vec<Container<'w>> =
        cx.inventory.own_containers(workload).filter(|container| container.role == Role::App).collect();
    let transport = port.transport();
    let ports = || own.iter().flat_map(|container| container.ports().map(move |declared| (*container, declared)));
    let is_of_transport = |declared: Field<'_>| match declared.text_at(&["protocol"]) {
        "" => transport == "TCP",
        written => written == transport,
    };
    let same: Vec<(Container<'w>, Field<'w>, i64)> = ports()
        .filter(|(_, declared)| is_of_transport(*declared))
        .filter_map(|(container, declared)| Some((container, declared, declared.get("containerPort")?.as_i64()?)))
        .collect();
    let others = cx.inventory.service_ports_of(workload);
    let alike = others.iter().filter(|other| {
        let (called, wanted) = (other.name(), port.name());
        let is_alike = called == name || !called.is_empty() && called == wanted;
        other.field.id() != port.field.id() && other.is_certain && is_alike && other.transport() == transport
    });
    let shown = alike.filter_map(|other| match other.target() {
        Target::Number(number) => {
            let service = &cx.inventory.resource(other.service).name.name;
            Some((number, (other.field, format!("Service `{service}` leads to port {number} by that name"))))
        }
        Target::Name(_) => None,
    });
    let mut shown: Vec<(i64, (Field<'w>, String))> = shown.collect();
    // Several names for one port: which of them it gets is not written.
    let is_rival = |other: &ServicePort<'_>| match other.target() {
        Target::Name(other_name) => other_name != name && cx.inventory.target_field(workload, *other).is_none(),
        Target::Number(_) => false,
    };
    if others.iter().any(is_rival) {
        return None;
    }
    if let ([(container, _, number)], true) = (same.as_slice(), shown.is_empty()) {
        let probes = container.probes().filter_map(|probe| Some((probe.name, probe.port()?)));
        let asks = probes.filter(|(_, asked)| asked.as_i64() == Some(*number));
        shown.extend(asks.map(|(probe, asked)| {
            (*number, (asked, format!("`{probe}` asks port {number}, the only one that the pod has")))
        }));
    }
    let number = shown.first()?.0;
    let mut wanted = same.iter().filter(|(_, _, own)| *own == number);
    let (_, field, _) = wanted.next().filter(|(_, field, _)| field.text_at(&["name"]).is_empty())?;
    let agree = shown.iter().all(|(other, _)| *other == number) && wanted.next().is_none();
    let shown = shown.into_iter().map(|(_, place)| place).collect();
    agree.then_some(Proof { field: *field, number, shown })
}
