//! The public names of exposed Services: from the manifests or the configuration, never invented.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::config::is_host;
use crate::manifest::{Inventory, RouteKind};

/// The annotation that gives a Service its public names.
const OWN: &str = "meshfix.dev/host";

/// The annotation by which external-dns publishes a Service's address.
pub(super) const EXTERNAL_DNS: &str = "external-dns.alpha.kubernetes.io/hostname";

/// The public names of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hosts {
    /// These, in order.
    Known(Vec<String>),
    /// None, and what to do.
    Missing(String),
}

/// Gives each candidate its public names.
pub(super) fn fill(inventory: &Inventory<'_>, candidates: &mut [Candidate<'_>]) {
    let options = &inventory.options().exposed_service;
    for candidate in candidates.iter_mut() {
        candidate.hosts = own(inventory, candidate);
    }
    let waiting: Vec<usize> = (0..candidates.len()).filter(|i| is_missing(&candidates[*i])).collect();
    if options.hosts.is_empty() {
        return;
    }
    let number = waiting.len();
    for i in waiting {
        candidates[i].hosts = if number == 1 {
            Hosts::Known(options.hosts.clone())
        } else {
            Hosts::Missing(format!(
                "{number} Services would share `rules.exposed-service.hosts`: give each its own name by the annotation `{OWN}` or `hostTemplate`"
            ))
        };
    }
}

fn is_missing(candidate: &Candidate<'_>) -> bool {
    matches!(candidate.hosts, Hosts::Missing(_))
}

/// The names that a Service has by itself or by the template.
fn own(inventory: &Inventory<'_>, candidate: &Candidate<'_>) -> Hosts {
    for annotation in [OWN, EXTERNAL_DNS] {
        let names = list(candidate.annotation(annotation));
        if !names.is_empty() {
            return known(inventory, names, &format!("its annotation `{annotation}`"));
        }
    }
    let ingresses = inventory.routes_to(candidate.id);
    let ingresses = ingresses.iter().filter(|route| route.kind == RouteKind::Ingress && route.is_certain);
    let names: BTreeSet<String> = ingresses
        .flat_map(|route| route.hosts())
        .filter_map(|host| host.text())
        .filter(|host| !host.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if !names.is_empty() {
        return known(inventory, names.into_iter().collect(), "an Ingress");
    }
    let Some(template) = &inventory.options().exposed_service.host_template else {
        return Hosts::Missing(format!(
            "give it a public name, by the annotation `{OWN}` or by `rules.exposed-service.hostTemplate`, and meshfix writes the Gateway and the route"
        ));
    };
    match candidate.fill(template) {
        Some(name) => known(inventory, vec![name], "`rules.exposed-service.hostTemplate`"),
        None => Hosts::Missing(format!(
            "its namespace is not known, which `hostTemplate: {template}` needs: write it, or give a name by the annotation `{OWN}`"
        )),
    }
}

fn known(inventory: &Inventory<'_>, names: Vec<String>, from: &str) -> Hosts {
    let is_public = |name: &str| is_host(name) && name != "*" && !inventory.is_cluster_host(name);
    match names.iter().find(|name| !is_public(name)) {
        Some(name) => Hosts::Missing(format!("`{name}` from {from} is no public name that a Gateway takes")),
        None => Hosts::Known(names),
    }
}

fn list(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',').map(|name| name.trim().trim_end_matches('.')).filter(|name| !name.is_empty()) {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
