//! Helm and kustomize, as all requests call them.

use std::path::Path;

use super::Stop;
use super::request::{Request, variable};
use crate::io::program::{Failure, Program, Scratch};

/// The folders that Helm writes to, each with what else names it.
const HELM_FOLDERS: [(&str, &str); 3] = [
    ("HELM_CACHE_HOME", "XDG_CACHE_HOME"),
    ("HELM_CONFIG_HOME", "XDG_CONFIG_HOME"),
    ("HELM_DATA_HOME", "XDG_DATA_HOME"),
];

/// The program, told where it may write, and with the copy's path kept out of messages: it is another one each time.
pub(super) fn program(name: &str, words: &[&str], request: &Request, scratch: &Scratch) -> Program {
    let mut program = Program::new(name, words)
        .hide(format!("{}/", request.checkout.root.display()), "")
        .hide(request.checkout.root.display().to_string(), ".")
        .hide(format!("{}/", scratch.path().display()), "");
    let home = variable("HOME");
    if !home.is_some_and(|home| is_writable(Path::new(&home))) {
        for (folder, other) in HELM_FOLDERS {
            if variable(folder).is_none() && variable(other).is_none() {
                program = program.set(folder, scratch.path().join(folder));
            }
        }
    }
    program
}

fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Runs it, and says what to do where it fails.
pub(super) fn run(program: &Program, request: &Request) -> Result<String, Stop> {
    program.run(request.deadline).map_err(|failure| advice(&failure).into())
}

/// A failure with the next step.
pub(super) fn advice(failure: &Failure) -> String {
    match failure {
        Failure::Missing(_) | Failure::NotStarted { .. } => {
            format!("{failure}; the image of the plugin's sidecar must have it")
        }
        Failure::TooLong { .. } => format!(
            "{failure}; look for what it waits for (charts and bases from the network), or raise ARGOCD_EXEC_TIMEOUT in \
             the sidecar together with Argo CD's timeouts for its repo server"
        ),
        Failure::Failed { .. } | Failure::Output { .. } => {
            format!("{failure}; run it in the application's folder to see all of it")
        }
    }
}
