//! Argo CD's side of a plugin: a copy of a repository, the environment of a request, and how a command is run and ended.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Deserialize as _;
use serde_json::Value;

use crate::cli::support::World;

/// How long a command may take where a trial says nothing else.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long Argo CD waits between its two signals.
const GRACE: Duration = Duration::from_secs(5);

/// An application in a copy of its repository.
pub(crate) struct App {
    pub(crate) world: World,
    /// The application's folder in the repository.
    folder: String,
    environment: Vec<(String, String)>,
    /// Whether the programs of this machine are on the `PATH`, too.
    is_alone: bool,
    pub(crate) timeout: Duration,
    pub(crate) ending: Ending,
}

/// What happens at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What Argo CD does: the command gets SIGKILL, its group SIGTERM, and later the rest of the group SIGKILL.
    ArgoCd,
    /// The command alone gets SIGTERM.
    Term,
    /// The command alone gets SIGQUIT.
    Quit,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl App {
    /// An application at `folder`, with these files by their paths in the repository.
    pub(crate) fn at(folder: &str, files: &[(&str, &str)]) -> App {
        let world = World::with(files);
        fs::create_dir_all(world.path(folder)).expect("a folder");
        fs::create_dir(world.outside("bin")).expect("a folder");
        let app = App {
            world,
            folder: folder.to_owned(),
            environment: Vec::new(),
            is_alone: false,
            timeout: TIMEOUT,
            ending: Ending::ArgoCd,
        };
        app.with("ARGOCD_APP_NAME", "shop")
            .with("ARGOCD_APP_NAMESPACE", "market")
            .with("ARGOCD_APP_SOURCE_PATH", folder)
    }

    /// With a variable of the request or the sidecar.
    pub(crate) fn with(mut self, name: &str, value: &str) -> App {
        self.environment.retain(|(have, _)| have != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the parameters of the Application, as JSON.
    pub(crate) fn parameters(self, parameters: Value) -> App {
        self.with("ARGOCD_APP_PARAMETERS", &parameters.to_string())
    }

    /// With a program of this name that is a shell script. `$LOG` is a file of the trial.
    pub(crate) fn program(self, name: &str, script: &str) -> App {
        let path = self.world.outside("bin").join(name);
        let log = self.log().display().to_string();
        fs::write(&path, format!("#!/bin/sh\nLOG='{log}'\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
        self
    }

    /// With a real program under this name.
    pub(crate) fn real(self, name: &str, program: &Path) -> App {
        std::os::unix::fs::symlink(program, self.world.outside("bin").join(name)).expect("a link");
        self
    }

    /// Without the programs of this machine.
    pub(crate) fn alone(mut self) -> App {
        self.is_alone = true;
        self
    }

    fn log(&self) -> PathBuf {
        self.world.outside("log")
    }

    /// What the programs of the trial wrote down.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Whether any program of the trial wrote something down.
    pub(crate) fn logged_at_all(&self) -> bool {
        self.log().exists()
    }

    /// Runs `meshfix argocd` with this word, as Argo CD runs a command of its plugins.
    pub(crate) fn call(&self, word: &str) -> Answer {
        let mut command = self.world.command(&["argocd", word]);
        let machine = std::env::var("PATH").unwrap_or_default();
        let bin = self.world.outside("bin").display().to_string();
        let path = if self.is_alone { bin } else { format!("{bin}:{machine}") };
        let temporary = self.world.outside("tmp");
        fs::create_dir_all(&temporary).expect("a folder");
        command.env("PATH", path).env("TMPDIR", temporary);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.world.path(&self.folder));
        run(&mut command, self.timeout, self.ending)
    }

    /// What is left in the folder for temporary files.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.world.outside("tmp")).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// Runs a command without input in a group of its own, and ends it at the deadline.
fn run(command: &mut Command, timeout: Duration, ending: Ending) -> Answer {
    let start = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().expect("it starts");
    let group = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(child.wait_with_output())));
    let mut output = receiver.recv_timeout(timeout);
    if matches!(output, Err(RecvTimeoutError::Timeout)) {
        match ending {
            Ending::ArgoCd => {
                kill_process(group, Signal::KILL).expect("ended");
                let _ = kill_process_group(group, Signal::TERM);
            }
            Ending::Term => kill_process(group, Signal::TERM).expect("asked to end"),
            Ending::Quit => kill_process(group, Signal::QUIT).expect("asked to end"),
        }
        output = receiver.recv_timeout(GRACE);
        if ending == Ending::ArgoCd {
            thread::sleep(GRACE);
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let took = start.elapsed();
    let Output { status, stdout, stderr } = output.expect("it ends").expect("it ran");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Answer { code: status.code(), signal: status.signal(), out: text(stdout), err: text(stderr), took }
}

impl Answer {
    /// The manifests, where Argo CD takes them.
    #[track_caller]
    pub(crate) fn manifests(&self) -> Vec<Value> {
        assert_eq!((self.code, self.signal), (Some(0), None), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        documents(&self.out)
    }

    /// The text that Argo CD shows. There is no answer beside it, and no temporary path in it.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert_eq!(self.out, "", "no answer but an error: {}", self.err);
        assert!(!self.err.contains("meshfix-"), "no path of this copy: {}", self.err);
        let text = self.err.trim();
        assert!(text.lines().all(|line| line.starts_with("error: ")), "{text}");
        text
    }

    /// The answer, if standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Answer {
        assert!(self.err.contains(text), "`{text}` is not in stderr:\n{}", self.err);
        self
    }

    /// The answer, if standard output is this text.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Answer {
        assert_eq!((self.code, self.out.as_str()), (Some(0), text), "stderr:\n{}", self.err);
        self
    }
}

/// The documents of a stream, as a reader of YAML sees them that is none of ours.
#[track_caller]
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let read = |document| Value::deserialize(document).expect("YAML");
    serde_yaml::Deserializer::from_str(text).map(read).filter(|value| !value.is_null()).collect()
}

/// `kind/name` of each resource, in order.
pub(crate) fn names(manifests: &[Value]) -> Vec<String> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or("?").to_owned();
    manifests.iter().map(|one| format!("{}/{}", text(one, "/kind"), text(one, "/metadata/name"))).collect()
}

/// True while a process of this number runs. One that only waits to be asked for its end does not.
pub(crate) fn runs(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
