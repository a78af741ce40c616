//! One pass: admit, render, prove, apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::admission::{Admission, Admissions, Admitted};
use super::{Progress, Run, Step, Tracked};
use crate::manifest::{NodeId, SourceFile, State};
use crate::rule::Finding;
use crate::text::{Edit, EditSet, FileId, Span};
use crate::yaml::{self, Rendering};

/// A file as it would be after the pass.
struct Next {
    text: Arc<str>,
    /// The edits that lead there, one set after the other.
    steps: Vec<EditSet>,
    renderings: Vec<(u32, Rendering)>,
    /// Its documents that are new, by number.
    created: Vec<u32>,
}

impl Run<'_> {
    /// Does one pass. Gives the findings with what became of them, and whether a text changed.
    pub(super) fn pass(
        &mut self,
        pass: usize,
        files: &[SourceFile],
        findings: Vec<Finding>,
        may_change: bool,
    ) -> (Vec<Finding>, bool) {
        if !may_change {
            let unsettled = |finding: &&mut Finding| {
                finding.refusal.is_none() && finding.fix.as_ref().is_some_and(|fix| self.settings.allows(fix.safety))
            };
            let mut findings = findings;
            for finding in findings.iter_mut().filter(unsettled) {
                finding.refusal = Some(format!("the changes did not settle in {pass} passes"));
            }
            return (findings, false);
        }
        let mut admission = Admission::new(files, self.settings, &self.fighting, &self.failed);
        let mut findings = findings;
        admission.admit_all(&mut findings);
        let Admissions { plans, created, admitted } = admission.finish();
        if admitted.is_empty() {
            return (findings, false);
        }
        let mut all = files.to_vec();
        for (beside, name) in created.files {
            let file = files[beside.0 as usize].empty(name);
            self.tracked.push(Tracked::new(file.clone(), Some(beside)));
            all.push(file);
        }
        let mut renderings: BTreeMap<FileId, Vec<(u32, Rendering)>> = BTreeMap::new();
        let mut bad: BTreeMap<FileId, String> = BTreeMap::new();
        for ((file, document), plan) in &plans {
            match plan.render() {
                Ok(mut rendering) => {
                    if self.settings.sabotage {
                        spoil(&mut rendering);
                    }
                    renderings.entry(*file).or_default().push((*document, rendering));
                }
                Err(refusal) => {
                    bad.insert(*file, refusal.to_string());
                }
            }
        }
        let mut next: BTreeMap<FileId, Next> = BTreeMap::new();
        let of = renderings.len();
        for (done, (file, renderings)) in renderings.into_iter().enumerate() {
            (self.settings.watch)(Progress::Proving { pass: pass + 1, done, of });
            match self.prove(file, &all[file.0 as usize], renderings) {
                Ok(proven) => {
                    next.insert(file, proven);
                }
                Err(problem) => {
                    bad.insert(file, problem);
                }
            }
        }
        for (file, documents) in &created.documents {
            let before = match next.remove(file) {
                Some(next) => next,
                None => Next::unchanged(&all[file.0 as usize]),
            };
            match self.append(before, documents, files) {
                Ok(proven) => {
                    next.insert(*file, proven);
                }
                Err(problem) => {
                    bad.entry(*file).or_insert(problem);
                }
            }
        }
        let kept = self.drop_units(&all, &admitted, &bad, &mut findings);
        let mut rules: BTreeMap<FileId, BTreeSet<&'static str>> = BTreeMap::new();
        for change in &kept {
            for file in &change.files {
                rules.entry(*file).or_default().insert(change.rule);
            }
        }
        let changed = !rules.is_empty();
        let mut fights = Vec::new();
        for (file, next) in next {
            if let Some(rules) = rules.remove(&file) {
                fights.extend(self.advance(pass, file, next, rules).map(|(since, names)| (file, since, names)));
            }
        }
        let mut applied: Vec<usize> = kept.iter().map(|change| change.finding).collect();
        applied.sort_unstable();
        self.units.extend(kept.iter().map(|change| change.files.clone()));
        let mut rest = Vec::with_capacity(findings.len());
        for (i, finding) in findings.into_iter().enumerate() {
            if applied.binary_search(&i).is_ok() {
                self.applied.push((pass, finding));
            } else {
                rest.push(finding);
            }
        }
        for (file, since, names) in fights {
            // What was done and undone is not done.
            let undone = |(pass, finding): &(usize, Finding)| {
                finding.at.file == file && *pass >= since && names.contains(finding.rule)
            };
            self.applied.retain(|applied| !undone(applied));
            self.fighting.extend(names);
        }
        // A pass whose changes all failed their proof changes nothing, but the others may go on.
        (rest, changed || !bad.is_empty())
    }

    /// Applies the renderings of a file's documents and reads the result again.
    fn prove(&mut self, id: FileId, file: &SourceFile, renderings: Vec<(u32, Rendering)>) -> Result<Next, String> {
        let mut edits = EditSet::default();
        for (_, rendering) in &renderings {
            edits.extend(rendering.edits.clone()).map_err(|_| "two documents' edits meet".to_owned())?;
        }
        let text: Arc<str> = edits.apply(&file.text).into();
        let slices = yaml::slices(&text);
        if slices.len() != file.slots.len() {
            return Err("the number of documents changed".to_owned());
        }
        for (i, (slot, slice)) in file.slots.iter().zip(&slices).enumerate() {
            let rendering =
                renderings.iter().find(|(document, _)| *document as usize == i).map(|(_, rendering)| rendering);
            match (rendering, &slot.state) {
                (Some(rendering), State::Read(before)) => {
                    let proven =
                        yaml::prove(before, rendering, &text, *slice).map_err(|disproof| disproof.to_string())?;
                    if proven.readers < 2 {
                        self.one_reader.insert(id);
                    }
                }
                _ if text[slice.range()] == file.text[slot.slice.range()] => {}
                _ => return Err("another document of the file would change".to_owned()),
            }
        }
        Ok(Next { text, steps: vec![edits], renderings, created: Vec::new() })
    }

    /// Adds documents at the end of a file and reads the result again: what was there keeps its value, and both readers
    /// find the new ones.
    fn append(&self, before: Next, documents: &[(Value, NodeId)], files: &[SourceFile]) -> Result<Next, String> {
        let mut next = before;
        for (value, beside) in documents {
            let neighbour = &files[beside.file.0 as usize];
            let like = neighbour.document(beside.document).ok_or("its neighbour is gone")?;
            let mut document = yaml::new_document(value, like);
            if self.settings.sabotage {
                document.push_str("sabotage: true\n");
            }
            let is_first = next.text.is_empty();
            let mut edits = yaml::append_document(&next.text, &document);
            let mut text = edits.apply(&next.text);
            if is_first && yaml::line_ending(&neighbour.text) == "\r\n" {
                text = text.replace('\n', "\r\n");
                edits = EditSet::default();
                edits.insert(Edit::insert(0, text.clone())).map_err(|_| "one edit meets itself".to_owned())?;
            }
            let text: Arc<str> = text.into();
            next.created.push(prove_appended(&next.text, &text, value)?);
            next.text = text;
            next.steps.push(edits);
        }
        Ok(next)
    }

    /// Drops every change that shares a file, directly or through others, with a file that failed.
    fn drop_units(
        &mut self,
        files: &[SourceFile],
        admitted: &[Admitted],
        bad: &BTreeMap<FileId, String>,
        findings: &mut [Finding],
    ) -> Vec<Admitted> {
        let mut lost: BTreeSet<FileId> = bad.keys().copied().collect();
        let mut grown = true;
        while grown {
            let before = lost.len();
            for change in admitted {
                if !change.files.is_disjoint(&lost) {
                    lost.extend(change.files.iter().copied());
                }
            }
            grown = lost.len() > before;
        }
        for (file, problem) in bad {
            let problem = format!("{}: {problem}", files[file.0 as usize].name);
            // The next pass may meet the same in what is left.
            if !self.internal.contains(&problem) {
                self.internal.push(problem);
            }
        }
        let mut kept = Vec::new();
        for change in admitted {
            if change.files.is_disjoint(&lost) {
                kept.push(change.clone());
            } else {
                self.failed.insert(change.key.clone());
                findings[change.finding].refusal =
                    Some("the change failed its proof; this is a defect of meshfix, please report it".to_owned());
            }
        }
        kept
    }

    /// Gives the file its next text. Where it had that text before, the rules that changed it since undo each
    /// other's work: gives the pass where that began, and their names.
    fn advance(
        &mut self,
        pass: usize,
        file: FileId,
        next: Next,
        rules: BTreeSet<&'static str>,
    ) -> Option<(usize, BTreeSet<&'static str>)> {
        let tracked = &mut self.tracked[file.0 as usize];
        let before = tracked.now.text.clone();
        tracked.seen.insert(before.clone());
        for edits in next.steps {
            tracked.steps.push(Step { pass, edits, rules: rules.clone(), before: before.clone() });
        }
        tracked.created.extend(next.created);
        tracked.now = tracked.now.with_text(next.text.clone());
        for (document, rendering) in next.renderings {
            self.patches.entry((file, document)).or_default().extend(rendering.patch.0);
        }
        if !tracked.seen.contains(&next.text) {
            return None;
        }
        let since = tracked.steps.iter().position(|step| step.before == next.text).unwrap_or(0);
        let undone = &tracked.steps[since..];
        Some((undone[0].pass, undone.iter().flat_map(|step| step.rules.iter().copied()).collect()))
    }
}

