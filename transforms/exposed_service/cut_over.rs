//! The cut-over: the Service becomes a `ClusterIP`, as far as nothing in the files needs its old address.

use super::candidate::{Candidate, Exposure};
use super::hosts::EXTERNAL_DNS;
use super::plan::{Plan, World};
use super::source_ranges;
use crate::config::Cutover;
use crate::manifest::{Detour, Field, RouteKind};

/// What the cut-over does, as an order.
pub(super) const DONE: &str = "make the Service a `ClusterIP`";

/// Fields of a Service's `spec` that only its old type may have (validation of the API server).
const FIELDS: &[&str] = &[
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerSourceRanges",
    "loadBalancerIP",
    "allocateLoadBalancerNodePorts",
];

/// Beginnings of annotations by which cloud providers make load balancers.
const CLOUD: &[&str] = &[
    "service.beta.kubernetes.io/",
    "service.kubernetes.io/",
    "service.alpha.kubernetes.io/",
    "cloud.google.com/",
    "networking.gke.io/",
    "metallb.universe.tf/",
    "metallb.io/",
];

/// Adds the cut-over to the plan, or what keeps the Service from it.
/// `kept` are ports without a way through a gateway.
pub(super) fn add(world: &World<'_>, candidate: &Candidate<'_>, ranges: &[Field<'_>], kept: usize, plan: &mut Plan) {
    let options = &world.cx.options.exposed_service;
    if !candidate.kind.is_cut_over(options.cutover) {
        plan.left.push(match options.cutover {
            Cutover::None => format!("it stays a {} (`cutover: none`)", candidate.kind.word()),
            _ => "it keeps its address until clients have moved: when its names lead to the gateway, set `rules.exposed-service.cutover: all`".to_owned(),
        });
        return;
    }
    if let Some(reason) = blocker(world, candidate) {
        plan.left.push(format!("it stays a {}: {reason}", candidate.kind.word()));
        return;
    }
    if kept > 0 {
        let them = if kept == 1 { "this port" } else { "these ports" };
        plan.left.push(format!("it stays a {} for {them}", candidate.kind.word()));
        return;
    }
    if !source_ranges::are_kept(world, candidate, ranges, plan) {
        plan.left.push(
            "it stays a LoadBalancer: its routes are there already, and no policy takes the place of its `loadBalancerSourceRanges`"
                .to_owned(),
        );
        return;
    }
    let change = &mut plan.change;
    change.set(candidate.at, "ClusterIP");
    let spec = candidate.root.get("spec");
    let fields = FIELDS.iter().filter_map(|field| spec?.get(field));
    let node_ports = candidate.ports.iter().filter_map(|port| port.field.get("nodePort"));
    fields.chain(node_ports).for_each(|field| change.remove(field));
    let inert = annotations(candidate, !ranges.is_empty(), options.prune_annotations, plan);
    plan.done.push(DONE.to_owned());
    if !inert.is_empty() {
        plan.left.push(format!("its annotations `{}` mean nothing any more", inert.join("`, `")));
    }
    let policy = spec.and_then(|spec| spec.get("externalTrafficPolicy"));
    if policy.and_then(|policy| policy.text()) == Some("Local") {
        plan.left.push(
            "`externalTrafficPolicy: Local` showed it the clients' addresses: set that on the gateway's Service"
                .to_owned(),
        );
    }
}

/// Takes out the annotations that would be refused or mean nothing; gives the names of those that stay without meaning.
fn annotations(candidate: &Candidate<'_>, has_ranges: bool, prune: bool, plan: &mut Plan) -> Vec<String> {
    let Some(all) = candidate.root.at(&["metadata", "annotations"]) else { return Vec::new() };
    let is_inert = |key: &str| CLOUD.iter().any(|start| key.starts_with(start)) || is_of_alibaba(key);
    let (mut gone, mut inert, mut total) = (Vec::new(), Vec::new(), 0);
    for (key, field) in all.entries() {
        total += 1;
        if prune && is_inert(&key) || has_ranges && key == source_ranges::ANNOTATION {
            gone.push(field);
        } else if is_inert(&key) {
            inert.push(key.into_owned());
        }
    }
    if gone.len() == total && total > 0 {
        plan.change.remove(all);
    } else {
        gone.into_iter().for_each(|field| plan.change.remove(field));
    }
    inert
}

/// `service.beta.kubernetes.io/alibaba-cloud-...` is among the others; older ones are `lb.<region>.aliyun...`.
fn is_of_alibaba(key: &str) -> bool {
    key.starts_with("lb.") && key.contains("aliyun")
}

/// Why the Service can't change its type, if so.
fn blocker(world: &World<'_>, candidate: &Candidate<'_>) -> Option<String> {
    let inventory = world.cx.inventory;
    if candidate.kind == Exposure::LoadBalancer && !candidate.annotation(EXTERNAL_DNS).is_empty() {
        return Some(format!(
            "external-dns would take its name `{}` away; move the annotation to the gateway's Service first",
            candidate.annotation(EXTERNAL_DNS)
        ));
    }
    if let Some(client) = inventory
        .node_port_clients(candidate.id)
        .iter()
        .find(|client| client.detour == Detour::NodePort || candidate.kind == Exposure::LoadBalancer)
    {
        let workload = &inventory.resource(client.workload).name;
        return Some(format!("{workload} uses its address from outside; give it the Service's name first"));
    }
    let needs_node_port = |class: &str| matches!(class, "gce" | "gce-internal" | "alb");
    let routes = inventory.routes_to(candidate.id);
    let cloud = routes.iter().filter(|route| route.kind == RouteKind::Ingress).find(|route| {
        let by_address = || {
            let target = route.annotation("alb.ingress.kubernetes.io/target-type").and_then(|target| target.text());
            target == Some("ip") || !candidate.annotation("cloud.google.com/neg").is_empty()
        };
        // Without a class it is the cluster's default controller, which may be one of these.
        route.ingress_class().is_none_or(needs_node_port) && !by_address()
    });
    if let Some(route) = cloud {
        let name = &inventory.resource(route.id).name;
        return Some(match route.ingress_class() {
            Some(class) => format!("{name} of class `{class}` sends to its node port"),
            None => format!("{name} names no class, and controllers of clouds send to its node port"),
        });
    }
    let sets_type = |patch: Field<'_>| {
        let spec = patch.get("spec");
        ["type", "ports", "externalTrafficPolicy"].iter().any(|key| spec.is_some_and(|spec| spec.get(key).is_some()))
    };
    let patches = inventory.patches_with(candidate.id, sets_type, |text| {
        ["nodePort", "LoadBalancer", "NodePort", "/spec/type"].iter().any(|word| text.contains(word))
    });
    let patch = patches.into_iter().next()?;
    Some(format!("{} patches its type or its ports; change it there", inventory.file_name(patch)))
}
