//! JSON Patches with targets: a block `patches` for kustomize, Flux and Argo CD, or a component in a folder.

use serde_json::{Value, json};

use super::names::FileNames;
use super::patched::{Patched, by_target};
use super::{Form, Output, Parts, Request, comments, merge, pins};
use crate::yaml;

/// The longest operation that stands on one line.
const LINE: usize = 110;

/// The patches as a block, or as a component with the new resources beside it.
pub(super) fn json_patches(parts: &Parts<'_>, request: Request<'_>) -> Output {
    let mut entries = String::new();
    for (target, same) in by_target(parts.patched, Form::KustomizePatch) {
        let merged = merge::patch(same[0]).filter(|_| same[0].is_merged(Form::KustomizePatch));
        let patch = match merged {
            Some(patch) => yaml::document_text(&patch),
            None => patch_text(&pins::pinned(same[0], Form::KustomizePatch)),
        };
        entries.push_str(&entry(&same, &json!({"target": target.of_kustomize(parts.inventory), "patch": patch})));
    }
    if request.is_folder {
        return component(parts, request, &entries, Vec::new());
    }
    let how =
        "For a kustomization.yaml, the `spec` of a Flux Kustomization, a HelmRelease's `postRenderers[].kustomize`.";
    Output::Text(comments::header(request, how) + &list("patches", &entries) + &comments::left_out(parts))
}

/// A component of these patches and the new resources.
pub(super) fn component(
    parts: &Parts<'_>,
    request: Request<'_>,
    patches: &str,
    others: Vec<(String, String)>,
) -> Output {
    let mut names = FileNames::default();
    let mut files = others;
    let mut resources = String::new();
    for new in parts.new {
        let name = format!("new-{}", names.next(&new.name));
        let origin = comments::origin(&[&new.file_name], &new.reasons);
        let text = format!("{}{}", comments::header(request, &origin), new.text);
        resources.push_str(&format!("  - {name}\n"));
        files.push((name, text));
    }
    let how = "A kustomization.yaml takes it by the name of this folder under `components`.";
    let mut text = comments::header(request, how);
    text.push_str("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n");
    if !resources.is_empty() {
        text.push_str(&list("resources", &resources));
    }
    text.push_str(&list("patches", patches));
    text.push_str(&comments::left_out(parts));
    files.insert(0, ("kustomization.yaml".to_owned(), text));
    Output::Folder(files)
}

/// An item of `patches`, with the rules above it.
pub(super) fn entry(same: &[&Patched], value: &Value) -> String {
    let text = yaml::document_text(&Value::Array(vec![value.clone()]));
    let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    format!("  # {}\n{}", origin(same), lines.collect::<String>())
}

/// Where the resources come from, and the rules that changed them.
pub(super) fn origin(same: &[&Patched]) -> String {
    let files: Vec<&str> = same.iter().map(|one| one.file_name.as_str()).collect();
    let reasons = same.iter().flat_map(|one| one.reasons.iter().copied()).collect();
    comments::origin(&files, &reasons)
}

/// An entry of a kustomization that is a list.
fn list(key: &str, items: &str) -> String {
    if items.is_empty() { format!("{key}: []\n") } else { format!("{key}:\n{items}") }
}

/// A JSON Patch as text, an operation on a line where it is short enough.
pub(super) fn patch_text(patch: &[Value]) -> String {
    let line = |(i, operation): (usize, &Value)| {
        let line = format!("- {}\n", yaml::flow_text(operation));
        // kustomize takes the last line break away, and with it that of a last text.
        let is_last = i + 1 == patch.len() && line.contains("\\n");
        let is_short = line.chars().count() <= LINE;
        if is_short || is_last { line } else { yaml::document_text(&Value::Array(vec![operation.clone()])) }
    };
    patch.iter().enumerate().map(line).collect()
}
