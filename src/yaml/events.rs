//! A document as the event lines of the YAML test suite, to compare trees with those of other parsers.

use super::tree::{Document, Kind};

/// The events of a document, one a line, in the suite's notation; tags stand as they are written.
pub fn events(doc: &Document) -> Vec<String> {
    let mut out = Vec::with_capacity(doc.nodes.len() + 8);
    // Ends of the collections that are open: the first node behind each, and the line that closes it.
    let mut open: Vec<(u32, &str)> = Vec::new();
    for node in 0..doc.nodes.len() as u32 {
        while let Some((_, line)) = open.pop_if(|(end, _)| *end == node) {
            out.push(line.to_owned());
        }
        let raw = doc.raw(node);
        let (start, end) = match raw.kind {
            Kind::BlockMapping => ("+MAP", Some("-MAP")),
            Kind::FlowMapping => ("+MAP {}", Some("-MAP")),
            Kind::BlockSequence => ("+SEQ", Some("-SEQ")),
            Kind::FlowSequence => ("+SEQ []", Some("-SEQ")),
            Kind::Alias => ("=ALI", None),
            _ => ("=VAL", None),
        };
        let mut line = start.to_owned();
        if raw.kind == Kind::Alias {
            line = format!("{line} {}", &doc.text[raw.span.range()]);
        }
        if let Some(props) = doc.props_of(node) {
            if let Some(anchor) = props.anchor {
                line = format!("{line} {}", &doc.text[anchor.range()]);
            }
            if let Some(tag) = props.tag {
                line = format!("{line} <{}>", &doc.text[tag.range()]);
            }
        }
        if raw.kind.is_scalar() {
            let mark = match raw.kind {
                Kind::SingleQuoted => '\'',
                Kind::DoubleQuoted => '"',
                Kind::Literal => '|',
                Kind::Folded => '>',
                _ => ':',
            };
            line = format!("{line} {mark}{}", escaped(doc.decoded(node)));
        }
        out.push(line);
        if let Some(end) = end {
            open.push((raw.next, end));
        }
    }
    out.extend(open.into_iter().rev().map(|(_, line)| line.to_owned()));
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            c => out.push(c),
        }
    }
    out
}
