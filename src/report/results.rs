//! The `results` of a KRM function: what it did and what is left, each with its resource, its field and the value that
//! the field gets (functions specification v1 of kustomize).

use serde_json::{Map, Value, json};

use super::View;
use super::escape::visible;
use crate::engine::{Reported, Status};
use crate::manifest::SourceFile;
use crate::rule::{Finding, Level};
use crate::yaml::{Document, Op};

/// One result for each finding. `after` is the list as it is with all fixes, where they change it.
pub fn results(view: &View<'_>, after: Option<&SourceFile>) -> Vec<Value> {
    view.outcome.findings.iter().map(|reported| result(view, reported, after)).collect()
}

fn result(view: &View<'_>, reported: &Reported, after: Option<&SourceFile>) -> Value {
    let finding = &reported.finding;
    let is_done = view.written && reported.status == Status::Applied;
    let name = &finding.resource;
    let mut reference = Map::new();
    reference.insert("apiVersion".to_owned(), name.api_version.as_str().into());
    reference.insert("kind".to_owned(), name.kind.as_str().into());
    if let Some(namespace) = &name.namespace {
        reference.insert("namespace".to_owned(), namespace.as_str().into());
    }
    reference.insert("name".to_owned(), name.name.as_str().into());
    let severity = if is_done { Level::Info } else { finding.level };
    let mut result = json!({
        "message": visible(&message(reported, is_done)),
        "severity": severity.name(),
        "resourceRef": reference,
    });
    if let Some(field) = field(view, reported, after) {
        result["field"] = field;
    }
    if let Some(origin) = view.origin(finding.at) {
        result["file"] = json!({"path": origin.path});
        if let Some(index) = origin.index {
            result["file"]["index"] = index.into();
        }
    }
    let fix = match (&reported.status, &finding.fix) {
        (Status::Applied, _) if is_done => "applied",
        (Status::Refused(_), _) => "refused",
        (_, Some(fix)) => fix.safety.name(),
        (_, None) => "none",
    };
    result["tags"] = json!({"rule": finding.rule, "fix": fix});
    result
}

/// What a person reads, in one line.
fn message(reported: &Reported, is_done: bool) -> String {
    let finding = &reported.finding;
    let title = finding.fix.as_ref().map_or("", |fix| fix.title.as_str());
    match &reported.status {
        Status::Applied if is_done => format!("{}; fixed: {title}", finding.message),
        Status::Applied => format!("{}; fix: {title}", finding.message),
        Status::NeedsUnsafe => format!("{}; the fix needs `unsafe: true`: {title}", finding.message),
        Status::Refused(reason) => format!("{}; not fixed: {reason}", finding.message),
        Status::Manual if finding.help.is_empty() => finding.message.clone(),
        Status::Manual => format!("{}; {}", finding.message, finding.help),
    }
}

/// The field with its value, as far as it is one value, and the one that the fix gives it.
fn field(view: &View<'_>, reported: &Reported, after: Option<&SourceFile>) -> Option<Value> {
    let finding = &reported.finding;
    let source = view.outcome.files.get(finding.at.file.0 as usize)?;
    let number = source.slots.iter().position(|slot| slot.slice.contains(finding.at.span))? as u32;
    let document = source.document(number)?;
    let mut field = json!({"path": path(document, &finding.path)});
    let current = scalar(document, &finding.path);
    let after = after.and_then(|after| after.document(number));
    let proposed = match reported.status {
        Status::Applied => after.and_then(|after| scalar(after, &finding.path)),
        Status::NeedsUnsafe => after.or(Some(document)).and_then(|document| meant(document, finding)),
        Status::Refused(_) | Status::Manual => None,
    };
    let proposed = proposed.filter(|value| current.as_ref() != Some(value));
    for (key, value) in [("currentValue", current), ("proposedValue", proposed)] {
        if let Some(value) = value {
            field[key] = value;
        }
    }
    Some(field)
}

/// The value that a fix gives the very field that it was found at.
fn meant(document: &Document, finding: &Finding) -> Option<Value> {
    let ops = &finding.fix.as_ref()?.change.ops;
    ops.iter().find_map(|(at, op)| match op {
        Op::Set(value) if document.node(at.node.node, at.node.via)?.json_pointer() == finding.path => {
            Some(value.clone())
        }
        _ => None,
    })
}

/// The value at a JSON Pointer, unless it is a collection.
fn scalar(document: &Document, pointer: &str) -> Option<Value> {
    let value = document.root().pointer(&parts(pointer))?.value().ok()?;
    (!value.is_object() && !value.is_array()).then_some(value)
}

fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// A field's path from its resource, as the specification writes it: `spec.template.spec.containers[0].ports`.
fn path(document: &Document, pointer: &str) -> String {
    let parts = parts(pointer);
    let mut out = String::new();
    let mut parent = Some(document.root());
    for (depth, part) in parts.iter().enumerate() {
        let is_item = parent.is_some_and(|parent| parent.kind().is_sequence());
        // The path of an item starts at the item.
        if is_item && depth == 1 && parts[0] == "items" {
            out.clear();
        } else if is_item {
            out.push_str(&format!("[{part}]"));
        } else if part.contains(['.', '/', '[']) {
            out.push_str(&format!("[\"{part}\"]"));
        } else {
            out.push_str(if out.is_empty() { "" } else { "." });
            out.push_str(part);
        }
        parent = parent.and_then(|parent| parent.pointer(std::slice::from_ref(part)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse_text;

    #[test]
    fn a_path_starts_at_its_item() {
        let text = "kind: ResourceList\nitems:\n- metadata: {annotations: {a.b/c: x}}\n  spec: {ports: [{port: 1}]}\n";
        let document = parse_text(text).expect("YAML").expect("a document");
        assert_eq!(path(&document, "/items/0/spec/ports/0/port"), "spec.ports[0].port");
        assert_eq!(path(&document, "/items/0/metadata/annotations/a.b~1c"), "metadata.annotations[\"a.b/c\"]");
        assert_eq!(scalar(&document, "/items/0/spec/ports/0/port"), Some(1.into()));
        assert_eq!(scalar(&document, "/items/0/spec/ports"), None);
    }
}
