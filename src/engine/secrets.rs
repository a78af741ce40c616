//! Where Secrets stand, so that no diff shows a line of one.

use crate::manifest::{SourceFile, State};
use crate::text::Span;
use crate::yaml::Node;

/// The bytes of a file's Secrets.
#[derive(Debug, Default)]
pub(super) struct SecretSpans {
    /// Whole Secrets.
    spans: Vec<Span>,
    /// The parts of them that hold values.
    values: Vec<Span>,
}

impl SecretSpans {
    pub(super) fn new(file: &SourceFile) -> Self {
        let (mut spans, mut values) = (Vec::new(), Vec::new());
        for slot in &file.slots {
            match &slot.state {
                State::Read(document) => collect(document.root(), &mut spans, &mut values, 0),
                State::Secret => unread(&file.text, slot.slice, &mut spans, &mut values),
                // Whatever was not read may hold one.
                _ if memchr::memmem::find(&file.text.as_bytes()[slot.slice.range()], b"Secret").is_some() => {
                    unread(&file.text, slot.slice, &mut spans, &mut values);
                }
                _ => {}
            }
        }
        spans.sort_unstable();
        values.sort_unstable();
        SecretSpans { spans, values }
    }

    /// True when the file holds no Secret.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// True when the span shares a byte with a Secret.
    pub(super) fn touches(&self, span: Span) -> bool {
        meets(&self.spans, span)
    }

    /// True when the span shares a byte with a Secret's values.
    pub(super) fn shows_value(&self, span: Span) -> bool {
        meets(&self.values, span)
    }
}

/// True when the span shares a byte with one of `sorted`, which do not overlap.
fn meets(sorted: &[Span], span: Span) -> bool {
    let from = sorted.partition_point(|have| have.end <= span.start);
    sorted.get(from).is_some_and(|have| have.start < span.end)
}

/// A document that was not read is a Secret and a value as a whole, but for a `---` with nothing or a comment behind it.
fn unread(text: &str, slice: Span, spans: &mut Vec<Span>, values: &mut Vec<Span>) {
    let source = &text[slice.range()];
    let first = source.split_inclusive('\n').next().unwrap_or_default();
    let bare = first.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty() || rest.trim().starts_with('#'));
    let start = slice.start as usize + if bare { first.len() } else { 0 };
    spans.push(Span::new(start, slice.end as usize));
    values.push(Span::new(start, slice.end as usize));
}

/// Secrets in lists; a list of lists is no API object.
fn collect(node: Node<'_>, spans: &mut Vec<Span>, values: &mut Vec<Span>, depth: usize) {
    match node.get("kind").and_then(|kind| kind.text()) {
        Some("Secret") => {
            spans.push(node.span());
            // Annotations too: kubectl keeps the last applied object there.
            let parts = [node.get("data"), node.get("stringData"), node.at(&["metadata", "annotations"])];
            values.extend(parts.into_iter().flatten().map(|part| part.entry_span()));
        }
        Some("SecretList") => {
            spans.push(node.span());
            values.push(node.span());
        }
        Some(kind) if kind.ends_with("List") && depth < 4 => {
            for item in node.get("items").into_iter().flat_map(Node::items) {
                collect(item, spans, values, depth + 1);
            }
        }
        _ => {}
    }
}

/// For each line of the file's text, whether it shows part of a Secret.
pub fn secret_lines(file: &SourceFile) -> Vec<bool> {
    let secrets = SecretSpans::new(file);
    if secrets.is_empty() {
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
