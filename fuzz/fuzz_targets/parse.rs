//! Any text is split, read and asked without a panic, and the tree fits its text.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{Corpus, fuzz_target};
use meshfix::text::Span;
use meshfix::yaml::{self, Document, Node, Plan, Via};

/// Most nodes that are looked at: aliases can stand for far more nodes than are written.
const NODES: usize = 2_000;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let text: Arc<str> = text.into();
    let slices = yaml::slices(&text);
    check_slices(&text, &slices);
    for slice in slices {
        match yaml::parse(&text, slice) {
            Ok(None) => {}
            Ok(Some(doc)) => check_document(&doc),
            Err(error) => {
                inside(&text, slice, error.at);
                assert!(!error.to_string().is_empty());
            }
        }
        let _ = yaml::second_value(&text[slice.range()]);
    }
    Corpus::Keep
});

/// The slices follow each other and cover the text.
fn check_slices(text: &str, slices: &[Span]) {
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for slice in slices {
        assert_eq!(slice.start, at, "slices follow each other");
        assert!(text.get(slice.range()).is_some(), "a slice is text");
        at = slice.end;
    }
    assert_eq!(at as usize, text.len(), "slices cover the text");
}

fn inside(text: &str, outer: Span, span: Span) {
    assert!(outer.contains(span), "{span:?} lies outside {outer:?}");
    assert!(text.get(span.range()).is_some(), "{span:?} cuts a character");
}

fn check_document(doc: &Document) {
    let text = doc.text();
    assert!(!doc.is_empty());
    for pair in doc.comments().windows(2) {
        assert!(pair[0].end <= pair[1].start, "comments are in order");
    }
    for comment in doc.comments() {
        inside(text, doc.slice(), *comment);
        assert!(text[comment.range()].starts_with('#'), "a comment starts with #");
    }
    let mut seen = 0;
    let mut open = vec![doc.root()];
    while let Some(node) = open.pop() {
        seen += 1;
        if seen > NODES {
            break;
        }
        check_node(doc, node);
        let children: Vec<Node<'_>> = match node.kind().is_mapping() {
            true => node.entries().into_iter().map(|(_, child)| child).collect(),
            false => node.items().collect(),
        };
        for child in &children {
            if child.via() == Via::Here {
                inside(text, node.span(), child.span());
            }
        }
        open.extend(children);
    }
    let _ = yaml::value(doc);
    let nothing = Plan::new(doc).render().expect("a plan that changes nothing");
    assert!(nothing.edits.is_empty() && nothing.patch.0.is_empty());
}

fn check_node(doc: &Document, node: Node<'_>) {
    inside(doc.text(), doc.slice(), node.span());
    inside(doc.text(), doc.slice(), node.entry_span());
    assert!(doc.node(node.id(), node.via()).is_some());
    assert_eq!(node.text().is_some(), node.kind().is_scalar());
    let typed = [node.as_str().is_some(), node.as_bool().is_some(), node.as_i64().is_some(), node.is_null()];
    assert!(typed.into_iter().filter(|has| *has).count() <= 1, "a node has one type");
    if node.via() == Via::Here {
        let path = node.path();
        // A key that stands twice hides its first value.
        if let Some(found) = doc.root().pointer(&path)
            && found.via() == Via::Here
        {
            assert_eq!(found.path(), path, "the path names the node");
        }
    }
    if let Some(value) = node.text() {
        check_segments(doc, node, value);
    }
    let _ = node.embedded();
}

/// The map from a scalar's value to its text covers the value, and stays inside the document.
fn check_segments(doc: &Document, node: Node<'_>, value: &str) {
    let Some(segments) = node.segments() else { return };
    let mut at = 0;
    for segment in &segments {
        assert_eq!(segment.value.start, at, "segments follow each other in the value");
        at = segment.value.end;
        inside(doc.text(), doc.slice(), Span::new(segment.source.start, segment.source.end));
        assert!(value.get(segment.value.clone()).is_some(), "a segment is part of the value");
    }
    assert_eq!(at, value.len(), "segments cover the value");
}
