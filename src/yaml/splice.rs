//! Text inside scalars: from the bytes of a value to the bytes that wrote them, and YAML inside strings.

use std::ops::Range;

use super::plan::{NodeRef, Op, Plan, Refusal};
use super::scalar::{Place, double_quoted, is_safe_plain, stays_safe_plain};
use super::tree::{Document, Kind, Node, Via};
use crate::text::{Edit, Span};

/// How a stretch of a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// Byte for byte.
    Verbatim,
    /// By an escape, as a whole.
    Escape,
    /// By a line break that is folded away.
    Fold,
}

/// A stretch of a scalar's value and the bytes that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The stretch in the value.
    pub value: Range<usize>,
    /// The bytes in the text.
    pub source: Range<usize>,
    /// How it is written.
    pub kind: SegmentKind,
}

/// The segments of a scalar, first to last; `None` for folded block scalars and unusual layouts.
pub(super) fn segments(doc: &Document, node: u32) -> Option<Vec<Segment>> {
    let raw = doc.raw(node);
    let mut builder = Builder { text: &doc.text, value: String::new(), segments: Vec::new() };
    let range = raw.span.range();
    match raw.kind {
        Kind::Plain => builder.flow(range, 0),
        Kind::SingleQuoted => builder.flow(range.start + 1..range.end - 1, b'\''),
        Kind::DoubleQuoted => builder.flow(range.start + 1..range.end - 1, b'"'),
        Kind::Literal => builder.literal(range),
        _ => return None,
    }
    // The parser's own value is the measure: whatever this map does not explain is left alone.
    (builder.value == doc.decoded(node)).then_some(builder.segments)
}

struct Builder<'a> {
    text: &'a str,
    value: String,
    segments: Vec<Segment>,
}

