//! One kustomization file, as far as it decides what its resources become.

use std::collections::HashMap;

use super::super::source::{SourceFile, State};
use super::join;
use crate::text::FileId;
use crate::yaml::Node;

/// A patch that is a file of its own.
#[derive(Debug, Clone)]
pub(super) struct PatchFile {
    pub(super) file: FileId,
    /// The kind and name that the kustomization says it is for, instead of its own.
    pub(super) target: Option<(Option<String>, Option<String>)>,
}

/// One kustomization file.
#[derive(Debug, Default)]
pub(super) struct Kustomization {
    pub(super) namespace: Option<String>,
    /// Files and folders that it names as resources, bases or components.
    pub(super) resources: Vec<String>,
    pub(super) patches: Vec<PatchFile>,
    /// The text of patches that are written into it.
    pub(super) inline: Vec<String>,
    /// True when something changes its resources that was not read: a list of JSON Patch operations, a file that
    /// is not there or can't be read, a transformer, or the kustomization itself.
    pub(super) is_blind: bool,
    pub(super) is_component: bool,
    /// True when it gives its resources other names.
    pub(super) renames: bool,
}

impl Kustomization {
    pub(super) fn read(
        source: &SourceFile,
        root: Node<'_>,
        files: &[SourceFile],
        by_name: &HashMap<&str, FileId>,
    ) -> Self {
        let items = |key: &str| root.get(key).into_iter().flat_map(Node::items).collect::<Vec<_>>();
        let path = |text: &str| join(source.folder(), text);
        let resources = ["resources", "bases", "components"].into_iter().flat_map(items);
        let mut one = Kustomization {
            namespace: root.get("namespace").and_then(Node::text).filter(|text| !text.is_empty()).map(str::to_owned),
            resources: resources.filter_map(Node::text).map(path).collect(),
            is_blind: ["transformers", "replacements", "vars"].into_iter().any(|key| root.get(key).is_some()),
            is_component: root.get("kind").and_then(Node::text) == Some("Component"),
            renames: ["namePrefix", "nameSuffix"].into_iter().any(|key| root.get(key).is_some()),
            ..Kustomization::default()
        };
        let mut add = |text: &str, target: Option<Node<'_>>| match by_name.get(path(text).as_str()) {
            Some(file) if is_read(&files[file.0 as usize]) => {
                let part = |target: Node<'_>, key: &str| target.get(key).and_then(Node::text).map(str::to_owned);
                let target = target.map(|target| (part(target, "kind"), part(target, "name")));
                one.patches.push(PatchFile { file: *file, target });
            }
            _ => one.is_blind = true,
        };
        let mut inline = Vec::new();
        for text in items("patchesStrategicMerge").into_iter().filter_map(Node::text) {
            if text.contains('\n') { inline.push(text.to_owned()) } else { add(text, None) }
        }
        for patch in items("patches").into_iter().chain(items("patchesJson6902")) {
            if let Some(text) = patch.get("path").and_then(Node::text) {
                add(text, patch.get("target"));
            }
            inline.extend(patch.get("patch").and_then(Node::text).map(str::to_owned));
        }
        one.inline = inline;
        one
    }

    /// A kustomization that can't be read: whatever its lines name may be changed by it.
    pub(super) fn unread(source: &SourceFile) -> Self {
        let named = source.text.lines().filter_map(|line| line.trim().strip_prefix("- "));
        let resources = named.map(|text| join(source.folder(), text.trim_matches(['"', '\'', ' ']))).collect();
        Kustomization { resources, is_blind: true, ..Kustomization::default() }
    }
}

/// True when every document of a patch file could be read.
fn is_read(file: &SourceFile) -> bool {
    file.slots.iter().all(|slot| matches!(slot.state, State::Read(_) | State::Other))
}
