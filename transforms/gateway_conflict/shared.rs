//! What Gateways of one cluster have in common: hosts at a port, and certificates.

use std::collections::{BTreeSet, HashMap};

use crate::manifest::{Field, GatewayServer, Inventory, IstioGateway, ResourceId, Scope};

/// What two servers may have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Group<'a> {
    /// A port, the address that it is bound to, and the name of a host.
    Host(i64, &'a str, &'a str),
    /// The Secret, or the file, with a certificate.
    Certificate(&'a str),
}

/// A server that is in a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Its Gateway, by place in the list.
    pub(super) gateway: usize,
    pub(super) server: GatewayServer<'a>,
    /// What puts it there.
    pub(super) field: Field<'a>,
}

/// The servers of all Gateways, by what they have and by the scopes that they come from.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    scopes: Vec<Vec<Scope<'a>>>,
    names: Vec<(Option<&'a str>, &'a str)>,
    entries: HashMap<(Scope<'a>, Group<'a>), Vec<Entry<'a>>>,
    by_id: HashMap<ResourceId, usize>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(inventory: &'a Inventory<'a>, gateways: &[IstioGateway<'a>]) -> Groups<'a> {
        let mut groups =
            Groups { scopes: Vec::new(), names: Vec::new(), entries: HashMap::new(), by_id: HashMap::new() };
        let mut scopes_of = inventory.scopes_of_kind("networking.istio.io", "Gateway");
        for (gateway, one) in gateways.iter().enumerate() {
            let scopes: Vec<Scope<'a>> = scopes_of.remove(&one.id).into_iter().flatten().collect();
            for server in one.servers() {
                let mut add = |group: Group<'a>, field: Field<'a>| {
                    for scope in &scopes {
                        let entry = Entry { gateway, server, field };
                        groups.entries.entry((*scope, group.clone())).or_default().push(entry);
                    }
                };
                if let Some(number) = server.number() {
                    let bind = server.field.text_at(&["bind"]);
                    server.hosts().for_each(|host| add(Group::Host(number, bind, dns_name(host)), host));
                }
                certificates(server).for_each(|(name, field)| add(Group::Certificate(name), field));
            }
            let name = &inventory.resource(one.id).name;
            groups.scopes.push(scopes);
            groups.names.push((name.namespace.as_deref(), name.name.as_str()));
            groups.by_id.insert(one.id, gateway);
        }
        groups
    }

    /// Servers of other Gateways in the same group and a common scope, one of each, at most one more than `most`.
    pub(super) fn others(
        &self,
        gateway: &IstioGateway<'a>,
        group: &Group<'a>,
        most: usize,
        is_meant: impl Fn(&Entry<'a>) -> bool,
    ) -> Vec<&Entry<'a>> {
        let mut found: Vec<&Entry<'a>> = Vec::new();
        let Some(own) = self.by_id.get(&gateway.id) else { return found };
        for scope in &self.scopes[*own] {
            let entries = self.entries.get(&(*scope, group.clone())).into_iter().flatten();
            // A second file with the same name and namespace is another state of the same Gateway.
            let is_other = |entry: &&Entry<'a>| self.names[entry.gateway] != self.names[*own];
            for entry in entries.filter(is_other) {
                if found.len() > most {
                    return found;
                }
                if found.iter().all(|have| have.gateway != entry.gateway) && is_meant(entry) {
                    found.push(entry);
                }
            }
        }
        found
    }
}

/// The name of a host without the namespace in front of it.
pub(super) fn dns_name<'a>(host: Field<'a>) -> &'a str {
    let text = host.text().unwrap_or_default();
    text.split_once('/').map_or(text, |(_, name)| name)
}

/// The names of all hosts of a server, in the order of the alphabet.
pub(super) fn dns_names<'a>(server: GatewayServer<'a>) -> BTreeSet<&'a str> {
    server.hosts().map(dns_name).collect()
}

/// True when one VirtualService could bind both hosts: each may stand behind the namespace that it is for.
pub(super) fn share_a_namespace(
    inventory: &Inventory<'_>,
    (one, host): (&IstioGateway<'_>, Field<'_>),
    (other, there): (&IstioGateway<'_>, Field<'_>),
) -> bool {
    let namespace = |gateway: &IstioGateway<'_>, host: Field<'_>| -> Option<String> {
        match host.text().unwrap_or_default().split_once('/').map_or("*", |(namespace, _)| namespace) {
            "*" => None,
            "." => Some(inventory.resource(gateway.id).name.namespace.clone().unwrap_or_default()),
            namespace => Some(namespace.to_owned()),
        }
    };
    match (namespace(one, host), namespace(other, there)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// The certificates that a server ends TLS with: Secrets, or files of the gateway's pods.
pub(super) fn certificates<'a>(server: GatewayServer<'a>) -> impl Iterator<Item = (&'a str, Field<'a>)> {
    let tls = server.field.get("tls");
    let is_ended = tls.is_some_and(|tls| matches!(tls.text_at(&["mode"]), "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL"));
    let tls = tls.filter(|_| is_ended);
    let several = tls.and_then(|tls| tls.get("credentialNames")).into_iter().flat_map(Field::items);
    let one = tls.and_then(|tls| tls.get("credentialName").or_else(|| tls.get("serverCertificate")));
    one.into_iter().chain(several).filter_map(|field| Some((field.text().filter(|text| !text.is_empty())?, field)))
}
