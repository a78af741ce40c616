//! A text as a stream of documents: where each starts and ends, and documents added or removed whole.

use super::tree::Kind;
use crate::text::{Edit, EditSet, Span};

/// The documents of a text, in order; together they cover it but for a byte order mark.
pub type Slices = Vec<Span>;

/// Splits `text` at its `---` and `...` lines, which YAML allows nowhere else at the start of a line.
/// A slice may hold no document, only comments or blanks.
pub fn slices(text: &str) -> Slices {
    let bytes = text.as_bytes();
    let mut slices = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut from = start;
    while let Some((marker, after)) = next_marker(bytes, from) {
        if bytes[marker] == b'-' {
            // Directives and comments in front of the first `---` belong to the document it starts.
            if !is_prefix(&text[start..marker]) {
                slices.push(Span::new(start, marker));
                start = marker;
            }
            from = marker + 3;
        } else {
            slices.push(Span::new(start, after));
            start = after;
            from = after;
        }
    }
    if start < bytes.len() || slices.is_empty() {
        slices.push(Span::new(start, bytes.len()));
    }
    slices
}

/// The next `---` or `...` at the start of a line, and where the line after it starts.
fn next_marker(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let line_start = at == 0 || at == 3 && bytes.starts_with("\u{feff}".as_bytes()) || bytes[at - 1] == b'\n';
        if line_start && at + 3 <= bytes.len() {
            let word = &bytes[at..at + 3];
            let ends = bytes.get(at + 3).is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            if ends && (word == b"---" || word == b"...") {
                let after = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
                return Some((at, after));
            }
        }
        at += memchr::memchr(b'\n', bytes.get(at..)?)? + 1;
    }
}

/// True when `text` holds only what may stand in front of a `---`: comments, blanks, directives.
fn is_prefix(text: &str) -> bool {
    text.lines().all(|line| {
        let trimmed = line.trim_matches([' ', '\t', '\r', '\u{feff}']);
        trimmed.is_empty() || trimmed.starts_with('#') || line.starts_with('%')
    })
}

/// The line ending that most lines of `text` have.
pub fn line_ending(text: &str) -> &'static str {
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let crlf = memchr::memmem::find_iter(text.as_bytes(), b"\r\n").count();
    if crlf * 2 > lines { "\r\n" } else { "\n" }
}

/// The edits that add `document` (text with `\n` line endings and a final one) at the end of `text`.
/// A text without final newline stays one, unless that would change a value of the new document. A block
/// scalar that ends such a text is told to stay without the line feed that it now gets.
pub fn append_document(text: &str, document: &str) -> EditSet {
    let ending = line_ending(text);
    let body = document.strip_suffix('\n').unwrap_or(document).replace('\n', ending);
    let mut edits = EditSet::default();
    let mut at = text.len();
    let mut add = |edit| {
        // They stand in order and apart.
        let _ = edits.insert(edit);
    };
    if text.trim_matches(['\u{feff}', ' ', '\n', '\r', '\t']).is_empty() {
        add(Edit::insert(at, format!("{body}{ending}")));
        return edits;
    }
    let ended = text.ends_with('\n');
    let mut gap = if ended { "" } else { ending };
    if !ended && let Some(scalar) = last_block_scalar(text) {
        match scalar.line_feeds {
            0 => {
                let header = &text[scalar.header.clone()];
                let plain: String = header.chars().filter(|c| !matches!(c, '-' | '+')).collect();
                add(Edit::replace(scalar.header.start, scalar.header.end, format!("{plain}-")));
            }
            // Its last line holds only blanks: what ends that line would be a line feed more.
            _ => {
                at = text.trim_end_matches([' ', '\t']).len();
                gap = "";
            }
        }
    }
    let unended = !ended && last_block_scalar(document).is_none_or(|scalar| scalar.line_feeds == 0);
    let tail = if unended { "" } else { ending };
    let last = text.trim_end_matches(['\n', '\r', ' ', '\t']);
    let starts_empty = last.ends_with("\n---") || last == "---";
    let marker = if starts_empty { String::new() } else { format!("---{ending}") };
    add(Edit::replace(at, text.len(), format!("{gap}{marker}{body}{tail}")));
    edits
}

