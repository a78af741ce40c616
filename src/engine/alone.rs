//! The edits of one fix alone, for programs that offer fixes one by one.

use std::sync::Arc;

use super::admission::by_document;
use super::{Outcome, Reported, Status};
use crate::text::{EditSet, FileId, Span};
use crate::yaml::{self, Document, Plan, Rendering};

impl Outcome {
    /// The edits that make this one fix in the text before the run, file by file; proven as those of a run are.
    ///
    /// `None` where the fix does not stand alone: it is not applied, it builds on the fixes of an earlier pass, it
    /// makes new documents, or what it says of itself can't be proven.
    pub fn alone(&self, reported: &Reported) -> Option<Vec<(FileId, EditSet)>> {
        let change = &reported.finding.fix.as_ref()?.change;
        let is_of_the_input = reported.status == Status::Applied && reported.pass == Some(0);
        if !is_of_the_input || !change.creations.is_empty() {
            return None;
        }
        let mut all: Vec<(FileId, EditSet)> = Vec::new();
        for ((file, document), ops) in by_document(change) {
            let before = self.files.get(file.0 as usize)?.document(document)?;
            let mut plan = Plan::new(before);
            plan.admit(&ops).ok()?;
            let rendering = plan.render().ok()?;
            prove(before, &rendering)?;
            match all.last_mut().filter(|(last, _)| *last == file) {
                Some((_, edits)) => edits.extend(rendering.edits).ok()?,
                None => all.push((file, rendering.edits)),
            }
        }
        all.retain(|(_, edits)| !edits.is_empty());
        if all.is_empty() { None } else { Some(all) }
    }

    /// How many bytes of documents [`Outcome::alone`] would read again for this fix.
    pub fn cost_alone(&self, reported: &Reported) -> usize {
        let Some(fix) = reported.finding.fix.as_ref().filter(|_| reported.pass == Some(0)) else { return 0 };
        let documents = by_document(&fix.change).into_keys();
        let read = documents.filter_map(|(file, document)| self.files.get(file.0 as usize)?.document(document));
        read.map(|document| document.slice().range().len()).sum()
    }
}

/// Proves a rendering on its document alone: a file may have thousands of others.
fn prove(before: &Document, rendering: &Rendering) -> Option<()> {
    let slice = before.slice();
    let text = before.text();
    let mut after = String::new();
    let mut from = slice.start as usize;
    for edit in rendering.edits.edits() {
        if !slice.contains(edit.span) {
            return None;
        }
        after.push_str(&text[from..edit.span.start as usize]);
        after.push_str(&edit.new);
        from = edit.span.end as usize;
    }
    after.push_str(&text[from..slice.end as usize]);
    let after: Arc<str> = after.into();
    if yaml::slices(&after).len() != yaml::slices(&text[slice.range()]).len() {
        return None;
    }
    yaml::prove(before, rendering, &after, Span::new(0, after.len())).ok().map(|_| ())
}
