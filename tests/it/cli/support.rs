//! What the trials of this folder share: a folder of their own, and the program run in it with nothing
//! of the environment but what they give it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use tempfile::TempDir;

/// No run of these trials may take longer.
const LIMIT: Duration = Duration::from_secs(120);

/// A trial that fails by panicking.
pub(crate) fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(format!("cli::{name}"), move || {
        run();
        Ok(())
    })
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) err: String,
    pub(crate) took: Duration,
    /// Most memory that was seen in use, in KiB.
    pub(crate) memory: u64,
}

impl Ran {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The run, if it ended with this exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "exit code\nstdout:\n{}\nstderr:\n{}", self.out(), self.err);
        self
    }

    /// The run, if it said nothing at all.
    #[track_caller]
    pub(crate) fn silent(self) -> Ran {
        assert!(self.bytes.is_empty() && self.err.is_empty(), "stdout:\n{}\nstderr:\n{}", self.out(), self.err);
        self
    }

    /// The run, if it printed nothing.
    #[track_caller]
    pub(crate) fn nothing(self) -> Ran {
        assert!(self.bytes.is_empty(), "stdout:\n{}\nstderr:\n{}", self.out(), self.err);
        self
    }

    /// The run, if standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "`{text}` is not in stderr:\n{}", self.err);
        self
    }

    /// The run, if standard output has this text.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Ran {
        assert!(self.out().contains(text), "`{text}` is not in stdout:\n{}", self.out());
        self
    }
}

/// A folder of its own for one trial.
pub(crate) struct World {
    folder: TempDir,
    /// Where the files are; the folder above is out of the given paths.
    pub(crate) root: PathBuf,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = tempfile::Builder::new().prefix("meshfix-cli-").tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("a path").join("root");
        fs::create_dir(&root).expect("a folder");
        World { folder, root }
    }

    /// A world with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> World {
        let world = World::new();
        files.iter().for_each(|(name, text)| world.write(name, text));
        world
    }

    /// The same files with the same modes and times in a folder of their own.
    pub(crate) fn twin(&self) -> World {
        let twin = World::new();
        fs::remove_dir(&twin.root).expect("removed");
        let done = Command::new("cp").arg("-a").args([&self.root, &twin.root]).status().expect("cp runs");
        assert!(done.success(), "copied");
        twin
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path beside the root.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.root.with_file_name(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("written");
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).expect("readable")).expect("UTF-8")
    }

    /// Every ordinary file with its bytes, by its path from the root.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.root, &self.root, &mut files);
        files
    }

    /// The program in this world, with an environment of three variables.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.clean(env!("CARGO_BIN_EXE_meshfix"));
        command.args(args);
        command
    }

    /// Another program in this world.
    pub(crate) fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).env("LANG", "C.UTF-8");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CEILING_DIRECTORIES", self.folder.path());
        command.current_dir(&self.root);
        command
    }

    /// Runs the program on nothing from standard input.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args), b"")
    }

    /// Runs the program on a stream.
    pub(crate) fn stream(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        finish(&mut self.command(args), input.as_ref())
    }

    /// Runs a shell script in which `meshfix` is the program.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        let script = format!("meshfix() {{ '{}' \"$@\"; }}\n{script}", env!("CARGO_BIN_EXE_meshfix"));
        finish(self.clean("sh").args(["-c", &script]), b"")
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            collect(root, &entry.path(), files);
        } else if kind.is_file() {
            let name = entry.path().strip_prefix(root).expect("below").to_owned();
            files.insert(name, fs::read(entry.path()).expect("readable"));
        }
    }
}

/// Runs a command to its end, and ends it when it takes too long.
#[track_caller]
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Ran {
    finish_within(LIMIT, command, input)
}

/// The same with another limit.
#[track_caller]
pub(crate) fn finish_within(limit: Duration, command: &mut Command, input: &[u8]) -> Ran {
    let start = Instant::now();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("stdin");
    let input = input.to_owned();
    // A program that does not read its input is no failure.
    thread::spawn(move || drop(stdin.write_all(&input)));
    let out = reader(child.stdout.take().expect("stdout"));
    let err = reader(child.stderr.take().expect("stderr"));
    let (code, memory) = wait(&mut child, start, limit);
    Ran {
        code,
        bytes: out.join().expect("read"),
        err: String::from_utf8_lossy(&err.join().expect("read")).into_owned(),
        took: start.elapsed(),
        memory,
    }
}

fn reader(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("readable");
        bytes
    })
}

#[track_caller]
fn wait(child: &mut Child, start: Instant, limit: Duration) -> (Option<i32>, u64) {
    let mut memory = 0;
    loop {
        memory = memory.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().expect("waited for") {
            return (status.code(), memory);
        }
        if start.elapsed() > limit {
            child.kill().expect("ended");
            panic!("no end after {limit:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory that a process used so far, in KiB.
fn peak_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// True when the program is there.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Says that a trial is left out on this machine, and why.
#[allow(clippy::print_stderr, reason = "what was not tried must be seen")]
pub(crate) fn left_out(what: &str) {
    eprintln!("left out: {what}");
}

/// True for the user that no permission stops.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}