impl Builder<'_> {
    fn add(&mut self, value: &str, source: Range<usize>, kind: SegmentKind) {
        let start = self.value.len();
        self.value.push_str(value);
        let end = self.value.len();
        if let Some(last) = self.segments.last_mut()
            && kind == SegmentKind::Verbatim
            && last.kind == kind
            && last.source.end == source.start
        {
            last.value.end = end;
            last.source.end = source.end;
            return;
        }
        self.segments.push(Segment { value: start..end, source, kind });
    }

    /// Plain and quoted scalars: escapes, and line breaks that are folded.
    fn flow(&mut self, range: Range<usize>, quote: u8) {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = range.start;
        while at < range.end {
            match bytes[at] {
                b'\'' if quote == b'\'' => {
                    self.add("'", at..at + 2, SegmentKind::Escape);
                    at += 2;
                }
                b'\\' if quote == b'"' => at = self.escape(at, range.end),
                b' ' | b'\t' | b'\r' | b'\n' => {
                    let blanks = &text[at..range.end];
                    let end = at + (blanks.len() - blanks.trim_start_matches([' ', '\t', '\r', '\n']).len());
                    let breaks = memchr::memchr_iter(b'\n', &bytes[at..end]).count();
                    match breaks {
                        0 => self.add(&text[at..end], at..end, SegmentKind::Verbatim),
                        1 => self.add(" ", at..end, SegmentKind::Fold),
                        more => self.add(&"\n".repeat(more - 1), at..end, SegmentKind::Fold),
                    }
                    at = end;
                }
                _ => {
                    let stop = bytes[at + 1..range.end]
                        .iter()
                        .position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'\'' | b'\\'))
                        .map_or(range.end, |i| at + 1 + i);
                    self.add(&text[at..stop], at..stop, SegmentKind::Verbatim);
                    at = stop;
                    // A quote or backslash that means nothing in this kind of scalar.
                    let means_nothing = match bytes.get(at) {
                        Some(b'\'') => quote != b'\'',
                        Some(b'\\') => quote != b'"',
                        _ => false,
                    };
                    if at < range.end && means_nothing {
                        self.add(&text[at..at + 1], at..at + 1, SegmentKind::Verbatim);
                        at += 1;
                    }
                }
            }
        }
    }

    fn escape(&mut self, at: usize, end: usize) -> usize {
        let text = self.text;
        let Some(code) = text[at + 1..end].chars().next() else { return end };
        let hex = |length: usize| {
            let digits = text.get(at + 2..at + 2 + length)?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        };
        let (decoded, length) = match code {
            '0' => (Some('\0'), 2),
            'a' => (Some('\u{7}'), 2),
            'b' => (Some('\u{8}'), 2),
            't' | '\t' => (Some('\t'), 2),
            'n' => (Some('\n'), 2),
            'v' => (Some('\u{b}'), 2),
            'f' => (Some('\u{c}'), 2),
            'r' => (Some('\r'), 2),
            'e' => (Some('\u{1b}'), 2),
            'N' => (Some('\u{85}'), 2),
            '_' => (Some('\u{a0}'), 2),
            'L' => (Some('\u{2028}'), 2),
            'P' => (Some('\u{2029}'), 2),
            'x' => (hex(2), 4),
            'u' => (hex(4), 6),
            'U' => (hex(8), 10),
            '\n' | '\r' => {
                let rest = &text[at + 1..end];
                let length = 1 + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
                self.add("", at..at + length, SegmentKind::Fold);
                return at + length;
            }
            other => (Some(other), 1 + other.len_utf8()),
        };
        match decoded {
            Some(decoded) => self.add(decoded.encode_utf8(&mut [0; 4]), at..at + length, SegmentKind::Escape),
            None => self.add("\u{fffd}", at..at + length, SegmentKind::Escape),
        }
        at + length
    }

    /// Literal block scalars: lines without their indentation, line breaks as they are.
    fn literal(&mut self, range: Range<usize>) {
        let text = self.text;
        let Some(body) = memchr::memchr(b'\n', &text.as_bytes()[range.start..range.end]).map(|i| range.start + i + 1)
        else {
            return;
        };
        let header: String = text[range.start..body].chars().take_while(|c| "|+-0123456789".contains(*c)).collect();
        let indent = text[body..range.end]
            .lines()
            .find(|line| !line.trim_matches(' ').is_empty())
            .map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
        if header.contains(|c: char| c.is_ascii_digit()) {
            return;
        }
        let mut at = body;
        while at <= range.end {
            let end = memchr::memchr(b'\n', &text.as_bytes()[at..range.end]).map_or(range.end, |i| at + i);
            let content_end = if end > at && text.as_bytes()[end - 1] == b'\r' { end - 1 } else { end };
            let line = &text[at..content_end];
            let start = at + indent.min(line.len() - line.trim_start_matches(' ').len());
            self.add(&text[start..content_end], start..content_end, SegmentKind::Verbatim);
            if end == range.end {
                break;
            }
            let kind = if content_end == end { SegmentKind::Verbatim } else { SegmentKind::Escape };
            self.add("\n", content_end..end + 1, kind);
            at = end + 1;
        }
        // The last line's break lies outside the span and is part of the value unless it is chomped.
        if !header.contains('-') {
            let rest = &text[range.end..];
            if rest.starts_with("\r\n") {
                self.add("\n", range.end..range.end + 2, SegmentKind::Escape);
            } else if rest.starts_with('\n') {
                self.add("\n", range.end..range.end + 1, SegmentKind::Verbatim);
            }
        }
    }
}

/// A value with ranges replaced.
pub(super) fn spliced(value: &str, splices: &[(Range<usize>, String)]) -> String {
    let mut sorted: Vec<_> = splices.iter().collect();
    sorted.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    sorted.into_iter().fold(value.to_owned(), |mut value, (range, text)| {
        value.replace_range(range.clone(), text);
        value
    })
}

/// Whether [`edit`] can replace `range`.
pub(super) fn check(doc: &Document, node: u32, range: Range<usize>, text: &str) -> Result<(), Refusal> {
    edit(doc, node, range, text).map(|_| ())
}

