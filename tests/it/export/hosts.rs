//! The real programs apply each form of every case of one scope, and what comes out is what they make of the result of
//! `--write`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use meshfix::export::{Form, Output};
use meshfix::yaml;
use serde_json::Value;

use super::{export, files, laws};
use crate::fixtures::{self, Case};
use crate::programs;

/// Cases that one process builds: it takes longer with the square of their number.
const BATCH: usize = 40;

/// One of so many resources goes to `kubectl patch`, which costs a process each.
const SAMPLE: usize = 10;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    if let Some([kubectl]) = programs::find("exports with kubectl", ["kubectl"]) {
        for form in [Form::KustomizePatch, Form::StrategicMerge] {
            let kubectl = kubectl.clone();
            let name = format!("export::kubectl_kustomize_builds::{form:?}");
            trials.push(Trial::test(name, move || built(&|| kustomize(&kubectl, "kustomize"), form)));
        }
        for form in [Form::JsonPatch, Form::StrategicMerge] {
            let kubectl = kubectl.clone();
            trials.push(Trial::test(format!("export::kubectl_patches::{form:?}"), move || patched(&kubectl, form)));
        }
    }
    if let Some([program]) = programs::find("exports with kustomize", ["kustomize"]) {
        for form in [Form::KustomizePatch, Form::StrategicMerge] {
            let program = program.clone();
            let name = format!("export::kustomize_builds::{form:?}");
            trials.push(Trial::test(name, move || built(&|| kustomize(&program, "build"), form)));
        }
    }
    trials
}

fn kustomize(program: &Path, word: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(word);
    command
}

/// A case of one scope, with the component of its export.
struct Scoped {
    number: usize,
    name: String,
    before: Vec<(String, String)>,
    after: Vec<(String, String)>,
    component: Vec<(String, String)>,
}

/// The cases whose files could be the resources of one kustomization, as far as their export has something.
fn scoped(form: Form) -> Vec<Scoped> {
    let mut all = Vec::new();
    for (name, folder) in fixtures::all() {
        let case = Case::load(&folder);
        let depends_on_files = |(name, _): &(String, String)| name.contains('/') || name.contains("ustomization");
        if case.files.iter().any(depends_on_files) {
            continue;
        }
        let export = export(&case, form, true);
        if export.patches > 0 {
            let after = fixtures::after(&case.files, &export.outcome);
            let component = files(&export).to_vec();
            let number = all.len();
            all.push(Scoped { number, name, before: case.files, after, component });
        }
    }
    all
}

