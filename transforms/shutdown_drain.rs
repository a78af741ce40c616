use crate::manifest::{Container, Field, Probe, Role, Workload};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Tells whether applications outlive their proxies when pods stop.
    ///
    /// ## Why
    /// When a pod stops, a sidecar that is not native drains for five seconds and ends. An application that takes
    /// longer loses its connections: one that sleeps in `preStop`, one with a longer
    /// `terminationGracePeriodSeconds` than the usual 30, a gRPC server whose streams nobody ends. Native sidecars
    /// end after the application. There is one finding a run, as advice; pods that set how their proxy
    /// drains are left out.
    ///
    /// ## Fix
    /// None: how long a proxy should drain is for the mesh's owners to say. The finding has the setting that lets
    /// all proxies wait for their last connection.
    ///
    /// ## Safety
    /// Reports only.
    ShutdownDrain, "shutdown-drain", "proxies should drain as long as their applications",
    level: Level::Info, after: &[], istio: None, safety: None,
    example: include_str!("../testdata/shutdown-drain/later-than-proxy/findings.txt"),
}

/// How long a proxy drains by default (`terminationDrainDuration`), and how long Kubernetes waits for a pod.
const DRAIN_SECONDS: i64 = 5;
const GRACE_SECONDS: i64 = 30;

/// Settings that say how a proxy drains.
const SETTINGS: &[&str] = &["terminationDrainDuration", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"];

impl Transform for ShutdownDrain {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            if workload.is_fragment() || workload.runs_to_completion() {
                continue;
            }
            let Some(place) = stops_late(cx, workload) else { continue };
            let config = cx.inventory.pod_annotation(workload, "proxy.istio.io/config").unwrap_or_default();
            let settled = SETTINGS.iter().any(|setting| config.contains(setting));
            let Some(level) = cx.inventory.plain_sidecar_level(workload).filter(|_| !settled) else { continue };
            if cx.inventory.may_get_sidecar(workload) {
                findings.push(finding(workload, place, level));
            }
        }
    }
}

fn finding(workload: Workload<'_>, place: Field<'_>, level: Level) -> Finding {
    let unless = if level == Level::Warning { "" } else { "unless sidecars are native, " };
    let message = format!("{unless}this workload stops later than its proxy drains");
    Finding::new(&ShutdownDrain::META, workload, place, message)
        .together(format!("{unless}{{}} workloads stop later than their proxies drain"))
        .help(format!(
            "a proxy ends {DRAIN_SECONDS} seconds after the pod is told to stop, and open connections end with it; let \
             proxies wait for the last connection, or set `terminationDrainDuration` for single pods in \
             `proxy.istio.io/config`"
        ))
        .snippet("meshConfig:\n  defaultConfig:\n    proxyMetadata:\n      EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\"")
}

/// What shows that the pod's containers work on while it stops.
fn stops_late<'a>(cx: &Context<'_>, workload: Workload<'a>) -> Option<Field<'a>> {
    let apps = || cx.inventory.own_containers(workload).filter(|container| container.role == Role::App);
    let sleeps = |container: Container<'a>| {
        container.hooks().find(|hook| hook.name == "preStop" && sleep_seconds(*hook) >= DRAIN_SECONDS)
    };
    let is_killed_first = |field: Field<'_>| field.as_i64().is_some_and(|seconds| seconds <= DRAIN_SECONDS);
    if workload.pod.get("terminationGracePeriodSeconds").is_some_and(is_killed_first) {
        return None;
    }
    let grace =
        || workload.pod.get("terminationGracePeriodSeconds").filter(|field| field.as_i64() > Some(GRACE_SECONDS));
    let streams = |container: Container<'a>| {
        let is_silent = container.hooks().all(|hook| hook.name != "preStop");
        let port = container.ports().find(|port| is_grpc(port.text_at(&["name"])));
        let probe = || container.probes().find_map(|probe| probe.handler().filter(|(name, _)| *name == "grpc"));
        port.or_else(|| probe().map(|(_, field)| field)).filter(|_| is_silent)
    };
    apps().find_map(sleeps).map(|hook| hook.field).or_else(grace).or_else(|| apps().find_map(streams))
}

fn is_grpc(port: &str) -> bool {
    port == "grpc" || port.starts_with("grpc-")
}

/// How long a hook sleeps, by its own action or by a command; 0 where it does not.
fn sleep_seconds(hook: Probe<'_>) -> i64 {
    if let Some(seconds) = hook.field.at(&["sleep", "seconds"]) {
        return seconds.as_i64().unwrap_or(0);
    }
    let command = hook.field.at(&["exec", "command"]).into_iter().flat_map(Field::items);
    let text: Vec<&str> = command.filter_map(|word| word.text()).collect();
    let text = text.join(" ");
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let seconds = |pair: &[&str]| if pair[0] == "sleep" { pair[1].trim_end_matches('s').parse().ok() } else { None };
    words.windows(2).filter_map(seconds).max().unwrap_or(0)
}
