//! A stream of manifests: the whole answer at once, or none.

use super::choices::Choices;
use super::console::{Console, deliver};
use super::job_summary;
use super::left_over::{self, Which};
use super::{CLEAN, FOUND, INTERNAL, USAGE, fail};
use crate::cli::{Format, Reporting, Talk};
use crate::config::Mode;
use crate::engine::{self, Outcome, Reported, Status};
use crate::io::stream;
use crate::manifest::{Kinds, SourceFile};
use crate::report::View;

/// Fixes the stream, prints it, and gives the exit code.
pub(super) fn run(choices: &Choices, reporting: &Reporting, talk: &Talk, text: String) -> u8 {
    let console = Console { talk };
    if talk.verbose {
        console.say(&choices.told());
    }
    let source = stream::source(&Kinds::of(&choices.options), &text);
    let outcome = match fix(source.into_iter().collect(), choices, &console) {
        Ok(outcome) => outcome,
        Err(code) => return code,
    };
    let view = View::new(&outcome, choices.mode == Mode::Fix);
    let fixed = fixed(&outcome, choices.mode).unwrap_or(&text);
    if let Err(problem) = print(&view, reporting, fixed) {
        return fail(&problem);
    }
    left_over::findings(&console, &view, which(choices));
    if talk.verbose {
        console.say(&left_over::readiness(&console, &view, console.err()));
    }
    left_over::remarks(&console, &view, &[]);
    if reporting.outputs.printed().is_none_or(|format| format == Format::Text) {
        left_over::summary(&console, &view, false);
    }
    exit_code(choices, reporting, &outcome)
}

/// What comes of what was read; a defect is told, and nothing is printed then.
pub(super) fn fix(files: Vec<SourceFile>, choices: &Choices, console: &Console<'_>) -> Result<Outcome, u8> {
    let outcome = engine::run(files, &choices.settings());
    if outcome.internal.is_empty() {
        return Ok(outcome);
    }
    for problem in &outcome.internal {
        console.error(&format!("{problem}; this is a defect of meshfix, please report it; nothing was printed"));
    }
    Err(INTERNAL)
}

/// The fixed text, where it is another than what came.
pub(super) fn fixed(outcome: &Outcome, mode: Mode) -> Option<&str> {
    outcome.changed.first().filter(|_| mode == Mode::Fix).map(|changed| &*changed.after)
}

/// Prints the answer and the reports. The answer goes to standard output, unless a format or a file takes its place.
pub(super) fn print(view: &View<'_>, reporting: &Reporting, answer: &str) -> Result<(), String> {
    let outputs = &reporting.outputs;
    let mut is_in_file = false;
    for (file, format) in outputs.files() {
        is_in_file |= format == Format::Text;
        match format {
            Format::Text => deliver(Some(file), answer.as_bytes())?,
            format => deliver(Some(file), super::report(view, format, &[]).as_bytes())?,
        }
    }
    job_summary::add(view, outputs, &[])?;
    match outputs.printed() {
        Some(Format::Text) => deliver(None, answer.as_bytes()),
        Some(format) => deliver(None, super::report(view, format, &[]).as_bytes()),
        None if is_in_file => Ok(()),
        None => deliver(None, answer.as_bytes()),
    }
}

/// The findings that are left: all of them where nothing is changed.
pub(super) fn which(choices: &Choices) -> Which {
    match choices.mode {
        Mode::Fix => Which::Open,
        Mode::Check => Which::All,
    }
}

/// Hosts throw the whole answer away on any other code than 0, so findings count only for those who said so.
pub(super) fn exit_code(choices: &Choices, reporting: &Reporting, outcome: &Outcome) -> u8 {
    let is_left = |reported: &Reported| which(choices) == Which::All || reported.status != Status::Applied;
    let fails = choices.fail_on.is_some_and(|level| {
        outcome.findings.iter().any(|reported| reported.finding.level >= level && is_left(reported))
    });
    if fails && !reporting.exit_zero { FOUND } else { CLEAN }
}

/// Reads standard input as text, or says why that can't be.
pub(super) fn input() -> Result<String, u8> {
    stream::text().map_err(|error| {
        fail(&error.to_string());
        USAGE
    })
}
