//! The one place that knows `granit-parser`: text of one document in, a tree of spans out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};

use super::tree::{Alias, Document, Kind, NONE, Props, RawNode};
use super::{Error, ErrorKind};
use crate::text::Span;

/// Deepest nesting that is read. Kubernetes objects are less than 30 levels deep.
const MAX_DEPTH: usize = 128;

/// Most nodes of one document. A list of 20,000 Deployments has about as many; one API object has a few hundred.
const MAX_NODES: usize = 1_200_000;

/// How this project reads YAML: as kubectl does, where YAML versions differ.
fn options() -> Options {
    granit_parser::options! {
        emit_anchor_events: true,
        block_scalar_eof_without_line_feed: true,
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    }
}

/// Reads the document that stands at `slice` of `text`; `None` when there is none, only comments or blanks.
///
/// # Errors
/// When the slice is not valid YAML, is nested deeper than 128 levels, or holds more than one document.
pub(super) fn parse(text: &Arc<str>, slice: Span) -> Result<Option<Document>, Error> {
    let source = &text[slice.range()];
    let mut builder = Builder::new(text.clone(), slice);
    for event in Parser::new_from_str_with_options(source, options()) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0).min(source.len());
            Error { at: Span::empty(slice.start as usize + at), kind: ErrorKind::Syntax(error.info().to_string()) }
        })?;
        let range = span.byte_range().unwrap_or(0..0);
        let at = Span::new(slice.start as usize + range.start, slice.start as usize + range.end);
        let tag = span
            .tag_span()
            .and_then(|tag| tag.byte_range())
            .map(|tag| Span::new(slice.start as usize + tag.start, slice.start as usize + tag.end));
        builder.event(event, at, tag)?;
    }
    Ok(builder.finish())
}

/// A collection that is not at its end yet.
struct Open {
    node: u32,
    is_mapping: bool,
    /// Whether the next child is a key.
    key_next: bool,
}

struct Builder {
    doc: Document,
    open: Vec<Open>,
    /// Node of each anchor identity.
    anchors: HashMap<usize, u32>,
    /// End of the last token that is content.
    last_end: u32,
    documents: usize,
}

impl Builder {
    fn new(text: Arc<str>, slice: Span) -> Self {
        // A node in twelve bytes of text is the mean of real manifests; growth takes over beyond.
        let expected = (slice.end - slice.start) as usize / 12 + 4;
        let doc = Document {
            text,
            slice,
            nodes: Vec::with_capacity(expected.min(MAX_NODES)),
            props: Vec::new(),
            aliases: Vec::new(),
            comments: Vec::new(),
            decoded: Vec::new(),
            explicit_start: None,
        };
        Builder { doc, open: Vec::new(), anchors: HashMap::new(), last_end: slice.start, documents: 0 }
    }

