//! A host may give a function only some of the resources. What is not there proves nothing: with one kind selected,
//! no resource of any case gets a safe change that it would not get in the whole list.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};
use meshfix::{transforms, yaml};
use serde_json::Value;

use crate::fixtures::{self, Case};

pub(super) fn trials() -> Vec<Trial> {
    vec![Trial::test("plugins::one_kind_alone_gets_no_safe_change_of_its_own", one_kind_alone)]
}

fn one_kind_alone() -> Result<(), Failed> {
    let (mut selections, mut changes, mut failures) = (0, 0, Vec::new());
    for (name, folder) in fixtures::all() {
        let mut case = Case::load(&folder);
        // The user's own rules are behind ours.
        let users = case
            .rules
            .iter()
            .copied()
            .filter(|rule| !transforms::ALL.iter().any(|own| own.meta().name == rule.meta().name));
        case.rules = transforms::ALL.iter().copied().chain(users).collect();
        let items = items(&case.files);
        let whole: Vec<usize> = (0..items.len()).collect();
        let in_whole = changed(&case, &items, &whole)?;
        let kinds: BTreeSet<&str> = items.iter().filter_map(|item| item["kind"].as_str()).collect();
        for kind in kinds {
            let selected: Vec<usize> = whole.iter().copied().filter(|at| items[*at]["kind"] == kind).collect();
            if selected.len() == items.len() {
                continue;
            }
            selections += 1;
            for (place, values) in changed(&case, &items, &selected)? {
                changes += 1;
                if in_whole.get(&place) != Some(&values) {
                    let (at, path) = place;
                    failures
                        .push(format!("{name}: {kind} alone: {} at {path}: {values:?}", items[at]["metadata"]["name"]));
                }
            }
        }
    }
    assert!(selections > 500 && changes > 20, "{selections} selections, {changes} changes");
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// The resources of files, each with the annotation that tells its file.
fn items(files: &[(String, String)]) -> Vec<Value> {
    let mut items = Vec::new();
    for (name, text) in files {
        for (index, slice) in yaml::slices(text).into_iter().enumerate() {
            let text = text.as_str().into();
            let Ok(Some(document)) = yaml::parse(&text, slice) else { continue };
            let Ok(mut value) = yaml::value(&document) else { continue };
            if value["kind"].is_string() && value["metadata"].is_object() {
                let annotations = &mut value["metadata"]["annotations"];
                if !annotations.is_object() {
                    *annotations = Value::Object(serde_json::Map::new());
                }
                annotations["config.kubernetes.io/path"] = name.as_str().into();
                annotations["config.kubernetes.io/index"] = index.to_string().into();
                items.push(value);
            }
        }
    }
    items
}

/// What becomes of each place: the item, the path, and the values before and after.
type Changes = BTreeMap<(usize, String), (Option<Value>, Option<Value>)>;

/// The safe changes of a list of these items.
fn changed(case: &Case, items: &[Value], selected: &[usize]) -> Result<Changes, Failed> {
    let lines: String = selected.iter().map(|at| format!("- {}\n", items[*at])).collect();
    let list = format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{lines}");
    let list = vec![("list".to_owned(), list)];
    let outcome = case.run_with(&list, false);
    let mut changes = Changes::new();
    let Some((_, after)) = fixtures::after(&list, &outcome).into_iter().next().filter(|after| *after != list[0]) else {
        return Ok(changes);
    };
    let after: Value = serde_yaml::from_str(&after)?;
    let after = after["items"].as_array().ok_or("items")?;
    for (at, after) in selected.iter().zip(after) {
        let (mut before_leaves, mut after_leaves) = (BTreeMap::new(), BTreeMap::new());
        leaves(&items[*at], "", &mut before_leaves);
        leaves(after, "", &mut after_leaves);
        for path in before_leaves.keys().chain(after_leaves.keys()) {
            let values = (before_leaves.get(path).cloned(), after_leaves.get(path).cloned());
            if values.0 != values.1 {
                changes.insert((*at, path.clone()), values);
            }
        }
    }
    Ok(changes)
}

/// All scalars and empty collections of a value, by their paths.
fn leaves(value: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => _ = found.insert(path.to_owned(), value.clone()),
    }
}
