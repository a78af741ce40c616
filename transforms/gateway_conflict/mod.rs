mod shared;

use std::collections::HashSet;

use crate::manifest::{Field, GatewayServer, IstioGateway, ResourceId, ResourceName};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;
use shared::{Entry, Group, Groups};

transform! {
    /// Flags Istio Gateways that get in each other's way, and ports that their Service does not have.
    ///
    /// ## Why
    /// A Gateway is configuration for pods that its selector asks for, and all Gateways of the same pods are put together.
    /// Three things go wrong there. Two Gateways have the same port with the same host: which of them counts is not
    /// defined. Two Gateways have the same certificate: browsers use one HTTP/2 connection for all names of a
    /// certificate, so requests for the second one's host reach the first one and get a 404. A server's port is not among
    /// those of the Service in front of the pods, so nobody can reach it.
    ///
    /// Compared are Gateways that come into one cluster: by one kustomization, from one folder or stream, or from the folder
    /// of a declared cluster. The Service is the nearest one that selects the Gateway's pods; where it is not in the
    /// files, nothing is said of ports.
    ///
    /// ## Fix
    /// None: who owns a host, and how the gateway is installed, is for people to say. Put the servers of one host
    /// into one Gateway, give each host its own certificate or all of them one server, and add the port to the gateway's
    /// Service, as the snippet shows.
    ///
    /// ## Safety
    /// Reports only. What belongs to the mesh, like the gateway's Service and its pods, is never changed.
    GatewayConflict, "gateway-conflict", "Gateways of the same pods must agree, and their ports be open",
    level: Level::Error, after: &["exposed-service"], istio: Some("IST0145"), safety: None,
    example: include_str!("../../testdata/gateway-conflict/same-host/findings.txt"),
}

/// Gateways that a message names; others are counted.
const MOST_NAMED: usize = 3;

impl Transform for GatewayConflict {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let gateways = cx.inventory.istio_gateways();
        if gateways.is_empty() {
            return;
        }
        let groups = Groups::new(cx.inventory, &gateways);
        for (at, gateway) in gateways.iter().enumerate() {
            let mut certificates = HashSet::new();
            for server in gateway.servers() {
                findings.extend(same_host(cx, &gateways, &groups, at, server));
                for (name, field) in shared::certificates(server) {
                    if certificates.insert(name) {
                        findings.extend(same_certificate(cx, &gateways, &groups, (at, server), name, field));
                    }
                }
            }
        }
        ports(cx, &gateways, findings);
    }
}

