//! Annotations that name a port for scraping or for the capture of traffic.

use super::ReservedPort;
use super::numbers::Reserved;
use super::usage::Usages;
use crate::config::Version;
use crate::manifest::{Container, Field, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Safety};

/// Ports for which the injector of Istio 1.31 and later refuses the pod (`webhook.go` of istio/istio).
const REFUSED: &[u16] = &[15000, 15001, 15004, 15006, 15008, 15021, 15053, 15090];

const EXCLUDE: &str = "traffic.sidecar.istio.io/excludeInboundPorts";

pub(super) fn check(cx: &Context<'_>, reserved: &Reserved<'_>, usages: &Usages<'_>, findings: &mut Vec<Finding>) {
    for workload in cx.inventory.workloads() {
        let Some(annotations) = workload.pod_metadata.and_then(|metadata| metadata.get("annotations")) else {
            continue;
        };
        // The injector takes any spelling with other signs for the same name.
        let port =
            annotations.entries().find(|(key, _)| sanitized(key) == "prometheus_io_port").map(|(_, field)| field);
        let excluded = annotations.get(EXCLUDE);
        if port.is_none() && excluded.is_none() || !cx.inventory.is_checked(workload) {
            continue;
        }
        findings.extend(port.and_then(|field| scraped(cx, reserved, usages, workload, annotations, field)));
        findings.extend(excluded.and_then(|field| excluded_port(reserved, usages, workload, field)));
    }
}

fn sanitized(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn scraped(
    cx: &Context<'_>,
    reserved: &Reserved<'_>,
    usages: &Usages<'_>,
    workload: Workload<'_>,
    annotations: Field<'_>,
    field: Field<'_>,
) -> Option<Finding> {
    let off = |name: &str| {
        annotations.entries().any(|(key, value)| sanitized(&key) == sanitized(name) && value.text() == Some("false"))
    };
    if off("prometheus.io/scrape") || off("prometheus.istio.io/merge-metrics") {
        return None;
    }
    let value = field.text()?;
    let refuses = cx.options.istio_version.is_none_or(|version| version >= Version(1, 31));
    let (level, effect) = if refuses {
        (Level::Error, "Istio 1.31 and later refuses to inject such a pod, so that no new one starts")
    } else {
        (Level::Warning, "the mesh merges the application's metrics with its own, and can't do it with this port")
    };
    let finding =
        |level: Level, message: String| Finding::new(&ReservedPort::META, workload, field, message).level(level);
    let Some(port) = value.parse::<u16>().ok().filter(|port| *port > 0) else {
        let finding = finding(level, format!("`prometheus.io/port: {value}` is not one port number")).help(effect);
        return Some(by_name(workload, field, value, finding));
    };
    if !reserved.contains(port) || usages.of(workload.id, port).is_some_and(|usage| usage.is_own()) {
        return None;
    }
    let owner = reserved.owner(port);
    Some(match port {
        15020 | 15010 => finding(Level::Info, format!("`prometheus.io/port` names {port}: {owner}"))
            .help("it was written for a pod with a sidecar; name the application's own port, and the mesh merges both"),
        _ if REFUSED.contains(&port) => {
            finding(level, format!("`prometheus.io/port` names {port}, a port of the mesh: {owner}")).help(effect)
        }
        _ => finding(Level::Warning, format!("`prometheus.io/port` names {port}, a port of the mesh: {owner}"))
            .help("name the port where the application serves its metrics"),
    })
}

/// A name becomes the number of the one container port that is called so.
fn by_name(workload: Workload<'_>, field: Field<'_>, name: &str, finding: Finding) -> Finding {
    let ports = workload.containers().flat_map(Container::ports);
    let numbers: Vec<i64> = ports
        .filter(|port| port.text_at(&["name"]) == name)
        .filter_map(|port| port.get("containerPort")?.as_i64())
        .collect();
    let [number] = numbers.as_slice() else { return finding };
    let mut change = Change::default();
    change.set(field, number.to_string());
    finding.fix(
        workload,
        Fix {
            title: format!("name the number of the container port `{name}`: {number}"),
            safety: Safety::Unsafe,
            consequence: "Prometheus starts to scrape that port".to_owned(),
            change,
        },
    )
}

fn excluded_port(
    reserved: &Reserved<'_>,
    usages: &Usages<'_>,
    workload: Workload<'_>,
    field: Field<'_>,
) -> Option<Finding> {
    let value = field.text()?;
    let ports = value.split(',').filter_map(|part| part.trim().parse::<u16>().ok());
    let is_own = |port: &u16| usages.of(workload.id, *port).is_some_and(|usage| usage.is_own());
    let port = ports.into_iter().find(|port| reserved.contains(*port) && !is_own(port))?;
    let owner = reserved.owner(port);
    Some(
        Finding::new(
            &ReservedPort::META,
            workload,
            field,
            format!("`excludeInboundPorts` names {port}, a port of the mesh: {owner}"),
        )
        .level(Level::Info)
        .help("the mesh never captures its own ports; the application can't be meant"),
    )
}
