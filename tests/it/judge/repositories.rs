//! Whole repositories on a real API server and under `istioctl analyze`, before and after `--write --unsafe`.

use std::collections::BTreeMap;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;

use super::resources::Pair;
use super::server::{Parts, Server};
use super::verdict::Tally;
use super::{analyze, client::text, pairs, verdict};
use crate::repositories::{self, Api};

/// Repositories of the corpus that have Services, Istio's resources, node ports and many ports without a protocol.
const REPOSITORIES: [&str; 10] = [
    "FudanSELab+train-ticket",
    "GoogleCloudPlatform+bank-of-anthos",
    "GoogleCloudPlatform+microservices-demo",
    "alibaba+spring-cloud-alibaba",
    "apache+dubbo-samples",
    "kiali+demos",
    "kubernetes+examples",
    "microservices-demo+microservices-demo",
    "projectcontour+contour",
    "stefanprodan+podinfo",
];

/// Findings of a repository: the code of `istioctl analyze` and the resource, with how many are fixed and how many open.
type Found = BTreeMap<(String, String), [usize; 2]>;

/// The shop and ten repositories: the server takes what it took, and all that is new; nothing new is said; and what we
/// say that we fixed is not said any more.
#[allow(clippy::print_stderr, reason = "what was judged must be seen")]
pub(super) fn judge(parts: &Parts, istioctl: &Path) -> Result<(), Failed> {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    let corpus = parts.shared.join("corpus/dev");
    let folders = REPOSITORIES.map(|name| (name.to_owned(), corpus.join(name)));
    let mut cases: Vec<(String, Vec<Pair>)> = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    for (name, folder) in [("examples/shop".to_owned(), shop)].into_iter().chain(folders) {
        let fixed = repositories::fix(&folder, Api::Istio)?;
        cases.push((name, pairs(&fixed.before, &fixed.after)));
        found.push(findings(&fixed.report));
    }

    let mut failures = Vec::new();
    let mut tally = Tally::default();
    let server = Server::start(parts)?;
    for (name, pairs) in &cases {
        let mut own = Tally { cases: 1, ..Tally::default() };
        // Copies of one name are alternatives, so node ports of two of them are no conflict.
        let copies = pairs.iter().map(|pair| pair.copy).max().unwrap_or_default();
        for copy in 0..=copies {
            let changed = |pair: &&Pair| pair.copy == copy && (pair.before != pair.after || pair.is_namespace());
            let pairs: Vec<Pair> = pairs.iter().filter(changed).cloned().collect();
            let faults = verdict::judge(&server.client, &pairs, true, &mut own)?;
            failures.extend(faults.into_iter().map(|fault| format!("{name}/{fault}")));
        }
        tally.add(name, own);
    }
    drop(server);
    eprintln!("repositories: {tally}");

    let analysis = analyze::analyze(parts, istioctl, &cases)?;
    for (name, _) in &cases {
        eprintln!("{name}: {}", analysis.codes(Some(name)));
    }
    eprintln!("all repositories: {}", analysis.codes(None));
    failures.extend(analysis.news());
    let mut gone: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for ((case, _), found) in cases.iter().zip(&found) {
        for ((code, resource), [fixed, open]) in found {
            let [before, after] = analysis.counts(case, code, resource);
            let [all, left] = gone.entry(code).or_default();
            if *fixed > 0 && before > 0 {
                *all += before;
                *left += after;
                if *open == 0 && after > 0 {
                    failures.push(format!("{case}: {code} {resource} is said to be fixed, and is still there"));
                }
            }
        }
    }
    for (code, [before, after]) in gone {
        eprintln!(
            "repositories: of resources that were fixed for it {code} was said {before} times, and is said {after} times"
        );
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn findings(report: &Value) -> Found {
    let mut found = Found::new();
    for finding in report["findings"].as_array().into_iter().flatten() {
        let Some(code) = finding["istio"].as_str() else { continue };
        let resource = &finding["resource"];
        let namespace = resource["namespace"].as_str().unwrap_or("default");
        let name = format!("{} {namespace}/{}", text(resource, "/kind"), text(resource, "/name"));
        let open = usize::from(finding["fix"]["applied"] != true);
        found.entry((code.to_owned(), name)).or_default()[open] += 1;
    }
    found
}
