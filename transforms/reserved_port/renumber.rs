//! Renumbering: everything that must change together, over all files, or the reason why it can't.

use std::collections::{BTreeMap, BTreeSet};

use super::numbers::Reserved;
use super::references;
use super::usage::{Usage, Usages, used_ports};
use crate::manifest::{Bearing, Field, Inventory, ResourceId, Workload};
use crate::rule::{Change, Safety};

/// Field order of a Service's port in the Kubernetes API.
pub(super) const SERVICE_PORT_FIELDS: &[&str] = &["name", "protocol", "appProtocol", "port", "targetPort", "nodePort"];

/// A place that changes with the port.
pub(super) struct Place<'a> {
    pub(super) field: Field<'a>,
    /// What it is, for people: "`targetPort` of Service/web".
    pub(super) what: String,
}

/// One port of a set of workloads that must change together, and all that refers to it.
pub(super) struct Renumbering<'a> {
    /// The workloads that listen there.
    pub(super) members: Vec<ResourceId>,
    pub(super) to: Option<u16>,
    pub(super) places: Vec<Place<'a>>,
    pub(super) change: Change,
    /// Why nothing can be changed.
    pub(super) blockers: Vec<String>,
    /// Why a person has to look at it.
    pub(super) doubts: Vec<String>,
}

impl<'a> Renumbering<'a> {
    /// Whether the change needs a person.
    pub(super) fn safety(&self) -> Safety {
        if self.doubts.is_empty() { Safety::Safe } else { Safety::Unsafe }
    }
}

/// Collects a renumbering.
pub(super) struct Builder<'a, 'c> {
    pub(super) inventory: &'a Inventory<'a>,
    pub(super) usages: &'c Usages<'a>,
    pub(super) port: u16,
    /// The new number; the old one where none is free, so that the places are still known.
    pub(super) to: u16,
    pub(super) members: BTreeSet<ResourceId>,
    pub(super) services: BTreeSet<ResourceId>,
    places: Vec<Place<'a>>,
    pub(super) change: Change,
    blockers: BTreeSet<String>,
    doubts: BTreeSet<String>,
}

/// The renumberings of all uses, each workload's port in exactly one of them.
pub(super) fn renumberings<'a>(
    inventory: &'a Inventory<'a>,
    usages: &Usages<'a>,
    reserved: &Reserved<'_>,
) -> Vec<(u16, Renumbering<'a>)> {
    let mut done: BTreeSet<(ResourceId, u16)> = BTreeSet::new();
    // Numbers that ports of the same pods have been given already.
    let mut given: BTreeMap<ResourceId, BTreeSet<u16>> = BTreeMap::new();
    let mut all = Vec::new();
    for ((workload, port), usage) in &usages.all {
        if !usage.is_own() || done.contains(&(*workload, *port)) {
            continue;
        }
        let mut builder = Builder {
            inventory,
            usages,
            port: *port,
            to: *port,
            members: BTreeSet::new(),
            services: BTreeSet::new(),
            places: Vec::new(),
            change: Change::default(),
            blockers: BTreeSet::new(),
            doubts: BTreeSet::new(),
        };
        builder.grow(*workload);
        let mut used: BTreeSet<u16> = BTreeSet::new();
        for member in &builder.members {
            used.extend(inventory.workload(*member).into_iter().flat_map(|workload| used_ports(inventory, workload)));
            used.extend(given.get(member).into_iter().flatten());
        }
        let to = reserved.new_number(*port, &used);
        match to {
            Some(to) => builder.to = to,
            None => builder.block("no free port was found for it: name one in `rules.reserved-port.portMap`"),
        }
        builder.collect();
        for member in &builder.members {
            done.insert((*member, *port));
            given.entry(*member).or_default().extend(to);
        }
        all.push((*port, builder.finish(to)));
    }
    all
}

