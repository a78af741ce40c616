//! Hosts that Istio's resources name: which Services and ServiceEntries they mean.

use std::collections::HashSet;

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;

/// A host as Istio's resources write it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// The Service that it would name, and the namespace where it says one.
    service: String,
    namespace: Option<String>,
}

/// Hosts that the mesh is told of; `*.example.com` covers all that end so.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts(HashSet<String>);

impl Inventory<'_> {
    /// The Services that a host in a resource names: by its short name in the resource's own namespace, or with a
    /// namespace and the cluster's domain behind it. The nearest ones of that name.
    pub fn services_of_host(&self, asker: ResourceId, host: &str) -> Vec<ResourceId> {
        let Some(host) = self.service_host(host) else { return Vec::new() };
        let is_there = |id: &ResourceId| match &host.namespace {
            None => self.share_a_namespace(*id, asker),
            Some(namespace) => self.may_be_in(*id, namespace),
        };
        let named: Vec<ResourceId> = self.services_named(&host.service).iter().copied().filter(is_there).collect();
        self.nearest(asker, &named)
    }

    /// The hosts of all ServiceEntries.
    pub fn service_entry_hosts(&self) -> KnownHosts {
        let hosts = |id: ResourceId| self.root(id)?.at(&["spec", "hosts"]);
        let lists = self.of_kind("networking.istio.io", "ServiceEntry").filter_map(hosts);
        KnownHosts(lists.flat_map(Field::items).filter_map(|host| host.as_str()).map(normal).collect())
    }

    /// True for the full name of a Service of the cluster.
    pub fn is_full_cluster_host(&self, host: &str) -> bool {
        let name = normal(host);
        name.ends_with(".svc") || name.ends_with(&format!(".svc.{}", self.options().cluster_domain))
    }

    fn may_be_in(&self, id: ResourceId, namespace: &str) -> bool {
        self.placements(id).iter().any(|placement| placement.namespace.as_deref().is_none_or(|own| own == namespace))
    }

    /// A host as a Service's; `None` for one that can't be, as `*.example.com`.
    fn service_host(&self, host: &str) -> Option<Host> {
        let name = normal(host);
        let domain = format!(".svc.{}", self.options().cluster_domain);
        let short = name.strip_suffix(&domain).or_else(|| name.strip_suffix(".svc")).unwrap_or(&name);
        let mut parts = short.split('.');
        let (service, namespace) = (parts.next()?.to_owned(), parts.next().map(str::to_owned));
        (parts.next().is_none() && !service.is_empty() && service != "*").then_some(Host { service, namespace })
    }
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

impl KnownHosts {
    /// True when one of them is or covers this host.
    pub fn has(&self, host: &str) -> bool {
        self.0.contains("*") || self.names(host)
    }

    /// The same without an entry for all hosts, which says nothing of any of them.
    pub fn names(&self, host: &str) -> bool {
        let host = normal(host);
        let covering = host.match_indices('.').map(|(at, _)| format!("*{}", &host[at..]));
        host != "*" && self.0.contains(&host) || covering.into_iter().any(|host| self.0.contains(&host))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inventory, SourceFile};
    use crate::config::Options;

    #[test]
    fn hosts_name_services_by_their_short_and_full_names() {
        let text = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes, namespace: shop}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partners, namespace: shop}
spec: {hosts: ['*.example.com', api.example.org]}
";
        let files = [SourceFile::read("a.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let ids: Vec<_> = inventory.ids().collect();
        let named = |host: &str| inventory.services_of_host(ids[2], host);
        for host in ["web", "web.shop", "web.shop.svc", "Web.shop.svc.cluster.local", "web.shop.svc.cluster.local."] {
            assert_eq!(named(host), [ids[0]], "{host}");
        }
        assert_eq!(named("web.other.svc"), [ids[1]]);
        for host in ["db", "web.third", "*", "*.example.com", "web.shop.example.com", "10.0.0.1"] {
            assert!(named(host).is_empty(), "{host}");
        }
        let known = inventory.service_entry_hosts();
        for (host, expected) in [
            ("API.example.org", true),
            ("pay.example.com.", true),
            ("a.pay.example.com", true),
            ("example.com", false),
            ("web.shop.svc.cluster.local", false),
        ] {
            assert_eq!(known.has(host), expected, "{host}");
        }
        assert!(inventory.is_full_cluster_host("web.shop.svc.cluster.local"));
        assert!(!inventory.is_full_cluster_host("pay.example.com"));
    }
}
