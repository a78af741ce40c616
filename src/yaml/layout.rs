//! Where things stand: lines, columns, colons, dashes and comments around the nodes of a document.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::emit::{Quotes, Style};
use super::tree::{Document, Kind, NONE};
use crate::text::Span;

/// The end of a line of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineEnd {
    /// After the content and the comment behind it.
    pub(super) content: usize,
    /// After the line break; equal to `content` at the end of the text.
    pub(super) next_line: usize,
}

/// Geometry of one document's text.
#[derive(Clone)]
pub(super) struct Layout<'a> {
    pub(super) doc: &'a Document,
    pub(super) json: bool,
    /// New sequences are indented below their key, whatever their neighbours do.
    pub(super) indents_sequences: bool,
    habits: Arc<OnceLock<Habits>>,
}

/// How a document indents, seen once for all places where new text may need an example.
#[derive(Default)]
struct Habits {
    /// Block mappings with a block mapping as value: columns from one to the other.
    steps: HashMap<u32, usize>,
    /// Block mappings with a block sequence as value: columns from the key to the dashes.
    dashes: HashMap<u32, usize>,
    /// Every block sequence that is a value, with the same.
    sequences: Vec<(u32, usize)>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(doc: &'a Document) -> Self {
        Layout { doc, json: is_json(doc), indents_sequences: false, habits: Arc::default() }
    }

