//! Which ConfigMaps a workload reads, and which workloads read a ConfigMap.

use std::borrow::Cow;
use std::collections::HashMap;

use super::association::Association;
use super::container::Container;
use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// A ConfigMap of the input that a workload reads.
#[derive(Debug, Clone)]
pub struct ConfigMapUse<'a> {
    /// The ConfigMap.
    pub id: ResourceId,
    /// True when each is the other's nearest: a change may rely on it. Otherwise it may be another one's.
    pub is_certain: bool,
    /// Where the workload names it: a `configMapRef`, a `configMapKeyRef`, or a volume's `configMap`.
    pub reference: Field<'a>,
    /// How its keys reach the pod.
    pub how: ConfigMapUseKind<'a>,
    /// Its `data`; `None` where it has none.
    pub data: Option<Field<'a>>,
}

/// How the keys of a ConfigMap reach a pod.
#[derive(Debug, Clone)]
pub enum ConfigMapUseKind<'a> {
    /// Each key is an environment variable.
    EnvFrom {
        /// The container that has it.
        container: Container<'a>,
        /// What stands in front of each key.
        prefix: &'a str,
    },
    /// One key is an environment variable.
    EnvKey {
        /// The container that has it.
        container: Container<'a>,
        /// The variable.
        name: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Each key is a file.
    Volume {
        /// The keys that become files, each with the file's path in the volume; `None` for all keys.
        items: Option<Vec<(&'a str, &'a str)>>,
        /// The containers that mount it, each with the entry of its `volumeMounts`.
        mounts: Vec<(Container<'a>, Field<'a>)>,
    },
}

impl<'a> ConfigMapUse<'a> {
    /// The entries of `data` that reach the pod: key and value.
    pub fn entries(&self) -> Vec<(Cow<'a, str>, Field<'a>)> {
        let all = || self.data.into_iter().flat_map(Field::entries);
        match &self.how {
            ConfigMapUseKind::EnvFrom { .. } | ConfigMapUseKind::Volume { items: None, .. } => all().collect(),
            ConfigMapUseKind::EnvKey { key, .. } => all().filter(|(have, _)| have == key).collect(),
            ConfigMapUseKind::Volume { items: Some(items), .. } => {
                all().filter(|(have, _)| items.iter().any(|(key, _)| have == key)).collect()
            }
        }
    }
}

/// A workload's mention of a ConfigMap, whether or not the input has it.
struct Reference<'a> {
    name: &'a str,
    field: Field<'a>,
    how: ConfigMapUseKind<'a>,
}

/// ConfigMaps by their names, and the workloads that name them.
#[derive(Debug, Default)]
pub(super) struct ConfigMapIndex {
    by_name: HashMap<String, Vec<ResourceId>>,
    users: HashMap<String, Vec<ResourceId>>,
}

impl ConfigMapIndex {
    fn new(inventory: &Inventory<'_>) -> Self {
        let mut index = ConfigMapIndex::default();
        for id in inventory.of_kind("", "ConfigMap") {
            index.by_name.entry(inventory.resource(id).name.name.clone()).or_default().push(id);
        }
        for workload in inventory.workloads() {
            for reference in references(workload) {
                let users = index.users.entry(reference.name.to_owned()).or_default();
                if users.last() != Some(&workload.id) {
                    users.push(workload.id);
                }
            }
        }
        index
    }
}

impl<'a> Inventory<'a> {
    /// The ConfigMaps of the input that a workload names in its own fields, each use by itself: as environment, as one
    /// variable, or as a volume. What a kustomize patch adds is a use of the patch; what a `configMapGenerator` makes
    /// is not in the input.
    pub fn config_maps_of<'w>(&'w self, workload: Workload<'w>) -> Vec<ConfigMapUse<'w>> {
        let mut known: HashMap<&str, Association> = HashMap::new();
        let mut uses = Vec::new();
        for reference in references(workload) {
            let found = known.entry(reference.name).or_insert_with(|| {
                let candidates = self.config_maps_named(reference.name, workload.id);
                self.associate(workload.id, &candidates, |config_map| self.naming(config_map))
            });
            uses.extend(found.possible.iter().map(|id| ConfigMapUse {
                id: *id,
                is_certain: found.certain.contains(id),
                reference: reference.field,
                how: reference.how.clone(),
                data: self.root(*id).and_then(|root| root.get("data")),
            }));
        }
        uses
    }

