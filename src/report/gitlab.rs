//! GitLab's code quality report.

use serde_json::{Value, json};

use super::View;
use super::escape::visible_json;
use super::words;
use crate::engine::{Fingerprints, Reported, Status};
use crate::rule::Level;
use crate::text::{Position, Unit};

/// All findings. What was skipped has no place in this format.
pub fn report(view: &View<'_>, _skipped: &[(String, String)]) -> String {
    let mut fingerprints = Fingerprints::default();
    let mut out = String::from("[");
    for reported in &view.outcome.findings {
        // A fingerprint counts what stands in front of it, whether it is shown or not.
        let fingerprint = fingerprints.next(view.name(reported.finding.at.file), &reported.finding).to_string();
        if view.written && reported.status == Status::Applied {
            continue;
        }
        out.push_str(if out.len() > 1 { ",\n" } else { "\n" });
        let text = format!("{:#}", finding(view, reported, &fingerprint));
        text.lines().enumerate().for_each(|(i, line)| {
            out.push_str(if i > 0 { "\n  " } else { "  " });
            out.push_str(&visible_json(line));
        });
    }
    out.push_str(if out.len() > 1 { "\n]\n" } else { "]\n" });
    out
}

fn finding(view: &View<'_>, reported: &Reported, fingerprint: &str) -> Value {
    let finding = &reported.finding;
    let severity = match finding.level {
        Level::Error => "major",
        Level::Warning => "minor",
        Level::Info => "info",
    };
    let spot = view.spot(finding.at, Unit::Characters);
    let (start, end) = spot.region_or_start();
    let position = |at: Position| json!({"line": at.line, "column": at.column});
    json!({
        // GitLab shows the description alone.
        "description": format!("{}: {}", finding.rule, words::headline(reported)),
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": spot.file, "positions": {"begin": position(start), "end": position(end)}},
    })
}
