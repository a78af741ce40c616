//! Kustomizations: which files one holds, which are only patches, and the namespace it gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::inventory::Placement;
use super::inventory::documents;
use super::source::{SourceFile, is_kustomization};
use crate::text::FileId;

/// Overlays on overlays, at most.
const MAX_DEPTH: usize = 32;

/// One kustomization file.
#[derive(Debug, Default)]
struct Kustomization {
    namespace: Option<String>,
    /// Files and folders that it names as resources, bases or components.
    resources: Vec<String>,
    /// Files that it names as patches.
    patches: Vec<FileId>,
    /// The text of patches that are written into it.
    inline: Vec<String>,
    /// True when it names a patch that was not read: a list of JSON Patch operations, or a file that is not there.
    has_unread_patch: bool,
}

/// All kustomizations of a workspace.
#[derive(Debug, Default)]
pub(super) struct Kustomizations {
    by_file: BTreeMap<FileId, Kustomization>,
    /// For each file, the top kustomizations that hold it and the namespace each gives.
    holders: HashMap<FileId, Vec<(FileId, Option<String>)>>,
    patch_files: BTreeSet<FileId>,
    /// For each patch file, the files whose resources it may change.
    patched: HashMap<FileId, BTreeSet<FileId>>,
    /// For each kustomization, the files that its patches may change.
    reach: BTreeMap<FileId, BTreeSet<FileId>>,
}

impl Kustomizations {
    pub(super) fn read(files: &[SourceFile]) -> Self {
        let mut all = Kustomizations::default();
        if !files.iter().any(|file| is_kustomization(&file.name)) {
            return all;
        }
        let by_name: HashMap<&str, FileId> =
            files.iter().enumerate().map(|(i, file)| (file.name.as_str(), FileId(i as u32))).collect();
        for (file, _, root) in documents(files) {
            let source = &files[file.0 as usize];
            if !is_kustomization(&source.name) {
                continue;
            }
            let texts = |key: &str| -> Vec<String> {
                let items = root.get(key).into_iter().flat_map(crate::yaml::Node::items);
                items.filter_map(|item| item.text()).map(|path| join(source.folder(), path)).collect()
            };
            let paths_in = |key: &str| -> Vec<String> {
                let items = root.get(key).into_iter().flat_map(crate::yaml::Node::items);
                items.filter_map(|item| item.get("path")?.text()).map(|path| join(source.folder(), path)).collect()
            };
            let resources = ["resources", "bases", "components"].into_iter().flat_map(texts).collect();
            let strategic = root.get("patchesStrategicMerge").into_iter().flat_map(crate::yaml::Node::items);
            let (inline, named): (Vec<&str>, Vec<&str>) =
                strategic.filter_map(|item| item.text()).partition(|text| text.contains('\n'));
            let named = named.into_iter().map(|path| join(source.folder(), path));
            let paths: Vec<String> = named.chain(paths_in("patches")).chain(paths_in("patchesJson6902")).collect();
            let patches: Vec<FileId> = paths.iter().filter_map(|path| by_name.get(path.as_str()).copied()).collect();
            let has_unread_patch = patches.len() < paths.len();
            let written = ["patches", "patchesJson6902"].into_iter().filter_map(|key| root.get(key));
            let written = written.flat_map(crate::yaml::Node::items).filter_map(|item| item.get("patch")?.text());
            let inline = inline.into_iter().chain(written).map(str::to_owned).collect();
            let namespace =
                root.get("namespace").and_then(|node| node.text()).filter(|text| !text.is_empty()).map(str::to_owned);
            all.by_file.insert(file, Kustomization { namespace, resources, patches, inline, has_unread_patch });
        }
        all.patch_files = all.by_file.values().flat_map(|one| one.patches.iter().copied()).collect();
        all.resolve(files, &by_name);
        all
    }

