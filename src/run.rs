//! A whole command: reads, runs the engine, writes, reports. The exit codes are decided here.

mod choices;
mod export;

use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::cli::{Cli, Color, Command, Format};
use crate::engine::{self, Baseline, Outcome, Settings, Status};
use crate::io::files::reason;
use crate::io::{configuration, files, stream, write};
use crate::manifest::Kinds;
use crate::report::{self, View, visible};
use crate::rule::{Level, Transform};
use crate::spelling;
use crate::text::FileId;
use crate::transforms;
use choices::Choices;

/// Nothing to do.
const CLEAN: u8 = 0;
/// Something would change, or a finding stays open.
const FOUND: u8 = 1;
/// Bad usage or input.
const USAGE: u8 = 2;
/// A defect of meshfix.
const INTERNAL: u8 = 70;

/// Runs the command and gives its exit code.
pub fn run(cli: &Cli) -> u8 {
    match (&cli.command, Choices::new(cli)) {
        (None, Ok(choices)) => fix(cli, &choices),
        (None, Err(problems)) => problems.iter().fold(USAGE, |_, problem| fail(problem)),
        (Some(Command::Export(arguments)), _) => export::run(arguments),
        (Some(command), choices) => {
            // What our own rules say does not depend on a configuration.
            let all = choices.map_or_else(|_| transforms::ALL.to_vec(), |choices| choices.all);
            match command {
                Command::Rules => print(report::explain::list(&all).as_bytes()),
                Command::Explain { rule } => explain(rule, &all),
                Command::Export(_) => CLEAN,
            }
        }
    }
}

