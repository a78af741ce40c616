//! Kustomizations: which files one holds, which are only patches, and the namespace it gives.

mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::inventory::Placement;
use super::source::{SourceFile, State, is_kustomization};
use crate::text::FileId;
pub use read::AddedLabel;
use read::{Kustomization, PatchFile};

/// Overlays on overlays, at most.
const MAX_DEPTH: usize = 32;

/// All kustomizations of a workspace.
#[derive(Debug, Default)]
pub(super) struct Kustomizations {
    by_file: BTreeMap<FileId, Kustomization>,
    /// For each file, the top kustomizations that hold it, each with the namespace it gives there.
    holders: HashMap<FileId, BTreeSet<(FileId, Option<String>)>>,
    /// For each patch file, the kustomizations that use it.
    users: BTreeMap<FileId, BTreeSet<FileId>>,
    /// For each file, the kustomizations that may change what is in it: by patches, labels or new names.
    changers: HashMap<FileId, BTreeSet<FileId>>,
    /// The same the other way round.
    changed: HashMap<FileId, BTreeSet<FileId>>,
    /// True when one of them gives its resources other names.
    renames: bool,
}

impl Kustomizations {
    pub(super) fn read(files: &[SourceFile]) -> Self {
        let mut all = Kustomizations::default();
        if !files.iter().any(|file| is_kustomization(&file.name)) {
            return all;
        }
        let by_name: HashMap<&str, FileId> =
            files.iter().enumerate().map(|(i, file)| (file.name.as_str(), FileId(i as u32))).collect();
        for (i, file) in files.iter().enumerate().filter(|(_, file)| is_kustomization(&file.name)) {
            let readable = file.slots.iter().all(|slot| matches!(slot.state, State::Read(_) | State::Other));
            let one = match file.slots.iter().find_map(|slot| match &slot.state {
                State::Read(document) => Some(document),
                _ => None,
            }) {
                Some(document) if readable => Kustomization::read(file, document.root(), files, &by_name),
                _ => Kustomization::unread(file),
            };
            for patch in &one.patches {
                all.users.entry(patch.file).or_default().insert(FileId(i as u32));
            }
            all.by_file.insert(FileId(i as u32), one);
        }
        all.renames = all.by_file.values().any(|one| one.renames);
        all.resolve(&by_name);
        all
    }

    fn resolve(&mut self, by_name: &HashMap<&str, FileId>) {
        let children = self.children(by_name);
        let held: BTreeSet<FileId> = children.values().flatten().copied().collect();
        let tops = self.by_file.keys().copied().filter(|file| !held.contains(file));
        let mut component_tops: BTreeMap<FileId, Vec<FileId>> = BTreeMap::new();
        let mut closures: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
        for top in tops {
            // A file reached twice with two namespaces is deployed twice.
            let mut seen: BTreeSet<(FileId, Option<String>)> = BTreeSet::new();
            let mut open = vec![(top, None::<String>, 0)];
            while let Some((file, outer, depth)) = open.pop() {
                let one = self.by_file.get(&file);
                // The outermost namespace wins: kustomize applies it last.
                let namespace = outer.or_else(|| one.and_then(|one| one.namespace.clone()));
                if depth > MAX_DEPTH || !seen.insert((file, namespace.clone())) {
                    continue;
                }
                let patches = one.into_iter().flat_map(|one| one.patches.iter().map(|patch| patch.file));
                for held in patches.chain(one.is_none().then_some(file)) {
                    self.holders.entry(held).or_default().insert((top, namespace.clone()));
                }
                if one.is_some_and(|one| one.is_component) {
                    component_tops.entry(file).or_default().push(top);
                }
                open.extend(
                    children.get(&file).into_iter().flatten().map(|child| (*child, namespace.clone(), depth + 1)),
                );
            }
            closures.insert(top, seen.into_iter().map(|(file, _)| file).collect());
        }
        for (file, one) in &self.by_file {
            let transforms = one.renames || !one.labels.is_empty();
            if one.patches.is_empty() && one.inline.is_empty() && !one.is_blind && !transforms {
                continue;
            }
            // A patch changes what its kustomization holds, and what those below hold; a component's also what
            // its users hold beside it.
            let mut below = BTreeSet::new();
            let mut open = vec![*file];
            while let Some(at) = open.pop() {
                if below.insert(at) {
                    open.extend(children.get(&at).into_iter().flatten().copied());
                }
            }
            let beside = component_tops.get(file).into_iter().flatten().filter_map(|top| closures.get(top)).flatten();
            for changed in below.iter().chain(beside) {
                self.changers.entry(*changed).or_default().insert(*file);
                self.changed.entry(*file).or_default().insert(*changed);
            }
        }
    }

    /// The kustomizations that name this file as a resource.
    pub(super) fn naming(&self, name: &str) -> Vec<FileId> {
        let names = |one: &&Kustomization| one.resources.iter().any(|resource| resource == name);
        self.by_file.iter().filter(|(_, one)| names(one)).map(|(file, _)| *file).collect()
    }

    /// The file or folder that a kustomization means by a path.
    pub(super) fn path(&self, kustomization: &SourceFile, text: &str) -> String {
        join(kustomization.folder(), text)
    }