    fn event(&mut self, event: Event<'_>, at: Span, tag: Option<Span>) -> Result<(), Error> {
        if self.doc.nodes.len() > MAX_NODES {
            return Err(Error { at, kind: ErrorKind::TooManyNodes(MAX_NODES) });
        }
        match event {
            Event::DocumentStart(explicit, _) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Error { at, kind: ErrorKind::SecondDocument });
                }
                if explicit {
                    self.doc.explicit_start = Some(at);
                    self.last_end = at.end;
                }
            }
            Event::Comment(..) => self.doc.comments.push(at),
            Event::Anchor(id, _) => {
                let node = self.doc.nodes.len().saturating_sub(1) as u32;
                self.anchors.insert(id, node);
                self.props(node).anchor = Some(at);
                self.last_end = self.last_end.max(at.end);
            }
            Event::Alias(id) => {
                let target = self.anchors.get(&id).copied().unwrap_or(NONE);
                let node = self.push(Kind::Alias, at);
                if self.open.iter().any(|open| open.node == target) {
                    return Err(Error { at, kind: ErrorKind::Recursion });
                }
                self.doc.aliases.push(Alias { node, target });
                self.last_end = at.end;
            }
            Event::Scalar(value, style, ..) => self.scalar(value, style, at, tag),
            Event::SequenceStart(style, ..) => {
                let kind = if style == StructureStyle::Flow { Kind::FlowSequence } else { Kind::BlockSequence };
                self.start(kind, at, tag);
            }
            Event::MappingStart(style, ..) => {
                let kind = if style == StructureStyle::Flow { Kind::FlowMapping } else { Kind::BlockMapping };
                self.start(kind, at, tag);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, value: Cow<'_, str>, style: ScalarStyle, at: Span, tag: Option<Span>) {
        let kind = match style {
            ScalarStyle::Plain if at.is_empty() => Kind::Empty,
            ScalarStyle::Plain => Kind::Plain,
            ScalarStyle::SingleQuoted => Kind::SingleQuoted,
            ScalarStyle::DoubleQuoted => Kind::DoubleQuoted,
            ScalarStyle::Literal => Kind::Literal,
            ScalarStyle::Folded => Kind::Folded,
        };
        let span = match kind {
            Kind::Literal | Kind::Folded => block_scalar_span(&self.doc.text, self.last_end as usize, at),
            Kind::Empty => self.empty_span(at),
            _ => at,
        };
        let node = self.push(kind, span);
        if let Cow::Owned(value) = value {
            self.doc.decoded.push((node, value.into_boxed_str()));
        }
        if let Some(tag) = tag {
            self.props(node).tag = Some(tag);
            self.last_end = self.last_end.max(tag.end);
        }
        self.last_end = self.last_end.max(span.end);
    }

    fn start(&mut self, kind: Kind, at: Span, tag: Option<Span>) {
        let at = if kind == Kind::BlockSequence { self.at_first_dash(at) } else { at };
        let node = self.push(kind, at);
        if tag.is_some() {
            self.props(node).tag = tag;
        }
        self.last_end = self.last_end.max(at.end);
        self.open.push(Open { node, is_mapping: kind.is_mapping(), key_next: kind.is_mapping() });
    }

    /// Where nothing stands: behind the `:` or `-`, or behind the key that has none.
    fn empty_span(&self, at: Span) -> Span {
        let bytes = self.doc.text.as_bytes();
        let is_value = self.open.last().is_some_and(|open| open.is_mapping && !open.key_next);
        if is_value {
            let colon = bytes.get(at.start as usize) == Some(&b':');
            return Span::empty(if colon { at.start as usize + 1 } else { self.last_end as usize });
        }
        // The parser may only know that an item is empty behind the comments that follow its dash.
        let mut before = bytes[..at.start as usize].trim_ascii_end().len();
        for comment in self.doc.comments.iter().rev() {
            if (comment.end as usize) < before || comment.start < self.last_end {
                break;
            }
            before = bytes[..comment.start as usize].trim_ascii_end().len();
        }
        let commented = before < bytes[..at.start as usize].trim_ascii_end().len();
        let same_line = commented || !bytes[before..at.start as usize].contains(&b'\n');
        if same_line && before > self.doc.slice.start as usize { Span::empty(before) } else { at }
    }

    /// The parser starts a sequence in its key's column behind the first `- `; others at it.
    fn at_first_dash(&self, at: Span) -> Span {
        let in_mapping =
            self.open.last().is_some_and(|open| open.is_mapping && self.doc.raw(open.node).kind == Kind::BlockMapping);
        let bytes = &self.doc.text.as_bytes()[self.doc.slice.start as usize..at.start as usize];
        let line = memchr::memrchr(b'\n', bytes).map_or(0, |i| i + 1);
        let blanks = bytes[line..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let dash = line + blanks;
        let behind = bytes.get(dash + 1..).unwrap_or_default().trim_ascii_start();
        if in_mapping && bytes.get(dash) == Some(&b'-') && (behind.is_empty() || behind.starts_with(b"#")) {
            return Span { start: self.doc.slice.start + dash as u32, end: at.end };
        }
        at
    }

    fn end(&mut self, at: Span) {
        if let Some(Open { node, .. }) = self.open.pop() {
            let next = self.doc.nodes.len() as u32;
            let raw = &mut self.doc.nodes[node as usize];
            raw.next = next;
            if matches!(raw.kind, Kind::FlowMapping | Kind::FlowSequence) {
                self.last_end = self.last_end.max(at.end);
            }
            raw.span.end = self.last_end.max(raw.span.start);
        }
    }

    fn push(&mut self, kind: Kind, span: Span) -> u32 {
        let node = self.doc.nodes.len() as u32;
        let (mut parent, mut is_key) = (NONE, false);
        if let Some(open) = self.open.last_mut() {
            parent = open.node;
            is_key = open.key_next;
            open.key_next = open.is_mapping && !is_key;
        }
        self.doc.nodes.push(RawNode { kind, is_key, span, parent, next: node + 1 });
        node
    }

    fn props(&mut self, node: u32) -> &mut Props {
        if self.doc.props.last().is_none_or(|last| last.node != node) {
            self.doc.props.push(Props { node, anchor: None, tag: None });
        }
        let last = self.doc.props.len() - 1;
        &mut self.doc.props[last]
    }

    fn finish(mut self) -> Option<Document> {
        if self.doc.nodes.is_empty() {
            return None;
        }
        self.doc.comments.sort_unstable();
        for props in &self.doc.props {
            // An empty node with properties ends where they end, as if it stood behind them.
            let raw = &mut self.doc.nodes[props.node as usize];
            if raw.kind == Kind::Empty {
                let end = props.end().max(raw.span.end);
                raw.span = Span { start: end, end };
            }
        }
        if self.doc.nodes.capacity() > self.doc.nodes.len() * 2 {
            self.doc.nodes.shrink_to_fit();
        }
        Some(self.doc)
    }
}

