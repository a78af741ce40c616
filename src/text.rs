//! Text: byte spans, edits, and sets of edits that cannot disagree.
//!
//! Nothing here knows YAML or Kubernetes. Text is never changed in place: an
//! [`Edit`] describes a change and [`EditSet::apply`] makes a new string.

use std::fmt;

/// A file of the workspace, by its place in the workspace's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one text, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte after the range.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`; both are offsets into a text of less than 4 GiB.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start: offset(start), end: offset(end) }
    }

    /// The empty span at `at`.
    pub fn empty(at: usize) -> Self {
        Span::new(at, at)
    }

    /// The span as a range, to index text with.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// True when the span holds no byte.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// True when `inner` lies within this span.
    pub fn contains(self, inner: Span) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }

    /// True when the two spans share a byte, or one is empty inside the other.
    pub fn overlaps(self, other: Span) -> bool {
        (self.start < other.end && other.start < self.end)
            || (self.is_empty() && other.start < self.start && self.start < other.end)
            || (other.is_empty() && self.start < other.start && other.start < self.end)
    }
}

/// Offsets are `u32` so that trees stay small; no text of 4 GiB is ever read (see `io`).
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A span in a file of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Loc {
    /// The file.
    pub file: FileId,
    /// The bytes in it.
    pub span: Span,
}

/// Line and column, both from 1; columns in characters, as editors count them, unless another [`Unit`] was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// What columns count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Characters; a byte order mark is none.
    Characters,
    /// Code units of UTF-16; a byte order mark is none.
    Utf16,
    /// Bytes of UTF-8; a byte order mark is three of them.
    Bytes,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Finds lines and columns in one text without counting from its start each time.
#[derive(Debug, Default)]
pub struct LineIndex {
    /// Where each line but the first starts.
    starts: Vec<u32>,
    /// The place that was asked for last and its column, in characters and in UTF-16: long lines are walked once.
    last: [std::cell::Cell<(u32, usize)>; 2],
}

impl LineIndex {
    /// Reads where the lines of `text` start.
    pub fn new(text: &str) -> Self {
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| offset(at + 1)).collect();
        LineIndex { starts, last: Default::default() }
    }

    /// The line of byte `at`, from 1.
    pub fn line(&self, at: u32) -> usize {
        self.starts.partition_point(|start| *start <= at) + 1
    }

    /// The line that holds byte `at` of the same text, as [`line_at`] has it.
    pub fn line_span(&self, text: &str, at: u32) -> Span {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).map_or(0, |before| self.starts[before] as usize);
        let end = self.starts.get(line).map_or(text.len(), |next| *next as usize - 1);
        let is_crlf = end > start && text.as_bytes()[end - 1] == b'\r';
        Span::new(start, if is_crlf { end - 1 } else { end })
    }

    /// The line and column of byte `at` of the same text.
    pub fn position(&self, text: &str, at: u32) -> Position {
        self.position_in(Unit::Characters, text, at)
    }

    /// The same with columns in another unit.
    pub fn position_in(&self, unit: Unit, text: &str, at: u32) -> Position {
        let at = at.min(offset(text.len()));
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).map_or(0, |before| self.starts[before]);
        let last = match unit {
            Unit::Characters => &self.last[0],
            Unit::Utf16 => &self.last[1],
            Unit::Bytes => return Position { line: line + 1, column: (at - start) as usize + 1 },
        };
        let (from, columns) = match last.get() {
            (last, columns) if (start..=at).contains(&last) => (last, columns),
            _ => (start, 0),
        };
        let between = String::from_utf8_lossy(&text.as_bytes()[from as usize..at as usize]);
        let between = if from == 0 { between.trim_start_matches('\u{feff}') } else { &between };
        let width = match unit {
            Unit::Utf16 => between.chars().map(char::len_utf16).sum(),
            Unit::Characters | Unit::Bytes => between.chars().count(),
        };
        last.set((at, columns + width));
        Position { line: line + 1, column: columns + width + 1 }
    }
}

/// The line and column of byte `at` of `text`.
pub fn position(text: &str, at: usize) -> Position {
    LineIndex::new(&text[..at.min(text.len())]).position(text, offset(at))
}

/// The bytes of the line that holds `at`, without its line ending.
pub fn line_at(text: &str, at: usize) -> Span {
    let at = at.min(text.len());
    let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |i| i + 1);
    let end = memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |i| at + i);
    let end = if end > start && text.as_bytes()[end - 1] == b'\r' { end - 1 } else { end };
    Span::new(start, end)
}

/// One replacement of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What stands there afterwards.
    pub new: String,
}

impl Edit {
    /// Replaces the bytes from `start` to `end`.
    pub fn replace(start: usize, end: usize, new: impl Into<String>) -> Self {
        Edit { span: Span::new(start, end), new: new.into() }
    }

    /// Inserts at `at`.
    pub fn insert(at: usize, new: impl Into<String>) -> Self {
        Edit::replace(at, at, new)
    }

    /// Deletes the bytes from `start` to `end`.
    pub fn delete(start: usize, end: usize) -> Self {
        Edit::replace(start, end, "")
    }
}

/// Edits of one text: sorted, and no two of them share a byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditSet {
    edits: Vec<Edit>,
}

