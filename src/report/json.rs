//! The machine-readable report. Its shape is a contract: see `docs/report.schema.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::View;
use crate::engine::{Reported, Status};
use crate::rule::Level;

/// The version of the report's shape.
const VERSION: u32 = 1;

/// The whole report. `skipped` are files that were left out, with the reason.
pub fn report(view: &View<'_>, skipped: &[(String, String)]) -> Value {
    let outcome = view.outcome;
    let mut ordinals: BTreeMap<String, usize> = BTreeMap::new();
    let findings: Vec<Value> = outcome.findings.iter().map(|reported| finding(view, reported, &mut ordinals)).collect();
    let changes: Vec<Value> = outcome
        .changes
        .iter()
        .map(|change| json!({"file": view.name(change.file), "document": change.document, "operations": change.operations}))
        .collect();
    let unread = outcome
        .unread
        .iter()
        .map(|(loc, reason)| json!({"file": view.name(loc.file), "line": view.position(*loc).line, "reason": reason}));
    let skipped = skipped.iter().map(|(file, reason)| json!({"file": file, "line": null, "reason": reason}));
    let count =
        |wanted: &dyn Fn(&Reported) -> bool| outcome.findings.iter().filter(|reported| wanted(reported)).count();
    json!({
        "version": VERSION,
        "findings": findings,
        "changes": changes,
        "created": [],
        "skipped": skipped.chain(unread).collect::<Vec<_>>(),
        "summary": {
            "files": outcome.changed.len(),
            "findings": outcome.findings.len(),
            "applied": count(&|reported| reported.status == Status::Applied),
            "needsUnsafe": count(&|reported| reported.status == Status::NeedsUnsafe),
            "refused": count(&|reported| matches!(reported.status, Status::Refused(_))),
            "manual": count(&|reported| reported.status == Status::Manual),
            "errors": count(&|reported| reported.finding.level == Level::Error && reported.status != Status::Applied),
        },
    })
}

fn finding(view: &View<'_>, reported: &Reported, ordinals: &mut BTreeMap<String, usize>) -> Value {
    let finding = &reported.finding;
    let at = view.position(finding.at);
    let related = finding.related.iter().map(|(loc, remark)| {
        let at = view.position(*loc);
        json!({"file": view.name(loc.file), "line": at.line, "column": at.column, "message": remark})
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
    json!({
        "rule": finding.rule,
        "istio": finding.istio,
        "level": finding.level.name(),
        "file": view.name(finding.at.file),
        "line": at.line,
        "column": at.column,
        "path": finding.path,
        "resource": {"apiVersion": name.api_version, "kind": name.kind, "namespace": name.namespace, "name": name.name},
        "message": finding.message,
        "help": finding.help,
        "snippet": finding.snippet,
        "related": related.collect::<Vec<_>>(),
        "fingerprint": fingerprint(view, reported, ordinals),
        "fix": fix,
        "refusal": refusal,
    })
}

/// Names a finding from run to run: never by line, and never by a value. An ordinal tells equal ones apart.
fn fingerprint(view: &View<'_>, reported: &Reported, ordinals: &mut BTreeMap<String, usize>) -> String {
    let finding = &reported.finding;
    let name = &finding.resource;
    let namespace = name.namespace.as_deref().unwrap_or_default();
    let parts = [
        finding.rule,
        view.name(finding.at.file),
        name.group(),
        &name.kind,
        namespace,
        &name.name,
        &finding.named_path,
    ];
    let key = parts.join("\u{0}");
    let ordinal = ordinals.entry(key.clone()).and_modify(|n| *n += 1).or_insert(0);
    let mut out = String::with_capacity(32);
    for seed in [0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15] {
        let _ = write!(out, "{:016x}", fnv(seed, &format!("{key}\u{0}{ordinal}")));
    }
    out
}

/// FNV-1a: small, fixed for ever, and not meant to resist anybody.
fn fnv(seed: u64, text: &str) -> u64 {
    text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
