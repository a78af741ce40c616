//! Other programs: started without a shell, with nothing to read, and with an end. Whatever ends us ends them too.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

use super::files::reason;

/// Most that a program may print, in bytes.
const MAX_OUTPUT: u64 = 1 << 30;

/// Most characters of standard error that are quoted.
const QUOTED: usize = 600;

/// When all programs of a run must have ended.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline this long from now.
    pub fn new(limit: Duration) -> Deadline {
        Deadline { at: Instant::now() + limit, limit }
    }

    fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// Why a program gave nothing. The sentences quote what it said, cut short, and nothing that it printed as its result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such program.
    #[error("`{0}` is not on the PATH")]
    Missing(String),
    /// It is there, and the system does not start it.
    #[error("`{program}` can't be started: {reason}")]
    NotStarted {
        /// Its name.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// It ended with a failure.
    #[error("`{program}` failed ({status}): {said}")]
    Failed {
        /// What was called.
        program: String,
        /// How it ended.
        status: String,
        /// The end of its standard error.
        said: String,
    },
    /// It was not done at the deadline.
    #[error("`{program}` was not done after {} s and was ended", seconds(.limit))]
    TooLong {
        /// What was called.
        program: String,
        /// How long all programs of the run may take.
        limit: Duration,
    },
    /// What it printed is no text, or too long.
    #[error("`{program}` printed {what}")]
    Output {
        /// What was called.
        program: String,
        /// What is wrong with it.
        what: String,
    },
}

fn seconds(limit: &Duration) -> String {
    format!("{:.1}", limit.as_secs_f64()).trim_end_matches(".0").to_owned()
}

/// A program to run.
#[derive(Debug, Default)]
pub struct Program {
    name: String,
    /// What messages call it: its name, and the words that say what it does.
    called: String,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    /// Texts that no message shows, with what stands for each.
    hidden: Vec<(String, &'static str)>,
}

impl Program {
    /// The program of this name on the `PATH`, with the words that say what it is to do.
    pub fn new(name: &str, words: &[&str]) -> Program {
        let called = [&[name], words].concat().join(" ");
        Program { name: name.to_owned(), called, ..Program::default() }.with(words.iter().copied())
    }

    /// With further arguments.
    #[must_use]
    pub fn with<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With a variable beside those that we have.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<OsString>) -> Program {
        self.environment.push((name, value.into()));
        self
    }

    /// With a text that no message shows.
    #[must_use]
    pub fn hide(mut self, text: impl Into<String>, instead: &'static str) -> Program {
        self.hidden.push((text.into(), instead));
        self
    }

    /// Runs it to its end, and gives what it printed on standard output.
    ///
    /// # Errors
    /// When it can't be started, fails, or is not done in time.
    pub fn run(&self, deadline: Deadline) -> Result<String, Failure> {
        let program = self.called.clone();
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Missing(self.name.clone()),
            _ => Failure::NotStarted { program: self.name.clone(), reason: reason(&error) },
        })?;
        let out = read(child.stdout.take());
        let err = read(child.stderr.take());
        let has_ended = wait(&child, deadline);
        let status = end(&mut child);
        // A program of its own group may still hold the pipes.
        let too_long = |_| Failure::TooLong { program: program.clone(), limit: deadline.limit };
        let (status, out, err) = match (has_ended, status) {
            (false, _) => return Err(too_long(mpsc::RecvTimeoutError::Timeout)),
            (true, Err(error)) => return Err(Failure::NotStarted { program, reason: reason(&error) }),
            (true, Ok(status)) => (
                status,
                out.recv_timeout(deadline.left()).map_err(too_long)?,
                err.recv_timeout(deadline.left()).map_err(too_long)?,
            ),
        };
        if !status.success() {
            let said = self.quoted(&String::from_utf8_lossy(&err));
            return Err(Failure::Failed { program, status: told(status), said });
        }
        if out.len() as u64 > MAX_OUTPUT {
            return Err(Failure::Output { program, what: "more than 1 GiB".to_owned() });
        }
        String::from_utf8(out).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::Output { program, what: format!("text that is not UTF-8 (byte {at})") }
        })
    }

    /// What it said on standard error, as one line: the sentence that starts the error, and the one that ends it. What
    /// stands between them may be text of the repository.
    fn quoted(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let is_error = |line: &&&str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
        let first = lines.iter().position(|line| is_error(&line)).unwrap_or(lines.len().saturating_sub(2));
        let mut said = match &lines[first..] {
            [] => return "it said nothing".to_owned(),
            [one] => (*one).to_owned(),
            [first, last] => format!("{first}; {last}"),
            [first, .., last] => format!("{first} … {last}"),
        };
        for (text, instead) in &self.hidden {
            said = said.replace(text.as_str(), instead);
        }
        match said.chars().count() {
            length if length > QUOTED => {
                // What was asked for stands at the front of long messages, the reason at their end.
                let front: String = said.chars().take(QUOTED / 3).collect();
                let back: String = said.chars().skip(length - QUOTED / 3 * 2).collect();
                format!("{front} … {back}")
            }
            _ => said,
        }
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// Reads a pipe to its end, on a thread: nobody waits for a program that waits for its reader.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came before an error is all there is.
            let _ = pipe.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// True when the program has ended by the deadline. It is not reaped yet, so its group is still its own.
fn wait(child: &Child, deadline: Deadline) -> bool {
    let pid = Pid::from_child(child);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = sender.send(ended.is_ok());
    });
    receiver.recv_timeout(deadline.left()).unwrap_or(false)
}

