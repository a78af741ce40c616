//! Addresses that stand in resources of their own kind: aliases of hosts, endpoints, and routes.

use core::net::IpAddr;

use super::{PodIpAccess, Whose, explained, whose};
use crate::manifest::{Field, Inventory, ResourceId, Workload};
use crate::rule::{Context, Finding};

/// An address with the place where it is written.
type Address<'a> = (Field<'a>, IpAddr, Whose);

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    for workload in cx.inventory.workloads() {
        findings.extend(aliases(cx, workload));
    }
    let resources = |group: &'static str, kind: &'static str| cx.inventory.of_kind(group, kind);
    for id in resources("", "Endpoints").chain(resources("discovery.k8s.io", "EndpointSlice")) {
        findings.extend(endpoints(cx, id));
    }
    for id in resources("networking.istio.io", "VirtualService") {
        findings.extend(destinations(cx, id));
    }
    for id in resources("networking.istio.io", "ServiceEntry") {
        findings.extend(entries(cx, id));
    }
}

/// The addresses of pods in texts, those of the configured blocks first.
fn found<'a>(cx: &Context<'_>, texts: impl Iterator<Item = Field<'a>>) -> Vec<Address<'a>> {
    let address = |field: Field<'a>| {
        let ip: IpAddr = field.text()?.parse().ok()?;
        Some((field, ip, whose(cx, ip)?))
    };
    texts.filter_map(address).collect()
}

/// With the places of all addresses but the first.
fn with_others(finding: Finding, others: &[Address<'_>]) -> Finding {
    others.iter().fold(finding, |finding, (field, ip, _)| finding.related(*field, format!("`{ip}`")))
}

fn aliases(cx: &Context<'_>, workload: Workload<'_>) -> Option<Finding> {
    let aliases = workload.pod.get("hostAliases")?;
    let found = found(cx, aliases.items().filter_map(|alias| alias.get("ip")));
    let (field, ip, whose) = *found.first()?;
    if !cx.inventory.is_checked(workload) {
        return None;
    }
    let alias = aliases.items().find(|alias| alias.get("ip").is_some_and(|ip| ip.id() == field.id()))?;
    let names: Vec<&str> =
        alias.get("hostnames").into_iter().flat_map(Field::items).filter_map(|name| name.text()).collect();
    let message = format!("`hostAliases` gives `{}` the address `{ip}`", names.join("`, `"));
    let finding = Finding::new(&PodIpAccess::META, workload, field, message);
    Some(explained(with_others(finding, &found[1..]), whose))
}

/// Endpoints that somebody wrote. Those that a controller makes are not for people to change.
fn endpoints(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let root = cx.inventory.root(id)?;
    let metadata = root.get("metadata")?;
    let labels = metadata.get("labels");
    let manager = labels.map_or("", |labels| labels.text_at(&["endpointslice.kubernetes.io/managed-by"]));
    let is_made = metadata.get("ownerReferences").is_some()
        || manager.ends_with(".k8s.io")
        || metadata.at(&["annotations", "endpoints.kubernetes.io/last-change-trigger-time"]).is_some();
    if is_made || is_ignored(cx.inventory, id) {
        return None;
    }
    let subsets = root.get("subsets").into_iter().flat_map(Field::items).filter_map(|subset| subset.get("addresses"));
    let old = subsets.flat_map(Field::items).filter_map(|address| address.get("ip"));
    let slices = root.get("endpoints").into_iter().flat_map(Field::items).filter_map(|one| one.get("addresses"));
    let found = found(cx, old.chain(slices.flat_map(Field::items)));
    let (field, ip, whose) = *found.first()?;
    let service = labels.map_or("", |labels| labels.text_at(&["kubernetes.io/service-name"]));
    let service = if service.is_empty() { &cx.inventory.resource(id).name.name } else { service };
    let message = format!("the endpoints of Service `{service}` have the fixed address `{ip}`");
    let finding = Finding::of(&PodIpAccess::META, cx.inventory, id, field, message);
    Some(explained(with_others(finding, &found[1..]), whose))
}

fn is_ignored(inventory: &Inventory<'_>, id: ResourceId) -> bool {
    let mut namespaces = inventory.placements(id).iter().filter_map(|placement| placement.namespace.as_deref());
    namespaces.any(|namespace| inventory.is_ignored_namespace(namespace))
}

/// Routes to an address: a host there must be one that the mesh knows.
fn destinations(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let spec = cx.inventory.root(id)?.get("spec")?;
    let rules = ["http", "tls", "tcp"].into_iter().filter_map(|kind| spec.get(kind)).flat_map(Field::items);
    let routes = rules.filter_map(|rule| rule.get("route")).flat_map(Field::items);
    let mut hosts = routes.filter_map(|route| route.at(&["destination", "host"]));
    let host = hosts.find(|host| host.text().is_some_and(|host| host.parse::<IpAddr>().is_ok()))?;
    let message = format!("the route leads to the address `{}`", host.text()?);
    let help = "a destination is the name of a Service or of a ServiceEntry's host; to an address the mesh has no way, and such requests are answered with 503";
    Some(Finding::of(&PodIpAccess::META, cx.inventory, id, host, message).help(help))
}

/// Entries of the mesh's own registry, as far as the configuration says that pods have the addresses.
fn entries(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let endpoints = cx.inventory.root(id)?.at(&["spec", "endpoints"])?;
    let found = found(cx, endpoints.items().filter_map(|endpoint| endpoint.get("address")));
    let of_pods: Vec<Address<'_>> = found.into_iter().filter(|(.., whose)| *whose == Whose::Pod).collect();
    let (field, ip, whose) = *of_pods.first()?;
    let message = format!("the ServiceEntry has the address `{ip}` of a pod");
    let finding = Finding::of(&PodIpAccess::META, cx.inventory, id, field, message);
    Some(explained(with_others(finding, &of_pods[1..]), whose))
}
