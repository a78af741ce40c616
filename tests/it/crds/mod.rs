//! What a run creates or rewrites of Istio's and the Gateway API's kinds is as their CRDs have it, to the letter: in
//! every fixture, and in real repositories with a configuration that lets everything be exposed.

pub(crate) mod mutations;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::fixtures::{self, Case};
use crate::judge::resources;
use crate::repositories::{self, Api};
use crate::shared;
pub(crate) use schema::Crds;

type Files = Vec<(String, String)>;

pub(crate) fn trials() -> Vec<Trial> {
    let Some(folder) = shared::folder() else {
        shared::skip("the schemas of CRDs");
        return Vec::new();
    };
    let mut trials = Vec::new();
    let mut trial = |name: &str, run: fn(&Crds, &Path) -> Result<(), Failed>| {
        let folder = folder.clone();
        trials.push(Trial::test(format!("crds::{name}"), move || run(&load(&folder)?, &folder)));
    };
    trial("they_can_say_no", they_can_say_no);
    trial("fixtures_are_valid", fixtures_are_valid);
    trial("corpus_is_valid_with_istios_gateways", |crds, folder| corpus_is_valid(crds, folder, Api::Istio));
    trial("corpus_is_valid_with_the_gateway_api", |crds, folder| corpus_is_valid(crds, folder, Api::GatewayApi));
    trials
}

/// The CRDs of the folder of public data.
pub(crate) fn load(shared: &Path) -> Result<Crds, Failed> {
    let mut crds = Vec::new();
    for file in shared::CRDS {
        crds.extend(resources::read(&[(file.to_owned(), fs::read_to_string(shared.join(file))?)]).resources);
    }
    Ok(Crds::new(crds.into_iter().map(|crd| crd.value))?)
}

fn they_can_say_no(crds: &Crds, _: &Path) -> Result<(), Failed> {
    for (text, expected) in mutations::ALL {
        let found: Vec<String> = crds.check(&serde_json::from_str(text)?).faults.into_iter().collect();
        let is_expected = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(found, expected)| found.starts_with(expected));
        if !is_expected {
            return Err(format!("{text}\nexpected {expected:#?}\nfound {found:#?}").into());
        }
    }
    Ok(())
}

fn fixtures_are_valid(crds: &Crds, _: &Path) -> Result<(), Failed> {
    let mut tally = Tally::default();
    for (name, folder) in fixtures::all() {
        let case = Case::load(&folder);
        tally.add(crds, &name, &case.files, &fixtures::after(&case.files, &case.run(&case.files)));
    }
    tally.verdict("fixtures")
}

fn corpus_is_valid(crds: &Crds, shared: &Path, api: Api) -> Result<(), Failed> {
    let mut tally = Tally::default();
    for (name, folder) in repositories::all(shared) {
        let fixed = repositories::fix(&folder, api)?;
        tally.add(crds, &name, &fixed.before, &fixed.after);
    }
    tally.verdict(&format!("the corpus, {api:?}"))
}

/// What was checked.
#[derive(Default)]
struct Tally {
    /// How many resources of a kind were created, and how many rewritten.
    kinds: BTreeMap<String, [usize; 2]>,
    /// What is wrong and was not before.
    failures: Vec<String>,
    /// Resources that were wrong before, and are no worse.
    wrong_before: Vec<String>,
    unasked: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, crds: &Crds, case: &str, before: &Files, after: &Files) {
        let theirs = |files: &Files| -> Files {
            let is_theirs = |text: &str| text.contains("istio.io/") || text.contains("gateway.networking.k8s.io/");
            files.iter().filter(|(_, text)| is_theirs(text)).cloned().collect()
        };
        let (before, after) = (theirs(before), theirs(after));
        if before == after {
            return;
        }
        let pairs = resources::pair(resources::read(&before).resources, resources::read(&after).resources);
        for pair in &pairs {
            let Some(after) = pair.after.as_ref().filter(|after| pair.before.as_ref() != Some(*after)) else {
                continue;
            };
            if !crds.is_theirs(after.api_version()) {
                continue;
            }
            let checked = crds.check(&after.value);
            let old = pair.before.as_ref().map(|before| crds.check(&before.value).faults).unwrap_or_default();
            let kind = format!("{} {}", after.api_version(), after.kind());
            self.kinds.entry(kind).or_default()[usize::from(pair.before.is_some())] += 1;
            let news = checked.faults.difference(&old).map(|fault| format!("{case}/{after}: {fault}"));
            self.failures.extend(news);
            if let Some(fault) = old.first() {
                self.wrong_before.push(format!("{case}/{after}: {fault}"));
            }
            self.unasked.extend(checked.unasked);
        }
    }

    #[allow(clippy::print_stderr, reason = "what was checked, and what not, must be seen")]
    fn verdict(self, what: &str) -> Result<(), Failed> {
        let mut text = format!("schemas of CRDs, {what}:\n");
        for (kind, [created, rewritten]) in &self.kinds {
            text.push_str(&format!("  {kind}: {created} created, {rewritten} rewritten\n"));
        }
        for line in &self.wrong_before {
            text.push_str(&format!("  wrong before, and no worse: {line}\n"));
        }
        for rule in &self.unasked {
            text.push_str(&format!("  a rule in CEL that only the API server asks: {rule}\n"));
        }
        eprint!("{text}");
        if self.kinds.values().all(|[created, _]| *created == 0) {
            return Err("nothing is created, so nothing is shown".into());
        }
        if self.failures.is_empty() { Ok(()) } else { Err(self.failures.join("\n").into()) }
    }
}