    /// The workloads that read a ConfigMap. Kustomize patches that name it are among them; `possible` has those too
    /// that may mean another ConfigMap of the same name.
    pub fn users_of(&self, config_map: ResourceId) -> Association {
        self.associate(config_map, &self.naming(config_map), |user| {
            self.config_maps_named(&self.resource(config_map).name.name, user)
        })
    }

    /// Every ConfigMap of this name that a workload could mean, wherever it stands.
    fn config_maps_named(&self, name: &str, workload: ResourceId) -> Vec<ResourceId> {
        let ids = self.config_maps().by_name.get(name).map_or(&[][..], Vec::as_slice);
        ids.iter().copied().filter(|id| self.share_a_namespace(*id, workload)).collect()
    }

    /// Every workload that could mean this ConfigMap, wherever it stands.
    fn naming(&self, config_map: ResourceId) -> Vec<ResourceId> {
        let users = self.config_maps().users.get(&self.resource(config_map).name.name);
        let users = users.map_or(&[][..], Vec::as_slice);
        users.iter().copied().filter(|id| self.share_a_namespace(*id, config_map)).collect()
    }

    fn config_maps(&self) -> &ConfigMapIndex {
        self.config_map_index.get_or_init(|| ConfigMapIndex::new(self))
    }
}

