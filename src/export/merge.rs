//! Merge patches: the part of a resource that changes, with `null` for what goes. Lists of built-in kinds are merged
//! item by item; those of other kinds are given whole, since JSON Merge Patch replaces them.

use serde_json::{Map, Value, json};

use super::merge_lists::{self, Key};
use super::names::FileNames;
use super::patched::{Patched, by_target};
use super::{Form, Output, Parts, Request, comments, kubectl, kustomize, merge_proof};
use crate::manifest::ResourceName;
use crate::yaml;

/// The patches as a stream, or as a folder.
pub(super) fn patches(parts: &Parts<'_>, request: Request<'_>) -> Output {
    let how = "A file of it is for `patches: [{path: FILE}]` of a kustomization.yaml; one document for `kubectl patch --patch-file`.";
    let mut names = FileNames::default();
    let mut script = kubectl::Script::new(parts, request);
    let (mut text, mut entries, mut files) = (comments::header(request, how), String::new(), Vec::new());
    for (target, same) in by_target(parts.patched, Form::StrategicMerge) {
        let Some(patch) = patch(same[0]) else { continue };
        let document = yaml::document_text(&patch);
        let mut origin = kustomize::origin(&same);
        let is_built_in = merge_lists::is_built_in(&same[0].name);
        if !is_built_in && has_list(&patch) {
            origin.push_str("; its lists are given whole");
        }
        if !request.is_folder {
            text.push_str(&format!("---\n# {origin}\n{document}"));
            continue;
        }
        let name = names.next(&same[0].name);
        entries.push_str(&kustomize::entry(&same, &json!({"path": name})));
        let kind = if is_built_in { "strategic" } else { "merge" };
        for namespace in same.iter().flat_map(|one| &one.namespaces) {
            script.patch(&super::names::Target { namespace: namespace.clone(), ..target.clone() }, kind, &name);
        }
        files.push((name, comments::header(request, &origin) + &document));
    }
    if !request.is_folder {
        return Output::Text(text + &comments::left_out(parts));
    }
    let Output::Folder(component) = kustomize::component(parts, request, &entries, Vec::new()) else {
        return Output::Folder(files);
    };
    // Both have the new resources.
    let mut all = script.with(files);
    all.extend(component.into_iter().filter(|(name, _)| name == "kustomization.yaml"));
    Output::Folder(all)
}

/// The merge patch of a resource, proven; `None` where a merge can't give the same value.
pub(super) fn patch(patched: &Patched) -> Option<Value> {
    let name = &patched.name;
    let has_twins = |value| merge_proof::has_twins(name, value, &mut Vec::new());
    if patched.loses_quotes() || has_twins(&patched.before) || has_twins(&patched.after) {
        return None;
    }
    let changes = difference(name, &patched.before, &patched.after, &mut Vec::new());
    let mut patch = Map::new();
    patch.insert("apiVersion".to_owned(), name.api_version.clone().into());
    patch.insert("kind".to_owned(), name.kind.clone().into());
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), name.name.clone().into());
    if let Some(namespace) = &name.namespace {
        metadata.insert("namespace".to_owned(), namespace.clone().into());
    }
    let Value::Object(mut changes) = changes else { return None };
    if let Some(Value::Object(more)) = changes.shift_remove("metadata") {
        metadata.extend(more);
    }
    patch.insert("metadata".to_owned(), metadata.into());
    patch.extend(changes);
    let patch = Value::Object(patch);
    merge_proof::holds(name, &patched.before, &patch, &patched.after).then_some(patch)
}

/// What makes the one value of the other when it is merged in.
fn difference(name: &ResourceName, before: &Value, after: &Value, path: &mut Vec<String>) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut changes = Map::new();
            for (key, value) in after {
                path.push(key.clone());
                match before.get(key) {
                    Some(old) if old == value => {}
                    Some(old) => {
                        changes.insert(key.clone(), difference(name, old, value, path));
                    }
                    None => {
                        changes.insert(key.clone(), value.clone());
                    }
                }
                path.pop();
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                changes.insert(key.clone(), Value::Null);
            }
            Value::Object(changes)
        }
        (Value::Array(before), Value::Array(after)) => match merge_lists::key(name, path) {
            Some(key) => items(name, before, after, key, path),
            None => Value::Array(after.clone()),
        },
        (_, after) => after.clone(),
    }
}

/// What makes the one list of the other, item by item; the whole list where its items can't be told apart or their
/// order matters.
fn items(name: &ResourceName, before: &[Value], after: &[Value], key: Key, path: &mut Vec<String>) -> Value {
    let own = |item: &Value| item.get(key.name).cloned();
    let find = |items: &'_ [Value], item: &Value| items.iter().position(|other| own(other) == own(item));
    let is_told_apart =
        |items: &[Value]| items.iter().enumerate().all(|(i, item)| own(item).is_some() && find(items, item) == Some(i));
    let kept: Vec<usize> = after.iter().filter_map(|item| find(before, item)).collect();
    // kustomize would take the item for another one.
    let changes_companion = key.companion.is_some_and(|companion| {
        after.iter().any(|item| find(before, item).is_some_and(|at| before[at].get(companion) != item.get(companion)))
    });
    if !is_told_apart(before) || !is_told_apart(after) || changes_companion || !kept.is_sorted() {
        let mut all = vec![json!({"$patch": "replace"})];
        all.extend_from_slice(after);
        return Value::Array(all);
    }
    let named = |item: &Value| {
        let names = [Some(key.name), key.companion].into_iter().flatten();
        names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect::<Map<_, _>>()
    };
    let is_ordered = key.is_ordered(path, after);
    let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
    path.push("*".to_owned());
    for item in after {
        let old = find(before, item).map(|at| &before[at]);
        if old == Some(item) {
            unchanged.push(Value::Object(named(item)));
            continue;
        }
        // Items come out as a patch has them, and the others behind: those in front keep their places by their names.
        if is_ordered {
            changes.append(&mut unchanged);
        }
        match old {
            Some(old) => {
                let mut change = named(old);
                if let Value::Object(more) = difference(name, old, item, path) {
                    change.extend(more);
                }
                changes.push(Value::Object(change));
            }
            None => changes.push(item.clone()),
        }
    }
    path.pop();
    for old in before.iter().filter(|old| find(after, old).is_none()) {
        let mut gone = named(old);
        gone.insert("$patch".to_owned(), "delete".into());
        changes.push(Value::Object(gone));
    }
    Value::Array(changes)
}

/// True when a list stands somewhere in the value.
fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(map) => map.values().any(has_list),
        _ => false,
    }
}
