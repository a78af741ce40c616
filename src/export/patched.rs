//! The changed and the new resources of a run, each with its own part of the proven operations.

use std::collections::{BTreeSet, HashMap};

use json_patch::PatchOperation;
use serde_json::Value;

use super::names::{Target, is_kustomization};
use super::readings::Readings;
use super::{Form, Place, merge, pins};
use crate::engine::{DocumentChange, Outcome, Status};
use crate::manifest::{Inventory, ResourceId, ResourceName};
use crate::rule::{Finding, Safety, manifest_text};
use crate::text::{FileId, Loc};
use crate::yaml;

/// Annotations that say where an item of a ResourceList comes from; a file of its own needs none of them.
const CARRIED: [&str; 4] = [
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
];

/// A rule that changed something, and whether that needs a person.
pub(super) type Reason = (&'static str, Safety);

/// A resource that changes.
#[derive(Debug)]
pub(super) struct Patched {
    pub(super) place: Place,
    /// Where it stands in the input.
    pub(super) at: Loc,
    pub(super) file_name: String,
    pub(super) name: ResourceName,
    /// Its value in the input.
    pub(super) before: Value,
    /// Its value with all fixes.
    pub(super) after: Value,
    /// The operations, from the resource's own top; valid in order.
    pub(super) operations: Vec<PatchOperation>,
    /// What kustomize reads otherwise than kubectl.
    pub(super) readings: Readings,
    /// The rules that changed it, in order.
    pub(super) reasons: BTreeSet<Reason>,
    /// The namespaces that it is deployed into, as far as the manifests say.
    pub(super) namespaces: Vec<Option<String>>,
}

/// A resource that was not there.
#[derive(Debug)]
pub(super) struct New {
    pub(super) name: ResourceName,
    /// The same as its rule has it, which may not know the namespace.
    pub(super) made_as: ResourceName,
    pub(super) text: String,
    /// The file that it would stand in.
    pub(super) file_name: String,
    pub(super) reasons: BTreeSet<Reason>,
    pub(super) namespaces: Vec<Option<String>>,
}

impl Patched {
    /// What patches of this form know the resource by.
    pub(super) fn targets(&self, form: Form) -> Vec<Target> {
        match form {
            Form::JsonPatch => {
                self.namespaces.iter().map(|namespace| Target::new(&self.name, namespace.as_deref())).collect()
            }
            Form::KustomizePatch | Form::StrategicMerge => {
                vec![Target::new(&self.name, self.name.namespace.as_deref())]
            }
        }
    }

    /// True when its patch is one to merge in.
    pub(super) fn is_merged(&self, form: Form) -> bool {
        // kustomize applies no JSON Patch to it.
        form == Form::StrategicMerge || form == Form::KustomizePatch && self.readings.has_other_keys
    }

    /// The part of its name that changes, if one does and no patch of this form can do that.
    pub(super) fn changes_identity(&self, form: Form) -> Option<&'static str> {
        let parts = ["apiVersion", "kind", "metadata.name", "metadata.namespace"];
        let at = |value: &Value, part: &str| value.pointer(&format!("/{}", part.replace('.', "/"))).cloned();
        let mut changed = parts.into_iter().filter(|part| at(&self.before, part) != at(&self.after, part));
        // kustomize gives a resource another version, and quietly keeps the rest.
        changed.find(|part| *part != "apiVersion" || form != Form::KustomizePatch || self.is_merged(form))
    }

    /// True when a string in quotes becomes a value of another type: kustomize merges it in, and leaves it its quotes.
    pub(super) fn loses_quotes(&self) -> bool {
        let is_such = |operation: &PatchOperation| match operation {
            PatchOperation::Replace(replace) => {
                let (path, value) = (replace.path.to_string(), &replace.value);
                self.readings.quoted.contains(&path) && matches!(value, Value::Number(_) | Value::Bool(_))
            }
            _ => false,
        };
        self.operations.iter().any(is_such)
    }

    /// True when both get the same patch.
    pub(super) fn is_patched_like(&self, other: &Patched, form: Form) -> bool {
        if self.is_merged(form) || other.is_merged(form) {
            return merge::patch(self) == merge::patch(other);
        }
        pins::pinned(self, form) == pins::pinned(other, form)
    }
}

