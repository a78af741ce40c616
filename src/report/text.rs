//! Findings for people: what, why, and what to do.

use super::escape::visible;
use super::{View, applied, count, held_back};
use crate::engine::{Reported, Status};
use crate::rule::{Level, Safety};
use crate::text::{Loc, line_at};

/// Colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint;

impl Paint {
    pub(super) fn bold(self) -> (&'static str, &'static str) {
        ("\u{1b}[1m", "\u{1b}[0m")
    }

    pub(super) fn red(self) -> (&'static str, &'static str) {
        ("\u{1b}[31m", "\u{1b}[0m")
    }

    pub(super) fn green(self) -> (&'static str, &'static str) {
        ("\u{1b}[32m", "\u{1b}[0m")
    }

    pub(super) fn cyan(self) -> (&'static str, &'static str) {
        ("\u{1b}[36m", "\u{1b}[0m")
    }

    fn yellow(self) -> (&'static str, &'static str) {
        ("\u{1b}[33m", "\u{1b}[0m")
    }
}

/// How far the further lines of a paragraph are indented.
const INDENT: usize = 6;

/// How findings are printed.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Colours, on a terminal.
    pub paint: Option<Paint>,
    /// Columns of the terminal; `None` for a pipe, where lines are never wrapped.
    pub width: Option<usize>,
}

pub(super) fn painted(text: &str, style: Option<(&str, &str)>) -> String {
    let (start, end) = style.unwrap_or_default();
    format!("{start}{text}{end}")
}

/// One finding, as several lines.
pub fn finding(view: &View<'_>, reported: &Reported, layout: Layout) -> String {
    let finding = &reported.finding;
    let level_style = layout.paint.map(|paint| match finding.level {
        Level::Error => paint.red(),
        Level::Warning => paint.yellow(),
        Level::Info => paint.cyan(),
    });
    let level = if finding.level == Level::Error { String::new() } else { format!(" ({})", finding.level.name()) };
    let place = view.place(finding.at).to_string();
    let rule = format!("{}{level}", finding.rule);
    let mut out = format!("{}  {} ", painted(&place, layout.paint.map(Paint::bold)), painted(&rule, level_style));
    let used = place.chars().count() + rule.chars().count() + 3;
    wrap(&mut out, used, &format!("{} ({})", finding.message, finding.resource), INDENT, layout);
    source_line(&mut out, view, finding.at, level_style, layout);
    for (loc, remark) in &finding.related {
        let place = view.place(*loc);
        let place =
            if place.is_origin { place.to_string() } else { format!("{}:{}", visible(&place.file), place.at.line) };
        paragraph(&mut out, &format!("related: {place}  "), remark, layout);
    }
    if !finding.help.is_empty() {
        paragraph(&mut out, "help: ", &finding.help, layout);
    }
    if let Some(fix) = &finding.fix {
        let consequence = if fix.consequence.is_empty() { String::new() } else { format!("; {}", fix.consequence) };
        let done = if view.written && reported.status == Status::Applied { "fixed" } else { "fix" };
        paragraph(
            &mut out,
            &format!("{done} ({}): ", fix.safety.name()),
            &format!("{}{consequence}", fix.title),
            layout,
        );
    }
    if let Status::Refused(reason) = &reported.status {
        paragraph(&mut out, "not fixed: ", reason, layout);
    }
    if let Some(snippet) = &finding.snippet {
        out.push_str("   add:\n");
        for line in snippet.lines() {
            out.push_str(&format!("      {}\n", visible(line)));
        }
    }
    out
}

/// One finding in one line, for logs.
pub fn line(view: &View<'_>, reported: &Reported) -> String {
    let finding = &reported.finding;
    let next = match &reported.status {
        Status::Refused(reason) => format!("; not fixed: {reason}"),
        Status::NeedsUnsafe => "; its fix needs `unsafe: true`".to_owned(),
        Status::Applied | Status::Manual => String::new(),
    };
    let level = finding.level.name();
    let place = view.place(finding.at);
    let file = if place.is_origin { format!(" in {}", place.file) } else { String::new() };
    let text = format!("{level} {}: {}{file}: {}{next}", finding.rule, finding.resource, finding.message);
    visible(&text).into_owned()
}

