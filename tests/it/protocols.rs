//! `port-protocol` on real manifests: what it writes is what Istio reads, and no probe of the pods says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use meshfix::config::Options;
use meshfix::engine::{self, Settings};
use meshfix::manifest::{Inventory, Protocol, ProtocolClass, ResourceId, ServicePort, SourceFile, protocol};
use meshfix::transforms;

use crate::shared;

pub(crate) fn trials() -> Vec<Trial> {
    let Some(folder) = shared::folder() else {
        shared::skip("the protocols of real manifests");
        return Vec::new();
    };
    let corpus = folder.join("corpus/dev");
    let istio = folder.join("suites/istio-analyzers");
    vec![
        Trial::test("protocols::nothing_that_is_written_is_contradicted", move || corpus_is_not_contradicted(&corpus)),
        Trial::test("protocols::istio_finds_the_same_services", move || istio_finds_the_same(&istio)),
    ]
}

/// The Services of IST0118 on every input that Istio's own suite has for its analyzer: the same set.
fn istio_finds_the_same(suite: &Path) -> Result<(), Failed> {
    let table = fs::read_to_string(suite.join("EXPECTED.tsv"))?;
    let mut cases = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, inputs, _, analyzer, _, expected] = columns[..] else { return Err(line.into()) };
        if !analyzer.contains("PortNameAnalyzer") {
            continue;
        }
        let code = |message: &str| message.strip_prefix("IST0118 ")?.split(['[', ']']).nth(1).map(str::to_owned);
        let expected: BTreeSet<String> = expected.split(';').filter_map(code).collect();
        let input = inputs.rsplit(':').next().unwrap_or(inputs);
        let text = fs::read_to_string(suite.join("pkg/config/analysis/analyzers").join(input))?;
        let options = Options::default();
        let rules = transforms::ALL.iter().copied().filter(|rule| rule.meta().name == "port-protocol").collect();
        let settings = Settings::new(rules, &options);
        let sources = SourceFile::read(input.to_owned(), text.as_str().into(), None);
        let outcome = engine::run(sources.into_iter().collect(), &settings);
        let is_istio = |reported: &&engine::Reported| reported.finding.istio == Some("IST0118");
        let name = |reported: &engine::Reported| {
            let name = &reported.finding.resource;
            format!("{} {}/{}", name.kind, name.namespace.as_deref().unwrap_or("default"), name.name)
        };
        let found: BTreeSet<String> = outcome.findings.iter().filter(is_istio).map(name).collect();
        if found != expected {
            return Err(format!("{input}: found {found:?}, Istio's analyzer finds {expected:?}").into());
        }
        cases += 1;
    }
    if cases == 0 { Err("the suite has no case of IST0118".into()) } else { Ok(()) }
}

fn corpus_is_not_contradicted(corpus: &Path) -> Result<(), Failed> {
    let mut written = 0;
    for repository in fs::read_dir(corpus)?.filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
        let mut texts = BTreeMap::new();
        read(&repository.path(), &mut texts);
        written += check(&texts)?;
    }
    // A corpus in which nothing is declared would prove nothing.
    if written < 100 { Err(format!("only {written} protocols were written").into()) } else { Ok(()) }
}

/// Runs the rule over one repository, and gives how many protocols it wrote.
fn check(texts: &BTreeMap<String, String>) -> Result<usize, Failed> {
    let options = Options::default();
    let sources = |texts: &BTreeMap<String, String>| -> Vec<SourceFile> {
        texts.iter().filter_map(|(name, text)| SourceFile::read(name.clone(), text.as_str().into(), None)).collect()
    };
    let rules = transforms::ALL.iter().copied().filter(|rule| rule.meta().name == "port-protocol").collect();
    let settings = Settings { unsafe_fixes: true, ..Settings::new(rules, &options) };
    let outcome = engine::run(sources(texts), &settings);
    let mut after = texts.clone();
    for changed in &outcome.changed {
        after.insert(outcome.files[changed.file.0 as usize].name.clone(), changed.after.to_string());
    }
    let (before, after) = (sources(texts), sources(&after));
    let (before, after) = (Inventory::new(&before, &options), Inventory::new(&after, &options));
    let mut written = 0;
    for service in after.services() {
        for (old, new) in before.ports_of(service).zip(after.ports_of(service)) {
            let word = new.field.text_at(&["appProtocol"]);
            if word == old.field.text_at(&["appProtocol"]) {
                continue;
            }
            written += 1;
            let place = format!("{}: {}", after.file_name(after.resource(service).file), after.resource(service).name);
            if protocol(new.field) != Protocol::parse(word) || Protocol::parse(word) == Protocol::Undeclared {
                return Err(format!("{place}: Istio does not read {word} there").into());
            }
            if let Some(probe) = contradiction(&after, service, new) {
                return Err(format!("{place}: {word} was written, but {probe}").into());
            }
        }
    }
    Ok(written)
}

/// A probe of the pods that asks the port over another protocol.
fn contradiction(inventory: &Inventory<'_>, service: ResourceId, port: ServicePort<'_>) -> Option<String> {
    let declared = protocol(port.field);
    for id in inventory.workloads_of(service).certain {
        let workload = inventory.workload(id)?;
        for container in workload.containers() {
            for probe in container.probes() {
                let (Some((handler, field)), Some(asked)) = (probe.handler(), probe.port()) else { continue };
                let declares =
                    container.ports().find(|item| item.text_at(&["name"]) == asked.text().unwrap_or_default());
                let asked = asked.as_i64().or_else(|| declares?.get("containerPort")?.as_i64());
                let mut declared_ports = workload.containers().flat_map(|container| container.ports());
                let target = port
                    .target_number()
                    .or_else(|| declared_ports.find(|item| port.leads_to(*item))?.get("containerPort")?.as_i64());
                let is_tls = field.text_at(&["scheme"]) == "HTTPS";
                let class = match handler {
                    "httpGet" if is_tls => ProtocolClass::Tcp,
                    "httpGet" | "grpc" => ProtocolClass::Http,
                    _ => continue,
                };
                let breaks_grpc = handler == "grpc" && declared == Protocol::Http;
                if asked.is_some() && asked == target && (class != declared.class() || breaks_grpc) {
                    return Some(format!("{} of {} asks by {handler}", probe.name, workload.resource.name));
                }
            }
        }
    }
    None
}

fn read(folder: &Path, texts: &mut BTreeMap<String, String>) {
    for path in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            read(&path, texts);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
            && let Ok(text) = fs::read_to_string(&path)
        {
            texts.insert(path.to_string_lossy().into_owned(), text);
        }
    }
}