/// The resources by what patches of this form know them by, in order; those of one name get the same patch.
pub(super) fn by_target(patched: &[Patched], form: Form) -> Vec<(Target, Vec<&Patched>)> {
    let mut targets: Vec<(Target, Vec<&Patched>)> = Vec::new();
    let mut known: HashMap<Target, usize> = HashMap::new();
    for (one, target) in patched.iter().flat_map(|one| one.targets(form).into_iter().map(move |target| (one, target))) {
        match known.get(&target) {
            Some(at) => targets[*at].1.push(one),
            None => {
                known.insert(target.clone(), targets.len());
                targets.push((target, vec![one]));
            }
        }
    }
    targets
}

/// The resources that change, and those that are new, in the order of files and places.
pub(super) fn read(outcome: &Outcome, inventory: &Inventory<'_>) -> (Vec<Patched>, Vec<New>) {
    let (mut patched, mut new) = (Vec::new(), Vec::new());
    let applied: Vec<&Finding> = outcome
        .findings
        .iter()
        .filter(|reported| reported.status == Status::Applied)
        .map(|reported| &reported.finding)
        .collect();
    let by_document = by_document(inventory);
    for change in &outcome.changes {
        // A document that changed was read, and what was proven has a value.
        let document = outcome.files[change.file.0 as usize].document(change.document);
        let Some(before) = document.and_then(|document| yaml::value(document).ok()) else { continue };
        let mut after = before.clone();
        if json_patch::patch(&mut after, &change.operations).is_err() {
            continue;
        }
        let ids = by_document.get(&(change.file, change.document)).map_or(&[][..], Vec::as_slice);
        for id in ids {
            let one = one(inventory, change, *id, &before, &after, &applied, ids.len() == 1);
            patched.extend(one);
        }
        new.extend(new_items(inventory, change, &before, &after, &applied));
    }
    for created in &outcome.created {
        let Ok(Some(document)) = yaml::parse_text(&created.text) else { continue };
        let Ok(value) = yaml::value(&document) else { continue };
        let beside = outcome.changed.iter().find(|changed| changed.file == created.file).and_then(|one| one.beside);
        let file_name = inventory.file_name(created.file);
        new.push(make_new(inventory, beside.unwrap_or(created.file), file_name, &value, &created.text, &applied));
    }
    (patched, new)
}

/// The resources of each document.
fn by_document(inventory: &Inventory<'_>) -> HashMap<(FileId, u32), Vec<ResourceId>> {
    let mut by_document: HashMap<_, Vec<ResourceId>> = HashMap::new();
    for id in inventory.ids() {
        let resource = inventory.resource(id);
        by_document.entry((resource.file, resource.document)).or_default().push(id);
    }
    by_document
}

/// A resource with its part of a document's change; `None` where that has none.
fn one(
    inventory: &Inventory<'_>,
    change: &DocumentChange,
    id: ResourceId,
    before: &Value,
    after: &Value,
    applied: &[&Finding],
    is_alone: bool,
) -> Option<Patched> {
    let resource = inventory.resource(id);
    let root = inventory.root(id)?;
    let pointer = root.json_pointer();
    let operations: Vec<PatchOperation> =
        change.operations.iter().filter_map(|operation| below(operation, &pointer)).collect();
    if operations.is_empty() || is_kustomization(&resource.name) {
        return None;
    }
    let touches = |finding: &&&Finding| {
        let mut ops = finding.fix.iter().flat_map(|fix| &fix.change.ops);
        ops.any(|(at, _)| (at.file, at.document) == (change.file, change.document))
    };
    let mut reasons = reasons_of(applied.iter().filter(|one| one.id == id || is_alone && touches(one)));
    if reasons.is_empty() {
        // A rule that found its problem in another resource of the list.
        reasons = reasons_of(applied.iter().filter(touches));
    }
    Some(Patched {
        place: (change.file, change.document, pointer.clone()),
        at: root.loc(),
        file_name: inventory.file_name(change.file).to_owned(),
        name: resource.name.clone(),
        before: before.pointer(&pointer)?.clone(),
        after: after.pointer(&pointer)?.clone(),
        operations,
        readings: Readings::of(root),
        reasons,
        namespaces: namespaces(inventory, id),
    })
}

