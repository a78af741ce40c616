//! The ports of Services that meet in one port of a pod, or in one number.

use std::collections::BTreeMap;

use crate::manifest::{Inventory, Protocol, ProtocolClass, ResourceId, ServicePort, Workload, protocol};

/// How many ports of Services are compared with each other: more never lead to one port but by mistake.
const MOST: usize = 16;

/// TCP ports of Services that lead to one port of a pod.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The port of the pod.
    pub(super) number: i64,
    /// Those that lead to it.
    pub(super) ports: Vec<ServicePort<'a>>,
}

/// What is worth a word.
#[derive(Debug, Clone)]
pub(super) enum Conflict<'a> {
    /// They don't say the same of a port of the pods.
    Target(Group<'a>),
    /// One number is a TCP port and a port of another transport.
    Transport(Vec<ServicePort<'a>>),
}

impl<'a> Conflict<'a> {
    pub(super) fn ports(&self) -> &[ServicePort<'a>] {
        match self {
            Conflict::Target(group) => &group.ports,
            Conflict::Transport(ports) => ports,
        }
    }
}

impl<'a> Group<'a> {
    /// The protocols that are declared, each once.
    pub(super) fn declared(&self) -> Vec<Protocol> {
        let mut found: Vec<Protocol> = self.ports.iter().map(|port| protocol(port.field)).collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|protocol| *protocol != Protocol::Undeclared);
        found
    }

    pub(super) fn of(&self, wanted: Protocol) -> Vec<ServicePort<'a>> {
        self.ports.iter().copied().filter(|port| protocol(port.field) == wanted).collect()
    }

    /// True when two declare protocols that the mesh treats differently.
    pub(super) fn clashes(&self) -> bool {
        let declared = self.declared();
        declared.iter().any(|one| one.class() != declared[0].class())
    }

    /// The numbers of the Services' ports, each once.
    pub(super) fn numbers(&self) -> Vec<i64> {
        let mut numbers: Vec<i64> = self.ports.iter().filter_map(|port| port.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// How many Services there are.
    pub(super) fn services(&self) -> usize {
        let mut ids: Vec<_> = self.ports.iter().map(|port| port.service).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}

/// The ports of all Services that certainly lead to the workload's pods. Of Services with one name, of which a cluster
/// can hold only one, the one beside the workload, or the first.
pub(super) fn ports<'w>(inventory: &'w Inventory<'_>, workload: Workload<'w>) -> Vec<ServicePort<'w>> {
    let mut ports = inventory.service_ports_of(workload);
    ports.retain(|port| port.is_certain);
    if ports.len() < 2 {
        return ports;
    }
    let mut chosen: BTreeMap<&str, ResourceId> = BTreeMap::new();
    for port in &ports {
        let service = inventory.resource(port.service);
        let known = chosen.entry(service.name.name.as_str()).or_insert(port.service);
        let is_beside = |id: ResourceId| inventory.resource(id).file == workload.resource.file;
        if is_beside(port.service) && !is_beside(*known) {
            *known = port.service;
        }
    }
    ports.retain(|port| chosen.get(inventory.resource(port.service).name.name.as_str()) == Some(&port.service));
    ports.retain(|port| inventory.service_type(port.service) != "ExternalName");
    ports
}

/// What the ports of a workload's Services disagree about.
pub(super) fn conflicts<'w>(
    inventory: &'w Inventory<'_>,
    workload: Workload<'w>,
    ports: &[ServicePort<'w>],
) -> Vec<Conflict<'w>> {
    let mut by_target: BTreeMap<i64, Vec<ServicePort<'w>>> = BTreeMap::new();
    let mut by_number: BTreeMap<i64, Vec<ServicePort<'w>>> = BTreeMap::new();
    for port in ports {
        let is_other = matches!(port.transport(), "UDP" | "SCTP");
        if let Some(number) = inventory.target_number(workload, *port).filter(|_| !is_other) {
            by_target.entry(number).or_default().push(*port);
        }
        if let Some(number) = port.number() {
            by_number.entry(number).or_default().push(*port);
        }
    }
    let differ = |group: &Group<'_>| {
        let undeclared = group.ports.iter().any(|port| protocol(port.field).class() == ProtocolClass::Undeclared);
        group.clashes() || group.numbers().len() > 1 || undeclared && !group.declared().is_empty()
    };
    let groups = by_target.into_iter().map(|(number, mut ports)| {
        ports.truncate(MOST);
        Group { number, ports }
    });
    let mut found: Vec<Conflict<'w>> = groups.filter(differ).map(Conflict::Target).collect();
    let both: Vec<ServicePort<'w>> = by_number.into_values().filter(|ports| has_both(ports)).flatten().collect();
    if !both.is_empty() {
        found.push(Conflict::Transport(both));
    }
    found
}

/// True when some of the ports are TCP and others are not.
fn has_both(ports: &[ServicePort<'_>]) -> bool {
    let is_other = |port: &&ServicePort<'_>| matches!(port.transport(), "UDP" | "SCTP");
    let others = ports.iter().filter(is_other).count();
    others > 0 && others < ports.len()
}
