//! Formats of trace headers that leave the W3C one out.

use std::collections::BTreeSet;

use super::TraceContext;
use crate::manifest::{ConfigMapUseKind, Field, Membership, Workload};
use crate::rule::{Change, Context, Finding, Fix, Meta, Safety};

/// The variable that all OpenTelemetry SDKs read.
const VARIABLE: &str = "OTEL_PROPAGATORS";

const META: &Meta = &TraceContext::META;

const WHY: &str = "the mesh and its other programs pass `traceparent` on; a program that knows only another format starts a trace of its own";

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for workload in cx.inventory.workloads() {
        let mut found = Vec::new();
        for container in cx.inventory.own_containers(workload) {
            for (_, entry) in container.env().filter(|(name, _)| *name == VARIABLE) {
                found.extend(match (entry.get("value"), entry.get("valueFrom")) {
                    (Some(value), _) => in_the_manifest(workload, value),
                    (None, Some(source)) => from_elsewhere(cx, workload, source),
                    (None, None) => None,
                });
            }
        }
        for usage in cx.inventory.config_maps_of(workload) {
            let ConfigMapUseKind::EnvFrom { prefix, .. } = usage.how else { continue };
            for (key, value) in usage.entries() {
                if format!("{prefix}{key}") == VARIABLE && leaves_it_out(value) && seen.insert(value.id()) {
                    let message = format!("`{VARIABLE}` has no `tracecontext`: `{}`", value.text().unwrap_or_default());
                    let finding = Finding::of(META, cx.inventory, usage.id, value, message);
                    found.push(
                        finding.help(WHY).related(usage.reference, "a workload that reads it").snippet(with_it(value)),
                    );
                }
            }
        }
        found.extend(zipkin(cx, workload));
        if !found.is_empty() && cx.inventory.is_checked(workload) {
            findings.append(&mut found);
        }
    }
}

/// True when a list of formats is written and has no W3C; the SDK's default, which is W3C, stands for an empty one.
fn leaves_it_out(value: Field<'_>) -> bool {
    let text = value.text().unwrap_or_default();
    !text.trim().is_empty() && !text.split(',').any(|format| format.trim() == "tracecontext")
}

fn with_it(value: Field<'_>) -> String {
    format!("{VARIABLE}: tracecontext,{}", value.text().unwrap_or_default().trim())
}

fn in_the_manifest(workload: Workload<'_>, value: Field<'_>) -> Option<Finding> {
    let text = value.text()?;
    if !leaves_it_out(value) {
        return None;
    }
    let finding = Finding::new(META, workload, value, format!("`{VARIABLE}` has no `tracecontext`: `{text}`"));
    if text.contains("$(") {
        return Some(finding.help(format!("{WHY}; the value is put together from other variables: look at those")));
    }
    if text.trim() == "none" {
        return Some(
            finding
                .help("propagation is turned off, so each trace ends here")
                .snippet(format!("- name: {VARIABLE}\n  value: tracecontext,baggage")),
        );
    }
    let mut change = Change::default();
    change.splice(value, 0..0, "tracecontext,");
    let consequence =
        "the program sends `traceparent` too, and takes it for the truth where a request has both formats";
    Some(finding.help(WHY).fix(
        workload,
        Fix {
            title: format!("put `tracecontext` in front of `{text}`"),
            safety: Safety::Unsafe,
            consequence: consequence.to_owned(),
            change,
        },
    ))
}

/// A value that stands somewhere else is only reported, unless the input has it and it is right.
fn from_elsewhere(cx: &Context<'_>, workload: Workload<'_>, source: Field<'_>) -> Option<Finding> {
    let reference = source.get("configMapKeyRef");
    let same = |field: Field<'_>| reference.is_some_and(|reference| reference.id() == field.id());
    let uses = cx.inventory.config_maps_of(workload).into_iter().filter(|usage| same(usage.reference));
    let values: Vec<Field<'_>> = uses.flat_map(|usage| usage.entries()).map(|(_, value)| value).collect();
    let wrong = values.iter().find(|value| leaves_it_out(**value));
    if !values.is_empty() && wrong.is_none() {
        return None;
    }
    let finding = Finding::new(META, workload, source, format!("`{VARIABLE}` comes from outside this manifest"));
    Some(match wrong {
        Some(value) => finding
            .related(*value, format!("it is `{}` here, without `tracecontext`", value.text().unwrap_or_default()))
            .help(WHY)
            .snippet(with_it(*value)),
        None => finding.help(format!("see that it has `tracecontext`: {WHY}")),
    })
}

/// The proxy's Zipkin tracer sends the B3 headers only.
fn zipkin(cx: &Context<'_>, workload: Workload<'_>) -> Option<Finding> {
    let annotation = workload.pod_metadata?.at(&["annotations", "proxy.istio.io/config"])?;
    let config = annotation.embedded()?;
    config.document().root().at(&["tracing", "zipkin"])?;
    if cx.inventory.membership(workload) == Membership::Ambient {
        return None;
    }
    let message = "the pod's proxy traces for Zipkin, with B3 headers only";
    let help = "programs that know only `traceparent` start traces of their own; name an OpenTelemetry provider in a Telemetry resource instead";
    Some(Finding::new(META, workload, annotation, message).help(help))
}
