//! What standard error tells beside the result: what is left to do, what could not be read, and the sum of it.

use super::console::Console;
use crate::engine::{Outcome, Reported, Status};
use crate::report::{self, View, count, visible};
use crate::rule::Level;
use crate::text::FileId;

/// The findings that a person should see, each as some lines; all of them where nothing was changed.
pub(super) fn findings(console: &Console<'_>, view: &View<'_>, which: Which) {
    let layout = console.err();
    let shown = view.outcome.findings.iter().filter(|reported| is_shown(console, reported, which));
    let text: String = shown.map(|reported| report::text::finding(view, reported, layout) + "\n").collect();
    console.say(&report::consequences::consequences(view, layout));
    console.say(&text);
}

/// The same with one line for each, for hosts that put them among lines of their own.
pub(super) fn lines(console: &Console<'_>, view: &View<'_>, which: Which) {
    let shown = view.outcome.findings.iter().filter(|reported| is_shown(console, reported, which));
    let text: String = shown.map(|reported| report::text::line(view, reported) + "\n").collect();
    console.say(&text);
}

/// Which findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that stay open when the changes are made.
    Open,
    /// Those too whose fixes could have been made.
    All,
}

/// Notes are for those who ask for them.
fn is_shown(console: &Console<'_>, reported: &Reported, which: Which) -> bool {
    let is_left = which == Which::All || reported.status != Status::Applied;
    is_left && (console.talk.verbose || reported.finding.level > Level::Info)
}

/// How ready the workloads are, for those who want more than errors.
pub(super) fn readiness(console: &Console<'_>, view: &View<'_>, layout: report::text::Layout) -> String {
    if console.talk.quiet { String::new() } else { report::readiness::table(view, console.talk.verbose, layout) }
}

/// Says what could not be read, and what of the run itself a person should know.
pub(super) fn remarks(console: &Console<'_>, view: &View<'_>, skipped: &[(String, String)]) {
    let outcome = view.outcome;
    for (name, reason) in skipped {
        console.say(&format!("skipped {}: {}\n", visible(name), visible(reason)));
    }
    for (loc, reason) in &outcome.unread {
        let name = visible(view.name(loc.file));
        console.say(&format!("skipped {name}:{}: {}\n", view.position(*loc), visible(reason)));
    }
    for sentence in &outcome.unused_ignores {
        console.say(&format!("warning: {}\n", visible(sentence)));
    }
    match outcome.stale_baseline {
        0 => {}
        1 => console.say("1 entry of the baseline matches nothing any more; make it anew without --baseline\n"),
        more => console
            .say(&format!("{more} entries of the baseline match nothing any more; make it anew without --baseline\n")),
    }
    if !outcome.fighting.is_empty() {
        let rules = outcome.fighting.join(", ");
        console.error(&format!("these rules undo each other, so none of them was applied further: {rules}"));
    }
    for problem in &outcome.internal {
        console
            .error(&format!("{problem}; this is a defect of meshfix: the file was left as it was, please report it"));
    }
    if console.talk.verbose {
        console.say(&proofs(view));
    }
}

/// How many readers proved the changes, and where it was only one.
fn proofs(view: &View<'_>) -> String {
    let changed = view.outcome.changed.len();
    let by_one: Vec<FileId> = view.outcome.changed.iter().map(|changed| changed.file).collect();
    let by_one: Vec<&FileId> = view.outcome.one_reader.iter().filter(|file| by_one.contains(file)).collect();
    let mut out = match changed - by_one.len() {
        0 => String::new(),
        all if all == changed => format!("the changes of {} were proven by two readers\n", count(all, "file")),
        most => format!("the changes of {most} of {} were proven by two readers\n", count(changed, "file")),
    };
    for file in by_one {
        let name = visible(view.name(*file));
        out.push_str(&format!("{name}: proven by one reader; the second one can't read the original\n"));
    }
    out
}

/// Says the sum; `check` where all findings were listed.
pub(super) fn summary(console: &Console<'_>, view: &View<'_>, check: bool) {
    let hidden = if console.talk.verbose || check { 0 } else { notes(view.outcome) };
    console.say(&report::text::wrapped(&report::text::summary(view, check, hidden), console.err()));
}

fn notes(outcome: &Outcome) -> usize {
    let is_note = |reported: &&Reported| reported.finding.level == Level::Info && reported.status == Status::Manual;
    outcome.open().filter(is_note).count()
}
