//! Istio's own name for a workload: `service.istio.io/canonical-name`, then `app.kubernetes.io/name`, then `app`
//! (istio/istio `pkg/kube/labels`).

use super::{AppLabel, WHY};
use crate::manifest::{ResourceId, Workload};
use crate::rule::{Context, Finding, Fix, Level, Safety};
use crate::transforms::pod_labels::{Wanted, doubt, named};

/// The label that Istio prefers to all others.
pub(super) const NAME: &str = "service.istio.io/canonical-name";

/// The recommended label of Kubernetes, which Istio prefers to `app`.
const RECOMMENDED: &str = "app.kubernetes.io/name";

/// The longest value of a label.
const MAX_LENGTH: usize = 63;

/// What the label does in telemetry.
const RENAMES: &str = "dashboards and alerts that know the workload by its old name lose it";

/// Advice where `app` is right, but Istio does not look at it.
pub(super) fn divergence(
    cx: &Context<'_>,
    workload: Workload<'_>,
    service: ResourceId,
    is_certain: bool,
) -> Option<Finding> {
    let field = workload.labels()?.get(RECOMMENDED)?;
    let (have, name) = (field.text()?, cx.inventory.resource(service).name.name.clone());
    let is_named = cx.inventory.pod_label(workload, NAME).is_some();
    if have.is_empty() || have == name || is_named || cx.inventory.renamer(service).is_some() {
        return None;
    }
    let message = format!("Istio calls these pods `{have}` in its telemetry, not by {}", named(cx, service));
    let help = format!("Istio prefers `{RECOMMENDED}` to `app`; `{NAME}` comes before both");
    let finding =
        Finding::new(&AppLabel::META, workload, field, message).level(Level::Info).help(help).snippet(snippet(&name));
    Some(with_fix(cx, workload, name, doubt(cx, service, is_certain), finding))
}

/// The finding of an `app` that stays as it is, with the canonical name as the way out.
pub(super) fn instead(cx: &Context<'_>, workload: Workload<'_>, name: String, finding: Finding) -> Finding {
    if finding.fix.is_some() || finding.refusal.is_some() {
        return finding;
    }
    let help = format!("{}; Istio itself takes the name from the label below", finding.help);
    let finding = finding.help(help).snippet(snippet(&name));
    with_fix(cx, workload, name, Vec::new(), finding)
}

fn snippet(name: &str) -> String {
    format!("labels:\n  {NAME}: {name}")
}

fn with_fix(cx: &Context<'_>, workload: Workload<'_>, name: String, doubts: Vec<String>, finding: Finding) -> Finding {
    if !cx.options.app_label.canonical || name.len() > MAX_LENGTH {
        return finding;
    }
    let wanted = Wanted { cx, meta: &AppLabel::META, workload, key: NAME, value: name, why: WHY, doubts };
    let fix = wanted.addition();
    let consequence = [RENAMES, fix.consequence.as_str()].into_iter().filter(|part| !part.is_empty());
    let consequence = consequence.collect::<Vec<_>>().join("; ");
    finding.fix(workload, Fix { safety: Safety::Unsafe, consequence, ..fix })
}
