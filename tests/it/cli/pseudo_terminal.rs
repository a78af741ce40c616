//! A terminal of our own, with a program on it, and what the program shows there.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// No run may take longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Which of a program's outputs are the terminal; the others are pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Out,
    Err,
    Both,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    /// What the terminal got, with `\n` as line ends.
    pub(super) terminal: String,
    /// What the pipes got.
    pub(super) piped: String,
}

impl Ran {
    #[track_caller]
    pub(super) fn with(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "exit code\nterminal:\n{}\npiped:\n{}", self.terminal, self.piped);
        self
    }
}

/// The two ends of a terminal.
struct Terminal {
    master: OwnedFd,
    name: std::path::PathBuf,
}

impl Terminal {
    fn new(columns: u16) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("UTF-8").into();
        let size = Winsize { ws_row: if columns == 0 { 0 } else { 24 }, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        Terminal { master, name }
    }

    fn end(&self) -> File {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OpenptFlags::NOCTTY.bits() as i32;
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(&self.name).expect("the terminal opens")
    }
}

/// Runs a command with a terminal of so many columns; with 0 it does not know its size.
#[track_caller]
pub(super) fn run(command: &mut Command, columns: u16, shows: Shows) -> Ran {
    typing(command, columns, shows, &[])
}

/// The same; each of these keys is typed when the text in front of it has been shown.
#[track_caller]
pub(super) fn typing(command: &mut Command, columns: u16, shows: Shows, keys: &[(&str, &[u8])]) -> Ran {
    let terminal = Terminal::new(columns);
    let is_terminal = |output| shows == output || shows == Shows::Both;
    let output = |output| if is_terminal(output) { Stdio::from(terminal.end()) } else { Stdio::piped() };
    command.stdin(Stdio::from(terminal.end())).stdout(output(Shows::Out)).stderr(output(Shows::Err));
    let mut child = command.spawn().expect("it starts");
    let pipes = (child.stdout.take().map(reader), child.stderr.take().map(reader));
    // The command holds ends of the terminal; without them gone there is no end of the text.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut master = File::from(terminal.master);
    let shown = shown(&mut master, keys);
    let start = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().expect("waited for") {
            break status.code();
        }
        if start.elapsed() > LIMIT {
            child.kill().expect("ended");
            panic!("no end after {LIMIT:?}\n{shown}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let read = |pipe: Option<JoinHandle<String>>| pipe.map(|pipe| pipe.join().expect("read")).unwrap_or_default();
    Ran { code, terminal: shown.replace("\r\n", "\n"), piped: read(pipes.0) + &read(pipes.1) }
}

/// What the terminal shows until nobody has it open any more.
fn shown(master: &mut File, keys: &[(&str, &[u8])]) -> String {
    let mut bytes = Vec::new();
    let mut keys = keys.iter();
    let mut next = keys.next();
    let mut buffer = [0; 4096];
    loop {
        // The end of a pseudo-terminal is an error.
        match master.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
        while let Some((text, key)) = next.filter(|(text, _)| String::from_utf8_lossy(&bytes).contains(text)) {
            master.write_all(key).unwrap_or_else(|error| panic!("typed behind {text}: {error}"));
            next = keys.next();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reader(mut from: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("readable");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
