//! Prints what came of a run. Only this room and `main` print.

pub mod consequences;
pub mod diff;
pub mod explain;
pub mod github;
pub mod gitlab;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod prose;
pub mod rdjson;
pub mod readiness;
pub mod results;
pub mod sarif;
pub mod text;

mod escape;
mod spot;
mod suggestion;
mod words;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::engine::{Outcome, Reported, Status, secret_lines};
use crate::manifest::Origin;
use crate::text::{FileId, LineIndex, Loc, Position, Span};

pub(crate) use escape::visible;

/// Positions of findings in the text that is on disk when the command ends.
pub struct View<'a> {
    /// What came of the run.
    pub outcome: &'a Outcome,
    /// True after `--write`: the changed files hold their new text.
    pub written: bool,
    /// Lines of the files that were asked for.
    lines: RefCell<HashMap<FileId, Rc<FileLines>>>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file's name. For what came in a stream the one that the resource comes from, where the stream says so.
    pub file: Cow<'a, str>,
    /// True where `file` is what a stream says, and `at` counts in the stream.
    pub is_origin: bool,
    /// Line and column in the file, or in the stream.
    pub at: Position,
}

impl Place<'_> {
    /// The line in the file; `None` where only the stream's is known.
    pub fn line(&self) -> Option<usize> {
        (!self.is_origin).then_some(self.at.line)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = visible(&self.file);
        if self.is_origin {
            write!(f, "{file} (line {} of the stream)", self.at.line)
        } else {
            write!(f, "{file}:{}", self.at)
        }
    }
}

/// What is known of the lines of a file.
struct FileLines {
    index: LineIndex,
    /// Whether each line of the text before shows part of a Secret; empty where the file has none.
    secret: Vec<bool>,
    /// Lines of the text before.
    before: LineIndex,
    /// Where the resources of a stream come from, by their places in the text before.
    origins: Vec<(Span, Origin)>,
}

impl<'a> View<'a> {
    /// A view of what came of a run; `written` after `--write`.
    pub fn new(outcome: &'a Outcome, written: bool) -> Self {
        View { outcome, written, lines: RefCell::default() }
    }

    fn lines(&self, file: FileId) -> Rc<FileLines> {
        let make = || {
            let source = &self.outcome.files[file.0 as usize];
            let has_secret = memchr::memmem::find(source.text.as_bytes(), b"Secret").is_some();
            let secret = if has_secret { secret_lines(source) } else { Vec::new() };
            let before = LineIndex::new(if secret.is_empty() { "" } else { &source.text });
            Rc::new(FileLines { index: LineIndex::new(self.text(file)), secret, before, origins: source.origins() })
        };
        self.lines.borrow_mut().entry(file).or_insert_with(make).clone()
    }

    /// True where the place's line also shows part of a Secret. Such a line is never changed.
    pub(crate) fn is_secret(&self, loc: Loc) -> bool {
        self.touches_secret(Loc { span: Span { end: loc.span.start, ..loc.span }, ..loc })
    }

    /// True where one of the place's lines, in the text before the run, also shows part of a Secret.
    fn touches_secret(&self, loc: Loc) -> bool {
        let lines = self.lines(loc.file);
        let line = |at: u32| (lines.before.line(at) - 1).min(lines.secret.len());
        lines.secret.get(line(loc.span.start)..).is_some_and(|rest| {
            let count = line(loc.span.end) - line(loc.span.start) + 1;
            rest.iter().take(count).any(|is_secret| *is_secret)
        })
    }

    /// Where a place is, for people and programs.
    pub fn place(&self, loc: Loc) -> Place<'_> {
        let origin = self.origin(loc);
        let is_origin = origin.is_some();
        let file = origin.map_or_else(|| Cow::Borrowed(self.name(loc.file)), |origin| Cow::Owned(origin.path));
        Place { file, is_origin, at: self.position(loc) }
    }

    /// The file that a resource comes from that came in a stream.
    pub(crate) fn origin(&self, loc: Loc) -> Option<Origin> {
        let lines = self.lines(loc.file);
        let after = lines.origins.partition_point(|(span, _)| span.start <= loc.span.start);
        let (span, origin) = &lines.origins[after.checked_sub(1)?];
        span.contains(Span::empty(loc.span.start as usize)).then(|| origin.clone())
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
        self.lines(loc.file).index.position(self.text(loc.file), self.loc(loc).span.start)
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
