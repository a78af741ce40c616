//! The same with the Kubernetes Gateway API: a Gateway of any class, and routes.

use serde_json::{Value, json};

use super::candidate::Candidate;
use super::opening::{Opening, Way};
use super::plan::{Plan, World, bounded, covers};
use crate::config::{GatewayMode, Version};
use crate::manifest::{Field, ResourceId};
use crate::rule::{Change, Premise};

const GROUP: &str = "gateway.networking.k8s.io";

/// Adds listeners to a Gateway, or a Gateway with them, and a route for each.
///
/// # Errors
/// Why there can't be one.
pub(super) fn open(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    openings: &[Opening<'_>],
    hosts: &[String],
    plan: &mut Plan,
) -> Result<(), String> {
    let mut change = Change::default();
    let mut wanted: Vec<Listener> =
        openings.iter().flat_map(|opening| listeners(world, candidate, *opening, hosts)).collect();
    let gateway = gateway(world, candidate, &mut wanted, &mut change, plan)?;
    let suffix = &world.cx.options.exposed_service.suffix;
    let several = openings.len() > 1;
    for opening in openings {
        let port = opening.port.number().unwrap_or_default();
        let base = format!("{}{suffix}", candidate.name);
        let name = bounded(&if several { format!("{base}-{port}") } else { base });
        let (kind, version) = kind(world, opening.way);
        let serves = |listener: &&Listener| listener.number == opening.number && !listener.redirects;
        let sections: Vec<&Listener> = wanted.iter().filter(serves).collect();
        let mut spec = json!({"parentRefs": gateway.parents(&sections)});
        if opening.way != Way::Tcp && !hosts.iter().any(|host| host == "*") {
            spec["hostnames"] = json!(hosts);
        }
        spec["rules"] = json!([{"backendRefs": [{"name": candidate.name, "port": port}]}]);
        let route = resource(candidate, &format!("{GROUP}/{version}"), kind, &name, spec);
        change.create(world.cx.inventory, candidate.id, &world.file_of(candidate), route)?;
        plan.done.push(format!("make the {kind} `{name}`"));
        let redirecting: Vec<&Listener> = wanted.iter().filter(|listener| listener.redirects).collect();
        if opening.way.is_http() && !redirecting.is_empty() {
            let name = bounded(&format!("{name}-redirect"));
            let filter = json!({"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}});
            let mut spec = json!({"parentRefs": gateway.parents(&redirecting)});
            if !hosts.iter().any(|host| host == "*") {
                spec["hostnames"] = json!(hosts);
            }
            spec["rules"] = json!([{"filters": [filter]}]);
            let route = resource(candidate, &format!("{GROUP}/v1"), "HTTPRoute", &name, spec);
            change.create(world.cx.inventory, candidate.id, &world.file_of(candidate), route)?;
        }
    }
    plan.change = change;
    Ok(())
}

fn resource(candidate: &Candidate<'_>, api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
    let mut metadata = json!({"name": name});
    if let Some(namespace) = &candidate.written_namespace {
        metadata["namespace"] = json!(namespace);
    }
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
}

/// The kind of a route, and the version that the mesh reads: the newer ones came with Istio's own Gateway API.
fn kind(world: &World<'_>, way: Way) -> (&'static str, &'static str) {
    let is_before = |version| world.cx.options.istio_version.is_some_and(|own| own < version);
    match way {
        Way::Http => ("HTTPRoute", "v1"),
        Way::Grpc => ("GRPCRoute", "v1"),
        Way::Passthrough => ("TLSRoute", if is_before(Version(1, 30)) { "v1alpha2" } else { "v1" }),
        Way::Tcp => ("TCPRoute", if is_before(Version(1, 31)) { "v1alpha2" } else { "v1" }),
    }
}

/// A listener that a Gateway needs.
#[derive(Debug, Clone)]
struct Listener {
    number: u16,
    name: String,
    protocol: &'static str,
    host: Option<String>,
    tls: Option<Value>,
    /// True for one that only sends clients to HTTPS.
    redirects: bool,
}

impl Listener {
    fn value(&self, from: &str) -> Value {
        let mut listener = json!({"name": self.name});
        if let Some(host) = &self.host {
            listener["hostname"] = json!(host);
        }
        listener["port"] = json!(self.number);
        listener["protocol"] = json!(self.protocol);
        if let Some(tls) = &self.tls {
            listener["tls"] = tls.clone();
        }
        listener["allowedRoutes"] = json!({"namespaces": {"from": from}});
        listener
    }

    /// True when a listener of a Gateway does the same for routes of the Gateway's own namespace.
    fn is_like(&self, listener: Field<'_>, is_foreign: bool) -> bool {
        let host = listener.text_at(&["hostname"]);
        let own = self.host.as_deref().unwrap_or("*");
        let from = listener.text_at(&["allowedRoutes", "namespaces", "from"]);
        let mode = |value: &str| {
            let value = if value.is_empty() { "Terminate" } else { value };
            value == self.tls.as_ref().and_then(|tls| tls["mode"].as_str()).unwrap_or_default()
        };
        listener.get("port").and_then(|port| port.as_i64()) == Some(self.number.into())
            && listener.text_at(&["protocol"]) == self.protocol
            && (host.is_empty() || covers(host, own))
            && (from == "All" || !is_foreign && matches!(from, "" | "Same"))
            && (self.tls.is_none() || mode(listener.text_at(&["tls", "mode"])))
    }
}

/// The listeners for a port: one for each public name, as their certificates and routes are told apart by it.
fn listeners(world: &World<'_>, candidate: &Candidate<'_>, opening: Opening<'_>, hosts: &[String]) -> Vec<Listener> {
    let options = &world.cx.options.exposed_service;
    let number = opening.number;
    if opening.way == Way::Tcp {
        let name = bounded(&format!("tcp-{}-{number}", candidate.name));
        return vec![Listener { number, name, protocol: "TCP", host: None, tls: None, redirects: false }];
    }
    let mut listeners = Vec::new();
    for (i, host) in hosts.iter().enumerate() {
        let named = |word: &str| {
            let usual = [options.http_port, options.https_port].contains(&number);
            let port = if usual { String::new() } else { format!("-{number}") };
            let count = if i == 0 { String::new() } else { format!("-host-{}", i + 1) };
            bounded(&format!("{word}-{}{port}{count}", candidate.name))
        };
        let host = Some(host.clone()).filter(|host| host != "*");
        let credential = options.credential_name.as_deref().filter(|_| opening.way.is_http());
        let (protocol, word, tls) = match (opening.way, credential) {
            (Way::Passthrough, _) => ("TLS", "tls", Some(json!({"mode": "Passthrough"}))),
            (_, Some(template)) => {
                let name = candidate.fill(template).unwrap_or_else(|| template.to_owned());
                ("HTTPS", "https", Some(json!({"mode": "Terminate", "certificateRefs": [{"name": name}]})))
            }
            (_, None) => ("HTTP", "http", None),
        };
        if protocol == "HTTPS" && options.https_redirect && number == options.https_port {
            let (number, name) = (options.http_port, named("http"));
            listeners.push(Listener { number, name, protocol: "HTTP", host: host.clone(), tls: None, redirects: true });
        }
        listeners.push(Listener { number, name: named(word), protocol, host, tls, redirects: false });
    }
    listeners
}

/// The Gateway that routes attach to.
struct Parent {
    namespace: Option<String>,
    name: String,
    /// False for one that is not in the input, whose listeners nobody knows.
    is_known: bool,
}

impl Parent {
    fn parents(&self, sections: &[&Listener]) -> Vec<Value> {
        let base = || {
            let mut parent = json!({"name": self.name});
            if let Some(namespace) = &self.namespace {
                parent["namespace"] = json!(namespace);
            }
            parent
        };
        if !self.is_known {
            return vec![base()];
        }
        let with_section = |section: &&Listener| {
            let mut parent = base();
            parent["sectionName"] = json!(section.name);
            parent
        };
        sections.iter().map(with_section).collect()
    }
}

fn gateway(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    wanted: &mut [Listener],
    change: &mut Change,
    plan: &mut Plan,
) -> Result<Parent, String> {
    let options = &world.cx.options.exposed_service;
    let inventory = world.cx.inventory;
    let (namespace, name, there) = match &options.mode {
        GatewayMode::Existing(namespace, name) => {
            let there = world.named_gateway(candidate, GROUP, namespace, name);
            let foreign =
                Some(namespace.clone()).filter(|namespace| candidate.written_namespace.as_ref() != Some(namespace));
            if there.is_none() && options.https_redirect && options.credential_name.is_some() {
                return Err(format!(
                    "Gateway `{namespace}/{name}` is not in the files, so the route that sends clients to HTTPS can't name its listener: take `httpsRedirect` away"
                ));
            }
            if there.is_none() {
                return Ok(Parent { namespace: foreign, name: name.clone(), is_known: false });
            }
            (Some(namespace.clone()), name.clone(), there)
        }
        _ => {
            let (namespace, name) = world.new_gateway(candidate)?;
            let is_home = |id: &ResourceId| {
                let own = inventory.resource(*id).name.namespace == namespace;
                let class = inventory.root(*id).map(|root| root.text_at(&["spec", "gatewayClassName"]));
                let fits = options.mode == GatewayMode::Shared && options.gateway_name.is_none();
                own && class == Some(options.gateway_class_name.as_str())
                    && world.belongs_together(candidate, *id)
                    && (fits || inventory.resource(*id).name.name == name)
            };
            let there = inventory.of_kind(GROUP, "Gateway").find(is_home);
            (namespace, name, there)
        }
    };
    let foreign = namespace.clone().filter(|namespace| candidate.written_namespace.as_ref() != Some(namespace));
    let from = if foreign.is_some() { "All" } else { "Same" };
    let Some(id) = there else {
        let listeners: Vec<Value> = wanted.iter().map(|listener| listener.value(from)).collect();
        let mut metadata = json!({"name": name});
        if let Some(namespace) = &namespace {
            metadata["namespace"] = json!(namespace);
        }
        let spec = json!({"gatewayClassName": options.gateway_class_name, "listeners": listeners});
        let gateway =
            json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Gateway", "metadata": metadata, "spec": spec});
        let file =
            if options.mode == GatewayMode::PerService { world.file_of(candidate) } else { format!("{name}.yaml") };
        change.create(inventory, candidate.id, &file, gateway)?;
        plan.done.push(format!("make the Gateway `{name}`"));
        return Ok(Parent { namespace: foreign, name, is_known: true });
    };
    let owner = inventory.resource(id).name.clone();
    let spec = inventory.root(id).and_then(|root| root.get("spec")).ok_or("the Gateway has no `spec`")?;
    let have = || spec.get("listeners").into_iter().flat_map(Field::items);
    for listener in wanted.iter_mut() {
        let is_like = |one: &Field<'_>| listener.protocol != "TCP" && listener.is_like(*one, foreign.is_some());
        if let Some(there) = have().find(is_like) {
            listener.name = there.text_at(&["name"]).to_owned();
            continue;
        }
        let is_on = |one: &Field<'_>| one.get("port").and_then(|port| port.as_i64()) == Some(listener.number.into());
        let has_names = |protocol: &str| matches!(protocol, "HTTPS" | "TLS");
        let clash = have().filter(is_on).find(|one| {
            let protocol = one.text_at(&["protocol"]);
            protocol != listener.protocol && !(has_names(protocol) && has_names(listener.protocol)) || protocol == "TCP"
        });
        if let Some(clash) = clash {
            return Err(format!(
                "port {} of Gateway `{}` is {} already: give the Service another one by `rules.exposed-service.portMap`",
                listener.number,
                owner.name,
                clash.text_at(&["protocol"])
            ));
        }
        change.push(spec, &["listeners"], listener.value(from));
        change.premises.push(Premise::Claim { owner: owner.clone(), key: format!("listener:{}", listener.name) });
        plan.done.push(format!("add a listener to Gateway `{}`", owner.name));
    }
    let namespace = owner.namespace.filter(|namespace| candidate.written_namespace.as_ref() != Some(namespace));
    Ok(Parent { namespace, name: owner.name, is_known: true })
}
