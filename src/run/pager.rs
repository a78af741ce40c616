//! The user's pager: what shows a long result on a terminal page by page.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use super::console::{deliver, is_dumb};

/// What a shell gives special meaning; other commands need none.
const FOR_A_SHELL: &[char] =
    &['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', '#', '~', '=', '%', '{', '!', '\n'];

/// Prints to standard output; on a terminal by the user's pager, whose end is waited for.
pub(super) fn print(text: &str) -> Result<(), String> {
    let is_shown = !text.is_empty() && io::stdout().is_terminal() && chosen().is_some_and(|pager| show(&pager, text));
    if is_shown { Ok(()) } else { deliver(None, text.as_bytes()) }
}

/// The pager's command; `None` where none is wanted.
fn chosen() -> Option<OsString> {
    let named = std::env::var_os("MESHFIX_PAGER").or_else(|| std::env::var_os("PAGER"));
    // What does not move the cursor can't turn pages.
    let pager = named.or_else(|| (!is_dumb()).then(|| "less".into()))?;
    let is_none = pager.to_str().is_some_and(|pager| matches!(pager.trim(), "" | "cat"));
    (!is_none).then_some(pager)
}

/// Gives the text to the pager and waits for its end; false where it could not start.
fn show(pager: &OsString, text: &str) -> bool {
    let mut command = command(pager);
    if std::env::var_os("LESS").is_none() {
        // As git has it: no pager for a short text, colours, and the text stays when the pager is gone.
        command.env("LESS", "FRX");
    }
    // Ctrl-C is for the pager: without its parent it would fight with the shell for the keyboard.
    let is_over = Arc::new(AtomicBool::new(false));
    let _ = flag::register_conditional_default(SIGINT, Arc::clone(&is_over));
    let status = command.stdin(Stdio::piped()).spawn().and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            // Who quits before the end has seen enough.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait()
    });
    is_over.store(true, Ordering::Relaxed);
    // A shell, or a program like env, says by these codes that there is no such command.
    status.is_ok_and(|status| !matches!(status.code(), Some(126 | 127)))
}

/// The pager as a command, by a shell only where its words need one.
fn command(pager: &OsString) -> Command {
    let words = pager.to_str().filter(|text| !text.contains(FOR_A_SHELL)).map(str::split_whitespace);
    if let Some(mut words) = words
        && let Some(program) = words.next()
    {
        let mut command = Command::new(program);
        command.args(words);
        return command;
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(pager);
    command
}
