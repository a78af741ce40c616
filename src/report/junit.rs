//! JUnit XML, which nearly every CI system shows.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use super::{View, words};
use crate::engine::Reported;
use crate::rule::Level;

/// A test case of ours.
struct Case {
    name: String,
    outcome: Outcome,
}

enum Outcome {
    /// There was nothing to find.
    Passed,
    /// A finding: its level, its headline, and the whole of it.
    Failed { level: &'static str, message: String, text: String },
    /// Advice, or something that was left out: no reason to fail.
    Skipped(String),
    /// A defect of meshfix.
    Error(String),
}

/// A suite for each file with a case for each finding. A run that found nothing is one case that passed.
pub fn report(view: &View<'_>, skipped: &[(String, String)]) -> String {
    let mut suites = Suites::default();
    for reported in words::standing(view) {
        suites.add(&view.place(reported.finding.at).file, finding(view, reported));
    }
    for (loc, reason) in &view.outcome.unread {
        let name = format!("line {}", view.position(*loc).line);
        suites.add(&view.place(*loc).file, Case { name, outcome: Outcome::Skipped(reason.clone()) });
    }
    for (file, reason) in skipped {
        let outcome = Outcome::Skipped(reason.clone());
        suites.add(file, Case { name: "the file".to_owned(), outcome });
    }
    for problem in &view.outcome.internal {
        let message = format!("{problem}; this is a defect of meshfix: the file was left as it was, please report it");
        suites.add("meshfix", Case { name: "proof".to_owned(), outcome: Outcome::Error(message) });
    }
    if suites.all.is_empty() {
        suites.add("meshfix", Case { name: "nothing found".to_owned(), outcome: Outcome::Passed });
    }
    suites.print()
}

fn finding(view: &View<'_>, reported: &Reported) -> Case {
    let finding = &reported.finding;
    let headline = words::headline(reported);
    let mut text = format!("{}: {} {headline}", view.place(finding.at), finding.rule);
    words::details(view, reported).iter().for_each(|line| text.push_str(&format!("\n{line}")));
    let outcome = match finding.level {
        Level::Info => Outcome::Skipped(text),
        level => Outcome::Failed { level: level.name(), message: headline, text },
    };
    // The name has no line, so that a case keeps its history when lines move.
    Case { name: format!("{} {}{}", finding.rule, finding.resource, finding.path), outcome }
}

/// Suites in the order in which their files came up.
#[derive(Default)]
struct Suites {
    all: Vec<(String, Vec<Case>)>,
    numbers: HashMap<String, usize>,
}

impl Suites {
    fn add(&mut self, name: &str, case: Case) {
        let number = *self.numbers.entry(name.to_owned()).or_insert(self.all.len());
        if number == self.all.len() {
            self.all.push((name.to_owned(), Vec::new()));
        }
        self.all[number].1.push(case);
    }

    fn print(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let all = Counts::of(self.all.iter().flat_map(|(_, cases)| cases));
        let _ = writeln!(out, "<testsuites name=\"meshfix\"{all} time=\"0\">");
        for (name, cases) in &self.all {
            let name = attribute(name);
            let counts = Counts::of(cases.iter());
            let skipped = counts.skipped;
            let _ = writeln!(out, "  <testsuite name=\"{name}\"{counts} skipped=\"{skipped}\" time=\"0\">");
            for case in cases {
                let _ = write!(out, "    <testcase name=\"{}\" classname=\"{name}\" time=\"0\"", attribute(&case.name));
                let _ = match &case.outcome {
                    Outcome::Passed => writeln!(out, "/>"),
                    Outcome::Failed { level, message, text } => writeln!(
                        out,
                        ">\n      <failure type=\"{level}\" message=\"{}\">{}</failure>\n    </testcase>",
                        attribute(message),
                        content(text)
                    ),
                    Outcome::Skipped(text) => {
                        writeln!(out, ">\n      <skipped>{}</skipped>\n    </testcase>", content(text))
                    }
                    Outcome::Error(text) => {
                        writeln!(
                            out,
                            ">\n      <error type=\"defect\" message=\"{}\"/>\n    </testcase>",
                            attribute(text)
                        )
                    }
                };
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

/// How many cases there are, and what came of them.
#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'c>(cases: impl Iterator<Item = &'c Case>) -> Counts {
        let mut counts = Counts::default();
        for case in cases {
            counts.tests += 1;
            match case.outcome {
                Outcome::Passed => {}
                Outcome::Failed { .. } => counts.failures += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
                Outcome::Error(_) => counts.errors += 1,
            }
        }
        counts
    }
}

/// As attributes that suites and the whole have in common.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " tests=\"{}\" failures=\"{}\" errors=\"{}\"", self.tests, self.failures, self.errors)
    }
}

/// Text between tags.
fn content(text: &str) -> String {
    escaped(text, false)
}

/// Text in double quotes; readers would turn a line break there into a blank.
fn attribute(text: &str) -> String {
    escaped(text, true)
}

/// XML 1.0 can't hold most control characters, not even as references: they are shown as escapes.
fn escaped(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\n' => out.push('\n'),
            '\t' if in_attribute => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c => out.push_str(&super::visible(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}
