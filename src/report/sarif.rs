//! SARIF 2.1.0, for code scanning and editors.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::escape::visible_json;
use super::explain;
use super::json::list;
use super::suggestion::Suggestions;
use super::{View, words};
use crate::engine::{Fingerprints, Reported, Status};
use crate::rule::{Level, Meta};
use crate::text::{EditSet, FileId, Loc, Position, Unit};

/// What code scanning takes of a description, in characters.
const MOST_DESCRIPTION: usize = 1024;

/// The whole log: one run, with all rules that ran. `skipped` are files that were left out, with the reason.
pub fn report(view: &View<'_>, skipped: &[(String, String)]) -> String {
    let outcome = view.outcome;
    let mut out = "{\n  \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n  \"version\": \"2.1.0\",\n  \
                   \"runs\": [\n    {\n      \"columnKind\": \"utf16CodeUnits\",\n      \"automationDetails\": {\n        \
                   \"id\": \"meshfix/\"\n      },\n      \"tool\": {\n        \"driver\": {\n          \
                   \"name\": \"meshfix\""
        .to_owned();
    out.push_str(&format!(",\n          \"semanticVersion\": \"{}\"", env!("CARGO_PKG_VERSION")));
    if let Some(home) = words::home() {
        out.push_str(&format!(",\n          \"informationUri\": {}", visible_json(&json!(home).to_string())));
    }
    list(&mut out, "          ", "rules", outcome.rules.iter().map(rule));
    out.push_str("\n        }\n      }");
    let numbers: HashMap<&str, usize> = outcome.rules.iter().enumerate().map(|(i, rule)| (rule.name, i)).collect();
    let mut fingerprints = Fingerprints::default();
    let mut suggestions = Suggestions::new(view.outcome);
    let results = outcome.findings.iter().filter_map(|reported| {
        // A fingerprint counts what stands in front of it, whether it is shown or not.
        let fingerprint = fingerprints.next(view.name(reported.finding.at.file), &reported.finding).to_string();
        let is_gone = view.written && reported.status == Status::Applied;
        let number = numbers.get(reported.finding.rule).copied();
        (!is_gone).then(|| result(view, reported, number, &fingerprint, &mut suggestions))
    });
    list(&mut out, "      ", "results", results);
    let invocation = invocation(view, skipped, suggestions.left_out);
    list(&mut out, "      ", "invocations", std::iter::once(invocation));
    out.push_str("\n    }\n  ]\n}\n");
    out
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn rule(meta: &Meta) -> Value {
    let page = explain::page(meta);
    let text: Vec<&str> = meta.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let severity = match meta.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "recommendation",
    };
    let mut tags = vec!["istio", "kubernetes"];
    tags.extend(meta.istio);
    let why = text.iter().position(|line| *line == "## Why").map_or(&text[..], |at| &text[at + 1..]);
    let why: Vec<&str> =
        why.iter().copied().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    let mut rule = json!({
        "id": meta.name,
        "name": meta.name,
        "shortDescription": {"text": cut(&explain::sentence(meta.summary))},
        "fullDescription": {"text": cut(&format!("{} {}", explain::sentence(meta.summary), why.join(" ")))},
        "help": {"text": text.join("\n").trim(), "markdown": page},
        "defaultConfiguration": {"level": level_name(meta.level)},
        "properties": {"tags": tags, "precision": "high", "problem.severity": severity},
    });
    if let Some(page) = words::page(meta.name) {
        rule["helpUri"] = page.into();
    }
    rule
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_DESCRIPTION).collect()
}

