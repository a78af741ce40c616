mod quit;

use crate::config::{JobStrategy, Version};
use crate::manifest::{Field, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Finds Jobs that never complete because their proxy keeps running.
    ///
    /// ## Why
    /// A pod is done when all its containers are. A sidecar that is not native never ends by itself, so a Job, a
    /// CronJob or a ScaledJob in the mesh stays active when its work is done. Native sidecars end with the
    /// other containers. There is one finding a run, or with a strategy one for each workload.
    ///
    /// ## Fix
    /// `rules.job-completion.strategy` decides: `native` gives the pods the annotation
    /// `sidecar.istio.io/nativeSidecar: "true"`; `opt-out` the label `sidecar.istio.io/inject: "false"`;
    /// `quit` makes a shell script ask the proxy to end (`/quitquitquit`) when it ends itself. The default,
    /// `report`, changes nothing.
    ///
    /// ## Safety
    /// `native` is safe in a CronJob where the releases in the configuration allow it. `opt-out` is unsafe: the
    /// pods then send plain text, which targets with strict mutual TLS refuse. `quit` is unsafe: the image must
    /// have `curl`. A Job's template can't change in place, so for Jobs each fix is unsafe.
    JobCompletion, "job-completion", "Jobs must complete beside their proxies",
    level: Level::Warning, after: &["host-network", "envoy-base-id"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../../testdata/job-completion/strategy-native/fix.diff"),
}

/// Since when Kubernetes runs native sidecars by itself, and Istio has the annotation for them.
const NATIVE_SINCE: (Version, Version) = (Version(1, 29), Version(1, 24));

/// Order of the fields that a new label or annotation may need, from the pod template down.
const TEMPLATE_FIELDS: &[&str] = &["name", "generateName", "namespace", "labels", "annotations", "metadata", "spec"];

const NATIVE: &str = "sidecar.istio.io/nativeSidecar";
const INJECT: &str = "sidecar.istio.io/inject";

impl Transform for JobCompletion {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut together = Vec::new();
        let mut worst = Level::Info;
        for workload in cx.inventory.workloads().filter(|workload| workload.runs_to_completion()) {
            let Some(level) = cx.inventory.plain_sidecar_level(workload) else { continue };
            if workload.is_fragment()
                || stops_proxy(workload)
                || cx.inventory.is_ignored(workload, Self::META.name)
                || !cx.inventory.may_get_sidecar(workload)
            {
                continue;
            }
            let place = workload.root.at(&["metadata", "name"]).unwrap_or(workload.pod);
            if cx.options.job_completion.strategy == JobStrategy::Report {
                worst = worst.max(level);
                together.push((workload, place));
                continue;
            }
            let kind = &workload.resource.name.kind;
            let message = if level == Level::Warning {
                format!("the {kind} does not complete: its proxy keeps running")
            } else {
                format!("unless its sidecar is native, the {kind} does not complete: its proxy keeps running")
            };
            let finding = Finding::new(&Self::META, workload, place, message).level(level);
            findings.push(match cx.options.job_completion.strategy {
                JobStrategy::OptOut => opt_out(workload, finding),
                JobStrategy::Quit => quit::finding(cx, workload, finding),
                JobStrategy::Native | JobStrategy::Report => native(cx, workload, finding),
            });
        }
        findings.extend(of_all(cx, &together, worst));
    }
}

/// True where a container asks the proxy to end, by itself or by a program that wraps it.
fn stops_proxy(workload: Workload<'_>) -> bool {
    let asks = |field: Field<'_>| field.text().is_some_and(|text| text.contains("quitquitquit"));
    workload.containers().any(|container| {
        let hooks = container.hooks().flat_map(|hook| {
            let command = hook.field.at(&["exec", "command"]).into_iter().flat_map(Field::items);
            command.chain(hook.field.at(&["httpGet", "path"]))
        });
        container.command().chain(container.args()).chain(hooks).any(asks)
            || container.env().any(|(name, _)| name == "ISTIO_QUIT_API")
    })
}

/// True where the releases in the configuration have native sidecars for single pods.
fn has_native(cx: &Context<'_>) -> bool {
    let is_new = |have: Option<Version>, since: Version| have.is_none_or(|have| have >= since);
    is_new(cx.options.kubernetes_version, NATIVE_SINCE.0) && is_new(cx.options.istio_version, NATIVE_SINCE.1)
}

fn of_all(cx: &Context<'_>, places: &[(Workload<'_>, Field<'_>)], level: Level) -> Option<Finding> {
    let unless = if level == Level::Warning { "" } else { "unless sidecars are native, " };
    let message = match places {
        [(only, _)] => format!("{unless}this {} does not complete: its proxy keeps running", only.resource.name.kind),
        many => format!("{unless}{} Jobs do not complete: their proxies keep running", many.len()),
    };
    let finding = Finding::for_all(&JobCompletion::META, places, message)?.level(level).help(
        "native sidecars end with the Job (Istio 1.27 and Kubernetes 1.33 make them by themselves); \
         `rules.job-completion.strategy` fixes each one: `native`, `opt-out` or `quit`",
    );
    Some(if has_native(cx) {
        finding.snippet(format!("template:\n  metadata:\n    annotations:\n      {NATIVE}: \"true\""))
    } else {
        finding.snippet(format!("template:\n  metadata:\n    labels:\n      {INJECT}: \"false\""))
    })
}

fn native(cx: &Context<'_>, workload: Workload<'_>, finding: Finding) -> Finding {
    if !has_native(cx) {
        return finding.help(
            "native sidecars for single pods need Kubernetes 1.29 and Istio 1.24; \
             choose `opt-out` or `quit` for `rules.job-completion.strategy`",
        );
    }
    if cx.inventory.pod_annotation(workload, NATIVE).is_some() {
        return finding.help(format!("somebody set `{NATIVE}` here, so it stays"));
    }
    let mut change = Change::default();
    change.insert(workload.template, &["metadata", "annotations", NATIVE], "true", TEMPLATE_FIELDS);
    let (safety, consequence) = if cx.inventory.may_be_patched_unseen(workload, &["annotations"]) {
        (Safety::Unsafe, "a kustomize patch may set the annotations too")
    } else {
        (Safety::Safe, "")
    };
    let title = format!("add the annotation `{NATIVE}: \"true\"` to the pods");
    finding
        .help("a native sidecar ends when the other containers have ended")
        .fix(workload, Fix { title, safety, consequence: consequence.to_owned(), change })
}

fn opt_out(workload: Workload<'_>, finding: Finding) -> Finding {
    if let Some(value) = workload.pod_label(INJECT) {
        return finding.help(format!("somebody set `{INJECT}: \"{value}\"` here, so it stays"));
    }
    let mut change = Change::default();
    change.insert(workload.template, &["metadata", "labels", INJECT], "false", TEMPLATE_FIELDS);
    let title = format!("add the label `{INJECT}: \"false\"` to the pods");
    let consequence =
        "the pods send plain text: targets with strict mutual TLS refuse it, and policies see no identity";
    finding
        .help("outside the mesh no proxy keeps the pod running")
        .fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}
