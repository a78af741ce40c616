//! How ready the workloads are: counts, the rules, and what holds each of them back.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::escape::visible;
use super::json::list;
use super::text::{Layout, Paint, painted};
use super::{View, count};
use crate::engine::{Need, Reported, Status, Subject};
use crate::rule::Level;
use crate::transforms;

/// Rows of a list without `-v`.
const MOST_ROWS: usize = 10;
/// The widest that a column of names gets.
const WIDEST_NAME: usize = 40;
/// In front of each row, and between columns.
const GAP: &str = "   ";

/// Heads of the columns of the rules, from what is done to what nobody has to do.
const COLUMNS: [&str; 5] = ["fixed", "--write", "--unsafe", "person", "notes"];

/// The column of a finding.
fn column(view: &View<'_>, reported: &Reported) -> usize {
    match reported.status {
        Status::Applied if view.written => 0,
        Status::Applied if reported.is_safe() => 1,
        Status::Applied | Status::NeedsUnsafe => 2,
        Status::Manual | Status::Refused(_) if reported.finding.level > Level::Info => 3,
        Status::Manual | Status::Refused(_) => 4,
    }
}

/// What a workload waits for, as a person says it of several.
fn heading(need: Option<Need>) -> &'static str {
    match need {
        Some(Need::Nothing) => "ready",
        Some(Need::Write) => "ready with --write",
        Some(Need::Unsafe) => "ready with --write --unsafe",
        Some(Need::Person) => "need a person",
        None => "outside the mesh, or part of the mesh itself",
    }
}

/// The word for it in the machine-readable report.
fn word(need: Option<Need>) -> &'static str {
    match need {
        Some(Need::Nothing) => "ready",
        Some(Need::Write) => "write",
        Some(Need::Unsafe) => "unsafe",
        Some(Need::Person) => "person",
        None => "outside",
    }
}

/// All that a workload can wait for.
const NEEDS: [Option<Need>; 5] = [Some(Need::Nothing), Some(Need::Write), Some(Need::Unsafe), Some(Need::Person), None];

/// The table for people; empty where it would say nothing that the findings do not say. `all` for every row.
pub fn table(view: &View<'_>, all: bool, layout: Layout) -> String {
    let outcome = view.outcome;
    let readiness = &outcome.readiness;
    if readiness.workloads.len() < 2 || outcome.findings.is_empty() {
        return String::new();
    }
    let need = |subject: &Subject| subject.need(outcome, view.written);
    let mut out = head(view, layout);
    out.push('\n');
    rules(&mut out, view, layout);
    let mut names: HashMap<String, usize> = HashMap::new();
    let subjects = readiness.workloads.iter().chain(&readiness.others);
    subjects.for_each(|subject| *names.entry(subject.resource.to_string()).or_default() += 1);
    // What the run would do is in its diff; what it leaves is listed.
    let held_back = outcome.findings.iter().any(|reported| reported.status == Status::NeedsUnsafe);
    let least = if held_back { Need::Unsafe } else { Need::Person };
    for wanted in [Need::Person, Need::Unsafe].into_iter().filter(|wanted| *wanted >= least) {
        let rows: Vec<_> = readiness
            .workloads
            .iter()
            .filter(|subject| need(subject) == Some(wanted))
            .map(|subject| (name(view, subject, &names), held_by(view, subject, wanted)))
            .collect();
        section(&mut out, heading(Some(wanted)), &rows, all, layout);
    }
    let others = readiness.others.iter().filter(|subject| need(subject) >= Some(least));
    let rows: Vec<_> = others.map(|subject| (name(view, subject, &names), held_by(view, subject, least))).collect();
    section(&mut out, "other resources", &rows, all, layout);
    let rows: Vec<_> =
        mesh(view).into_iter().map(|rule| (rule.to_owned(), vec!["one setting decides".to_owned()])).collect();
    section(&mut out, "the mesh", &rows, all, layout);
    out
}