/// The edit of the document's text that replaces `range` of a string's value by `new`.
pub(super) fn edit(doc: &Document, node: u32, range: Range<usize>, new: &str) -> Result<Edit, Refusal> {
    let raw = doc.raw(node);
    let refuse = |why| Refusal::Embedded { why, at: raw.span };
    if raw.kind == Kind::Folded {
        return Err(refuse("in a folded block scalar (`>`)"));
    }
    let segments = segments(doc, node).ok_or_else(|| refuse("written in an unusual way"))?;
    if raw.kind == Kind::Literal {
        return literal_edit(doc, node, &segments, range, new).map_err(refuse);
    }
    let start = source_of(&segments, range.start, true).ok_or_else(|| refuse("part of an escape"))?;
    let end = if range.is_empty() { Some(start) } else { source_of(&segments, range.end, false) };
    let end = end.ok_or_else(|| refuse("part of an escape"))?;
    let folded = segments
        .iter()
        .any(|segment| segment.kind == SegmentKind::Fold && segment.source.start < end && start < segment.source.end);
    if folded || end < start {
        return Err(refuse("split over several lines"));
    }
    let encoded = match raw.kind {
        Kind::DoubleQuoted => {
            let quoted = double_quoted(new);
            quoted[1..quoted.len() - 1].to_owned()
        }
        Kind::SingleQuoted => {
            let quoted =
                super::scalar::single_quoted(new).ok_or_else(|| refuse("in single quotes, which have no escapes"))?;
            quoted[1..quoted.len() - 1].to_owned()
        }
        _ => {
            let whole = spliced(doc.decoded(node), &[(range.clone(), new.to_owned())]);
            let flow =
                std::iter::successors(Some(raw.parent), |at| (*at != super::tree::NONE).then(|| doc.raw(*at).parent))
                    .any(|at| at != super::tree::NONE && doc.raw(at).kind.is_flow());
            let place = if flow { Place::Flow } else { Place::Block };
            if !(is_safe_plain(&whole, place) || range.start >= 3 && stays_safe_plain(&whole, place)) {
                return Err(refuse("without quotes, which the new text would need"));
            }
            new.to_owned()
        }
    };
    Ok(Edit::replace(start, end, encoded))
}

/// The edit of a literal block scalar. Whole lines of the value are whole lines of the text; other ranges
/// stand between the indentation of their lines.
fn literal_edit(
    doc: &Document,
    node: u32,
    segments: &[Segment],
    range: Range<usize>,
    new: &str,
) -> Result<Edit, &'static str> {
    if new.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{feff}')) {
        return Err("in a block scalar, which has no escapes");
    }
    let value = doc.decoded(node);
    let starts_line = |at: usize| at == 0 || value.as_bytes()[at - 1] == b'\n';
    let body_end = value.trim_end_matches('\n').len();
    let mut after = value.to_owned();
    after.replace_range(range.clone(), new);
    // Blank lines at the start have no indentation.
    let content = value.len() - value.trim_start_matches('\n').len();
    // Its first line tells the scalar's indentation, and its last ones what is chomped.
    if range.start <= content && after.starts_with([' ', '\t', '\n']) {
        return Err("at the start of a block scalar, which can't start with a blank");
    }
    let breaks = |text: &str| text.len() - text.trim_end_matches('\n').len();
    if range.end >= body_end
        && (after.trim_end_matches('\n').ends_with([' ', '\t', '\n']) || breaks(&after) != breaks(value))
        || after.trim().is_empty()
    {
        return Err("at the end of a block scalar, which would need another header");
    }
    let text = &doc.text;
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
    let first = source_of(segments, content, true).ok_or("written in an unusual way")?;
    let indent = &text[line_start(first)..first];
    let ending = if text[..line_start(first)].ends_with("\r\n") { "\r\n" } else { "\n" };
    let whole_lines = starts_line(range.start)
        && (range.is_empty() || starts_line(range.end))
        && (new.is_empty() || new.ends_with('\n'))
        && value.ends_with('\n');
    // Behind the last line break there is no line to be indented.
    let at = |at: usize, start: bool| {
        let there = source_of(segments, at, start || starts_line(at) && at < value.len())?;
        Some(if whole_lines && at < value.len() { line_start(there) } else { there })
    };
    let start = at(range.start, true).ok_or("part of an escape")?;
    let end = if range.is_empty() { start } else { at(range.end, false).ok_or("part of an escape")? };
    if end < start {
        return Err("written in an unusual way");
    }
    let mut encoded = String::new();
    for (i, line) in new.split('\n').enumerate() {
        if i > 0 {
            encoded.push_str(ending);
        }
        if !line.is_empty() && (i > 0 || whole_lines) {
            encoded.push_str(indent);
        }
        encoded.push_str(line);
    }
    // The text that follows the last new line break continues a line of its own.
    if !whole_lines && new.ends_with('\n') {
        encoded.push_str(indent);
    }
    Ok(Edit::replace(start, end, encoded))
}