impl EditSet {
    /// Adds an edit, or hands it back if it meets one already there.
    /// The very same replacement twice is one edit; insertions at one place keep their order.
    pub fn insert(&mut self, edit: Edit) -> Result<(), Edit> {
        let at =
            self.edits.partition_point(|have| (have.span.start, have.span.end) <= (edit.span.start, edit.span.end));
        if at > 0 && self.edits[at - 1] == edit && !edit.span.is_empty() {
            return Ok(());
        }
        let meets = |have: &Edit| have.span.overlaps(edit.span) || (have.span == edit.span && !edit.span.is_empty());
        if self.edits[..at].last().is_some_and(meets) || self.edits[at..].first().is_some_and(meets) {
            return Err(edit);
        }
        self.edits.insert(at, edit);
        Ok(())
    }

    /// Adds every edit of `other`, which belongs to the same text.
    pub fn extend(&mut self, other: EditSet) -> Result<(), Edit> {
        other.edits.into_iter().try_for_each(|edit| self.insert(edit))
    }

    /// The edits, first to last.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// True when nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The text with all edits done.
    pub fn apply(&self, text: &str) -> String {
        let grown: usize = self.edits.iter().map(|edit| edit.new.len()).sum();
        let mut out = String::with_capacity(text.len() + grown);
        let mut from = 0;
        for edit in &self.edits {
            out.push_str(&text[from..edit.span.start as usize]);
            out.push_str(&edit.new);
            from = edit.span.end as usize;
        }
        out.push_str(&text[from..]);
        out
    }

    /// Where byte `at` of the old text stands in the new one.
    /// A byte that was replaced moves to the start of its replacement.
    pub fn map_forward(&self, at: u32) -> u32 {
        let mut shift = 0i64;
        for edit in &self.edits {
            if edit.span.end <= at && (edit.span.start < at || edit.span.is_empty()) {
                shift += edit.new.len() as i64 - i64::from(edit.span.end - edit.span.start);
            } else if edit.span.start <= at && at < edit.span.end {
                return to_offset(i64::from(edit.span.start) + shift);
            } else {
                break;
            }
        }
        to_offset(i64::from(at) + shift)
    }

    /// Where byte `at` of the new text came from in the old one.
    /// A byte that is new comes from the start of what it replaced.
    pub fn map_back(&self, at: u32) -> u32 {
        let mut shift = 0i64;
        for edit in &self.edits {
            let new_start = i64::from(edit.span.start) + shift;
            let new_end = new_start + edit.new.len() as i64;
            if i64::from(at) < new_start {
                break;
            }
            if i64::from(at) < new_end {
                return edit.span.start;
            }
            shift += edit.new.len() as i64 - i64::from(edit.span.end - edit.span.start);
        }
        to_offset(i64::from(at) - shift)
    }
}

fn to_offset(at: i64) -> u32 {
    u32::try_from(at.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(edits: &[(usize, usize, &str)]) -> EditSet {
        let mut set = EditSet::default();
        for (start, end, new) in edits {
            set.insert(Edit::replace(*start, *end, *new)).expect("disjoint");
        }
        set
    }

    #[test]
    fn edits_that_share_a_byte_are_handed_back() {
        let mut edits = set(&[(2, 5, "x")]);
        assert!(edits.insert(Edit::replace(4, 6, "y")).is_err());
        assert!(edits.insert(Edit::insert(3, "y")).is_err());
        assert!(edits.insert(Edit::insert(2, "y")).is_ok());
        assert!(edits.insert(Edit::insert(5, "z")).is_ok());
        assert!(edits.insert(Edit::replace(2, 5, "x")).is_ok());
        assert_eq!(edits.apply("0123456"), "01yxz56");
    }

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        assert_eq!(set(&[(1, 1, "a"), (1, 1, "b"), (1, 1, "a")]).apply("xy"), "xabay");
    }

    #[test]
    fn offsets_map_both_ways() {
        let edits = set(&[(0, 1, ""), (3, 3, "abc"), (5, 7, "z")]);
        let (old, new) = ("0123456789", edits.apply("0123456789"));
        assert_eq!(new, "12abc34z789");
        for (at, byte) in old.bytes().enumerate().filter(|(at, _)| ![0, 5, 6].contains(at)) {
            let there = edits.map_forward(at as u32) as usize;
            assert_eq!(new.as_bytes()[there], byte, "{at}");
            assert_eq!(edits.map_back(there as u32) as usize, at);
        }
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("a\nhé llo", 6), Position { line: 2, column: 4 });
        assert_eq!(position("\u{feff}a: 1", 3), Position { line: 1, column: 1 });
    }

    #[test]
    fn an_index_knows_the_same_lines() {
        let text = "a\r\n\r\nb\nc\r";
        let lines = LineIndex::new(text);
        for at in 0..=text.len() {
            assert_eq!(lines.line_span(text, at as u32), line_at(text, at), "{at}");
        }
    }

    #[test]
    fn columns_count_in_any_unit() {
        let text = "\u{feff}\u{1f980}é: x\r\n\té\u{1f980}y";
        let lines = LineIndex::new(text);
        let columns = |at: usize| {
            [Unit::Characters, Unit::Utf16, Unit::Bytes].map(|unit| lines.position_in(unit, text, at as u32).column)
        };
        for (found, expected) in [("é: x", [2, 3, 8]), (": x", [3, 4, 10]), ("\r", [6, 7, 13]), ("y", [4, 5, 8])] {
            let at = text.find(found).expect("there");
            assert_eq!((columns(at), columns(at)), (expected, expected), "{found:?}, asked twice");
        }
        assert_eq!(columns(text.find('é').expect("there")), [2, 3, 8], "asked backwards");
    }
}