/// How many workloads there are, and how many of them wait for what.
fn head(view: &View<'_>, layout: Layout) -> String {
    let readiness = &view.outcome.readiness;
    let mut out = painted("readiness", layout.paint.map(Paint::bold));
    let all = transforms::ALL.len();
    let ran = transforms::ALL.iter().filter(|rule| readiness.rules.contains(&rule.meta().name)).count();
    let part = if ran < all { format!(", by {ran} of {all} rules") } else { String::new() };
    let _ = writeln!(out, " of {}{part}", count(readiness.workloads.len(), "workload"));
    let numbers = NEEDS.map(|wanted| {
        readiness.workloads.iter().filter(|subject| subject.need(view.outcome, view.written) == wanted).count()
    });
    let digits = numbers.iter().max().map_or(0, |most| most.to_string().len());
    let is_shown = |(number, wanted): &(usize, Option<Need>)| *number > 0 || *wanted == Some(Need::Nothing);
    for (number, wanted) in numbers.into_iter().zip(NEEDS).filter(is_shown) {
        let heading =
            if number == 1 { heading(wanted).replace("need a", "needs a") } else { heading(wanted).to_owned() };
        let _ = writeln!(out, "{GAP}{number:>digits$} {heading}");
        if wanted == Some(Need::Unsafe) && hidden(view) > 0 {
            let _ = writeln!(out, "{GAP}{:digits$} ({} of them looked at only in part until then)", "", hidden(view));
        }
    }
    out
}

/// How many workloads an unsafe fix that is not made keeps out of the mesh, as `hostNetwork` does: most rules look at
/// them only when it is made.
fn hidden(view: &View<'_>) -> usize {
    let waits = |i: &usize| view.outcome.findings[*i].status == Status::NeedsUnsafe;
    let is_hidden = |subject: &&Subject| {
        let need = subject.need(view.outcome, view.written);
        subject.is_outside && need == Some(Need::Unsafe) && subject.findings.iter().any(waits)
    };
    view.outcome.readiness.workloads.iter().filter(is_hidden).count()
}

/// How many findings each rule has, and what they wait for: those with the most first.
fn rules(out: &mut String, view: &View<'_>, layout: Layout) {
    let mut rows: Vec<(&str, [usize; 5])> = Vec::new();
    for (rule, reported) in by_rule(view) {
        let mut counts = [0; 5];
        reported.iter().for_each(|reported| counts[column(view, reported)] += 1);
        rows.push((rule, counts));
    }
    rows.sort_by_key(|(rule, counts)| (std::cmp::Reverse(counts.iter().sum::<usize>()), *rule));
    let used: Vec<usize> = (0..COLUMNS.len()).filter(|at| rows.iter().any(|(_, counts)| counts[*at] > 0)).collect();
    let widest = rows.iter().map(|(rule, _)| rule.len()).max().unwrap_or(0).max("rule".len());
    let mut head = format!("{:widest$}{GAP}findings", "rule");
    used.iter().for_each(|at| head.push_str(&format!("{:>10}", COLUMNS[*at])));
    let _ = writeln!(out, "{GAP}{}", painted(&head, layout.paint.map(Paint::bold)));
    for (rule, counts) in rows {
        let _ = write!(out, "{GAP}{rule:widest$}{GAP}{:>8}", counts.iter().sum::<usize>());
        for at in &used {
            match counts[*at] {
                0 => out.push_str("         -"),
                number => out.push_str(&format!("{number:>10}")),
            }
        }
        out.push('\n');
    }
    out.push('\n');
}

