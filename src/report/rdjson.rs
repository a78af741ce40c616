//! rdjson, which reviewdog turns into comments of a review with suggestions.

use serde_json::{Value, json};

use super::View;
use super::json::list;
use super::suggestion::{Suggestions, as_one};
use super::words;
use crate::engine::Reported;
use crate::rule::Level;
use crate::text::{Loc, Position, Unit};

/// All findings. What was skipped has no place in this format.
pub fn report(view: &View<'_>, _skipped: &[(String, String)]) -> String {
    let mut source = json!({"name": "meshfix"});
    if let Some(home) = words::home() {
        source["url"] = home.into();
    }
    let mut out = format!("{{\n  \"source\": {source}");
    let mut suggestions = Suggestions::new(view.outcome);
    let diagnostics = words::standing(view).map(|reported| diagnostic(view, reported, &mut suggestions));
    list(&mut out, "  ", "diagnostics", diagnostics);
    out.push_str("\n}\n");
    out
}

fn diagnostic(view: &View<'_>, reported: &Reported, suggestions: &mut Suggestions) -> Value {
    let finding = &reported.finding;
    let severity = match finding.level {
        Level::Error => "ERROR",
        Level::Warning => "WARNING",
        Level::Info => "INFO",
    };
    let mut message = words::headline(reported);
    words::details(view, reported).iter().for_each(|line| message.push_str(&format!("\n{line}")));
    let mut code = json!({"value": finding.rule});
    if let Some(page) = words::page(finding.rule) {
        code["url"] = page.into();
    }
    let spot = view.spot(finding.at, Unit::Bytes);
    let mut location = json!({"path": spot.file});
    if let Some(region) = spot.region {
        location["range"] = range(region);
    }
    let mut diagnostic = json!({"message": message, "location": location, "severity": severity, "code": code});
    if let Some(suggestion) = suggestion(view, reported, suggestions) {
        diagnostic["suggestions"] = json!([suggestion]);
    }
    diagnostic
}

fn range((start, end): (Position, Position)) -> Value {
    let position = |at: Position| json!({"line": at.line, "column": at.column});
    json!({"start": position(start), "end": position(end)})
}

/// The fix as one replacement in the finding's own file: the format has no other. A fix over several files has none.
fn suggestion(view: &View<'_>, reported: &Reported, suggestions: &mut Suggestions) -> Option<Value> {
    let edits = suggestions.next(view, reported)?;
    let [(file, edits)] = edits.as_slice() else { return None };
    if *file != reported.finding.at.file {
        return None;
    }
    let edit = as_one(view, *file, edits)?;
    let at = view.region_before(Loc { file: *file, span: edit.span }, Unit::Bytes);
    Some(json!({"range": range(at), "text": edit.new}))
}