/// The span of a block scalar from its `|` or `>` to the end of its last line of content, that line's
/// ending excluded. The parser's own span starts at the content and ends before the next token.
fn block_scalar_span(text: &str, after: usize, content: Span) -> Span {
    let bytes = text.as_bytes();
    let mut at = after;
    while at < bytes.len() {
        match bytes[at] {
            b'|' | b'>' => break,
            b'#' => at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i),
            b'&' | b'!' => {
                while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    let header = at;
    let mut header_end = header;
    let mut keep = false;
    while header_end < bytes.len() && matches!(bytes[header_end], b'|' | b'>' | b'+' | b'-' | b'0'..=b'9') {
        keep |= bytes[header_end] == b'+';
        header_end += 1;
    }
    let first_line = memchr::memchr(b'\n', &bytes[header_end..]).map_or(bytes.len(), |i| header_end + i + 1);
    let limit = (content.end as usize).max(header_end);
    // What follows the last line break before the next token is that token's indentation.
    let mut end = limit;
    let line_start = memchr::memrchr(b'\n', &bytes[..limit]).map_or(0, |i| i + 1);
    if line_start >= first_line
        && bytes[line_start..limit].iter().all(|b| *b == b' ' || *b == b'\t')
        && limit < bytes.len()
    {
        end = line_start;
    }
    if end <= first_line && content.is_empty() && !keep {
        return Span::new(header, header_end);
    }
    let indent = {
        let start = content.start as usize;
        let line = memchr::memrchr(b'\n', &bytes[..start]).map_or(0, |i| i + 1);
        start - line
    };
    if !keep {
        // Blank lines that are not deeper than the scalar's indentation are chomped, not content.
        while let Some(before) = end.checked_sub(1).filter(|i| *i >= first_line && bytes[*i] == b'\n') {
            let line = memchr::memrchr(b'\n', &bytes[..before]).map_or(0, |i| i + 1);
            let body = bytes[line..before].strip_suffix(b"\r").unwrap_or(&bytes[line..before]);
            if line < first_line || body.len() > indent || body.iter().any(|b| *b != b' ') {
                break;
            }
            end = line;
        }
    }
    if end > header_end && bytes[end - 1] == b'\n' {
        end -= 1;
        if end > header_end && bytes[end - 1] == b'\r' {
            end -= 1;
        }
    }
    Span::new(header, end.max(header_end))
}
