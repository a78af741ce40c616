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

/// A label that a kustomization gives to its resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedLabel {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// True when pods get it too.
    pub to_pods: bool,
    /// True when selectors ask for it, those of workloads and Services.
    pub to_selectors: bool,
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
    /// Labels that it gives to its resources.
    pub(super) labels: Vec<AddedLabel>,
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
            renames: ["namePrefix", "nameSuffix"].into_iter().any(|key| is_given(root.get(key))),
            labels: added_labels(root),
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

/// True for a field with a value: a prefix that is empty changes nothing.
fn is_given(field: Option<Node<'_>>) -> bool {
    field.is_some_and(|field| !field.is_null() && field.text() != Some(""))
}

/// The labels of `commonLabels`, and of `labels` with its own say of where they go (kustomize's API:
/// `includeSelectors` implies the templates).
fn added_labels(root: Node<'_>) -> Vec<AddedLabel> {
    let mut labels = Vec::new();
    let mut add = |pairs: Option<Node<'_>>, to_pods: bool, to_selectors: bool| {
        let pairs = pairs.into_iter().flat_map(Node::entries);
        labels.extend(pairs.filter_map(|(key, value)| {
            let value = value.text()?.to_owned();
            Some(AddedLabel { key: key.into_owned(), value, to_pods, to_selectors })
        }));
    };
    add(root.get("commonLabels"), true, true);
    for entry in root.get("labels").into_iter().flat_map(Node::items) {
        let is_on = |key: &str| entry.get(key).is_some_and(Node::is_true);
        let mut fields = entry.get("fields").into_iter().flat_map(Node::items);
        let names_template =
            fields.any(|field| field.at(&["path"]).and_then(Node::text).unwrap_or("").contains("template"));
        let to_selectors = is_on("includeSelectors");
        add(entry.get("pairs"), to_selectors || is_on("includeTemplates") || names_template, to_selectors);
    }
    labels
}

/// True when every document of a patch file could be read.
fn is_read(file: &SourceFile) -> bool {
    file.slots.iter().all(|slot| matches!(slot.state, State::Read(_) | State::Other))
}
