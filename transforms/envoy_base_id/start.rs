//! How a container starts Envoy: the words of its command line, and where further ones can stand.

use crate::glob;
use crate::manifest::{Container, Field, base_name, commands, program};

/// Names of the images that Envoy's project publishes.
const IMAGES: &[&str] =
    &["envoy", "envoy-dev", "envoy-alpine", "envoy-distroless", "envoy-debug", "envoy-contrib", "envoy-contrib-dev"];

/// A server that a container starts.
#[derive(Debug)]
pub(super) enum Start<'a> {
    /// Words of `command` and `args`.
    Words(Vec<Flag<'a>>),
    /// A command of a shell script: the script, the words, and where further ones can stand.
    Script { script: Field<'a>, words: Vec<(std::ops::Range<usize>, String)>, end: usize },
    /// The image's own command.
    Image,
}

/// An argument of Envoy in `command` or `args`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag<'a> {
    pub(super) field: Field<'a>,
    /// The list that it stands in, and its index there.
    pub(super) list: Field<'a>,
    pub(super) index: usize,
}

/// What the arguments say of the base id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaseId {
    /// It has a number of its own, `None` where only the running container knows it, or it needs none.
    Set(Option<u32>),
    /// It is 0, the default: the index of the word that says so, if one does.
    Missing(Option<usize>),
    /// No server is started, or what is started can't be seen.
    NotKnown,
}

/// True for images that run Envoy by themselves.
pub(super) fn is_envoy_image(container: Container<'_>, more: &[String]) -> bool {
    IMAGES.contains(&container.image_name()) || more.iter().any(|pattern| glob::matches(pattern, container.image()))
}

/// The Envoy servers that a container starts.
pub(super) fn of<'a>(container: Container<'a>, more_images: &[String]) -> Vec<Start<'a>> {
    if let Some(script) = container.script() {
        return in_script(script);
    }
    let is_image = is_envoy_image(container, more_images);
    let list = |key: &str| container.field.get(key).filter(|list| list.kind().is_sequence());
    let flags = |list: Option<Field<'a>>| {
        let items = list.into_iter().flat_map(move |list| list.items().map(move |field| (list, field)));
        items.enumerate().map(|(index, (list, field))| Flag { field, list, index })
    };
    let words: Vec<Flag<'a>> = flags(list("command")).chain(flags(list("args"))).collect();
    let texts: Vec<&str> = words.iter().map(|word| word.field.text().unwrap_or_default()).collect();
    let has_command = container.command().next().is_some();
    if words.is_empty() {
        return if is_image { vec![Start::Image] } else { Vec::new() };
    }
    let mut at = program(&texts);
    // Envoy's own entry point takes options without the program's name.
    let entry_point = !has_command || texts.get(at).is_some_and(|word| base_name(word) == "docker-entrypoint.sh");
    at += usize::from(has_command && entry_point);
    match texts.get(at) {
        Some(word) if base_name(word) == "envoy" => vec![Start::Words(words[at + 1..].to_vec())],
        Some(word) if word.starts_with('-') && entry_point && is_image => vec![Start::Words(words[at..].to_vec())],
        _ => Vec::new(),
    }
}

fn in_script(script: Field<'_>) -> Vec<Start<'_>> {
    let Some(commands) = script.as_str().and_then(commands) else { return Vec::new() };
    let start = |command: &crate::manifest::Command<'_>| {
        let (program, words) = command.program().split_first()?;
        let words = words.iter().map(|word| (word.range.clone(), word.text.to_string())).collect();
        (base_name(&program.text) == "envoy").then_some(Start::Script { script, words, end: command.end })
    };
    commands.iter().filter_map(start).collect()
}

impl Start<'_> {
    /// The words behind the program.
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Start::Words(flags) => flags.iter().map(|flag| flag.field.text().unwrap_or_default()).collect(),
            Start::Script { words, .. } => words.iter().map(|(_, text)| text.as_str()).collect(),
            Start::Image => vec!["--config-path", "/etc/envoy/envoy.yaml"],
        }
    }

    /// What it says of its base id.
    pub(super) fn base_id(&self) -> BaseId {
        let words = self.words();
        let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
        let words = &words[..end];
        let value = |name: &str| {
            words.iter().enumerate().find_map(|(i, word)| match word.strip_prefix(name)? {
                "" => Some((i + 1, *words.get(i + 1)?)),
                rest => Some((i, rest.strip_prefix('=')?)),
            })
        };
        let has = |name: &str| words.contains(&name);
        let serves = ["-c", "--config-path", "--config-yaml"].into_iter().any(|name| value(name).is_some());
        let only_checks = value("--mode").is_some_and(|(_, mode)| matches!(mode, "validate" | "init_only"));
        // A variable may hold any options; behind an option it is only that one's value.
        let holds_options = |(i, word): (usize, &&str)| {
            word.starts_with('$') && !i.checked_sub(1).is_some_and(|before| words[before].starts_with('-'))
        };
        let is_script = matches!(self, Start::Script { .. });
        if !serves || only_checks || is_script && words.iter().enumerate().any(holds_options) {
            return BaseId::NotKnown;
        }
        if has("--use-dynamic-base-id") || has("--disable-hot-restart") {
            return BaseId::Set(None);
        }
        match value("--base-id") {
            None => BaseId::Missing(None),
            Some((i, text)) => match text.parse::<u32>() {
                Ok(0) => BaseId::Missing(Some(i)),
                number => BaseId::Set(number.ok()),
            },
        }
    }

    /// True where options and their values are written as one word, `--name=value`.
    pub(super) fn joins_values(&self) -> bool {
        let words = self.words();
        let apart = words
            .windows(2)
            .any(|pair| pair[0].starts_with("--") && !pair[0].contains('=') && !pair[1].starts_with('-'));
        let joined = words.iter().any(|word| word.starts_with("--") && word.contains('='));
        joined && !apart
    }
}
