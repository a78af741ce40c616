//! Markdown for comments on pull requests and for summaries of jobs: a table of findings, and the diff to unfold.

use super::escape::visible;
use super::{View, diff, text, words};
use crate::engine::{Reported, Status};
use crate::rule::Safety;
use crate::text::Loc;

/// A comment on GitHub may be this long, and a little more.
const MOST: usize = 65_000;
/// What is kept free for the sentences between table and diff.
const REST: usize = 2_000;
/// A text that would need a longer fence is not shown.
const LONGEST_FENCE: usize = 100;
/// How many files that were left out are named.
const MOST_SKIPPED: usize = 20;

/// A page that fits into a comment. What does not fit is counted.
pub fn report(view: &View<'_>, skipped: &[(String, String)]) -> String {
    page(view, skipped, MOST)
}

/// A page of at most `most` bytes; nothing where not even a sentence fits.
pub(super) fn page(view: &View<'_>, skipped: &[(String, String)], most: usize) -> String {
    let mut out = format!("### meshfix\n\n{}", inline(text::summary(view, !view.written, 0).trim_end()));
    out.push('\n');
    if out.len() + REST > most {
        return if out.len() > most { String::new() } else { out };
    }
    for problem in &view.outcome.internal {
        let problem =
            format!("\n**A defect of meshfix:** {}; the file was left as it was, please report it\n", inline(problem));
        if out.len() + problem.len() + REST <= most {
            out.push_str(&problem);
        }
    }
    let files: Vec<String> = diff::files(view.outcome, None).collect();
    let length: usize = files.iter().map(String::len).sum();
    // The diff may have a third for itself, or what the table leaves.
    let room = most - REST;
    table(&mut out, view, room - length.min(room / 3));
    left_out(&mut out, view, skipped, room);
    unfolded(&mut out, view, &files, room);
    out
}

/// The findings, worst first, as far as they fit.
fn table(out: &mut String, view: &View<'_>, room: usize) {
    let mut findings: Vec<&Reported> = words::standing(view).collect();
    if findings.is_empty() {
        return;
    }
    findings.sort_by_key(|reported| std::cmp::Reverse(reported.finding.level));
    out.push_str("\n| level | place | rule | finding | fix |\n|---|---|---|---|---|\n");
    let mut hidden = 0;
    for reported in findings {
        let row = row(view, reported);
        // One that is too long does not hide those behind it.
        if out.len() + row.len() > room {
            hidden += 1;
        } else {
            out.push_str(&row);
        }
    }
    if hidden > 0 {
        out.push_str(&format!("\nand {hidden} more; `meshfix --check` lists all\n"));
    }
}

fn row(view: &View<'_>, reported: &Reported) -> String {
    let finding = &reported.finding;
    let place = place(view, finding.at);
    let resource = code(&finding.resource.to_string());
    let mut what = format!("{} ({resource})", inline(&finding.message));
    if !finding.help.is_empty() {
        what.push_str(&format!("<br>{}", inline(&finding.help)));
    }
    let fix = finding.fix.as_ref().map(|fix| {
        let consequence = if fix.consequence.is_empty() { String::new() } else { format!("; {}", fix.consequence) };
        let when = match reported.status {
            Status::NeedsUnsafe => "with <code>--unsafe</code>",
            _ => fix.safety.name(),
        };
        format!("{when}: {}", inline(&format!("{}{consequence}", fix.title)))
    });
    let fix = match (&reported.status, fix) {
        (Status::Refused(reason), _) => format!("not here: {}", inline(reason)),
        (_, Some(fix)) => fix,
        (_, None) => "a person decides".to_owned(),
    };
    format!("| {} | {} | {} | {what} | {fix} |\n", finding.level.name(), code(&place), code(finding.rule))
}

/// The file, and the line in it where that is known.
fn place(view: &View<'_>, loc: Loc) -> String {
    let place = view.place(loc);
    place.line().map_or_else(|| place.file.to_string(), |line| format!("{}:{line}", place.file))
}

