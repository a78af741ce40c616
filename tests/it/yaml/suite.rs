//! The YAML test suite: our trees have its events, reading changes no byte, and errors are refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Trial;
use meshfix::yaml::{self, Plan};

use super::support;

/// Valid cases that we do not read as the suite does, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("JEF9/02", "kubectl adds no line feed to a block scalar that ends a text without one"),
    ("L24T/01", "kubectl adds no line feed to a block scalar that ends a text without one"),
];

/// Invalid cases that we read, each with the reason.
const ACCEPTED: &[(&str, &str)] = &[
    ("9C9N", "kubectl reads flow collections that go on in the first column"),
    ("QB6E", "kubectl reads quoted scalars that go on in the first column"),
    ("DK95/01", "kubectl reads quoted scalars that go on behind a tab"),
];

pub(super) fn trials() -> Vec<Trial> {
    let Some(folder) = crate::shared::folder() else {
        crate::shared::skip("yaml-test-suite");
        return Vec::new();
    };
    let folder = folder.join("suites/yaml-test-suite");
    let cases = fs::read_to_string(folder.join("cases.tsv")).expect("cases.tsv");
    let cases: Vec<(String, bool)> = cases
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(id, kind)| (id.to_owned(), kind.trim() == "valid"))
        .collect();
    assert!(cases.len() > 400, "{} cases", cases.len());
    cases
        .into_iter()
        .map(|(id, valid)| {
            let case = folder.join("data").join(&id);
            support::trial(format!("yaml::suite::{id}"), move || run(&case, &id, valid).err().into_iter().collect())
        })
        .collect()
}

fn run(case: &Path, id: &str, valid: bool) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(case.join(name)).map_err(|error| format!("{name}: {error}"));
    let text = read("in.yaml")?;
    let got = stream_events(&text);
    if !valid {
        let excused = ACCEPTED.iter().any(|(have, _)| *have == id);
        return match got {
            Err(at) if !excused && at <= text.len() => Ok(()),
            Ok(_) if excused => Ok(()),
            Err(_) if excused => Err("refused by now: no exception any more".to_owned()),
            other => Err(format!("{text:?} should be refused, is {other:?}")),
        };
    }
    let expected: Vec<String> = read("test.event")?
        .lines()
        .filter(|line| !matches!(*line, "+STR" | "-STR"))
        .map(|line| if line.starts_with("-DOC") { "-DOC".to_owned() } else { line.to_owned() })
        .collect();
    let same = got.as_ref() == Ok(&expected);
    match EXCEPTIONS.iter().find(|(have, _)| *have == id) {
        Some((_, reason)) if same => Err(format!("no exception any more: {reason}")),
        Some(_) => Ok(()),
        None if same => Ok(()),
        None => Err(format!("{text:?} gives\n{got:#?}\nnot\n{expected:#?}")),
    }
}

/// The events of all documents; `Err` with the place of the first error. Each document is rendered
/// with no operation, which must change nothing.
fn stream_events(text: &str) -> Result<Vec<String>, usize> {
    let shared: Arc<str> = text.into();
    let mut all = Vec::new();
    let slices = yaml::slices(text);
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for slice in slices {
        assert_eq!(slice.start as usize, at, "slices leave nothing out");
        at = slice.end as usize;
        let Some(doc) = yaml::parse(&shared, slice).map_err(|error| error.at.start as usize)? else { continue };
        let source = &text[slice.range()];
        let rendering = Plan::new(&doc).render().expect("nothing to render");
        assert_eq!(rendering.edits.apply(text), text);
        let explicit =
            source.lines().any(|line| line == "---" || line.starts_with("--- ") || line.starts_with("---\t"));
        all.push(if explicit { "+DOC ---".to_owned() } else { "+DOC".to_owned() });
        all.extend(yaml::events(&doc).into_iter().map(|line| resolve_tag(&line, source)));
        all.push("-DOC".to_owned());
    }
    assert_eq!(at, text.len(), "slices leave nothing out");
    Ok(all)
}

/// The suite writes tags resolved.
fn resolve_tag(line: &str, source: &str) -> String {
    let Some((head, rest)) = line.split_once(" <!") else { return line.to_owned() };
    if head.contains([':', '"', '\'', '|', '>']) && head.starts_with("=VAL :") {
        return line.to_owned();
    }
    let Some((tag, tail)) = rest
        .split_once("> ")
        .map(|(tag, tail)| (tag, format!(" {tail}")))
        .or_else(|| rest.strip_suffix('>').map(|tag| (tag, String::new())))
    else {
        return line.to_owned();
    };
    let directives: Vec<(&str, &str)> = source
        .lines()
        .filter_map(|line| line.strip_prefix("%TAG "))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let written = format!("!{tag}");
    let prefix = |handle: &str| directives.iter().find(|(have, _)| *have == handle).map(|(_, prefix)| *prefix);
    let resolved = if let Some(uri) = written.strip_prefix("!<").and_then(|uri| uri.strip_suffix('>')) {
        uri.to_owned()
    } else {
        let end = written[1..].find('!').map_or(1, |i| i + 2);
        let (handle, suffix) = written.split_at(end);
        let default = if handle == "!!" { "tag:yaml.org,2002:" } else { handle };
        format!("{}{}", prefix(handle).unwrap_or(default), percent_decoded(suffix))
    };
    format!("{head} <{resolved}>{tail}")
}

fn percent_decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}