/// The hosts of a server that other Gateways of the same pods have at its port.
fn same_host(
    cx: &Context<'_>,
    gateways: &[IstioGateway<'_>],
    groups: &Groups<'_>,
    at: usize,
    server: GatewayServer<'_>,
) -> Option<Finding> {
    let gateway = &gateways[at];
    let number = server.number()?;
    let mut taken = Vec::new();
    let mut others: Vec<&Entry<'_>> = Vec::new();
    for host in server.hosts() {
        let group = Group::Host(number, server.field.text_at(&["bind"]), shared::dns_name(host));
        let found = groups.others(gateway, &group, MOST_NAMED, |entry| {
            let other = &gateways[entry.gateway];
            gateway.shares_pods_with(other)
                && shared::share_a_namespace(cx.inventory, (gateway, host), (other, entry.field))
        });
        if !found.is_empty() {
            taken.push(host);
            for entry in found {
                if others.iter().all(|have| have.gateway != entry.gateway) {
                    others.push(entry);
                }
            }
        }
    }
    let first = taken.first()?;
    let hosts: Vec<String> = taken.iter().map(|host| format!("`{}`", host.text().unwrap_or_default())).collect();
    let noun = if hosts.len() == 1 { "host" } else { "hosts" };
    let message = format!(
        "port {number} with {noun} {} is in {} too, for the same pods",
        hosts.join(", "),
        names(cx, gateways, &others)
    );
    let mut finding = Finding::of(&GatewayConflict::META, cx.inventory, gateway.id, *first, message).help(
        "which of the servers counts is not defined: keep the host in one Gateway, and let the VirtualServices of both bind to that",
    );
    for entry in others.iter().take(MOST_NAMED) {
        finding =
            finding.related(entry.field, format!("port {number} with this host in {}", name(cx, gateways, entry)));
    }
    Some(finding)
}

/// A certificate that another Gateway has for other hosts, at pods that this Gateway has too.
fn same_certificate(
    cx: &Context<'_>,
    gateways: &[IstioGateway<'_>],
    groups: &Groups<'_>,
    (at, server): (usize, GatewayServer<'_>),
    certificate: &str,
    field: Field<'_>,
) -> Option<Finding> {
    let gateway = &gateways[at];
    let own = shared::dns_names(server);
    let others = groups.others(gateway, &Group::Certificate(certificate), MOST_NAMED, |entry| {
        // The same hosts are a conflict of their own.
        gateway.has_pods_of(&gateways[entry.gateway]) && shared::dns_names(entry.server) != own
    });
    if others.is_empty() {
        return None;
    }
    let message = format!("certificate `{certificate}` is in {} too, for other hosts", names(cx, gateways, &others));
    let mut finding = Finding::of(&GatewayConflict::META, cx.inventory, gateway.id, field, message)
        .level(Level::Warning)
        .help(
            "browsers send requests for all its names over one HTTP/2 connection, and those for the other Gateway's hosts get a 404: put the hosts into one server, or give each its own certificate",
        );
    finding.istio = Some("IST0138");
    for entry in others.iter().take(MOST_NAMED) {
        finding = finding.related(entry.field, format!("the certificate in {}", name(cx, gateways, entry)));
    }
    Some(finding)
}

/// Ports of servers that the Services of their pods do not have.
fn ports(cx: &Context<'_>, gateways: &[IstioGateway<'_>], findings: &mut Vec<Finding>) {
    let services = cx.inventory.services_by_selector();
    for gateway in gateways {
        let Some(ports) = cx.inventory.gateway_ports(gateway, &services) else { continue };
        let mut seen = HashSet::new();
        for server in gateway.servers() {
            let Some(number) = server.number() else { continue };
            if ports.may_have(number) || !seen.insert(number) {
                continue;
            }
            let called = |id: &ResourceId| format!("`{}`", called(&cx.inventory.resource(*id).name));
            let message = match ports.services.as_slice() {
                [only] => format!(
                    "port {number} is not among those of Service {}, which leads to the Gateway's pods",
                    called(only)
                ),
                [first, others @ ..] => format!(
                    "port {number} is not among those of Service {} and {} more, which lead to the Gateway's pods",
                    called(first),
                    others.len()
                ),
                [] => continue,
            };
            let mut finding = Finding::of(&GatewayConflict::META, cx.inventory, gateway.id, server.port, message)
                .level(Level::Warning)
                .help("as far as these files show, nobody reaches this server: add the port where the gateway is installed, or use one that it has")
                .snippet(format!(
                    "ports:\n  - name: {}\n    port: {number}\n    protocol: TCP",
                    port_name(server, number)
                ));
            finding.istio = Some("IST0162");
            for service in ports.services.iter().take(MOST_NAMED) {
                let root = cx.inventory.root(*service);
                let place =
                    root.and_then(|root| root.at(&["spec", "ports"]).or_else(|| root.at(&["metadata", "name"])));
                if let Some(place) = place {
                    finding = finding.related(place, "the ports of the gateway's Service");
                }
            }
            findings.push(finding);
        }
    }
}

/// A name for a new port of the gateway's Service.
fn port_name(server: GatewayServer<'_>, number: i64) -> String {
    let word = match server.field.text_at(&["port", "protocol"]).to_ascii_lowercase().as_str() {
        "" => "tcp".to_owned(),
        word => word.to_owned(),
    };
    format!("{word}-{number}")
}

fn name(cx: &Context<'_>, gateways: &[IstioGateway<'_>], entry: &Entry<'_>) -> String {
    format!("Gateway `{}`", called(&cx.inventory.resource(gateways[entry.gateway].id).name))
}

/// The Gateways of entries, as a person lists them.
fn names(cx: &Context<'_>, gateways: &[IstioGateway<'_>], entries: &[&Entry<'_>]) -> String {
    let name = |entry: &&Entry<'_>| format!("`{}`", called(&cx.inventory.resource(gateways[entry.gateway].id).name));
    let named: Vec<String> = entries.iter().take(MOST_NAMED).map(name).collect();
    match named.split_last() {
        Some((one, [])) => format!("Gateway {one}"),
        Some(_) if entries.len() > MOST_NAMED => format!("Gateways {} and others", named.join(", ")),
        Some((last, others)) => format!("Gateways {} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn called(name: &ResourceName) -> String {
    match &name.namespace {
        Some(namespace) => format!("{namespace}/{}", name.name),
        None => name.name.clone(),
    }
}
