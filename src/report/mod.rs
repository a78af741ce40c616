//! Prints what came of a run. Only this room and `main` print.

pub mod diff;
pub mod explain;
pub mod json;
pub mod text;

mod escape;

use crate::engine::{Outcome, Reported, Status, secret_lines};
use crate::text::{FileId, Loc, Position, line_at, position};

pub(crate) use escape::visible;

/// Positions of findings in the text that is on disk when the command ends.
pub struct View<'a> {
    /// What came of the run.
    pub outcome: &'a Outcome,
    /// True after `--write`: the changed files hold their new text.
    pub written: bool,
}

impl View<'_> {
    /// True where the place's line also shows part of a Secret. Such a line is never changed.
    pub(crate) fn is_secret(&self, loc: Loc) -> bool {
        let file = &self.outcome.files[loc.file.0 as usize];
        let at = loc.span.start as usize;
        // Only flow style puts two resources on one line, and most files have no Secret.
        let shared = file.text[line_at(&file.text, at).range()].contains(['{', '}']);
        shared
            && memchr::memmem::find(file.text.as_bytes(), b"Secret").is_some()
            && secret_lines(file).get(position(&file.text, at).line - 1).copied().unwrap_or(false)
    }

    /// A file's name.
    pub fn name(&self, file: FileId) -> &str {
        &self.outcome.files[file.0 as usize].name
    }

    /// The text that positions refer to.
    pub fn text(&self, file: FileId) -> &str {
        match self.changed(file) {
            Some(changed) if self.written => &changed.after,
            _ => &self.outcome.files[file.0 as usize].text,
        }
    }

    fn changed(&self, file: FileId) -> Option<&crate::engine::ChangedFile> {
        let changed = &self.outcome.changed;
        changed.binary_search_by_key(&file, |one| one.file).ok().map(|i| &changed[i])
    }

    /// A place in the text that positions refer to.
    pub fn loc(&self, loc: Loc) -> Loc {
        match self.changed(loc.file) {
            Some(changed) if self.written => changed.forward(loc),
            _ => loc,
        }
    }

    /// Line and column of a place.
    pub fn position(&self, loc: Loc) -> Position {
        position(self.text(loc.file), self.loc(loc).span.start as usize)
    }
}

/// How many fixes wait for `--unsafe`.
pub fn held_back(outcome: &Outcome) -> usize {
    outcome.findings.iter().filter(|reported| reported.status == Status::NeedsUnsafe).count()
}

/// How many fixes are part of the changes.
pub fn applied(outcome: &Outcome) -> usize {
    outcome.findings.iter().filter(|reported: &&Reported| reported.status == Status::Applied).count()
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
