//! Ports of Services, and which container's port each leads to.

use super::container::{Container, Role};
use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// A port of a Service, as it leads to one workload.
#[derive(Debug, Clone, Copy)]
pub struct ServicePort<'a> {
    /// The Service.
    pub service: ResourceId,
    /// True when the Service and the workload are each the other's nearest; otherwise it may select another one.
    pub is_certain: bool,
    /// The entry of `spec.ports`.
    pub field: Field<'a>,
}

impl<'a> ServicePort<'a> {
    /// Its number.
    pub fn number(self) -> Option<i64> {
        self.field.get("port")?.as_i64()
    }

    /// Its name, "" without one.
    pub fn name(self) -> &'a str {
        self.field.text_at(&["name"])
    }

    /// `TCP`, `UDP` or `SCTP`.
    pub fn transport(self) -> &'a str {
        transport(self.field)
    }

    /// Where it leads: the name or the number of a port. Without `targetPort`, or with 0 or "", that is its own number
    /// (Kubernetes' default; Istio's `ConvertService`).
    pub fn target(self) -> TargetPort<'a> {
        let written = self.field.get("targetPort").filter(|field| !field.is_null());
        let name = written.and_then(|field| field.as_str()).filter(|name| !name.is_empty());
        match (name, written.and_then(|field| field.as_i64()).filter(|number| *number != 0)) {
            (Some(name), _) => TargetPort::Name(name),
            (None, Some(number)) => TargetPort::Number(number),
            (None, None) => TargetPort::Number(self.number().unwrap_or_default()),
        }
    }

    /// The number that it leads to, where that is not a name.
    pub fn target_number(self) -> Option<i64> {
        match self.target() {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => None,
        }
    }

    /// True when it leads to this declared port of a container.
    pub fn leads_to(self, port: Field<'_>) -> bool {
        transport(port) == self.transport()
            && match self.target() {
                TargetPort::Name(name) => port.text_at(&["name"]) == name,
                TargetPort::Number(number) => port.get("containerPort").and_then(|port| port.as_i64()) == Some(number),
            }
    }
}

/// What a Service's port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPort<'a> {
    /// The port of this name.
    Name(&'a str),
    /// The port of this number, declared or not.
    Number(i64),
}

impl Inventory<'_> {
    /// The number of the port that a Service's port leads to in the pods of a workload; `None` for a name that none of
    /// its containers has.
    pub fn target_number(&self, workload: Workload<'_>, port: ServicePort<'_>) -> Option<i64> {
        match port.target() {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => self.target_field(workload, port)?.get("containerPort")?.as_i64(),
        }
    }

    /// The declared port of a workload's containers that a Service's port leads to.
    pub fn target_field<'w>(&self, workload: Workload<'w>, port: ServicePort<'_>) -> Option<Field<'w>> {
        let stay = workload.containers().filter(|container| container.role == Role::App);
        stay.flat_map(|container| container.ports()).find(|declared| port.leads_to(*declared))
    }

    /// The ports of all Services that select the workload's pods, or may.
    pub fn service_ports_of<'w>(&'w self, workload: Workload<'w>) -> Vec<ServicePort<'w>> {
        let services = self.services_of(workload);
        let ports = |service: &ResourceId| {
            let (service, is_certain) = (*service, services.certain.contains(service));
            let ports = self.root(service).and_then(|root| root.at(&["spec", "ports"]));
            let ports = ports.into_iter().flat_map(Field::items);
            ports.map(move |field| ServicePort { service, is_certain, field })
        };
        services.possible.iter().flat_map(ports).collect()
    }

    /// The container that a Service's port leads to: the one that declares the port, or the pod's only one where none
    /// does, because a number needs no declaration.
    pub fn container_behind<'w>(&self, workload: Workload<'w>, port: ServicePort<'_>) -> Option<Container<'w>> {
        let apps = || workload.containers().filter(|container| container.role == Role::App);
        let declares = |container: &Container<'_>| container.ports().any(|declared| port.leads_to(declared));
        apps().find(declares).or_else(|| {
            let mut own = self.own_containers(workload).filter(|container| container.role == Role::App);
            let only = own.next().filter(|_| own.next().is_none())?;
            matches!(port.target(), TargetPort::Number(_)).then_some(only)
        })
    }
}

/// The transport of a port of a Service or a container; TCP where none is written.
fn transport(port: Field<'_>) -> &str {
    match port.text_at(&["protocol"]) {
        "" => "TCP",
        transport => transport,
    }
}