/// What a workload says of ConfigMaps.
fn references(workload: Workload<'_>) -> Vec<Reference<'_>> {
    let mut references = Vec::new();
    for container in workload.containers() {
        for source in container.field.get("envFrom").into_iter().flat_map(Field::items) {
            let how = ConfigMapUseKind::EnvFrom { container, prefix: source.text_at(&["prefix"]) };
            references.extend(reference(source.get("configMapRef"), how));
        }
        for (name, variable) in container.env() {
            let field = variable.at(&["valueFrom", "configMapKeyRef"]);
            let key = field.map_or("", |field| field.text_at(&["key"]));
            references.extend(reference(field, ConfigMapUseKind::EnvKey { container, name, key }));
        }
    }
    for volume in workload.pod.get("volumes").into_iter().flat_map(Field::items) {
        let projected = volume.at(&["projected", "sources"]).into_iter().flat_map(Field::items);
        let sources = projected.filter_map(|source| source.get("configMap"));
        for field in volume.get("configMap").into_iter().chain(sources) {
            let items = field.get("items").map(|items| {
                items.items().map(|item| (item.text_at(&["key"]), item.text_at(&["path"]))).collect::<Vec<_>>()
            });
            let mounts = mounts(workload, volume.text_at(&["name"]));
            references.extend(reference(Some(field), ConfigMapUseKind::Volume { items, mounts }));
        }
    }
    references
}

fn reference<'a>(field: Option<Field<'a>>, how: ConfigMapUseKind<'a>) -> Option<Reference<'a>> {
    let field = field?;
    let name = field.text_at(&["name"]);
    (!name.is_empty()).then_some(Reference { name, field, how })
}

/// The containers that mount a volume, each with the entry that says so.
fn mounts<'a>(workload: Workload<'a>, volume: &str) -> Vec<(Container<'a>, Field<'a>)> {
    let of_container = |container: Container<'a>| {
        let mounts = container.field.get("volumeMounts").into_iter().flat_map(Field::items);
        mounts.filter(|mount| mount.text_at(&["name"]) == volume).map(move |mount| (container, mount))
    };
    workload.containers().flat_map(of_container).collect()
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest")
    }

    fn config_map(name: &str) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: '1', b: '2'}}\n")
    }

    fn deployment(pod: &str) -> String {
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {pod}}}}}\n")
    }

    const ENV_FROM: &str = "{containers: [{name: web, envFrom: [{configMapRef: {name: settings}, prefix: APP_}]}]}";

    #[test]
    fn every_way_to_use_one_is_found() {
        let pod = "{containers: [{name: web,
            envFrom: [{configMapRef: {name: settings}, prefix: APP_}, {secretRef: {name: settings}}],
            env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}],
            volumeMounts: [{name: files, mountPath: /etc/web}]}],
            volumes: [{name: files, configMap: {name: settings, items: [{key: b, path: b.conf}]}},
                      {name: all, projected: {sources: [{configMap: {name: settings}}]}}]}";
        let files = [file("web.yaml", &deployment(pod)), file("settings.yaml", &config_map("settings"))];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("one");
        let uses = inventory.config_maps_of(workload);
        let keys = |used: &ConfigMapUse<'_>| used.entries().into_iter().map(|(key, _)| key.into_owned()).collect();
        let found: Vec<Vec<String>> = uses.iter().map(keys).collect();
        assert_eq!(found, [vec!["a", "b"], vec!["a"], vec!["b"], vec!["a", "b"]]);
        assert!(uses.iter().all(|used| used.is_certain));
        assert!(matches!(&uses[0].how, ConfigMapUseKind::EnvFrom { prefix: "APP_", .. }));
        assert!(matches!(&uses[1].how, ConfigMapUseKind::EnvKey { name: "A", key: "a", .. }));
        let ConfigMapUseKind::Volume { items: Some(items), mounts } = &uses[2].how else { panic!("{uses:?}") };
        assert_eq!(items, &[("b", "b.conf")]);
        assert_eq!(mounts[0].1.text_at(&["mountPath"]), "/etc/web");
        assert_eq!(inventory.users_of(uses[0].id).certain, [workload.id]);
    }

    #[test]
    fn the_nearest_is_certain_and_others_are_possible() {
        let files = [
            file("settings.yaml", &config_map("settings")),
            file("one/settings.yaml", &config_map("settings")),
            file("one/web.yaml", &deployment(ENV_FROM)),
            file("two/web.yaml", &deployment(ENV_FROM)),
        ];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let [one, two] = [0, 1].map(|i| inventory.workloads().nth(i).expect("two"));
        let uses = |workload: Workload<'_>| {
            inventory.config_maps_of(workload).iter().map(|used| (used.id.0, used.is_certain)).collect::<Vec<_>>()
        };
        assert_eq!(uses(one), [(0, false), (1, true)]);
        // From `two`, the top folder is the smallest around it that has any: both stand below it.
        assert_eq!(uses(two), [(0, true), (1, false)]);
        assert_eq!(inventory.users_of(ResourceId(0)).possible, [one.id, two.id]);
        assert_eq!(inventory.users_of(ResourceId(0)).certain, [two.id]);
        assert_eq!(inventory.users_of(ResourceId(1)).certain, [one.id]);
    }

    #[test]
    fn another_namespace_has_its_own() {
        let there = config_map("settings").replace("{name: settings}", "{name: settings, namespace: other}");
        let here = deployment(ENV_FROM).replace("{name: web}\n", "{name: web, namespace: shop}\n");
        let files = [file("settings.yaml", &there), file("web.yaml", &here)];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("one");
        assert!(inventory.config_maps_of(workload).is_empty());
        assert!(inventory.users_of(ResourceId(0)).possible.is_empty());
    }

    #[test]
    fn a_patch_that_names_one_is_a_user() {
        let files = [
            file("base/kustomization.yaml", "resources: [web.yaml, settings.yaml]\n"),
            file("base/web.yaml", &deployment("{containers: [{name: web}]}")),
            file("base/settings.yaml", &config_map("settings")),
            file("live/kustomization.yaml", "resources: [../base]\npatches: [{path: web.yaml}]\n"),
            file("live/web.yaml", &deployment(ENV_FROM)),
        ];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let config_map = inventory.of_kind("", "ConfigMap").next().expect("one");
        let users = inventory.users_of(config_map);
        let names: Vec<_> = users.certain.iter().map(|id| inventory.file_name(inventory.resource(*id).file)).collect();
        assert_eq!(names, ["live/web.yaml"]);
    }
}