/// Where byte `at` of the value is written; `None` inside an escape or fold.
fn source_of(segments: &[Segment], at: usize, starts: bool) -> Option<usize> {
    let whole = |segment: &&Segment| if starts { segment.value.start == at } else { segment.value.end == at };
    if let Some(segment) = segments.iter().filter(|segment| !segment.value.is_empty()).find(whole) {
        return Some(if starts { segment.source.start } else { segment.source.end });
    }
    let inside = |segment: &&Segment| {
        segment.kind == SegmentKind::Verbatim && segment.value.start <= at && at <= segment.value.end
    };
    if let Some(segment) = segments.iter().find(inside) {
        return Some(segment.source.start + (at - segment.value.start));
    }
    // Behind the last byte.
    segments.last().filter(|last| last.value.end == at).map(|last| last.source.end)
}

/// A string's value read as a YAML document of its own.
#[derive(Debug, Clone)]
pub struct Embedded {
    outer: NodeRef,
    document: Document,
}

impl Node<'_> {
    /// Reads a string's value as a YAML document; `None` when it is not one.
    pub fn embedded(self) -> Option<Embedded> {
        let document = super::parse_text(self.as_str()?).ok()??;
        Some(Embedded { outer: self.into(), document })
    }

    /// The map from the scalar's value to its text; see [`Segment`].
    pub fn segments(self) -> Option<Vec<Segment>> {
        if self.via() != Via::Here { None } else { segments(self.document(), self.id()) }
    }

    /// The bytes of the text that wrote `range` of a scalar's value, where that is one stretch.
    pub fn source_span(self, range: Range<usize>) -> Option<Span> {
        let segments = self.segments()?;
        Some(Span::new(source_of(&segments, range.start, true)?, source_of(&segments, range.end, false)?))
    }
}

impl Embedded {
    /// The document inside the string.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Operations on the inner document as operations on the string, proven inside.
    ///
    /// # Errors
    /// When an inner operation can't be done honestly, or the result does not read as meant.
    pub fn splices(&self, ops: &[(NodeRef, Op)]) -> Result<Vec<(NodeRef, Op)>, Refusal> {
        let at = self.document.slice();
        let mut plan = Plan::new(&self.document);
        plan.admit(ops).map_err(|denial| match denial {
            super::Denial::Refused(refusal) => refusal,
            super::Denial::Conflict => Refusal::Layout { why: "the inner operations disagree", at },
        })?;
        let rendering = plan.render()?;
        let after: std::sync::Arc<str> = rendering.edits.apply(self.document.text()).into();
        let slice = Span::new(0, after.len());
        super::prove(&self.document, &rendering, &after, slice)
            .map_err(|disproof| Refusal::Value { reason: disproof.to_string(), at })?;
        let splice = |edit: &Edit| (self.outer, Op::Splice { range: edit.span.range(), text: edit.new.clone() });
        Ok(rendering.edits.edits().iter().map(splice).collect())
    }
}
