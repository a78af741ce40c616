//! One pass: admit, render, prove, apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::admission::{Admission, Admitted};
use super::{Run, Step};
use crate::manifest::{SourceFile, State};
use crate::rule::Finding;
use crate::text::{Edit, EditSet, FileId};
use crate::yaml::{self, Rendering};

/// A file as it would be after the pass.
struct Next {
    text: Arc<str>,
    edits: EditSet,
    renderings: Vec<(u32, Rendering)>,
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
        let (plans, admitted) = admission.into_parts();
        if admitted.is_empty() {
            return (findings, false);
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
        for (file, renderings) in renderings {
            match self.prove(file, &files[file.0 as usize], renderings) {
                Ok(proven) => {
                    next.insert(file, proven);
                }
                Err(problem) => {
                    bad.insert(file, problem);
                }
            }
        }
        let kept = self.drop_units(files, &admitted, &bad, &mut findings);
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
        Ok(Next { text, edits, renderings })
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
            self.internal.push(format!("{}: {problem}", files[file.0 as usize].name));
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
        tracked.steps.push(Step { pass, edits: next.edits, rules, before });
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