/// The findings of each rule that found something, in the order of the rules.
fn by_rule<'v>(view: &View<'v>) -> Vec<(&'static str, Vec<&'v Reported>)> {
    let outcome = view.outcome;
    let mut rules: Vec<(&'static str, Vec<&Reported>)> =
        outcome.readiness.rules.iter().map(|rule| (*rule, Vec::new())).collect();
    let at: HashMap<&str, usize> = rules.iter().enumerate().map(|(i, (rule, _))| (*rule, i)).collect();
    for reported in &outcome.findings {
        if let Some(i) = at.get(reported.finding.rule) {
            rules[*i].1.push(reported);
        }
    }
    rules.retain(|(_, reported)| !reported.is_empty());
    rules
}

/// A resource's name, with its file where several have that name.
fn name(view: &View<'_>, subject: &Subject, names: &HashMap<String, usize>) -> String {
    let name = subject.resource.to_string();
    let file = view.place(subject.at).file;
    let is_unique = names.get(&name).is_none_or(|number| *number < 2);
    if is_unique { visible(&name).into_owned() } else { visible(&format!("{name} in {file}")).into_owned() }
}

/// The rules that hold a resource back, those from `least` up.
fn held_by(view: &View<'_>, subject: &Subject, least: Need) -> Vec<String> {
    let held = subject.held_by(view.outcome, view.written);
    let held = held.into_iter().filter(|(_, need)| *need >= least);
    let mixed = least == Need::Unsafe && subject.need(view.outcome, view.written) == Some(Need::Person);
    held.map(|(rule, need)| if mixed && need == Need::Unsafe { format!("{rule} (--unsafe)") } else { rule.to_owned() })
        .collect()
}

/// Rules whose findings one setting of the mesh decides, each once.
fn mesh(view: &View<'_>) -> Vec<&'static str> {
    let findings = view.outcome.readiness.mesh.iter().map(|i| &view.outcome.findings[*i].finding);
    let mut rules: Vec<&str> =
        findings.filter(|finding| finding.level > Level::Info).map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// A list of names with what stands behind each, aligned; on a terminal no line is longer than it.
fn section(out: &mut String, heading: &str, rows: &[(String, Vec<String>)], all: bool, layout: Layout) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "{GAP}{}", painted(heading, layout.paint.map(Paint::bold)));
    let shown = if all || rows.len() <= MOST_ROWS + 1 { rows } else { &rows[..MOST_ROWS] };
    let lengths = shown.iter().map(|(name, _)| name.chars().count());
    let column = lengths.filter(|length| *length <= WIDEST_NAME).max().unwrap_or(0);
    let margin = 2 * GAP.len() + column;
    for (name, words) in shown {
        let _ = write!(out, "{GAP}{name:column$}");
        let mut used = GAP.len() + name.chars().count().max(column);
        let mut gap = GAP;
        for (i, word) in words.iter().enumerate() {
            let comma = if i + 1 < words.len() { "," } else { "" };
            let length = word.chars().count() + comma.len();
            if layout.width.is_some_and(|width| used + gap.len() + length > width.max(WIDEST_NAME)) {
                let _ = write!(out, "\n{:margin$}", "");
                (used, gap) = (margin, "");
            }
            let _ = write!(out, "{gap}{word}{comma}");
            used += gap.len() + length;
            gap = " ";
        }
        out.push('\n');
    }
    if shown.len() < rows.len() {
        let _ = writeln!(out, "{GAP}and {} more (-v lists all)", rows.len() - shown.len());
    }
    out.push('\n');
}

/// The same for machines, in the report's object.
pub(super) fn json(out: &mut String, view: &View<'_>) {
    let readiness = &view.outcome.readiness;
    let need = |subject: &Subject| subject.need(view.outcome, view.written);
    let number = |wanted| readiness.workloads.iter().filter(|subject| need(subject) == wanted).count();
    out.push_str(",\n  \"readiness\": {");
    let _ = write!(out, "\n    \"workloads\": {}", readiness.workloads.len());
    NEEDS.iter().for_each(|wanted| {
        let _ = write!(out, ",\n    \"{}\": {}", word(*wanted), number(*wanted));
    });
    list(out, "    ", "rules", readiness.rules.iter().copied().map(Value::from));
    list(out, "    ", "byRule", by_rule(view).iter().map(|(rule, reported)| rule_json(rule, reported)));
    list(out, "    ", "byWorkload", readiness.workloads.iter().map(|subject| subject_json(view, subject)));
    list(out, "    ", "others", readiness.others.iter().map(|subject| subject_json(view, subject)));
    list(out, "    ", "mesh", mesh(view).into_iter().map(Value::from));
    out.push_str("\n  }");
}

fn rule_json(rule: &str, reported: &[&Reported]) -> Value {
    let number = |wanted: &dyn Fn(&Status) -> bool| reported.iter().filter(|one| wanted(&one.status)).count();
    json!({
        "rule": rule,
        "findings": reported.len(),
        "applied": number(&|status| *status == Status::Applied),
        "needsUnsafe": number(&|status| *status == Status::NeedsUnsafe),
        "refused": number(&|status| matches!(status, Status::Refused(_))),
        "manual": number(&|status| *status == Status::Manual),
    })
}

fn subject_json(view: &View<'_>, subject: &Subject) -> Value {
    let name = &subject.resource;
    let held = subject.held_by(view.outcome, view.written).into_iter();
    let at = view.place(subject.at);
    json!({
        "file": at.file,
        "line": at.line(),
        "resource": {"apiVersion": name.api_version, "kind": name.kind, "namespace": name.namespace, "name": name.name},
        "state": word(subject.need(view.outcome, view.written)),
        "heldBy": held.map(|(rule, need)| json!({"rule": rule, "needs": word(Some(need))})).collect::<Vec<_>>(),
    })
}