/// Builds each case with its component and each result of `--write`, and compares them.
#[allow(clippy::print_stderr, reason = "what was tried must be seen")]
fn built(command: &dyn Fn() -> Command, form: Form) -> Result<(), Failed> {
    let all = scoped(form);
    let all: Vec<&Scoped> = all.iter().collect();
    let (mut tried, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for batch in all.chunks(BATCH) {
        // What kustomize does not take at all proves nothing.
        let expected = takes(batch, &mut |batch| build(command, batch, false), &mut |one, why| {
            refused.push((one.name.clone(), why))
        });
        let taken: Vec<&Scoped> = batch.iter().copied().filter(|one| expected.contains_key(&one.name)).collect();
        let found = takes(&taken, &mut |batch| build(command, batch, true), &mut |one, why| {
            wrong.push(format!("{}: {why}", one.name))
        });
        for (name, found) in &found {
            tried += 1;
            let expected = &expected[name];
            for (id, value) in expected {
                // The order of what is merged by name is the program's own.
                let is_same = match found.get(id) {
                    Some(found) if form == Form::StrategicMerge => is_same(found, value),
                    found => found == Some(value),
                };
                if !is_same {
                    wrong.push(format!(
                        "{name}: {id}\nexpected {value:#}\nfound {:#}",
                        found.get(id).unwrap_or(&Value::Null)
                    ));
                }
            }
            if expected.len() != found.len() {
                wrong.push(format!("{name}: {} resources, not {}", found.len(), expected.len()));
            }
        }
    }
    eprintln!(
        "{form:?}: {tried} cases built, {} not taken by kustomize: {}",
        refused.len(),
        refused
            .iter()
            .map(|(name, why)| format!(
                "{name} ({})",
                why.chars().rev().take(70).collect::<String>().chars().rev().collect::<String>()
            ))
            .collect::<Vec<_>>()
            .join("; ")
    );
    if tried < 150 {
        return Err(format!("{tried} cases are too few").into());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

type Built = BTreeMap<String, BTreeMap<String, Value>>;

/// What the program makes of the cases; those that it does not take are found by halves.
fn takes(
    batch: &[&Scoped],
    build: &mut dyn FnMut(&[&Scoped]) -> Result<Built, String>,
    refused: &mut dyn FnMut(&Scoped, String),
) -> Built {
    match (build(batch), batch) {
        (Ok(built), _) => built,
        (Err(why), [one]) => {
            refused(one, why);
            Built::new()
        }
        (Err(_), batch) => {
            let (one, other) = batch.split_at(batch.len() / 2);
            let mut built = takes(one, build, refused);
            built.extend(takes(other, build, refused));
            built
        }
    }
}

/// Builds cases at once: a suffix keeps their names apart.
fn build(command: &dyn Fn() -> Command, batch: &[&Scoped], with_component: bool) -> Result<Built, String> {
    if batch.is_empty() {
        return Ok(Built::new());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut top = String::from("resources:\n");
    for one in batch {
        let i = one.number;
        let own = folder.path().join(format!("case-{i}"));
        let resources = if with_component { &one.before } else { &one.after };
        let mut text = format!("nameSuffix: -case{i}\nresources:\n");
        for (name, content) in
            resources.iter().filter(|(_, content)| !laws::resources(&[(String::new(), content.clone())]).is_empty())
        {
            text.push_str(&format!("  - {name}\n"));
            write(&own.join(name), content);
        }
        if with_component {
            text.push_str("components: [mesh]\n");
            one.component.iter().for_each(|(name, content)| write(&own.join("mesh").join(name), content));
        }
        write(&own.join("kustomization.yaml"), &text);
        top.push_str(&format!("  - case-{i}\n"));
    }
    write(&folder.path().join("kustomization.yaml"), &top);
    let output = command().arg(folder.path()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let resources = laws::resources(&[(String::new(), String::from_utf8_lossy(&output.stdout).into_owned())]);
    let mut built: Built = batch.iter().map(|one| (one.name.clone(), BTreeMap::new())).collect();
    for value in resources {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        // A Namespace keeps its name, so no two cases of a batch can have the same.
        let number = name.rsplit_once("-case").and_then(|(_, number)| number.parse::<usize>().ok());
        let case = number
            .and_then(|number| batch.iter().find(|one| one.number == number))
            .or(batch.first().filter(|_| batch.len() == 1));
        let Some(case) = case else { return Err(format!("{name} is of no case")) };
        let id = format!("{} {} {} {name}", value["apiVersion"], value["kind"], value["metadata"]["namespace"]);
        built.entry(case.name.clone()).or_default().insert(id, value);
    }
    Ok(built)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// `kubectl patch` applies patches to resources, one by one, with no server: a sample of all.
#[allow(clippy::print_stderr, reason = "what was tried must be seen")]
fn patched(kubectl: &Path, form: Form) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (mut seen, mut tried) = (0, 0);
    for (name, case) in fixtures::all() {
        let case = Case::load(&case);
        let export = export(&case, form, false);
        let before = laws::resources(&case.files);
        let after = laws::resources(&fixtures::after(&case.files, &export.outcome));
        for (resource, patch) in patches(&export.output, form) {
            let names = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];
            let is_it = |value: &&Value| names.iter().all(|at| value.pointer(at) == resource.pointer(at));
            let pairs: Vec<(&Value, &Value)> = before.iter().zip(&after).filter(|(before, _)| is_it(before)).collect();
            let [(before, after)] = pairs.as_slice() else { continue };
            // Other kinds have no strategic merge.
            let group =
                before["apiVersion"].as_str().unwrap_or_default().rsplit_once('/').map_or("", |(group, _)| group);
            if !matches!(group, "" | "apps" | "batch") {
                continue;
            }
            seen += 1;
            // Those that remove from a list are few, and all tried.
            let is_special = form == Form::StrategicMerge && patch.contains("$patch");
            if seen % SAMPLE != 1 && !is_special {
                continue;
            }
            let (old, change) = (folder.path().join("old.json"), folder.path().join("patch.yaml"));
            fs::write(&old, before.to_string())?;
            fs::write(&change, &patch)?;
            let kind = if form == Form::JsonPatch { "json" } else { "strategic" };
            let mut command = Command::new(kubectl);
            command.args(["patch", "--local", "--output", "json", "--type", kind]);
            command.args([Path::new("--filename"), &old, Path::new("--patch-file"), &change]);
            let output = command.output()?;
            if !output.status.success() {
                return Err(format!("{name}: {}\n{patch}", String::from_utf8_lossy(&output.stderr)).into());
            }
            let found: Value = serde_json::from_slice(&output.stdout)?;
            let expected = through(kubectl, &folder.path().join("new.json"), after)?;
            if !is_same(&found, &expected) {
                return Err(format!("{name}: kubectl makes\n{found:#}\nof\n{patch}\nand not\n{expected:#}").into());
            }
            tried += 1;
        }
    }
    eprintln!("{form:?}: kubectl applied {tried} of {seen} patches");
    if tried < 20 { Err(format!("{tried} patches are too few").into()) } else { Ok(()) }
}

/// A resource as kubectl prints it.
fn through(kubectl: &Path, path: &PathBuf, value: &Value) -> Result<Value, Failed> {
    fs::write(path, value.to_string())?;
    let mut command = Command::new(kubectl);
    command.args(["patch", "--local", "--output", "json", "--type", "merge", "--patch", "{}", "--filename"]).arg(path);
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The same but for the order of items that have names.
fn is_same(one: &Value, other: &Value) -> bool {
    sorted(one.clone()) == sorted(other.clone())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            let keys = ["name", "containerPort", "port", "mountPath"];
            let named = items.iter().all(|item| keys.iter().any(|key| item.get(key).is_some()));
            let uses_others = |item: &Value| item["value"].as_str().is_some_and(|value| value.contains("$("));
            if named && !items.iter().any(uses_others) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::Object(map) => {
            let in_order = |(key, value): (String, Value)| match value {
                Value::Array(items) if key == "initContainers" => (key, items.into_iter().map(sorted).collect()),
                value => (key, sorted(value)),
            };
            let mut entries: Vec<(String, Value)> = map.into_iter().map(in_order).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(entries.into_iter().collect())
        }
        scalar => scalar,
    }
}

/// What names each resource, and the text of its patch.
fn patches(output: &Output, form: Form) -> Vec<(Value, String)> {
    let Output::Text(text) = output else { return Vec::new() };
    if form == Form::JsonPatch {
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let target = &line["target"];
            let version = target["version"].as_str().unwrap_or_default();
            let group = target["group"].as_str().map_or_else(String::new, |group| format!("{group}/"));
            let mut resource = serde_json::json!({
                "apiVersion": format!("{group}{version}"), "kind": target["kind"], "metadata": {"name": target["name"]},
            });
            if let Some(namespace) = target.get("namespace") {
                resource["metadata"]["namespace"] = namespace.clone();
            }
            (resource, line["patch"].to_string())
        };
        return text.lines().map(line).collect();
    }
    let shared: Arc<str> = text.as_str().into();
    let documents = yaml::slices(&shared).into_iter().filter_map(|slice| {
        let document = yaml::parse(&shared, slice).ok()??;
        Some((yaml::value(&document).ok()?, shared[slice.range()].trim_start_matches("---").to_owned()))
    });
    documents.collect()
}
