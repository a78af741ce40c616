//! The cases of Istio's own analyzers, read in place: what `istioctl analyze` says of them, our rules say too, code by
//! code and resource by resource.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use meshfix::config::Options;
use meshfix::engine::{self, Outcome, Settings};
use meshfix::manifest::SourceFile;
use meshfix::transforms;

use crate::fixtures::after;
use crate::shared;

/// The codes that are compared, by the analyzer that gives them.
const ANALYZERS: &[(&str, &[&str])] = &[
    ("service.PortNameAnalyzer", &["IST0118", "IST0150"]),
    ("deployment.ServiceAssociationAnalyzer", &["IST0116", "IST0137"]),
    ("multicluster.ServiceAnalyzer", &["IST0170"]),
    ("gateway.ConflictingGatewayAnalyzer", &["IST0145"]),
    ("gateway.CertificateAnalyzer", &["IST0138"]),
    ("gateway.IngressGatewayPortAnalyzer", &["IST0162"]),
];

/// A code at a resource, as `IST0118 Service shop/web`.
type Message = String;

/// Where the two differ, and why. `ours` are messages that only we have, the others only Istio has.
struct Difference {
    input: &'static str,
    message: &'static str,
    ours: bool,
    #[allow(dead_code, reason = "it is for the reader of the table")]
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[Difference {
    input: "testdata/gateway-no-port.yaml",
    message: "IST0162 Gateway httpbin-gateway",
    ours: false,
    reason: "the gateway's Service is not in the file; Istio's test adds one of its own",
}];

pub(crate) fn trials() -> Vec<Trial> {
    let Some(folder) = shared::folder() else {
        shared::skip("the cases of Istio's analyzers");
        return Vec::new();
    };
    let suite = folder.join("suites/istio-analyzers");
    vec![Trial::test("istio_analyzers::codes", move || codes(&suite))]
}

/// One case of the suite.
struct Case {
    /// Its files, each in the cluster of that name or in none.
    inputs: Vec<(Option<String>, String)>,
    analyzer: String,
    expected: BTreeSet<Message>,
}

fn cases(suite: &Path) -> Result<Vec<Case>, Failed> {
    let table = fs::read_to_string(suite.join("EXPECTED.tsv"))?;
    let case = |line: &str| -> Result<Case, Failed> {
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, inputs, _, analyzer, _, expected] = columns[..] else {
            return Err(format!("unknown columns: {line}").into());
        };
        let input = |input: &str| match input.split_once(':') {
            Some((cluster, path)) => (Some(cluster.to_owned()), path.to_owned()),
            None => (None, input.to_owned()),
        };
        let message = |message: &str| {
            let code = message.split(' ').next()?;
            Some(format!("{code} {}", message.split(['[', ']']).nth(1)?))
        };
        Ok(Case {
            inputs: inputs.split(';').filter(|input| input.ends_with(".yaml")).map(input).collect(),
            analyzer: analyzer.trim_start_matches('&').trim_end_matches("{}").to_owned(),
            expected: expected.split(';').filter_map(message).collect(),
        })
    };
    table.lines().skip(1).map(case).collect()
}

impl Case {
    fn codes(&self) -> &'static [&'static str] {
        ANALYZERS.iter().find(|(analyzer, _)| *analyzer == self.analyzer).map_or(&[], |(_, codes)| codes)
    }

    /// The options of a run: each cluster has a folder, and the first one is the reference.
    fn options(&self) -> Options {
        let mut options = Options::default();
        for name in self.inputs.iter().filter_map(|(cluster, _)| cluster.clone()) {
            options.cluster_drift.reference.get_or_insert_with(|| name.clone());
            options.clusters.insert(name.clone(), name);
        }
        options
    }

    /// The names and texts of its files.
    fn files(&self, suite: &Path) -> Result<Vec<(String, String)>, Failed> {
        let file = |(cluster, path): &(Option<String>, String)| {
            let text = fs::read_to_string(suite.join("pkg/config/analysis/analyzers").join(path))?;
            let name: PathBuf = cluster.iter().map(String::as_str).chain([path.as_str()]).collect();
            Ok((name.to_string_lossy().into_owned(), text))
        };
        self.inputs.iter().map(file).collect()
    }

    fn run(&self, files: &[(String, String)]) -> Outcome {
        let options = self.options();
        let rules = transforms::ALL.to_vec();
        let settings = Settings { unsafe_fixes: true, ..Settings::new(rules, &options) };
        let read = |(name, text): &(String, String)| SourceFile::read(name.clone(), text.as_str().into(), None);
        engine::run(files.iter().filter_map(read).collect(), &settings)
    }
}

/// What our rules say of these codes.
fn found(outcome: &Outcome, codes: &[&str]) -> BTreeSet<Message> {
    let message = |reported: &engine::Reported| {
        let name = &reported.finding.resource;
        let code = reported.finding.istio.filter(|code| codes.contains(code))?;
        let namespace = name.namespace.as_ref().map_or(String::new(), |namespace| format!("{namespace}/"));
        Some(format!("{code} {} {namespace}{}", name.kind, name.name))
    };
    outcome.findings.iter().filter_map(message).collect()
}

fn codes(suite: &Path) -> Result<(), Failed> {
    let all: Vec<&str> = ANALYZERS.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut compared, mut expected_messages, mut clean) = (0, 0, 0);
    for case in cases(suite)?.iter().filter(|case| !case.inputs.is_empty()) {
        // A case that is clean for its own analyzer is clean for ours too; others may say more than their own one does.
        let codes = if case.expected.is_empty() { &all[..] } else { case.codes() };
        if codes.is_empty() {
            continue;
        }
        compared += 1;
        clean += usize::from(case.expected.is_empty());
        let is_compared = |message: &&Message| codes.iter().any(|code| message.starts_with(code));
        let expected: BTreeSet<Message> = case.expected.iter().filter(is_compared).cloned().collect();
        expected_messages += expected.len();
        let files = case.files(suite)?;
        let outcome = case.run(&files);
        let found = found(&outcome, codes);
        let input = &case.inputs[0].1;
        for (message, ours) in found
            .difference(&expected)
            .map(|one| (one, true))
            .chain(expected.difference(&found).map(|one| (one, false)))
        {
            let known = DIFFERENCES.iter().find(|one| (one.input, one.message, one.ours) == (input, message, ours));
            match known {
                Some(known) => *seen.entry((known.input, known.message)).or_default() += 1,
                None => wrong.push(format!("{input}: only {} {message}", if ours { "we have" } else { "Istio has" })),
            }
        }
        // Nothing that could be fixed is left: neither open nor in another run over what was written.
        let after = after(&files, &outcome);
        let again = case.run(&after);
        let fixable = again.findings.iter().filter(|reported| {
            reported.finding.istio.is_some_and(|code| codes.contains(&code)) && reported.finding.fix.is_some()
        });
        wrong.extend(fixable.map(|reported| format!("{input}: left after the fix: {}", reported.finding.message)));
    }
    for known in DIFFERENCES.iter().filter(|known| !seen.contains_key(&(known.input, known.message))) {
        wrong.push(format!("{}: no difference any more: {}", known.input, known.message));
    }
    if (compared, expected_messages, clean) != (40, 30, 26) {
        wrong.push(format!("other cases than this test knows: {:?}", (compared, expected_messages, clean)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
