//! Comments for people: what made a text, how to use it, which rules stand behind a patch, and what is left out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::patched::Reason;
use super::{Parts, Request};
use crate::report::{View, visible};

/// The start of the comment at the top of all that an export writes: such a file may be written anew.
pub const MADE_BY: &str = "# Made by `";

/// Two lines: what made the text, and how to use it.
pub(super) fn header(request: Request<'_>, how: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{MADE_BY}{}` (meshfix {version})\n# {how}\n", visible(&request.command.replace(['\n', '\r'], " ")))
}

/// The rules behind a change, each with its safety, and the files that it comes from.
pub(super) fn origin(files: &[&str], reasons: &BTreeSet<Reason>) -> String {
    let rules: Vec<String> = reasons.iter().map(|(rule, safety)| format!("{rule} ({})", safety.name())).collect();
    let files: Vec<String> = files.iter().map(|file| visible(&file.replace(['\n', '\r'], " ")).into_owned()).collect();
    match rules.is_empty() {
        true => files.join(", "),
        false => format!("{}: {}", files.join(", "), rules.join(", ")),
    }
}

/// The fixes that are left out, as comments for the end of a text.
pub(super) fn left_out(parts: &Parts<'_>) -> String {
    let view = View::new(parts.outcome, false);
    let mut out = String::new();
    for one in parts.left_out {
        let at = format!("{}:{}", view.name(one.at.file), view.position(one.at).line);
        let line = format!("{at}: {}: {}", one.rule, one.reason).replace(['\n', '\r'], " ");
        let _ = writeln!(out, "# Left out: {}", visible(&line));
    }
    out
}
