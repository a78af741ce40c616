//! The second reader of the proof: `yaml-rust2`, an independent parser, read event by event.
//!
//! Its loader is never used: it recurses on nesting and expands aliases without bounds.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use yaml_rust2::parser::{Event, Parser, Tag};
use yaml_rust2::scanner::TScalarStyle;

use super::tree::{Alias, Document, Kind, NONE, Props, RawNode};
use super::value::{ValueError, value};
use crate::text::Span;

/// The value of the one document in `source` as the second reader sees it, typed by the same rules as ours.
/// `Ok(None)` for text without a document; `Err` with the reader's words where it refuses the text.
pub fn second_value(source: &str) -> Result<Option<Result<Value, ValueError>>, String> {
    Ok(read(source)?.map(|doc| value(&doc)))
}

/// The one document in `source` as the second reader sees it; see [`second_value`].
pub(super) fn read(source: &str) -> Result<Option<Document>, String> {
    let mut parser = Parser::new_from_str(source.strip_prefix('\u{feff}').unwrap_or(source));
    let mut builder = Builder::default();
    loop {
        let (event, _) = parser.next_token().map_err(|error| error.to_string())?;
        if event == Event::StreamEnd {
            break;
        }
        builder.event(event)?;
    }
    Ok(builder.finish(source))
}

/// Builds a document whose text is made of the values that were read; it has no source of its own.
#[derive(Default)]
struct Builder {
    text: String,
    nodes: Vec<RawNode>,
    props: Vec<Props>,
    aliases: Vec<Alias>,
    decoded: Vec<(u32, Box<str>)>,
    anchors: HashMap<usize, u32>,
    open: Vec<u32>,
    documents: usize,
    last_is_block_scalar: bool,
}

impl Builder {
    fn event(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::DocumentStart => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document starts here".to_owned());
                }
            }
            Event::Alias(id) => {
                let target = self.anchors.get(&id).copied().ok_or("an alias without an anchor")?;
                if self.open.contains(&target) {
                    return Err("an alias inside its own anchor".to_owned());
                }
                let node = self.push(Kind::Alias, Span::default(), 0, None);
                self.last_is_block_scalar = false;
                self.aliases.push(Alias { node, target });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = match style {
                    TScalarStyle::Plain => Kind::Plain,
                    TScalarStyle::SingleQuoted => Kind::SingleQuoted,
                    TScalarStyle::DoubleQuoted => Kind::DoubleQuoted,
                    TScalarStyle::Literal => Kind::Literal,
                    TScalarStyle::Folded => Kind::Folded,
                };
                self.last_is_block_scalar = matches!(kind, Kind::Literal | Kind::Folded);
                let start = self.text.len();
                if kind == Kind::Plain {
                    self.text.push_str(&text);
                }
                let span = Span::new(start, self.text.len());
                let node = self.push(kind, span, anchor, tag);
                self.decoded.push((node, text.into()));
            }
            Event::SequenceStart(anchor, tag) => {
                let node = self.push(Kind::BlockSequence, Span::default(), anchor, tag);
                self.last_is_block_scalar = false;
                self.open.push(node);
            }
            Event::MappingStart(anchor, tag) => {
                let node = self.push(Kind::BlockMapping, Span::default(), anchor, tag);
                self.last_is_block_scalar = false;
                self.open.push(node);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(node) = self.open.pop() {
                    self.nodes[node as usize].next = self.nodes.len() as u32;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, span: Span, anchor: usize, tag: Option<Tag>) -> u32 {
        let node = self.nodes.len() as u32;
        let parent = self.open.last().copied().unwrap_or(NONE);
        self.nodes.push(RawNode { kind, is_key: false, span, parent, next: node + 1 });
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        if let Some(tag) = tag {
            let start = self.text.len();
            let handle = if tag.handle == "tag:yaml.org,2002:" { "!!" } else { &tag.handle };
            self.text.push_str(handle);
            self.text.push_str(&tag.suffix);
            let tag = Some(Span::new(start, self.text.len()));
            self.props.push(Props { node, anchor: None, tag });
        }
        node
    }

    fn finish(mut self, source: &str) -> Option<Document> {
        if self.nodes.is_empty() {
            return None;
        }
        if self.last_is_block_scalar
            && let Some((_, last)) = self.decoded.last_mut()
            && let Some(shorter) = as_kubectl_reads(last, source)
        {
            *last = shorter.into();
        }
        let text: Arc<str> = self.text.into();
        Some(Document {
            slice: Span::new(0, text.len()),
            text,
            nodes: self.nodes,
            props: self.props,
            aliases: self.aliases,
            comments: Vec::new(),
            decoded: self.decoded,
            explicit_start: None,
        })
    }
}

/// The value of a block scalar that ends the text, where kubectl reads a line feed less than this reader:
/// none where the text has none, and none in a scalar without lines.
fn as_kubectl_reads<'a>(value: &'a str, source: &str) -> Option<&'a str> {
    let shorter = value.strip_suffix('\n')?;
    let content = source.trim_end();
    let blank_lines = memchr::memchr_iter(b'\n', &source.as_bytes()[content.len()..]).count().saturating_sub(1);
    let without_lines = shorter.is_empty() && !(content.ends_with('+') && blank_lines > 0);
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let last_line = source.rsplit('\n').next().unwrap_or_default();
    let last_of_value = value.trim_end().rsplit('\n').next().unwrap_or_default();
    let is_last = |line: &&str| !line.trim().is_empty() && last_of_value.ends_with(line.trim());
    let written = source.rsplit('\n').find(is_last).unwrap_or_default();
    let indentation = blanks(written).saturating_sub(blanks(last_of_value)).max(1);
    (blanks(last_line) >= indentation || without_lines).then_some(shorter)
}
