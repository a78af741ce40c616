//! Pods that no Service in the input selects.

use super::{AppLabel, WHY};
use crate::config::WithoutService;
use crate::manifest::{ResourceId, Workload};
use crate::rule::{Context, Finding, Level};
use crate::transforms::pod_labels::{Wanted, named, place};

/// A near miss, or advice.
pub(super) fn finding(cx: &Context<'_>, workload: Workload<'_>, app: Option<&str>) -> Option<Finding> {
    if let Some((service, key)) = cx.inventory.intended_service(workload) {
        return Some(near_miss(cx, workload, service, &key));
    }
    if app.is_some() {
        return None;
    }
    let field = place(workload);
    let message = "no Service in these files selects the pods, and they have no label `app`";
    let finding = Finding::new(&AppLabel::META, workload, field, message).level(Level::Info);
    if cx.options.app_label.without_service == WithoutService::Skip {
        let help = format!("{WHY}; without a Service there is no name that it must have");
        return Some(finding.help(help));
    }
    let recommended = workload.pod_label("app.kubernetes.io/name").filter(|name| !name.is_empty());
    let value = recommended.unwrap_or(&workload.resource.name.name).to_owned();
    let is_label = !value.is_empty() && value.len() <= 63 && !workload.root.at(&["metadata", "name"])?.is_null();
    if !is_label {
        return Some(finding.help(WHY));
    }
    let wanted = Wanted { cx, meta: &AppLabel::META, workload, key: "app", value, why: WHY, doubts: Vec::new() };
    let missing = wanted.missing(message.to_owned());
    Some(missing.level(Level::Info))
}

fn near_miss(cx: &Context<'_>, workload: Workload<'_>, service: ResourceId, key: &str) -> Finding {
    let selector = cx.inventory.root(service).and_then(|root| root.at(&["spec", "selector", key]));
    let asked = selector.and_then(|field| field.text()).unwrap_or_default();
    let at = workload.labels().and_then(|labels| labels.get(key)).unwrap_or(place(workload));
    let have = match workload.pod_label(key) {
        Some(have) => format!("the pods have `{have}`"),
        None => format!("the pods have no `{key}`"),
    };
    let message =
        format!("{} looks meant for these pods, but it asks for `{key}: {asked}` and {have}", named(cx, service));
    let help = "it sends them no traffic; make its selector and the pods' labels agree";
    let finding = Finding::new(&AppLabel::META, workload, at, message).level(Level::Warning).help(help);
    match selector {
        Some(selector) => finding.related(selector, "the Service's selector"),
        None => finding,
    }
}
