//! Where Secrets stand, so that no diff shows a line of one.

use crate::manifest::{SourceFile, State};
use crate::text::Span;
use crate::yaml::Node;

/// The bytes of a file's Secrets.
#[derive(Debug, Default)]
pub(super) struct SecretSpans {
    spans: Vec<Span>,
}

impl SecretSpans {
    pub(super) fn new(file: &SourceFile) -> Self {
        let mut spans = Vec::new();
        for slot in &file.slots {
            match &slot.state {
                State::Secret => spans.push(body(&file.text, slot.slice)),
                State::Read(document) => collect(document.root(), &mut spans, 0),
                _ => {}
            }
        }
        SecretSpans { spans }
    }

    /// True when the span shares a byte with a Secret.
    pub(super) fn touches(&self, span: Span) -> bool {
        self.spans.iter().any(|have| have.overlaps(span))
    }
}

/// A document without its `---`, which tells nothing.
fn body(text: &str, slice: Span) -> Span {
    let source = &text[slice.range()];
    let first = if source.starts_with("---") { source.find('\n').map_or(source.len(), |at| at + 1) } else { 0 };
    Span::new(slice.start as usize + first, slice.end as usize)
}

/// Secrets in lists; a list of lists is no API object.
fn collect(node: Node<'_>, spans: &mut Vec<Span>, depth: usize) {
    match node.get("kind").and_then(|kind| kind.text()) {
        Some("Secret") => spans.push(node.span()),
        Some(kind) if kind.ends_with("List") && depth < 4 => {
            for item in node.get("items").into_iter().flat_map(Node::items) {
                collect(item, spans, depth + 1);
            }
        }
        _ => {}
    }
}

/// For each line of the file's text, whether it shows part of a Secret.
pub fn secret_lines(file: &SourceFile) -> Vec<bool> {
    let secrets = SecretSpans::new(file);
    if secrets.spans.is_empty() {
        return Vec::new();
    }
    let mut at = 0;
    let line = |line: &str| {
        let span = Span::new(at, at + line.len());
        at += line.len();
        secrets.touches(span)
    };
    file.text.split_inclusive('\n').map(line).collect()
}
