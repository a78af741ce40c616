//! Numbers of target ports that no container declares.

use super::{Selected, TargetPort, declared, kind_and_name, target_field};
use crate::manifest::{Field, ServicePort, Workload};
use crate::rule::{Context, Finding, Level};

/// A Service's port leads to a number that the pods do not declare, though they declare others, and that nothing else
/// of them speaks of.
pub(super) fn undeclared(
    cx: &Context<'_>,
    port: ServicePort<'_>,
    wanted: i64,
    selected: &Selected<'_>,
) -> Option<Finding> {
    let number = u16::try_from(wanted).ok().filter(|number| *number > 0)?;
    if !selected.is_closed {
        return None;
    }
    let transport = port.transport();
    let mut all: Vec<Field<'_>> = Vec::new();
    for workload in &selected.certain {
        let ports = declared(cx, *workload);
        let of_transport = |port: &&Field<'_>| match port.text_at(&["protocol"]) {
            "" => transport == "TCP",
            written => written == transport,
        };
        let before = all.len();
        all.extend(ports.iter().filter(of_transport));
        // A pod that declares nothing says nothing.
        if all.len() == before || speaks_of(cx, *workload, number) {
            return None;
        }
    }
    let has = |port: &Field<'_>| port.get("containerPort").and_then(|port| port.as_i64()) == Some(wanted);
    if selected.possible.iter().any(|workload| declared(cx, *workload).iter().any(has)) {
        return None;
    }
    let at = target_field(port);
    let names: Vec<String> = selected.certain.iter().map(|workload| kind_and_name(*workload)).collect();
    let mut numbers: Vec<&str> = all.iter().map(|port| port.text_at(&["containerPort"])).collect();
    numbers.dedup();
    let what = if port.field.get("targetPort").is_some() { "targetPort" } else { "port" };
    let (who, declare) = match names.as_slice() {
        [one] => (one.clone(), "declares"),
        several => (format!("the {} selected workloads", several.len()), "declare"),
    };
    let message = format!(
        "`{what}: {wanted}` leads to a port that no container declares: {who} {declare} {}",
        numbers.join(", ")
    );
    let finding = Finding::of(&TargetPort::META, cx.inventory, port.service, at, message).level(Level::Info);
    Some(all.iter().take(3).fold(finding, |finding, port| finding.related(*port, "declared")).help(
        "a program can listen on a port that it does not declare; if this one does not, every request to the Service's \
         port fails: declare the port, or lead to one that is there",
    ))
}

/// True when the workload itself speaks of the number: a probe asks it, or a setting gives it.
fn speaks_of(cx: &Context<'_>, workload: Workload<'_>, number: u16) -> bool {
    let containers = || workload.containers();
    let probes = containers().flat_map(|container| container.probes().chain(container.hooks()));
    let asked = probes.filter_map(|probe| probe.port()?.as_i64()).any(|port| port == i64::from(number));
    asked || !cx.inventory.port_mentions(workload, &|port| port == number).is_empty()
}
