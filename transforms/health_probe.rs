use serde_json::{Value, json};

use crate::config::GeneratedProbe;
use crate::manifest::{Container, Field, ResourceId, Role, ServicePort, TargetPort, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Reports containers behind a Service that never say when they are ready.
    ///
    /// ## Why
    /// Without a readiness probe a pod counts as ready as soon as its process has started. The mesh then sends it
    /// requests before its port is open, and keeps sending them when it no longer answers. A startup probe also says when
    /// a pod is ready for the first time, so it counts.
    ///
    /// ## Fix
    /// With `rules.health-probe.generate: tcp` the container gets a readiness probe that opens the Service's port, by
    /// name where the port has one. Otherwise the finding shows that probe. Liveness probes are never written, because a
    /// wrong one restarts pods for ever, nor are paths of HTTP probes, because manifests don't say them.
    ///
    /// ## Safety
    /// Unsafe, and only on request: a program that opens its port late, or only when it leads, is not ready until then. No
    /// probe is shown or written for pods that elect a leader, for Services that publish pods which are not ready,
    /// and for StatefulSets whose pods wait for each other. Jobs, init containers, native sidecars and Knative, which
    /// asks the port by itself, are left alone.
    HealthProbe, "health-probe", "containers behind a Service should say when they are ready",
    level: Level::Info, after: &["reserved-port"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/health-probe/option-tcp/fix.diff"),
}

/// Field order of a container in the Kubernetes API, as far as people write it before probes.
const CONTAINER_FIELDS: &[&str] = &[
    "name",
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "workingDir",
    "ports",
    "envFrom",
    "env",
    "startupProbe",
    "livenessProbe",
    "readinessProbe",
];

impl Transform for HealthProbe {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let name = &workload.resource.name;
            let ends = matches!(name.kind.as_str(), "Job" | "CronJob" | "ScaledJob");
            if ends || name.group() == "serving.knative.dev" || workload.is_fragment() {
                continue;
            }
            let unprobed = cx.inventory.own_containers(workload).filter(|container| {
                container.role == Role::App
                    && !container.is_native_sidecar()
                    && !may_have_probe(cx, workload, *container)
            });
            let unprobed: Vec<Container<'_>> = unprobed.collect();
            if unprobed.is_empty() || !cx.inventory.is_checked(workload) {
                continue;
            }
            let ports = cx.inventory.service_ports_of(workload);
            for container in unprobed {
                let leads_here = |port: &&ServicePort<'_>| {
                    let behind = cx.inventory.container_behind(workload, **port);
                    port.transport() == "TCP" && behind.is_some_and(|behind| behind.field.id() == container.field.id())
                };
                let certain = ports.iter().filter(|port| port.is_certain).find(leads_here);
                if let Some(port) = certain.or_else(|| ports.iter().find(leads_here)) {
                    findings.push(finding(cx, workload, container, *port));
                }
            }
        }
    }
}

/// True when something says when the container is ready, here or perhaps in a patch.
fn may_have_probe(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>) -> bool {
    let fields = ["readinessProbe", "startupProbe"];
    let has = |part: Container<'_>| fields.iter().any(|field| part.field.get(field).is_some());
    let patches = || cx.inventory.patches_of(workload);
    has(container)
        || patches()
            .iter()
            .flat_map(|patch| patch.containers())
            .any(|part| part.name() == container.name() && has(part))
        || cx.inventory.may_be_patched_unseen(workload, &fields)
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>, port: ServicePort<'_>) -> Finding {
    let service = &cx.inventory.resource(port.service).name.name;
    let number = port.field.text_at(&["port"]);
    let sends = if port.is_certain { "sends" } else { "may send" };
    let message =
        format!("container `{}` has no readiness probe, and Service `{service}` {sends} it requests", container.name());
    let at = container.field.get("name").unwrap_or(container.field);
    let finding = Finding::new(&HealthProbe::META, workload, at, message)
        .related(port.field, format!("port {number} of Service `{service}` leads to the container"));
    let why = "the pod counts as ready as soon as its process has started, before it answers";
    if let Some(reason) = waits(cx, workload, container) {
        return finding.help(format!("{why}; {reason}: choose a probe that a waiting pod passes"));
    }
    let probe = probe(container, port);
    if cx.options.health_probe.generate == GeneratedProbe::None {
        let help = format!("{why}; a path that tells more than an open port is better still");
        return finding.help(help).snippet(snippet(&probe["tcpSocket"]["port"]));
    }
    let mut change = Change::default();
    change.insert(container.field, &["readinessProbe"], probe.clone(), CONTAINER_FIELDS);
    let title =
        format!("add a readiness probe that opens port `{}`", probe["tcpSocket"]["port"].to_string().trim_matches('"'));
    let consequence =
        "a pod gets no requests until it listens on the port at its own address; a rollout waits for that";
    finding.help(why).fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}

/// The probe that opens the port which the Service leads to.
fn probe(container: Container<'_>, service: ServicePort<'_>) -> Value {
    let declared = container.ports().find(|port| service.leads_to(*port));
    let name = declared.map_or("", |port| port.text_at(&["name"]));
    let port = match (name, service.target()) {
        ("", TargetPort::Number(number)) => json!(number),
        ("", TargetPort::Name(name)) | (name, _) => json!(name),
    };
    json!({"tcpSocket": {"port": port}, "periodSeconds": 10, "failureThreshold": 3})
}

fn snippet(port: &Value) -> String {
    let port = port.to_string();
    let port = port.trim_matches('"');
    format!("readinessProbe:\n  tcpSocket:\n    port: {port}\n  periodSeconds: 10\n  failureThreshold: 3")
}

/// Why an open port is no sign of readiness: pods that do not all listen, or that need each other to start.
fn waits(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>) -> Option<String> {
    let words = container.command().chain(container.args()).filter_map(|word| word.text());
    let elects = |text: &str| {
        let text = text.to_ascii_lowercase();
        (text.contains("leader-elect") || text.contains("leader_elect") || text.contains("leaderelect"))
            && !text.ends_with("=false")
    };
    let by_env = || {
        let on = |entry: Field<'_>| !matches!(entry.text_at(&["value"]), "false" | "0" | "");
        container.env().any(|(name, entry)| elects(name) && on(entry))
    };
    if words.into_iter().any(elects) || by_env() {
        return Some("its pods elect a leader, and one that waits may not listen".to_owned());
    }
    let services = cx.inventory.services_of(workload).possible;
    let publishes = |id: &ResourceId| {
        let spec = cx.inventory.root(*id).and_then(|root| root.at(&["spec", "publishNotReadyAddresses"]));
        spec.is_some_and(|field| field.is_true())
    };
    if let Some(service) = services.iter().find(|id| publishes(id)) {
        let name = &cx.inventory.resource(*service).name.name;
        return Some(format!(
            "Service `{name}` has `publishNotReadyAddresses`, so its pods find each other before they are ready"
        ));
    }
    let several = workload.root.at(&["spec", "replicas"]).and_then(|replicas| replicas.as_i64()).is_some_and(|n| n > 1);
    let in_turn = workload.root.text_at(&["spec", "podManagementPolicy"]) != "Parallel";
    (workload.resource.name.kind == "StatefulSet" && several && in_turn).then(|| {
        "its pods start one after the other, and the first may wait for the others before it listens".to_owned()
    })
}
