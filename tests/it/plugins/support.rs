//! What the trials of this folder share: a world in which `meshfix` and real programs are on the `PATH` and no network
//! is, the shipped files, and what an answer holds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde::Deserialize;

use crate::cli::support::{Ran, World, finish};
use crate::programs;

/// A trial that fails by panicking.
pub(super) fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(format!("plugins::{name}"), move || {
        run();
        Ok(())
    })
}

/// Makes the proof of a change fail, in debug builds.
pub(super) const SABOTAGE: (&str, &str) = ("MESHFIX_TEST_SABOTAGE", "1");

/// A world with real programs.
pub(super) struct Host {
    pub(super) world: World,
    programs: PathBuf,
}

impl Host {
    /// A world with `meshfix` and these programs. `None`, with a printed line, where one is not installed.
    pub(super) fn new<const N: usize>(programs: [&str; N]) -> Option<Host> {
        let found = programs::find("plugins", programs)?;
        let host = Host::bare();
        programs.iter().zip(&found).for_each(|(name, path)| host.link(path, name));
        Some(host)
    }

    /// A world with `meshfix` and a program that no registry has. `None`, with a printed line, where it is not there.
    pub(super) fn where_there(program: &str) -> Option<Host> {
        let found = programs::find_where_there("plugins", program)?;
        let host = Host::bare();
        host.link(&found, program);
        Some(host)
    }

    /// A world with `meshfix` only.
    pub(super) fn bare() -> Host {
        let world = World::new();
        let programs = world.outside("programs");
        fs::create_dir(&programs).expect("a folder");
        let host = Host { world, programs };
        host.link(Path::new(env!("CARGO_BIN_EXE_meshfix")), "meshfix");
        host
    }

    /// Puts a program on the `PATH`, by this name.
    pub(super) fn link(&self, program: &Path, name: &str) {
        symlink(program, self.programs.join(name)).expect("a link");
    }

    /// The same for a name that may be taken.
    pub(super) fn relink(&self, program: &Path, name: &str) {
        // Where nothing is there, nothing goes.
        let _ = fs::remove_file(self.programs.join(name));
        self.link(program, name);
    }

    /// Puts a script on the `PATH`, in the place of what has its name.
    pub(super) fn script(&self, name: &str, text: &str) {
        let path = self.programs.join(name);
        // Through a link the program itself would be written to.
        let _ = fs::remove_file(&path);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// The folder of the user's own files.
    pub(super) fn home(&self) -> PathBuf {
        self.world.outside("")
    }

    /// A copy of a shipped folder, by its path in `plugins`, in the world.
    pub(super) fn copy(&self, from: &str, to: &str) {
        let to = self.world.path(to);
        fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        let done = Command::new("cp").arg("-r").args([&shipped(from), &to]).status().expect("cp runs");
        assert!(done.success(), "copied");
    }

    /// A command in this world, by its words.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let program = self.programs.join(words[0]);
        let program = if program.exists() { program } else { words[0].into() };
        let mut command = self.world.clean(program.to_str().expect("UTF-8"));
        let before = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.programs.clone()].into_iter().chain(std::env::split_paths(&before));
        command.env("PATH", std::env::join_paths(folders).expect("a path")).args(&words[1..]);
        // Whatever looks for something outside fails at once.
        command.env("GIT_ALLOW_PROTOCOL", "none:file");
        ["HTTP_PROXY", "HTTPS_PROXY"].iter().for_each(|name| {
            command.env(name, "http://127.0.0.1:9");
        });
        command
    }

    /// Runs a command on nothing from standard input.
    #[track_caller]
    pub(super) fn run(&self, words: &[&str]) -> Ran {
        finish(&mut self.command(words), b"")
    }

    /// Runs a command with one more variable in its environment.
    #[track_caller]
    pub(super) fn run_with(&self, (name, value): (&str, &str), words: &[&str]) -> Ran {
        finish(self.command(words).env(name, value), b"")
    }

    /// Runs a command on a stream.
    #[track_caller]
    pub(super) fn stream(&self, words: &[&str], input: &str) -> Ran {
        finish(&mut self.command(words), input.as_bytes())
    }

    /// Runs a shell script.
    #[track_caller]
    pub(super) fn shell(&self, script: &str) -> Ran {
        self.run(&["sh", "-c", script])
    }
}

/// A shipped file or folder, by its path in `plugins`.
pub(super) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins").join(name)
}

/// The text of a shipped file.
#[track_caller]
pub(super) fn text(name: &str) -> String {
    fs::read_to_string(shipped(name)).expect("it is shipped")
}

/// A shipped path as a word of a command.
pub(super) fn word(name: &str) -> String {
    shipped(name).into_os_string().into_string().expect("UTF-8")
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    #[serde(default)]
    metadata: Name,
    #[serde(default)]
    items: Vec<Head>,
}

#[derive(Deserialize, Default)]
struct Name {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "generateName")]
    generated: String,
}

/// How often each resource is there, by kind, namespace and name. Another reader than ours says so.
pub(super) type Resources = BTreeMap<(String, String, String), usize>;

/// The resources of a stream, those in Lists too.
#[track_caller]
pub(super) fn resources(stream: &str) -> Resources {
    let mut resources = Resources::new();
    for document in serde_yaml::Deserializer::from_str(stream) {
        let head: Option<Head> = Option::deserialize(document).expect("a resource");
        head.into_iter().for_each(|head| count(head, &mut resources));
    }
    resources
}

fn count(Head { kind, metadata, items }: Head, resources: &mut Resources) {
    *resources.entry((kind, metadata.namespace, metadata.name + &metadata.generated)).or_default() += 1;
    items.into_iter().for_each(|item| count(item, resources));
}

/// Fails when a resource is there less often than before.
#[track_caller]
pub(super) fn nothing_is_deleted(before: &Resources, after: &Resources) {
    let lost: Vec<_> = before.iter().filter(|(name, count)| after.get(*name).is_none_or(|have| have < count)).collect();
    assert!(lost.is_empty(), "deleted: {lost:?}\nof {before:?}");
}
