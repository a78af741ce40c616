//! Which Services select which pods, in repositories that hold more than one cluster's manifests.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// The Services of a workload, or the workloads of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Association {
    /// Each is the other's nearest: a change may rely on it.
    pub certain: Vec<ResourceId>,
    /// Nearest in at least one direction; holds the certain ones too.
    pub possible: Vec<ResourceId>,
}

/// The Services that select a workload, or the workloads that a Service selects, wherever they stand.
#[derive(Debug)]
pub(super) struct Counterparts {
    all: Vec<ResourceId>,
    near: HashSet<ResourceId>,
}

/// What was asked before: each side of a pair is asked once for each candidate of the other.
pub(super) type KnownCounterparts = RefCell<HashMap<ResourceId, Rc<Counterparts>>>;

impl Inventory<'_> {
    /// The Services that select the workload's pods.
    pub fn services_of(&self, workload: Workload<'_>) -> Association {
        self.pairs(workload.id)
    }

    /// The workloads whose pods the Service selects.
    pub fn workloads_of(&self, service: ResourceId) -> Association {
        self.pairs(service)
    }

    fn pairs(&self, asker: ResourceId) -> Association {
        let counterparts = self.counterparts(asker);
        let mut association = Association::default();
        for candidate in &counterparts.all {
            let there = counterparts.near.contains(candidate);
            let here = self.counterparts(*candidate).near.contains(&asker);
            if there || here {
                association.possible.push(*candidate);
            }
            if there && here {
                association.certain.push(*candidate);
            }
        }
        association
    }

    fn counterparts(&self, asker: ResourceId) -> Rc<Counterparts> {
        if let Some(known) = self.known_counterparts.borrow().get(&asker) {
            return Rc::clone(known);
        }
        let all = match self.workload(asker) {
            Some(workload) => self.selecting(workload),
            None => self.selected(asker),
        };
        let near = self.nearest(asker, &all).into_iter().collect();
        let found = Rc::new(Counterparts { all, near });
        self.known_counterparts.borrow_mut().insert(asker, Rc::clone(&found));
        found
    }

    /// Every Service that selects the workload's pods, wherever it stands.
    fn selecting(&self, workload: Workload<'_>) -> Vec<ResourceId> {
        let pairs = workload
            .labels()
            .into_iter()
            .flat_map(Field::entries)
            .filter_map(|(key, value)| Some((key, value.text()?)));
        let mut services: Vec<ResourceId> =
            pairs.flat_map(|(key, value)| self.services_by_label(&key, value)).copied().collect();
        services.sort_unstable();
        services.dedup();
        services.retain(|service| self.selects(*service, workload));
        services
    }

    /// Every workload that the Service selects, wherever it stands; patches are no workloads of their own.
    fn selected(&self, service: ResourceId) -> Vec<ResourceId> {
        let selector = self.root(service).and_then(|root| root.at(&["spec", "selector"]));
        let first = selector.into_iter().flat_map(Field::entries).find_map(|(key, value)| Some((key, value.text()?)));
        let Some((key, value)) = first else { return Vec::new() };
        let candidates = self.workloads_by_label(&key, value).iter().filter_map(|id| self.workload(*id));
        let selected = candidates.filter(|workload| !workload.resource.is_fragment && self.selects(service, *workload));
        selected.map(|workload| workload.id).collect()
    }

    /// Candidates that are nearest to `asker`, and those to which `asker` is nearest.
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

    /// Of all candidates, those in the smallest scope around the asker that has any: the same top
    /// kustomization first, then the nearest enclosing folder.
    pub fn nearest(&self, asker: ResourceId, candidates: &[ResourceId]) -> Vec<ResourceId> {
        let tops = |id: ResourceId| {
            self.placements(id).iter().filter_map(|placement| placement.kustomization).collect::<Vec<_>>()
        };
        let own = tops(asker);
        let together: Vec<ResourceId> =
            candidates.iter().copied().filter(|id| tops(*id).iter().any(|top| own.contains(top))).collect();
        if !own.is_empty() && !together.is_empty() {
            return together;
        }
        let folder = |id: ResourceId| self.files()[self.resource(id).file.0 as usize].folder();
        let here = folder(asker);
        let shared = |id: ResourceId| {
            let parts = |folder: &'_ str| folder.split('/').map(str::to_owned).collect::<Vec<_>>();
            parts(here).iter().zip(parts(folder(id))).take_while(|(a, b)| **a == *b).count()
        };
        let depth = candidates.iter().map(|id| shared(*id)).max().unwrap_or(0);
        candidates.iter().copied().filter(|id| shared(*id) == depth).collect()
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
}
