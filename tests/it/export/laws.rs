//! What holds of the export of every case, with no other program than ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use meshfix::engine::Status;
use meshfix::export::Form;
use meshfix::yaml;
use serde_json::Value;

use super::{export, files, text};
use crate::fixtures::{self, Case};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(name, folder): (String, std::path::PathBuf)| {
        Trial::test(format!("export::law::{name}"), move || check(&Case::load(&folder)))
    };
    fixtures::all().into_iter().map(trial).collect()
}

fn check(case: &Case) -> Result<(), Failed> {
    json_patches_give_the_values_of_write(case)?;
    for form in [Form::KustomizePatch, Form::JsonPatch, Form::StrategicMerge] {
        for is_folder in [false, true] {
            nothing_is_lost(case, form, is_folder)?;
            its_own_yaml_can_be_read(case, form, is_folder)?;
        }
    }
    Ok(())
}

/// The resources of all documents: what a patch can be for.
pub(super) fn resources(files: &[(String, String)]) -> Vec<Value> {
    let mut resources = Vec::new();
    for (_, text) in files {
        let text: Arc<str> = text.as_str().into();
        let documents = yaml::slices(&text).into_iter().filter_map(|slice| yaml::parse(&text, slice).ok()?);
        documents.filter_map(|document| yaml::value(&document).ok()).for_each(|value| take(value, &mut resources));
    }
    resources
}

fn take(value: Value, resources: &mut Vec<Value>) {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value.get("items").and_then(Value::as_array).filter(|_| is_list) {
        Some(items) => items.iter().for_each(|item| take(item.clone(), resources)),
        None => resources.push(value),
    }
}

/// What a target of a line says, and where it stands in a resource.
const PARTS: [(&str, &str); 3] = [("kind", "/kind"), ("name", "/metadata/name"), ("namespace", "/metadata/namespace")];

/// Each line's patch goes to each resource that its target meets; what comes out is what `--write` writes.
fn json_patches_give_the_values_of_write(case: &Case) -> Result<(), Failed> {
    let export = export(case, Form::JsonPatch, false);
    let after = resources(&fixtures::after(&case.files, &export.outcome));
    let before = resources(&case.files);
    let mut found = before.clone();
    let in_files: Vec<&str> = case.files.iter().map(|(name, _)| name.as_str()).collect();
    for line in text(&export).lines() {
        let line: Value = serde_json::from_str(line)?;
        let known = line["files"]
            .as_array()
            .is_some_and(|files| files.iter().all(|file| in_files.iter().any(|name| file == name)));
        if !known || line["rules"].as_array().is_none_or(Vec::is_empty) {
            return Err(format!("a line names its files and rules: {line}").into());
        }
        let mut met = 0;
        for (resource, found) in before.iter().zip(&mut found) {
            let api_version = resource["apiVersion"].as_str().unwrap_or_default().to_owned();
            let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
            let is_met = PARTS.iter().all(|(part, pointer)| {
                // A kustomization may give the namespace.
                let have = resource.pointer(pointer).and_then(Value::as_str);
                have.is_none() && *part == "namespace" || have == line["target"][*part].as_str()
            });
            let is_version =
                line["target"]["version"] == *version && line["target"]["group"].as_str().unwrap_or_default() == group;
            let mut result = resource.clone();
            if is_met && is_version && apply(&mut result, &line["patch"]).is_ok() {
                met += 1;
                *found = result;
            }
        }
        if met == 0 {
            return Err(format!("a line's target is there, and takes the patch: {line}").into());
        }
    }
    // What a kustomization's own file gets is no patch, and nothing new is among lines.
    let plain = |values: Vec<Value>| -> Vec<Value> {
        values.into_iter().filter(|value| value["kind"] != "Kustomization").collect()
    };
    let (found, after) = (plain(found), plain(after));
    let twins = case.files.iter().any(|(name, _)| name.contains('/'));
    // The same resource in several folders: a line is for each of them, whatever the files say.
    if found != after && !twins {
        let differs = found.iter().zip(&after).find(|(found, after)| found != after);
        return Err(format!("the patches give the values of --write: {differs:#?}").into());
    }
    Ok(())
}

