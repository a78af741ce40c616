//! The VirtualService of an exposed Service, apart from its own one.

use serde_json::{Value, json};

use super::candidate::Candidate;
use super::gateway::{self, Reference};
use super::opening::{Fate, Opening, Way, hosts_of};
use super::plan::{Plan, World, bounded};
use super::selector::Selector;
use crate::config::GatewayMode;
use crate::manifest::{Field, Route, RouteKind};
use crate::rule::{Change, manifest_text};

/// Adds a Gateway where one is needed, and the VirtualService.
///
/// # Errors
/// Why there can't be one.
pub(super) fn open(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    selector: &Selector,
    openings: &[Opening<'_>],
    hosts: &[String],
    plan: &mut Plan,
) -> Result<(), String> {
    let mut change = std::mem::take(&mut plan.change);
    let (references, done) = gateway::open(world, candidate, selector, openings, hosts, &mut change)?;
    let name = bounded(&format!("{}{}", candidate.name, world.cx.options.exposed_service.suffix));
    check_name(world, candidate, &name)?;
    let value = virtual_service(world, candidate, &name, &references, openings, hosts);
    change.create(world.cx.inventory, candidate.id, &world.file_of(candidate), value)?;
    if let GatewayMode::Existing(namespace, gateway) = &world.cx.options.exposed_service.mode
        && world.named_gateway(candidate, "networking.istio.io", namespace, gateway).is_none()
    {
        let numbers: Vec<String> = openings.iter().map(|opening| opening.number.to_string()).collect();
        plan.left.push(format!(
            "Gateway `{namespace}/{gateway}` is not in the files: it needs `{}` on port {}",
            hosts.join("`, `"),
            numbers.join(" and ")
        ));
    }
    plan.change = change;
    plan.done.extend(done);
    plan.done.push(format!("make the VirtualService `{name}`"));
    Ok(())
}

/// The name must be free in the Service's namespace.
fn check_name(world: &World<'_>, candidate: &Candidate<'_>, name: &str) -> Result<(), String> {
    let inventory = world.cx.inventory;
    let taken = inventory.of_kind("networking.istio.io", "VirtualService").any(|id| {
        inventory.resource(id).name.name == name
            && inventory.share_a_namespace(id, candidate.id)
            && world.stands_beside(candidate, id)
    });
    if !taken {
        return Ok(());
    }
    Err(format!(
        "a VirtualService `{name}` is there already and does not lead to it: set `rules.exposed-service.suffix`"
    ))
}

fn virtual_service(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    name: &str,
    gateways: &[Reference],
    openings: &[Opening<'_>],
    hosts: &[String],
) -> Value {
    let mut metadata = json!({"name": name});
    if let Some(namespace) = &candidate.written_namespace {
        metadata["namespace"] = json!(namespace);
    }
    let gateways: Vec<&str> = gateways.iter().map(|gateway| gateway.0.as_str()).collect();
    let mut spec = json!({"hosts": hosts, "gateways": gateways});
    let several = openings.iter().filter(|opening| opening.way.is_http()).count() > 1;
    for opening in openings {
        let (key, matches) = match opening.way {
            Way::Http | Way::Grpc => ("http", several.then(|| json!([{"port": opening.number}]))),
            Way::Passthrough => ("tls", Some(json!([{"port": opening.number, "sniHosts": hosts}]))),
            Way::Tcp => ("tcp", Some(json!([{"port": opening.number}]))),
        };
        let route = inherited(world, candidate, *opening)
            .unwrap_or_else(|| json!([{"destination": destination(world, candidate, *opening)}]));
        let mut rule = json!({});
        if let Some(matches) = matches {
            rule["match"] = matches;
        }
        rule["route"] = route;
        match spec.get_mut(key).and_then(Value::as_array_mut) {
            Some(rules) => rules.push(rule),
            None => spec[key] = json!([rule]),
        }
    }
    json!({"apiVersion": world.networking(), "kind": "VirtualService", "metadata": metadata, "spec": spec})
}

fn destination(world: &World<'_>, candidate: &Candidate<'_>, opening: Opening<'_>) -> Value {
    let host = match &candidate.written_namespace {
        Some(namespace) => format!("{}.{namespace}.svc.{}", candidate.name, world.cx.options.cluster_domain),
        None => candidate.name.clone(),
    };
    json!({"host": host, "port": {"number": opening.port.number().unwrap_or_default()}})
}

/// The Service's own VirtualService as it splits traffic by subsets and weights: routes at a gateway do not follow it by
/// themselves (istio.io, network issues). More than that is left to a person.
fn inherited(world: &World<'_>, candidate: &Candidate<'_>, opening: Opening<'_>) -> Option<Value> {
    if !opening.way.is_http() {
        return None;
    }
    let rule = internal_rules(world, candidate).into_iter().next().filter(|_| is_simple(world, candidate))?;
    let routes = rule.get("route")?.items().map(|route| {
        let mut value = json!({"destination": destination(world, candidate, opening)});
        if let Some(subset) = route.at(&["destination", "subset"]).and_then(|subset| subset.text()) {
            value["destination"]["subset"] = json!(subset);
        }
        if let Some(weight) = route.get("weight").and_then(|weight| weight.as_i64()) {
            value["weight"] = json!(weight);
        }
        value
    });
    Some(routes.collect())
}

/// The HTTP rules of the Service's own VirtualService, each once.
fn internal_rules<'w>(world: &World<'w>, candidate: &Candidate<'_>) -> Vec<Field<'w>> {
    let routes = world.cx.inventory.routes_to(candidate.id);
    let internal =
        |route: &&Route<'_>| route.kind == RouteKind::VirtualHttp && route.is_certain && route.is_inside_the_mesh();
    let mut rules: Vec<Field<'w>> = Vec::new();
    for rule in routes.iter().filter(internal).filter_map(|route| route.rule) {
        if !rules.iter().any(|have| have.id() == rule.id()) {
            rules.push(rule);
        }
    }
    rules
}

/// What the Service's own VirtualService does that the gateway's side does not.
pub(super) fn left_behind(world: &World<'_>, candidate: &Candidate<'_>) -> Option<String> {
    let rules = internal_rules(world, candidate);
    let id = rules.first()?.id();
    let own = world.cx.inventory.enclosing(id)?;
    (!is_simple(world, candidate)).then(|| {
        format!(
            "the rules of {} are for calls inside the mesh: copy those that clients from outside need",
            world.cx.inventory.resource(own).name
        )
    })
}

/// True for one rule without conditions, which splits traffic over this Service's subsets.
fn is_simple(world: &World<'_>, candidate: &Candidate<'_>) -> bool {
    let rules = internal_rules(world, candidate);
    let [rule] = rules.as_slice() else { return false };
    let only_routes = rule.entries().all(|(key, _)| matches!(&*key, "route" | "name"));
    let inventory = world.cx.inventory;
    let Some(own) = inventory.enclosing(rule.id()) else { return false };
    let is_own = |route: Field<'_>| {
        let simple = route.entries().all(|(key, _)| matches!(&*key, "destination" | "weight"));
        simple && inventory.services_of_host(own, route.text_at(&["destination", "host"])) == [candidate.id]
    };
    let mut routes = rule.get("route").into_iter().flat_map(Field::items);
    only_routes && routes.all(is_own)
}

/// What the Gateway and the VirtualService would look like, where a name or a gateway is not known.
pub(super) fn snippet(world: &World<'_>, candidate: &Candidate<'_>) -> Option<String> {
    let openings: Vec<Opening<'_>> = world
        .fates(candidate)
        .iter()
        .filter_map(|fate| match fate {
            Fate::Opens(opening) => Some(*opening),
            _ => None,
        })
        .collect();
    if openings.is_empty() || world.cx.options.exposed_service.api != crate::config::GatewayApi::Istio {
        return None;
    }
    let known = hosts_of(candidate);
    let unknown = ["<its public name>".to_owned()];
    let hosts = if known.is_empty() { &unknown } else { known };
    let unknown_selector = || Selector::from([("<label>".to_owned(), "<of the gateway's pods>".to_owned())]);
    let selector = world.selector.clone().unwrap_or_else(|_| unknown_selector());
    let mut change = Change::default();
    let (gateways, _) = gateway::open(world, candidate, &selector, &openings, hosts, &mut change).ok()?;
    let name = bounded(&format!("{}{}", candidate.name, world.cx.options.exposed_service.suffix));
    let virtual_service = virtual_service(world, candidate, &name, &gateways, &openings, hosts);
    let made = change.new_resources().chain([&virtual_service]);
    Some(made.map(manifest_text).collect::<Vec<_>>().join("---\n").trim_end().to_owned())
}
