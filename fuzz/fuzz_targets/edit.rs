//! Random operations on random nodes of any text: each is refused, or rendered, applied and proven.
//!
//! The input is a YAML text; behind its first NUL byte stand the bytes that choose the operations.

#![no_main]

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use meshfix::text::Span;
use meshfix::yaml::{self, Document, Node, NodeRef, Op, Plan, Rendering};
use serde_json::{Value, json};

/// Most nodes that an operation is drawn from.
const NODES: usize = 500;

/// Strings that are hard to write or to tell from other types.
const STRINGS: &[&str] = &[
    "istio",
    "",
    " lead",
    "trail ",
    "yes",
    "null",
    "~",
    "0123",
    "1e3",
    "0x1F",
    "1_000",
    "1:30",
    "a: b",
    "a #b",
    "- x",
    "it's",
    "say \"hi\"",
    "back\\slash",
    "tab\tin",
    "naïve 🙂",
    "*star",
    "&and",
    "!bang",
    "two\nlines",
    "end\n",
    "kept\n\n",
    "\n",
    "{{ .Values.x }}",
    "[a]",
    "{a",
    "%x",
    "@x",
    "`x",
    "a,b]}",
    "<<",
    "=",
    "2024-01-01",
    "blank \nnext",
    "\u{7}",
    "---",
    "...",
    "x:",
    "?",
    "? x",
    "|",
    ">",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "# no",
    "line\n---\nline",
    " \n x",
];

const ORDER: &[&str] = &["apiVersion", "kind", "metadata", "spec", "name", "image", "ports", "env", "value"];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let (text, choices) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let Ok(text) = std::str::from_utf8(text) else { return Corpus::Reject };
    let text: Arc<str> = text.into();
    let slices = yaml::slices(&text);
    let documents: Vec<(usize, Document)> = slices
        .iter()
        .enumerate()
        .filter_map(|(index, slice)| Some((index, yaml::parse(&text, *slice).ok()??)))
        .filter(|(_, doc)| yaml::value(doc).is_ok())
        .collect();
    if documents.is_empty() {
        return Corpus::Reject;
    }
    // A draw that runs out of bytes ends the operations, not the run.
    let _ = change(&documents, slices.len(), &mut Unstructured::new(choices));
    Corpus::Keep
});

fn change(documents: &[(usize, Document)], slices: usize, draw: &mut Unstructured<'_>) -> Result<()> {
    let (index, doc) = draw.choose(documents)?;
    let nodes = nodes(doc);
    let mut plan = Plan::new(doc);
    let mut admitted = Vec::new();
    for _ in 0..draw.int_in_range(1..=4)? {
        let ops: Vec<(NodeRef, Op)> =
            (0..draw.int_in_range(1..=2)?).map(|_| operation(&nodes, draw)).collect::<Result<_>>()?;
        if plan.admit(&ops).is_ok() {
            admitted.extend(ops);
        }
    }
    let Ok(rendering) = plan.render() else { return Ok(()) };
    let after: Arc<str> = rendering.edits.apply(doc.text()).into();
    let slice = slice_after(doc, &rendering);
    let shown = || {
        let at = |at: &NodeRef| doc.node(at.node, at.via).map(Node::json_pointer);
        let ops: String = admitted.iter().map(|(node, op)| format!("{:?} {node:?}: {op:?}\n", at(node))).collect();
        format!("{ops}{:?}\nbefore: {:?}\nafter:  {after:?}", rendering.edits, doc.text())
    };
    let proven = match yaml::prove(doc, &rendering, &after, slice) {
        Ok(proven) => proven,
        Err(disproof) => panic!("{disproof}\n{}", shown()),
    };
    let now = yaml::slices(&after);
    assert!(now.len() == slices && now.get(*index) == Some(&slice), "the stream is split in another way\n{}", shown());
    if let [(at, op)] = &admitted[..] {
        check_meaning(doc, *at, op, &proven.after, &shown);
    }
    Ok(())
}

