//! The manifests of an application, fixed: all of them, or an error.

use std::sync::Arc;

use super::request::Request;
use super::source::Source;
use super::{Stop, helm, kept, kustomize};
use crate::cli::{Reporting, Talk};
use crate::config::Mode;
use crate::engine::Outcome;
use crate::io::files::reason;
use crate::io::{directory, stream};
use crate::manifest::{Kinds, SourceFile};
use crate::report::View;
use crate::run::choices::Choices;
use crate::run::console::Console;
use crate::run::filter::{exit_code, fix, fixed, which};
use crate::run::{FOUND, left_over};
use crate::yaml::{self, Node};

/// What an application is made of, before anything is fixed.
struct Rendered {
    /// Names and texts.
    texts: Vec<(String, String)>,
    /// Files that hold no manifest, with the reason.
    skipped: Vec<(String, String)>,
}

/// Renders the application, fixes it, prints it, and gives the exit code.
pub(super) fn generate(request: &Request, talk: &Talk) -> Result<u8, Stop> {
    let source = request.source();
    let choices = request.choices(source)?;
    let console = Console { talk };
    if talk.verbose {
        console.say(&choices.told());
    }
    let rendered = render(request, source)?;
    let may_be_empty = request.parameters.flag("allow-empty");
    if !may_be_empty && !rendered.texts.iter().any(|(_, text)| holds_something(text)) {
        return Err(empty(source).into());
    }
    let kinds = Kinds::of(&choices.options);
    let read = |(name, text): &(String, String)| match source {
        Source::Directory if !kinds.is_worth_reading(name, text) => None,
        Source::Directory => kinds.read(name.clone(), text.as_str().into(), None),
        Source::Helm | Source::Kustomize => stream::named(name, &kinds, text),
    };
    let sources: Vec<Option<SourceFile>> = rendered.texts.iter().map(read).collect();
    let outcome = fix(sources.iter().flatten().cloned().collect(), &choices, &console).map_err(told)?;
    let answer = answer(&rendered, &sources, &outcome, choices.mode, source);
    kept::check(&outcome)?;
    if !may_be_empty && !holds_something(&answer) {
        return Err(empty(source).into());
    }
    if let Err(error) = stream::write(answer.as_bytes()) {
        return Err(format!("standard output: {}", reason(&error)).into());
    }
    tell(&console, &choices, &outcome, &rendered.skipped);
    Ok(exit_code(&choices, &Reporting::default(), &outcome))
}

fn told(code: u8) -> Stop {
    Stop { code, problems: Vec::new() }
}

fn render(request: &Request, source: Source) -> Result<Rendered, Stop> {
    let printed = |name: &str, text| Rendered { texts: vec![(name.to_owned(), text)], skipped: Vec::new() };
    Ok(match source {
        Source::Helm => printed("helm template", helm::template(request)?),
        Source::Kustomize => printed("kustomize build", kustomize::build(request)?),
        Source::Directory => {
            let directory::Directory { files, skipped } = directory::read(&request.checkout)?;
            Rendered { texts: files, skipped }
        }
    })
}

/// Whether Argo CD finds a resource in the text: comments, nulls, empty mappings and lists without items are none. What is
/// not read is taken for one.
fn holds_something(text: &str) -> bool {
    let text: Arc<str> = text.into();
    yaml::slices(&text).into_iter().any(|slice| match yaml::parse(&text, slice) {
        Ok(document) => document.is_some_and(|document| is_something(document.root())),
        Err(_) => true,
    })
}

fn is_something(node: Node<'_>) -> bool {
    let is_list = || node.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
    match node.get("items") {
        _ if is_null(node) || node.kind().is_mapping() && node.entries().is_empty() => false,
        Some(items) if items.kind().is_sequence() => items.items().any(is_something),
        Some(items) if is_null(items) => !is_list(),
        _ => true,
    }
}

/// Null, by a tag too.
fn is_null(node: Node<'_>) -> bool {
    node.is_null() || node.kind().is_scalar() && node.value().is_ok_and(|value| value.is_null())
}

fn empty(source: Source) -> String {
    let what = match source {
        Source::Helm => "`helm template` printed no manifest: look at the chart's conditions and values",
        Source::Kustomize => "`kustomize build` printed no manifest: look at `resources` of the kustomization",
        Source::Directory => "there is no manifest in this folder: look at `path` of the Application",
    };
    format!(
        "{what}; Argo CD would delete all resources of the application, so this is an error unless the parameter \
         `allow-empty` is \"true\""
    )
}

/// The whole output: every text that was rendered, fixed where something was to fix, and behind them what is new.
fn answer(
    rendered: &Rendered,
    sources: &[Option<SourceFile>],
    outcome: &Outcome,
    mode: Mode,
    source: Source,
) -> String {
    if source != Source::Directory {
        let original = rendered.texts.first().map_or("", |(_, text)| text);
        return fixed(outcome, mode).unwrap_or(original).to_owned();
    }
    let mut after: Vec<Option<&str>> = vec![None; outcome.files.len()];
    for changed in outcome.changed.iter().filter(|_| mode == Mode::Fix) {
        after[changed.file.0 as usize] = Some(&changed.after);
    }
    let read = sources.iter().flatten().count();
    let mut changed = after[..read].iter();
    let mut texts: Vec<&str> = Vec::with_capacity(rendered.texts.len());
    for ((_, text), source) in rendered.texts.iter().zip(sources) {
        let fixed = source.as_ref().and_then(|_| changed.next().copied().flatten());
        texts.push(fixed.unwrap_or(text));
    }
    texts.extend(after[read..].iter().flatten());
    yaml::join(texts)
}

/// What is left, for the log of the sidecar; where it fails the request, for the user.
fn tell(console: &Console<'_>, choices: &Choices, outcome: &Outcome, skipped: &[(String, String)]) {
    let view = View::new(outcome, choices.mode == Mode::Fix);
    left_over::lines(console, &view, which(choices));
    left_over::remarks(console, &view, skipped);
    left_over::summary(console, &view, false);
    if exit_code(choices, &Reporting::default(), outcome) == FOUND
        && let Some(level) = choices.fail_on
    {
        console.error(&format!(
            "findings of level {} or worse are left, and `fail-on` lets none of them pass; fix them in the repository, \
             or ignore them there with a reason",
            level.name()
        ));
    }
}
