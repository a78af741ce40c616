//! Files and folders: the diff of what would be written, or the writing.

use std::path::{Path, PathBuf};

use super::choices::Choices;
use super::console::{Console, deliver};
use super::job_summary;
use super::left_over::{self, Which};
use super::pager;
use super::progress::Progress;
use super::{CLEAN, FOUND, INTERNAL, USAGE, fail};
use crate::cli::{Cli, Format};
use crate::engine::{self, Outcome, Settings};
use crate::io::{files, write};
use crate::manifest::Kinds;
use crate::report::text::Layout;
use crate::report::{self, View};
use crate::rule::Level;
use crate::text::FileId;

/// Fixes the files below `paths`, and gives the exit code.
pub(super) fn run(cli: &Cli, choices: &Choices, paths: &[PathBuf]) -> u8 {
    let console = Console { talk: &cli.talk };
    if cli.talk.verbose {
        console.say(&choices.told());
    }
    let outputs = &cli.reporting.outputs;
    let progress = Progress::start(&console, !cli.showing.no_progress);
    let watch = |step| progress.engine(step);
    let settings = Settings { watch: &watch, ..choices.settings() };
    let (threads, most) = (cli.reading.threads(), cli.reading.most());
    let workspace = files::read_watched(paths, Kinds::of(&choices.options), threads, most, &|| progress.file());
    let files::Workspace { files, paths, skipped, errors } = workspace;
    if let Some(taken) = outputs.files().map(|(file, _)| file).find(|file| is_one_of(file, &paths)) {
        drop(progress);
        return fail(&format!("`-o {}` is one of the manifests that are read; choose another file", taken.display()));
    }
    let outcome = engine::run(files, &settings);
    progress.writing();
    let failures = if cli.write { write_all(&outcome, &paths) } else { Vec::new() };
    // Nothing else is printed before this.
    drop(progress);
    let view = View::new(&outcome, cli.write && failures.is_empty());
    let mut problems = Vec::new();
    for (file, format) in outputs.files() {
        let text = render(cli, &console, &view, format, &skipped, console.file());
        problems.extend(deliver(Some(file), text.as_bytes()).err());
    }
    if let Some(format) = outputs.printed() {
        let text = render(cli, &console, &view, format, &skipped, console.out());
        let is_diff = format == Format::Text && !cli.check;
        let printed =
            if is_diff && !cli.showing.no_pager { pager::print(&text) } else { deliver(None, text.as_bytes()) };
        problems.extend(printed.err());
    }
    problems.extend(job_summary::add(&view, outputs, &skipped).err());
    let is_told = outputs.all.is_empty() || outputs.all.iter().any(|output| output.format == Format::Text);
    if is_told && !cli.check {
        left_over::findings(&console, &view, Which::Open);
        console.say(&left_over::readiness(&console, &view, console.err()));
    }
    errors.iter().for_each(|(name, reason)| console.error(&format!("{name}: {reason}")));
    failures.iter().for_each(|failure| console.error(failure));
    left_over::remarks(&console, &view, &skipped);
    if is_told {
        left_over::summary(&console, &view, cli.check);
    }
    if !problems.is_empty() {
        return problems.iter().fold(USAGE, |_, problem| fail(problem));
    }
    if !errors.is_empty() || !failures.is_empty() {
        return USAGE;
    }
    let pending = !outcome.changed.is_empty() && !cli.write;
    let is_found = pending || outcome.has_open(choices.fail_on.unwrap_or(Level::Error));
    match () {
        () if !outcome.internal.is_empty() => INTERNAL,
        () if is_found && !cli.reporting.exit_zero => FOUND,
        () => CLEAN,
    }
}

/// True for a file that is among those that were read.
pub(super) fn is_one_of(file: &Path, read: &[PathBuf]) -> bool {
    let Ok(real) = std::fs::canonicalize(file) else { return false };
    let name = real.file_name();
    // Most files have another name already.
    let mut same = read.iter().filter(|path| path.file_name() == name || path.is_symlink());
    same.any(|path| std::fs::canonicalize(path).is_ok_and(|path| path == real))
}

/// A result as text.
fn render(
    cli: &Cli,
    console: &Console<'_>,
    view: &View<'_>,
    format: Format,
    skipped: &[(String, String)],
    layout: Layout,
) -> String {
    match format {
        Format::Text if cli.check => {
            let findings = view.outcome.findings.iter();
            let text: String = findings.map(|reported| report::text::finding(view, reported, layout) + "\n").collect();
            text + &left_over::readiness(console, view, layout)
        }
        Format::Text if cli.write => String::new(),
        Format::Text => report::diff::diff(view.outcome, layout.paint),
        format => super::report(view, format, skipped),
    }
}

/// Writes each set of files that belong together; gives what went wrong.
fn write_all(outcome: &Outcome, paths: &[PathBuf]) -> Vec<String> {
    let mut failures = Vec::new();
    // New files are numbered behind those that were read.
    let mut paths = paths.to_vec();
    for file in &outcome.files[paths.len()..] {
        paths.push(PathBuf::from(&file.name));
    }
    for unit in &outcome.units {
        let changed = outcome.changed.iter().filter(|changed| unit.contains(&changed.file));
        let path = |file: FileId| paths[file.0 as usize].as_path();
        let targets: Vec<write::Target<'_>> = changed
            .map(|changed| match changed.beside {
                None => write::Target::changed(path(changed.file), &changed.before, &changed.after),
                Some(like) => write::Target::new(path(changed.file), &changed.after, path(like)),
            })
            .collect();
        if let Err(error) = write::write_together(&targets) {
            failures.push(error.to_string());
        }
    }
    failures
}
