//! What kustomize changes of a resource: patches in files of their own, patches written into a kustomization, and
//! labels and names that it gives.

use std::collections::BTreeSet;

use super::field::Field;
use super::inventory::Inventory;
use super::kinds;
use super::kustomize::AddedLabel;
use super::resource::{Resource, ResourceId};
use super::workload::Workload;
use crate::text::FileId;

impl Inventory<'_> {
    /// The labels that kustomizations give to a resource of the files, each with the kustomization.
    pub fn added_labels(&self, id: ResourceId) -> impl Iterator<Item = (FileId, &AddedLabel)> {
        self.kustomizations.added_labels(self.resource(id).file)
    }

    /// The kustomization that gives a resource another name than the one it has in its file.
    pub fn renamer(&self, id: ResourceId) -> Option<FileId> {
        self.kustomizations.renamer(self.resource(id).file)
    }

    /// The kustomize patches of a workload that are files of their own, those of its pods' spec.
    pub fn patches_of(&self, workload: Workload<'_>) -> Vec<Workload<'_>> {
        self.patch_ids(workload).into_iter().filter_map(|id| self.workload(id)).collect()
    }

    /// True when a kustomize patch that is a file of its own sets this label of the workload's pods.
    pub fn is_label_patched(&self, workload: Workload<'_>, key: &str) -> bool {
        let sets = |id: ResourceId| {
            let name = &self.resource(id).name;
            let kind = kinds::workload_kind(&name.api_version, &name.kind)?;
            self.root(id)?.at(kind.template)?.at(&["metadata", "labels", key])
        };
        self.patch_ids(workload).into_iter().any(|id| sets(id).is_some())
    }

    fn patch_ids(&self, workload: Workload<'_>) -> Vec<ResourceId> {
        let name = &workload.resource.name;
        if workload.resource.is_fragment {
            return Vec::new();
        }
        let files: BTreeSet<FileId> = self.kustomizations.patch_files(workload.resource.file).collect();
        let ids = files.into_iter().filter_map(|file| self.fragments.get(&file)).flatten();
        let is_patch = |patch: &ResourceId| {
            let patch = self.resource(*patch);
            let (own, to) = (&patch.name, workload.resource.file);
            own.kind == name.kind && self.kustomizations.patches(patch.file, &own.name, &name.kind, to, &name.name)
        };
        ids.copied().filter(is_patch).collect()
    }

    /// The files with a kustomize patch of a resource in which `holds` finds something: files of their own, and
    /// kustomizations with patches written into them.
    pub fn patches_with(
        &self,
        id: ResourceId,
        holds: impl Fn(Field<'_>) -> bool,
        text_holds: impl Fn(&str) -> bool,
    ) -> BTreeSet<FileId> {
        let Resource { name, file, .. } = self.resource(id);
        let files: BTreeSet<FileId> = self.kustomizations.patch_files(*file).collect();
        let is_patch = |patch: &ResourceId| {
            let Resource { name: own, file: from, .. } = self.resource(*patch);
            own.kind == name.kind
                && self.kustomizations.patches(*from, &own.name, &name.kind, *file, &name.name)
                && self.root(*patch).is_some_and(&holds)
        };
        let patches = files.iter().filter(|patch| self.of_file(**patch).any(|id| is_patch(&id))).copied();
        let inline = self.kustomizations.inline_patches(*file);
        let inline = inline.filter(|(_, texts)| texts.iter().any(|text| text_holds(text))).map(|(file, _)| file);
        patches.chain(inline).collect()
    }

    /// The workloads that a kustomize patch changes.
    pub fn patched_by(&self, patch: Workload<'_>) -> Vec<Workload<'_>> {
        let own = &patch.resource.name;
        if !patch.resource.is_fragment {
            return Vec::new();
        }
        let files = self.kustomizations.patched_files(patch.resource.file);
        let candidates = files.iter().filter_map(|file| self.whole.get(file)).flatten();
        let is_target = |workload: &Workload<'_>| {
            let (from, to) = (patch.resource.file, workload.resource.file);
            let name = &workload.resource.name;
            own.kind == name.kind && self.kustomizations.patches(from, &own.name, &own.kind, to, &name.name)
        };
        candidates.filter_map(|id| self.workload(*id)).filter(is_target).collect()
    }

    /// A workload with all that it is made of: itself, what it patches, and what patches it.
    pub fn whole(&self, workload: Workload<'_>) -> Vec<Workload<'_>> {
        let own = self.workload(workload.id);
        own.into_iter().chain(self.patched_by(workload)).chain(self.patches_of(workload)).collect()
    }

    /// True when something that is no manifest may change one of these fields of the workload: a patch
    /// written into a kustomization, JSON Patch operations, or anything that was not read.
    pub fn may_be_patched_unseen(&self, workload: Workload<'_>, fields: &[&str]) -> bool {
        self.kustomizations.may_patch(workload.resource.file, fields)
    }

    /// As [`Inventory::may_be_patched_unseen`], for any resource; labels that a kustomization adds to selectors count.
    pub(super) fn kustomizations_change(&self, id: ResourceId, fields: &[&str]) -> bool {
        self.kustomizations.may_patch(self.resource(id).file, fields)
            || self.added_labels(id).any(|(_, label)| label.to_selectors)
    }

    /// True when a kustomize patch may change one of these fields of the resource's `spec`, seen or not; a label that
    /// a kustomization adds to selectors changes `selector`.
    pub fn may_spec_be_patched(&self, id: ResourceId, fields: &[&str]) -> bool {
        let holds = |patch: Field<'_>| {
            let spec = patch.get("spec");
            let has = |field: &&str| spec.is_some_and(|spec| spec.get(field).is_some());
            patch.get("$patch").is_some()
                || spec.is_some_and(|spec| spec.get("$patch").is_some())
                || fields.iter().any(has)
        };
        // An operation on the whole `spec` names none of its fields.
        let is_whole = |line: &str| line.trim_end().trim_end_matches(['"', '\'', ',', '}']).ends_with("/spec");
        let text_holds = |text: &str| fields.iter().any(|field| text.contains(field)) || text.lines().any(is_whole);
        fields.contains(&"selector") && self.added_labels(id).any(|(_, label)| label.to_selectors)
            || self.may_be_changed_unseen(id)
            || !self.patches_with(id, holds, text_holds).is_empty()
    }

    /// True when something may change the resource that is no patch of it and was not read.
    pub fn may_be_changed_unseen(&self, id: ResourceId) -> bool {
        self.kustomizations.may_patch(self.resource(id).file, &[])
    }

    /// True when a kustomize patch may change one of these fields of the workload, seen or not.
    pub fn may_be_patched(&self, workload: Workload<'_>, fields: &[&str]) -> bool {
        workload.is_fragment()
            || self.patches_of(workload).iter().any(|patch| fields.iter().any(|field| patch.pod.get(field).is_some()))
            || self.may_be_patched_unseen(workload, fields)
    }
}