impl<'a> Builder<'a, '_> {
    pub(super) fn block(&mut self, reason: impl Into<String>) {
        self.blockers.insert(reason.into());
    }

    pub(super) fn doubt(&mut self, reason: impl Into<String>) {
        self.doubts.insert(reason.into());
    }

    pub(super) fn name(&self, id: ResourceId) -> String {
        let name = &self.inventory.resource(id).name;
        format!("{}/{}", name.kind, name.name)
    }

    /// The field gets the new number, in the type that it has.
    pub(super) fn set(&mut self, field: Field<'a>, what: String) {
        let to = self.to;
        if field.as_str().is_some() {
            self.change.set(field, to.to_string())
        } else {
            self.change.set(field, to)
        }
        self.places.push(Place { field, what });
    }

    /// A range of the field's text becomes the new number.
    pub(super) fn splice(&mut self, field: Field<'a>, range: std::ops::Range<usize>, what: String) {
        self.change.splice(field, range, self.to.to_string());
        self.places.push(Place { field, what });
    }

    pub(super) fn note(&mut self, field: Field<'a>, what: String) {
        self.places.push(Place { field, what });
    }

    /// Adds the workload, and all that share a Service or a ConfigMap with it in a way that binds them to one number.
    fn grow(&mut self, first: ResourceId) {
        let mut queue = vec![first];
        while let Some(id) = queue.pop() {
            if !self.members.insert(id) {
                continue;
            }
            let Some(workload) = self.inventory.workload(id) else { continue };
            let services = self.inventory.services_of(workload);
            for service in services.possible {
                if self.numeric_targets(service).next().is_none() || !self.services.insert(service) {
                    continue;
                }
                if !services.certain.contains(&service) {
                    let name = self.name(service);
                    self.doubt(format!("{name} may select other pods instead of these"));
                }
                for other in self.inventory.workloads_of(service).possible {
                    self.join(other, service, &mut queue);
                }
            }
            let maps: BTreeSet<ResourceId> = self
                .usage(id)
                .into_iter()
                .flat_map(|usage| {
                    let told = usage.mentions.iter().filter(|mention| mention.bearing <= Bearing::Local);
                    told.filter_map(|mention| mention.config_map).collect::<Vec<_>>()
                })
                .collect();
            for map in maps {
                let users = self.inventory.users_of(map);
                for other in users.possible {
                    if !self.is_part_of_a_member(other) {
                        self.join(other, map, &mut queue);
                    }
                }
                if self.inventory.root(map).and_then(|root| root.get("immutable")).is_some_and(|field| field.is_true())
                {
                    let name = self.name(map);
                    self.block(format!("{name} is immutable: it needs a new name"));
                }
            }
        }
    }

    /// A kustomize patch of a member reads what the member reads.
    fn is_part_of_a_member(&self, id: ResourceId) -> bool {
        let workload = self.inventory.workload(id).filter(|workload| workload.resource.is_fragment);
        workload.is_some_and(|patch| {
            let patched = self.inventory.patched_by(patch);
            !patched.is_empty() && patched.iter().all(|whole| self.members.contains(&whole.id))
        })
    }

    /// Another workload behind the same Service or ConfigMap changes along, or nothing changes.
    fn join(&mut self, other: ResourceId, through: ResourceId, queue: &mut Vec<ResourceId>) {
        if self.usages.of(other, self.port).is_some() {
            queue.push(other);
            return;
        }
        let (through, other) = (self.name(through), self.name(other));
        self.block(format!("{through} also belongs to {other}, which does not use port {}", self.port));
    }

    fn usage(&self, id: ResourceId) -> Option<&Usage<'a>> {
        self.usages.of(id, self.port)
    }

    /// The items of a Service's `ports` that send to the port by its number: with `targetPort`, or without one.
    pub(super) fn numeric_targets(&self, service: ResourceId) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let port = i64::from(self.port);
        let ports = self.inventory.root(service).and_then(|root| root.at(&["spec", "ports"]));
        ports.into_iter().flat_map(Field::items).filter(move |item| {
            let target = item.get("targetPort").filter(|target| !target.is_null() && target.as_i64() != Some(0));
            let number = target.or_else(|| item.get("port"));
            number.and_then(|number| number.as_i64()) == Some(port)
        })
    }

    /// Adds everything that changes with the port.
    fn collect(&mut self) {
        for id in self.members.clone() {
            if let Some(workload) = self.inventory.workload(id) {
                self.workload(workload);
            }
        }
        for id in self.services.clone() {
            self.service(id);
        }
        references::collect(self);
    }

    fn workload(&mut self, workload: Workload<'a>) {
        let name = self.name(workload.id);
        let usages = self.usages;
        let Some(usage) = usages.of(workload.id, self.port) else { return };
        if !usage.is_proven() {
            self.block(format!("nothing in {name} tells the process where to listen"));
        }
        if let Some(reason) = self.inventory.whole(workload).into_iter().find_map(Workload::not_ours) {
            self.block(format!("{name}: {reason}"));
        }
        if let Some(reason) = workload.immutable() {
            self.doubt(format!("{reason}: delete and create {name} anew"));
        }
        if let Some((one, other)) = self.inventory.disagreement(workload.id) {
            self.block(format!("{one} and {other} both deploy {name}, one of them outside the mesh"));
        }
        for part in self.inventory.whole(workload).into_iter().filter(|part| part.id != workload.id) {
            if !used_ports(self.inventory, part).contains(&self.port) {
                continue;
            }
            let file = self.inventory.file_name(part.resource.file);
            self.block(format!("the kustomize patch {file} uses port {} too", self.port));
        }
        if self.inventory.may_be_patched_unseen(workload, &["containers", "initContainers"]) {
            self.doubt(format!("a kustomization may patch the containers of {name}"));
        }
        for item in &usage.declared {
            if let Some(field) = item.get("containerPort") {
                self.set(field, format!("`containerPort` of {name}"));
            }
            if item.get("hostPort").and_then(|field| field.as_i64()) == Some(i64::from(self.port)) {
                self.doubt(format!("`hostPort: {}` of {name} stays", self.port));
            }
        }
        for (probe, field) in &usage.probes {
            self.set(*field, format!("`{probe}` of {name}"));
        }
        for mention in &usage.mentions {
            let setting = if mention.setting.is_empty() { "the command line" } else { &mention.setting };
            let holder = mention.config_map.map_or_else(|| name.clone(), |map| self.name(map));
            if mention.bearing == Bearing::Unclear {
                self.doubt(format!("{} also stands in `{setting}` of {holder}, which is left as it is", self.port));
                continue;
            }
            self.splice(mention.at, mention.range.clone(), format!("`{setting}` of {holder}"));
        }
        if self.services.is_empty() && self.inventory.services_of(workload).possible.is_empty() && !is_knative(workload)
        {
            self.doubt(format!(
                "no Service here selects the pods of {name}; one elsewhere that sends to port {} would have to follow",
                self.port
            ));
        }
    }

    fn service(&mut self, id: ResourceId) {
        let name = self.name(id);
        let Some(root) = self.inventory.root(id) else { return };
        if root.at(&["metadata", "ownerReferences"]).is_some_and(|owners| owners.items().next().is_some()) {
            self.block(format!("{name} has ownerReferences: change the resource that made it"));
        }
        let headless = root.text_at(&["spec", "clusterIP"]) == "None";
        for item in self.numeric_targets(id) {
            if headless {
                self.doubt(format!(
                    "{name} is headless: its clients connect to port {} of the pods and must follow",
                    self.port
                ));
            }
            match item.get("targetPort").filter(|target| !target.is_null()) {
                Some(target) => self.set(target, format!("`targetPort` of {name}")),
                None => {
                    let to = self.to;
                    self.change.insert(item, &["targetPort"], to, SERVICE_PORT_FIELDS);
                    self.note(item, format!("`targetPort` of {name}"));
                }
            }
        }
    }

    fn finish(mut self, to: Option<u16>) -> Renumbering<'a> {
        self.places.sort_by_key(|place| place.field.loc());
        Renumbering {
            members: self.members.into_iter().collect(),
            to,
            places: self.places,
            change: self.change,
            blockers: self.blockers.into_iter().collect(),
            doubts: self.doubts.into_iter().collect(),
        }
    }
}

fn is_knative(workload: Workload<'_>) -> bool {
    workload.resource.name.group() == "serving.knative.dev"
}
