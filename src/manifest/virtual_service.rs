//! Istio's VirtualServices: which are for calls inside the mesh, and which a program changes while it rolls out.

use std::collections::{HashMap, HashSet};

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;

/// A VirtualService.
#[derive(Debug, Clone, Copy)]
pub struct VirtualService<'a> {
    /// The resource.
    pub id: ResourceId,
    /// Its top node.
    pub root: Field<'a>,
}

impl<'a> VirtualService<'a> {
    fn list(self, key: &str) -> impl Iterator<Item = Field<'a>> {
        self.root.at(&["spec", key]).into_iter().flat_map(Field::items)
    }

    /// Its hosts.
    pub fn hosts(self) -> impl Iterator<Item = Field<'a>> {
        self.list("hosts")
    }

    /// Its routes for HTTP.
    pub fn http(self) -> impl Iterator<Item = Field<'a>> {
        self.list("http")
    }

    /// True when no gateway has it, only the sidecars of the mesh. One without hosts is part of another one, which may
    /// be a gateway's.
    pub fn is_inside_the_mesh(self) -> bool {
        self.hosts().next().is_some() && self.list("gateways").all(|gateway| gateway.text() == Some("mesh"))
    }
}

impl<'a> Inventory<'a> {
    /// The VirtualServices, in the order of files and places.
    pub fn virtual_services(&self) -> impl Iterator<Item = VirtualService<'a>> + '_ {
        let ids = self.of_kind("networking.istio.io", "VirtualService");
        ids.filter_map(|id| Some(VirtualService { id, root: self.root(id)? }))
    }

    /// The VirtualServices that Argo Rollouts or Flagger change while they roll out: those that a Rollout or a Canary
    /// names, and those that say so themselves.
    pub fn rolled_out_virtual_services(&self) -> HashSet<ResourceId> {
        let mut named: HashMap<&str, Vec<ResourceId>> = HashMap::new();
        for id in self.of_kind("argoproj.io", "Rollout") {
            rollout_names(self.root(id)).for_each(|name| named.entry(name).or_default().push(id));
        }
        for id in self.of_kind("flagger.app", "Canary") {
            if let Some(root) = self.root(id) {
                named.entry(canary_name(root)).or_default().push(id);
            }
        }
        let is_named = |one: &VirtualService<'_>| {
            let by = named.get(self.resource(one.id).name.name.as_str());
            by.is_some_and(|ids| ids.iter().any(|id| self.share_a_namespace(*id, one.id)))
        };
        let says_so = |one: &VirtualService<'_>| {
            let by = one.root.text_at(&["metadata", "labels", "app.kubernetes.io/managed-by"]);
            matches!(by, "flagger" | "argo-rollouts" | "argo-rollouts-controller")
        };
        self.virtual_services().filter(|one| says_so(one) || is_named(one)).map(|one| one.id).collect()
    }

    /// True for a host that is a Service's own name: its short name, or one that ends as the clusters' names do.
    pub fn is_cluster_host(&self, host: &str) -> bool {
        let domain = &self.options().cluster_domain;
        let mut parts = host.split('.');
        let (name, namespace, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        match (namespace, rest) {
            (None, _) => !name.is_empty() && name != "*",
            (Some(_), Some("svc")) => {
                host.ends_with(".svc") || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with(".svc."))
            }
            // `web.shop` is a Service's name where there is one; otherwise it looks like any domain.
            (Some(namespace), None) => self.services_named(name).iter().any(|id| {
                let mut namespaces = self.placements(*id).iter().map(|placement| placement.namespace.as_deref());
                namespaces.any(|have| have == Some(namespace))
            }),
            _ => false,
        }
    }
}

/// The VirtualServices that a Rollout names, with or without their namespace behind a dot.
fn rollout_names<'a>(root: Option<Field<'a>>) -> impl Iterator<Item = &'a str> {
    let istio = root.and_then(|root| root.at(&["spec", "strategy", "canary", "trafficRouting", "istio"]));
    let one = istio.and_then(|istio| istio.get("virtualService"));
    let several = istio.and_then(|istio| istio.get("virtualServices")).into_iter().flat_map(Field::items);
    one.into_iter().chain(several).filter_map(|field| field.text_at(&["name"]).split('.').next())
}

/// The VirtualService that Flagger makes or takes for a Canary has its Service's name.
fn canary_name<'a>(root: Field<'a>) -> &'a str {
    match root.text_at(&["spec", "service", "name"]) {
        "" => root.text_at(&["spec", "targetRef", "name"]),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    #[test]
    fn hosts_of_the_cluster_are_told_from_others() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {}\n";
        let files = [SourceFile::read("a.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        for (host, expected) in [
            ("web", true),
            ("web.shop", true),
            ("web.bank", false),
            ("web.shop.svc", true),
            ("web.shop.svc.cluster.local", true),
            ("*.shop.svc.cluster.local", true),
            ("web.shop.svc.example.com", false),
            ("shop.example.com", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(inventory.is_cluster_host(host), expected, "{host}");
        }
    }
}
