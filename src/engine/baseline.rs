//! Findings that were there before: an earlier report says which, and they are neither reported nor fixed.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::Settings;
use super::fingerprint::{Fingerprint, Fingerprints};
use crate::rule::Finding;

/// The version of the report's shape.
pub const REPORT_VERSION: u32 = 1;

/// The findings of an earlier report.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    rule: String,
    file: String,
    fingerprint: Fingerprint,
    /// True when the file is no longer there.
    is_gone: bool,
}

/// Why a baseline can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is something else.
    #[error("it is no report of meshfix ({0}); `meshfix --format json -o FILE` makes one")]
    NoReport(#[from] serde_json::Error),
    /// Another program made it.
    #[error("it is a report of version {0}, and this meshfix reads version {REPORT_VERSION}; make it anew")]
    Version(u32),
    /// Somebody changed it.
    #[error("`{0}` is no fingerprint; make the file anew")]
    Fingerprint(String),
}

/// The part of a report that a baseline needs.
#[derive(Deserialize)]
struct Report {
    version: u32,
    findings: Vec<ReportedFinding>,
}

#[derive(Deserialize)]
struct ReportedFinding {
    rule: String,
    file: String,
    fingerprint: String,
}

impl Baseline {
    /// Reads a report as `--format json` prints it. `is_there` tells whether a file of this name still exists.
    ///
    /// # Errors
    /// When the text is no report that this version can read.
    pub fn read(report: &str, is_there: impl Fn(&str) -> bool) -> Result<Baseline, BaselineError> {
        let Report { version, findings } = serde_json::from_str(report)?;
        if version != REPORT_VERSION {
            return Err(BaselineError::Version(version));
        }
        let mut there: HashMap<String, bool> = HashMap::new();
        let mut entries = Vec::with_capacity(findings.len());
        for ReportedFinding { rule, file, fingerprint } in findings {
            let fingerprint = fingerprint.parse().map_err(|_| BaselineError::Fingerprint(fingerprint))?;
            let is_gone = !*there.entry(file.clone()).or_insert_with(|| is_there(&file));
            entries.push(Entry { rule, file, fingerprint, is_gone });
        }
        Ok(Baseline { entries })
    }
}

/// Which entries of a baseline match a finding, over all passes.
pub(super) struct Matches<'a> {
    baseline: &'a Baseline,
    /// Entries by fingerprint.
    exact: HashMap<Fingerprint, usize>,
    /// Entries whose file is gone, by their place in any file; `None` where several have the same.
    moved: HashMap<u64, Option<usize>>,
    /// Whether a place is unique among the findings without an entry of their own.
    unique: HashMap<u64, bool>,
    used: HashSet<usize>,
    /// Files of the run.
    files: HashSet<String>,
    /// Findings of the last pass that the baseline has.
    pub(super) count: usize,
}

impl<'a> Matches<'a> {
    pub(super) fn new<'f>(baseline: &'a Baseline, files: impl Iterator<Item = &'f str>) -> Self {
        let files: HashSet<String> = files.map(str::to_owned).collect();
        let mut exact = HashMap::new();
        let mut moved: HashMap<u64, Option<usize>> = HashMap::new();
        for (i, entry) in baseline.entries.iter().enumerate() {
            exact.insert(entry.fingerprint, i);
            if entry.is_gone && !files.contains(&entry.file) {
                moved.entry(entry.fingerprint.place).and_modify(|have| *have = None).or_insert(Some(i));
            }
        }
        Matches { baseline, exact, moved, unique: HashMap::new(), used: HashSet::new(), files, count: 0 }
    }

    /// Takes the findings that the baseline has out of the lists, each of which is in the order of the report.
    /// `file` gives the name of a finding's file.
    pub(super) fn sift<'f>(&mut self, file: impl Fn(&Finding) -> &'f str, lists: [&mut Vec<Finding>; 2]) {
        let mut fingerprints = Fingerprints::default();
        let mut next = |finding: &Finding| fingerprints.next(file(finding), finding);
        let prints = lists.each_ref().map(|list| list.iter().map(&mut next).collect::<Vec<_>>());
        let mut alone: HashMap<u64, bool> = HashMap::new();
        for print in prints.iter().flatten().filter(|print| !self.exact.contains_key(*print)) {
            alone.entry(print.place).and_modify(|alone| *alone = false).or_insert(true);
        }
        for (place, alone) in alone {
            // The first pass that sees it decides: later ones see fewer findings.
            self.unique.entry(place).or_insert(alone);
        }
        self.count = 0;
        for (list, prints) in lists.into_iter().zip(prints) {
            let mut entries = prints.into_iter().map(|print| self.entry(print)).collect::<Vec<_>>().into_iter();
            self.used.extend(entries.as_slice().iter().flatten());
            let before = list.len();
            list.retain(|_| entries.next().flatten().is_none());
            self.count += before - list.len();
        }
    }

    fn entry(&self, print: Fingerprint) -> Option<usize> {
        let moved = || self.moved.get(&print.place).copied().flatten().filter(|_| self.unique[&print.place]);
        self.exact.get(&print).copied().or_else(moved)
    }

    /// How many entries match nothing any more. Those of files or rules that this run did not look at are not judged.
    pub(super) fn stale(&self, settings: &Settings<'_>) -> usize {
        let is_stale = |(i, entry): &(usize, &Entry)| {
            let judged = entry.is_gone || self.files.contains(&entry.file);
            judged && !self.used.contains(i) && settings.rule(&entry.rule).is_some()
        };
        self.baseline.entries.iter().enumerate().filter(is_stale).count()
    }
}
