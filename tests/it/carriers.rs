//! The same resources come out with the same values whatever carries them: files that are written, a stream, and a
//! ResourceList whose items say where their files are. The program itself is run on every fixture of one scope.

use std::collections::BTreeMap;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::cli::support::World;
use crate::fixtures::{self, Case};

/// Cases where a carrier makes a difference, and why.
const EXPECTED: [(&str, &str); 2] = [
    // A line of JSON beside a Secret's line is not edited.
    ("host-network/secret-neighbour", "a ResourceList"),
    // What a program rendered for a release has the release's version; a file is kept for the next one.
    ("version-label/release-in-a-file", "a stream"),
];

/// Annotations that say where an item comes from; a new resource gets them too.
const PLACES: [&str; 2] = ["config.kubernetes.io/path", "config.kubernetes.io/index"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("carriers::files_a_stream_and_a_list_give_the_same_values", same_values)]
}

fn same_values() -> Result<(), Failed> {
    let (mut streams, mut lists) = (0, 0);
    let mut others = String::new();
    for (name, folder) in fixtures::all() {
        let case = Case::load(&folder);
        let Some(before) = resources(&case.files) else { continue };
        let world = World::new();
        let configuration = folder.join("meshfix.yaml");
        if configuration.exists() {
            world.write("meshfix.yaml", std::fs::read(&configuration)?);
        }
        let mut choice = vec!["--unsafe"];
        let select: Vec<&str> = case.rules.iter().map(|rule| rule.meta().name).collect();
        let select = select.join(",");
        choice.extend(["--select", &select]);
        let expected = written(&world, &case.files, &choice)?;
        let is_flat = case.files.iter().all(|(name, _)| !name.contains('/'));
        if is_flat {
            let stream: String = case.files.iter().map(|(_, text)| document(text)).collect();
            let ran = world.stream(&[&choice[..], &["-"]].concat(), stream).with(0);
            let found = sorted(values(&ran.out()).ok_or("the stream can be read")?);
            others.push_str(&difference(&name, "a stream", &expected, &found));
            streams += 1;
        }
        let ran = world.stream(&[&["fn"], &choice[..]].concat(), list(&before)).with(0);
        let value: Value = serde_yaml::from_str(&ran.out())?;
        let items = value["items"].as_array().cloned().unwrap_or_default();
        // What an alias, a second key or a comment kept from being fixed can be fixed in JSON.
        let kept = |text: &str| ["&", "<<:", "# meshfix: ignore["].iter().any(|mark| text.contains(mark));
        let is_kept = case.files.iter().any(|(_, text)| kept(text)) || folder.join("expect-refused").exists();
        if !is_kept {
            let found = sorted(items.into_iter().map(without_places).collect());
            others.push_str(&difference(&name, "a ResourceList", &expected, &found));
            lists += 1;
        }
    }
    if !others.is_empty() {
        return Err(others.into());
    }
    if streams < 200 || lists < 200 {
        return Err(format!("only {streams} streams and {lists} lists were compared").into());
    }
    Ok(())
}

/// The resources of a case by their files; `None` where its meaning lies in more than them: kustomizations, lists, and
/// text that is no YAML.
fn resources(files: &[(String, String)]) -> Option<BTreeMap<String, Vec<Value>>> {
    let mut all = BTreeMap::new();
    for (name, text) in files {
        let values = values(text)?;
        let is_one = |value: &Value| value.is_object() && value.get("items").is_none() && value.get("kind").is_some();
        if name.contains("ustomization") || !values.iter().all(is_one) {
            return None;
        }
        all.insert(name.clone(), values);
    }
    Some(all)
}

fn list(files: &BTreeMap<String, Vec<Value>>) -> String {
    let mut items = String::new();
    for (name, values) in files {
        for (index, value) in values.iter().enumerate() {
            let mut value = value.clone();
            value["metadata"]["annotations"][PLACES[0]] = name.as_str().into();
            value["metadata"]["annotations"][PLACES[1]] = index.to_string().into();
            items.push_str(&format!("- {value}\n"));
        }
    }
    format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}")
}

/// An item as it was in its file: an empty mapping of annotations is none.
fn without_places(mut item: Value) -> Value {
    if let Some(annotations) = item.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        PLACES.iter().for_each(|key| drop(annotations.shift_remove(*key)));
        if annotations.is_empty() {
            item["metadata"].as_object_mut().expect("it has annotations").shift_remove("annotations");
        }
    }
    item
}

/// The values of all files after `--write`.
fn written(world: &World, files: &[(String, String)], choice: &[&str]) -> Result<Vec<Value>, Failed> {
    let folder = world.path("files");
    for (name, text) in files {
        world.write(Path::new("files").join(name), text);
    }
    let mut command = world.command(&[choice, &["--write", "--exit-zero", "."]].concat());
    if !world.path("meshfix.yaml").exists() {
        command.current_dir(&folder);
    } else {
        std::fs::copy(world.path("meshfix.yaml"), folder.join("meshfix.yaml"))?;
        command.current_dir(&folder);
    }
    crate::cli::support::finish(&mut command, b"").with(0);
    let mut all = Vec::new();
    for (path, bytes) in world.files() {
        let is_configuration = path.file_name().is_some_and(|name| name == "meshfix.yaml");
        if path.starts_with("files") && !is_configuration {
            all.extend(values(&String::from_utf8(bytes)?).ok_or("what was written can be read")?);
        }
    }
    Ok(sorted(all))
}

/// The values of all documents; empty ones are none.
fn values(text: &str) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    let text: std::sync::Arc<str> = text.into();
    for slice in meshfix::yaml::slices(&text) {
        if let Some(document) = meshfix::yaml::parse(&text, slice).ok()? {
            values.push(meshfix::yaml::value(&document).ok()?);
        }
    }
    values.retain(|value| !value.is_null());
    Some(values)
}

fn document(text: &str) -> String {
    format!("---\n{}\n", text.trim_start_matches('\u{feff}').trim_start_matches("---\n"))
}

/// Values in an order that does not depend on who carried them. No annotations are the same as none written.
fn sorted(values: Vec<Value>) -> Vec<Value> {
    let mut values: Vec<Value> = values.into_iter().map(bare).collect();
    values.iter_mut().for_each(Value::sort_all_objects);
    values.sort_by_key(ToString::to_string);
    values
}

fn bare(mut value: Value) -> Value {
    if value
        .pointer("/metadata/annotations")
        .is_some_and(|annotations| *annotations == json!({}) || annotations.is_null())
    {
        value["metadata"].as_object_mut().expect("it has annotations").shift_remove("annotations");
    }
    if value.get("metadata").is_some_and(|metadata| *metadata == json!({})) {
        value.as_object_mut().expect("it has metadata").shift_remove("metadata");
    }
    value
}

fn difference(case: &str, carrier: &str, expected: &[Value], found: &[Value]) -> String {
    let is_expected = EXPECTED.contains(&(case, carrier));
    if (expected == found) != is_expected {
        return String::new();
    }
    if is_expected {
        return format!("{case}: {carrier} gets the same values as files; take it out of EXPECTED\n");
    }
    let text = |values: &[Value]| values.iter().map(|value| format!("{value:#}\n")).collect::<String>();
    let diff =
        similar::TextDiff::from_lines(text(expected), text(found)).unified_diff().header("files", carrier).to_string();
    format!("{case}: {carrier} gets other values than files\n{diff}\n")
}