/// The texts as one stream. Each document keeps its value: what a text means by ending without a line feed is told to
/// stay so.
pub fn join<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut all = String::new();
    for text in texts {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            continue;
        }
        // What starts with `{` is JSON to many readers, and so is all that follows.
        let is_json = text.trim_start().starts_with(['{', '[']);
        if (!all.is_empty() || is_json) && !text.starts_with("---") {
            all.push_str("---\n");
        }
        match last_block_scalar(text).filter(|_| !text.ends_with('\n')) {
            Some(scalar) if scalar.line_feeds == 0 => {
                let plain = text[scalar.header.clone()].chars().filter(|c| !matches!(c, '-' | '+'));
                all.push_str(&text[..scalar.header.start]);
                all.extend(plain.chain(['-']));
                all.push_str(&text[scalar.header.end..]);
                all.push('\n');
            }
            // Its last line holds only blanks: what ends that line would be a line feed more.
            Some(_) => all.push_str(text.trim_end_matches([' ', '\t'])),
            None if text.ends_with('\n') => all.push_str(text),
            None => {
                all.push_str(text);
                all.push('\n');
            }
        }
    }
    all
}

/// A block scalar at the end of a text.
struct LastBlockScalar {
    /// `|` or `>` with its indicators.
    header: std::ops::Range<usize>,
    /// How many line feeds its value ends with.
    line_feeds: usize,
}

/// The block scalar behind which nothing stands but blanks, if the text ends so.
fn last_block_scalar(text: &str) -> Option<LastBlockScalar> {
    let slice = slices(text).pop()?;
    let doc = super::parse_text(&text[slice.range()]).ok()??;
    let node = doc.nodes.len() as u32 - 1;
    let span = doc.raw(node).span;
    let rest = &doc.text()[span.end as usize..];
    if !matches!(doc.raw(node).kind, Kind::Literal | Kind::Folded) || !rest.trim().is_empty() {
        return None;
    }
    let header = doc.text()[span.range()].bytes().take_while(|b| b"|>+-0123456789".contains(b)).count();
    let value = doc.decoded(node);
    let start = (slice.start + span.start) as usize;
    Some(LastBlockScalar {
        header: start..start + header,
        line_feeds: value.len() - value.trim_end_matches('\n').len(),
    })
}

/// The length of what stands in front of the `---` of a slice, and whether directives are part of it.
fn prefix(slice: &str) -> Option<(usize, bool)> {
    let bytes = slice.as_bytes();
    let (marker, _) = next_marker(bytes, 0).filter(|(marker, _)| bytes[*marker] == b'-')?;
    let prefix = &slice[..marker];
    is_prefix(prefix).then(|| (marker, prefix.lines().any(|line| line.starts_with('%'))))
}

/// The edit that puts `document` in front of the document at `slice`. Comments in front of that one's
/// `---` stay where they are; others stay with it.
pub fn insert_document(text: &str, slice: Span, document: &str) -> Edit {
    let ending = line_ending(text);
    let body = document.strip_suffix('\n').unwrap_or(document).replace('\n', ending);
    let start = slice.start as usize;
    match prefix(&text[slice.range()]) {
        Some((_, true)) => Edit::insert(start, format!("---{ending}{body}{ending}...{ending}")),
        Some((marker, false)) => Edit::insert(start + marker, format!("---{ending}{body}{ending}")),
        None => Edit::insert(start, format!("{body}{ending}---{ending}")),
    }
}

