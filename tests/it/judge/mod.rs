//! A real API server judges every case, and `istioctl analyze` looks at the result in its live cluster.

mod agreement;
mod analyze;
mod client;
mod mutations;
mod repositories;
pub(crate) mod resources;
mod server;
mod stage;
mod verdict;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use libtest_mimic::{Failed, Trial};

use crate::fixtures::{self, Case};
use crate::{programs, shared};
use mutations::Mutation;
use resources::Pair;
pub(crate) use server::{Parts, Server};
use verdict::Tally;

/// A case's files, with their texts.
type Files = Vec<(String, String)>;

/// One trial for each case, one for each wrong fix that the judge must see, and one for `istioctl analyze`.
pub(crate) fn trials() -> Vec<Trial> {
    let Some(shared) = shared::folder() else {
        shared::skip("the judge");
        return Vec::new();
    };
    let Some(programs) = programs::find("the judge", ["etcd", "kube-apiserver", "kubectl"]) else {
        return Vec::new();
    };
    let parts = Parts { programs, shared };
    let judge =
        Judge { parts: parts.clone(), server: OnceLock::new(), services: Mutex::new(()), tally: Mutex::default() };
    let judge = Arc::new(judge);
    let mut trials = Vec::new();
    if let Some([istioctl]) = programs::find("istioctl analyze", ["istioctl"]) {
        let (own, program) = (parts.clone(), istioctl.clone());
        trials.push(Trial::test("judge::repositories", move || repositories::judge(&own, &program)));
        trials.push(Trial::test("judge::istioctl_says_nothing_new", move || {
            istioctl_says_nothing_new(&parts, &istioctl)
        }));
    }
    for mutation in mutations::ALL {
        let judge = Arc::clone(&judge);
        trials.push(Trial::test(format!("judge::{}", mutation.name), move || judge.mutation(mutation)));
    }
    let own = Arc::clone(&judge);
    trials.push(Trial::test("judge::the_server_and_the_schemas_agree", move || {
        agreement::agree(&own.server()?.client, &own.parts.shared)
    }));
    trials.push(Trial::test("judge::alternatives_never_meet", resources::alternatives_never_meet));
    for (name, folder) in fixtures::all() {
        let judge = Arc::clone(&judge);
        trials.push(Trial::test(format!("judge::{name}"), move || judge.case(&name, &Case::load(&folder))));
    }
    trials
}

/// All cases at once, and a wrong fix that must be seen among them.
#[allow(clippy::print_stderr, reason = "what was judged must be seen")]
fn istioctl_says_nothing_new(parts: &Parts, istioctl: &Path) -> Result<(), Failed> {
    let mut cases = Vec::new();
    for (name, folder) in fixtures::all() {
        let case = Case::load(&folder);
        cases.push((name, pairs(&case.files, &fixed(&case, true))));
    }
    let file = |text: &str| vec![("mutation".to_owned(), text.to_owned())];
    cases.push((mutations::USER.name.to_owned(), pairs(&file(mutations::USER.before), &file(mutations::USER.after))));
    let analysis = analyze::analyze(parts, istioctl, &cases)?;
    eprintln!("{}", analysis.codes(None));
    let (seen, news): (Vec<String>, Vec<String>) =
        analysis.news().into_iter().partition(|line| line.starts_with(mutations::USER.name));
    let expected = mutations::USER.failures;
    if seen.len() != expected.len() || !seen.iter().zip(expected).all(|(seen, expected)| seen.starts_with(expected)) {
        return Err(format!("the wrong fix is seen: {seen:?}").into());
    }
    if news.is_empty() { Ok(()) } else { Err(news.join("\n").into()) }
}

fn fixed(case: &Case, unsafe_fixes: bool) -> Files {
    fixtures::after(&case.files, &case.run_with(&case.files, unsafe_fixes))
}

fn pairs(before: &Files, after: &Files) -> Vec<Pair> {
    resources::pair(resources::read(before).resources, resources::read(after).resources)
}

/// The server that all cases share. It is started for the first of them and goes with the last.
struct Judge {
    parts: Parts,
    server: OnceLock<Result<Server, String>>,
    /// Held while a case has Services: their ports belong to the whole cluster.
    services: Mutex<()>,
    tally: Mutex<Tally>,
}

impl Judge {
    fn server(&self) -> Result<&Server, Failed> {
        let server = self.server.get_or_init(|| {
            Server::start(&self.parts).map_err(|failed| failed.message().unwrap_or_default().to_owned())
        });
        server.as_ref().map_err(Failed::from)
    }

    fn case(&self, name: &str, case: &Case) -> Result<(), Failed> {
        let (safe, all) = (fixed(case, false), fixed(case, true));
        let mut tally = Tally { cases: 1, others: resources::read(&case.files).others, ..Tally::default() };
        let mut failures = self.judge(&case.files, &all, all != safe, &mut tally)?;
        if safe != all && safe != case.files {
            failures.extend(self.judge(&case.files, &safe, false, &mut Tally::default())?);
        }
        lock(&self.tally).add(name, tally);
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
    }

    fn mutation(&self, mutation: &Mutation) -> Result<(), Failed> {
        let file = |text: &str| vec![("mutation".to_owned(), text.to_owned())];
        let (before, after) = (file(mutation.before), file(mutation.after));
        let failures = self.judge(&before, &after, mutation.unsafe_fixes, &mut Tally::default())?;
        let is_as_expected = failures.len() == mutation.failures.len()
            && failures.iter().zip(mutation.failures).all(|(found, expected)| found.contains(expected));
        if is_as_expected { Ok(()) } else { Err(format!("{failures:#?}").into()) }
    }

    fn judge(
        &self,
        before: &Files,
        after: &Files,
        unsafe_fixes: bool,
        tally: &mut Tally,
    ) -> Result<Vec<String>, Failed> {
        let pairs = pairs(before, after);
        let is_service = |pair: &Pair| pair.before.iter().chain(&pair.after).any(|one| one.kind() == "Service");
        let _alone = pairs.iter().any(is_service).then(|| lock(&self.services));
        Ok(verdict::judge(&self.server()?.client, &pairs, unsafe_fixes, tally)?)
    }
}

impl Drop for Judge {
    /// Says what was judged, and what was not.
    #[allow(clippy::print_stderr, reason = "what is not judged must be seen")]
    fn drop(&mut self) {
        let tally = lock(&self.tally);
        if tally.cases > 0 {
            eprintln!("{tally}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
