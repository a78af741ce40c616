//! `meshfix export`: reads, makes patches of the fixes, and says what is left out.

use std::path::{Path, PathBuf};

use super::choices::Choices;
use super::console::{Console, deliver};
use super::tree::is_one_of;
use super::{CLEAN, FOUND, INTERNAL, USAGE, fail};
use crate::cli::{Export, FormName, Reporting};
use crate::engine::Settings;
use crate::export::{self, Form, Output, Request};
use crate::io::{files, folder, stream};
use crate::manifest::{Kinds, SourceFile};
use crate::report::{self, View, visible};

/// Runs the command and gives its exit code.
pub(super) fn run(arguments: &Export) -> u8 {
    let choices = match Choices::new(&arguments.choice, &Reporting::default(), &arguments.paths) {
        Ok(choices) => choices,
        Err(problems) => return problems.iter().fold(USAGE, |_, problem| fail(problem)),
    };
    // Nothing is made beside the input's files.
    let settings = Settings { can_not_create: &|_| None, ..choices.settings() };
    let target = arguments.output.as_deref().filter(|output| is_folder(output));
    let input = match read(arguments, &Kinds::of(settings.options), target) {
        Ok(input) => input,
        Err(problem) => return fail(&problem),
    };
    let command = command(arguments);
    let form = match arguments.form {
        FormName::KustomizePatch => Form::KustomizePatch,
        FormName::JsonPatch => Form::JsonPatch,
        FormName::StrategicMerge => Form::StrategicMerge,
    };
    let request = Request { form, is_folder: target.is_some(), command: &command };
    let export = export::export(input.files, &settings, request);
    let log = Console { talk: &arguments.talk };
    if !export.outcome.internal.is_empty() {
        export.outcome.internal.iter().for_each(|problem| log.error(problem));
        return INTERNAL;
    }
    let written = match (&export.output, target) {
        (Output::Text(text), _) => deliver(arguments.output.as_deref(), text.as_bytes()).map(|()| Vec::new()),
        (Output::Folder(files), Some(target)) => folder::write(target, files, export::MADE_BY),
        (Output::Folder(_), None) => Ok(Vec::new()),
    };
    let stale = match written {
        Ok(stale) => stale,
        Err(problem) => return fail(&problem),
    };
    let view = View::new(&export.outcome, false);
    input.errors.iter().for_each(|(name, reason)| log.error(&format!("{name}: {reason}")));
    for (name, reason) in &input.skipped {
        log.say(&format!("skipped {}: {}\n", visible(name), visible(reason)));
    }
    for (loc, reason) in &export.outcome.unread {
        log.say(&format!("skipped {}:{}: {}\n", visible(view.name(loc.file)), view.position(*loc), visible(reason)));
    }
    for name in stale {
        log.say(&format!("{}: an earlier export wrote it, and this one has no use for it\n", visible(&name)));
    }
    for one in &export.left_out {
        let at = format!("{}:{}", visible(view.name(one.at.file)), view.position(one.at).line);
        log.say(&format!("left out: {at}: {}: {}\n", one.rule, visible(&one.reason)));
    }
    let left_out = report::count(export.left_out.len(), "fix").replace("fixs", "fixes");
    let new = report::count(export.new, "new resource");
    let waiting = match report::held_back(&export.outcome) {
        0 => String::new(),
        1 => "; 1 more fix needs --unsafe".to_owned(),
        more => format!("; {more} more fixes need --unsafe"),
    };
    log.say(&format!("{}, {new}; {left_out} left out{waiting}\n", report::count(export.patches, "patched resource")));
    if !input.errors.is_empty() {
        return USAGE;
    }
    if export.left_out.is_empty() || arguments.exit_zero { CLEAN } else { FOUND }
}

/// What was read.
#[derive(Default)]
struct Input {
    files: Vec<SourceFile>,
    skipped: Vec<(String, String)>,
    errors: Vec<(String, String)>,
}

/// Reads the input, but for the folder that the patches go to: they are made of what is outside of it.
fn read(arguments: &Export, kinds: &Kinds, target: Option<&Path>) -> Result<Input, String> {
    let dash = Path::new("-");
    if arguments.paths.iter().any(|path| path == dash) {
        if arguments.paths.len() > 1 {
            return Err(
                "`-` reads standard input and stands alone; name files and folders in a run of their own".to_owned()
            );
        }
        let text = stream::text().map_err(|error| error.to_string())?;
        return Ok(Input { files: stream::source(kinds, &text).into_iter().collect(), ..Input::default() });
    }
    let here = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &here[..] } else { &arguments.paths };
    let workspace = files::read(paths, kinds.clone(), arguments.reading.threads(), arguments.reading.most());
    if let Some(file) = arguments.output.as_ref().filter(|file| is_one_of(file, &workspace.paths)) {
        return Err(format!("`-o {}` is one of the manifests that are read; choose another file", file.display()));
    }
    let target = target.and_then(|target| std::fs::canonicalize(target).ok());
    let is_outside = |path: &Path| match &target {
        Some(target) => !std::fs::canonicalize(path).is_ok_and(|path| path.starts_with(target)),
        None => true,
    };
    let files = workspace.files.into_iter().zip(&workspace.paths);
    let files = files.filter(|(_, path)| is_outside(path)).map(|(file, _)| file).collect();
    Ok(Input { files, skipped: workspace.skipped, errors: workspace.errors })
}

/// A folder is there, or ends with `/`.
fn is_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir()
}

/// The command that makes the same patches again, without what says where they go.
fn command(arguments: &Export) -> String {
    let form = match arguments.form {
        FormName::KustomizePatch => "kustomize-patch",
        FormName::JsonPatch => "json-patch",
        FormName::StrategicMerge => "strategic-merge",
    };
    let mut words = vec!["meshfix export --as".to_owned(), form.to_owned()];
    words.extend(arguments.choice.r#unsafe.then(|| "--unsafe".to_owned()));
    for (flag, values) in [("--select", &arguments.choice.select), ("--ignore", &arguments.choice.ignore)] {
        if !values.is_empty() {
            words.extend([flag.to_owned(), values.join(",")]);
        }
    }
    if let Some(config) = &arguments.choice.config {
        words.extend(["--config".to_owned(), config.display().to_string()]);
    }
    words.extend(arguments.paths.iter().map(|path| path.display().to_string()));
    words.join(" ")
}
