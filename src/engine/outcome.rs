//! What came of a run: texts, findings and what became of each, with positions in the text on disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Readiness, Run, Tracked};
use crate::config::Options;
use crate::manifest::{Inventory, SourceFile, State, Workload};
use crate::rule::{Finding, Level, Meta};
use crate::text::{EditSet, FileId, Loc, Span};

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Its fix is part of the changes.
    Applied,
    /// Its fix is unsafe and was not asked for.
    NeedsUnsafe,
    /// Its fix can't be made honestly; the reason.
    Refused(String),
    /// There is no fix: a person decides.
    Manual,
}

/// A finding with what became of it. Its places are in the text before the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The finding.
    pub finding: Finding,
    /// What became of it.
    pub status: Status,
    /// The pass that applied its fix, from 0; only the fixes of the first one were made for the text before the run.
    pub pass: Option<usize>,
}

/// A file whose text changes.
#[derive(Debug, Clone)]
pub struct ChangedFile {
    /// The file.
    pub file: FileId,
    /// The text before.
    pub before: Arc<str>,
    /// The text after.
    pub after: Arc<str>,
    /// The file that it is made beside, when it is new; its text before is empty then.
    pub beside: Option<FileId>,
    steps: Vec<EditSet>,
}

impl ChangedFile {
    /// Where a place of the text before stands in the text after.
    pub fn forward(&self, loc: Loc) -> Loc {
        let map = |at: u32| self.steps.iter().fold(at, |at, edits| edits.map_forward(at));
        let start = map(loc.span.start);
        Loc { span: Span { start, end: map(loc.span.end).max(start) }, ..loc }
    }
}

/// The proven operations of one document.
#[derive(Debug, Clone)]
pub struct DocumentChange {
    /// The file.
    pub file: FileId,
    /// The document in it, from 0.
    pub document: u32,
    /// RFC 6902 operations, valid in order from the document's value before the run.
    pub operations: Vec<json_patch::PatchOperation>,
}

/// A document that was not there.
#[derive(Debug, Clone)]
pub struct CreatedDocument {
    /// The file, which may be new itself.
    pub file: FileId,
    /// Its text.
    pub text: String,
}

/// Everything that came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The files as they were read.
    pub files: Vec<SourceFile>,
    /// Those that change, in order.
    pub changed: Vec<ChangedFile>,
    /// The rules that ran, in the order of the list.
    pub rules: Vec<Meta>,
    /// What was found, in the order of files and places.
    pub findings: Vec<Reported>,
    /// What holds each workload back.
    pub readiness: Readiness,
    /// What changes, document by document, in order.
    pub changes: Vec<DocumentChange>,
    /// Documents that are new, in order; those of new files too.
    pub created: Vec<CreatedDocument>,
    /// Files that must be written together.
    pub units: Vec<BTreeSet<FileId>>,
    /// Documents that could not be read: file, place and reason.
    pub unread: Vec<(Loc, String)>,
    /// Changes that failed their proof, which is a defect of meshfix.
    pub internal: Vec<String>,
    /// Files whose changes only one reader could prove.
    pub one_reader: Vec<FileId>,
    /// Rules that undo each other.
    pub fighting: Vec<&'static str>,
    /// Passes that changed something.
    pub passes: usize,
    /// How many findings were ignored.
    pub ignored: usize,
    /// How many findings the baseline has.
    pub in_baseline: usize,
    /// How many entries of the baseline match nothing any more.
    pub stale_baseline: usize,
    /// Ignores of the configuration that ignored nothing, as sentences.
    pub unused_ignores: Vec<String>,
}

impl Outcome {
    /// The findings that stay open when the changes are made.
    pub fn open(&self) -> impl Iterator<Item = &Reported> {
        self.findings.iter().filter(|reported| reported.status != Status::Applied)
    }

