//! Which of Istio's Gateways opens a port: one that is there, with or without one more host, or a new one.

use serde_json::{Value, json};

use super::candidate::Candidate;
use super::opening::{Opening, Way};
use super::plan::{World, bounded};
use super::selector::{self, Selector};
use crate::config::{GatewayMode, TlsMode};
use crate::manifest::{Field, ResourceId};
use crate::rule::{Change, Premise};

/// A Gateway, as a VirtualService names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference(pub(super) String);

/// Makes the Gateway open the ports, and gives its name.
///
/// # Errors
/// Why none can.
pub(super) fn open(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    selector: &Selector,
    openings: &[Opening<'_>],
    hosts: &[String],
    change: &mut Change,
) -> Result<(Vec<Reference>, Vec<String>), String> {
    let options = &world.cx.options.exposed_service;
    let mut wanted: Vec<Server> = Vec::new();
    for server in openings.iter().flat_map(|opening| servers(world, candidate, *opening)) {
        if !wanted.contains(&server) {
            wanted.push(server);
        }
    }
    let mut references: Vec<Reference> = Vec::new();
    let mut missing: Vec<Server> = Vec::new();
    for server in wanted {
        match covering(world, candidate, selector, &server, hosts) {
            Some(gateway) => add(&mut references, reference(world, candidate, gateway)),
            None => missing.push(server),
        }
    }
    if missing.is_empty() {
        return Ok((references, Vec::new()));
    }
    let home = home(world, candidate, selector)?;
    let own = if let Home::There(gateway) = &home { Some(*gateway) } else { None };
    let others = usable(world, candidate, selector).filter(|id| Some(*id) != own);
    for (gateway, server) in others.flat_map(|id| missing.iter().map(move |server| (id, server))) {
        let there = servers_of(world, gateway).find(|one| {
            number_of(*one) == Some(server.number.into()) && (server.protocol == "TCP" || !server.shares(*one))
        });
        if let Some(there) = there {
            return Err(format!(
                "port {} of Gateway `{}`, which has the same pods, is {} already: give the Service another one by `rules.exposed-service.portMap`",
                server.number,
                world.cx.inventory.resource(gateway).name.name,
                there.text_at(&["port", "protocol"])
            ));
        }
    }
    match home {
        Home::There(gateway) => {
            let done = widen(world, candidate, gateway, &missing, hosts, change)?;
            add(&mut references, reference(world, candidate, gateway));
            Ok((references, done))
        }
        Home::Outside(name) => {
            add(&mut references, Reference(name));
            Ok((references, Vec::new()))
        }
        Home::New { namespace, name } => {
            let own = namespace == candidate.written_namespace;
            check_namespace(candidate, own)?;
            let servers: Vec<Value> =
                missing.iter().map(|server| server.value(&prefixed(candidate, own, hosts))).collect();
            let mut metadata = json!({"name": name});
            if let Some(namespace) = &namespace {
                metadata["namespace"] = json!(namespace);
            }
            let gateway = json!({
                "apiVersion": world.networking(), "kind": "Gateway", "metadata": metadata,
                "spec": {"selector": selector, "servers": servers},
            });
            let file =
                if options.mode == GatewayMode::PerService { world.file_of(candidate) } else { format!("{name}.yaml") };
            change.create(world.cx.inventory, candidate.id, &file, gateway)?;
            let reference = match namespace.filter(|_| !own) {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name.clone(),
            };
            add(&mut references, Reference(reference));
            Ok((references, vec![format!("make the Gateway `{name}`")]))
        }
    }
}

fn add(references: &mut Vec<Reference>, reference: Reference) {
    if !references.contains(&reference) {
        references.push(reference);
    }
}

/// A server that a Gateway needs.
#[derive(Debug, Clone, PartialEq)]
struct Server {
    number: u16,
    name: String,
    protocol: &'static str,
    tls: Option<Value>,
}

impl Server {
    fn value(&self, hosts: &[String]) -> Value {
        let mut server = json!({"port": {"number": self.number, "name": self.name, "protocol": self.protocol}});
        if let Some(tls) = &self.tls {
            server["tls"] = tls.clone();
        }
        server["hosts"] = json!(hosts);
        server
    }

    /// True when both can be on one port: both plain HTTP, or both with TLS, told apart by names.
    fn shares(&self, server: Field<'_>) -> bool {
        let has_tls = |protocol: &str| matches!(protocol, "HTTPS" | "TLS");
        let is_http = |protocol: &str| matches!(protocol, "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB");
        let protocol = server.text_at(&["port", "protocol"]).to_ascii_uppercase();
        has_tls(&protocol) && has_tls(self.protocol) || is_http(&protocol) && is_http(self.protocol)
    }

    /// True when a server of a Gateway does the same.
    fn is_like(&self, server: Field<'_>) -> bool {
        let is_http = |protocol: &str| matches!(protocol, "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB");
        let protocol = server.text_at(&["port", "protocol"]).to_ascii_uppercase();
        let same = protocol == self.protocol || is_http(&protocol) && is_http(self.protocol);
        let part =
            |key: &str| self.tls.as_ref().and_then(|tls| tls.get(key)).and_then(Value::as_str).unwrap_or_default();
        let redirects = self.tls.as_ref().is_some_and(|tls| tls.get("httpsRedirect").is_some());
        same && ["mode", "credentialName"].iter().all(|key| server.text_at(&["tls", key]) == part(key))
            && server.at(&["tls", "httpsRedirect"]).is_some_and(|field| field.is_true()) == redirects
    }
}

/// The servers for a port: two where HTTP is sent to HTTPS.
fn servers(world: &World<'_>, candidate: &Candidate<'_>, opening: Opening<'_>) -> Vec<Server> {
    let options = &world.cx.options.exposed_service;
    let number = opening.number;
    let named = |word: &str, usual: u16| if number == usual { word.to_owned() } else { format!("{word}-{number}") };
    let credential = options.credential_name.as_deref();
    match (opening.way, credential) {
        (Way::Http | Way::Grpc, Some(template)) => {
            let mode = match options.tls_mode {
                TlsMode::Simple => "SIMPLE",
                TlsMode::Mutual => "MUTUAL",
                TlsMode::OptionalMutual => "OPTIONAL_MUTUAL",
            };
            let credential = candidate.fill(template).unwrap_or_else(|| template.to_owned());
            let name = named("https", options.https_port);
            let name = if credential == template { name } else { bounded(&format!("{name}-{}", candidate.name)) };
            let tls = json!({"mode": mode, "credentialName": credential});
            let https = Server { number, name, protocol: "HTTPS", tls: Some(tls) };
            // Clients are sent to the usual port.
            let redirects = options.https_redirect && number == options.https_port;
            let redirect = redirects.then(|| Server {
                number: options.http_port,
                name: "http".to_owned(),
                protocol: "HTTP",
                tls: Some(json!({"httpsRedirect": true})),
            });
            redirect.into_iter().chain([https]).collect()
        }
        (Way::Http, None) => {
            vec![Server { number, name: named("http", options.http_port), protocol: "HTTP", tls: None }]
        }
        (Way::Grpc, None) => {
            vec![Server { number, name: named("grpc", options.http_port), protocol: "HTTP2", tls: None }]
        }
        (Way::Passthrough, _) => {
            let name = named("tls", options.https_port);
            vec![Server { number, name, protocol: "TLS", tls: Some(json!({"mode": "PASSTHROUGH"})) }]
        }
        (Way::Tcp, _) => {
            let name = bounded(&format!("tcp-{}-{number}", candidate.name));
            vec![Server { number, name, protocol: "TCP", tls: None }]
        }
    }
}

/// The Gateways of the input that the Service may use: those that select the same pods, and that no other copy of the
/// Service is nearer to.
fn usable<'w>(
    world: &'w World<'_>,
    candidate: &'w Candidate<'_>,
    selector: &'w Selector,
) -> impl Iterator<Item = ResourceId> + 'w {
    let inventory = world.cx.inventory;
    inventory.of_kind("networking.istio.io", "Gateway").filter(move |id| {
        let same = selector::of_gateway(inventory, *id).is_some_and(|own| own == *selector);
        same && world.belongs_together(candidate, *id)
    })
}

