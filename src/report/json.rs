//! The machine-readable report. Its shape is a contract: see `docs/report.schema.json`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::escape::visible_json;
use super::{Place, View, readiness};
use crate::engine::{DocumentChange, Fingerprints, Outcome, REPORT_VERSION, Reported, Status};
use crate::rule::Level;

/// The whole report. `skipped` are files that were left out, with the reason.
///
/// It is written entry by entry: all entries as values at once would take many times their text.
pub fn report(view: &View<'_>, skipped: &[(String, String)]) -> String {
    let outcome = view.outcome;
    let mut fingerprints = Fingerprints::default();
    let mut out = format!("{{\n  \"version\": {REPORT_VERSION}");
    list(
        &mut out,
        "  ",
        "findings",
        outcome.findings.iter().map(|reported| finding(view, reported, &mut fingerprints)),
    );
    let changes = outcome.changes.iter();
    let change = |change: &DocumentChange| json!({"file": view.name(change.file), "document": change.document, "operations": change.operations});
    list(&mut out, "  ", "changes", changes.map(change));
    let created = outcome.created.iter();
    let created = created.map(|one| json!({"file": view.name(one.file), "text": one.text}));
    list(&mut out, "  ", "created", created);
    let unread = outcome
        .unread
        .iter()
        .map(|(loc, reason)| json!({"file": view.name(loc.file), "line": view.position(*loc).line, "reason": reason}));
    let skipped = skipped.iter().map(|(file, reason)| json!({"file": file, "line": null, "reason": reason}));
    list(&mut out, "  ", "skipped", skipped.chain(unread));
    readiness::json(&mut out, view);
    out.push_str(",\n  \"summary\": ");
    out.push_str(&indented(&summary(outcome), "\n  "));
    out.push_str("\n}\n");
    out
}

/// An entry of the report that is a list; `indent` stands in front of it.
pub(super) fn list(out: &mut String, indent: &str, name: &str, items: impl Iterator<Item = Value>) {
    let _ = write!(out, ",\n{indent}\"{name}\": [");
    let line = format!("\n{indent}  ");
    let mut end = String::from("]");
    for item in items {
        out.push_str(if end == "]" { "" } else { "," });
        out.push_str(&line);
        out.push_str(&indented(&item, &line));
        end = format!("\n{indent}]");
    }
    out.push_str(&end);
}

/// A value's text with another start of its lines; JSON has no line break inside a string.
fn indented(value: &Value, line: &str) -> String {
    visible_json(&format!("{value:#}")).replace('\n', line)
}

fn summary(outcome: &Outcome) -> Value {
    let count =
        |wanted: &dyn Fn(&Reported) -> bool| outcome.findings.iter().filter(|reported| wanted(reported)).count();
    json!({
        "files": outcome.changed.len(),
        "findings": outcome.findings.len(),
        "applied": count(&|reported| reported.status == Status::Applied),
        "needsUnsafe": count(&|reported| reported.status == Status::NeedsUnsafe),
        "refused": count(&|reported| matches!(reported.status, Status::Refused(_))),
        "manual": count(&|reported| reported.status == Status::Manual),
        "errors": count(&|reported| reported.finding.level == Level::Error && reported.status != Status::Applied),
        "ignored": outcome.ignored,
        "baseline": outcome.in_baseline,
    })
}

fn finding(view: &View<'_>, reported: &Reported, fingerprints: &mut Fingerprints) -> Value {
    let finding = &reported.finding;
    let at = view.place(finding.at);
    let related = finding.related.iter().map(|(loc, remark)| {
        let at = view.place(*loc);
        let mut related = json!({"file": at.file, "line": at.line(), "column": at.line().map(|_| at.at.column)});
        in_stream(&mut related, &at);
        related["message"] = remark.as_str().into();
        related
    });
    let fix = finding.fix.as_ref().map(|fix| {
        json!({
            "title": fix.title,
            "safety": fix.safety.name(),
            "consequence": fix.consequence,
            "applied": reported.status == Status::Applied,
        })
    });
    let refusal = match &reported.status {
        Status::Refused(reason) => Value::from(reason.as_str()),
        _ => Value::Null,
    };
    let name = &finding.resource;
    let mut out = json!({
        "rule": finding.rule,
        "istio": finding.istio,
        "level": finding.level.name(),
        "file": at.file,
        "line": at.line(),
        "column": at.line().map(|_| at.at.column),
    });
    in_stream(&mut out, &at);
    let rest = json!({
        "path": finding.path,
        "resource": {"apiVersion": name.api_version, "kind": name.kind, "namespace": name.namespace, "name": name.name},
        "message": finding.message,
        "help": finding.help,
        "snippet": finding.snippet,
        "related": related.collect::<Vec<_>>(),
        "fingerprint": fingerprints.next(view.name(finding.at.file), finding).to_string(),
        "fix": fix,
        "refusal": refusal,
    });
    if let (Value::Object(out), Value::Object(rest)) = (&mut out, rest) {
        out.extend(rest);
    }
    out
}

/// Where the place of something stands in the stream, when its file is only what the stream says.
fn in_stream(out: &mut Value, place: &Place<'_>) {
    if place.is_origin {
        out["stream"] = json!({"line": place.at.line, "column": place.at.column});
    }
}
