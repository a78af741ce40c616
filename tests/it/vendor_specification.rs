//! `docs/vendor-specification.md` says which rules serve each row of the vendor's specification. It is checked
//! against the rules, and against the specification where that is at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use meshfix::rule::{Meta, Safety};
use meshfix::transforms;

use crate::shared;

/// A row of the specification.
struct Row {
    /// Its name in the table.
    name: &'static str,
    /// Words of the specification that stand for it.
    heading: &'static str,
    is_required: bool,
    rules: &'static [&'static str],
}

const fn row(name: &'static str, heading: &'static str, is_required: bool, rules: &'static [&'static str]) -> Row {
    Row { name, heading, is_required, rules }
}

const ROWS: &[Row] = &[
    row("Port Listening", "Port Listening Yes", true, &["reserved-port"]),
    row("Pod Labels", "Pod Labels Yes", true, &["app-label", "version-label"]),
    row("User UID", "User UID Yes", true, &["proxy-uid"]),
    row("HostNetwork", "HostNetwork Yes", true, &["host-network", "host-port"]),
    row("DNSPolicy", "DNSPolicy Yes", true, &["dns-policy", "dns-ndots"]),
    row("Base ID", "Base ID for Applications with Envoy Process No", false, &["envoy-base-id"]),
    row("Service Access Method", "Service Access Method No", false, &["pod-ip-access", "node-port-access"]),
    row(
        "Port Protocol",
        "Port Protocol No",
        false,
        &[
            "port-protocol",
            "port-conflict",
            "target-port",
            "headless-port",
            "external-name-port",
            "cluster-drift",
            "non-tcp-port",
        ],
    ),
    row("Distributed Tracing", "Integration with Distributed Tracing", false, &["trace-context"]),
    row("Health Checks", "Health Checks", false, &["health-probe", "probe-port", "probe-rewrite"]),
    row(
        "Retry Mechanism",
        "Retry Mechanism",
        false,
        &["start-order", "mesh-retry", "init-network", "job-completion", "shutdown-drain"],
    ),
    row(
        "HTTP or gRPC",
        "Use HTTP or GRPC as the Application Communication Protocol",
        false,
        &["https-in-mesh", "non-mesh-protocol"],
    ),
    row("External Registry", "Avoid Using External Registry Mechanisms", false, &["external-registry"]),
    row(
        "Exposure",
        "Service Exposure to the Outside World",
        false,
        &["exposed-service", "mixed-virtual-service", "gateway-conflict"],
    ),
];

/// Rules that look at ignores, not at what the specification asks for.
const ABOUT_IGNORES: [&str; 2] = ["unused-ignore", "unexplained-ignore"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("docs::vendor_specification_has_all_rows", has_all_rows),
        Trial::test("docs::vendor_specification_has_all_rules", has_all_rules),
        Trial::test("docs::vendor_specification_is_true_of_each_rule", is_true_of_each_rule),
        Trial::test("docs::vendor_specification_links_lead_somewhere", links_lead_somewhere),
    ]
}

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// A row of the table: its name, whether it is required, and its rules with the words behind them.
struct Written {
    name: String,
    required: String,
    rules: Vec<(String, String)>,
    /// Every cell has something to say.
    is_full: bool,
}

fn table() -> Result<Vec<Written>, Failed> {
    let page = fs::read_to_string(docs().join("vendor-specification.md"))?;
    let lines = page.lines().filter(|line| line.starts_with("| **"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, required, rules, fixed, reported] = cells[..] else {
                return Err(format!("this row does not have five cells: {line}").into());
            };
            let name = name.trim_start_matches("**").split("**").next().unwrap_or_default();
            let rules = rules.split("<br>").map(rule).collect::<Result<_, Failed>>()?;
            let is_full = !fixed.is_empty() && !reported.is_empty();
            Ok(Written { name: name.to_owned(), required: required.to_owned(), rules, is_full })
        })
        .collect()
}

/// A rule's name and the word behind it, of "[`name`](rules/name.md) word".
fn rule(text: &str) -> Result<(String, String), Failed> {
    let parts = text.strip_prefix("[`").and_then(|rest| rest.split_once("`](rules/"));
    let parts = parts.and_then(|(name, rest)| Some((name, rest.split_once(".md) ")?)));
    match parts {
        Some((name, (page, word))) if name == page => Ok((name.to_owned(), word.to_owned())),
        _ => Err(format!("this is no link to a rule's page with a word behind it: {text}").into()),
    }
}

fn none(found: Vec<String>) -> Result<(), Failed> {
    if found.is_empty() { Ok(()) } else { Err(found.join("\n").into()) }
}

fn has_all_rows() -> Result<(), Failed> {
    let table = table()?;
    let names: Vec<&str> = table.iter().map(|row| row.name.as_str()).collect();
    let expected: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names, expected);
    for (written, row) in table.iter().zip(ROWS) {
        assert_eq!(written.required, if row.is_required { "yes" } else { "no" }, "{}", row.name);
        assert!(written.is_full, "{}: an empty cell", row.name);
    }
    let Some(shared) = shared::folder() else {
        shared::skip("the vendor's specification");
        return Ok(());
    };
    let text = fs::read_to_string(shared.join("spec/app-integration.md"))?;
    none(
        ROWS.iter()
            .filter(|row| !text.contains(row.heading))
            .map(|row| format!("the specification does not say `{}`", row.heading))
            .collect(),
    )
}

/// Each rule stands in the row that it serves, and in no other; all rules that there are serve one.
fn has_all_rules() -> Result<(), Failed> {
    let mut found = Vec::new();
    for (written, row) in table()?.iter().zip(ROWS) {
        let have: Vec<&str> = written.rules.iter().map(|(rule, _)| rule.as_str()).collect();
        if have != row.rules {
            found.push(format!("{}: {have:?} instead of {:?}", row.name, row.rules));
        }
    }
    let served: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.rules).copied().collect();
    let there: BTreeSet<&str> = transforms::ALL.iter().map(|rule| rule.meta().name).collect();
    let without_row = there.difference(&served).filter(|rule| !ABOUT_IGNORES.contains(rule));
    found.extend(without_row.map(|rule| format!("`{rule}` serves no row of the specification")));
    found.extend(served.difference(&there).map(|rule| format!("there is no rule `{rule}`")));
    none(found)
}

/// The words behind the rules are what the rules say of themselves.
fn is_true_of_each_rule() -> Result<(), Failed> {
    let metas: BTreeMap<&str, &Meta> = transforms::ALL.iter().map(|rule| (rule.meta().name, rule.meta())).collect();
    let mut found = Vec::new();
    for (rule, word) in table()?.iter().flat_map(|row| &row.rules) {
        let expected = match metas.get(rule.as_str()).map(|meta| meta.safety) {
            Some(Some(Safety::Safe)) => "safe",
            Some(Some(Safety::Unsafe)) => "unsafe",
            Some(None) => "reports",
            None => "a rule",
        };
        if word != expected {
            found.push(format!("`{rule}` is {expected}, and the table says {word}"));
        }
    }
    none(found)
}

fn links_lead_somewhere() -> Result<(), Failed> {
    let page = fs::read_to_string(docs().join("vendor-specification.md"))?;
    let links: Vec<&str> = page.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= ROWS.len(), "the links are found");
    none(
        links
            .into_iter()
            .filter(|link| !docs().join(link).is_file())
            .map(|link| format!("{link} is not there"))
            .collect(),
    )
}