/// The edit that removes the document at `slices[index]`: its `---` and all up to the next one.
/// Where it is the first, the comment that heads the text stays, and the `---` of the next document goes
/// if the text did not start with one.
pub fn remove_document(text: &str, slices: &[Span], index: usize) -> Option<Edit> {
    let slice = slices.get(index)?;
    let (mut start, mut end) = (slice.start as usize, slice.end as usize);
    if index == 0 {
        start += heading(&text[slice.range()]);
        let starts_with_marker = text[start..].starts_with("---");
        let rest = &text[end..];
        if !starts_with_marker && let Some(line) = rest.strip_prefix("---") {
            let line_end = memchr::memchr(b'\n', line.as_bytes()).map_or(line.len(), |i| i + 1);
            // Only a bare marker may go: `--- # comment` and `--- text` say more.
            if line[..line_end].trim().is_empty() {
                end += 3 + line_end;
            }
        }
    } else if end == text.len()
        && !text.ends_with('\n')
        && last_block_scalar(&text[..start]).is_none_or(|scalar| scalar.line_feeds == 0)
    {
        // The text had no final newline; the document in front becomes the last one and has none either.
        let shorter = text[..start].strip_suffix('\n');
        start = shorter.map_or(start, |line| line.strip_suffix('\r').unwrap_or(line).len());
    }
    Some(Edit::delete(start, end))
}

/// The length of the comment that heads a text rather than its first document: one that a blank line or
/// the document's `---` sets apart.
fn heading(slice: &str) -> usize {
    if let Some((marker, directives)) = prefix(slice) {
        return if directives { 0 } else { marker };
    }
    let mut length = 0;
    let mut set_apart = 0;
    for line in slice.split_inclusive('\n') {
        let trimmed = line.trim();
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            break;
        }
        length += line.len();
        if trimmed.is_empty() {
            set_apart = length;
        }
    }
    set_apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        slices(text).into_iter().map(|span| &text[span.range()]).collect()
    }

    #[test]
    fn documents_are_split_at_their_markers() {
        assert_eq!(split("a: 1\n---\nb: 2\n"), ["a: 1\n", "---\nb: 2\n"]);
        assert_eq!(split("# top\n%YAML 1.2\n---\na: 1\n"), ["# top\n%YAML 1.2\n---\na: 1\n"]);
        assert_eq!(split("---\na: 1\n...\n# x\n---\nb\n"), ["---\na: 1\n...\n", "# x\n---\nb\n"]);
        assert_eq!(split("---\n---\n---"), ["---\n", "---\n", "---"]);
        assert_eq!(split("a: ---\n --- b\n---x: 1\n"), ["a: ---\n --- b\n---x: 1\n"]);
        assert_eq!(split("\u{feff}a: 1\n--- # c\nb"), ["a: 1\n", "--- # c\nb"]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn documents_come_and_go_whole() {
        let text = "a: 1\n---\nb: 2\n---\nc: 3\n";
        let spans = slices(text);
        let without = |index: usize| {
            let edit = remove_document(text, &spans, index).expect("there");
            format!("{}{}", &text[..edit.span.start as usize], &text[edit.span.end as usize..])
        };
        assert_eq!(without(0), "b: 2\n---\nc: 3\n");
        assert_eq!(without(1), "a: 1\n---\nc: 3\n");
        assert_eq!(without(2), "a: 1\n---\nb: 2\n");
        let with = |text: &str, document: &str| append_document(text, document).apply(text);
        assert_eq!(with("a: 1\n", "b: 2\n"), "a: 1\n---\nb: 2\n");
        assert_eq!(with("a: 1", "b: 2\n"), "a: 1\n---\nb: 2");
        assert_eq!(with("a: 1\r\n", "b: 2\nc: 3\n"), "a: 1\r\n---\r\nb: 2\r\nc: 3\r\n");
        assert_eq!(with("a: |\n  x", "b: 2\n"), "a: |-\n  x\n---\nb: 2");
        assert_eq!(with("a: |\n  x\n  ", "b: 2\n"), "a: |\n  x\n---\nb: 2");
        assert_eq!(with("a: 1", "b: |\n  x\n"), "a: 1\n---\nb: |\n  x\n");
        assert_eq!(insert_document(text, spans[1], "z: 0\n").new, "---\nz: 0\n");
        assert_eq!(insert_document(text, spans[0], "z: 0\n").new, "z: 0\n---\n");
    }
}