fn result(
    view: &View<'_>,
    reported: &Reported,
    rule: Option<usize>,
    fingerprint: &str,
    suggestions: &mut Suggestions,
) -> Value {
    let finding = &reported.finding;
    let name = &finding.resource;
    let mut message = words::headline(reported);
    words::details(view, reported).iter().for_each(|line| message.push_str(&format!("\n{line}")));
    let mut at = location(view, finding.at);
    at["logicalLocations"] = json!([{
        "name": name.name,
        "fullyQualifiedName": format!("{name}{}", finding.path),
        "kind": "resource",
    }]);
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level_name(finding.level),
        "message": {"text": message},
        "locations": [at],
        "partialFingerprints": {"primaryLocationLineHash": format!("{fingerprint}:1"), "meshfix/v1": fingerprint},
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = rule.into();
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().enumerate().map(|(i, (loc, remark))| {
            let mut at = location(view, *loc);
            at["id"] = (i + 1).into();
            at["message"] = json!({"text": remark});
            at
        });
        result["relatedLocations"] = related.collect();
    }
    let fix = finding.fix.as_ref().zip(suggestions.next(view, reported));
    if let Some((fix, edits)) = fix {
        let changes: Vec<Value> = edits.iter().map(|(file, edits)| change(view, *file, edits)).collect();
        result["fixes"] = json!([{"description": {"text": fix.title}, "artifactChanges": changes}]);
    }
    result
}

fn location(view: &View<'_>, loc: Loc) -> Value {
    // Code scanning takes no result without a line.
    let spot = view.spot(loc, Unit::Utf16);
    let region = region(spot.region_or_start());
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(&spot.file)}, "region": region}})
}

fn region((start, end): (Position, Position)) -> Value {
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

/// What a fix changes in one file.
fn change(view: &View<'_>, file: FileId, edits: &EditSet) -> Value {
    let replacements = edits.edits().iter().map(|edit| {
        let deleted = view.region_before(Loc { file, span: edit.span }, Unit::Utf16);
        json!({"deletedRegion": region(deleted), "insertedContent": {"text": edit.new}})
    });
    let replacements: Vec<Value> = replacements.collect();
    json!({"artifactLocation": {"uri": uri(view.name(file))}, "replacements": replacements})
}

/// What happened beside the findings: what was left out, and defects.
fn invocation(view: &View<'_>, skipped: &[(String, String)], left_out: usize) -> Value {
    let outcome = view.outcome;
    let mut notifications = Vec::new();
    for (file, reason) in skipped {
        let place = json!([{"physicalLocation": {"artifactLocation": {"uri": uri(file)}}}]);
        notifications
            .push(json!({"level": "note", "message": {"text": format!("skipped: {reason}")}, "locations": place}));
    }
    for (loc, reason) in &outcome.unread {
        let message = json!({"text": format!("skipped: {reason}")});
        notifications.push(json!({"level": "note", "message": message, "locations": [location(view, *loc)]}));
    }
    if left_out > 0 {
        let text =
            format!("{left_out} fixes are not offered one by one: it would take too long; `meshfix --write` has them");
        notifications.push(json!({"level": "note", "message": {"text": text}}));
    }
    if !outcome.fighting.is_empty() {
        let text = format!(
            "these rules undo each other, so none of them was applied further: {}",
            outcome.fighting.join(", ")
        );
        notifications.push(json!({"level": "error", "message": {"text": text}}));
    }
    for problem in &outcome.internal {
        let text = format!("{problem}; this is a defect of meshfix: the file was left as it was, please report it");
        notifications.push(json!({"level": "error", "message": {"text": text}}));
    }
    json!({"executionSuccessful": outcome.internal.is_empty(), "toolExecutionNotifications": notifications})
}

/// A file's name as a reference that is relative to the repository's root, or as a `file` URI where it is absolute.
fn uri(name: &str) -> String {
    let mut out = String::from(if name.starts_with('/') { "file://" } else { "" });
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_references() {
        assert_eq!(uri("a b/ä#1.yaml"), "a%20b/%C3%A4%231.yaml");
        assert_eq!(uri("c:x%20.yaml"), "c%3Ax%2520.yaml");
        assert_eq!(uri("/srv/../x.yaml"), "file:///srv/../x.yaml");
    }
}
