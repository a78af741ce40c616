mod canonical;
mod without_service;

use super::pod_labels::{Wanted, doubt, is_judged, named, place};
use crate::manifest::{Primary, ResourceId, Workload};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags pods whose label `app` is not the name of their Service.
    ///
    /// ## Why
    /// Metrics, the service graph and traffic lanes find the pods of a Service by the label `app`. The
    /// specification asks for the name of the Service; labels of the Deployment itself do not count.
    /// Istio recommends the label (profile `istio`: a warning).
    ///
    /// Where several Services select the pods, their own one is, in this order: the one named by the annotation
    /// `meshfix.dev/service` of the pod template; not one that a Rollout moves traffic with; not a second one,
    /// such as `web-headless` beside `web`; not a headless one; the one named like `app`, the workload,
    /// `app.kubernetes.io/name` or the StatefulSet's `serviceName`; the one with the most ports. A Service over pods
    /// of several applications is nobody's own. Any of the Services' names complies.
    ///
    /// ## Fix
    /// Adds `app` to the labels of the pod template, never to a selector. A selector that shares its labels with
    /// the template by an anchor keeps them as they are.
    ///
    /// A value that is part of the workload's own selector stays, because that selector can't change. With
    /// `rules.app-label.canonical: true` the pods get `service.istio.io/canonical-name` instead, which Istio prefers to
    /// `app`; so do pods whose `app.kubernetes.io/name` hides `app` from Istio. With
    /// `rules.app-label.withoutService: workload-name` pods that no Service selects get `app` too.
    ///
    /// ## Safety
    /// Safe where no selector in the files would come to match the pods. Unsafe where one would (a Service, a
    /// NetworkPolicy, a budget, a policy of the mesh, an affinity), where the selector is not written and defaults to
    /// the labels, where a kustomize patch may set the labels, and where a wrong value is replaced. Manual where a
    /// selector uses the old value, or where several Services are as likely.
    AppLabel, "app-label", "the label `app` of pods must be the name of their Service",
    level: Level::Error, after: &["reserved-port", "target-port", "headless-port", "port-protocol"], istio: None,
    safety: Some(Safety::Safe),
    example: include_str!("../../testdata/app-label/no-labels/fix.diff"),
}

/// Why the label matters.
const WHY: &str = "the mesh's metrics, graph and traffic lanes find the pods of a Service by `app`";

impl Transform for AppLabel {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            findings.extend(of_workload(cx, workload));
        }
    }
}

fn of_workload(cx: &Context<'_>, workload: Workload<'_>) -> Option<Finding> {
    let app = cx.inventory.pod_label(workload, "app").filter(|app| !app.is_empty());
    let services = cx.inventory.services_of(workload).possible;
    let complies = services.iter().any(|id| app == Some(cx.inventory.resource(*id).name.name.as_str()));
    let primary = cx.inventory.primary_service(workload);
    let finding = match primary {
        Primary::One { service, is_certain } if complies => canonical::divergence(cx, workload, service, is_certain),
        _ if complies => None,
        Primary::One { service, is_certain } => judged(cx, workload, service, is_certain, app),
        Primary::Ambiguous(services) => Some(ambiguous(cx, workload, &services)),
        Primary::Shared(services) => Some(shared(cx, workload, &services)),
        // The pods' own Service may not be here.
        Primary::NotCertain(_) => None,
        Primary::None => without_service::finding(cx, workload, app),
    };
    finding.filter(|_| is_judged(cx, workload, "app"))
}

fn judged(
    cx: &Context<'_>,
    workload: Workload<'_>,
    service: ResourceId,
    is_certain: bool,
    app: Option<&str>,
) -> Option<Finding> {
    let name = cx.inventory.resource(service).name.name.clone();
    if cx.options.app_label.canonical && workload.pod_label(canonical::NAME) == Some(&name) {
        return None;
    }
    let wanted = Wanted {
        cx,
        meta: &AppLabel::META,
        workload,
        key: "app",
        value: name,
        why: WHY,
        doubts: doubt(cx, service, is_certain),
    };
    let root = cx.inventory.root(service)?;
    let at = root.at(&["metadata", "name"]).unwrap_or(root);
    let message = match app {
        Some(app) => format!("`app` is `{app}`, but the pods belong to {}", named(cx, service)),
        None => format!("the pods of {} have no label `app`", named(cx, service)),
    };
    if let Some(kustomization) = cx.inventory.renamer(service) {
        let file = cx.inventory.file_name(kustomization);
        let help = format!(
            "{WHY}; {file} gives the Service another name, so write `app` with that name there, or check what it renders (`kustomize build | meshfix -`)"
        );
        return Some(wanted.finding(place(workload), message).help(help).related(at, "the Service"));
    }
    let finding = match workload.labels().and_then(|labels| labels.get("app")).filter(|_| app.is_some()) {
        Some(field) => canonical::instead(cx, workload, wanted.value.clone(), wanted.wrong(field, message)),
        None => wanted.missing(message),
    };
    Some(finding.related(at, "the Service"))
}

fn ambiguous(cx: &Context<'_>, workload: Workload<'_>, services: &[ResourceId]) -> Finding {
    let mut names: Vec<&str> = services.iter().map(|id| cx.inventory.resource(*id).name.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!("{} Services select these pods and none gives them its name: {listed}", names.len());
    let help = format!("{WHY}; say which Service is theirs with the annotation on the pod template, and `app` follows");
    Finding::new(&AppLabel::META, workload, place(workload), message)
        .help(help)
        .snippet(format!("annotations:\n  meshfix.dev/service: {}", names[0]))
}

fn shared(cx: &Context<'_>, workload: Workload<'_>, services: &[ResourceId]) -> Finding {
    let mut names: Vec<String> = services.iter().map(|id| named(cx, *id)).collect();
    names.sort_unstable();
    names.dedup();
    let message = format!("pods of several applications are behind {}", names.join(" and "));
    let help = "it can't give its name to all of them; a Service for each application could";
    Finding::new(&AppLabel::META, workload, place(workload), message).level(Level::Info).help(help)
}
