//! JSON Patches for `kubectl patch --type json`: one JSON object a line, or files with a script that applies them.

use serde_json::{Value, json};

use super::names::{FileNames, Target};
use super::patched::{Patched, by_target};
use super::{Form, Output, Parts, Request, comments, kubectl, kustomize, pins};
use crate::manifest::ResourceName;

/// The patches as lines, or as a folder.
pub(super) fn json_patches(parts: &Parts<'_>, request: Request<'_>) -> Output {
    let targets = by_target(parts.patched, Form::JsonPatch);
    if request.is_folder {
        return folder(parts, request, &targets);
    }
    let line = |(target, same): &(Target, Vec<&Patched>)| {
        let rules = same.iter().flat_map(|one| &one.reasons).collect::<std::collections::BTreeSet<_>>();
        let rules: Vec<Value> =
            rules.into_iter().map(|(rule, safety)| json!({"rule": rule, "safety": safety.name()})).collect();
        let files: Vec<&str> = same.iter().map(|one| one.file_name.as_str()).collect();
        let mut kubectl = vec!["patch".to_owned()];
        kubectl.extend(target.arguments());
        kubectl.extend(["--type".to_owned(), "json".to_owned()]);
        let line = json!({
            "target": target.json(),
            "files": files,
            "rules": rules,
            "kubectl": kubectl,
            "patch": pins::pinned(same[0], Form::JsonPatch),
        });
        format!("{line}\n")
    };
    Output::Text(targets.iter().map(line).collect())
}

fn folder(parts: &Parts<'_>, request: Request<'_>, targets: &[(Target, Vec<&Patched>)]) -> Output {
    let mut names = FileNames::default();
    let mut script = kubectl::Script::new(parts, request);
    let mut files = Vec::new();
    for (target, same) in targets {
        let name =
            names.next(&ResourceName { kind: target.kind.clone(), name: target.name.clone(), ..same[0].name.clone() });
        let how = kustomize::origin(same);
        files.push((
            name.clone(),
            comments::header(request, &how) + &kustomize::patch_text(&pins::pinned(same[0], Form::JsonPatch)),
        ));
        script.patch(target, "json", &name);
    }
    Output::Folder(script.with(files))
}