impl Next {
    fn unchanged(file: &SourceFile) -> Next {
        Next { text: file.text.clone(), steps: Vec::new(), renderings: Vec::new(), created: Vec::new() }
    }
}

/// Proves that a text has one more document than before, with this value, and that the others keep theirs. Gives the
/// new one's number.
fn prove_appended(before: &Arc<str>, after: &Arc<str>, value: &Value) -> Result<u32, String> {
    let (old, new) = (yaml::slices(before), yaml::slices(after));
    let Some((last, rest)) = new.split_last() else { return Err("the new document is not there".to_owned()) };
    // A text may end with an empty document, which the new one fills.
    let is_empty = |slice: &Span| {
        matches!(before[slice.range()].trim(), "" | "---") || matches!(yaml::parse(before, *slice), Ok(None))
    };
    let kept = match old.split_last() {
        Some((end, earlier)) if rest.len() == earlier.len() && is_empty(end) => earlier,
        _ => &old[..],
    };
    if kept.len() != rest.len() {
        return Err("the number of documents is not as it was meant".to_owned());
    }
    for (old, new) in kept.iter().zip(rest) {
        let (old_text, new_text) = (&before[old.range()], &after[new.range()]);
        // The last one may get the line break that it lacked.
        let is_same = new_text.strip_prefix(old_text).is_some_and(|more| more.trim_matches(['\r', '\n']).is_empty());
        let value = |text: &Arc<str>, slice: Span| yaml::value(&yaml::parse(text, slice).ok()??).ok();
        let is_worth_parsing = !is_same || old_text.len() != new_text.len();
        if is_worth_parsing && (value(before, *old) != value(after, *new) || !is_same && value(before, *old).is_none())
        {
            return Err("another document of the file would change".to_owned());
        }
    }
    yaml::prove_new(after, *last, value).map_err(|disproof| disproof.to_string())?;
    Ok((new.len() - 1) as u32)
}

/// Spoils a rendering for the test of the proof.
fn spoil(rendering: &mut Rendering) {
    let first = rendering.edits.edits().first().cloned();
    if let Some(edit) = first {
        let mut edits = EditSet::default();
        let wrong = Edit { new: format!("{}0", edit.new), ..edit };
        if edits.insert(wrong).is_ok() {
            rendering.edits = edits;
        }
    }
}
