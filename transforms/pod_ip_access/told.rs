//! Addresses of pods that programs are told: in variables, command lines and ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};

use super::{PodIpAccess, Whose, explained, whose};
use crate::manifest::{AddressUse, Field, Host, NodeId, ResourceId, Workload, name_words, pod_of};
use crate::rule::{Context, Finding, Level};

/// Words in names of settings whose addresses nobody calls.
const NO_CALL: &[&str] = &[
    "allow",
    "allowlist",
    "apiserver",
    "bind",
    "bip",
    "block",
    "blocklist",
    "cidr",
    "cidrs",
    "deny",
    "denied",
    "dns",
    "except",
    "exclude",
    "exempt",
    "forbidden",
    "ignore",
    "ips",
    "kube",
    "kubernetes",
    "listen",
    "mask",
    "nameserver",
    "nameservers",
    "netmask",
    "network",
    "networks",
    "noproxy",
    "permit",
    "pool",
    "pools",
    "proxies",
    "range",
    "ranges",
    "resolver",
    "resolvers",
    "route",
    "routes",
    "skip",
    "subnet",
    "subnets",
    "trusted",
    "version",
    "whitelist",
];

/// Last words of names of settings that give a host to call.
const CALL: &[&str] = &[
    "addr",
    "address",
    "addresses",
    "backend",
    "backends",
    "broker",
    "brokers",
    "endpoint",
    "endpoints",
    "host",
    "hosts",
    "hostname",
    "master",
    "peers",
    "seeds",
    "server",
    "servers",
    "target",
    "targets",
    "upstream",
    "upstreams",
    "uri",
    "url",
];

/// Ports of the node itself and of DNS: what answers there is no pod behind a Service.
const NO_SERVICE_PORTS: &[u16] = &[22, 53, 2049, 6443, 10250];

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for workload in cx.inventory.workloads() {
        let uses = cx.inventory.addresses_of(workload);
        // One text is one thing to change: by its place and its setting.
        let mut found: BTreeMap<(NodeId, &str), Vec<(&AddressUse, Kind)>> = BTreeMap::new();
        for usage in uses.iter() {
            if let Some(kind) = kind(cx, workload, usage) {
                found.entry((usage.at, &usage.setting)).or_default().push((usage, kind));
            }
        }
        if found.is_empty() || !cx.inventory.is_checked(workload) {
            continue;
        }
        let places = found.into_values().filter(|uses| {
            let (first, _) = uses[0];
            seen.insert((first.at, first.address.range.start))
        });
        findings.extend(places.filter_map(|uses| finding(cx, workload, &uses)));
    }
}

/// What an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An address of a pod, or of somebody.
    Address(Whose),
    /// A pod's name in DNS.
    Name,
    /// The address of a Service in the cluster.
    Service(ResourceId),
}

fn kind(cx: &Context<'_>, workload: Workload<'_>, usage: &AddressUse) -> Option<Kind> {
    let ip = match &usage.address.host {
        Host::Ip(ip) => *ip,
        Host::Name(name) => return pod_of(name).map(|_| Kind::Name),
        Host::Variable(_) => return None,
    };
    if !is_called(usage) || is_node_port(usage) {
        return None;
    }
    let holder = usage.holder(workload.id);
    if let Some(service) = cx.inventory.service_of_cluster_ip(holder, ip) {
        return Some(Kind::Service(service));
    }
    let whose = whose(cx, ip)?;
    let is_certain = whose == Whose::Pod || !is_machine(usage);
    is_certain.then_some(Kind::Address(whose))
}

/// True for an address that the program calls, by its own form and by the name of its setting.
fn is_called(usage: &AddressUse) -> bool {
    let words = name_words(&usage.setting);
    let joined = words.concat();
    let is_url = usage.address.port.is_some() || !usage.address.scheme.is_empty();
    let says_no = words.iter().any(|word| NO_CALL.contains(&word.as_str()))
        || ["httpproxy", "httpsproxy", "noproxy", "allproxy"].iter().any(|name| joined.contains(name));
    let says_host = words.last().is_some_and(|last| CALL.contains(&last.as_str()));
    !says_no && !usage.is_for_outside() && (is_url || says_host)
}

/// True where the port is one that Services get on nodes: `node-port-access` has it.
fn is_node_port(usage: &AddressUse) -> bool {
    usage.address.port.is_some_and(|port| (30_000..=32_767).contains(&port))
}

/// True for what is rather a machine's.
fn is_machine(usage: &AddressUse) -> bool {
    usage.address.port.is_some_and(|port| NO_SERVICE_PORTS.contains(&port))
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, uses: &[(&AddressUse, Kind)]) -> Option<Finding> {
    let (usage, kind) = uses.iter().find(|(_, kind)| !matches!(kind, Kind::Service(_))).or(uses.first())?;
    let field = cx.inventory.field(usage.at)?;
    let address = text_of(field, usage)?;
    let more = match uses.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let place = match usage.setting.as_str() {
        "" => format!("`{address}`{more}"),
        name => format!("`{address}`{more} in `{name}`"),
    };
    let message = match kind {
        Kind::Address(Whose::Pod) if uses.len() > 1 => format!("{place} are addresses of pods"),
        Kind::Address(Whose::Pod) => format!("{place} is the address of a pod"),
        Kind::Address(Whose::Private) if uses.len() > 1 => {
            format!("{place} are private addresses instead of a Service's name")
        }
        Kind::Address(Whose::Private) => format!("{place} is a private address instead of a Service's name"),
        Kind::Name => format!("{place} is the name of a single pod by its address"),
        Kind::Service(service) => {
            format!("{place} is the cluster address of Service `{}`", cx.inventory.resource(*service).name.name)
        }
    };
    let mut finding = Finding::of(&PodIpAccess::META, cx.inventory, usage.holder(workload.id), field, message);
    finding.at = field.loc_of(usage.address.range.clone());
    Some(match kind {
        Kind::Address(whose) => explained(finding, *whose),
        Kind::Name => explained(finding, Whose::Pod),
        Kind::Service(service) => {
            let host = cx.inventory.host_of_service(*service, usage.holder(workload.id));
            let host = host.unwrap_or_else(|| cx.inventory.resource(*service).name.name.clone());
            finding.level(Level::Info).help(format!(
                "the mesh knows this address, but it changes when the Service is made again; call `{host}`"
            ))
        }
    })
}

fn text_of<'f>(field: Field<'f>, usage: &AddressUse) -> Option<&'f str> {
    field.text()?.get(usage.address.range.clone())
}