/// A Gateway that leads all the hosts on the server's port to the Service's namespace already.
fn covering(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    selector: &Selector,
    server: &Server,
    hosts: &[String],
) -> Option<ResourceId> {
    if let GatewayMode::Existing(namespace, name) = &world.cx.options.exposed_service.mode {
        let gateway = world.named_gateway(candidate, "networking.istio.io", namespace, name)?;
        return covers(world, candidate, gateway, server, hosts).then_some(gateway);
    }
    usable(world, candidate, selector).find(|gateway| covers(world, candidate, *gateway, server, hosts))
}

fn covers(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    gateway: ResourceId,
    server: &Server,
    hosts: &[String],
) -> bool {
    let servers = servers_of(world, gateway);
    let mut like = servers.filter(|one| number_of(*one) == Some(server.number.into()) && server.is_like(*one));
    // A port that is passed on by its number alone belongs to one Service.
    server.protocol != "TCP"
        && like.any(|one| {
            hosts.iter().all(|host| {
                let has = one.get("hosts").into_iter().flat_map(Field::items).filter_map(|have| have.text());
                has.into_iter().any(|pattern| world.lets_in(candidate, gateway, pattern, host))
            })
        })
}

fn servers_of<'w>(world: &'w World<'_>, gateway: ResourceId) -> impl Iterator<Item = Field<'w>> {
    let servers = world.cx.inventory.root(gateway).and_then(|root| root.at(&["spec", "servers"]));
    servers.into_iter().flat_map(Field::items)
}