    /// How many workloads get new pods when the changes are deployed: those whose pod template changes.
    pub fn rolling(&self) -> usize {
        let changed: Vec<&ChangedFile> = self.changed.iter().collect();
        let files: Vec<SourceFile> = changed.iter().map(|file| self.files[file.file.0 as usize].clone()).collect();
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let rolls = |workload: &Workload<'_>| {
            let at = (changed[workload.resource.file.0 as usize].file, workload.resource.document);
            let own = self.changes.binary_search_by_key(&at, |change| (change.file, change.document));
            let pods = workload.pods_pointer();
            own.is_ok_and(|own| {
                self.changes[own].operations.iter().any(|operation| {
                    let rest = operation.path().as_str().strip_prefix(&pods);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
            })
        };
        inventory.workloads().filter(rolls).count()
    }

    /// True when a finding of this level or worse stays open.
    pub fn has_open(&self, level: Level) -> bool {
        self.open().any(|reported| reported.finding.level >= level)
    }
}

impl Run<'_> {
    pub(super) fn finish(mut self, mut open: Vec<Finding>, passes: usize) -> Outcome {
        open.append(&mut self.ledger.notes);
        let baseline = self.ledger.baseline.as_ref();
        let mut findings: Vec<Reported> = Vec::with_capacity(open.len() + self.applied.len());
        for (pass, mut finding) in self.applied {
            to_input(&mut finding, &self.tracked, pass);
            findings.push(Reported { finding, status: Status::Applied, pass: Some(pass) });
        }
        for mut finding in open {
            to_input(&mut finding, &self.tracked, usize::MAX);
            let status = match (&finding.refusal, &finding.fix) {
                (Some(reason), _) => Status::Refused(reason.clone()),
                (None, Some(fix)) if self.settings.allows(fix.safety) => {
                    Status::Refused("it disagrees with another change, and the changes did not settle".to_owned())
                }
                (None, Some(_)) => Status::NeedsUnsafe,
                (None, None) => Status::Manual,
            };
            findings.push(Reported { finding, status, pass: None });
        }
        findings.sort_by(|a, b| {
            let key = |reported: &Reported| (reported.finding.at, reported.finding.rule);
            key(a).cmp(&key(b)).then_with(|| a.finding.path.cmp(&b.finding.path))
        });
        let rules = self.settings.rules.iter().map(|rule| rule.meta().name).collect();
        let readiness = self.roster.assign(&findings, rules);
        let mut changed = Vec::new();
        let mut originals = Vec::with_capacity(self.tracked.len());
        for (i, tracked) in self.tracked.iter().enumerate() {
            if tracked.now.text != tracked.original.text {
                changed.push(ChangedFile {
                    file: FileId(i as u32),
                    before: tracked.original.text.clone(),
                    after: tracked.now.text.clone(),
                    beside: tracked.beside,
                    steps: tracked.steps.iter().map(|step| step.edits.clone()).collect(),
                });
            }
            originals.push(tracked.original.clone());
        }
        // What was edited of a new document is part of its text.
        let is_new = |file: &FileId, document: &u32| self.tracked[file.0 as usize].created.contains(document);
        let is_changed = |file: &FileId| changed.binary_search_by_key(file, |one| one.file).is_ok();
        let changes = self.patches.iter().filter(|((file, document), _)| is_changed(file) && !is_new(file, document));
        let changes = changes.map(|(at, operations)| (*at, operations.clone()));
        let changes =
            changes.map(|((file, document), operations)| DocumentChange { file, document, operations }).collect();
        Outcome {
            unread: unread(&originals),
            files: originals,
            changed,
            rules: self.settings.rules.iter().map(|rule| *rule.meta()).collect(),
            findings,
            readiness,
            changes,
            created: created(&self.tracked),
            units: connected(self.units),
            internal: self.internal,
            one_reader: self.one_reader.into_iter().collect(),
            fighting: self.fighting.into_iter().collect(),
            passes,
            ignored: self.ledger.ignored,
            in_baseline: baseline.map_or(0, |baseline| baseline.count),
            stale_baseline: baseline.map_or(0, |baseline| baseline.stale(self.settings)),
            unused_ignores: self.ledger.unused_in_configuration(self.settings),
        }
    }
}

/// The new documents of all files, without the line that starts each.
fn created(tracked: &[Tracked]) -> Vec<CreatedDocument> {
    let mut created = Vec::new();
    for (i, one) in tracked.iter().enumerate().filter(|(_, one)| !one.created.is_empty()) {
        let slots = one.now.slots.iter().enumerate();
        for (_, slot) in slots.filter(|(document, _)| one.created.contains(&(*document as u32))) {
            let text = &one.now.text[slot.slice.range()];
            let text = text.strip_prefix("---").map_or(text, |rest| rest.trim_start_matches(['\r', '\n']));
            created.push(CreatedDocument { file: FileId(i as u32), text: text.to_owned() });
        }
    }
    created
}

/// Maps a finding's places from the text of `pass` back to the text before the run.
fn to_input(finding: &mut Finding, tracked: &[Tracked], pass: usize) {
    finding.at = in_input(finding.at, tracked, pass);
    finding.related.iter_mut().for_each(|(loc, _)| *loc = in_input(*loc, tracked, pass));
}

/// Where a place in the text of `pass` stood in the text before the run.
pub(super) fn in_input(loc: Loc, tracked: &[Tracked], pass: usize) -> Loc {
    let steps = tracked[loc.file.0 as usize].steps.iter().rev().filter(|step| step.pass < pass);
    let span = steps.fold(loc.span, |span, step| {
        let start = step.edits.map_back(span.start);
        Span { start, end: step.edits.map_back(span.end).max(start) }
    });
    Loc { span, ..loc }
}

fn unread(files: &[SourceFile]) -> Vec<(Loc, String)> {
    let mut unread = Vec::new();
    for (i, file) in files.iter().enumerate() {
        for slot in &file.slots {
            let (span, reason) = match &slot.state {
                State::Broken(error) => (error.at, error.to_string()),
                State::Template(at) => {
                    (*at, "template text (`{{`): render it first and run meshfix on the result".to_owned())
                }
                State::Encrypted(at) => {
                    (*at, "encrypted by SOPS: an edit would break its checksum; decrypt it first".to_owned())
                }
                _ => continue,
            };
            unread.push((Loc { file: FileId(i as u32), span }, reason));
        }
    }
    unread
}

/// Sets that share a file become one.
fn connected(sets: Vec<BTreeSet<FileId>>) -> Vec<BTreeSet<FileId>> {
    let mut owner: std::collections::BTreeMap<FileId, usize> = std::collections::BTreeMap::new();
    let mut units: Vec<BTreeSet<FileId>> = Vec::new();
    for set in sets {
        let mut hit: Vec<usize> = set.iter().filter_map(|file| owner.get(file).copied()).collect();
        hit.sort_unstable();
        hit.dedup();
        let target = hit.first().copied().unwrap_or(units.len());
        if target == units.len() {
            units.push(BTreeSet::new());
        }
        for other in hit.into_iter().skip(1).rev() {
            let moved = std::mem::take(&mut units[other]);
            units[target].extend(moved);
        }
        units[target].extend(set);
        for file in &units[target] {
            owner.insert(*file, target);
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}
