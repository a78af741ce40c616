//! Telemetry resources: which of several holds, and one for tracing.

use super::TraceContext;
use crate::config::Version;
use crate::manifest::{Field, ResourceId, Selector, Workload};
use crate::rule::{Context, Finding, Level, Meta};

const META: &Meta = &TraceContext::META;
const GROUP: &str = "telemetry.istio.io";

/// A Telemetry resource.
#[derive(Clone)]
struct Telemetry<'a> {
    id: ResourceId,
    root: Field<'a>,
    selector: Selector<'a>,
    is_targeted: bool,
}

impl Telemetry<'_> {
    fn has_selector(&self) -> bool {
        self.is_targeted || !self.selector.is_empty()
    }

    fn at(&self) -> Field<'_> {
        self.root.at(&["metadata", "name"]).unwrap_or(self.root)
    }
}

fn all<'i>(cx: &'i Context<'_>) -> Vec<Telemetry<'i>> {
    let read = |id: ResourceId| {
        let root = cx.inventory.root(id)?;
        let labels = root.at(&["spec", "selector", "matchLabels"]);
        let targets = ["targetRef", "targetRefs"].iter().any(|key| root.at(&["spec", key]).is_some());
        Some(Telemetry { id, root, selector: labels.map(Selector::of_map).unwrap_or_default(), is_targeted: targets })
    };
    cx.inventory.of_kind(GROUP, "Telemetry").filter_map(read).collect()
}

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let all = all(cx);
    let name = |telemetry: &Telemetry<'_>| cx.inventory.resource(telemetry.id).name.name.clone();
    for (i, one) in all.iter().enumerate() {
        // Two of one name are one resource, written twice.
        let rival = |other: &&Telemetry<'_>| {
            let alike = other.has_selector() == one.has_selector() && !one.is_targeted && !other.is_targeted;
            alike && name(other) != name(one) && cx.inventory.are_deployed_together(one.id, other.id)
        };
        let mut earlier = all[..i].iter().filter(rival);
        if !one.has_selector() {
            if let Some(other) = earlier.next() {
                let message = format!("Telemetry `{}` already holds for the whole namespace", name(other));
                let mut finding = Finding::of(META, cx.inventory, one.id, one.at(), message)
                    .level(Level::Error)
                    .related(other.at(), "the other one without a selector")
                    .help("only one of them holds, and which one is not defined: put both into one, or give one a selector");
                finding.istio = Some("IST0160");
                findings.push(finding);
            }
        } else if let Some((other, workload)) = earlier.find_map(|other| Some((other, both_select(cx, one, other)?))) {
            let message =
                format!("Telemetry `{}` selects the pods of `{}` too", name(other), workload.resource.name.name);
            let mut finding = Finding::of(META, cx.inventory, one.id, one.at(), message)
                .level(Level::Error)
                .related(other.at(), "the other one that selects them")
                .help("only one of them holds for these pods, and which one is not defined: put both into one");
            finding.istio = Some("IST0159");
            findings.push(finding);
        }
        findings.extend(without_provider(cx, one));
    }
}

/// A workload whose pods both select.
fn both_select<'i>(cx: &'i Context<'_>, one: &Telemetry<'_>, other: &Telemetry<'_>) -> Option<Workload<'i>> {
    cx.inventory.workloads().filter(|workload| !workload.is_fragment()).find(|workload| {
        let label = |name: &str| workload.pod_label(name);
        one.selector.matches(label)
            && other.selector.matches(label)
            && cx.inventory.share_a_namespace(one.id, workload.id)
    })
}

/// Access logs that are on and have no provider (`ProviderAnalyzer` of istioctl).
fn without_provider(cx: &Context<'_>, telemetry: &Telemetry<'_>) -> Option<Finding> {
    let logs = telemetry.root.at(&["spec", "accessLogging"]).into_iter().flat_map(Field::items);
    let mut logs = logs.filter(|log| !log.get("disabled").is_some_and(|disabled| disabled.is_true()));
    let log = logs.find(|log| log.get("providers").is_none_or(|providers| providers.items().next().is_none()))?;
    let mut finding = Finding::of(META, cx.inventory, telemetry.id, log, "access logs have no provider")
        .level(Level::Warning)
        .help(
            "nothing is logged unless the mesh has a default provider; name one (`envoy` writes to the proxy's output)",
        )
        .snippet("providers:\n  - name: envoy");
    finding.istio = Some("IST0157");
    Some(finding)
}

/// The mesh's own tracing, as a resource to add; nothing where one names a provider already.
pub(super) fn resource(cx: &Context<'_>, workload: Workload<'_>, summary: Finding) -> Option<Finding> {
    let names_provider = |telemetry: &Telemetry<'_>| {
        let tracing = telemetry.root.at(&["spec", "tracing"]).into_iter().flat_map(Field::items);
        !telemetry.has_selector()
            && tracing.filter_map(|one| one.get("providers")).any(|providers| providers.items().next().is_some())
    };
    let mesh = |telemetry: &Telemetry<'_>| {
        cx.inventory
            .placements(telemetry.id)
            .iter()
            .any(|placement| placement.namespace.as_deref() == Some("istio-system"))
    };
    if all(cx)
        .iter()
        .any(|one| names_provider(one) && (mesh(one) || cx.inventory.share_a_namespace(one.id, workload.id)))
    {
        return None;
    }
    let Some(provider) = &cx.options.trace_context.provider else {
        return Some(super::missing(
            summary,
            "provider",
            "the name of a tracing provider of the mesh (`meshConfig.extensionProviders`)",
        ));
    };
    let version = match cx.options.istio_version {
        Some(version) if version < Version(1, 22) => "v1alpha1",
        _ => "v1",
    };
    let namespace =
        workload.placements.iter().find_map(|placement| placement.namespace.as_deref()).unwrap_or("istio-system");
    let snippet = format!(
        "apiVersion: {GROUP}/{version}\nkind: Telemetry\nmetadata:\n  name: mesh-tracing\n  namespace: {namespace}\nspec:\n  tracing:\n    - providers:\n        - name: {provider}"
    );
    let help = "meshfix writes no new resources for tracing: add this one for the namespace, or in `istio-system` for the whole mesh; the mesh must have the provider, and the programs must still pass the headers on";
    Some(summary.help(help).snippet(snippet))
}
