//! The JSON value of a document, as kubectl reads it: go-yaml v2's types, aliases and merge keys resolved.

use serde_json::{Map, Value};

use super::scalar::{self, Typed};
use super::tree::{Document, Kind};
use crate::text::Span;

/// Deepest value that is built; aliases can nest deeper than any text.
const MAX_DEPTH: usize = 512;

/// Why a document has no JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `.inf` or `.nan`.
    #[error("infinity and NaN have no JSON value, kubectl refuses them")]
    NotFinite(Span),
    /// A mapping key that is null or a collection.
    #[error("a mapping key must be a string, number or boolean")]
    Key(Span),
    /// Aliases that blow up to far more than was written.
    #[error("the aliases expand to more than {0} nodes")]
    Aliases(usize),
    /// Aliases that nest too deeply.
    #[error("the aliases nest deeper than {MAX_DEPTH} levels")]
    Depth,
    /// A `<<` whose value is no mapping.
    #[error("`<<` merges mappings only")]
    Merge(Span),
}

/// The JSON value of the whole document.
///
/// # Errors
/// When kubectl would refuse the document too, or its aliases expand without bounds.
pub fn value(doc: &Document) -> Result<Value, ValueError> {
    node_value(doc, 0)
}

/// The type of a plain scalar that has a tag.
pub(super) fn typed_by_tag(doc: &Document, node: u32) -> Typed {
    let text = doc.decoded(node);
    match doc.tag(node) {
        Some("!!int" | "!!float" | "!!bool" | "!!null" | "!!timestamp") if doc.raw(node).kind == Kind::Empty => {
            Typed::Null
        }
        Some("!!null") => Typed::Null,
        Some("!!int" | "!!bool") => scalar::type_of_plain(text),
        Some("!!float") => match scalar::type_of_plain(text) {
            Typed::Int(int) => Typed::Float(int as f64),
            other => other,
        },
        _ => Typed::Str,
    }
}

enum Frame {
    Sequence { next: u32, end: u32, items: Vec<Value> },
    Mapping { next: u32, end: u32, own: Map<String, Value>, merged: Vec<Value>, key: Key },
}

enum Key {
    None,
    Name(String),
    Merge,
}

impl Frame {
    /// Takes the value of the child that was entered last.
    fn add(&mut self, doc: &Document, value: Value) -> Result<(), ValueError> {
        match self {
            Frame::Sequence { items, .. } => items.push(value),
            Frame::Mapping { own, merged, key, next, .. } => match std::mem::replace(key, Key::None) {
                Key::Name(name) => {
                    own.insert(name, value);
                }
                Key::Merge => match value {
                    Value::Object(_) => merged.push(value),
                    Value::Array(items) if items.iter().all(Value::is_object) => merged.extend(items),
                    _ => return Err(ValueError::Merge(doc.raw(next.saturating_sub(1)).span)),
                },
                Key::None => {}
            },
        }
        Ok(())
    }
}

/// The JSON value of one node, aliases followed.
pub(super) fn node_value(doc: &Document, node: u32) -> Result<Value, ValueError> {
    let budget = if doc.aliases.is_empty() { usize::MAX } else { (doc.nodes.len() * 10).max(1_000_000) };
    let byte_budget = if doc.aliases.is_empty() { usize::MAX } else { (doc.text.len() * 10).max(16 << 20) };
    let (mut spent, mut bytes) = (0usize, 0usize);
    let mut stack: Vec<Frame> = Vec::new();
    let mut enter = Some(node);
    loop {
        let mut done = None;
        if let Some(node) = enter.take() {
            spent += 1;
            if spent > budget {
                return Err(ValueError::Aliases(budget));
            }
            let node = if doc.raw(node).kind == Kind::Alias { doc.alias_target(node) } else { node };
            let raw = doc.raw(node);
            if raw.kind.is_sequence() || raw.kind.is_mapping() {
                if stack.len() >= MAX_DEPTH {
                    return Err(ValueError::Depth);
                }
                let (next, end) = (node + 1, raw.next);
                stack.push(if raw.kind.is_sequence() {
                    Frame::Sequence { next, end, items: Vec::new() }
                } else {
                    Frame::Mapping { next, end, own: Map::new(), merged: Vec::new(), key: Key::None }
                });
            } else {
                bytes += doc.decoded(node).len();
                if bytes > byte_budget {
                    return Err(ValueError::Aliases(budget));
                }
                done = Some(scalar_value(doc, node)?);
            }
        }
        if let Some(value) = done {
            let Some(frame) = stack.last_mut() else { return Ok(value) };
            frame.add(doc, value)?;
        }
        let Some(frame) = stack.last_mut() else { continue };
        match frame {
            Frame::Sequence { next, end, .. } if *next < *end => {
                enter = Some(*next);
                *next = doc.raw(*next).next;
            }
            Frame::Mapping { next, end, key, .. } if *next < *end => {
                *key = if doc.is_merge_key(*next) { Key::Merge } else { Key::Name(key_name(doc, *next)?) };
                let value = doc.raw(*next).next;
                enter = Some(value);
                *next = doc.raw(value).next;
            }
            _ => {
                let value = match stack.pop() {
                    Some(Frame::Sequence { items, .. }) => Value::Array(items),
                    Some(Frame::Mapping { mut own, merged, .. }) => {
                        for value in merged {
                            let Value::Object(map) = value else { continue };
                            for (name, value) in map {
                                own.entry(name).or_insert(value);
                            }
                        }
                        Value::Object(own)
                    }
                    None => Value::Null,
                };
                let Some(frame) = stack.last_mut() else { return Ok(value) };
                frame.add(doc, value)?;
            }
        }
    }
}

pub(super) fn scalar_value(doc: &Document, node: u32) -> Result<Value, ValueError> {
    let text = doc.decoded(node);
    let typed = match (doc.raw(node).kind, doc.tag(node)) {
        (Kind::Plain, None) => return scalar::plain_value(text).ok_or(ValueError::NotFinite(doc.raw(node).span)),
        (Kind::Empty, None) => Typed::Null,
        (Kind::Plain | Kind::Empty, Some(_)) => typed_by_tag(doc, node),
        _ => Typed::Str,
    };
    match typed {
        Typed::Str => Ok(Value::String(text.to_owned())),
        Typed::Null => Ok(Value::Null),
        Typed::Bool(value) => Ok(value.into()),
        Typed::Int(value) => Ok(value.into()),
        Typed::UInt(value) => Ok(value.into()),
        Typed::Float(value) => {
            serde_json::Number::from_f64(value).map(Value::Number).ok_or(ValueError::NotFinite(doc.raw(node).span))
        }
    }
}

pub(super) fn key_name(doc: &Document, key: u32) -> Result<String, ValueError> {
    let target = if doc.raw(key).kind == Kind::Alias { doc.alias_target(key) } else { key };
    match doc.raw(target).kind {
        Kind::Plain if doc.tag(target).is_none() => {
            scalar::plain_key(doc.decoded(target)).ok_or(ValueError::Key(doc.raw(key).span))
        }
        Kind::Empty => Err(ValueError::Key(doc.raw(key).span)),
        kind if kind.is_scalar() => Ok(doc.decoded(target).to_owned()),
        _ => Err(ValueError::Key(doc.raw(key).span)),
    }
}
