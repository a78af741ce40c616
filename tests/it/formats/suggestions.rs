//! A law of all fixtures: each suggestion, taken alone, is its fix and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};
use meshfix::engine::Status;
use meshfix::report::{self, View};
use meshfix::yaml;
use serde_json::Value;

use super::apply::{self, Texts};
use crate::fixtures::{self, Case};

pub(super) fn trials() -> Vec<Trial> {
    vec![Trial::test("formats::each_suggestion_of_all_fixtures_stands_alone", all)]
}

/// What came of all fixtures.
#[derive(Default)]
struct Counts {
    applied: AtomicUsize,
    sarif: AtomicUsize,
    rdjson: AtomicUsize,
    whole: AtomicUsize,
    /// Suggestions after which the rest of the changes is another one.
    otherwise: AtomicUsize,
}

fn all() -> Result<(), Failed> {
    let counts = Counts::default();
    let mut faults: Vec<String> = Vec::new();
    for (name, folder) in fixtures::all() {
        if let Err(fault) = check(&folder, &counts) {
            faults.push(format!("{name}: {fault}"));
        }
    }
    let number = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (applied, sarif) = (number(&counts.applied), number(&counts.sarif));
    let (rdjson, whole) = (number(&counts.rdjson), number(&counts.whole));
    if !faults.is_empty() {
        return Err(format!("{} faults\n{}", faults.len(), faults.join("\n")).into());
    }
    // Most fixes stand alone; that is what suggestions are worth. Those that take the next free number leave another
    // one for the rest, which the law can't tell from a wrong fix: they are few.
    let otherwise = number(&counts.otherwise);
    let enough = sarif * 10 > applied * 8 && rdjson * 10 > applied * 8 && whole > 100 && otherwise * 30 < sarif;
    let found = format!("{applied} fixes, {sarif} SARIF, {rdjson} rdjson, {whole} whole, {otherwise} otherwise");
    if enough { Ok(()) } else { Err(found.into()) }
}

fn parse(report: &str) -> Value {
    serde_json::from_str(report).expect("JSON")
}

fn check(folder: &Path, counts: &Counts) -> Result<(), String> {
    let case = Case::load(folder);
    let outcome = case.run(&case.files);
    let view = View::new(&outcome, false);
    let before: Texts = case.files.iter().cloned().collect();
    let after: Texts = fixtures::after(&case.files, &outcome).into_iter().collect();
    let sarif = parse(&report::sarif::report(&view, &[]));
    let rdjson = parse(&report::rdjson::report(&view, &[]));
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let diagnostics = rdjson["diagnostics"].as_array().expect("diagnostics");
    assert_eq!((results.len(), diagnostics.len()), (outcome.findings.len(), outcome.findings.len()));
    let applied = outcome.findings.iter().filter(|reported| reported.status == Status::Applied).count();
    counts.applied.fetch_add(applied, Ordering::Relaxed);
    for (i, reported) in outcome.findings.iter().enumerate() {
        let at = format!("{} at {}", reported.finding.rule, reported.finding.path);
        let is_only = applied == 1 && outcome.passes == 1 && outcome.created.is_empty();
        if let Some(fix) = results[i].get("fixes") {
            assert_eq!(reported.status, Status::Applied, "{at}");
            counts.sarif.fetch_add(1, Ordering::Relaxed);
            let mut texts = before.clone();
            apply::sarif(&fix[0], &mut texts);
            stands(&before, &texts).map_err(|fault| format!("SARIF: {at}: {fault}"))?;
            if !settles(&case, &after, &texts) {
                counts.otherwise.fetch_add(1, Ordering::Relaxed);
            }
            if is_only {
                counts.whole.fetch_add(1, Ordering::Relaxed);
                same(&after, &texts).map_err(|fault| format!("SARIF: {at}: {fault}"))?;
            }
            if let Some(suggestions) = diagnostics[i].get("suggestions") {
                counts.rdjson.fetch_add(1, Ordering::Relaxed);
                let name = diagnostics[i]["location"]["path"].as_str().expect("a path");
                let mut other = before.clone();
                apply::rdjson(&suggestions[0], other.get_mut(name).expect("the file"));
                same(&texts, &other).map_err(|fault| format!("rdjson: {at}: {fault}"))?;
            }
        } else if is_only && reported.status == Status::Applied {
            return Err(format!("{at}: the only fix has no suggestion"));
        } else if diagnostics[i].get("suggestions").is_some() {
            return Err(format!("{at}: rdjson has a suggestion and SARIF none"));
        }
    }
    Ok(())
}

fn same(expected: &Texts, found: &Texts) -> Result<(), String> {
    for (name, expected) in expected {
        let found = &found[name];
        if expected != found {
            let diff =
                similar::TextDiff::from_lines(expected, found).unified_diff().header("expected", "found").to_string();
            return Err(format!("{name}\n{diff}"));
        }
    }
    Ok(())
}

/// Something changes, and what was readable stays so.
fn stands(before: &Texts, texts: &Texts) -> Result<(), String> {
    let documents = |text: &str| {
        let text: Arc<str> = text.into();
        let read = |slice| yaml::parse(&text, slice).is_ok();
        yaml::slices(&text).into_iter().map(read).collect::<Vec<bool>>()
    };
    let mut changed = texts.iter().filter(|(name, text)| before[*name] != **text).peekable();
    if changed.peek().is_none() {
        return Err("nothing changes".to_owned());
    }
    match changed.find(|(name, text)| documents(&before[*name]) != documents(text)) {
        Some((name, _)) => Err(format!("{name} can't be read any more")),
        None => Ok(()),
    }
}

/// True where a run makes the rest of the changes as if it had made this one too.
fn settles(case: &Case, after: &Texts, texts: &Texts) -> bool {
    let files: Vec<(String, String)> = texts.clone().into_iter().collect();
    fixtures::after(&files, &case.run(&files)).into_iter().collect::<Texts>() == *after
}
