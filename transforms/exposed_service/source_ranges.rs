//! `loadBalancerSourceRanges`: whom a load balancer lets in. A gateway would let everybody in, so they are never dropped.

use serde_json::{Value, json};

use super::candidate::Candidate;
use super::opening::{Fate, Opening, Way};
use super::plan::{Plan, World, bounded};
use super::selector::{self, Selector};
use crate::config::{Cidr, SourceRanges, Version};
use crate::manifest::Field;

/// The annotation that was there before the field.
pub(super) const ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// Where a Service says whom it lets in.
pub(super) fn read<'a>(candidate: &Candidate<'a>) -> Vec<Field<'a>> {
    let field = candidate.root.at(&["spec", "loadBalancerSourceRanges"]);
    let ranges: Vec<Field<'a>> = field.into_iter().flat_map(Field::items).collect();
    if !ranges.is_empty() {
        return ranges;
    }
    candidate.root.at(&["metadata", "annotations", ANNOTATION]).into_iter().collect()
}

/// Each range as it stands.
fn texts<'a>(ranges: &[Field<'a>]) -> Vec<&'a str> {
    let parts = ranges.iter().filter_map(|range| range.text()).flat_map(|text| text.split(','));
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// # Errors
/// When the ranges would be lost, or can't be read strictly.
pub(super) fn check(world: &World<'_>, ranges: &[Field<'_>]) -> Result<(), String> {
    let texts = texts(ranges);
    if texts.is_empty() {
        return Ok(());
    }
    if world.cx.options.exposed_service.source_ranges == SourceRanges::Refuse {
        return Err(format!(
            "refused: `loadBalancerSourceRanges` [{}] would be lost; with `rules.exposed-service.sourceRanges: authorization-policy` a policy at the gateway takes their place",
            texts.join(", ")
        ));
    }
    match texts.iter().find(|text| Cidr::parse(text).is_none()) {
        Some(text) => Err(format!(
            "refused: `{text}` of `loadBalancerSourceRanges` is no block of addresses as the API server takes it"
        )),
        None => Ok(()),
    }
}

/// True when nobody gets in that the ranges keep out once the load balancer is gone: there are none, or a policy takes
/// their place, made with the routes or before.
pub(super) fn are_kept(world: &World<'_>, candidate: &Candidate<'_>, ranges: &[Field<'_>], plan: &Plan) -> bool {
    let name = policy_name(world, candidate);
    let is_exposed = |fate: &Fate<'_>| matches!(fate, Fate::Exposed);
    let is_made = plan.change.new_resources().any(|made| made["metadata"]["name"] == name.as_str())
        && !world.fates(candidate).iter().any(is_exposed);
    let inventory = world.cx.inventory;
    let mut there = inventory.of_kind("security.istio.io", "AuthorizationPolicy");
    texts(ranges).is_empty() || is_made || there.any(|id| inventory.resource(id).name.name == name)
}

fn policy_name(world: &World<'_>, candidate: &Candidate<'_>) -> String {
    bounded(&format!("{}{}-allow", candidate.name, world.cx.options.exposed_service.suffix))
}

/// Adds the policy at the gateway that takes the place of the ranges.
///
/// # Errors
/// What is not known of the gateway.
pub(super) fn add(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    selector: &Selector,
    openings: &[Opening<'_>],
    hosts: &[String],
    ranges: &[Field<'_>],
    plan: &mut Plan,
) -> Result<(), String> {
    let texts = texts(ranges);
    if texts.is_empty() {
        return Ok(());
    }
    let inventory = world.cx.inventory;
    if let Some(host) = hosts.iter().find(|host| host.starts_with("*.")) {
        return Err(format!(
            "refused: a policy for `{host}` would not hold for requests that name a port; give the Service whole names"
        ));
    }
    let namespace = selector::pod_namespace(inventory, selector).ok_or(
        "refused: the policy that takes the place of `loadBalancerSourceRanges` stands with the gateway's pods, whose namespace is not known: set `rules.exposed-service.gatewayPodNamespace`",
    )?;
    if candidate.written_namespace.as_ref() != Some(&namespace) {
        world.check_namespace(candidate, &namespace)?;
    }
    let target = |opening: &Opening<'_>| {
        selector::target_port(inventory, selector, opening.number).map(|port| port.to_string()).ok_or_else(|| {
            format!(
                "refused: the container port of the gateway's pods behind its port {} is not known: set `rules.exposed-service.gatewayTargetPorts`",
                opening.number
            )
        })
    };
    let from = json!([{"source": {"notRemoteIpBlocks": texts}}]);
    let all_hosts = hosts.iter().any(|host| host == "*");
    let mut rules: Vec<Value> = Vec::new();
    for group in [&[Way::Http, Way::Grpc][..], &[Way::Passthrough], &[Way::Tcp]] {
        let ports = openings.iter().filter(|opening| group.contains(&opening.way)).map(target);
        let ports = ports.collect::<Result<Vec<String>, String>>()?;
        if ports.is_empty() {
            continue;
        }
        let mut rule = json!({"from": from, "to": [{"operation": {"ports": ports}}]});
        // Other hosts of the same port are other Services'.
        if group.contains(&Way::Http) && !all_hosts {
            let names: Vec<String> = hosts.iter().flat_map(|host| [host.clone(), format!("{host}:*")]).collect();
            rule["to"][0]["operation"] = json!({"hosts": names, "ports": ports});
        } else if group.contains(&Way::Passthrough) && !all_hosts {
            rule["when"] = json!([{"key": "connection.sni", "values": hosts}]);
        }
        rules.push(rule);
    }
    let name = policy_name(world, candidate);
    let is_old = world.cx.options.istio_version.is_some_and(|version| version < Version(1, 22));
    let policy = json!({
        "apiVersion": if is_old { "security.istio.io/v1beta1" } else { "security.istio.io/v1" },
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": selector}, "action": "DENY", "rules": rules},
    });
    plan.change.create(inventory, candidate.id, &world.file_of(candidate), policy)?;
    plan.done.push(format!("make the AuthorizationPolicy `{name}`, which lets only [{}] in", texts.join(", ")));
    plan.left.push(
        "the gateway must see the clients' own addresses: `externalTrafficPolicy: Local` on its Service, or trusted hops".to_owned(),
    );
    Ok(())
}