/// The value after a single operation is what the operation says, told without the rendering's own patch.
fn check_meaning(doc: &Document, at: NodeRef, op: &Op, after: &Document, shown: &dyn Fn() -> String) {
    let node = doc.node(at.node, at.via).expect("the node was drawn");
    let (Ok(old), Ok(new)) = (yaml::value(doc), yaml::value(after)) else { panic!("a value is lost\n{}", shown()) };
    let pointer = node.json_pointer();
    let (Some(was), is) = (old.pointer(&pointer), new.pointer(&pointer)) else { return };
    match op {
        Op::Set(value) => assert_eq!(is, Some(&as_read(value)), "set\n{}", shown()),
        Op::Splice { range, text } => {
            let mut meant = was.as_str().unwrap_or_default().to_owned();
            meant.replace_range(range.clone(), text);
            assert_eq!(is, Some(&Value::String(meant)), "splice\n{}", shown());
        }
        Op::Push { path, value } if path.is_empty() => {
            assert_eq!(is.and_then(|is| is.as_array()?.last()), Some(&as_read(value)), "push\n{}", shown());
        }
        Op::Insert { path, value, .. } if path.len() == 1 && was.is_object() => {
            assert_eq!(is.and_then(|is| is.get(&path[0])), Some(&as_read(value)), "insert\n{}", shown());
        }
        _ => {}
    }
}

/// A value as kubectl reads it back: a float without a fraction is an integer.
fn as_read(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            yaml::plain_value(&number.to_string()).unwrap_or_else(|| value.clone())
        }
        Value::Array(items) => items.iter().map(as_read).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), as_read(value))).collect(),
        other => other.clone(),
    }
}

/// The nodes as a rule sees them: keys left out, aliases followed.
fn nodes(doc: &Document) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    let mut open = vec![doc.root()];
    while let Some(node) = open.pop() {
        if nodes.len() == NODES {
            break;
        }
        nodes.push(node);
        if node.kind().is_mapping() {
            open.extend(node.entries().into_iter().map(|(_, node)| node));
        } else {
            open.extend(node.items());
        }
    }
    nodes
}

fn operation(nodes: &[Node<'_>], draw: &mut Unstructured<'_>) -> Result<(NodeRef, Op)> {
    let node = *draw.choose(nodes)?;
    let op = match draw.int_in_range(0..=5)? {
        0 | 1 => Op::Set(value(draw, 2)?),
        2 => {
            let text = node.as_str().unwrap_or_default();
            let at = |wanted: usize| (wanted..).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            let start = at(draw.int_in_range(0..=text.len())?);
            let end = at(draw.int_in_range(start..=text.len())?);
            Op::Splice { range: start..end, text: string(draw)? }
        }
        3 => Op::Insert {
            path: path(node, draw)?,
            value: value(draw, 2)?,
            order: if draw.arbitrary()? { ORDER } else { &[] },
        },
        4 => Op::Push { path: if draw.arbitrary()? { Vec::new() } else { path(node, draw)? }, value: value(draw, 2)? },
        _ => Op::Remove,
    };
    Ok((node.into(), op))
}

/// One to three parts: keys that are there, new ones, or a place in a sequence.
fn path(node: Node<'_>, draw: &mut Unstructured<'_>) -> Result<Vec<String>> {
    if node.kind().is_sequence() {
        let index = draw.int_in_range(0..=node.items().take(50).count() + 1)?;
        return Ok(vec![if draw.ratio(1, 4)? { "-".to_owned() } else { index.to_string() }]);
    }
    let names: Vec<String> = node.entries().into_iter().take(50).map(|(name, _)| name.into_owned()).collect();
    (0..draw.int_in_range(1..=3)?)
        .map(|_| {
            let known = !names.is_empty() && draw.ratio(1, 3)?;
            if known { draw.choose(&names).cloned() } else { string(draw) }
        })
        .collect()
}

fn value(draw: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    Ok(match draw.int_in_range(0..=9)? {
        0 => json!(draw.arbitrary::<i32>()?),
        1 => json!(draw.arbitrary::<bool>()?),
        2 => Value::Null,
        3 => json!(f64::from(draw.arbitrary::<i16>()?) / 4.0),
        4 if depth > 0 => {
            let items = (0..draw.int_in_range(0..=3)?).map(|_| value(draw, depth - 1));
            Value::Array(items.collect::<Result<_>>()?)
        }
        5 if depth > 0 => {
            let entries = (0..draw.int_in_range(0..=3)?).map(|_| Ok((string(draw)?, value(draw, depth - 1)?)));
            Value::Object(entries.collect::<Result<_>>()?)
        }
        _ => Value::String(string(draw)?),
    })
}

fn string(draw: &mut Unstructured<'_>) -> Result<String> {
    if draw.ratio(3, 4)? { draw.choose(STRINGS).map(|text| (*text).to_owned()) } else { draw.arbitrary() }
}

/// Where the document stands after its edits.
fn slice_after(doc: &Document, rendering: &Rendering) -> Span {
    let grown = |edit: &meshfix::text::Edit| edit.new.len() as i64 - edit.span.range().len() as i64;
    let end = i64::from(doc.slice().end) + rendering.edits.edits().iter().map(grown).sum::<i64>();
    Span::new(doc.slice().start as usize, end as usize)
}
