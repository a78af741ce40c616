//! Services whose own port, or target port, is one of the mesh's.

use super::numbers::Reserved;
use super::usage::Usages;
use super::{HELP, ReservedPort};
use crate::manifest::{Field, ProtocolClass, ResourceId, protocol};
use crate::rule::{Context, Finding, Level};

/// Service ports for which a sidecar makes no HTTP listener, since its own ones have them (`conflictWithReservedListener`
/// of istio/istio).
const LISTENERS: &[i64] = &[15001, 15006, 15021, 15090];

pub(super) fn check(cx: &Context<'_>, reserved: &Reserved<'_>, usages: &Usages<'_>, findings: &mut Vec<Finding>) {
    for id in cx.inventory.services() {
        let Some(ports) = cx.inventory.root(id).and_then(|root| root.at(&["spec", "ports"])) else { continue };
        for item in ports.items() {
            let number = |key: &str| item.get(key).filter(|field| is_reserved(reserved, *field));
            let (port, target) = (number("port"), number("targetPort"));
            if (port.is_some() || target.is_some()) && cx.inventory.is_checked_service(id) {
                findings.extend(port.and_then(|field| own_port(cx, id, item, field)));
                findings.extend(target.and_then(|field| target_port(cx, reserved, usages, id, field)));
            }
        }
    }
}

fn is_reserved(reserved: &Reserved<'_>, field: Field<'_>) -> bool {
    field.as_i64().and_then(|number| u16::try_from(number).ok()).is_some_and(|port| reserved.contains(port))
}

/// A Service port that sidecars of clients can't listen on.
fn own_port(cx: &Context<'_>, id: ResourceId, item: Field<'_>, field: Field<'_>) -> Option<Finding> {
    let port = field.as_i64().filter(|port| LISTENERS.contains(port))?;
    let finding = |message: String| Finding::of(&ReservedPort::META, cx.inventory, id, field, message);
    Some(match protocol(item).class() {
        ProtocolClass::Http => {
            finding(format!("clients in the mesh can't reach HTTP port {port} of this Service by its name"))
                .level(Level::Warning)
                .help(
                    "each sidecar's own listener has that number, so it makes none for the Service: add a second port, \
                 move the clients to it, then remove this one",
                )
        }
        ProtocolClass::Tcp | ProtocolClass::Udp | ProtocolClass::Undeclared => {
            finding(format!("Service port {port} is a port of the mesh"))
                .level(Level::Info)
                .help("it works for TCP; were it declared as HTTP, clients in the mesh could not reach it by its name")
        }
    })
}

/// A target port that the selected pods do not show by themselves.
fn target_port(
    cx: &Context<'_>,
    reserved: &Reserved<'_>,
    usages: &Usages<'_>,
    id: ResourceId,
    field: Field<'_>,
) -> Option<Finding> {
    let port = field.as_i64().and_then(|number| u16::try_from(number).ok())?;
    let workloads = cx.inventory.workloads_of(id).possible;
    // Where a pod shows it, the pod's finding speaks of this place too.
    if workloads.is_empty() || workloads.iter().any(|workload| usages.of(*workload, port).is_some()) {
        return None;
    }
    let owner = reserved.owner(port);
    Some(
        Finding::of(
            &ReservedPort::META,
            cx.inventory,
            id,
            field,
            format!("`targetPort: {port}` is a port of the mesh: {owner}"),
        )
        .help(format!("{HELP}: let the application listen on another port, and send to that one")),
    )
}