    /// The files and kustomizations that each kustomization names.
    fn children(&self, by_name: &HashMap<&str, FileId>) -> BTreeMap<FileId, Vec<FileId>> {
        let in_folder = |folder: &str| {
            ["kustomization.yaml", "kustomization.yml", "Kustomization"].into_iter().find_map(|name| {
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                by_name.get(path.as_str()).copied()
            })
        };
        let find = |path: &String| by_name.get(path.as_str()).copied().or_else(|| in_folder(path));
        let children = |(file, one): (&FileId, &Kustomization)| {
            (*file, one.resources.iter().filter_map(find).filter(|child| child != file).collect())
        };
        self.by_file.iter().map(children).collect()
    }

    /// True when a kustomization uses the file as a patch.
    pub(super) fn is_patch(&self, file: FileId) -> bool {
        self.users.contains_key(&file)
    }

    /// True when the patch in `patch`, of a resource of this kind and name, changes the one named `name` in `file`.
    pub(super) fn patches(&self, patch: FileId, patch_name: &str, kind: &str, file: FileId, name: &str) -> bool {
        let Some(changers) = self.changers.get(&file) else { return false };
        let users = self.users.get(&patch).into_iter().flatten();
        users.filter(|user| changers.contains(user)).filter_map(|user| self.by_file.get(user)).any(|one| {
            // With prefixes a patch may name what its kustomization calls the resource.
            let by_name = patch_name == name || self.renames && patch_name.contains(name);
            one.patches.iter().filter(|entry| entry.file == patch).any(|entry| match &entry.target {
                None => by_name,
                Some(target) => is_target(target, kind, name),
            })
        })
    }

    /// The files whose resources the patch file may change.
    pub(super) fn patched_files(&self, patch: FileId) -> BTreeSet<FileId> {
        let users = self.users.get(&patch).into_iter().flatten();
        users.filter_map(|user| self.changed.get(user)).flatten().copied().collect()
    }

    /// The patch files that may change resources of `file`.
    pub(super) fn patch_files(&self, file: FileId) -> impl Iterator<Item = FileId> + '_ {
        let changers = self.changers.get(&file).into_iter().flatten();
        changers
            .filter_map(|changer| self.by_file.get(changer))
            .flat_map(|one| one.patches.iter().map(|patch: &PatchFile| patch.file))
    }

    /// True when a patch that is no file of manifests may change one of these fields in `file`.
    pub(super) fn may_patch(&self, file: FileId, fields: &[&str]) -> bool {
        let changers = self.changers.get(&file).into_iter().flatten();
        changers
            .filter_map(|changer| self.by_file.get(changer))
            .any(|one| one.is_blind || one.inline.iter().any(|text| fields.iter().any(|field| text.contains(field))))
    }

    /// The labels that kustomizations give to the resources of `file`, each with the kustomization.
    pub(super) fn added_labels(&self, file: FileId) -> impl Iterator<Item = (FileId, &AddedLabel)> {
        self.changers_of(file).flat_map(|(changer, one)| one.labels.iter().map(move |label| (changer, label)))
    }

    /// A kustomization that gives the resources of `file` other names.
    pub(super) fn renamer(&self, file: FileId) -> Option<FileId> {
        self.changers_of(file).find(|(_, one)| one.renames).map(|(changer, _)| changer)
    }

    fn changers_of(&self, file: FileId) -> impl Iterator<Item = (FileId, &Kustomization)> {
        let changers = self.changers.get(&file).into_iter().flatten();
        changers.filter_map(|changer| Some((*changer, self.by_file.get(changer)?)))
    }

    /// The kustomizations with a patch written into them that may change what is in `file`, each with its patches.
    pub(super) fn inline_patches(&self, file: FileId) -> impl Iterator<Item = (FileId, &[String])> {
        let changers = self.changers.get(&file).into_iter().flatten();
        changers.filter_map(|changer| Some((*changer, self.by_file.get(changer)?.inline.as_slice())))
    }

    /// Where a resource of `file` is deployed that names the namespace `own` itself.
    pub(super) fn placements(&self, file: FileId, own: Option<&str>) -> Vec<Placement> {
        let own = || own.map(str::to_owned);
        match self.holders.get(&file) {
            Some(holders) if !holders.is_empty() => {
                let placement = |(top, namespace): &(FileId, Option<String>)| Placement {
                    kustomization: Some(*top),
                    namespace: namespace.clone().or_else(own),
                };
                holders.iter().map(placement).collect()
            }
            _ => vec![Placement { kustomization: None, namespace: own() }],
        }
    }
}

/// A target without kind or name means all of them; a name may be a regular expression.
fn is_target((kind, name): &(Option<String>, Option<String>), have_kind: &str, have_name: &str) -> bool {
    let is_pattern = |text: &str| text.contains(['.', '*', '+', '?', '|', '(', '[', '^', '$']);
    kind.as_deref().is_none_or(|kind| kind == have_kind || is_pattern(kind))
        && name.as_deref().is_none_or(|name| name == have_name || is_pattern(name))
}

/// `path` as seen from `folder`, with `.` and `..` taken out.
pub(super) fn join(folder: &str, path: &str) -> String {
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
        assert_eq!(join("/a/overlay", "../base"), "/a/base");
        assert_eq!(join("../a", "../../b"), "../../b");
    }
}
