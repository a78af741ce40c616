//! Who uses a reserved port, and whether the manifests decide it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::numbers::Reserved;
use crate::manifest::{Bearing, Container, Field, Inventory, PortMention, ResourceId, Workload};

/// A workload's use of one reserved port.
pub(super) struct Usage<'a> {
    pub(super) workload: Workload<'a>,
    pub(super) port: u16,
    /// The items of `ports` that declare it.
    pub(super) declared: Vec<Field<'a>>,
    /// Port fields of probes and lifecycle hooks, with the probe's key.
    pub(super) probes: Vec<(&'static str, Field<'a>)>,
    /// Numbers in settings, those of others left out.
    pub(super) mentions: Vec<PortMention<'a>>,
}

impl<'a> Usage<'a> {
    /// The setting that tells the process to listen there, if one does.
    pub(super) fn proof(&self) -> Option<&PortMention<'a>> {
        self.mentions.iter().find(|mention| mention.bearing == Bearing::Listens)
    }

    /// True when the new number reaches the process: by a setting, or as Knative gives it `PORT`.
    pub(super) fn is_proven(&self) -> bool {
        let is_knative = self.workload.resource.name.group() == "serving.knative.dev";
        self.proof().is_some() || is_knative && !self.declared.is_empty()
    }

    /// True when the pod itself shows that it uses the port; a probe alone may ask the sidecar.
    pub(super) fn is_own(&self) -> bool {
        !self.declared.is_empty() || self.proof().is_some()
    }

    /// True when all that declares the port declares it for UDP.
    pub(super) fn is_udp(&self) -> bool {
        let udp = |port: &Field<'_>| port.text_at(&["protocol"]) == "UDP";
        !self.declared.is_empty() && self.declared.iter().all(udp)
    }

    /// The names under which containers declare it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.declared.iter().map(|port| port.text_at(&["name"])).filter(|name| !name.is_empty())
    }
}

/// All uses of reserved ports in checked workloads, by workload and port.
pub(super) struct Usages<'a> {
    inventory: &'a Inventory<'a>,
    pub(super) all: BTreeMap<(ResourceId, u16), Usage<'a>>,
    /// What [`Usages::used_ports`] found.
    used: RefCell<HashMap<ResourceId, Rc<BTreeSet<u16>>>>,
}

impl<'a> Usages<'a> {
    pub(super) fn read(inventory: &'a Inventory<'a>, reserved: &Reserved<'_>) -> Self {
        let mut all = BTreeMap::new();
        for workload in inventory.workloads() {
            let uses = uses(inventory, workload, reserved);
            if !uses.is_empty() && inventory.is_checked(workload) {
                all.extend(uses.into_iter().map(|usage| ((workload.id, usage.port), usage)));
            }
        }
        Usages { inventory, all, used: RefCell::default() }
    }

    /// All ports that a workload's manifests show in use, so that a new number is a free one.
    pub(super) fn used_ports(&self, id: ResourceId) -> Rc<BTreeSet<u16>> {
        let mut used = self.used.borrow_mut();
        let read = || self.inventory.workload(id).map(|workload| used_ports(self.inventory, workload));
        used.entry(id).or_insert_with(|| Rc::new(read().unwrap_or_default())).clone()
    }

    pub(super) fn of(&self, workload: ResourceId, port: u16) -> Option<&Usage<'a>> {
        self.all.get(&(workload, port))
    }
}

fn uses<'a>(inventory: &'a Inventory<'_>, workload: Workload<'a>, reserved: &Reserved<'_>) -> Vec<Usage<'a>> {
    let mut uses: BTreeMap<u16, Usage<'a>> = BTreeMap::new();
    let wanted = |port: u16| reserved.contains(port);
    let number =
        |field: Field<'_>| field.as_i64().and_then(|number| u16::try_from(number).ok()).filter(|port| wanted(*port));
    let new = |port: u16| Usage { workload, port, declared: Vec::new(), probes: Vec::new(), mentions: Vec::new() };
    for container in inventory.own_containers(workload) {
        for item in container.ports() {
            if let Some(port) = item.get("containerPort").and_then(number) {
                uses.entry(port).or_insert_with(|| new(port)).declared.push(item);
            }
        }
        for probe in container.probes().chain(container.hooks()) {
            if let Some((port, field)) = probe.port().and_then(|field| Some((number(field)?, field))) {
                uses.entry(port).or_insert_with(|| new(port)).probes.push((probe.name, field));
            }
        }
    }
    for mention in inventory.port_mentions(workload, &wanted) {
        if mention.bearing != Bearing::Elsewhere {
            let port = mention.port;
            uses.entry(port).or_insert_with(|| new(port)).mentions.push(mention);
        }
    }
    uses.into_values().collect()
}

/// All ports that a workload's manifests show in use.
fn used_ports(inventory: &Inventory<'_>, workload: Workload<'_>) -> BTreeSet<u16> {
    let number = |field: Field<'_>| field.as_i64().and_then(|number| u16::try_from(number).ok());
    let declared = |container: Container<'_>| {
        let fields = container.ports().flat_map(|port| [port.get("containerPort"), port.get("hostPort")]);
        let probes = container.probes().chain(container.hooks()).map(|probe| probe.port());
        fields.chain(probes).flatten().filter_map(number).collect::<Vec<_>>()
    };
    let mentions = inventory.port_mentions(workload, &|_| true).into_iter().map(|mention| mention.port);
    workload.containers().flat_map(declared).chain(mentions).collect()
}