    pub(super) fn text(&self) -> &'a str {
        &self.doc.text
    }

    fn bytes(&self) -> &'a [u8] {
        self.doc.text.as_bytes()
    }

    /// Start of the line that holds `at`.
    pub(super) fn line_start(&self, at: usize) -> usize {
        let floor = self.doc.slice.start as usize;
        memchr::memrchr(b'\n', &self.bytes()[floor..at]).map_or(floor, |i| floor + i + 1)
    }

    /// What stands in front of `at` on its line.
    pub(super) fn lead(&self, at: usize) -> &'a str {
        &self.text()[self.line_start(at)..at]
    }

    /// Column of `at` in characters, from 0.
    pub(super) fn column(&self, at: usize) -> usize {
        self.lead(at).chars().count()
    }

    /// True when only blanks stand in front of `at` on its line.
    pub(super) fn is_first_on_line(&self, at: usize) -> bool {
        let before = self.before_blanks(at);
        before == self.doc.slice.start as usize || self.bytes()[before - 1] == b'\n'
    }

    /// Where the blanks start that stand in front of `at`.
    fn before_blanks(&self, at: usize) -> usize {
        let floor = self.doc.slice.start as usize;
        let blanks = self.bytes()[floor..at].iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        at - blanks
    }

    /// The line ending used where `at` stands; that of the document's first line for its last line.
    pub(super) fn line_ending(&self, at: usize) -> &'static str {
        let bytes = self.bytes();
        let next = memchr::memchr(b'\n', &bytes[at..]).map(|i| at + i);
        let near = next.or_else(|| memchr::memrchr(b'\n', &bytes[..at]));
        match near {
            Some(i) if i > 0 && bytes[i - 1] == b'\r' => "\r\n",
            _ => "\n",
        }
    }

    /// The comment that starts at `at`.
    pub(super) fn comment_at(&self, at: usize) -> Option<Span> {
        let comments = &self.doc.comments;
        comments.binary_search_by_key(&(at as u32), |span| span.start).ok().map(|i| comments[i])
    }

    /// The first byte at or after `at` that is no blank, line break or comment.
    pub(super) fn skip_trivia(&self, mut at: usize) -> usize {
        let bytes = self.bytes();
        while at < self.doc.slice.end as usize {
            match bytes[at] {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                b'#' => match self.comment_at(at) {
                    Some(comment) => at = comment.end as usize,
                    None => return at,
                },
                _ => return at,
            }
        }
        at
    }

    /// The first byte at or after `at` that is no blank.
    pub(super) fn skip_blanks(&self, mut at: usize) -> usize {
        let bytes = self.bytes();
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    /// Where the line ends that has content up to `at`; `None` when more content follows on it.
    pub(super) fn line_end(&self, at: usize) -> Option<LineEnd> {
        let bytes = self.bytes();
        let mut end = self.skip_blanks(at);
        let mut content = at;
        if let Some(comment) = self.comment_at(end) {
            end = comment.end as usize;
            content = end;
        }
        match (bytes.get(end), bytes.get(end + 1)) {
            (None, _) => Some(LineEnd { content: end, next_line: end }),
            (Some(b'\n'), _) => Some(LineEnd { content, next_line: end + 1 }),
            (Some(b'\r'), Some(b'\n')) => Some(LineEnd { content, next_line: end + 2 }),
            _ => None,
        }
    }

    /// The `:` between a key and its value; `None` for a flow key without one.
    pub(super) fn colon(&self, key: u32) -> Option<usize> {
        let at = self.skip_trivia(self.doc.raw(key).span.end as usize);
        (self.bytes().get(at) == Some(&b':')).then_some(at)
    }

    /// The `-` of a block sequence item.
    pub(super) fn dash(&self, sequence: u32, item: u32) -> Option<usize> {
        let start = self.doc.raw(sequence).span.start as usize;
        let from = self.doc.previous(item).map_or(start, |previous| self.end(previous));
        let at = self.skip_trivia(from);
        (self.bytes().get(at) == Some(&b'-')).then_some(at)
    }

    /// End of the content of a node, its anchor and tag included.
    pub(super) fn end(&self, node: u32) -> usize {
        let end = self.doc.raw(node).span.end;
        self.doc.props_of(node).map_or(end, |props| props.end().max(end)) as usize
    }

    /// End of a mapping entry: of its value, or of its `:` when the value is empty.
    pub(super) fn entry_end(&self, key: u32, value: u32) -> usize {
        let colon = if self.doc.raw(value).kind == Kind::Empty { self.colon(key).map_or(0, |at| at + 1) } else { 0 };
        self.end(value).max(self.end(key)).max(colon)
    }

    /// Where a mapping entry starts: at its `?`, or with the key's anchor or tag, or with the key.
    pub(super) fn entry_start(&self, key: u32) -> usize {
        let start = self.doc.full_start(key) as usize;
        let before = self.before_blanks(start);
        let bytes = &self.bytes()[self.doc.slice.start as usize..before];
        let explicit = before < start
            && bytes.last() == Some(&b'?')
            && bytes
                .get(bytes.len().wrapping_sub(2))
                .is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'[' | b','))
            && self.doc.raw(key).is_key;
        if explicit { before - 1 } else { start }
    }

    /// Number of ancestors.
    pub(super) fn depth(&self, node: u32) -> usize {
        self.ancestors(node).count()
    }

    /// True when `node` stands inside a flow collection.
    pub(super) fn in_flow(&self, node: u32) -> bool {
        let mut at = self.doc.raw(node).parent;
        while at != NONE {
            if self.doc.raw(at).kind.is_flow() {
                return true;
            }
            at = self.doc.raw(at).parent;
        }
        false
    }

    /// The style for new block text under `near`: indentation steps and dash columns as its neighbours have them.
    pub(super) fn style(&self, near: u32) -> Style {
        let style = Style { json: self.json, step: self.step(near), dash: self.dash_offset(near), ..Style::default() };
        let start = self.doc.key_of(near).map_or(self.doc.raw(near).span.start as usize, |key| self.entry_start(key));
        self.style_before(style, self.end(near), self.column(start))
    }

    /// `style` for text in `column` or deeper behind the line of `end`: whether block scalars can stand there.
    pub(super) fn style_before(&self, style: Style, end: usize, column: usize) -> Style {
        let bytes = self.bytes();
        let Some(line_end) = memchr::memchr(b'\n', &bytes[end..]).map(|i| end + i + 1) else {
            return Style { broken: false, ..style };
        };
        let blanks = bytes[line_end..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        let next = line_end + blanks;
        let literals = bytes.get(next) != Some(&b'#') || self.column(next) <= column;
        Style { literals, broken: true, ..style }
    }

    /// The quotes that all items of a sequence have.
    pub(super) fn item_quotes(&self, sequence: u32) -> Option<Quotes> {
        let mut kinds = self.doc.children(sequence).map(|item| self.doc.raw(item).kind);
        let first = kinds.next()?;
        let quotes = match first {
            Kind::SingleQuoted => Quotes::Single,
            Kind::DoubleQuoted => Quotes::Double,
            _ => return None,
        };
        kinds.all(|kind| kind == first).then_some(quotes)
    }

    fn habits(&self) -> &Habits {
        self.habits.get_or_init(|| {
            let doc = self.doc;
            let mut habits = Habits::default();
            for node in 0..doc.nodes.len() as u32 {
                let raw = doc.raw(node);
                if !matches!(raw.kind, Kind::BlockMapping | Kind::BlockSequence) {
                    continue;
                }
                let Some(key) = doc.key_of(node) else { continue };
                let offset = self.column(raw.span.start as usize).checked_sub(self.column(self.entry_start(key)));
                let Some(offset) = offset else { continue };
                if raw.kind == Kind::BlockSequence {
                    habits.dashes.insert(raw.parent, offset);
                    habits.sequences.push((node, offset));
                } else if (1..=8).contains(&offset) {
                    habits.steps.entry(raw.parent).or_insert(offset);
                }
            }
            habits
        })
    }

    fn ancestors(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(node), |at| Some(self.doc.raw(*at).parent).filter(|parent| *parent != NONE))
    }

    /// Columns between a block mapping and the mappings below it, from the nearest example above `near`.
    fn step(&self, near: u32) -> usize {
        let habits = self.habits();
        let known = |at: u32| {
            let parent = self.doc.raw(at).parent;
            habits.steps.get(&at).or_else(|| habits.steps.get(&parent)).copied()
        };
        self.ancestors(near).find_map(known).unwrap_or(2)
    }

    /// Columns between a key and the dashes of its block sequence, from the sequence nearest to `near`:
    /// under the same parents first, then anywhere in the document; else none, as kubectl prints.
    fn dash_offset(&self, near: u32) -> usize {
        if self.indents_sequences {
            return self.step(near);
        }
        let habits = self.habits();
        if let Some(offset) = self.ancestors(near).find_map(|at| habits.dashes.get(&at)) {
            return *offset;
        }
        let after = habits.sequences.partition_point(|(node, _)| *node < near);
        let around = habits.sequences[..after].last().into_iter().chain(habits.sequences.get(after));
        around.min_by_key(|(node, _)| node.abs_diff(near)).map_or(0, |(_, offset)| *offset)
    }

    /// The comment lines directly above the line of `at` that belong to what starts there: same column,
    /// no blank line between, no machine-read marker. Gives the start of the first such line.
    pub(super) fn owned_comments_start(&self, at: usize) -> usize {
        let column = self.column(at);
        let floor = self.doc.slice.start as usize;
        let mut start = self.line_start(at);
        while start > floor {
            let above = self.line_start(start - 1);
            let line = &self.text()[above..start];
            let body = line.trim_start_matches([' ', '\t']);
            let comment_start = above + (line.len() - body.len());
            let owned = body.starts_with('#')
                && self.comment_at(comment_start).is_some()
                && self.column(comment_start) == column
                && !is_marker(body);
            if !owned {
                break;
            }
            start = above;
        }
        start
    }
}

/// Comments that programs read and that belong to a file or to another node.
fn is_marker(comment: &str) -> bool {
    let body = comment.trim_start_matches('#').trim();
    body.starts_with("yaml-language-server")
        || body.starts_with("kpt-set:")
        || body.starts_with("{\"$")
        || body.starts_with("Source:")
        || body.starts_with("SPDX-")
        || body.starts_with("Copyright")
}

/// True for a document in JSON syntax: new text in it must be JSON too.
fn is_json(doc: &Document) -> bool {
    doc.raw(0).kind.is_flow()
        && doc.comments.is_empty()
        && doc.props.is_empty()
        && (0..doc.nodes.len() as u32).all(|node| match doc.raw(node).kind {
            Kind::DoubleQuoted | Kind::FlowMapping | Kind::FlowSequence => true,
            Kind::Plain => {
                let text = &doc.text[doc.raw(node).span.range()];
                matches!(text, "true" | "false" | "null") || text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            }
            _ => false,
        })
}
