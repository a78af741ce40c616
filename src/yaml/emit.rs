//! Prints new values, and only new ones, in the style of the place where they will stand.

use serde_json::{Map, Value};

use super::scalar::{Place, double_quoted, is_safe_plain, single_quoted};

/// How new text is to look at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// JSON only: quoted keys and strings.
    pub json: bool,
    /// Columns from a key to the keys of its mapping.
    pub step: usize,
    /// Columns from a key to the dashes of its sequence.
    pub dash: usize,
    /// A space after `:` and `,` in flow collections; minified JSON has none.
    pub spaced: bool,
    /// A line break follows the new text; where none does, no text with a final one can be a block scalar.
    pub broken: bool,
    /// No comment follows that a block scalar would swallow.
    pub literals: bool,
    /// How new items of a sequence are quoted when all its strings are.
    pub quotes: Option<Quotes>,
}

/// The quotes of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// `'`
    Single,
    /// `"`
    Double,
}

impl Default for Style {
    fn default() -> Self {
        Style { json: false, step: 2, dash: 0, spaced: true, broken: true, literals: true, quotes: None }
    }
}

/// The text of a whole document in block style, as people write manifests.
pub(super) fn document_text(value: &Value, style: Style) -> String {
    let style = Style { json: false, spaced: true, broken: true, literals: true, quotes: None, ..style };
    let lines = match value {
        Value::Object(map) if !map.is_empty() => mapping_lines(map, style),
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(|item| item_lines(item, style)).collect(),
        other => vec![inline(other, style, Place::Block)],
    };
    lines.join("\n") + "\n"
}

/// The lines of a block mapping entry, relative to the key's column.
pub(super) fn entry_lines(name: &str, value: &Value, style: Style) -> Vec<String> {
    let name = key(name, style, Place::Block);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut lines = vec![format!("{name}:")];
            lines.extend(indented(mapping_lines(map, style), style.step));
            lines
        }
        Value::Array(items) if !items.is_empty() => {
            let mut lines = vec![format!("{name}:")];
            lines.extend(indented(items.iter().flat_map(|item| item_lines(item, style)).collect(), style.dash));
            lines
        }
        Value::String(text) if style.literals && is_literal(text, style.broken) => {
            let mut lines = vec![format!("{name}: {}", literal_header(text))];
            lines.extend(literal_body(text, style.step));
            lines
        }
        other => vec![format!("{name}: {}", inline(other, style, Place::Block))],
    }
}

/// The lines of all entries of a block mapping, relative to its column.
pub(super) fn mapping_lines(map: &Map<String, Value>, style: Style) -> Vec<String> {
    map.iter().flat_map(|(name, value)| entry_lines(name, value, style)).collect()
}

/// The lines of a block sequence item, relative to its dash.
pub(super) fn item_lines(value: &Value, style: Style) -> Vec<String> {
    let nested = match value {
        Value::Object(map) if !map.is_empty() => mapping_lines(map, style),
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(|item| item_lines(item, style)).collect(),
        other => vec![item(other, style, Place::Block)],
    };
    nested.into_iter().enumerate().map(|(i, line)| format!("{}{line}", if i == 0 { "- " } else { "  " })).collect()
}

/// An item of a sequence on one line, in the quotes of its neighbours.
pub(super) fn item(value: &Value, style: Style, place: Place) -> String {
    match (value, style.quotes) {
        (Value::String(text), Some(Quotes::Double)) => double_quoted(text),
        (Value::String(text), Some(Quotes::Single)) => single_quoted(text).unwrap_or_else(|| double_quoted(text)),
        _ => inline(value, style, place),
    }
}

/// A value on one line: scalars as they stand at `place`, collections in flow style.
pub(super) fn inline(value: &Value, style: Style, place: Place) -> String {
    let (colon, comma) = if style.spaced { (": ", ", ") } else { (":", ",") };
    match value {
        Value::String(text) if !style.json && is_safe_plain(text, place) => text.clone(),
        Value::String(text) => double_quoted(text),
        Value::Object(map) => {
            let entries = map.iter().map(|(name, value)| {
                format!("{}{colon}{}", key(name, style, Place::Flow), inline(value, style, Place::Flow))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(comma))
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| inline(item, style, Place::Flow));
            format!("[{}]", items.collect::<Vec<_>>().join(comma))
        }
        other => other.to_string(),
    }
}

/// A value in flow style over several lines, as pretty-printed JSON has it; the first line is not indented.
pub(super) fn pretty(value: &Value, style: Style, place: Place) -> Vec<String> {
    let (open, close, children): (_, _, Vec<Vec<String>>) = match value {
        Value::Object(map) if !map.is_empty() => {
            let child = |(name, value): (&String, &Value)| {
                let mut lines = pretty(value, style, Place::Flow);
                lines[0] = format!("{}: {}", key(name, style, Place::Flow), lines[0]);
                lines
            };
            ("{", "}", map.iter().map(child).collect())
        }
        Value::Array(items) if !items.is_empty() => {
            ("[", "]", items.iter().map(|item| pretty(item, style, Place::Flow)).collect())
        }
        other => return vec![inline(other, style, place)],
    };
    let last = children.len() - 1;
    let mut lines = vec![open.to_owned()];
    for (i, mut child) in children.into_iter().enumerate() {
        if i < last
            && let Some(end) = child.last_mut()
        {
            end.push(',');
        }
        lines.extend(indented(child, style.step));
    }
    lines.push(close.to_owned());
    lines
}

/// A key at `place`.
pub(super) fn key(name: &str, style: Style, place: Place) -> String {
    if !style.json && is_safe_plain(name, place) { name.to_owned() } else { double_quoted(name) }
}

/// True for text that reads best as a literal block scalar and survives as one.
fn is_literal(text: &str, broken: bool) -> bool {
    (broken || !text.ends_with('\n'))
        && !text.ends_with("\n\n")
        && text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && text.chars().all(|c| {
            c == '\n' || c == '\t' || (!c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
        })
        && !text.lines().any(|line| !line.is_empty() && line.trim().is_empty())
}

/// `|` with the chomping that keeps the final line breaks of `text`.
pub(super) fn literal_header(text: &str) -> &'static str {
    if text.ends_with("\n\n") || text == "\n" {
        "|+"
    } else if text.ends_with('\n') {
        "|"
    } else {
        "|-"
    }
}

/// The lines of a literal block scalar, indented by `indent`; blank lines stay empty.
pub(super) fn literal_body(text: &str, indent: usize) -> Vec<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.split('\n')
        .map(|line| if line.is_empty() { String::new() } else { format!("{}{line}", " ".repeat(indent)) })
        .collect()
}

/// Lines as one text that starts in the column where it is put; blank lines stay empty.
pub(super) fn joined(lines: &[String], ending: &str, indentation: &str) -> String {
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push_str(ending);
            out.push_str(if line.is_empty() { "" } else { indentation });
        }
        out.push_str(line);
    }
    out
}

pub(super) fn indented(lines: Vec<String>, by: usize) -> Vec<String> {
    let pad = " ".repeat(by);
    lines.into_iter().map(|line| if line.is_empty() { line } else { format!("{pad}{line}") }).collect()
}
