//! Renumbering: everything that must change together, over all files, or the reason why it can't.

use std::collections::{BTreeMap, BTreeSet};

use super::numbers::Reserved;
use super::references;
use super::usage::{Usage, Usages};
use crate::manifest::{Bearing, Field, Inventory, ResourceId, Workload, holds_number, text_holds_number};
use crate::rule::{Change, Safety};
use crate::text::Loc;

/// Field order of a Service's port in the Kubernetes API.
pub(super) const SERVICE_PORT_FIELDS: &[&str] = &["name", "protocol", "appProtocol", "port", "targetPort", "nodePort"];

/// A place that changes with the port.
pub(super) struct Place {
    pub(super) loc: Loc,
    /// What it is, for people: "`targetPort` of Service/web".
    pub(super) what: String,
}

/// One port of a set of workloads that must change together, and all that refers to it.
pub(super) struct Renumbering {
    /// The workloads that listen there.
    pub(super) members: Vec<ResourceId>,
    pub(super) to: Option<u16>,
    pub(super) places: Vec<Place>,
    pub(super) change: Change,
    /// Why nothing can be changed.
    pub(super) blockers: Vec<String>,
    /// Why a person has to look at it.
    pub(super) doubts: Vec<String>,
}

impl Renumbering {
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
    /// Services that select them.
    pub(super) services: BTreeSet<ResourceId>,
    /// Resources that change.
    touched: BTreeSet<ResourceId>,
    places: Vec<Place>,
    pub(super) change: Change,
    blockers: BTreeSet<String>,
    doubts: BTreeSet<String>,
}