fn reasons_of<'f>(findings: impl Iterator<Item = &'f &'f Finding>) -> BTreeSet<Reason> {
    findings.filter_map(|finding| Some((finding.rule, finding.fix.as_ref()?.safety))).collect()
}

fn namespaces(inventory: &Inventory<'_>, id: ResourceId) -> Vec<Option<String>> {
    let all: BTreeSet<_> = inventory.placements(id).iter().map(|placement| placement.namespace.clone()).collect();
    all.into_iter().collect()
}

/// The operation as seen from the value at `pointer`, if it is one inside of it.
fn below(operation: &PatchOperation, pointer: &str) -> Option<PatchOperation> {
    let mut operation = serde_json::to_value(operation).ok()?;
    let path = operation.get("path")?.as_str()?.strip_prefix(pointer)?.to_owned();
    if !path.starts_with('/') {
        return None;
    }
    operation["path"] = path.into();
    serde_json::from_value(operation).ok()
}

/// The items at the end of a list that were not there.
fn new_items(
    inventory: &Inventory<'_>,
    change: &DocumentChange,
    before: &Value,
    after: &Value,
    applied: &[&Finding],
) -> Vec<New> {
    let items = |value: &Value| value.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_list = before["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    let added = items(after).into_iter().skip(items(before).len()).filter(|_| is_list);
    let file_name = inventory.file_name(change.file);
    let make = |mut value: Value| {
        if let Some(annotations) = value.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            CARRIED.iter().for_each(|key| drop(annotations.shift_remove(*key)));
            if annotations.is_empty()
                && let Some(metadata) = value["metadata"].as_object_mut()
            {
                metadata.shift_remove("annotations");
            }
        }
        make_new(inventory, change.file, file_name, &value, &manifest_text(&value), applied)
    };
    added.map(make).collect()
}

/// A new resource beside those of the file `beside`, in their namespace where all of them are in one.
fn make_new(
    inventory: &Inventory<'_>,
    beside: FileId,
    file_name: &str,
    value: &Value,
    text: &str,
    applied: &[&Finding],
) -> New {
    let part = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let written = Some(part("/metadata/namespace")).filter(|namespace| !namespace.is_empty());
    let is_made = |made: &Value| {
        made["kind"] == value["kind"]
            && made.pointer("/metadata/name") == value.pointer("/metadata/name")
            && made.pointer("/metadata/namespace") == value.pointer("/metadata/namespace")
    };
    let makes = |finding: &&&Finding| finding.fix.as_ref().is_some_and(|fix| fix.change.new_resources().any(is_made));
    let neighbour = inventory.ids().find(|id| inventory.resource(*id).file == beside);
    let namespaces = match (written.is_none(), neighbour) {
        (true, Some(id)) => namespaces(inventory, id),
        _ => vec![written.clone()],
    };
    let made_as = ResourceName {
        api_version: part("/apiVersion"),
        kind: part("/kind"),
        namespace: written,
        name: part("/metadata/name"),
    };
    let (mut name, mut text) = (made_as.clone(), text.replace("\r\n", "\n"));
    if let ([Some(only)], None) = (namespaces.as_slice(), &name.namespace) {
        // Above the kustomization that gives its neighbours their namespace nothing would give it one.
        let mut placed = value.clone();
        placed["metadata"]["namespace"] = only.as_str().into();
        text = manifest_text(&placed);
        name.namespace = Some(only.clone());
    }
    let reasons = reasons_of(applied.iter().filter(makes));
    New { name, made_as, text, file_name: file_name.to_owned(), reasons, namespaces }
}
