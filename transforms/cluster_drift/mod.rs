mod compare;
mod copy;
mod spec;

use std::collections::BTreeMap;

use crate::manifest::{ClusterService, Inventory};
use crate::rule::{Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;
use compare::Difference;
use copy::Copied;
use spec::{Side, Spec};

transform! {
    /// Flags Services that are not the same in all clusters.
    ///
    /// ## Why
    /// A mesh of several clusters makes one Service of all that have the same name and namespace. Each control plane
    /// takes the specification from its own cluster and the addresses from all of them. Where the specifications differ,
    /// the same pods get HTTP from one cluster and bytes from the other, or can't be reached from one of them at all. The
    /// vendor's specification asks for the same `spec` everywhere.
    ///
    /// Only clusters that are declared are compared: `clusters` in `meshfix.yaml`, or `--cluster name=path`. Overlays that
    /// nobody declared are alternatives. A Service that one cluster does not have is fine, and so is a base that
    /// several clusters hold. What a kustomize patch may change is not compared. Addresses that clusters give out by
    /// themselves are left out; a node port that differs is advice. The cluster that most others agree with is the
    /// measure, or the one that `rules.cluster-drift.reference` names.
    ///
    /// ## Fix
    /// With `rules.cluster-drift.reference` the other clusters take the protocols that its ports declare: `appProtocol`,
    /// or the port's name where that declares it, with what refers to it by name in the files. Everything else is left
    /// to a person.
    ///
    /// ## Safety
    /// Unsafe: clients in the changed cluster read the port in another way from then on.
    ClusterDrift, "cluster-drift", "a Service must be the same in all clusters of the mesh",
    level: Level::Warning, after: &["port-protocol"], istio: Some("IST0170"), safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/cluster-drift/protocols/fix.diff"),
}

/// Differences that a message names; the others are counted.
const MOST_NAMED: usize = 4;

impl Transform for ClusterDrift {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let reference = cx.options.cluster_drift.reference.as_deref();
        for services in cx.inventory.services_of_clusters() {
            let sides = sides(cx.inventory, &services);
            let Some(measure) = measure(&sides, reference) else { continue };
            let others = sides.iter().filter(|side| side.id != measure.id);
            findings.extend(others.filter_map(|side| finding(cx, side, measure)));
        }
    }
}

/// Each Service once, with all clusters that have it; those that are the mesh's own are left out.
fn sides<'a>(inventory: &'a Inventory<'a>, services: &[ClusterService<'a>]) -> Vec<Side<'a>> {
    let mut sides: Vec<Side<'a>> = Vec::new();
    let mut places = BTreeMap::new();
    let first = services.first().map(|one| one.service);
    if services.iter().all(|one| Some(one.service) == first) {
        return sides;
    }
    for ClusterService { cluster, service } in services {
        let at = *places.entry(*service).or_insert_with(|| {
            let side = Side::read(inventory, *service).filter(|side| inventory.is_checked_service(side.id));
            sides.extend(side);
            sides.last().is_some_and(|side| side.id == *service).then(|| sides.len() - 1)
        });
        if let Some(side) = at.and_then(|at| sides.get_mut(at)) {
            side.clusters.push(cluster);
        }
    }
    sides
}

/// The Service that the others are compared with: the reference's, or the one that most clusters have.
fn measure<'s, 'a>(sides: &'s [Side<'a>], reference: Option<&str>) -> Option<&'s Side<'a>> {
    let is_reference = |side: &&Side<'_>| reference.is_some_and(|name| side.clusters.contains(&name));
    let mut agreeing: BTreeMap<&Spec<'_>, usize> = BTreeMap::new();
    for side in sides {
        *agreeing.entry(&side.spec).or_default() += side.clusters.len();
    }
    let number = |side: &&Side<'_>| agreeing.get(&side.spec).copied();
    // Of those that as many agree with, the first one.
    sides.iter().find(is_reference).or_else(|| sides.iter().rev().max_by_key(number))
}

fn finding<'a>(cx: &Context<'_>, here: &Side<'a>, there: &Side<'a>) -> Option<Finding> {
    let is_seen = |difference: &Difference<'_>| {
        let is_patched = |side: &Side<'_>| cx.inventory.may_spec_be_patched(side.id, &[difference.key]);
        !is_patched(here) && !is_patched(there)
    };
    let mut differences = compare::differences(here, there);
    let mut level = Level::Warning;
    if differences.is_empty() {
        (differences, level) = (compare::node_ports(here, there), Level::Info);
    }
    differences.retain(is_seen);
    let first = differences.first()?;
    let mut named: Vec<&str> = differences.iter().take(MOST_NAMED).map(|difference| difference.text.as_str()).collect();
    let more = format!("and {} more", differences.len() - named.len());
    if differences.len() > named.len() {
        named.push(&more);
    }
    let name = &cx.inventory.resource(here.id).name.name;
    let (own, other) = (here.called(), there.called());
    let message = format!("Service `{name}` of {own} differs from that of {other}: {}", named.join("; "));
    let mut finding = Finding::of(&ClusterDrift::META, cx.inventory, here.id, first.here, message).level(level);
    finding.istio = differences.iter().any(|difference| difference.is_istio).then_some("IST0170");
    for field in differences.iter().take(MOST_NAMED).filter_map(|difference| difference.there) {
        if finding.related.iter().all(|(at, _)| *at != field.loc()) {
            finding = finding.related(field, format!("in {other}"));
        }
    }
    if finding.related.is_empty() {
        finding = finding.related(there.name(), format!("the Service in {other}"));
    }
    if level == Level::Info {
        return Some(finding.help(
            "the mesh does not use it, but clients outside must know which port each cluster has; `istioctl analyze` names it too",
        ));
    }
    let why = "the mesh makes one Service of both, and each cluster's clients go by their own copy: make them the same";
    let reference = cx.options.cluster_drift.reference.as_deref();
    let declares = differences.iter().any(|difference| difference.ports.is_some());
    if !reference.is_some_and(|name| there.clusters.contains(&name)) {
        let hint = match reference {
            Some(name) if !cx.options.clusters.contains_key(name) => {
                format!("; `rules.cluster-drift.reference` is `{name}`, which is no declared cluster")
            }
            None if declares => {
                "; `rules.cluster-drift.reference` names the cluster whose protocols the others take".to_owned()
            }
            _ => String::new(),
        };
        return Some(finding.help(format!("{why}{hint}")));
    }
    finding = finding.help(why);
    match copy::protocols(cx.inventory, here, &differences) {
        Copied::Nothing => {}
        Copied::Refused(reason) => finding.refusal = Some(reason),
        Copied::Ports { change, words, renames } => {
            let title = format!("take the protocols of {other}: {}", words.join(", "));
            let follow = if renames { "; what uses an old name outside these files must follow" } else { "" };
            let consequence = format!("clients in {own} treat the port accordingly from then on{follow}");
            finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence, change });
        }
    }
    Some(finding)
}