    fn resolve(&mut self, files: &[SourceFile], by_name: &HashMap<&str, FileId>) {
        let in_folder = |folder: &str| {
            ["kustomization.yaml", "kustomization.yml", "Kustomization"].into_iter().find_map(|name| {
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                by_name.get(path.as_str()).copied()
            })
        };
        let mut children: BTreeMap<FileId, Vec<FileId>> = BTreeMap::new();
        let mut held: BTreeSet<FileId> = BTreeSet::new();
        for (file, one) in &self.by_file {
            for path in &one.resources {
                let child = by_name.get(path.as_str()).copied().or_else(|| in_folder(path));
                if let Some(child) = child.filter(|child| child != file) {
                    children.entry(*file).or_default().push(child);
                    held.insert(child);
                }
            }
        }
        let tops: Vec<FileId> = self.by_file.keys().copied().filter(|file| !held.contains(file)).collect();
        let mut closures: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
        for top in tops {
            let mut seen = BTreeSet::new();
            // The outermost namespace wins: kustomize applies it last.
            let mut open = vec![(top, None::<String>, 0)];
            while let Some((file, outer, depth)) = open.pop() {
                if depth > MAX_DEPTH || !seen.insert(file) {
                    continue;
                }
                let own = self.by_file.get(&file).and_then(|one| one.namespace.clone());
                let namespace = outer.or(own);
                if !self.by_file.contains_key(&file) {
                    self.holders.entry(file).or_default().push((top, namespace.clone()));
                }
                for child in children.get(&file).into_iter().flatten() {
                    open.push((*child, namespace.clone(), depth + 1));
                }
            }
            closures.insert(top, seen);
        }
        for (file, one) in &self.by_file {
            // A patch changes what its own kustomization holds, and what those below hold.
            let mut below = BTreeSet::new();
            let mut open = vec![*file];
            while let Some(at) = open.pop() {
                if below.insert(at) {
                    open.extend(children.get(&at).into_iter().flatten().copied());
                }
            }
            // A component changes what its users hold beside it.
            for closure in closures.values().filter(|closure| closure.contains(file)) {
                if is_component(files, *file) {
                    below.extend(closure.iter().copied());
                }
            }
            self.reach.insert(*file, below.clone());
            for patch in &one.patches {
                self.patched.entry(*patch).or_default().extend(below.iter().copied());
                let holders: Vec<_> = closures
                    .iter()
                    .filter(|(_, closure)| closure.contains(file))
                    .map(|(top, _)| (*top, one.namespace.clone()))
                    .collect();
                self.holders.entry(*patch).or_default().extend(holders);
            }
        }
    }

    /// True when the file is only ever used as a patch.
    pub(super) fn is_patch(&self, file: FileId) -> bool {
        self.patch_files.contains(&file)
    }

    /// True when the patch file may change resources of `file`.
    pub(super) fn patches(&self, patch: FileId, file: FileId) -> bool {
        self.patched.get(&patch).is_some_and(|files| files.contains(&file))
    }

    /// True when a patch that is no file of manifests may change one of these fields in `file`.
    pub(super) fn may_patch(&self, file: FileId, fields: &[&str]) -> bool {
        let holders =
            self.by_file.iter().filter(|(id, _)| self.reach.get(id).is_some_and(|files| files.contains(&file)));
        holders.into_iter().any(|(_, one)| {
            one.has_unread_patch || one.inline.iter().any(|text| fields.iter().any(|field| text.contains(field)))
        })
    }

    /// Where a resource of `file` is deployed that names the namespace `own` itself.
    pub(super) fn placements(&self, file: FileId, own: Option<&str>) -> Vec<Placement> {
        let by_itself = || vec![Placement { kustomization: None, namespace: own.map(str::to_owned) }];
        self.holders.get(&file).filter(|holders| !holders.is_empty()).map_or_else(by_itself, |holders| {
            let placement = |(top, namespace): &(FileId, Option<String>)| Placement {
                kustomization: Some(*top),
                namespace: namespace.clone().or_else(|| own.map(str::to_owned)),
            };
            holders.iter().map(placement).collect()
        })
    }
}

fn is_component(files: &[SourceFile], file: FileId) -> bool {
    let root = files.get(file.0 as usize).and_then(|file| file.document(0)).map(crate::yaml::Document::root);
    root.and_then(|root| root.get("kind")?.text()) == Some("Component")
}

/// `path` as seen from `folder`, with `.` and `..` taken out.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    // Files outside the current folder have absolute names.
    let root = if folder.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_joined() {
        assert_eq!(join("a/overlays/prod", "../../base"), "a/base");
        assert_eq!(join("", "./x.yaml"), "x.yaml");
        assert_eq!(join("/a/ov", "../base"), "/a/base");
        assert_eq!(join("../a", "../../b"), "../../b");
    }
}
