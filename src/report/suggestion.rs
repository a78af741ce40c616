//! Fixes as suggestions: each stands alone, so that a person can take one and leave the others.

use super::View;
use crate::engine::{Outcome, Reported};
use crate::text::{Edit, EditSet, FileId, Loc, Span};

/// How much text is read again to prove suggestions, in bytes, beside what the input has: a report must end.
const MOST_READ: usize = 16 << 20;
/// How many lines one replacement may go over.
const MOST_LINES: usize = 100;

/// Gives suggestions to findings, in the order of the report.
pub(super) struct Suggestions {
    /// Bytes that may still be read.
    room: usize,
    /// Fixes that stand alone but were left out, because too much text was read for others.
    pub(super) left_out: usize,
}

impl Suggestions {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let input: usize = outcome.files.iter().map(|file| file.text.len()).sum();
        Suggestions { room: MOST_READ + 2 * input, left_out: 0 }
    }

    /// The edits of the finding's fix in the files as they are; `None` when they do not stand alone, when they are
    /// written already, where nobody could take them since the text came in a stream, and where a line of a Secret would
    /// be shown.
    pub(super) fn next(&mut self, view: &View<'_>, reported: &Reported) -> Option<Vec<(FileId, EditSet)>> {
        let file = &view.outcome.files[reported.finding.at.file.0 as usize];
        if view.written || file.is_rendered {
            return None;
        }
        let cost = view.outcome.cost_alone(reported);
        if cost > self.room {
            self.left_out += 1;
            return None;
        }
        self.room -= cost;
        let edits = view.outcome.alone(reported)?;
        let shows_secret = |(file, edits): &(FileId, EditSet)| {
            edits.edits().iter().any(|edit| view.touches_secret(Loc { file: *file, span: edit.span }))
        };
        if edits.iter().any(shows_secret) { None } else { Some(edits) }
    }
}

/// The edits of a file as one replacement, for programs that know no more; `None` where it would go over too many lines,
/// or over one of a Secret.
pub(super) fn as_one(view: &View<'_>, file: FileId, edits: &EditSet) -> Option<Edit> {
    let (first, last) = (edits.edits().first()?, edits.edits().last()?);
    let text = view.text(file);
    let span = Span { start: first.span.start, end: last.span.end };
    let mut new = String::new();
    let mut from = span.start as usize;
    for edit in edits.edits() {
        new.push_str(&text[from..edit.span.start as usize]);
        new.push_str(&edit.new);
        from = edit.span.end as usize;
    }
    let one = off_the_end(text, Edit { span, new });
    let lines = memchr::memchr_iter(b'\n', &text.as_bytes()[one.span.range()]).count();
    let is_fit = lines < MOST_LINES && !view.touches_secret(Loc { file, span: one.span });
    is_fit.then_some(one)
}

/// The same edit without the place behind the last line break, which is no line for programs that read by lines.
fn off_the_end(text: &str, edit: Edit) -> Edit {
    let (start, end) = (edit.span.start as usize, edit.span.end as usize);
    let newline = if text.ends_with("\r\n") { "\r\n" } else { "\n" };
    let is_whole = |part: &str| part.is_empty() || part.ends_with(newline);
    let moves = end == text.len()
        && text[..start].ends_with(newline)
        && is_whole(&text[start..])
        && is_whole(&edit.new)
        && !(start == end && edit.new.is_empty());
    if !moves {
        return edit;
    }
    let new = edit.new.strip_suffix(newline).map(|lines| format!("{newline}{lines}")).unwrap_or_default();
    Edit::replace(start - newline.len(), end - newline.len(), new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use crate::engine::{self, Settings};
    use crate::manifest::SourceFile;
    use crate::transforms;

    #[test]
    fn what_would_take_too_long_is_counted() {
        let pod = |name: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{hostNetwork: true, containers: []}}\n"
            )
        };
        let text = [pod("a"), pod("b"), pod("c")].join("---\n");
        let file = SourceFile::read("pods.yaml".to_owned(), text.into(), None).expect("a manifest");
        let is_chosen = |rule: &&&dyn crate::rule::Transform| rule.meta().name == "host-network";
        let rules = transforms::ALL.iter().filter(is_chosen).copied().map(|rule| rule as _).collect();
        let options = Options::default();
        let settings = Settings { unsafe_fixes: true, ..Settings::new(rules, &options) };
        let outcome = engine::run(vec![file], &settings);
        let view = View::new(&outcome, false);
        let suggested = |room: usize| {
            let mut suggestions = Suggestions { room, left_out: 0 };
            let made = outcome.findings.iter().filter(|reported| suggestions.next(&view, reported).is_some()).count();
            (made, suggestions.left_out)
        };
        assert_eq!(suggested(MOST_READ), (3, 0));
        assert_eq!(suggested(2 * pod("a").len() + 10), (2, 1));
        assert_eq!(suggested(0), (0, 3));
    }

    #[test]
    fn the_end_of_a_text_is_left_alone() {
        let cases = [
            ("a\nb\n", Edit::insert(4, "c\n"), "\nc"),
            ("a\r\nb\r\n", Edit::insert(6, "c\r\nd\r\n"), "\r\nc\r\nd"),
            ("a\nb\n", Edit::delete(2, 4), ""),
            ("a\nb\n", Edit::replace(2, 4, "c\n"), "\nc"),
        ];
        for (text, edit, new) in cases {
            let moved = off_the_end(text, edit.clone());
            assert_eq!((moved.new.as_str(), (moved.span.end as usize) < text.len()), (new, true), "{text:?} {edit:?}");
            let apply = |edit: Edit| {
                let mut edits = EditSet::default();
                edits.insert(edit).expect("one edit");
                edits.apply(text)
            };
            assert_eq!(apply(moved), apply(edit));
        }
        for edit in [Edit::insert(4, "c"), Edit::insert(3, "c\n"), Edit::replace(2, 4, "c"), Edit::delete(0, 4)] {
            assert_eq!(off_the_end("a\nb\n", edit.clone()), edit);
        }
    }
}