fn number_of(server: Field<'_>) -> Option<i64> {
    server.at(&["port", "number"])?.as_i64()
}

/// Where the servers go that no Gateway has.
enum Home {
    /// Into this Gateway of the input.
    There(ResourceId),
    /// Into one that is not in the input: somebody has to look there.
    Outside(String),
    /// Into a new one.
    New { namespace: Option<String>, name: String },
}

fn home(world: &World<'_>, candidate: &Candidate<'_>, selector: &Selector) -> Result<Home, String> {
    let options = &world.cx.options.exposed_service;
    let inventory = world.cx.inventory;
    if let GatewayMode::Existing(namespace, name) = &options.mode {
        let there = world.named_gateway(candidate, "networking.istio.io", namespace, name);
        return Ok(there.map_or_else(|| Home::Outside(format!("{namespace}/{name}")), Home::There));
    }
    let (namespace, name) = world.new_gateway(candidate)?;
    let is_home = |id: &ResourceId| match &namespace {
        Some(namespace) => inventory.placements(*id).iter().all(|place| place.namespace.as_ref() == Some(namespace)),
        None => world.stands_beside(candidate, *id),
    };
    let mut there: Vec<ResourceId> = usable(world, candidate, selector).filter(is_home).collect();
    let named = |id: &ResourceId| inventory.resource(*id).name.name == name;
    if options.mode == GatewayMode::PerService || options.gateway_name.is_some() {
        there.retain(named);
    }
    Ok(match there.iter().find(|id| named(id)).or(there.first()) {
        Some(gateway) => Home::There(*gateway),
        None => Home::New { namespace, name },
    })
}

/// Ports that the gateway's own Service must have: all but the usual ones, and those that it has in the files.
pub(super) fn closed_ports(world: &World<'_>, selector: &Selector, openings: &[Opening<'_>]) -> Option<String> {
    let options = &world.cx.options.exposed_service;
    let is_usual = |number: u16| number == options.http_port || number == options.https_port;
    let is_open = |number: u16| selector::target_port(world.cx.inventory, selector, number).is_some();
    let closed: Vec<String> = openings
        .iter()
        .map(|opening| opening.number)
        .filter(|number| !is_usual(*number) && !is_open(*number))
        .map(|number| number.to_string())
        .collect();
    (!closed.is_empty()).then(|| format!("the gateway's own Service needs port {} too", closed.join(" and ")))
}

