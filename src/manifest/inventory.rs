//! Everything that the files hold, built once a pass, and the questions that rules ask of it by name.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};

use super::association::{Association, Nearness, declared};
use super::config_map::ConfigMapIndex;
use super::container::Container;
use super::field::{Field, NodeId};
use super::kinds;
use super::kustomize::{AddedLabel, Kustomizations};
use super::label_users::LabelUsers;
use super::membership::Membership;
use super::ownership::Owner;
use super::ownership::is_proxy_container;
use super::primary_service::KnownApplications;
use super::resource::{Resource, ResourceId, not_ours};
use super::source::SourceFile;
use super::workload::Workload;
use crate::config::Options;
use crate::glob;
use crate::text::FileId;
use crate::yaml::{NodeRef, Via};

/// Resources by label; made when it is first asked for.
type LabelIndex = OnceCell<HashMap<(String, String), Vec<ResourceId>>>;

/// How far `kind: List` may nest; the API has one level.
const LIST_DEPTH: usize = 4;

/// Where a resource is deployed: once by itself, or once for each kustomize overlay that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// The kustomization at the top, `None` for a resource that stands by itself.
    pub kustomization: Option<FileId>,
    /// The namespace there, where the manifests say.
    pub namespace: Option<String>,
}

/// The nodes of a workload that rules ask for again and again, by their names.
#[derive(Debug, Clone, Copy)]
struct Parts {
    template: NodeRef,
    pod_metadata: Option<NodeRef>,
    pod: NodeRef,
}

/// The resources of a workspace.
pub struct Inventory<'a> {
    files: &'a [SourceFile],
    options: &'a Options,
    resources: Vec<Resource>,
    placements: Vec<Vec<Placement>>,
    workloads: Vec<ResourceId>,
    services: Vec<ResourceId>,
    /// Services by the first label of their selector, and workloads by each label of their pods.
    services_by_label: LabelIndex,
    workloads_by_label: LabelIndex,
    services_by_name: OnceCell<HashMap<String, Vec<ResourceId>>>,
    /// What was asked before of a Service or a workload: rules ask it again.
    pub(super) associations: RefCell<HashMap<ResourceId, Association>>,
    pub(super) known_applications: KnownApplications,
    pub(super) config_map_index: OnceCell<ConfigMapIndex>,
    label_users: OnceCell<LabelUsers>,
    namespaces: HashMap<String, Vec<ResourceId>>,
    /// Resources that are neither workloads nor patches, by kind.
    by_kind: HashMap<String, Vec<ResourceId>>,
    kustomizations: Kustomizations,
    /// Patches of workloads, by their files.
    fragments: HashMap<FileId, Vec<ResourceId>>,
    /// Other workloads, by their files.
    whole: HashMap<FileId, Vec<ResourceId>>,
    /// The app or cluster that each file is declared to be part of; empty where none is declared.
    pub(super) declared: Vec<Option<u32>>,
    /// How near the nearest Service or workload is that belongs to each resource, as far as it was asked for.
    pub(super) partners: Vec<OnceCell<Option<Nearness>>>,
    /// The nodes of each workload.
    parts: Vec<OnceCell<Option<Parts>>>,
}

impl<'a> Inventory<'a> {
    /// Reads the resources of `files`.
    pub fn new(files: &'a [SourceFile], options: &'a Options) -> Self {
        let mut resources = Vec::new();
        for (file, document, root) in documents(files) {
            let root = Field::new(root, file, document);
            collect(root, &mut resources, 0);
        }
        let kustomizations = Kustomizations::read(files);
        let mut inventory = Inventory {
            files,
            options,
            placements: Vec::with_capacity(resources.len()),
            workloads: Vec::new(),
            services: Vec::new(),
            services_by_label: OnceCell::new(),
            workloads_by_label: OnceCell::new(),
            services_by_name: OnceCell::new(),
            associations: RefCell::default(),
            known_applications: KnownApplications::default(),
            config_map_index: OnceCell::new(),
            label_users: OnceCell::new(),
            namespaces: HashMap::new(),
            by_kind: HashMap::new(),
            fragments: HashMap::new(),
            whole: HashMap::new(),
            declared: declared(files, options),
            partners: vec![OnceCell::new(); resources.len()],
            parts: vec![OnceCell::new(); resources.len()],
            kustomizations,
            resources,
        };
        inventory.index();
        inventory
    }

