//! What a shell can complete: scripts for each of them, and answers for kubectl, which asks for its plugins itself.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, CommandFactory as _, ValueHint};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::rule::Transform;

/// The script of a shell.
pub(super) fn script(shell: Shell, rules: &[&'static dyn Transform]) -> Vec<u8> {
    let mut script = Vec::new();
    let mut command = known(&Cli::command(), rules);
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

/// The command without what is hidden, and with the names of rules where those are asked for. They are not in the command
/// itself: there an unknown one gets a better message.
fn known(command: &Command, rules: &[&'static dyn Transform]) -> Command {
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let commands: Vec<Command> = commands.map(|command| known(command, rules)).collect();
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).map(|arg| with_rules(arg.clone(), rules));
    let mut known = Command::new(command.get_name().to_owned()).args(args).subcommands(commands);
    if let Some(about) = command.get_about() {
        known = known.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        known = known.version(version.to_owned());
    }
    known
}

/// The argument; where it takes rules, with their names.
fn with_rules(arg: Arg, rules: &[&'static dyn Transform]) -> Arg {
    let more = match arg.get_id().as_str() {
        "rule" | "ignore" => None,
        "select" => Some(PossibleValue::new("none").help("no rule at all")),
        _ => return arg,
    };
    let names = rules.iter().map(|rule| PossibleValue::new(rule.meta().name).help(rule.meta().summary));
    arg.value_parser(PossibleValuesParser::new(names.chain(more)))
}

/// No names of files.
const ONLY_THESE: u8 = 4;
/// Names of files too.
const FILES_TOO: u8 = 0;

/// What kubectl shows for the last of `words`: a candidate in each line with what it means, and a number that says whether
/// files come too, as programs made with cobra answer it.
pub(super) fn for_kubectl(words: &[String], rules: &[&'static dyn Transform]) -> String {
    let mut root = known(&Cli::command(), rules);
    root.build();
    let (last, before) = match words.split_last() {
        Some((last, before)) => (last.as_str(), before),
        None => ("", words),
    };
    let mut command = &root;
    // The flag that waits for its value, and how many other words there were.
    let (mut waiting, mut others) = (None, 0);
    for word in before {
        if waiting.take().is_some() {
        } else if word.starts_with('-') {
            waiting = flag(command, word).filter(|arg| arg.get_action().takes_values());
        } else if let Some(inner) = command.find_subcommand(word).filter(|_| others == 0) {
            command = inner;
        } else {
            others += 1;
        }
    }
    let (mut found, mut files) = (Vec::new(), false);
    match (waiting, last.split_once('=').filter(|_| last.starts_with("--"))) {
        (Some(arg), _) => files = values(arg, "", last, &mut found),
        (None, Some((name, value))) => {
            if let Some(arg) = flag(command, name) {
                files = values(arg, &format!("{name}="), value, &mut found);
            }
        }
        (None, None) if last.starts_with('-') => found.extend(flags(command)),
        (None, None) => {
            if others == 0 {
                found.extend(command.get_subcommands().map(|inner| (inner.get_name().to_owned(), about(inner))));
            }
            let places: Vec<&Arg> = command.get_positionals().collect();
            let many = places.last().filter(|arg| matches!(arg.get_action(), ArgAction::Append));
            files = places.get(others).or(many).is_some_and(|arg| values(arg, "", last, &mut found));
        }
    }
    found.retain(|(name, _)| name.starts_with(last));
    let mut out: String = found.iter().map(|(name, meaning)| format!("{name}\t{meaning}\n")).collect();
    out.push_str(&format!(":{}\n", if files { FILES_TOO } else { ONLY_THESE }));
    out
}

/// The flag that a word like `--select` or `-o` is.
fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let long = arg.get_long().zip(word.strip_prefix("--"));
        let short = arg.get_short().filter(|_| word.chars().count() == 2);
        long.is_some_and(|(long, word)| long == word) || short.is_some_and(|short| word.ends_with(short))
    })
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let flags = command.get_arguments().filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg))));
    flags.collect()
}

/// Adds the values of an argument behind `lead`; of a list those of its last item. Gives whether files are values.
fn values(arg: &Arg, lead: &str, typed: &str, found: &mut Vec<(String, String)>) -> bool {
    let items = arg.get_value_delimiter().and_then(|comma| typed.rfind(comma)).map_or("", |at| &typed[..=at]);
    for value in arg.get_possible_values() {
        let meaning = value.get_help().map(ToString::to_string).unwrap_or_default();
        found.push((format!("{lead}{items}{}", value.get_name()), meaning));
    }
    matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath)
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}
