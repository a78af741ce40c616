//! `istioctl analyze` in a live cluster says nothing about a case's result that it did not say before the fix.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use super::client::text;
use super::resources::{self, Pair, Resource};
use super::server::{Parts, Server};
use super::stage::{How, Stage};
use super::verdict;

/// The gateway that fixtures' Gateways select.
const GATEWAY: &str = include_str!("gateway.yaml");

/// What may be said after a fix: the codes, the cases (`*` is any), and why.
const EXPECTED: &[(&[&str], &[&str], &str)] = &[
    (&["IST0103"], &["*"], "a Pod that joins the mesh has no proxy here, as nothing injects one"),
    (&["IST0162"], &["*"], "a Gateway for TCP needs a port that the stub gateway's Service does not open"),
    (&["IST0101", "IST0132"], &["exposed-service/an-outside-gateway"], "the Gateway is not in the files"),
    (
        &["IST0101"],
        &["exposed-service/kustomize-two-folders"],
        "the kustomization, which is not built here, moves the Service into the namespace of its route",
    ),
    (&["IST0101"], &["exposed-service/long-names"], "istioctl takes every cluster's domain for cluster.local"),
    (&["IST0101"], &["exposed-service/tls-at-the-gateway"], "the certificates' Secrets are not in the files"),
    (
        &["IST0118"],
        &["headless-port/alias", "headless-port/no-ports"],
        "a port that the Service did not have; its protocol is port-protocol's",
    ),
];

/// What is said: case, code, and what of; with how often, and the first such message.
type Messages = BTreeMap<(String, String, String), (usize, String)>;

/// What was said of all cases together.
pub(crate) struct Analysis {
    before: Messages,
    after: Messages,
}

/// Analyses all cases at once, each in namespaces of its own: in one cluster as they are, in another one fixed.
pub(crate) fn analyze(parts: &Parts, istioctl: &Path, cases: &[(String, Vec<Pair>)]) -> Result<Analysis, Failed> {
    let (before, after) = std::thread::scope(|scope| {
        let before = scope.spawn(|| Server::start(parts));
        let after = Server::start(parts);
        (before.join().expect("starting a server does not panic"), after)
    });
    let (before, after) = (before?, after?);
    let gateways = resources::read(&[("gateway.yaml".to_owned(), GATEWAY.to_owned())]).resources;
    for resource in &gateways {
        before.client.create(&resource.value, false)?;
        after.client.create(&resource.value, false)?;
    }
    for (number, (_, pairs)) in cases.iter().enumerate() {
        let stage = |server| Stage::new(server, format!("c{number}"), pairs);
        let (mut before, mut after) = (stage(&before.client), stage(&after.client));
        // A case with resources in the gateways' namespace has the gateways too.
        let is_there = |resource: &&Resource| {
            let all = pairs.iter().flat_map(|pair| pair.before.iter().chain(&pair.after));
            resource.kind() != "Namespace" && all.into_iter().any(|one| one.namespace() == resource.namespace())
        };
        for resource in gateways.iter().filter(is_there) {
            before.put(resource, 0, How::Apply)?;
            after.put(resource, 0, How::Apply)?;
        }
        fill(pairs, before, after)?;
    }
    Ok(Analysis { before: run(istioctl, &before, cases)?, after: run(istioctl, &after, cases)? })
}

/// Creates a case in both clusters, without what one of them does not take.
fn fill<'a>(pairs: &[Pair], mut before: Stage<'a>, mut after: Stage<'a>) -> Result<(), Failed> {
    for pair in pairs {
        let old = pair.before.as_ref().map(without_cluster_wide);
        let new = pair.after.as_ref().map(without_cluster_wide);
        let mut both: Vec<(&mut Stage<'a>, Resource)> = Vec::new();
        both.extend(old.map(|old| (&mut before, old)));
        both.extend(new.map(|new| (&mut after, new)));
        if !both.iter().all(|(stage, resource)| stage.serves(resource)) {
            continue;
        }
        let marks: Vec<usize> = both.iter().map(|(stage, _)| stage.mark()).collect();
        let put = |(stage, resource): &mut (&mut Stage<'a>, Resource)| {
            verdict::answered(stage.put(resource, pair.copy, How::Create)).map(|answer| answer.is_ok())
        };
        let mut taken = true;
        for one in &mut both {
            taken = taken && put(one)?;
        }
        if !taken {
            for ((stage, _), mark) in both.iter_mut().zip(marks) {
                stage.back_to(mark)?;
            }
        }
    }
    Ok(())
}