/// Applies a JSON Patch whose tests for `null` say that nothing is there.
pub(super) fn apply(resource: &mut Value, patch: &Value) -> Result<(), Failed> {
    let mut result = resource.clone();
    for operation in patch.as_array().into_iter().flatten() {
        let pointer = operation["path"].as_str().unwrap_or_default();
        if operation["op"] == "test" && operation["value"].is_null() {
            if result.pointer(pointer).is_some_and(|value| !value.is_null()) {
                return Err(format!("{pointer} is there").into());
            }
            continue;
        }
        let operation: json_patch::PatchOperation = serde_json::from_value(operation.clone())?;
        json_patch::patch(&mut result, &[operation])?;
    }
    *resource = result;
    Ok(())
}

/// Every fix of an ordinary run is among the patches or among what is left out.
fn nothing_is_lost(case: &Case, form: Form, is_folder: bool) -> Result<(), Failed> {
    let export = export(case, form, is_folder);
    if !export.outcome.internal.is_empty() {
        return Err(format!("a change failed its proof: {:?}", export.outcome.internal).into());
    }
    let key = |finding: &meshfix::rule::Finding| format!("{} {} {}", finding.rule, finding.resource, finding.path);
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for reported in export.outcome.findings.iter().filter(|reported| reported.status == Status::Applied) {
        *left.entry(key(&reported.finding)).or_default() += 1;
    }
    let refused =
        export.outcome.findings.iter().filter(
            |reported| matches!(&reported.status, Status::Refused(reason) if reason.starts_with("no patch can")),
        );
    let refused: Vec<String> = refused.map(|reported| key(&reported.finding)).collect();
    if refused.len() > export.left_out.len() {
        return Err("what is kept back is listed".into());
    }
    let ordinary = case.run(&case.files);
    let applied = ordinary.findings.iter().filter(|reported| reported.status == Status::Applied);
    let is_lost = |reported: &&meshfix::engine::Reported| {
        let key = key(&reported.finding);
        !left.contains_key(&key) && !refused.contains(&key)
    };
    // Behind a fix that is left out others may no longer be needed, or get another value.
    if export.left_out.is_empty()
        && let Some(lost) = applied.into_iter().find(is_lost)
    {
        return Err(format!("{form:?}: this fix is neither exported nor left out: {}", key(&lost.finding)).into());
    }
    if is_folder
        && export.new != export.outcome.created.len()
        && case.files.iter().all(|(_, text)| !text.contains("List"))
    {
        return Err("a folder has what is new".into());
    }
    Ok(())
}

/// What we print can be read by both of our readers, and the patches in it by a third one.
fn its_own_yaml_can_be_read(case: &Case, form: Form, is_folder: bool) -> Result<(), Failed> {
    let export = export(case, form, is_folder);
    let mut texts: Vec<(String, String)> = files(&export).to_vec();
    if form != Form::JsonPatch {
        texts.push(("text".to_owned(), text(&export).to_owned()));
    }
    for (name, text) in texts.iter().filter(|(name, _)| !name.ends_with(".sh")) {
        let shared: Arc<str> = text.as_str().into();
        for slice in yaml::slices(&shared) {
            let Some(document) = yaml::parse(&shared, slice).map_err(|error| format!("{name}: {error}\n{text}"))?
            else {
                continue;
            };
            let value = yaml::value(&document).map_err(|error| format!("{name}: {error}"))?;
            for entry in value["patches"].as_array().into_iter().flatten() {
                let Some(patch) = entry["patch"].as_str() else { continue };
                // Where kustomize has no JSON for a resource its patch is a part of it.
                let patch: serde_yaml::Value =
                    serde_yaml::from_str(patch).map_err(|error| format!("{error}\n{patch}"))?;
                if !patch.is_mapping() {
                    let _: json_patch::Patch = serde_yaml::from_value(patch)?;
                }
            }
        }
    }
    Ok(())
}
