//! A whole command: reads, runs the engine, writes, reports. The exit codes are decided here.

mod argocd;
mod choices;
mod completions;
mod console;
mod export;
mod filter;
mod function;
mod job_summary;
mod left_over;
mod manual;
mod pager;
mod progress;
mod tree;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::cli::{Cli, Color, Command, Filter, Format};
use crate::io::{resource_list, stream};
use crate::report::{self, View};
use crate::rule::Transform;
use crate::spelling;
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
    match &cli.command {
        None => fix(cli),
        Some(Command::Fn(flags)) => match filter::input() {
            Ok(text) => function::run(flags, &text),
            Err(code) => code,
        },
        Some(Command::KustomizePlugin { configuration, filter }) => function::plugin(configuration, filter),
        Some(Command::Export(arguments)) => export::run(arguments),
        Some(Command::Argocd(command)) => argocd::run(command),
        Some(Command::Rules) => {
            let layout = console::layout(Color::Auto, Some(io::stdout()));
            print(&report::explain::list(&all_rules(cli), layout))
        }
        Some(Command::Explain { rule, color, no_pager }) => explain(rule, &all_rules(cli), *color, *no_pager),
        Some(Command::Completions { shell }) => deliver(&completions::script(*shell, &all_rules(cli))),
        Some(Command::Man) => manual::page().map_or(INTERNAL, |page| deliver(&page)),
        Some(Command::CompleteKubectl { words }) => print(&completions::for_kubectl(words, &all_rules(cli))),
    }
}

/// All rules, the user's own included. What our own rules say does not depend on a configuration.
fn all_rules(cli: &Cli) -> Vec<&'static dyn Transform> {
    let choices = Choices::new(&cli.choice, &cli.reporting, &cli.paths);
    choices.map_or_else(|_| transforms::ALL.to_vec(), |choices| choices.all)
}

fn explain(name: &str, all: &[&'static dyn Transform], color: Color, no_pager: bool) -> u8 {
    let Some(rule) = all.iter().find(|rule| rule.meta().name == name) else { return fail(&unknown_rule(name, all)) };
    let page = report::explain::page(rule.meta());
    let page = report::prose::shown(&page, console::layout(color, Some(io::stdout())));
    if no_pager {
        return print(&page);
    }
    pager::print(&page).map_or_else(|problem| fail(&problem), |()| CLEAN)
}

fn unknown_rule(name: &str, all: &[&'static dyn Transform]) -> String {
    let names = all.iter().map(|rule| rule.meta().name);
    match spelling::nearest(name, names) {
        Some(near) => format!("there is no rule `{name}`; did you mean `{near}`?"),
        None => format!("there is no rule `{name}`; `meshfix rules` lists them"),
    }
}

/// Fixes files, or what comes on standard input.
fn fix(cli: &Cli) -> u8 {
    let dash = Path::new("-");
    let is_stream = cli.paths.iter().any(|path| path == dash) || cli.is_bare && !io::stdin().is_terminal();
    if cli.is_bare && !is_stream {
        return fail(
            "nothing to read: `meshfix .` reads the files here, `meshfix -` a stream on standard input; --help says more",
        );
    }
    if is_stream && cli.paths.len() > 1 {
        return fail("`-` reads standard input and stands alone; name files and folders in a run of their own");
    }
    if is_stream && (cli.write || cli.check) {
        return fail("`-` prints the fixed stream; --write and --check are for files");
    }
    let Cli { choice, reporting, talk, .. } = cli;
    if is_stream {
        let text = match filter::input() {
            Ok(text) => text,
            Err(code) => return code,
        };
        if resource_list::is_one(&text) {
            let (choice, reporting, talk) = (choice.clone(), reporting.clone(), talk.clone());
            return function::run(&Filter { choice, reporting, talk }, &text);
        }
        return match Choices::new(choice, reporting, &cli.paths) {
            Ok(choices) => filter::run(&choices, reporting, talk, text),
            Err(problems) => problems.iter().fold(USAGE, |_, problem| fail(problem)),
        };
    }
    // A host that calls a function with flags and gets the files here, or nothing, deletes what it sent.
    if cli.paths.is_empty() && stream::is_waiting() {
        return fail(
            "something stands on standard input, and no PATH says what to read: `-` reads it, `fn` takes a ResourceList, \
             `.` reads the files here",
        );
    }
    let here = [PathBuf::from(".")];
    let paths = if cli.paths.is_empty() { &here[..] } else { &cli.paths };
    match Choices::new(choice, reporting, &cli.paths) {
        Ok(choices) => tree::run(cli, &choices, paths),
        Err(problems) => problems.iter().fold(USAGE, |_, problem| fail(problem)),
    }
}

/// A report for programs, or for other pages than the terminal.
fn report(view: &View<'_>, format: Format, skipped: &[(String, String)]) -> String {
    match format {
        Format::Text => String::new(),
        Format::Json => report::json::report(view, skipped),
        Format::Sarif => report::sarif::report(view, skipped),
        Format::Github => report::github::report(view, skipped),
        Format::Gitlab => report::gitlab::report(view, skipped),
        Format::Junit => report::junit::report(view, skipped),
        Format::Rdjson => report::rdjson::report(view, skipped),
        Format::Markdown => report::markdown::report(view, skipped),
    }
}

fn print(text: &str) -> u8 {
    deliver(text.as_bytes())
}

fn deliver(bytes: &[u8]) -> u8 {
    console::deliver(None, bytes).map_or_else(|problem| fail(&problem), |()| CLEAN)
}

fn fail(problem: &str) -> u8 {
    console::error(problem);
    USAGE
}
