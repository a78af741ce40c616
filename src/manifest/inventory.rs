//! Everything that the files hold, built once a pass, and the questions that rules ask of it by name.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use super::association::{Nearness, declared};
use super::container::Container;
use super::field::Field;
use super::kinds;
use super::kustomize::Kustomizations;
use super::membership::Membership;
use super::ownership::Owner;
use super::ownership::is_proxy_container;
use super::resource::{Resource, ResourceId};
use super::source::SourceFile;
use super::workload::Workload;
use crate::config::Options;
use crate::glob;
use crate::text::FileId;
use crate::yaml::Via;

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
            namespaces: HashMap::new(),
            by_kind: HashMap::new(),
            fragments: HashMap::new(),
            whole: HashMap::new(),
            declared: declared(files, options),
            partners: vec![OnceCell::new(); resources.len()],
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

    /// A resource.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.0 as usize]
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

    /// Everything that makes pods, kustomize patches included, in the order of the files.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.workloads.iter().filter_map(|id| self.workload(*id))
    }

    /// The workload that a resource is; `None` for other kinds and for templates without a pod spec.
    pub fn workload(&self, id: ResourceId) -> Option<Workload<'_>> {
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
        Some(Workload {
            id,
            resource,
            root,
            template,
            pod_metadata: template.get("metadata"),
            pod,
            placements: self.placements(id),
        })
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

    /// A label of the Namespace object that is nearest to the workload; `None` where several are as near and disagree.
    pub fn namespace_label(&self, workload: Workload<'_>, namespace: &str, label: &str) -> Option<&'a str> {
        let near = self.nearest(workload.id, self.namespaces.get(namespace)?);
        let mut labels = near.into_iter().map(|id| self.root(id)?.at(&["metadata", "labels", label])?.text());
        let first = labels.next()?;
        if labels.all(|other| other == first) { first } else { None }
    }

    /// The kustomize patches of a workload that are files of their own.
    pub fn patches_of(&self, workload: Workload<'_>) -> Vec<Workload<'_>> {
        let name = &workload.resource.name;
        if workload.resource.is_fragment {
            return Vec::new();
        }
        let files: BTreeSet<FileId> = self.kustomizations.patch_files(workload.resource.file).collect();
        let ids = files.into_iter().filter_map(|file| self.fragments.get(&file)).flatten();
        let is_patch = |patch: &Workload<'_>| {
            let own = &patch.resource.name;
            let (from, to) = (patch.resource.file, workload.resource.file);
            own.kind == name.kind && self.kustomizations.patches(from, &own.name, &name.kind, to, &name.name)
        };
        ids.filter_map(|id| self.workload(*id)).filter(is_patch).collect()
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
