//! Which Services select which pods, in repositories that hold more than one cluster's manifests.

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;
use crate::config::{Options, below};

/// The Services of a workload, or the workloads of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Association {
    /// Each is the other's nearest: a change may rely on it.
    pub certain: Vec<ResourceId>,
    /// Nearest in at least one direction; holds the certain ones too.
    pub possible: Vec<ResourceId>,
}

/// How near two resources stand: more parts of their folders in common, or one kustomization that deploys both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The folders that both lie in.
    Folders(usize),
    /// One top kustomization deploys both.
    Kustomization,
}

impl Inventory<'_> {
    /// The Services that select the workload's pods.
    pub fn services_of(&self, workload: Workload<'_>) -> Association {
        self.known(workload.id, || {
            let services = self.labelled_services(workload);
            self.associate_selected(workload.id, services.copied(), |service| self.selects(service, workload))
        })
    }

    /// The workloads whose pods the Service selects.
    pub fn workloads_of(&self, service: ResourceId) -> Association {
        self.known(service, || {
            let workloads = self.labelled_workloads(service).iter().copied();
            self.associate_selected(service, workloads, |workload| {
                self.workload(workload).is_some_and(|workload| self.is_selected(workload, service))
            })
        })
    }

    fn known(&self, asker: ResourceId, find: impl Fn() -> Association) -> Association {
        if let Some(known) = self.associations.borrow().get(&asker) {
            return known.clone();
        }
        let found = find();
        self.associations.borrow_mut().insert(asker, found.clone());
        found
    }

    /// True for a workload that the Service selects; patches are no workloads of their own.
    fn is_selected(&self, workload: Workload<'_>, service: ResourceId) -> bool {
        !workload.resource.is_fragment && self.selects(service, workload)
    }

    /// Services that may select the workload's pods, wherever they stand: each is there under one of its labels.
    fn labelled_services<'s>(&'s self, workload: Workload<'s>) -> impl Iterator<Item = &'s ResourceId> {
        let labels = workload.labels().into_iter().flat_map(Field::entries);
        labels.filter_map(|(key, value)| Some(self.services_by_label(&key, value.text()?))).flatten()
    }

    /// Workloads that the Service may select, wherever they stand.
    fn labelled_workloads(&self, service: ResourceId) -> &[ResourceId] {
        let selector = self.root(service).and_then(|root| root.at(&["spec", "selector"]));
        let first = selector.into_iter().flat_map(Field::entries).find_map(|(key, value)| Some((key, value.text()?)));
        first.map_or(&[], |(key, value)| self.workloads_by_label(&key, value))
    }

    /// Candidates that are nearest to `asker`, and those to which `asker` is nearest: `back` gives the candidates of each.
    pub(super) fn associate(
        &self,
        asker: ResourceId,
        candidates: &[ResourceId],
        back: impl Fn(ResourceId) -> Vec<ResourceId>,
    ) -> Association {
        let near = self.nearest(asker, candidates);
        let mut association = Association::default();
        for candidate in candidates {
            let there = near.contains(candidate);
            let here = self.nearest(*candidate, &back(*candidate)).contains(&asker);
            if there || here {
                association.possible.push(*candidate);
            }
            if there && here {
                association.certain.push(*candidate);
            }
        }
        association
    }

    /// The same for Services and workloads, of which there may be many. How near the nearest one is is
    /// found once for each resource; beyond that a pair costs a comparison of two folders.
    fn associate_selected(
        &self,
        asker: ResourceId,
        candidates: impl Iterator<Item = ResourceId>,
        is_pair: impl Fn(ResourceId) -> bool,
    ) -> Association {
        let own = self.nearest_partner(asker);
        let mut association = Association::default();
        for candidate in candidates {
            let Some(nearness) = self.nearness(asker, candidate) else { continue };
            let there = own.is_some_and(|own| nearness >= own);
            let here = self.nearest_partner(candidate).is_some_and(|own| nearness >= own);
            if !(there || here) || !is_pair(candidate) {
                continue;
            }
            // A patch is no workload of its own: it is nearest to no Service.
            let here = here && !self.resource(asker).is_fragment;
            if there || here {
                association.possible.push(candidate);
            }
            if there && here {
                association.certain.push(candidate);
            }
        }
        association.possible.sort_unstable();
        association.certain.sort_unstable();
        association
    }

    /// How near the nearest Service is that selects this workload, or the nearest workload that this Service selects.
    fn nearest_partner(&self, id: ResourceId) -> Option<Nearness> {
        *self.partners[id.0 as usize].get_or_init(|| {
            let mut best = None;
            let mut offer = |candidate: ResourceId, is_pair: &dyn Fn() -> bool| {
                let nearness = self.nearness(id, candidate);
                if nearness > best && is_pair() {
                    best = nearness;
                }
            };
            match self.workload(id) {
                Some(workload) => {
                    for service in self.labelled_services(workload) {
                        offer(*service, &|| self.selects(*service, workload));
                    }
                }
                None => {
                    for workload in self.labelled_workloads(id) {
                        let is_selected = |workload: Workload<'_>| self.is_selected(workload, id);
                        offer(*workload, &|| self.workload(*workload).is_some_and(is_selected));
                    }
                }
            }
            best
        })
    }

    /// Of all candidates, those in the smallest scope around the asker that has any: the same top
    /// kustomization first, then the nearest enclosing folder. Folders that the configuration declares keep apart.
    pub fn nearest(&self, asker: ResourceId, candidates: &[ResourceId]) -> Vec<ResourceId> {
        let near = |id: &ResourceId| self.nearness(asker, *id);
        let best = candidates.iter().filter_map(near).max();
        candidates.iter().copied().filter(|id| best.is_some() && near(id) == best).collect()
    }

    /// How near two resources stand; `None` where the configuration keeps them apart.
    pub(super) fn nearness(&self, one: ResourceId, other: ResourceId) -> Option<Nearness> {
        if !self.share_a_declared_folder(one, other) {
            return None;
        }
        let tops = |id: ResourceId| self.placements(id).iter().filter_map(|placement| placement.kustomization);
        if tops(one).any(|top| tops(other).any(|there| top == there)) {
            return Some(Nearness::Kustomization);
        }
        let folder = |id: ResourceId| self.folder(id).split('/');
        Some(Nearness::Folders(folder(one).zip(folder(other)).take_while(|(a, b)| a == b).count()))
    }

    /// True when both lie in one folder that the configuration declares as an app or a cluster, or are deployed from
    /// it, or when neither is in any.
    fn share_a_declared_folder(&self, one: ResourceId, other: ResourceId) -> bool {
        let options = self.options();
        if !declares_any(options) {
            return true;
        }
        let folders = |id: ResourceId| {
            let resource = self.resource(id);
            let tops = self.placements(id).iter().filter_map(|placement| placement.kustomization);
            let own = match &resource.path {
                Some(path) => declared(path, options),
                None => self.declared[resource.file.0 as usize],
            };
            tops.filter_map(|file| self.declared[file.0 as usize]).chain(own)
        };
        let neither = folders(one).next().is_none() && folders(other).next().is_none();
        neither || folders(one).any(|folder| folders(other).any(|there| folder == there))
    }

    /// True when the Service's selector is not empty, all of it is in the pod's labels, and both can be
    /// in one namespace.
    pub fn selects(&self, service: ResourceId, workload: Workload<'_>) -> bool {
        let Some(selector) = self.root(service).and_then(|root| root.at(&["spec", "selector"])) else { return false };
        let selector: Vec<_> = selector.entries().collect();
        let labels = |(key, value): &(std::borrow::Cow<'_, str>, Field<'_>)| workload.pod_label(key) == value.text();
        !selector.is_empty() && selector.iter().all(labels) && self.share_a_namespace(service, workload.id)
    }

    /// Two resources without a namespace are in the same one; one with and one without may be.
    pub fn share_a_namespace(&self, one: ResourceId, other: ResourceId) -> bool {
        let theirs = self.placements(other);
        self.placements(one).iter().any(|placement| {
            theirs.iter().any(|there| {
                placement.namespace == there.namespace || placement.namespace.is_none() || there.namespace.is_none()
            })
        })
    }
}

