//! The unified diff: exactly what `--write` would do, as `git apply` takes it.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::escape::{git_name, visible};
use super::text::Paint;
use crate::engine::{ChangedFile, Outcome, secret_lines};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The diff of all changes. On a terminal (`paint`), text that could move the cursor is escaped.
pub fn diff(outcome: &Outcome, paint: Option<Paint>) -> String {
    files(outcome, paint).collect()
}

/// The diff of each file.
pub(super) fn files(outcome: &Outcome, paint: Option<Paint>) -> impl Iterator<Item = String> + '_ {
    let file = move |changed: &ChangedFile| &outcome.files[changed.file.0 as usize];
    let mut all: Vec<&ChangedFile> = outcome.changed.iter().collect();
    // New files stand among the others.
    all.sort_by(|a, b| file(a).name.cmp(&file(b).name));
    let diff = move |changed| {
        let (mut out, file) = (String::new(), file(changed));
        file_diff(&mut out, &file.name, changed, &secret_lines(file), paint);
        out
    };
    all.into_iter().map(diff)
}

fn file_diff(out: &mut String, name: &str, changed: &ChangedFile, secret: &[bool], paint: Option<Paint>) {
    let before: Vec<&str> = changed.before.split_inclusive('\n').collect();
    let after: Vec<&str> = changed.after.split_inclusive('\n').collect();
    let ops = capture_diff_slices(Algorithm::Myers, &before, &after);
    let header = |side: &str, name: &str| {
        let path = git_name(&format!("{side}/{name}"));
        // git ends a name with a blank in it with a tab.
        if path.contains(' ') && !path.starts_with('"') { format!("{path}\t") } else { path }
    };
    let old = if changed.beside.is_some() { "/dev/null".to_owned() } else { header("a", name) };
    line(out, paint.map(Paint::bold), &format!("--- {old}"));
    line(out, paint.map(Paint::bold), &format!("+++ {}", header("b", name)));
    for hunk in hunks(&ops, secret, before.len()) {
        print_hunk(out, &hunk, &before, &after, paint);
    }
}

fn line(out: &mut String, style: Option<(&str, &str)>, text: &str) {
    let (start, end) = style.unwrap_or_default();
    out.push_str(start);
    out.push_str(text);
    out.push_str(end);
    out.push('\n');
}

/// Changes that stand together, with the unchanged lines around them.
struct Hunk {
    /// Unchanged lines in front.
    lead: usize,
    /// Unchanged lines behind.
    trail: usize,
    /// Old and new ranges of each change.
    changes: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
}

/// Groups changes into hunks. Context never shows a line of a Secret, but for one line behind a change,
/// which `git apply` needs to know that the file goes on.
fn hunks(ops: &[DiffOp], secret: &[bool], lines: usize) -> Vec<Hunk> {
    let is_secret = |line: usize| secret.get(line).copied().unwrap_or(false);
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut last_end = 0;
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (old, new) = (op.old_range(), op.new_range());
        let mut lead = 0;
        while lead < CONTEXT && old.start - lead > last_end && !is_secret(old.start - lead - 1) {
            lead += 1;
        }
        let mut trail = 0;
        while trail < CONTEXT && old.end + trail < lines && (trail == 0 || !is_secret(old.end + trail)) {
            trail += 1;
        }
        last_end = old.end;
        match hunks.last_mut() {
            Some(hunk) if hunk.changes.last().is_some_and(|(have, _)| old.start - lead <= have.end + hunk.trail) => {
                hunk.trail = trail;
                hunk.changes.push((old, new));
            }
            _ => hunks.push(Hunk { lead, trail, changes: vec![(old, new)] }),
        }
    }
    hunks
}

fn print_hunk(out: &mut String, hunk: &Hunk, before: &[&str], after: &[&str], paint: Option<Paint>) {
    let (Some((first_old, first_new)), Some((last_old, last_new))) = (hunk.changes.first(), hunk.changes.last()) else {
        return;
    };
    let (old_start, old_end) = (first_old.start - hunk.lead, last_old.end + hunk.trail);
    let (new_start, new_end) = (first_new.start - hunk.lead, last_new.end + hunk.trail);
    let range = |start: usize, end: usize| match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    };
    let header = format!("@@ -{} +{} @@", range(old_start, old_end), range(new_start, new_end));
    line(out, paint.map(Paint::cyan), &header);
    let mut at = old_start;
    let mut print = |sign: char, text: &str, style: Option<(&str, &str)>| {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let shown = if paint.is_some() { visible(body.strip_suffix('\r').unwrap_or(body)) } else { body.into() };
        line(out, style, &format!("{sign}{shown}"));
        if !text.ends_with('\n') {
            line(out, None, "\\ No newline at end of file");
        }
    };
    for (old, new) in &hunk.changes {
        before[at..old.start].iter().for_each(|text| print(' ', text, None));
        before[old.clone()].iter().for_each(|text| print('-', text, paint.map(Paint::red)));
        after[new.clone()].iter().for_each(|text| print('+', text, paint.map(Paint::green)));
        at = old.end;
    }
    before[at..old_end].iter().for_each(|text| print(' ', text, None));
}