/// The renumberings of all uses, each workload's port in exactly one of them.
pub(super) fn renumberings<'a>(
    inventory: &'a Inventory<'a>,
    usages: &Usages<'a>,
    reserved: &Reserved<'_>,
) -> Vec<(u16, Renumbering)> {
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
            touched: BTreeSet::new(),
            places: Vec::new(),
            change: Change::default(),
            blockers: BTreeSet::new(),
            doubts: BTreeSet::new(),
        };
        builder.grow(*workload);
        let mut used: BTreeSet<u16> = BTreeSet::new();
        for member in &builder.members {
            used.extend(usages.used_ports(*member).iter());
            used.extend(given.get(member).into_iter().flatten());
        }
        let to = reserved.new_number(*port, &used);
        match to {
            Some(to) => builder.to = to,
            None => builder.block(reserved.why_no_number(*port)),
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
        self.note(field, field.loc(), what);
    }

    /// A range of the field's text becomes the new number.
    pub(super) fn splice(&mut self, field: Field<'a>, range: std::ops::Range<usize>, what: String) {
        let loc = field.source_span(range.clone()).map_or(field.loc(), |span| Loc { span, ..field.loc() });
        if self.note(field, loc, what) {
            self.change.splice(field, range, self.to.to_string());
        }
    }

    /// Adds a place of the field's resource; false where it is known already, as part of a ConfigMap that several
    /// workloads read is.
    pub(super) fn note(&mut self, field: Field<'a>, loc: Loc, what: String) -> bool {
        self.touched.extend(self.inventory.enclosing(field.id()));
        let is_new = !self.places.iter().any(|place| place.loc == loc);
        if is_new {
            self.places.push(Place { loc, what });
        }
        is_new
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
                if !self.services.insert(service) || self.numeric_targets(service).next().is_none() {
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
            let mentions = self.usage(id).into_iter().flat_map(|usage| &usage.mentions);
            let told = mentions.filter(|mention| mention.bearing <= Bearing::Local);
            let maps: BTreeMap<ResourceId, bool> =
                told.filter_map(|mention| mention.config_map).map(|map| (map.id, map.is_certain)).collect();
            for (map, is_certain) in maps {
                self.config_map(map, is_certain, &mut queue);
            }
        }
    }

    /// A ConfigMap gives a member its number, and whoever else reads it.
    fn config_map(&mut self, map: ResourceId, is_certain: bool, queue: &mut Vec<ResourceId>) {
        let name = self.name(map);
        for other in self.inventory.users_of(map).possible {
            if !self.is_part_of_a_member(other) {
                self.join(other, map, queue);
            }
        }
        if self.inventory.root(map).and_then(|root| root.get("immutable")).is_some_and(|field| field.is_true()) {
            self.block(format!("{name} is immutable: it needs a new name"));
        }
        if !is_certain {
            self.doubt(format!("{name} may be meant for other pods"));
        }
        self.doubt(format!("pods read {name} when they start, and a rollback of the pods does not undo it"));
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
        let keeps = self.keeps(other);
        let (through, other) = (self.name(through), self.name(other));
        self.block(if keeps {
            format!("{through} also belongs to {other}, which keeps port {} outside the mesh", self.port)
        } else {
            format!("{through} also belongs to {other}, which does not use port {}", self.port)
        });
    }

    /// True for a workload that uses the port and does not change.
    pub(super) fn keeps(&self, id: ResourceId) -> bool {
        !self.members.contains(&id) && self.usages.used_ports(id).contains(&self.port)
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
        for id in self.touched.clone() {
            self.patches(id);
        }
    }

    fn workload(&mut self, workload: Workload<'a>) {
        let name = self.name(workload.id);
        let usages = self.usages;
        let Some(usage) = usages.of(workload.id, self.port) else { return };
        if !usage.is_proven() {
            self.block(format!("nothing in {name} tells the process where to listen"));
        }
        if workload.resource.is_fragment {
            self.block(format!("{name} here is a kustomize patch: change it together with what it patches"));
        }
        if let Some(reason) = self.inventory.not_ours(workload.id) {
            self.block(format!("{name}: {reason}"));
        }
        match (workload.immutable(), workload.resource.name.kind.as_str()) {
            (Some(reason), "Pod" | "Job") => self.doubt(format!("{reason}: delete and create {name} anew")),
            (Some(reason), _) => self.doubt(reason),
            (None, _) => {}
        }
        if let Some((one, other)) = self.inventory.disagreement(workload.id) {
            self.block(format!("{one} and {other} both deploy {name}, one of them outside the mesh"));
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
            let setting = mention.name();
            let holder = mention.config_map.map_or_else(|| name.clone(), |map| self.name(map.id));
            if mention.bearing == Bearing::Unclear {
                self.doubt(format!("{} also stands in {setting} of {holder}, which is left as it is", self.port));
                continue;
            }
            self.splice(mention.at, mention.range.clone(), format!("{setting} of {holder}"));
        }
        if self.inventory.services_of(workload).possible.is_empty() && !is_knative(workload) {
            self.doubt(format!("no Service here selects the pods of {name}; clients elsewhere would have to follow"));
        }
    }

    fn service(&mut self, id: ResourceId) {
        let name = self.name(id);
        let Some(root) = self.inventory.root(id) else { return };
        let items: Vec<Field<'a>> = self.numeric_targets(id).collect();
        if !items.is_empty()
            && let Some(reason) = self.inventory.not_ours(id)
        {
            self.block(format!("{name}: {reason}"));
        }
        if root.text_at(&["spec", "clusterIP"]) == "None" && (!items.is_empty() || self.sends_by_name(root)) {
            self.doubt(format!(
                "{name} is headless: its clients connect to port {} of the pods and must follow",
                self.port
            ));
        }
        for item in items {
            match item.get("targetPort").filter(|target| !target.is_null()) {
                Some(target) => self.set(target, format!("`targetPort` of {name}")),
                None => {
                    let to = self.to;
                    self.change.insert(item, &["targetPort"], to, SERVICE_PORT_FIELDS);
                    self.note(item, item.loc(), format!("`targetPort` of {name}"));
                }
            }
        }
    }

    /// True when a Service sends to the port by one of its names, or lists no ports at all.
    fn sends_by_name(&self, service: Field<'_>) -> bool {
        let usages = self.members.iter().filter_map(|id| self.usage(*id));
        let names: Vec<&str> = usages.flat_map(Usage::names).collect();
        let ports = service.at(&["spec", "ports"]).into_iter().flat_map(Field::items);
        let targets: Vec<&str> = ports.map(|item| item.text_at(&["targetPort"])).collect();
        targets.is_empty() || targets.iter().any(|target| names.contains(target))
    }

    /// A kustomize patch that holds the number would bring it back.
    fn patches(&mut self, id: ResourceId) {
        let (inventory, port) = (self.inventory, self.port);
        let holding =
            inventory.patches_with(id, |patch| holds_number(patch, port), |text| text_holds_number(text, port));
        for file in holding {
            self.block(format!("a kustomize patch in {} names port {port} too", inventory.file_name(file)));
        }
        if inventory.may_be_changed_unseen(id) {
            self.doubt(format!("a kustomization may change {} in a way that can't be seen here", self.name(id)));
        }
    }

    fn finish(mut self, to: Option<u16>) -> Renumbering {
        self.places.sort_by_key(|place| place.loc);
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
