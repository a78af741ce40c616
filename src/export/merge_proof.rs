//! A small program that applies merge patches as the API server does, to prove each before it is printed.

use serde_json::Value;

use super::merge_lists::{self, Key};
use crate::manifest::ResourceName;

/// True when kustomize can't tell two items of a list apart: whatever it merges into such a resource, it loses one of
/// them.
pub(super) fn has_twins(name: &ResourceName, value: &Value, path: &mut Vec<String>) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            path.push(key.clone());
            let has_twins = has_twins(name, value, path);
            path.pop();
            has_twins
        }),
        Value::Array(items) => {
            let is_twin = |one: &Value, other: &Value, key: Key| {
                let mut parts = [Some(key.name), key.companion].into_iter().flatten();
                parts.all(|part| one.get(part) == other.get(part))
            };
            let key = merge_lists::key(name, path);
            let are_twins = key.is_some_and(|key| {
                items.iter().enumerate().any(|(i, one)| items[..i].iter().any(|other| is_twin(one, other, key)))
            });
            path.push("*".to_owned());
            let has_twins = are_twins || items.iter().any(|item| has_twins(name, item, path));
            path.pop();
            has_twins
        }
        _ => false,
    }
}

/// True when the patch makes the one value of the other; the order of items that are merged by their keys is left to
/// the program that merges.
pub(super) fn holds(name: &ResourceName, before: &Value, patch: &Value, after: &Value) -> bool {
    let mut result = before.clone();
    merge(name, &mut result, patch, &mut Vec::new());
    is_same(name, &result, after, &mut Vec::new())
}

fn merge(name: &ResourceName, into: &mut Value, patch: &Value, path: &mut Vec<String>) {
    let (Value::Object(into), Value::Object(patch)) = (into, patch) else { return };
    for (key, value) in patch.iter().filter(|(key, _)| *key != "$patch") {
        path.push(key.clone());
        match (into.get_mut(key), value) {
            (_, Value::Null) => {
                into.shift_remove(key);
            }
            (Some(have @ Value::Object(_)), Value::Object(_)) => merge(name, have, value, path),
            (Some(Value::Array(have)), Value::Array(items)) if merge_lists::key(name, path).is_some() => {
                if let Some(key) = merge_lists::key(name, path) {
                    merge_items(name, have, items, key, path);
                }
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
        path.pop();
    }
}

fn merge_items(name: &ResourceName, have: &mut Vec<Value>, items: &[Value], key: Key, path: &mut Vec<String>) {
    if items.iter().any(|item| item["$patch"] == "replace") {
        *have = items.iter().filter(|item| item.get("$patch").is_none()).cloned().collect();
        return;
    }
    // Those of the patch come first, as kustomize has it.
    let mut result = Vec::new();
    for item in items {
        let at = have.iter().position(|other| other.get(key.name) == item.get(key.name));
        let old = at.map(|at| have.remove(at));
        if item["$patch"] == "delete" {
            continue;
        }
        let merged = old.map(|mut old| {
            path.push("*".to_owned());
            merge(name, &mut old, item, path);
            path.pop();
            old
        });
        result.push(merged.unwrap_or_else(|| item.clone()));
    }
    result.append(have);
    *have = result;
}

fn is_same(name: &ResourceName, one: &Value, other: &Value, path: &mut Vec<String>) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| {
                    path.push(key.clone());
                    let is_same = other.get(key).is_some_and(|other| is_same(name, value, other, path));
                    path.pop();
                    is_same
                })
        }
        (Value::Array(one), Value::Array(other)) => {
            let key = merge_lists::key(name, path).filter(|key| !key.is_ordered(path, other));
            path.push("*".to_owned());
            let twin = |i: usize, item: &Value| {
                let is_it = |other: &&Value| key.is_none_or(|key| other.get(key.name) == item.get(key.name));
                other.get(i).filter(is_it).or_else(|| other.iter().find(is_it))
            };
            let items = one.len() == other.len()
                && one
                    .iter()
                    .enumerate()
                    .all(|(i, item)| twin(i, item).is_some_and(|twin| item == twin || is_same(name, item, twin, path)));
            path.pop();
            items
        }
        (one, other) => one == other,
    }
}
