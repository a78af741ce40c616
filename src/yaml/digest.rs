//! What a document means, in little memory: values near a change as they are, all else by its digest.
//!
//! A proof compares two values of which nearly everything is the same. Building both would take many
//! times the memory of their text, so whatever a change does not reach stands as one number.

use std::collections::BTreeMap;

use json_patch::Patch;
use serde_json::{Map, Value};

use super::scalar::{self, Typed};
use super::tree::{Document, Kind, RawNode};
use super::value::{ValueError, key_name, node_value, scalar_value};

/// What stands for an untouched value; no manifest has a string that starts so.
const MARK: &str = "\u{0}digest ";

/// The places that a patch reaches, as a tree of path parts.
#[derive(Debug, Default)]
pub(super) struct Reach {
    children: BTreeMap<String, Reach>,
}

impl Reach {
    pub(super) fn of(patch: &Patch) -> Self {
        let mut reach = Reach::default();
        for operation in &patch.0 {
            let mut at = &mut reach;
            for part in operation.path().tokens() {
                at = at.children.entry(part.decoded().into_owned()).or_default();
            }
        }
        reach
    }
}

/// True when no part of the document means anything elsewhere in it.
fn is_plain_tree(doc: &Document) -> bool {
    let is_merge_key = |raw: &RawNode| raw.kind == Kind::Plain && &doc.text[raw.span.range()] == "<<";
    doc.aliases.is_empty() && !doc.nodes.iter().any(is_merge_key)
}

/// The document's value, built only where `reach` goes.
///
/// # Errors
/// When the document has no JSON value.
pub(super) fn outline(doc: &Document, reach: &Reach) -> Result<Value, ValueError> {
    if is_plain_tree(doc) { outline_node(doc, 0, reach) } else { node_value(doc, 0) }
}

/// Recursion is as deep as a patch's path, which a document's depth bounds.
fn outline_node(doc: &Document, node: u32, reach: &Reach) -> Result<Value, ValueError> {
    let raw = doc.raw(node);
    if reach.children.is_empty() || raw.kind.is_scalar() {
        return mark(doc, node);
    }
    if raw.kind.is_sequence() {
        let items = doc.children(node).enumerate().map(|(i, child)| match reach.children.get(&i.to_string()) {
            Some(below) => outline_node(doc, child, below),
            None => mark(doc, child),
        });
        return items.collect::<Result<_, _>>().map(Value::Array);
    }
    let mut map = Map::new();
    for (key, value) in doc.raw_entries(node) {
        let name = key_name(doc, key)?;
        let value = match reach.children.get(&name) {
            Some(below) => outline_node(doc, value, below)?,
            None => mark(doc, value)?,
        };
        map.insert(name, value);
    }
    Ok(Value::Object(map))
}

/// The document's value, built as far as `expected` is; equal to it exactly when the values are equal.
///
/// # Errors
/// When the document has no JSON value.
pub(super) fn outline_like(doc: &Document, expected: &Value) -> Result<Value, ValueError> {
    if is_plain_tree(doc) { like(doc, 0, expected) } else { node_value(doc, 0) }
}

