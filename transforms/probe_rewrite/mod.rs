mod elsewhere;

use crate::manifest::{Container, Field, Membership, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags probes that can't pass the proxy: those that it is told not to take over, and those that ask elsewhere.
    ///
    /// ## Why
    /// The kubelet asks in plain text and has no identity in the mesh, so strict mutual TLS refuses it. The injector
    /// therefore points each HTTP, TCP and gRPC probe at the proxy's agent, which asks the program inside the pod.
    /// The annotation `sidecar.istio.io/rewriteAppHTTPProbers: "false"` turns that off for a pod.
    ///
    /// A `host` in a probe stays when the probe is rewritten, so the kubelet asks for the proxy's agent there; Pod
    /// Security refuses it from `baseline` on (Kubernetes 1.34). A command that asks the pod's own address or Service
    /// leaves the pod and comes back through the mesh, before the pod is ready to get traffic.
    ///
    /// ## Fix
    /// Removes the annotation where the pod has such probes; a kustomize patch that may name it needs it, so there it
    /// becomes `"true"`. Probes with `host` and commands are only reported.
    ///
    /// ## Safety
    /// Unsafe: somebody turned it off on purpose. Pods whose probed ports stay outside the proxy (annotation
    /// `traffic.sidecar.istio.io/excludeInboundPorts`) are right as they are.
    ProbeRewrite, "probe-rewrite", "probes must be able to pass the proxy",
    level: Level::Warning, after: &[], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/probe-rewrite/annotation-false/fix.diff"),
}

const ANNOTATION: &str = "sidecar.istio.io/rewriteAppHTTPProbers";

impl Transform for ProbeRewrite {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let mut found = Vec::new();
            let is_ambient = || cx.inventory.membership(workload) == Membership::Ambient;
            if let Some(annotation) = turned_off(workload)
                && !is_ambient()
            {
                found.extend(rewrite_is_off(cx, workload, annotation));
            }
            for container in cx.inventory.own_containers(workload) {
                found.extend(elsewhere::hosts(cx, workload, container));
                found.extend(elsewhere::commands(cx, workload, container));
            }
            if !found.is_empty() && cx.inventory.is_checked(workload) {
                findings.append(&mut found);
            }
        }
    }
}

/// The annotation, where it turns rewriting off (read by `strconv.ParseBool`).
fn turned_off(workload: Workload<'_>) -> Option<Field<'_>> {
    let annotation = workload.pod_metadata?.at(&["annotations", ANNOTATION])?;
    let is_false = |text: &str| matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False");
    annotation.text().is_some_and(is_false).then_some(annotation)
}

fn rewrite_is_off(cx: &Context<'_>, workload: Workload<'_>, annotation: Field<'_>) -> Option<Finding> {
    let whole = cx.inventory.whole(workload);
    let excluded = |part: &&Workload<'_>| part.pod_annotation("traffic.sidecar.istio.io/excludeInboundPorts").is_some();
    let excluded = whole.iter().find(excluded).into_iter().flat_map(|part| {
        let ports = part.pod_annotation("traffic.sidecar.istio.io/excludeInboundPorts").unwrap_or_default();
        ports.split(',').filter_map(|port| port.trim().parse::<i64>().ok())
    });
    let excluded: Vec<i64> = excluded.collect();
    let containers = whole.iter().flat_map(|part| cx.inventory.own_containers(*part));
    let asked = containers.flat_map(|container| {
        let probes = container.probes().chain(container.hooks());
        let asks = probes.filter(|probe| probe.handler().is_some_and(|(how, _)| how != "exec"));
        asks.map(move |probe| (container, probe))
    });
    // What stays outside the proxy needs no rewriting.
    let (container, probe) = asked
        .into_iter()
        .find(|(container, probe)| !number(*container, probe.port()).is_some_and(|port| excluded.contains(&port)))?;
    let mut change = Change::default();
    let named = !workload.is_fragment() && cx.inventory.may_be_patched_unseen(workload, &["rewriteAppHTTPProbers"]);
    let title = if named {
        change.set(annotation, "true");
        format!("set `{ANNOTATION}: \"true\"`")
    } else {
        change.remove(only_entry(workload, annotation));
        format!("remove `{ANNOTATION}`")
    };
    let consequence = "the proxy's agent asks the program inside the pod, in place of the kubelet; it needs an injector that rewrites probes, which is Istio's default";
    let message = "probes are not rewritten, so the kubelet asks in plain text past the mesh";
    let finding = Finding::new(&ProbeRewrite::META, workload, annotation, message)
        .help("the kubelet has no identity in the mesh: strict mutual TLS refuses its probes, and the pod never gets ready or is restarted for ever")
        .related(probe.field, format!("`{}` of container `{}` is such a probe", probe.name, container.name()));
    Some(finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change }))
}

/// What is to go with an annotation: what would be empty without it goes whole.
fn only_entry<'a>(workload: Workload<'a>, annotation: Field<'a>) -> Field<'a> {
    let alone = |field: Option<Field<'a>>| field.filter(|field| field.entries().count() == 1);
    let metadata = workload.pod_metadata;
    let annotations = alone(metadata.and_then(|metadata| metadata.get("annotations")));
    let metadata = alone(metadata).filter(|_| workload.resource.name.kind != "Pod");
    annotations.map_or(annotation, |annotations| metadata.unwrap_or(annotations))
}

/// A probe's port as a number, looked up in its container.
fn number(container: Container<'_>, port: Option<Field<'_>>) -> Option<i64> {
    let port = port?;
    let named = |declared: &Field<'_>| Some(declared.text_at(&["name"])) == port.as_str();
    port.as_i64().or_else(|| container.ports().find(named)?.get("containerPort")?.as_i64())
}