/// The line of the text with a caret under the place.
fn source_line(out: &mut String, view: &View<'_>, at: Loc, style: Option<(&str, &str)>, layout: Layout) {
    if view.is_secret(at) {
        return;
    }
    let number = view.position(at).line.to_string();
    let at = view.loc(at);
    let text = view.text(at.file);
    let line = line_at(text, at.span.start as usize);
    let margin = number.len().max(4) + 1;
    let room = layout.width.unwrap_or(160).saturating_sub(margin + 3).max(20);
    // A long line (JSON on one line) is shown around the place.
    let window = 4 * room;
    let boundary = |at: usize| (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let from = boundary((at.span.start as usize).saturating_sub(window).max(line.start as usize));
    let to = boundary((at.span.start as usize + window).min(line.end as usize));
    let before = &text[from..at.span.start as usize];
    let end = (at.span.end as usize).min(to).max(at.span.start as usize);
    let marked = &text[at.span.start as usize..end];
    let (lead, marked_text) = (visible(before.trim_start_matches('\u{feff}')), visible(marked));
    let rest = visible(&text[end..to]);
    let shown = format!("{lead}{marked_text}{rest}");
    let start = lead.chars().count();
    let length = marked_text.chars().count().max(1);
    let skip = if start + length.min(room / 2) > room { start.saturating_sub(room / 3) } else { 0 };
    let cut: String = shown.chars().skip(skip).take(room).collect();
    let blanks: String = cut.chars().take(start - skip).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = "^".repeat(length.min(room.saturating_sub(start - skip)).max(1));
    out.push_str(&format!("{number:>margin$} | {cut}\n"));
    out.push_str(&format!("{:>margin$} | {blanks}{}\n", "", painted(&carets, style)));
}

/// A labelled paragraph, wrapped on a terminal.
pub(super) fn paragraph(out: &mut String, label: &str, body: &str, layout: Layout) {
    let label = format!("   {}", label.strip_suffix(' ').unwrap_or(label));
    out.push_str(&label);
    wrap(out, label.chars().count(), body, INDENT, layout);
}

/// A sentence in lines that fit, on a terminal.
pub fn wrapped(text: &str, layout: Layout) -> String {
    let mut out = String::new();
    let (first, rest) = text.trim_end().split_once(' ').unwrap_or((text.trim_end(), ""));
    out.push_str(first);
    if rest.is_empty() {
        out.push('\n')
    } else {
        wrap(&mut out, first.chars().count(), rest, INDENT, layout)
    }
    out
}

/// Words behind what stands on the line already, which fills `used` columns. On a terminal further lines
/// are indented.
pub(super) fn wrap(out: &mut String, used: usize, body: &str, indent: usize, layout: Layout) {
    let body = visible(body);
    let width = layout.width.map_or(usize::MAX, |width| width.max(40));
    let mut used = used;
    for word in body.split(' ') {
        let length = word.chars().count();
        if used + 1 + length > width && used > indent {
            out.push_str(&format!("\n{:indent$}", ""));
            used = indent + length;
        } else {
            out.push(' ');
            used += 1 + length;
        }
        out.push_str(word);
    }
    out.push('\n');
}

/// The last line: what changed, what stays, what to do next.
pub fn summary(view: &View<'_>, check: bool, quiet_info: usize) -> String {
    let outcome = view.outcome;
    let mut parts = Vec::new();
    let fixes = applied(outcome);
    if check {
        let total = outcome.findings.len();
        parts.push(if total == 0 { "nothing found".to_owned() } else { count(total, "finding") });
        if fixes > 0 {
            let is_unsafe = |reported: &Reported| {
                let safety = reported.finding.fix.as_ref().map(|fix| fix.safety);
                reported.status == Status::Applied && safety == Some(Safety::Unsafe)
            };
            let flags = if outcome.findings.iter().any(is_unsafe) { "--write --unsafe" } else { "--write" };
            let number = if fixes == total { "all".to_owned() } else { fixes.to_string() };
            parts.push(format!("{number} can be fixed with {flags}"));
        }
    } else if outcome.changed.is_empty() {
        parts.push("nothing to fix".to_owned());
    } else {
        let verb = if view.written { "fixed" } else { "to fix" };
        let rolling = outcome.rolling();
        let rolls = if rolling > 0 { format!(", {} will roll", count(rolling, "workload")) } else { String::new() };
        parts.push(format!("{} {verb} in {}{rolls}", count(fixes, "finding"), count(outcome.changed.len(), "file")));
    }
    let waiting = held_back(outcome);
    if waiting > 0 {
        let more = if fixes > 0 { " more" } else { "" };
        let (noun, verb) = if waiting == 1 { ("fix", "needs") } else { ("fixes", "need") };
        parts.push(format!("{waiting}{more} {noun} {verb} --unsafe"));
    }
    let refused = outcome.findings.iter().filter(|reported| matches!(reported.status, Status::Refused(_))).count();
    if refused > 0 {
        parts.push(format!("{refused} can't be fixed here"));
    }
    let manual = outcome
        .findings
        .iter()
        .filter(|reported| reported.status == Status::Manual && reported.finding.level > Level::Info)
        .count();
    if manual > 0 {
        parts.push(format!("{manual} {} a person", if manual == 1 { "needs" } else { "need" }));
    }
    if quiet_info > 0 {
        parts.push(format!("{} (-v shows {})", count(quiet_info, "note"), if quiet_info == 1 { "it" } else { "them" }));
    }
    if outcome.ignored > 0 {
        parts.push(format!("{} ignored", outcome.ignored));
    }
    if outcome.in_baseline > 0 {
        parts.push(format!("{} in the baseline", outcome.in_baseline));
    }
    format!("{}\n", parts.join("; "))
}