/// What must not outlive us.
#[derive(Debug, Default)]
struct Ours {
    /// The program that runs, with all that it started.
    group: Option<Pid>,
    /// Temporary folders.
    folders: Vec<PathBuf>,
}

static OURS: Mutex<Ours> = Mutex::new(Ours { group: None, folders: Vec::new() });

fn ours() -> MutexGuard<'static, Ours> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a program as the leader of a group of its own. A signal that comes meanwhile waits until the group is known.
fn start(command: &mut Command) -> io::Result<Child> {
    listen();
    let mut ours = ours();
    let child = command.process_group(0).spawn()?;
    ours.group = Some(Pid::from_child(&child));
    Ok(child)
}

/// Ends what is left of the program's group, and gives how the program ended.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let mut ours = ours();
    // Nothing is left of most groups.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    ours.group = None;
    child.wait()
}

/// Waits for the signals that end us, and ends the rest first.
fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        let Ok(mut signals) = Signals::new([SIGTERM, SIGINT, SIGHUP]) else { return };
        thread::spawn(move || {
            for signal in signals.forever() {
                let ours = ours();
                if let Some(group) = ours.group {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                ours.folders.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
                // Nothing is started any more: the lock is held to the end.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
    });
}

/// A temporary folder that is gone when the run ends, by a signal too.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// A new folder, for our eyes only.
    ///
    /// # Errors
    /// When none can be made.
    pub fn new() -> Result<Scratch, String> {
        listen();
        let mut ours = ours();
        let folder = tempfile::Builder::new().prefix("meshfix-").permissions(Permissions::from_mode(0o700)).tempdir();
        let folder = folder.map_err(|error| {
            format!("no temporary folder can be made: {}; mount a folder that can be written at /tmp", reason(&error))
        })?;
        ours.folders.push(folder.path().to_owned());
        Ok(Scratch { folder })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into it, and gives its path.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.path().join(name);
        match std::fs::write(&path, text) {
            Ok(()) => Ok(path),
            Err(error) => Err(format!("the temporary file {name} can't be written: {}", reason(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_quoted_without_what_stands_between() {
        let program = Program::new("helm", &["template"]).hide("/tmp/copy/", "").hide("s3cret", "***");
        for (text, quoted) in [
            ("", "it said nothing"),
            ("\n oh no \n", "oh no"),
            ("WARNING: x\nError: a\n\nuse --debug\n", "Error: a; use --debug"),
            (
                "error: with config: `\nliterals: [key=value]\n`: no /tmp/copy/a.yaml",
                "error: with config: ` … `: no a.yaml",
            ),
            ("one\ntwo\nthree", "two; three"),
            ("Error: password s3cret", "Error: password ***"),
        ] {
            assert_eq!(program.quoted(text), quoted);
        }
        let long = program.quoted(&format!("Error: {} end", "é".repeat(2000)));
        assert!(
            long.starts_with("Error: é") && long.ends_with("é end") && long.chars().count() <= QUOTED + 3,
            "{long}"
        );
    }
}
