//! Other programs: started without a shell, and ended in time with all that they started. They stay in our process group:
//! who ends us with no more warning, as Argo CD does, ends that.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

use super::files::reason;

/// Most that a program may print, in bytes.
const MAX_OUTPUT: u64 = 1 << 30;

/// How often processes are looked for that are to end.
const ROUNDS: usize = 100;

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
    /// What it reads on standard input.
    input: Option<String>,
    /// Texts that no message shows, with what stands for each.
    hidden: Vec<(String, &'static str)>,
    /// Words of its messages behind which nothing is quoted.
    cut_behind: Vec<&'static str>,
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

    /// With something to read on standard input; there is nothing without it.
    #[must_use]
    pub fn reading(self, input: &str) -> Program {
        Program { input: Some(input.to_owned()), ..self }
    }

    /// With a text that no message shows.
    #[must_use]
    pub fn hide(mut self, text: impl Into<String>, instead: &'static str) -> Program {
        self.hidden.push((text.into(), instead));
        self
    }

    /// With words of its messages behind which nothing is quoted.
    #[must_use]
    pub fn cut_behind(mut self, words: &'static str) -> Program {
        self.cut_behind.push(words);
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
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Missing(self.name.clone()),
            _ => Failure::NotStarted { program: self.name.clone(), reason: reason(&error) },
        })?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), self.input.clone()) {
            // A program that does not read is no failure.
            thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
        }
        let out = read(child.stdout.take());
        let err = read(child.stderr.take());
        let has_ended = wait(&child, deadline);
        let status = end(&mut child);
        // What the system does not show us may still hold the pipes.
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
        let cut = self.cut_behind.iter().filter_map(|words| Some(text.find(words)? + words.len())).min();
        let mut text = cut.map_or_else(|| text.to_owned(), |cut| format!("{}…", &text[..cut]));
        // A longer text may hold a shorter one, and lines cut it.
        let mut hidden: Vec<_> = self.hidden.iter().collect();
        hidden.sort_by_key(|(text, _)| Reverse(text.len()));
        for (hide, instead) in hidden {
            text = text.replace(hide.as_str(), instead);
        }
        let text = without_credentials(&text);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let is_error = |line: &&&str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
        let first = lines.iter().position(|line| is_error(&line)).unwrap_or(lines.len().saturating_sub(2));
        let said = match &lines[first..] {
            [] => return "it said nothing".to_owned(),
            [one] => (*one).to_owned(),
            [first, last] => format!("{first}; {last}"),
            [first, .., last] => format!("{first} … {last}"),
        };
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

/// The text without the names and passwords of its URLs.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (front, behind) = rest.split_at(at + 3);
        out += front;
        let end = behind.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c)).unwrap_or(behind.len());
        rest = match behind[..end].rfind('@') {
            Some(at) => {
                out += "***";
                &behind[at..]
            }
            None => behind,
        };
    }
    out + rest
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

/// True when the program has ended by the deadline. It is not reaped yet, so its number is still its own.
fn wait(child: &Child, deadline: Deadline) -> bool {
    let pid = Pid::from_child(child);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = sender.send(ended.is_ok());
    });
    receiver.recv_timeout(deadline.left()).unwrap_or(false)
}

/// Held while a program is started or ended, with the temporary folders that there are. A signal waits for it.
static OURS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn ours() -> MutexGuard<'static, Vec<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(command: &mut Command) -> io::Result<Child> {
    prepare();
    let _ours = ours();
    command.spawn()
}

/// Ends what is left of the program, and gives how it ended.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let _ours = ours();
    end_descendants();
    // It has ended in nearly all cases.
    let _ = child.kill();
    child.wait()
}

/// Ends all processes below us. What is started meanwhile is seen in the next round.
fn end_descendants() {
    let mut were_none = false;
    for _ in 0..ROUNDS {
        let living = descendants();
        // One that was listed may have started another and ended before it was looked at: only a second look shows that.
        if living.is_empty() && were_none {
            return;
        }
        were_none = living.is_empty();
        for process in living {
            let _ = kill_process(process, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The processes below us that have not ended, where the system tells.
fn descendants() -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        // The name, in brackets, may hold anything.
        let stat = std::fs::read(entry.path().join("stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let is_alive = !matches!(fields.next()?, "Z" | "X");
        Some((id, fields.next()?.parse::<i32>().ok()?, is_alive))
    });
    let all: Vec<(i32, i32, bool)> = all.collect();
    let mut found = vec![getpid().as_raw_nonzero().get()];
    let mut seen = 0;
    while let Some(parent) = found.get(seen).copied() {
        seen += 1;
        found.extend(all.iter().filter(|(_, of, _)| *of == parent).map(|(id, ..)| *id));
    }
    let is_alive = |id: &i32| all.iter().any(|(other, _, is_alive)| other == id && *is_alive);
    found.into_iter().skip(1).filter(is_alive).filter_map(Pid::from_raw).collect()
}

/// Takes in what programs leave behind, so that it can be found, and waits for the signals that end us.
fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(getpid()));
        let Ok(mut signals) = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT]) else { return };
        thread::spawn(move || {
            for signal in signals.forever() {
                let ours = ours();
                end_descendants();
                ours.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
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
        prepare();
        let mut ours = ours();
        let folder = tempfile::Builder::new().prefix("meshfix-").permissions(Permissions::from_mode(0o700)).tempdir();
        let folder = folder.map_err(|error| {
            format!("no temporary folder can be made: {}; mount a folder that can be written at /tmp", reason(&error))
        })?;
        ours.push(folder.path().to_owned());
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
        let program = program.hide("s3cret\ntail", "***").cut_behind("literal sources [");
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
            ("Error: password s3cret\ntail of it", "Error: password *** of it"),
            ("Error: literal sources [a=b\nc=d]: no", "Error: literal sources […"),
            (
                "Error: no \"https://a:b@charts.example/x@y\" at oci://c@d http://e.example",
                "Error: no \"https://***@charts.example/x@y\" at oci://***@d http://e.example",
            ),
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
