//! Real programs that tests talk to; `tests/programs/install` installs them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The paths of `programs`. `None`, with a printed line, where one is not there; in CI they must be there.
pub(crate) fn find<const N: usize>(suite: &str, programs: [&str; N]) -> Option<[PathBuf; N]> {
    let found = programs.map(path);
    let missing: Vec<&str> =
        programs.iter().zip(&found).filter(|(_, path)| path.is_none()).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Some(found.map(|path| path.expect("nothing is missing")));
    }
    let missing = missing.join(", ");
    assert!(std::env::var_os("CI").is_none(), "{missing}: not installed, and CI needs them for {suite}");
    skip(suite, &missing);
    None
}

/// The path of a program that no registry has. `None`, with a printed line, where it is not there, in CI too.
pub(crate) fn find_where_there(suite: &str, program: &str) -> Option<PathBuf> {
    let found = path(program);
    if found.is_none() {
        skip(suite, program);
    }
    found
}

/// `MESHFIX_PROGRAMS`, or the cache that `tests/programs/install` installs to, or the `PATH`.
fn path(program: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache =
        || Some(set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?.join("meshfix-ci/programs"));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = set("MESHFIX_PROGRAMS").or_else(cache).into_iter().chain(std::env::split_paths(&on_path));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[allow(clippy::print_stderr, reason = "a skipped suite must be seen")]
fn skip(suite: &str, missing: &str) {
    eprintln!("skipped {suite}: `tests/programs/install` installs what is missing: {missing}");
}

/// A program in the background. It ends with this value, and also when the test itself is killed.
pub(crate) struct Running {
    shell: Child,
}

impl Running {
    /// Starts a program; what it prints goes to the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: &Path) -> std::io::Result<Running> {
        // The shell's input is a pipe from this process, so the system closes it whatever happens to us.
        let script = r#"trap '' HUP INT TERM; "$@" & cat >/dev/null; kill -9 $!; wait"#;
        let log = File::create(log)?;
        let shell = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Running { shell })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nobody is left to tell, and the shell ends in any case.
        let _ = self.shell.wait();
    }
}
