//! Takes suggestions as other programs do: it shares no code with what made them.

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) type Texts = BTreeMap<String, String>;

/// What columns count.
#[derive(Clone, Copy)]
pub(super) enum Columns {
    Utf16,
    Bytes,
}

/// Makes the fix of a SARIF result.
pub(super) fn sarif(fix: &Value, texts: &mut Texts) {
    for change in fix["artifactChanges"].as_array().expect("changes") {
        let name = decoded(change["artifactLocation"]["uri"].as_str().expect("a reference"));
        let text = texts.get_mut(&name).unwrap_or_else(|| panic!("no file {name}"));
        let number = |region: &Value, name: &str| region[name].as_u64().expect("a number") as usize;
        let mut replacements: Vec<(usize, usize, String)> = Vec::new();
        for replacement in change["replacements"].as_array().expect("replacements") {
            let region = &replacement["deletedRegion"];
            let start = offset(text, number(region, "startLine"), number(region, "startColumn"), Columns::Utf16);
            let end = offset(text, number(region, "endLine"), number(region, "endColumn"), Columns::Utf16);
            replacements.push((start, end, replacement["insertedContent"]["text"].as_str().expect("text").to_owned()));
        }
        assert!(replacements.windows(2).all(|pair| pair[0].1 <= pair[1].0), "in order, and apart: {replacements:?}");
        for (start, end, new) in replacements.into_iter().rev() {
            text.replace_range(start..end, &new);
        }
    }
}

/// Takes a suggestion of rdjson in the file of its diagnostic.
pub(super) fn rdjson(suggestion: &Value, text: &mut String) {
    let at = |name: &str| {
        let place = &suggestion["range"][name];
        let number = |name: &str| place[name].as_u64().expect("a number") as usize;
        offset(text, number("line"), number("column"), Columns::Bytes)
    };
    text.replace_range(at("start")..at("end"), suggestion["text"].as_str().expect("text"));
}

/// The byte at a line and a column, both from 1.
pub(super) fn offset(text: &str, line: usize, column: usize, columns: Columns) -> usize {
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n').expect("the line is there") + 1;
    }
    let rest = &text[start..];
    let rest = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let mut at = start;
    let mut have = 1;
    for c in rest.chars() {
        if have >= column {
            break;
        }
        have += match columns {
            Columns::Bytes => c.len_utf8(),
            // The mark at the start of a file is no part of its content.
            Columns::Utf16 if at == 0 && c == '\u{feff}' => 0,
            Columns::Utf16 => c.len_utf16(),
        };
        at += c.len_utf8();
    }
    if at == 0 && column == 1 && matches!(columns, Columns::Utf16) && text.starts_with('\u{feff}') {
        at = '\u{feff}'.len_utf8();
    }
    assert_eq!(have, column, "column {column} of line {line} is a place: {rest:?}");
    at
}

/// A reference without its `%XX`.
pub(super) fn decoded(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
            let digits = std::str::from_utf8(&digits).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("a number"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