fn explain(name: &str, all: &[&'static dyn Transform]) -> u8 {
    match all.iter().find(|rule| rule.meta().name == name) {
        Some(rule) => print(report::explain::page(rule.meta()).as_bytes()),
        None => fail(&unknown_rule(name, all)),
    }
}

fn unknown_rule(name: &str, all: &[&'static dyn Transform]) -> String {
    let names = all.iter().map(|rule| rule.meta().name);
    match spelling::nearest(name, names) {
        Some(near) => format!("there is no rule `{name}`; did you mean `{near}`?"),
        None => format!("there is no rule `{name}`; `meshfix rules` lists them"),
    }
}

/// Reads the report that `--baseline` names.
fn baseline(cli: &Cli, path: &Path) -> Result<Baseline, String> {
    if cli.output.as_deref() == Some(path) {
        return Err("the new report would lack what its baseline has; make it anew without --baseline".to_owned());
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {}", reason(&error)))?;
    Baseline::read(&text, |file| Path::new(file).exists()).map_err(|error| format!("{name}: {error}"))
}

fn fix(cli: &Cli, choices: &Choices) -> u8 {
    let baseline = match cli.baseline.as_deref().map(|path| baseline(cli, path)).transpose() {
        Ok(baseline) => baseline,
        Err(problem) => return fail(&problem),
    };
    let sabotage = std::env::var_os("MESHFIX_TEST_SABOTAGE").is_some() && cfg!(debug_assertions);
    let settings = Settings {
        rules: choices.rules.clone(),
        options: &choices.options,
        unsafe_fixes: choices.unsafe_fixes,
        baseline: baseline.as_ref(),
        can_not_create: &files::can_not_create,
        sabotage,
    };
    if cli.verbose {
        let used = match &choices.configuration {
            Some(name) => format!("configuration: {}\n", visible(name)),
            None => format!("configuration: no {}, all options have their defaults\n", configuration::NAME),
        };
        Log { cli }.say(&used);
    }
    let dash = Path::new("-");
    let flags = cli.write || cli.check;
    let piped = cli.paths.is_empty() && std::env::args_os().len() == 1 && !io::stdin().is_terminal();
    if cli.paths.iter().any(|path| path == dash) || piped {
        if cli.paths.len() > 1 {
            return fail("`-` reads standard input and stands alone; name files and folders in a run of their own");
        }
        if flags {
            return fail("`-` prints the fixed stream; --write and --check are for files");
        }
        return filter(cli, &settings);
    }
    let here = [PathBuf::from(".")];
    let no_arguments = std::env::args_os().len() == 1;
    if no_arguments {
        return fail(
            "nothing to read: `meshfix .` reads the files here, `meshfix -` a stream on standard input; --help says more",
        );
    }
    let paths = if cli.paths.is_empty() { &here[..] } else { &cli.paths };
    tree(cli, &settings, choices.fail_on, paths)
}

/// Fixes files.
fn tree(cli: &Cli, settings: &Settings<'_>, fail_on: Level, paths: &[PathBuf]) -> u8 {
    let threads = cli.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let workspace = files::read(paths, Kinds::of(settings.options), threads, cli.max_file_size.clamp(1, 1024) << 20);
    let files::Workspace { files, paths, skipped, errors } = workspace;
    let outcome = engine::run(files, settings);
    let failures = if cli.write { write_all(&outcome, &paths) } else { Vec::new() };
    let written = cli.write && failures.is_empty();
    let view = View::new(&outcome, written);
    let printed = match cli.format {
        Format::Json => {
            let report = report::json::report(&view, &skipped);
            deliver(cli, report.as_bytes())
        }
        Format::Text => text_report(cli, &view),
    };
    let mut log = Log { cli };
    errors.iter().for_each(|(name, reason)| log.error(&format!("{name}: {reason}")));
    failures.iter().for_each(|failure| log.error(failure));
    left_over(&mut log, &view, &skipped);
    if let Err(problem) = printed {
        return fail(&problem);
    }
    if !errors.is_empty() || !failures.is_empty() {
        return USAGE;
    }
    exit_code(cli, fail_on, &outcome, !outcome.changed.is_empty() && !cli.write)
}

fn exit_code(cli: &Cli, level: Level, outcome: &Outcome, pending: bool) -> u8 {
    if !outcome.internal.is_empty() {
        INTERNAL
    } else if !cli.exit_zero && (pending || outcome.has_open(level)) {
        FOUND
    } else {
        CLEAN
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

/// Fixes a stream: the whole answer at once, or none.
fn filter(cli: &Cli, settings: &Settings<'_>) -> u8 {
    let stream = match stream::read(&Kinds::of(settings.options)) {
        Ok(stream) => stream,
        Err(error) => return fail(&error.to_string()),
    };
    let outcome = engine::run(stream.source.into_iter().collect(), settings);
    if !outcome.internal.is_empty() {
        outcome.internal.iter().for_each(|problem| Log { cli }.error(problem));
        return INTERNAL;
    }
    let fixed = outcome.changed.first().map_or(stream.text.as_str(), |changed| &changed.after);
    let view = View::new(&outcome, true);
    let printed = match cli.format {
        Format::Json => deliver(cli, report::json::report(&view, &[]).as_bytes()),
        Format::Text => deliver(cli, fixed.as_bytes()),
    };
    if let Err(problem) = printed {
        return fail(&problem);
    }
    let mut log = Log { cli };
    open_findings(&mut log, &view, false);
    if cli.verbose {
        log.say(&readiness(cli, &view, layout(cli, Some(io::stderr()))));
    }
    left_over(&mut log, &view, &[]);
    CLEAN
}

fn text_report(cli: &Cli, view: &View<'_>) -> Result<(), String> {
    let out = layout(cli, cli.output.is_none().then(io::stdout));
    if cli.check {
        let all: String =
            view.outcome.findings.iter().map(|reported| report::text::finding(view, reported, out) + "\n").collect();
        return deliver(cli, (all + &readiness(cli, view, out)).as_bytes());
    }
    if !cli.write {
        deliver(cli, report::diff::diff(view.outcome, out.paint).as_bytes())?;
    }
    let mut log = Log { cli };
    open_findings(&mut log, view, false);
    log.say(&readiness(cli, view, layout(cli, Some(io::stderr()))));
    Ok(())
}

/// How ready the workloads are, for those who want more than errors.
fn readiness(cli: &Cli, view: &View<'_>, layout: report::text::Layout) -> String {
    if cli.quiet { String::new() } else { report::readiness::table(view, cli.verbose, layout) }
}

/// Says on standard error what is left to do.
fn open_findings(log: &mut Log<'_>, view: &View<'_>, all: bool) {
    let layout = layout(log.cli, Some(io::stderr()));
    let shown = view.outcome.open().filter(|reported| all || log.cli.verbose || reported.finding.level > Level::Info);
    let text: String = shown.map(|reported| report::text::finding(view, reported, layout) + "\n").collect();
    log.say(&report::consequences::consequences(view, layout));
    log.say(&text);
}

/// Says what could not be read, and sums up.
fn left_over(log: &mut Log<'_>, view: &View<'_>, skipped: &[(String, String)]) {
    let outcome = view.outcome;
    for (name, reason) in skipped {
        log.say(&format!("skipped {}: {}\n", visible(name), visible(reason)));
    }
    for (loc, reason) in &outcome.unread {
        let name = visible(view.name(loc.file));
        log.say(&format!("skipped {name}:{}: {}\n", view.position(*loc), visible(reason)));
    }
    for sentence in &outcome.unused_ignores {
        log.say(&format!("warning: {}\n", visible(sentence)));
    }
    match outcome.stale_baseline {
        0 => {}
        1 => log.say("1 entry of the baseline matches nothing any more; make it anew without --baseline\n"),
        more => log
            .say(&format!("{more} entries of the baseline match nothing any more; make it anew without --baseline\n")),
    }
    if !outcome.fighting.is_empty() {
        log.error(&format!(
            "these rules undo each other, so none of them was applied further: {}",
            outcome.fighting.join(", ")
        ));
    }
    for problem in &outcome.internal {
        log.error(&format!("{problem}; this is a defect of meshfix: the file was left as it was, please report it"));
    }
    if log.cli.verbose {
        for file in &outcome.one_reader {
            let name = visible(view.name(*file));
            log.say(&format!("{name}: proven by one reader; the second one can't read the original\n"));
        }
    }
    let is_note =
        |reported: &&engine::Reported| reported.finding.level == Level::Info && reported.status == Status::Manual;
    let hidden = if log.cli.verbose || log.cli.check { 0 } else { outcome.open().filter(is_note).count() };
    if log.cli.format == Format::Text {
        log.say(&report::text::summary(view, log.cli.check, hidden));
    }
}

/// How to print to a stream; `None` stands for a file.
fn layout<S: IsTerminal + AsFd>(cli: &Cli, stream: Option<S>) -> report::text::Layout {
    let terminal = stream.filter(|stream| stream.is_terminal());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = match cli.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal.is_some() && !no_color,
    };
    let columns = |terminal| {
        let size = rustix::termios::tcgetwinsize(terminal).ok();
        size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
    };
    report::text::Layout { paint: colours.then_some(report::text::Paint), width: terminal.map(columns) }
}

/// Prints the result, to the file that `--output` names or to standard output.
fn deliver(cli: &Cli, text: &[u8]) -> Result<(), String> {
    match &cli.output {
        Some(path) => std::fs::write(path, text).map_err(|error| format!("{}: {}", path.display(), reason(&error))),
        None => stream::write(text).map_err(|error| format!("standard output: {}", reason(&error))),
    }
}

fn print(text: &[u8]) -> u8 {
    match stream::write(text) {
        Ok(()) => CLEAN,
        Err(error) => fail(&format!("standard output: {}", reason(&error))),
    }
}

fn fail(problem: &str) -> u8 {
    let _ = writeln!(io::stderr(), "error: {}", visible(problem));
    USAGE
}

/// Standard error, as far as the user wants it.
struct Log<'a> {
    cli: &'a Cli,
}

impl Log<'_> {
    fn say(&mut self, text: &str) {
        if !self.cli.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    fn error(&mut self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "error: {}", visible(text));
    }
}