/// Adds servers to a Gateway, or hosts to those that it has.
fn widen(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    gateway: ResourceId,
    missing: &[Server],
    hosts: &[String],
    change: &mut Change,
) -> Result<Vec<String>, String> {
    let inventory = world.cx.inventory;
    let owner = inventory.resource(gateway).name.clone();
    let spec = inventory.root(gateway).and_then(|root| root.get("spec")).ok_or("the Gateway has no `spec`")?;
    let own = owner.namespace == candidate.written_namespace;
    check_namespace(candidate, own)?;
    let hosts = prefixed(candidate, own, hosts);
    let mut done = Vec::new();
    for server in missing {
        let same_port = || servers_of(world, gateway).filter(|one| number_of(*one) == Some(server.number.into()));
        match same_port().find(|one| server.is_like(*one)) {
            Some(_) if server.protocol == "TCP" => {
                return Err(format!(
                    "Gateway `{}` passes port {} on already, and only one Service can have it: give this one another by `rules.exposed-service.portMap`",
                    owner.name, server.number
                ));
            }
            Some(there) => {
                hosts.iter().for_each(|host| change.push(there, &["hosts"], host.as_str()));
                done.push(format!(
                    "add `{}` to port {} of Gateway `{}`",
                    hosts.join("`, `"),
                    server.number,
                    owner.name
                ));
            }
            None => {
                if let Some(other) = same_port().find(|one| !server.shares(*one)) {
                    return Err(format!(
                        "port {} of Gateway `{}` is {} already: give the Service another one by `rules.exposed-service.portMap`",
                        server.number,
                        owner.name,
                        other.text_at(&["port", "protocol"])
                    ));
                }
                let mut server = server.clone();
                let is_taken =
                    |name: &str| servers_of(world, gateway).any(|one| one.text_at(&["port", "name"]) == name);
                if is_taken(&server.name) {
                    server.name = bounded(&format!("{}-{}", server.name, candidate.name));
                }
                change.push(spec, &["servers"], server.value(&hosts));
                // Two of the same port would be two servers.
                let key = format!("server:{}", server.number);
                change.premises.push(Premise::Claim { owner: owner.clone(), key });
                done.push(format!("open port {} of Gateway `{}`", server.number, owner.name));
            }
        }
    }
    Ok(done)
}

/// Hosts with the namespace whose VirtualServices may use them: `.` where that is the Gateway's own and not written.
fn prefixed(candidate: &Candidate<'_>, own: bool, hosts: &[String]) -> Vec<String> {
    let namespace = match (&candidate.written_namespace, &candidate.namespace) {
        (Some(namespace), _) => namespace.as_str(),
        (None, Some(namespace)) if !own => namespace.as_str(),
        _ => ".",
    };
    hosts.iter().map(|host| format!("{namespace}/{host}")).collect()
}

/// A Gateway in another namespace has to say which namespace's VirtualServices it takes.
fn check_namespace(candidate: &Candidate<'_>, own: bool) -> Result<(), String> {
    if own || candidate.namespace.is_some() {
        return Ok(());
    }
    Err("its namespace is not known, and the Gateway is in another one that has to name it: write it".to_owned())
}

/// How a VirtualService beside the Service names a Gateway.
fn reference(world: &World<'_>, candidate: &Candidate<'_>, gateway: ResourceId) -> Reference {
    let name = &world.cx.inventory.resource(gateway).name;
    Reference(match &name.namespace {
        Some(namespace) if candidate.written_namespace.as_ref() != Some(namespace) => {
            format!("{namespace}/{}", name.name)
        }
        _ => name.name.clone(),
    })
}
