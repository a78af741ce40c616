//! The cases that kubescape tests its own fix handler with: our bytes must be its bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use meshfix::text::Edit;
use meshfix::yaml::{self, NodeRef, Op, Plan};
use serde_json::Value;

use super::support::{self, Fault};

pub(super) fn trials() -> Vec<Trial> {
    let Some(folder) = crate::shared::folder() else {
        crate::shared::skip("kubescape-fixhandler");
        return Vec::new();
    };
    let folder = folder.join("suites/kubescape-fixhandler");
    let cases = fs::read_to_string(folder.join("cases.json")).expect("cases.json");
    let cases: Vec<Value> = serde_json::from_str(&cases).expect("valid JSON");
    let data = folder.join("core/pkg/fixhandler/testdata");
    cases
        .into_iter()
        .map(|case| {
            let data = data.clone();
            let name = case["input"].as_str().unwrap_or_default().trim_end_matches(".yaml").to_owned();
            support::trial(format!("yaml::kubescape::{name}"), move || run(&data, &case).err().into_iter().collect())
        })
        .collect()
}

fn run(data: &Path, case: &Value) -> Result<(), String> {
    let read = |key: &str| {
        let name = case[key].as_str().ok_or_else(|| format!("no {key}"))?;
        fs::read_to_string(data.join(name)).map_err(|error| format!("{name}: {error}"))
    };
    let (mut input, expected) = (read("input")?, read("expected")?);
    if expected.contains("\r\n") && !input.contains('\r') {
        // kubescape's repository keeps this input with CRLF; its checkout has lost them.
        input = input.replace('\n', "\r\n");
    }
    let mut by_document: BTreeMap<usize, Vec<&Value>> = BTreeMap::new();
    for op in case["ops"].as_array().ok_or("no ops")? {
        by_document.entry(op["doc"].as_u64().unwrap_or(0) as usize).or_default().push(op);
    }
    let mut edits = meshfix::text::EditSet::default();
    for (index, ops) in by_document {
        edits.extend(edits_of(&input, index, &ops)?).map_err(|edit: Edit| format!("edits meet: {edit:?}"))?;
    }
    let got = edits.apply(&input);
    if got == expected { Ok(()) } else { Err(format!("got\n{got:?}\nnot\n{expected:?}")) }
}

fn edits_of(text: &str, index: usize, ops: &[&Value]) -> Result<meshfix::text::EditSet, String> {
    let doc = document_with_content(text, index).map_err(|fault| format!("{fault:?}"))?;
    let mut changes: Vec<(NodeRef, Op)> = Vec::new();
    for op in ops {
        let mut path = support::parts(op["path"].as_str().unwrap_or_default());
        let value = op["value"].clone();
        match op["op"].as_str() {
            Some("set") => match doc.root().pointer(&path) {
                Some(node) => changes.push((node.into(), Op::Set(value))),
                None => changes.push((doc.root().into(), Op::Insert { path, value, order: &[] })),
            },
            Some("add") if path.pop().as_deref() == Some("-") => {
                changes.push((doc.root().into(), Op::Push { path, value }));
            }
            Some("remove") => {
                let node = doc.root().pointer(&path).ok_or_else(|| format!("no {path:?}"))?;
                changes.push((node.into(), Op::Remove));
            }
            other => return Err(format!("unknown operation {other:?}")),
        }
    }
    // kubescape's house style is to indent new sequences, whatever the file does.
    let mut plan = Plan::new(&doc).indenting_sequences();
    plan.admit(&changes).map_err(|denial| format!("{denial:?}"))?;
    let rendering = plan.render().map_err(|refusal| format!("{refusal:?}"))?;
    support::prove(&doc, &rendering).map_err(|fault| format!("{fault:?}"))?;
    Ok(rendering.edits)
}

/// Documents are counted as kubescape counts them: those that hold something.
fn document_with_content(text: &str, index: usize) -> Result<yaml::Document, Fault> {
    (0..yaml::slices(text).len())
        .filter_map(|slice| support::document(text, slice).ok())
        .nth(index)
        .ok_or_else(|| Fault::Input(format!("no document {index}")))
}
