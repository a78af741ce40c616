//! The script of a folder: it gives all patches to kubectl, after the server has taken all of them in a dry run.

use super::names::{FileNames, Target};
use super::{Parts, Request, comments};

/// The name of the script.
pub(super) const NAME: &str = "patch.sh";

/// What the server says of a `test` that does not hold names neither the resource nor the field.
const FAILED: &str = "
failed() {
    echo \"patch.sh: $1 can't be patched: where the server says no more, it changed since the export; export it again\" >&2
    exit 1
}

";

/// A script, command by command.
pub(super) struct Script {
    header: String,
    commands: Vec<String>,
    /// New resources, which come first: what is patched may rely on them.
    files: Vec<(String, String)>,
    left_out: String,
}

impl Script {
    pub(super) fn new(parts: &Parts<'_>, request: Request<'_>) -> Self {
        let how =
            format!("`sh {NAME}` patches the current cluster; kubectl's flags may follow: `sh {NAME} --context test`.");
        let mut script = Script {
            header: comments::header(request, &how),
            commands: Vec::new(),
            files: Vec::new(),
            left_out: comments::left_out(parts),
        };
        let mut names = FileNames::default();
        for new in parts.new {
            let name = format!("new-{}", names.next(&new.name));
            let origin = comments::origin(&[&new.file_name], &new.reasons);
            let text = format!("{}{}", comments::header(request, &origin), new.text);
            for namespace in &new.namespaces {
                let mut words = vec!["apply".to_owned()];
                if let Some(namespace) = namespace {
                    words.extend(["--namespace".to_owned(), namespace.clone()]);
                }
                words.extend(["--filename".to_owned(), name.clone()]);
                script.commands.push(command(&words, &new.name.to_string()));
            }
            script.files.push((name, text));
        }
        script
    }

    /// Adds the patch of a file.
    pub(super) fn patch(&mut self, target: &Target, kind: &str, file: &str) {
        let mut words = vec!["patch".to_owned()];
        words.extend(target.arguments());
        words.extend(["--type", kind, "--patch-file", file].map(str::to_owned));
        let namespace = target.namespace.as_ref().map_or_else(String::new, |namespace| format!("{namespace}/"));
        self.commands.push(command(&words, &format!("{namespace}{}/{}", target.kind, target.name)));
    }

    /// The files of the folder: the script, these, and the new resources.
    pub(super) fn with(self, files: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut text = format!("#!/bin/sh\n{}cd \"$(dirname \"$0\")\" || exit\n", self.header);
        text.push_str(FAILED);
        text.push_str("all() {\n");
        self.commands.iter().for_each(|command| text.push_str(command));
        if self.commands.is_empty() {
            text.push_str("    true\n");
        }
        text.push_str("}\n\n# Nothing is changed unless the server takes all of it.\n");
        text.push_str("all \"$@\" --dry-run=server >/dev/null\nall \"$@\"\n");
        text.push_str(&self.left_out);
        let mut all = vec![(NAME.to_owned(), text)];
        all.extend(files);
        all.extend(self.files);
        all
    }
}

/// A command of kubectl, as a line of the script. The user's own flags stand in front of what the manifests say.
fn command(words: &[String], what: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let (first, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    format!("    kubectl {first} \"$@\" {} || failed {}\n", rest.join(" "), quoted(what))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/=:".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(is_plain);
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
