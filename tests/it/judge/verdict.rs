//! What the API server takes before a fix, it takes after it: on top of what is there, and in an empty namespace.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::client::{Client, Refusal};
use super::resources::{Pair, Resource};
use super::stage::{How, Stage};

/// What was judged, for the summary.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    pub(crate) accepted: usize,
    pub(crate) changed: usize,
    /// Documents that are no resource.
    pub(crate) others: usize,
    /// Resources of kinds that the server does not have, by kind.
    pub(crate) not_served: BTreeMap<String, usize>,
    /// Resources that the server does not take as they stand, with its word.
    pub(crate) refused: Vec<String>,
    /// Pods and Jobs that must be made again.
    pub(crate) made_again: Vec<String>,
}

/// How the server stands to a resource before the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It takes it, or there was none.
    Applied,
    /// It creates it, but does not apply it (a generated name, two list items of one key).
    Created,
    /// It does not take it, so nothing is asked of the fix.
    Refused,
}

/// What is wrong with a fix. Where `unsafe_fixes` are among it, Pods and Jobs may need to be made again.
pub(crate) fn judge(
    client: &Client,
    pairs: &[Pair],
    unsafe_fixes: bool,
    tally: &mut Tally,
) -> Result<Vec<String>, Refusal> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let is_served = |pair: &&Pair| {
        let one = pair.after.as_ref().or(pair.before.as_ref());
        one.is_some_and(|one| client.kind(one.api_version(), one.kind()).is_some())
    };
    let (served, others): (Vec<&Pair>, Vec<&Pair>) = pairs.iter().partition(is_served);
    for one in others.iter().filter_map(|pair| pair.before.as_ref()) {
        *tally.not_served.entry(format!("{} {}", one.api_version(), one.kind())).or_default() += 1;
    }

    let mut failures = Vec::new();
    let mut stage = Stage::new(client, format!("t{number}"), pairs);
    let mut standings = Vec::new();
    for pair in &served {
        standings.push(match &pair.before {
            Some(before) => standing(&mut stage, before, pair.copy, tally)?,
            None => Standing::Applied,
        });
    }
    let judged =
        || served.iter().zip(&standings).filter_map(|(pair, standing)| Some((*pair, pair.after.as_ref()?, *standing)));
    for (pair, after, standing) in judged() {
        if standing != Standing::Applied || pair.before.as_ref() == Some(after) {
            continue;
        }
        tally.changed += 1;
        match answered(stage.put(after, pair.copy, How::Apply))? {
            Err(refusal) if refusal.code == 422 && may_be_made_again(after, unsafe_fixes) => {
                tally.made_again.push(after.to_string());
            }
            Err(refusal) => failures.push(format!("{after}: after the fix, on top of what is there: {refusal}")),
            Ok(()) => {}
        }
    }
    stage.clear()?;

    let mut stage = Stage::new(client, format!("a{number}"), pairs);
    for (pair, after, standing) in judged() {
        if standing == Standing::Refused {
            continue;
        }
        if let Err(refusal) = answered(stage.put(after, pair.copy, How::Create))? {
            failures.push(format!("{after}: after the fix, in an empty namespace: {refusal}"));
        }
    }
    stage.clear()?;
    Ok(failures)
}

fn standing(stage: &mut Stage<'_>, before: &Resource, copy: usize, tally: &mut Tally) -> Result<Standing, Refusal> {
    if answered(stage.put(before, copy, How::Apply))?.is_ok() {
        tally.accepted += 1;
        return Ok(Standing::Applied);
    }
    let Err(refusal) = answered(stage.put(before, copy, How::Try))? else {
        tally.accepted += 1;
        return Ok(Standing::Created);
    };
    tally.refused.push(format!("{before}: {refusal}"));
    Ok(Standing::Refused)
}

/// A Pod or a Job after an unsafe fix, or one that is made anew with each deployment anyway.
fn may_be_made_again(resource: &Resource, unsafe_fixes: bool) -> bool {
    let annotation = |name: &str| resource.value["metadata"]["annotations"][name].as_str();
    let hook = annotation("helm.sh/hook").is_some() || annotation("argocd.argoproj.io/hook").is_some();
    let sync = annotation("argocd.argoproj.io/sync-options").unwrap_or_default();
    let replaced = sync.contains("Replace=true") && sync.contains("Force=true");
    matches!(resource.kind(), "Pod" | "Job") && (unsafe_fixes || hook || replaced)
}

/// A refusal is an answer; a request that the server could not work on is none.
pub(super) fn answered(result: Result<(), Refusal>) -> Result<Result<(), Refusal>, Refusal> {
    match result {
        Err(refusal) if !refusal.is_answer() => Err(refusal),
        result => Ok(result),
    }
}

impl Tally {
    /// Adds what was judged of a case.
    pub(crate) fn add(&mut self, case: &str, other: Tally) {
        self.cases += other.cases;
        self.accepted += other.accepted;
        self.changed += other.changed;
        self.others += other.others;
        for (kind, count) in other.not_served {
            *self.not_served.entry(kind).or_default() += count;
        }
        self.refused.extend(other.refused.iter().map(|line| format!("{case}/{line}")));
        self.made_again.extend(other.made_again.iter().map(|line| format!("{case}/{line}")));
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "the judge: {} cases, {} resources accepted, {} changed or new",
            self.cases, self.accepted, self.changed
        )?;
        writeln!(f, "not judged: {} documents that are no resource; kinds that no server of ours has:", self.others)?;
        for (kind, count) in &self.not_served {
            writeln!(f, "  {count} {kind}")?;
        }
        writeln!(f, "refused before the fix, so that nothing is asked of it: {}", self.refused.len())?;
        for line in &self.refused {
            writeln!(f, "  {line:.220}")?;
        }
        writeln!(f, "Pods and Jobs that are made again: {}", self.made_again.len())?;
        self.made_again.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