/// A Service without the ports and the address that only one Service of a cluster can have.
fn without_cluster_wide(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    if resource.kind() == "Service" {
        let spec = &mut resource.value["spec"];
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().and_then(|port| port.remove("nodePort"));
        }
        if spec.get("clusterIP").is_some_and(|address| address != "None") {
            spec.as_object_mut().and_then(|spec| spec.remove("clusterIP"));
        }
    }
    resource
}

fn run(istioctl: &Path, server: &Server, cases: &[(String, Vec<Pair>)]) -> Result<Messages, Failed> {
    let output = Command::new(istioctl)
        .args(["analyze", "--all-namespaces", "--output=json", "--timeout=120s", "--kubeconfig"])
        .arg(&server.kubeconfig)
        .output()?;
    let list: Vec<Value> = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("istioctl: {error}\n{}", String::from_utf8_lossy(&output.stderr)))?;
    let mut messages = Messages::new();
    for message in &list {
        // `Deployment c7-0-shop/web`, or `Namespace c7-0-shop`.
        let (kind, place) = text(message, "/origin").split_once(' ').unwrap_or_default();
        let (namespace, name) = place.split_once('/').unwrap_or((place, ""));
        let Some((prefix, own)) = resources::own_name(namespace) else { continue };
        let number = prefix.strip_prefix('c').and_then(|number| number.parse::<usize>().ok());
        let Some((case, _)) = number.and_then(|number| cases.get(number)) else { continue };
        let resource = if name.is_empty() { format!("{kind} {own}") } else { format!("{kind} {own}/{name}") };
        let entry = messages.entry((case.clone(), text(message, "/code").to_owned(), resource));
        entry.or_insert_with(|| (0, text(message, "/message").to_owned())).0 += 1;
    }
    Ok(messages)
}

impl Analysis {
    /// How often a code is said of a resource of a case (`Service shop/web`), before and after.
    pub(crate) fn counts(&self, case: &str, code: &str, resource: &str) -> [usize; 2] {
        let key = (case.to_owned(), code.to_owned(), resource.to_owned());
        [&self.before, &self.after].map(|messages| messages.get(&key).map_or(0, |(count, _)| *count))
    }

    /// What is said only after the fix, or more often, and is not expected.
    pub(crate) fn news(&self) -> Vec<String> {
        let expected = |case: &str, code: &str| {
            let matches = |(codes, cases, _): &(&[&str], &[&str], &str)| {
                codes.contains(&code) && (cases.contains(&"*") || cases.contains(&case))
            };
            EXPECTED.iter().any(matches)
        };
        let is_new = |(message, (count, _)): &(_, &(usize, String))| {
            self.before.get(*message).is_none_or(|(old, _)| old < count)
        };
        let news = self.after.iter().filter(is_new);
        let news = news.filter(|((case, code, _), _)| !expected(case, code));
        news.map(|((case, code, resource), (_, said))| format!("{case}: {code} {resource}: {said}")).collect()
    }
}

impl Analysis {
    /// How often each code is said, before and after: of one case, or of all.
    pub(crate) fn codes(&self, case: Option<&str>) -> String {
        let mut codes: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for (i, messages) in [&self.before, &self.after].into_iter().enumerate() {
            for ((_, code, _), (count, _)) in messages.iter().filter(|((of, ..), _)| case.is_none_or(|case| case == of))
            {
                codes.entry(code).or_default()[i] += count;
            }
        }
        let codes = codes.iter().map(|(code, [before, after])| format!(" {code} {before} {after};"));
        format!("istioctl analyze, before and after:{}", codes.collect::<String>())
    }
}
