//! Prints what came of a run. Only this room and `main` print.

pub mod diff;
pub mod explain;
pub mod json;
pub mod text;

mod escape;

use std::cell::RefCell;
use std::collections::HashMap;

use crate::engine::{Outcome, Reported, Status, secret_lines};
use crate::text::{FileId, Loc, Position, position};

pub(crate) use escape::visible;

/// Positions of findings in the text that is on disk when the command ends.
pub struct View<'a> {
    /// What came of the run.
    pub outcome: &'a Outcome,
    /// True after `--write`: the changed files hold their new text.
    pub written: bool,
    /// Lines that show part of a Secret, of each file that was asked for.
    secret: RefCell<HashMap<FileId, Vec<bool>>>,
}

impl<'a> View<'a> {
    /// A view of what came of a run; `written` where the changed files hold their new text.
    pub fn new(outcome: &'a Outcome, written: bool) -> Self {
        View { outcome, written, secret: RefCell::default() }
    }

    /// True where the place's line also shows part of a Secret. Such a line is never changed.
    pub(crate) fn is_secret(&self, loc: Loc) -> bool {
        let file = &self.outcome.files[loc.file.0 as usize];
        let mut secret = self.secret.borrow_mut();
        let lines = secret.entry(loc.file).or_insert_with(|| secret_lines(file));
        if lines.is_empty() {
            return false;
        }
        let line = position(&file.text, loc.span.start as usize).line;
        lines.get(line - 1).copied().unwrap_or(false)
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
