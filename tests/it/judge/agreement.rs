//! The server and our validator of CRDs' schemas agree on every resource of those kinds in the corpus.

use std::collections::BTreeMap;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;

use super::client::{Client, text};
use super::resources;
use crate::{crds, repositories};

/// Asks both of each resource. Rules in CEL are the server's alone; it refuses what they refuse with 422.
#[allow(clippy::print_stderr, reason = "what was compared must be seen")]
pub(super) fn agree(client: &Client, shared: &Path) -> Result<(), Failed> {
    let schemas = crds::load(shared)?;
    let mut values: Vec<(String, Value)> = Vec::new();
    for (text, _) in crds::mutations::ALL {
        values.push(("mutation".to_owned(), serde_json::from_str(text)?));
    }
    for (name, folder) in repositories::all(shared) {
        let resources = resources::read(&repositories::manifests(&folder)?).resources;
        let theirs = resources.into_iter().filter(|one| schemas.is_theirs(one.api_version()));
        values.extend(theirs.map(|one| (format!("{name}/{one}"), one.value)));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut by_rules, mut failures) = (Vec::new(), Vec::new());
    for (name, mut value) in values {
        let Some(kind) = client.kind(text(&value, "/apiVersion"), text(&value, "/kind")) else {
            *counts.entry("not served").or_default() += 1;
            continue;
        };
        if kind.namespaced {
            value["metadata"]["namespace"] = "default".into();
        }
        // The server takes null for nothing, and drops a status.
        drop_nulls(&mut value);
        value.as_object_mut().and_then(|fields| fields.remove("status"));
        let faults = schemas.check(&value).faults;
        match client.create(&value, true) {
            Err(refusal) if !refusal.is_answer() => return Err(format!("{name}: {refusal}").into()),
            Ok(_) if faults.is_empty() => *counts.entry("taken by both").or_default() += 1,
            Err(_) if !faults.is_empty() => *counts.entry("refused by both").or_default() += 1,
            Err(refusal) if refusal.code == 422 => by_rules.push(format!("{name}: {refusal}")),
            Err(refusal) => failures.push(format!("{name}: only the server refuses: {refusal}")),
            Ok(_) => failures.push(format!("{name}: only the schema refuses: {faults:?}")),
        }
    }
    let lines: String = by_rules.iter().map(|line| format!("\n  {line:.250}")).collect();
    eprintln!(
        "schemas of CRDs and the server: {counts:?}; refused by the server's rules alone: {}{lines}",
        by_rules.len()
    );
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
