//! DestinationRules that make the mesh's proxies speak TLS to a Service of the mesh.

use super::HttpsInMesh;
use crate::manifest::{Field, ResourceId};
use crate::rule::{Context, Finding};

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    for id in cx.inventory.of_kind("networking.istio.io", "DestinationRule") {
        findings.extend(finding(cx, id));
    }
}

fn finding(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let spec = cx.inventory.root(id)?.get("spec")?;
    let policies = spec.get("trafficPolicy").into_iter();
    let subsets = spec.get("subsets").into_iter().flat_map(Field::items).filter_map(|one| one.get("trafficPolicy"));
    let policies: Vec<Field<'_>> = policies.chain(subsets).collect();
    let ports = policies.iter().filter_map(|policy| policy.get("portLevelSettings")).flat_map(Field::items);
    let modes = policies.iter().copied().chain(ports).filter_map(|policy| policy.at(&["tls", "mode"]));
    let mut own: Vec<Field<'_>> = modes.filter(|mode| matches!(mode.text(), Some("SIMPLE" | "MUTUAL"))).collect();
    own.dedup_by_key(|mode| mode.id());
    let first = *own.first()?;
    let host = spec.text_at(&["host"]);
    let [service] = cx.inventory.services_of_host(id, host)[..] else { return None };
    let selects =
        cx.inventory.root(service)?.at(&["spec", "selector"]).is_some_and(|all| all.entries().next().is_some());
    if !selects || !cx.inventory.is_checked_service(service) {
        return None;
    }
    let message = format!("`mode: {}` makes the proxies speak TLS of their own to Service `{host}`", first.text()?);
    let finding = Finding::of(&HttpsInMesh::META, cx.inventory, id, first, message).help(
        "to a pod of the mesh this takes the place of the mesh's mutual TLS: with plain HTTP behind it requests end with 503, and strict mutual TLS refuses them; leave `tls` out, so that the mesh decides, or set `ISTIO_MUTUAL`",
    );
    Some(own[1..].iter().fold(finding, |finding, mode| finding.related(*mode, "here too")))
}