/// True when the configuration declares folders that keep to themselves.
pub(super) fn declares_any(options: &Options) -> bool {
    !options.apps.is_empty() || !options.clusters.is_empty()
}

/// The app or cluster whose folder is the smallest around a file, as a number.
pub(super) fn declared(file: &str, options: &Options) -> Option<u32> {
    let folders = || options.apps.values().chain(options.clusters.values());
    let path = options.places.path(file);
    let around = folders().filter(|folder| below(&path, folder).is_some());
    let found = around.max_by_key(|folder| folder.len())?;
    folders().position(|folder| folder == found).map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::super::{Inventory, SourceFile};
    use crate::config::Options;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest")
    }

    fn deployment(name: &str, app: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    spec: {{containers: []}}\n"
        )
    }

    fn service(name: &str, app: &str) -> String {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {app}}}}}\n")
    }

    #[test]
    fn the_nearest_folder_wins_in_both_directions() {
        let files = [
            file("one/deploy.yaml", &deployment("web", "web")),
            file("one/svc.yaml", &service("web", "web")),
            file("two/deploy.yaml", &deployment("web", "web")),
            file("two/svc.yaml", &service("web", "web")),
        ];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        for workload in inventory.workloads() {
            let services = inventory.services_of(workload);
            assert_eq!(services.certain, services.possible);
            let found: Vec<_> = services.certain.iter().map(|id| inventory.resource(*id).file).collect();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, workload.resource.file.0 + 1);
        }
    }

    #[test]
    fn a_service_above_two_apps_is_only_possible_where_another_is_nearer() {
        let files = [
            file("svc.yaml", &service("shared", "web")),
            file("a/deploy.yaml", &deployment("web", "web")),
            file("a/svc.yaml", &service("web", "web")),
        ];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("one");
        let services = inventory.services_of(workload);
        assert_eq!((services.certain.len(), services.possible.len()), (1, 2));
    }

    #[test]
    fn kustomizations_scope_and_give_the_namespace() {
        let overlay = |name: &str| format!("resources: [../../base]\nnamespace: {name}\n");
        let files = [
            file("base/kustomization.yaml", "resources: [deploy.yaml]\n"),
            file("base/deploy.yaml", &deployment("web", "web")),
            file("overlays/a/kustomization.yaml", &overlay("shop")),
            file("overlays/b/kustomization.yaml", &overlay("kube-system")),
        ];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("one");
        let namespaces: Vec<_> =
            workload.placements.iter().filter_map(|placement| placement.namespace.as_deref()).collect();
        assert_eq!(namespaces, ["shop", "kube-system"]);
        assert_eq!(
            inventory.disagreement(workload.id),
            Some(("overlays/a/kustomization.yaml", "overlays/b/kustomization.yaml"))
        );
    }

    /// A world of two folders that hold the same app, with a Service above them.
    fn two_clusters() -> [SourceFile; 5] {
        [
            file("clusters/a/deploy.yaml", &deployment("web", "web")),
            file("clusters/a/kustomization.yaml", "resources: [deploy.yaml, ../../shared]\n"),
            file("clusters/b/deploy.yaml", &deployment("web", "web")),
            file("clusters/svc.yaml", &service("web", "web")),
            file("shared/svc.yaml", &service("extra", "web")),
        ]
    }

    fn partners(files: &[SourceFile], options: &Options) -> Vec<Vec<String>> {
        let inventory = Inventory::new(files, options);
        let name = |id: &super::ResourceId| inventory.file_name(inventory.resource(*id).file).to_owned();
        inventory
            .workloads()
            .map(|workload| inventory.services_of(workload).possible.iter().map(name).collect())
            .collect()
    }

    #[test]
    fn declared_folders_keep_to_themselves() {
        let mut options = Options::default();
        let around = ["clusters/svc.yaml", "shared/svc.yaml"];
        assert_eq!(partners(&two_clusters(), &options), [around, around]);
        options.clusters.insert("b".to_owned(), "clusters/b".to_owned());
        // What lies in b belongs to nothing outside.
        assert_eq!(partners(&two_clusters(), &options), [&around[..], &[]]);
        options.clusters.insert("all".to_owned(), "clusters".to_owned());
        // The smallest folder counts.
        assert_eq!(partners(&two_clusters(), &options), [&around[..1], &[]]);
        options.clusters.insert("b".to_owned(), "clusters/bb".to_owned());
        assert_eq!(partners(&two_clusters(), &options), [&around[..1], &around[..1]]);
    }

    #[test]
    fn what_a_declared_folder_deploys_belongs_to_it() {
        let mut files = two_clusters();
        files[1] = file("clusters/a/kustomization.yaml", "resources: [deploy.yaml, ../../shared/svc.yaml]\n");
        let mut options = Options::default();
        options.clusters.insert("a".to_owned(), "clusters/a".to_owned());
        assert_eq!(partners(&files, &options), [vec!["shared/svc.yaml"], vec!["clusters/svc.yaml"]]);
    }

    #[test]
    fn declared_folders_start_at_the_configuration() {
        let files = [file("deploy.yaml", &deployment("web", "web")), file("../svc.yaml", &service("web", "web"))];
        let mut options = Options::default();
        assert_eq!(partners(&files, &options), [["../svc.yaml"]]);
        options.apps.insert("shop".to_owned(), "apps/shop".to_owned());
        let roots = vec![(String::new(), "/repo/apps/shop".to_owned())];
        options.places = crate::config::Places::new("/repo".to_owned(), roots);
        assert_eq!(partners(&files, &options), [Vec::<String>::new()]);
    }

    #[test]
    fn many_equal_pairs_are_found_quickly() {
        let files: Vec<SourceFile> = (0..1_500)
            .flat_map(|i| {
                let name = |what: &str| format!("app{i}/{what}.yaml");
                [file(&name("deploy"), &deployment("web", "web")), file(&name("svc"), &service("web", "web"))]
            })
            .collect();
        let options = Options::default();
        let start = std::time::Instant::now();
        let inventory = Inventory::new(&files, &options);
        for workload in inventory.workloads() {
            let services = inventory.services_of(workload);
            assert_eq!((services.certain.len(), services.possible.len()), (1, 1));
        }
        // All triples would take minutes.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
