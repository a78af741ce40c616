//! A KRM function, as kustomize and kpt call it, and kustomize's legacy plugin.

use std::path::Path;

use super::choices::{Choices, names, placed};
use super::console::Console;
use super::filter::{self, exit_code, fix, fixed, print, which};
use super::left_over;
use super::{INTERNAL, USAGE, fail};
use crate::cli::{Filter, Format, Reporting};
use crate::config;
use crate::io::files::reason;
use crate::io::resource_list::{FunctionConfig, ResourceList, with_results};
use crate::report::{View, results};

/// What messages call the configuration that came with the list.
const CONFIG: &str = "functionConfig";

/// Fixes a ResourceList, and gives the exit code.
pub(super) fn run(flags: &Filter, text: &str) -> u8 {
    let Filter { choice, reporting, talk } = flags;
    if let Err(problem) = answers_on_stdout(reporting) {
        return fail(problem);
    }
    let list = match ResourceList::read(text) {
        Ok(list) => list,
        Err(problem) => return fail(&problem),
    };
    let choices = match list.configuration() {
        Err(problem) => return fail(&problem),
        Ok(FunctionConfig::None) => Choices::new(choice, reporting, &[]),
        Ok(FunctionConfig::Ours(node)) => config::read_node(node, &names())
            .map_err(|problems| placed(CONFIG, without_places(problems)))
            .and_then(|config| Choices::given(config, CONFIG, choice, reporting)),
        Ok(FunctionConfig::Data(data)) => config::read_strings(&data, &names())
            .map_err(|problems| placed(CONFIG, problems))
            .and_then(|config| Choices::given(config, CONFIG, choice, reporting)),
    };
    let choices = match choices {
        Ok(choices) => choices,
        Err(problems) => return problems.iter().fold(USAGE, |_, problem| fail(problem)),
    };
    let console = Console { talk };
    if talk.verbose {
        console.say(&choices.told());
    }
    let outcome = match fix(vec![list.source], &choices, &console) {
        Ok(outcome) => outcome,
        Err(code) => return code,
    };
    let answer = fixed(&outcome, choices.mode).unwrap_or(text);
    let view = View::new(&outcome, choices.mode == config::Mode::Fix);
    let after = outcome.changed.first().zip(outcome.files.first());
    let after = after.map(|(changed, file)| file.with_text(changed.after.clone()));
    let answer = match with_results(answer, results::results(&view, after.as_ref())) {
        Ok(answer) => answer,
        Err(problem) => {
            console.error(&format!(
                "the results can't be written into the list: {problem}; this is a defect of meshfix, please report it"
            ));
            return INTERNAL;
        }
    };
    if let Err(problem) = print(&view, reporting, &answer) {
        return fail(&problem);
    }
    left_over::lines(&console, &view, which(&choices));
    left_over::remarks(&console, &view, &[]);
    left_over::summary(&console, &view, false);
    exit_code(&choices, reporting, &outcome)
}

/// A host takes standard output for all that is left, so nothing else may stand there.
fn answers_on_stdout(reporting: &Reporting) -> Result<(), &'static str> {
    let outputs = &reporting.outputs;
    let is_elsewhere = outputs.files().any(|(_, format)| format == Format::Text)
        || outputs.printed().is_some_and(|format| format != Format::Text);
    if is_elsewhere {
        return Err(
            "a function's standard output is the list for its host, or the host deletes everything; give each \
                    `--format` a file of its own, as in `--format json -o FILE`",
        );
    }
    Ok(())
}

/// The host made the list, so its lines say nothing to who wrote the configuration.
fn without_places(problems: Vec<config::Problem>) -> Vec<config::Problem> {
    problems.into_iter().map(|problem| config::Problem { at: None, ..problem }).collect()
}

/// Fixes the stream that kustomize gives a plugin of its own; the configuration stands in a file.
pub(super) fn plugin(configuration: &Path, flags: &Filter) -> u8 {
    let Filter { choice, reporting, talk } = flags;
    if let Err(problem) = answers_on_stdout(reporting) {
        return fail(problem);
    }
    let name = configuration.display().to_string();
    let text = match std::fs::read_to_string(configuration) {
        Ok(text) => text,
        Err(error) => return fail(&format!("{name}: {}; kustomize names the configuration first", reason(&error))),
    };
    let choices = config::read_plugin(&text, &names())
        .map_err(|problems| placed("the transformer's configuration", problems))
        .and_then(|config| Choices::given(config, "the transformer's configuration", choice, reporting));
    match (choices, filter::input()) {
        (Ok(choices), Ok(text)) => filter::run(&choices, reporting, talk, text),
        (Err(problems), _) => problems.iter().fold(USAGE, |_, problem| fail(problem)),
        (_, Err(code)) => code,
    }
}
