//! Standard output and standard error: what is said, how it looks, and where results go.

use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use crate::cli::{Color, Talk};
use crate::io::files::reason;
use crate::io::stream;
use crate::report::text::{Layout, Paint};
use crate::report::visible;

/// Standard error, as far as the user wants it, and the way to standard output.
pub(super) struct Console<'a> {
    pub(super) talk: &'a Talk,
}

impl Console<'_> {
    /// Says something that `--quiet` leaves out.
    pub(super) fn say(&self, text: &str) {
        if !self.talk.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Says what went wrong.
    pub(super) fn error(&self, text: &str) {
        error(text);
    }

    /// How to print to standard output.
    pub(super) fn out(&self) -> Layout {
        self.layout(Some(io::stdout()))
    }

    /// How to print to standard error.
    pub(super) fn err(&self) -> Layout {
        self.layout(Some(io::stderr()))
    }

    /// How to print to a file.
    pub(super) fn file(&self) -> Layout {
        self.layout(None::<io::Stdout>)
    }

    fn layout<S: IsTerminal + AsFd>(&self, stream: Option<S>) -> Layout {
        layout(self.talk.color, stream)
    }
}

/// How to print to a stream; to a file where there is none.
pub(super) fn layout<S: IsTerminal + AsFd>(when: Color, stream: Option<S>) -> Layout {
    let is_file = stream.is_none();
    let terminal = stream.filter(|stream| stream.is_terminal());
    let colours = match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !is_file && wants_colours(terminal.is_some()),
    };
    let columns = |terminal| {
        let size = rustix::termios::tcgetwinsize(terminal).ok().map(|size| usize::from(size.ws_col));
        size.filter(|columns| *columns > 0).or_else(told_columns).unwrap_or(80)
    };
    Layout { paint: colours.then_some(Paint), width: terminal.map(columns) }
}

/// What the environment says of colours (no-color.org, bixense.com/clicolors); the terminal counts only then.
fn wants_colours(is_terminal: bool) -> bool {
    let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if value("NO_COLOR").is_some() {
        return false;
    }
    if value("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && value("CLICOLOR").is_none_or(|value| value != "0") && !is_dumb()
}

/// The width that the shell tells.
fn told_columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|columns| *columns > 0)
}

/// True for a terminal that knows no colours and can't move its cursor.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// Says what went wrong, whatever the user wants to hear.
pub(super) fn error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "error: {}", visible(text));
}

/// Prints a result to a file, or to standard output.
pub(super) fn deliver(file: Option<&Path>, text: &[u8]) -> Result<(), String> {
    match file {
        Some(path) => std::fs::write(path, text).map_err(|error| format!("{}: {}", path.display(), reason(&error))),
        None => stream::write(text).map_err(|error| format!("standard output: {}", reason(&error))),
    }
}