    fn index(&mut self) {
        for (i, resource) in self.resources.iter_mut().enumerate() {
            let id = ResourceId(i as u32);
            resource.is_fragment = self.kustomizations.is_patch(resource.file);
            let name = &resource.name;
            if kinds::workload_kind(&name.api_version, &name.kind).is_some() {
                self.workloads.push(id);
                if resource.is_fragment {
                    self.fragments.entry(resource.file).or_default().push(id);
                } else {
                    self.whole.entry(resource.file).or_default().push(id);
                }
            } else if name.kind == "Service" && name.group().is_empty() && !resource.is_fragment {
                self.services.push(id);
            } else if name.kind == "Namespace" && name.group().is_empty() {
                self.namespaces.entry(name.name.clone()).or_default().push(id);
            }
            if !resource.is_fragment {
                match self.by_kind.get_mut(&name.kind) {
                    Some(ids) => ids.push(id),
                    None => {
                        self.by_kind.insert(name.kind.clone(), vec![id]);
                    }
                }
            }
            self.placements.push(self.kustomizations.placements(resource.file, name.namespace.as_deref()));
        }
    }

    /// The options of the run.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// The files.
    pub fn files(&self) -> &'a [SourceFile] {
        self.files
    }

    /// A file's name.
    pub fn file_name(&self, file: FileId) -> &'a str {
        self.files.get(file.0 as usize).map_or("", |file| file.name.as_str())
    }

    /// All resources.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The numbers of all resources, in the order of files and places.
    pub fn ids(&self) -> impl Iterator<Item = ResourceId> + use<> {
        (0..self.resources.len() as u32).map(ResourceId)
    }

    /// A resource.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.0 as usize]
    }

    /// The resource that a node is part of; `None` for what stands around the resources of a list.
    pub fn enclosing(&self, at: NodeId) -> Option<ResourceId> {
        let document = self.files.get(at.file.0 as usize)?.document(at.document)?;
        // Where the node is seen: an edit behind an alias or a merge key is made there.
        let place = match at.node.via {
            Via::Here => at.node.node,
            Via::Alias(place) | Via::Merge(place) | Via::Deep(place) => place,
        };
        let before =
            self.resources.partition_point(|one| (one.file, one.document, one.node) <= (at.file, at.document, place));
        let id = ResourceId(before.checked_sub(1)? as u32);
        let (resource, node) = (self.resource(id), document.node(place, Via::Here)?);
        let is_there = (resource.file, resource.document) == (at.file, at.document);
        (is_there && node.span().start < self.root(id)?.span().end).then_some(id)
    }

    /// Why a resource is not to be changed here, if so, by itself or by what it is part of.
    pub fn not_ours(&self, id: ResourceId) -> Option<&'static str> {
        match self.workload(id) {
            Some(workload) => self.whole(workload).into_iter().find_map(Workload::not_ours),
            None => self.root(id).and_then(not_ours),
        }
    }

    /// Where a resource is deployed; at least one place.
    pub fn placements(&self, id: ResourceId) -> &[Placement] {
        &self.placements[id.0 as usize]
    }

    /// The top node of a resource.
    pub fn root(&self, id: ResourceId) -> Option<Field<'a>> {
        let resource = self.resource(id);
        let document = self.files.get(resource.file.0 as usize)?.document(resource.document)?;
        Some(Field::new(document.node(resource.node, Via::Here)?, resource.file, resource.document))
    }

    /// The node of this name.
    pub(super) fn field(&self, id: NodeId) -> Option<Field<'a>> {
        let document = self.files.get(id.file.0 as usize)?.document(id.document)?;
        Some(Field::new(document.node(id.node.node, id.node.via)?, id.file, id.document))
    }

    /// Everything that makes pods, kustomize patches included, in the order of the files.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.workloads.iter().filter_map(|id| self.workload(*id))
    }

    /// The workload that a resource is; `None` for other kinds and for templates without a pod spec.
    pub fn workload(&self, id: ResourceId) -> Option<Workload<'_>> {
        let parts = (*self.parts[id.0 as usize].get_or_init(|| self.parts_of(id)))?;
        Some(Workload {
            id,
            resource: self.resource(id),
            root: self.root(id)?,
            template: self.node(id, parts.template)?,
            pod_metadata: parts.pod_metadata.and_then(|metadata| self.node(id, metadata)),
            pod: self.node(id, parts.pod)?,
            placements: self.placements(id),
        })
    }

    /// A node of the document that holds the resource.
    fn node(&self, id: ResourceId, at: NodeRef) -> Option<Field<'a>> {
        let resource = self.resource(id);
        let document = self.files.get(resource.file.0 as usize)?.document(resource.document)?;
        Some(Field::new(document.node(at.node, at.via)?, resource.file, resource.document))
    }

    fn parts_of(&self, id: ResourceId) -> Option<Parts> {
        let resource = self.resource(id);
        let kind = kinds::workload_kind(&resource.name.api_version, &resource.name.kind)?;
        let root = self.root(id)?;
        if resource.name.kind == "Rollout" && root.at(&["spec", "workloadRef"]).is_some() {
            return None;
        }
        let encrypted = root.get("sops").is_some_and(|sops| sops.kind().is_mapping());
        if encrypted || root.text_at(&["$patch"]) == "delete" {
            return None;
        }
        let template = root.at(kind.template)?;
        let pod = template.get("spec").filter(|spec| spec.kind().is_mapping())?;
        let at = |field: Field<'_>| field.id().node;
        Some(Parts { template: at(template), pod_metadata: template.get("metadata").map(at), pod: at(pod) })
    }

    /// A label of the workload's pods as they will be: a kustomization's, or else the written one.
    pub fn pod_label<'s>(&'s self, workload: Workload<'s>, key: &str) -> Option<&'s str> {
        let added = self.added_labels(workload.id).find(|(_, label)| label.to_pods && label.key == key);
        added.map(|(_, label)| label.value.as_str()).or_else(|| workload.pod_label(key))
    }

    /// True for a Pod that the kubelet runs from a file of its node, by the folder or by its own annotations.
    pub fn is_static_pod(&self, workload: Workload<'_>) -> bool {
        let folder = self.files.get(workload.resource.file.0 as usize).map(SourceFile::folder).unwrap_or_default();
        let by_folder = workload.resource.name.kind == "Pod" && folder.ends_with("etc/kubernetes/manifests");
        let annotations = ["kubernetes.io/config.source", "kubernetes.io/config.mirror"];
        by_folder || annotations.into_iter().any(|name| workload.annotation(name).is_some())
    }

    /// The resources of a kind and API group ("" is the core group), kustomize patches left out.
    pub fn of_kind<'i>(&'i self, group: &'i str, kind: &str) -> impl Iterator<Item = ResourceId> + 'i {
        let ids = self.by_kind.get(kind).map_or(&[][..], Vec::as_slice);
        ids.iter().copied().filter(move |id| self.resource(*id).name.group() == group)
    }

    /// True when rules look at the workload's pods: they may be in the mesh, and neither the mesh itself owns them
    /// nor does the configuration exempt them.
    pub fn is_checked(&self, workload: Workload<'_>) -> bool {
        !matches!(self.membership(workload), Membership::Off(_)) && self.owner(workload).is_none()
    }

    /// The containers of a workload that are its own: neither the mesh's nor exempt by the configuration.
    pub fn own_containers<'w>(&self, workload: Workload<'w>) -> impl Iterator<Item = Container<'w>> {
        let exempt = &self.options.exempt.images;
        workload.containers().filter(move |container| {
            !is_proxy_container(*container) && !exempt.iter().any(|image| glob::matches(image, container.image()))
        })
    }

    /// All Services of the core API.
    pub fn services(&self) -> impl Iterator<Item = ResourceId> + '_ {
        self.services.iter().copied()
    }

    /// The Services of a name, wherever they stand.
    pub(super) fn services_named(&self, name: &str) -> &[ResourceId] {
        let index = self.services_by_name.get_or_init(|| {
            let mut index: HashMap<String, Vec<ResourceId>> = HashMap::new();
            for id in self.services() {
                index.entry(self.resource(id).name.name.clone()).or_default().push(id);
            }
            index
        });
        index.get(name).map_or(&[], Vec::as_slice)
    }

    /// The Services whose selector starts with this label.
    pub(super) fn services_by_label(&self, key: &str, value: &str) -> &[ResourceId] {
        let index = self.services_by_label.get_or_init(|| {
            let selector = |id: ResourceId| self.root(id)?.at(&["spec", "selector"]);
            index_by_label(self.services().filter_map(|id| Some((id, selector(id)?))), 1)
        });
        index.get(&(key.to_owned(), value.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The workloads whose pods have this label.
    pub(super) fn workloads_by_label(&self, key: &str, value: &str) -> &[ResourceId] {
        let index = self.workloads_by_label.get_or_init(|| {
            let labelled = self.workloads().filter_map(|workload| Some((workload.id, workload.labels()?)));
            index_by_label(labelled, usize::MAX)
        });
        index.get(&(key.to_owned(), value.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Where the selectors that look at pods' labels are kept.
    pub(super) fn label_users_cell(&self) -> &OnceCell<LabelUsers> {
        &self.label_users
    }

    /// The labels that kustomizations give to a resource of the files, each with the kustomization.
    pub fn added_labels(&self, id: ResourceId) -> impl Iterator<Item = (FileId, &AddedLabel)> {
        self.kustomizations.added_labels(self.resource(id).file)
    }

    /// The kustomization that gives a resource another name than the one it has in its file.
    pub fn renamer(&self, id: ResourceId) -> Option<FileId> {
        self.kustomizations.renamer(self.resource(id).file)
    }

    /// A label of the Namespace object that is nearest to the workload; `None` where several are as near and disagree.
    pub fn namespace_label(&self, workload: Workload<'_>, namespace: &str, label: &str) -> Option<&'a str> {
        self.label_of_namespace(workload.id, namespace, label)
    }

    /// True when the Namespace object nearest to the workload has an annotation.
    pub fn has_namespace_annotation(&self, workload: Workload<'_>, namespace: &str, name: &str) -> bool {
        let near = self.namespaces.get(namespace).map_or_else(Vec::new, |ids| self.nearest(workload.id, ids));
        near.into_iter()
            .filter_map(|id| self.root(id))
            .any(|root| root.at(&["metadata", "annotations", name]).is_some())
    }

    /// True when two resources come into one namespace of one cluster: by one kustomization, from one file, or from one
    /// folder when both say which namespace.
    pub fn are_deployed_together(&self, one: ResourceId, other: ResourceId) -> bool {
        let folder = |id: ResourceId| self.files[self.resource(id).file.0 as usize].folder();
        let theirs = self.placements(other);
        self.placements(one).iter().any(|placement| {
            let beside = self.resource(one).file == self.resource(other).file
                || placement.namespace.is_some() && folder(one) == folder(other);
            theirs.contains(placement) && (placement.kustomization.is_some() || beside)
        })
    }

    /// As [`Inventory::namespace_label`], for any resource.
    pub(super) fn label_of_namespace(&self, asker: ResourceId, namespace: &str, label: &str) -> Option<&'a str> {
        let near = self.nearest(asker, self.namespaces.get(namespace)?);
        let mut labels = near.into_iter().map(|id| self.root(id)?.at(&["metadata", "labels", label])?.text());
        let first = labels.next()?;
        if labels.all(|other| other == first) { first } else { None }
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
            files.contains(from)
                && own.kind == name.kind
                && self.kustomizations.patches(*from, &own.name, &name.kind, *file, &name.name)
                && self.root(*patch).is_some_and(&holds)
        };
        let patches = self.ids().filter(|_| !files.is_empty()).filter(is_patch).map(|patch| self.resource(patch).file);
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

    /// The mesh component that the workload is, if it or what it is part of is one.
    pub fn owner(&self, workload: Workload<'_>) -> Option<Owner> {
        let kind = &workload.resource.name.kind;
        if self.options.exempt.kinds.iter().any(|exempt| glob::matches(exempt, kind)) {
            return Some(Owner::Exempt);
        }
        self.whole(workload).into_iter().find_map(Workload::owner)
    }

    /// True when the pod serves DNS itself, by its own fields or by what it is part of.
    pub fn is_dns_server(&self, workload: Workload<'_>) -> bool {
        self.whole(workload).into_iter().any(super::dns_server::is_dns_server)
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

    /// True for what a program rendered on its way to the cluster: a stream, not a file that is kept.
    pub fn is_rendered(&self, id: ResourceId) -> bool {
        self.files.get(self.resource(id).file.0 as usize).is_some_and(|file| file.is_rendered)
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

/// Each resource under the first `most` of its labels.
fn index_by_label<'f>(
    resources: impl Iterator<Item = (ResourceId, Field<'f>)>,
    most: usize,
) -> HashMap<(String, String), Vec<ResourceId>> {
    let mut index: HashMap<(String, String), Vec<ResourceId>> = HashMap::new();
    for (id, labels) in resources {
        for (key, value) in labels.entries().take(most) {
            if let Some(value) = value.text() {
                index.entry((key.into_owned(), value.to_owned())).or_default().push(id);
            }
        }
    }
    index
}

/// The top node of each document that was read.
pub(super) fn documents(files: &[SourceFile]) -> impl Iterator<Item = (FileId, u32, crate::yaml::Node<'_>)> {
    files.iter().enumerate().flat_map(|(i, file)| {
        let read = move |(document, _): (usize, &super::Slot)| {
            let root = file.document(document as u32)?.root();
            Some((FileId(i as u32), document as u32, root))
        };
        file.slots.iter().enumerate().filter_map(read)
    })
}

/// Adds the resource at `field`, or the items of a list.
fn collect(field: Field<'_>, resources: &mut Vec<Resource>, depth: usize) {
    let kind = field.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
    let items = field.get("items").filter(|items| kind.ends_with("List") && items.kind().is_sequence());
    if let Some(items) = items
        && depth < LIST_DEPTH
    {
        for item in items.items() {
            collect(item, resources, depth + 1);
        }
        return;
    }
    resources.extend(Resource::read(field));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_the_resource_that_it_is_part_of() {
        let text = "kind: List\napiVersion: v1\nmetadata: &none {}\nitems:\n- kind: Service\n  metadata: {name: a}\n- kind: Service\n  metadata: *none\n---\nkind: Service\nmetadata: {name: c}\n";
        let files = [SourceFile::read("list.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let ids: Vec<ResourceId> = inventory.ids().collect();
        assert_eq!(ids.len(), 3);
        for id in ids {
            let root = inventory.root(id).expect("a node");
            assert_eq!(inventory.enclosing(root.id()), Some(id));
            assert_eq!(inventory.enclosing(root.get("metadata").expect("a node").id()), Some(id));
        }
        let around = Field::new(files[0].document(0).expect("a document").root(), FileId(0), 0);
        assert_eq!(inventory.enclosing(around.id()), None);
        assert_eq!(inventory.enclosing(around.get("metadata").expect("a node").id()), None);
    }
}
