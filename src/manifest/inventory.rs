//! Everything that the files hold, built once a pass, and the questions that rules ask of it by name.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::access::{AccessIndex, AddressUse};
use super::api_server::ApiServerCalls;
use super::association::{Association, Nearness, declared, declares_any};
use super::config_map::ConfigMapIndex;
use super::container::Container;
use super::field::{Field, NodeId};
use super::kinds;
use super::kustomize::Kustomizations;
use super::label_users::LabelUsers;
use super::membership::Membership;
use super::origin;
use super::ownership::Owner;
use super::ownership::is_proxy_container;
use super::port_names::PortNameIndex;
use super::primary_service::KnownApplications;
use super::resource::{Resource, ResourceId, not_ours};
use super::routes::RouteIndex;
use super::scrape::ScrapeIndex;
use super::setting::Setting;
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

/// The nodes of a workload that rules ask for again and again, by their names.
#[derive(Debug, Clone, Copy)]
struct Parts {
    template: NodeId,
    pod_metadata: Option<NodeId>,
    pod: NodeId,
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
    /// What each workload's programs are told: several rules look through it.
    pub(super) settings: RefCell<HashMap<ResourceId, Rc<[Setting]>>>,
    /// The addresses that each workload's programs are told.
    pub(super) addresses: RefCell<HashMap<ResourceId, Rc<[AddressUse]>>>,
    pub(super) access_index: OnceCell<AccessIndex>,
    /// Whether rules look at each workload's pods: every rule asks.
    checked: Vec<OnceCell<bool>>,
    pub(super) config_map_index: OnceCell<ConfigMapIndex>,
    pub(super) routes: OnceCell<RouteIndex>,
    pub(super) scrapes: OnceCell<ScrapeIndex>,
    pub(super) port_names: OnceCell<PortNameIndex>,
    pub(super) api_server_calls: OnceCell<ApiServerCalls>,
    label_users: OnceCell<LabelUsers>,
    namespaces: HashMap<String, Vec<ResourceId>>,
    /// Resources that are neither workloads nor patches, by kind.
    by_kind: HashMap<String, Vec<ResourceId>>,
    pub(super) kustomizations: Kustomizations,
    /// Patches of workloads, by their files.
    pub(super) fragments: HashMap<FileId, Vec<ResourceId>>,
    /// Other workloads, by their files.
    pub(super) whole: HashMap<FileId, Vec<ResourceId>>,
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
            let from = resources.len();
            collect(root, &mut resources, 0);
            if root.text_at(&["kind"]) == "ResourceList" {
                for item in &mut resources[from..] {
                    item.path = root.document().node(item.node, Via::Here).and_then(origin::path);
                }
            }
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
            settings: RefCell::default(),
            addresses: RefCell::default(),
            access_index: OnceCell::new(),
            checked: vec![OnceCell::new(); resources.len()],
            config_map_index: OnceCell::new(),
            routes: OnceCell::new(),
            scrapes: OnceCell::new(),
            port_names: OnceCell::new(),
            api_server_calls: OnceCell::new(),
            label_users: OnceCell::new(),
            namespaces: HashMap::new(),
            by_kind: HashMap::new(),
            fragments: HashMap::new(),
            whole: HashMap::new(),
            declared: if declares_any(options) {
                files.iter().map(|file| declared(&file.name, options)).collect()
            } else {
                Vec::new()
            },
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

    /// The file that a resource comes from: what the item of a ResourceList says, or else where it was read.
    pub fn path(&self, id: ResourceId) -> &str {
        let resource = self.resource(id);
        resource.path.as_deref().unwrap_or_else(|| self.file_name(resource.file))
    }

    /// That file, to tell it from others: two of one home stand in one file.
    pub fn home(&self, id: ResourceId) -> (FileId, &str) {
        (self.resource(id).file, self.path(id))
    }

    /// The folder of that file, "" for the top.
    pub fn folder(&self, id: ResourceId) -> &str {
        self.path(id).rsplit_once('/').map_or("", |(folder, _)| folder)
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

    /// The resources of a file.
    pub(super) fn of_file(&self, file: FileId) -> impl Iterator<Item = ResourceId> + use<> {
        let before = |end: FileId| self.resources.partition_point(|one| one.file < end) as u32;
        (before(file)..before(FileId(file.0 + 1))).map(ResourceId)
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
    pub fn field(&self, id: NodeId) -> Option<Field<'a>> {
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
            template: self.field(parts.template)?,
            pod_metadata: parts.pod_metadata.and_then(|metadata| self.field(metadata)),
            pod: self.field(parts.pod)?,
            placements: self.placements(id),
        })
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
        Some(Parts { template: template.id(), pod_metadata: template.get("metadata").map(Field::id), pod: pod.id() })
    }

    /// A label of the workload's pods as they will be: a kustomization's, or else the written one.
    pub fn pod_label<'s>(&'s self, workload: Workload<'s>, key: &str) -> Option<&'s str> {
        let added = self.added_labels(workload.id).find(|(_, label)| label.to_pods && label.key == key);
        added.map(|(_, label)| label.value.as_str()).or_else(|| workload.pod_label(key))
    }

    /// True for a Pod that the kubelet runs from a file of its node, by the folder or by its own annotations.
    pub fn is_static_pod(&self, workload: Workload<'_>) -> bool {
        let folder = self.folder(workload.id);
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
        let is_checked = || !matches!(self.membership(workload), Membership::Off(_)) && self.owner(workload).is_none();
        *self.checked[workload.id.0 as usize].get_or_init(is_checked)
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
    pub fn services_named(&self, name: &str) -> &[ResourceId] {
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
        let theirs = self.placements(other);
        self.placements(one).iter().any(|placement| {
            let is_one_file = self.home(one) == self.home(other);
            let beside = self.folder(one) == self.folder(other) && (is_one_file || placement.namespace.is_some());
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

    /// True for what a program rendered on its way to the cluster: a stream, not a file that is kept. An item that says
    /// its file goes back there.
    pub fn is_rendered(&self, id: ResourceId) -> bool {
        self.resource(id).path.is_none()
            && self.files.get(self.resource(id).file.0 as usize).is_some_and(|file| file.is_rendered)
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
    if !origin::is_local(*field) {
        resources.extend(Resource::read(field));
    }
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
