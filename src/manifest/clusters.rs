//! Clusters that the configuration declares, and what stands in more than one of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::inventory::Inventory;
use super::resource::ResourceId;
use crate::config::below;
use crate::text::FileId;

/// A Service as one cluster has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterService<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The Service there.
    pub service: ResourceId,
}

/// What brings resources into one cluster together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope<'a> {
    /// One kustomization deploys them.
    Kustomization(FileId),
    /// They stand by themselves in one folder, or in one stream.
    Folder(&'a str),
    /// They stand in one file.
    File(FileId),
    /// They come into the cluster of this name, which the configuration declares.
    Cluster(&'a str),
}

/// Namespace and name of a Service.
type Key<'i> = (Option<&'i str>, &'i str);

impl<'a> Inventory<'a> {
    /// The Services that several clusters have under one name in one namespace, each list in the order of the clusters'
    /// names. A cluster whose folder has two of one name is left out, since nobody knows which of them it gets, and so
    /// are Services that a kustomization gives another name.
    pub fn services_of_clusters(&self) -> Vec<Vec<ClusterService<'a>>> {
        if self.options().clusters.len() < 2 {
            return Vec::new();
        }
        let mut clusters: BTreeMap<FileId, Option<&'a str>> = BTreeMap::new();
        let mut found: BTreeMap<Key<'_>, BTreeMap<&'a str, BTreeSet<ResourceId>>> = BTreeMap::new();
        for id in self.services() {
            let name = self.resource(id).name.name.as_str();
            if name.is_empty() || self.renamer(id).is_some() {
                continue;
            }
            for (cluster, namespace) in self.clusters_of(id, &mut clusters) {
                found.entry((namespace, name)).or_default().entry(cluster).or_default().insert(id);
            }
        }
        let several = |clusters: BTreeMap<&'a str, BTreeSet<ResourceId>>| {
            let one = clusters.into_iter().filter(|(_, services)| services.len() == 1);
            let one = one.filter_map(|(cluster, services)| {
                Some(ClusterService { cluster, service: services.into_iter().next()? })
            });
            let list: Vec<ClusterService<'a>> = one.collect();
            (list.len() > 1).then_some(list)
        };
        found.into_values().filter_map(several).collect()
    }

    /// The clusters that a resource comes into, each with its namespace there: by the folder that it lies in, and by
    /// the folders of the kustomizations that deploy it.
    fn clusters_of(
        &self,
        id: ResourceId,
        known: &mut BTreeMap<FileId, Option<&'a str>>,
    ) -> BTreeSet<(&'a str, Option<&str>)> {
        let mut cluster =
            |file: FileId| *known.entry(file).or_insert_with(|| self.cluster_around(self.file_name(file)));
        let own = match &self.resource(id).path {
            Some(path) => self.cluster_around(path),
            None => cluster(self.resource(id).file),
        };
        let mut all = BTreeSet::new();
        for placement in self.placements(id) {
            let there = placement.kustomization.and_then(&mut cluster);
            all.extend(there.or(own).map(|cluster| (cluster, placement.namespace.as_deref())));
        }
        // Another cluster's kustomization may hold this one's folder: it is deployed here too.
        if let Some(own) = own.filter(|own| all.iter().all(|(cluster, _)| cluster != own)) {
            all.extend(self.placements(id).iter().map(|placement| (own, placement.namespace.as_deref())));
        }
        all
    }

    /// The cluster whose folder is the smallest around a file.
    fn cluster_around(&self, file: &str) -> Option<&'a str> {
        let options = self.options();
        let path = options.places.path(file);
        let around = options.clusters.iter().filter(|(_, folder)| below(&path, folder).is_some());
        around.max_by_key(|(_, folder)| folder.len()).map(|(name, _)| name.as_str())
    }

    /// The scopes that each resource of a kind stands in: what has one in common comes into one cluster. A folder with
    /// two files of one name and namespace holds alternatives, so there each file stands for itself.
    pub fn scopes_of_kind(&self, group: &str, kind: &str) -> HashMap<ResourceId, BTreeSet<Scope<'a>>> {
        let ids: Vec<ResourceId> = self.of_kind(group, kind).collect();
        let file = |id: ResourceId| self.resource(id).file;
        let folder = |id: ResourceId| self.files()[file(id).0 as usize].folder();
        let mut seen: HashMap<(&str, Option<&str>, &str), FileId> = HashMap::new();
        let mut alternatives: HashSet<&str> = HashSet::new();
        for id in &ids {
            let name = &self.resource(*id).name;
            let first = seen.entry((folder(*id), name.namespace.as_deref(), &name.name)).or_insert(file(*id));
            if *first != file(*id) {
                alternatives.insert(folder(*id));
            }
        }
        let mut known = BTreeMap::new();
        let mut scopes_of = |id: ResourceId| {
            let tops = self.placements(id).iter().filter_map(|placement| placement.kustomization);
            let mut scopes: BTreeSet<Scope<'a>> = tops.map(Scope::Kustomization).collect();
            if scopes.is_empty() {
                let is_one = !alternatives.contains(folder(id));
                scopes.insert(if is_one { Scope::Folder(folder(id)) } else { Scope::File(file(id)) });
            }
            if !self.options().clusters.is_empty() {
                let clusters = self.clusters_of(id, &mut known);
                scopes.extend(clusters.into_iter().map(|(cluster, _)| Scope::Cluster(cluster)));
            }
            scopes
        };
        ids.iter().map(|id| (*id, scopes_of(*id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest")
    }

    fn service(namespace: &str, name: &str) -> String {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{}}\n---\n")
    }

    fn options(clusters: &[(&str, &str)]) -> Options {
        let clusters = clusters.iter().map(|(name, folder)| ((*name).to_owned(), (*folder).to_owned())).collect();
        Options { clusters, ..Options::default() }
    }

    /// `cluster:file` of each Service that several clusters have.
    fn found(files: &[SourceFile], options: &Options) -> Vec<Vec<String>> {
        let inventory = Inventory::new(files, options);
        let name = |one: &ClusterService<'_>| {
            format!("{}:{}", one.cluster, inventory.file_name(inventory.resource(one.service).file))
        };
        inventory.services_of_clusters().iter().map(|list| list.iter().map(name).collect()).collect()
    }

    #[test]
    fn services_of_one_name_are_found_in_declared_clusters_alone() {
        let files = [
            file("east/a.yaml", &(service("shop", "web") + &service("bank", "till"))),
            file("west/a.yaml", &(service("shop", "web") + &service("shop", "till"))),
            file("test/a.yaml", &service("shop", "web")),
        ];
        let both = options(&[("w", "west"), ("e", "east")]);
        assert_eq!(found(&files, &both), [["e:east/a.yaml", "w:west/a.yaml"]]);
        assert!(found(&files, &options(&[("w", "west")])).is_empty());
        assert!(found(&files, &Options::default()).is_empty());
    }

    #[test]
    fn a_folder_with_two_of_one_name_is_left_out() {
        let files = [
            file("east/a.yaml", &service("shop", "web")),
            file("east/b.yaml", &service("shop", "web")),
            file("west/a.yaml", &service("shop", "web")),
        ];
        assert!(found(&files, &options(&[("w", "west"), ("e", "east")])).is_empty());
    }

    #[test]
    fn a_base_is_in_the_clusters_that_hold_it() {
        let files = [
            file("base/a.yaml", &service("shop", "web")),
            file("base/kustomization.yaml", "resources: [a.yaml]\n"),
            file("east/kustomization.yaml", "resources: [../base]\n"),
            file("west/kustomization.yaml", "resources: [../base]\n"),
            file("north/a.yaml", &service("shop", "web")),
        ];
        let all = options(&[("w", "west"), ("e", "east"), ("n", "north")]);
        assert_eq!(found(&files, &all), [["e:base/a.yaml", "n:north/a.yaml", "w:base/a.yaml"]]);
        let mut renamed = files.to_vec();
        renamed[2] = file("east/kustomization.yaml", "namePrefix: my-\nresources: [../base]\n");
        assert!(found(&renamed, &all).is_empty());
    }

    #[test]
    fn what_comes_into_one_cluster_is_known() {
        let files = [
            file("a/x.yaml", &service("shop", "web")),
            file("a/y.yaml", &service("bank", "till")),
            file("b/x.yaml", &service("bank", "till")),
            file("c/x.yaml", &(service("shop", "web") + &service("bank", "till"))),
            file("c/y.yaml", &service("shop", "web")),
        ];
        let share = |options: &Options, one: u32, other: u32| {
            let inventory = Inventory::new(&files, options);
            let scopes = inventory.scopes_of_kind("", "Service");
            !scopes[&ResourceId(one)].is_disjoint(&scopes[&ResourceId(other)])
        };
        let (none, all) = (Options::default(), options(&[("all", "")]));
        assert!(share(&none, 0, 1), "one folder");
        assert!(!share(&none, 0, 2), "two folders");
        assert!(share(&none, 3, 4), "one file");
        assert!(!share(&none, 4, 5), "alternatives in one folder");
        assert!(share(&all, 0, 2) && share(&all, 4, 5), "one cluster");
    }
}
