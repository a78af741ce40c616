//! Other ways past the gateways: `externalIPs`, and Ingresses of other controllers.

use std::collections::BTreeMap;

use super::ExposedService;
use crate::manifest::{ResourceId, RouteKind};
use crate::rule::{Context, Finding, Level};

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let inventory = cx.inventory;
    let mut ingresses: BTreeMap<ResourceId, (String, Vec<String>)> = BTreeMap::new();
    for id in inventory.services() {
        let name = &inventory.resource(id).name.name;
        let ips = inventory.root(id).and_then(|root| root.at(&["spec", "externalIPs"]));
        let ips = ips.filter(|ips| ips.items().next().is_some());
        let routes = inventory.routes_to(id);
        let mut others = routes
            .iter()
            .filter(|route| route.kind == RouteKind::Ingress && route.is_certain)
            .filter_map(|route| Some((route.id, route.ingress_class().filter(|class| *class != "istio")?)))
            .peekable();
        if ips.is_none() && others.peek().is_none() || !inventory.is_checked_service(id) {
            continue;
        }
        if let Some(ips) = ips {
            let message =
                format!("`externalIPs` exposes Service `{name}` at addresses of nodes, past the mesh's gateways");
            findings.push(Finding::of(&ExposedService::META, inventory, id, ips, message).help(
                "its clients come in plain text past routes and policies, and Kubernetes 1.36 deprecates the field: expose it by a Gateway, then remove `externalIPs`",
            ));
        }
        for (ingress, class) in others {
            let (_, services) = ingresses.entry(ingress).or_insert_with(|| (class.to_owned(), Vec::new()));
            if !services.contains(name) {
                services.push(name.clone());
            }
        }
    }
    for (id, (class, services)) in ingresses {
        let Some(root) = inventory.root(id) else { continue };
        let annotation = || root.at(&["metadata", "annotations", "kubernetes.io/ingress.class"]);
        let Some(at) = root.at(&["spec", "ingressClassName"]).or_else(annotation) else { continue };
        let message = format!("an Ingress of class `{class}` leads to Service `{}`", services.join("`, `"));
        findings.push(Finding::of(&ExposedService::META, inventory, id, at, message).level(Level::Info).help(
            "it keeps working as long as its controller is in the mesh too; strict mutual TLS refuses one that is not. A Gateway of the mesh can take its place",
        ));
    }
}
