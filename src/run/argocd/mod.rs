//! Argo CD's config management plugin: what it asks of a plugin, command by command. Argo CD runs each in a copy of the
//! repository made for it, takes an empty answer for the wish to delete everything, and shows and keeps what stands on
//! standard error when a command fails. So an answer is whole or there is none, and errors are short and final.

mod announcement;
mod answer;
mod helm;
mod helm_dependencies;
mod kept;
mod kustomize;
mod opt_in;
mod parameters;
mod request;
mod source;
mod tools;

use super::{CLEAN, USAGE, console};
use crate::cli::Argocd;
use request::Request;
use source::Source;

/// Why there is no answer.
struct Stop {
    code: u8,
    /// One line each; empty where they were told already.
    problems: Vec<String>,
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Stop { code: USAGE, problems: vec![problem] }
    }
}

impl From<Vec<String>> for Stop {
    fn from(problems: Vec<String>) -> Self {
        Stop { code: USAGE, problems }
    }
}

/// Answers Argo CD, and gives the exit code.
pub(super) fn run(command: &Argocd) -> u8 {
    let answered = match command {
        Argocd::Discover => discover(),
        Argocd::Init => init(),
        Argocd::Generate { talk } => Request::read().and_then(|request| answer::generate(&request, talk)),
        Argocd::Parameters => announcement::print(),
    };
    answered.unwrap_or_else(|stop| {
        stop.problems.iter().for_each(|problem| console::error(problem));
        stop.code
    })
}

/// Any word means that the application is ours, and none that it is not. It looks at a few names, and is never an error:
/// Argo CD asks this for the applications of all others too.
fn discover() -> Result<u8, Stop> {
    let checkout = request::checkout()?;
    if opt_in::asks(&checkout) {
        let word = Source::found(&checkout.here).word();
        return Ok(super::print(&format!("{word}\n")));
    }
    Ok(CLEAN)
}

/// What `generate` needs and the repository does not hold.
fn init() -> Result<u8, Stop> {
    let request = Request::read()?;
    if request.source() == Source::Helm {
        helm_dependencies::fetch(&request)?;
    }
    Ok(CLEAN)
}