fn like(doc: &Document, node: u32, expected: &Value) -> Result<Value, ValueError> {
    let raw = doc.raw(node);
    match expected {
        Value::String(text) if text.starts_with(MARK) => mark(doc, node),
        Value::Array(items) if raw.kind.is_sequence() => {
            let item = |(i, child): (usize, u32)| match items.get(i) {
                Some(expected) => like(doc, child, expected),
                None => mark(doc, child),
            };
            doc.children(node).enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(entries) if raw.kind.is_mapping() => {
            let mut map = Map::new();
            for (key, value) in doc.raw_entries(node) {
                let name = key_name(doc, key)?;
                let value = match entries.get(&name) {
                    Some(expected) => like(doc, value, expected)?,
                    None => mark(doc, value)?,
                };
                map.insert(name, value);
            }
            Ok(Value::Object(map))
        }
        _ if raw.kind.is_scalar() => scalar_value(doc, node),
        _ => mark(doc, node),
    }
}

fn mark(doc: &Document, node: u32) -> Result<Value, ValueError> {
    Ok(Value::String(format!("{MARK}{:032x}", digest(doc, node)?)))
}

/// Checks that the document has a JSON value, without building it.
///
/// # Errors
/// As [`super::value`].
pub(super) fn check(doc: &Document) -> Result<(), ValueError> {
    if is_plain_tree(doc) { digest(doc, 0).map(|_| ()) } else { node_value(doc, 0).map(|_| ()) }
}

enum Frame {
    Sequence { next: u32, end: u32, state: u128 },
    Mapping { next: u32, end: u32, entries: Vec<(u128, u128)> },
}

impl Frame {
    /// Takes the digest of the child that was entered last.
    fn add(&mut self, value: u128) {
        match self {
            Frame::Sequence { state, .. } => *state = mix(*state, value),
            Frame::Mapping { entries, .. } => {
                if let Some((_, have)) = entries.last_mut() {
                    *have = value;
                }
            }
        }
    }
}

/// A number that equal values share and different ones do not: 128 bits, mixed without a secret. Of a key
/// that stands twice the last one counts, as in the value.
fn digest(doc: &Document, node: u32) -> Result<u128, ValueError> {
    let mut stack: Vec<Frame> = Vec::new();
    let mut enter = Some(node);
    loop {
        let mut done = None;
        if let Some(node) = enter.take() {
            let raw = doc.raw(node);
            let (next, end) = (node + 1, raw.next);
            match raw.kind {
                kind if kind.is_sequence() => stack.push(Frame::Sequence { next, end, state: seed(1) }),
                kind if kind.is_mapping() => stack.push(Frame::Mapping { next, end, entries: Vec::new() }),
                _ => done = Some(scalar_digest(doc, node)?),
            }
        }
        if let (Some(value), Some(frame)) = (done, stack.last_mut()) {
            frame.add(value);
        }
        match stack.last_mut() {
            None => return Ok(done.unwrap_or_default()),
            Some(Frame::Sequence { next, end, .. }) if *next < *end => {
                enter = Some(*next);
                *next = doc.raw(*next).next;
            }
            Some(Frame::Mapping { next, end, entries }) if *next < *end => {
                entries.push((text_digest(&key_name(doc, *next)?), 0));
                let value = doc.raw(*next).next;
                enter = Some(value);
                *next = doc.raw(value).next;
            }
            Some(_) => {
                let value = match stack.pop() {
                    Some(Frame::Sequence { state, .. }) => state,
                    Some(Frame::Mapping { entries, .. }) => mapping_digest(entries),
                    None => 0,
                };
                match stack.last_mut() {
                    None => return Ok(value),
                    Some(frame) => frame.add(value),
                }
            }
        }
    }
}

/// The order of a mapping's entries means nothing.
fn mapping_digest(mut entries: Vec<(u128, u128)>) -> u128 {
    entries.sort_by_key(|(key, _)| *key);
    let mut state = seed(2);
    for (i, (key, value)) in entries.iter().enumerate() {
        if entries.get(i + 1).is_none_or(|(next, _)| next != key) {
            state = mix(mix(state, *key), *value);
        }
    }
    state
}

fn scalar_digest(doc: &Document, node: u32) -> Result<u128, ValueError> {
    let is_text = match (doc.raw(node).kind, doc.tag(node)) {
        (Kind::Plain, None) => scalar::type_of_plain(doc.decoded(node)) == Typed::Str,
        (Kind::Plain | Kind::Empty, _) => false,
        _ => true,
    };
    if is_text {
        return Ok(text_digest(doc.decoded(node)));
    }
    match scalar_value(doc, node)? {
        Value::String(text) => Ok(text_digest(&text)),
        other => Ok(mix(seed(3), text_digest(&other.to_string()))),
    }
}

fn text_digest(text: &str) -> u128 {
    let mut state = mix(seed(4), text.len() as u128);
    for chunk in text.as_bytes().chunks(16) {
        let mut bytes = [0; 16];
        bytes[..chunk.len()].copy_from_slice(chunk);
        state = mix(state, u128::from_le_bytes(bytes));
    }
    state
}

fn seed(kind: u128) -> u128 {
    kind.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// One step of a multiply-and-rotate hash; each step is a bijection of the state for a given input.
fn mix(state: u128, value: u128) -> u128 {
    let state = (state ^ value).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
    state ^ (state >> 67)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{parse_text, value};

    fn digest_of(text: &str) -> u128 {
        digest(&parse_text(text).expect("YAML").expect("a document"), 0).expect("a value")
    }

    #[test]
    fn equal_values_share_their_digest() {
        assert_eq!(digest_of("a: 1\nb: [x, {c: yes}]\n"), digest_of("{\"b\": [\"x\", {\"c\": true}], \"a\": 1}"));
        assert_eq!(digest_of("a: 1\na: 2\n"), digest_of("a: 2\n"));
        assert_eq!(digest_of("a: 010\n"), digest_of("a: 8\n"));
        for (one, other) in [
            ("a: 1", "a: '1'"),
            ("[a, b]", "[b, a]"),
            ("[[a], b]", "[a, [b]]"),
            ("a:", "a: ''"),
            ("{}", "[]"),
            ("a: {b: c}", "a: {c: b}"),
        ] {
            assert_ne!(digest_of(one), digest_of(other), "{one} {other}");
        }
    }

    #[test]
    fn an_outline_is_equal_exactly_when_the_values_are() {
        let patch: Patch = serde_json::from_value(serde_json::json!([
            {"op": "replace", "path": "/b/1/c", "value": {"d": [1]}}, {"op": "remove", "path": "/b/0"}, {"op": "add", "path": "/e", "value": "f"}
        ]))
        .expect("a patch");
        let doc = |text: &str| parse_text(text).expect("YAML").expect("a document");
        let before = doc("a: {x: 1}\nb:\n- u\n- c: 1\n  k: v\n- w\n");
        let mut expected = outline(&before, &Reach::of(&patch)).expect("an outline");
        json_patch::patch(&mut expected, &patch.0).expect("it applies");
        for (after, same) in [
            ("a: {x: 1}\nb:\n- c: {d: [1]}\n  k: v\n- w\ne: f\n", true),
            ("a: {x: 1}\nb:\n- c: {d: [2]}\n  k: v\n- w\ne: f\n", false),
            ("a: {x: 2}\nb:\n- c: {d: [1]}\n  k: v\n- w\ne: f\n", false),
            ("a: {x: 1}\nb:\n- c: {d: [1]}\n  k: v\n- w\n- z\ne: f\n", false),
            ("a: {x: 1}\nb:\n- c: {d: [1]}\n  k: v\n- w\ne: f\ng: h\n", false),
            ("a: {x: 1}\nb: 1\ne: f\n", false),
        ] {
            let after = doc(after);
            assert_eq!(outline_like(&after, &expected).expect("an outline") == expected, same);
            let mut whole = value(&before).expect("a value");
            json_patch::patch(&mut whole, &patch.0).expect("it applies");
            assert_eq!(value(&after).expect("a value") == whole, same);
        }
    }
}
