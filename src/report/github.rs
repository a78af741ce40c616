//! Workflow commands of GitHub Actions, which become annotations; and the job's summary.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::escape::visible;
use super::{View, markdown, words};
use crate::engine::Reported;
use crate::rule::Level;
use crate::text::Unit;

/// A job's summary may be this long; a longer one is dropped whole.
pub const MOST_SUMMARY: usize = 1 << 20;

/// One command a finding. GitHub shows ten of each level for a step, so [`summary`] has all of them.
pub fn report(view: &View<'_>, _skipped: &[(String, String)]) -> String {
    let mut out: String = words::standing(view).map(|reported| finding(view, reported)).collect();
    for problem in &view.outcome.internal {
        let message = format!("{problem}; this is a defect of meshfix: the file was left as it was, please report it");
        out.push_str(&command("error", &[("title", "meshfix")], &visible(&message)));
    }
    out
}

/// What belongs at the end of the file that `GITHUB_STEP_SUMMARY` names, which holds `taken` bytes already.
pub fn summary(view: &View<'_>, skipped: &[(String, String)], taken: usize) -> String {
    markdown::page(view, skipped, MOST_SUMMARY.saturating_sub(taken))
}

fn finding(view: &View<'_>, reported: &Reported) -> String {
    let level = match reported.finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "notice",
    };
    let spot = view.spot(reported.finding.at, Unit::Characters);
    let title = format!("meshfix ({})", reported.finding.rule);
    let file = visible(&spot.file);
    let mut properties = vec![("title", title.as_str()), ("file", &file)];
    let numbers = spot.region.map(|(start, end)| [start.line, start.column, end.line, end.column]);
    let numbers = numbers.map(|numbers| numbers.map(|number| number.to_string()));
    if let Some(numbers) = &numbers {
        properties.extend(["line", "col", "endLine", "endColumn"].into_iter().zip(numbers.iter().map(String::as_str)));
    }
    // The log shows the message alone.
    let place = view.place(reported.finding.at);
    let mut message = format!("{place}: {} {}", reported.finding.rule, visible(&words::headline(reported)));
    for line in words::details(view, reported) {
        let _ = write!(message, "\n{}", visible(&line));
    }
    command(level, &properties, &message)
}

/// One command on a line of its own, whatever the values hold.
pub fn command(name: &str, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", escape_property(value))).collect();
    format!("::{name} {}::{}\n", properties.join(","), escape(message))
}

/// The message: a line break would end the command.
fn escape(text: &str) -> Cow<'_, str> {
    escaped(text, &['%', '\r', '\n'])
}

/// A value of a property: a comma would begin the next one, and `::` the message.
fn escape_property(text: &str) -> Cow<'_, str> {
    escaped(text, &['%', '\r', '\n', ':', ','])
}

fn escaped<'t>(text: &'t str, special: &[char]) -> Cow<'t, str> {
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if special.contains(&c) {
            let _ = write!(out, "%{:02X}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}