/// What could not be read.
fn left_out(out: &mut String, view: &View<'_>, skipped: &[(String, String)], room: usize) {
    let unread = view
        .outcome
        .unread
        .iter()
        .map(|(loc, reason)| (format!("{}:{}", view.name(loc.file), view.position(*loc).line), reason.as_str()));
    let all = skipped.iter().map(|(name, reason)| (name.clone(), reason.as_str())).chain(unread);
    let all: Vec<String> = all.map(|(name, reason)| format!("* {}: {}\n", code(&name), inline(reason))).collect();
    if all.is_empty() {
        return;
    }
    out.push_str("\nNot read:\n\n");
    let mut shown = 0;
    for line in all.iter().take(MOST_SKIPPED) {
        if out.len() + line.len() > room {
            break;
        }
        out.push_str(line);
        shown += 1;
    }
    if shown < all.len() {
        out.push_str(&format!("* and {} more\n", all.len() - shown));
    }
}

/// The diff, file by file, as far as it fits.
fn unfolded(out: &mut String, view: &View<'_>, files: &[String], room: usize) {
    if files.is_empty() {
        return;
    }
    let is_unsafe = |reported: &Reported| {
        let safety = reported.finding.fix.as_ref().map(|fix| fix.safety);
        reported.status == Status::Applied && safety == Some(Safety::Unsafe)
    };
    let flags = if view.outcome.findings.iter().any(is_unsafe) { "--write --unsafe" } else { "--write" };
    let title = if view.written {
        "What was changed".to_owned()
    } else {
        format!("What <code>meshfix {flags}</code> would change")
    };
    let mut shown: Vec<String> = Vec::new();
    let mut length = out.len();
    for file in files {
        let text: String =
            file.lines().map(|line| format!("{}\n", visible(line.strip_suffix('\r').unwrap_or(line)))).collect();
        if length + text.len() <= room && longest_run(&text) <= LONGEST_FENCE {
            length += text.len();
            shown.push(text);
        }
    }
    let hidden = files.len() - shown.len();
    out.push_str(&format!("\n<details><summary>{title}</summary>\n\n"));
    let shown = shown.concat();
    if !shown.is_empty() {
        let fence = fence(&shown);
        out.push_str(&format!("{fence}diff\n{shown}{fence}\n\n"));
    }
    if hidden > 0 {
        let more = if shown.is_empty() { "" } else { " more" };
        let noun = if hidden == 1 { "file" } else { "files" };
        out.push_str(&format!("The changes of {hidden}{more} {noun} are too long to be shown here.\n\n"));
    }
    out.push_str("</details>\n");
}

/// A fence that no line of the text can close.
fn fence(text: &str) -> String {
    "`".repeat(longest_run(text).max(2) + 1)
}

/// How many backticks stand in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A message, whose values stand in backticks, as text that is nothing but that.
fn inline(text: &str) -> String {
    let text = visible(text);
    let mut out = String::new();
    let mut parts = text.split('`').peekable();
    let mut is_code = false;
    while let Some(part) = parts.next() {
        if is_code && parts.peek().is_some() {
            out.push_str(&code(part));
        } else {
            if is_code {
                out.push_str("&#96;");
            }
            plain(&mut out, part, true);
        }
        is_code = !is_code;
    }
    out
}

/// A value. In an element of its own nobody is called and nothing is linked.
fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    plain(&mut out, &visible(text), false);
    out + "</code>"
}

/// Text without anything that Markdown or HTML would take for more.
fn plain(out: &mut String, text: &str, keeps_apart: bool) {
    for c in text.chars() {
        match c {
            // They would call a person or link an issue even as references.
            '@' | '#' if keeps_apart => out.push_str(&format!("<code>{c}</code>")),
            '&' | '<' | '>' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '\\' | '$' | '@' | '#' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            // Addresses become links by their colon or by `www.`.
            ':' if text.contains("://") => out.push_str("&#58;"),
            '.' if text.contains("www.") => out.push_str("&#46;"),
            '\t' => out.push(' '),
            c => out.push(c),
        }
    }
}
