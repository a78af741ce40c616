//! Where each kind of route names the Services that it leads to.

use std::cell::OnceCell;

use super::super::field::Field;
use super::super::inventory::Inventory;
use super::super::resource::ResourceId;
use super::Entry;
use super::route::RouteKind;

/// Kinds of the Gateway API that lead to Services.
const GATEWAY_API: &[(&str, RouteKind)] = &[
    ("HTTPRoute", RouteKind::Http),
    ("GRPCRoute", RouteKind::Grpc),
    ("TLSRoute", RouteKind::Tls),
    ("TCPRoute", RouteKind::Tcp),
];

/// The lists of a VirtualService.
const VIRTUAL: &[(&str, RouteKind)] =
    &[("http", RouteKind::VirtualHttp), ("tls", RouteKind::VirtualTls), ("tcp", RouteKind::VirtualTcp)];

/// Gives each backend of each route, with the name of its Service.
pub(super) fn backends(inventory: &Inventory<'_>, mut give: impl FnMut(String, Entry)) {
    for group in ["networking.k8s.io", "extensions"] {
        for id in inventory.of_kind(group, "Ingress") {
            inventory.root(id).into_iter().for_each(|root| ingress(id, root, &mut give));
        }
    }
    for (kind, route) in GATEWAY_API {
        for id in inventory.of_kind("gateway.networking.k8s.io", kind) {
            inventory.root(id).into_iter().for_each(|root| gateway_api(id, *route, root, &mut give));
        }
    }
    for id in inventory.of_kind("networking.istio.io", "VirtualService") {
        inventory.root(id).into_iter().for_each(|root| virtual_service(id, root, &mut give));
    }
}

fn ingress(id: ResourceId, root: Field<'_>, give: &mut impl FnMut(String, Entry)) {
    let Some(spec) = root.get("spec") else { return };
    for key in ["defaultBackend", "backend"] {
        entry(id, RouteKind::Ingress, None, spec.get(key), give);
    }
    for rule in spec.get("rules").into_iter().flat_map(Field::items) {
        for path in rule.at(&["http", "paths"]).into_iter().flat_map(Field::items) {
            entry(id, RouteKind::Ingress, Some(rule), path.get("backend"), give);
        }
    }
}

fn gateway_api(id: ResourceId, kind: RouteKind, root: Field<'_>, give: &mut impl FnMut(String, Entry)) {
    for rule in root.at(&["spec", "rules"]).into_iter().flat_map(Field::items) {
        for backend in rule.get("backendRefs").into_iter().flat_map(Field::items) {
            entry(id, kind, Some(rule), Some(backend), give);
        }
        for filter in rule.get("filters").into_iter().flat_map(Field::items) {
            entry(id, kind, Some(rule), filter.at(&["requestMirror", "backendRef"]), give);
        }
    }
}

fn virtual_service(id: ResourceId, root: Field<'_>, give: &mut impl FnMut(String, Entry)) {
    let Some(spec) = root.get("spec") else { return };
    for (list, kind) in VIRTUAL {
        for rule in spec.get(list).into_iter().flat_map(Field::items) {
            for route in rule.get("route").into_iter().flat_map(Field::items) {
                entry(id, *kind, Some(rule), route.get("destination"), give);
            }
            entry(id, *kind, Some(rule), rule.get("mirror"), give);
            for mirror in rule.get("mirrors").into_iter().flat_map(Field::items) {
                entry(id, *kind, Some(rule), mirror.get("destination"), give);
            }
        }
    }
}

fn entry(
    id: ResourceId,
    kind: RouteKind,
    rule: Option<Field<'_>>,
    backend: Option<Field<'_>>,
    give: &mut impl FnMut(String, Entry),
) {
    let Some(backend) = backend else { return };
    let (name, namespace) = service_name(backend, kind);
    if name.is_empty() {
        return;
    }
    let port = match kind {
        RouteKind::Ingress => {
            let port = |key: &str| backend.at(&["service", "port", key]);
            port("number").or_else(|| port("name")).or_else(|| backend.get("servicePort"))
        }
        RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => backend.get("port"),
        RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => backend.at(&["port", "number"]),
    };
    let (rule, port) = (rule.map(Field::id), port.map(Field::id));
    give(name, Entry { id, kind, namespace, rule, backend: backend.id(), port, nearest: OnceCell::new() });
}

/// The Service that a backend names and its namespace, where it names one; "" for what is no Service.
pub(super) fn service_name(backend: Field<'_>, kind: RouteKind) -> (String, Option<String>) {
    let text = |path: &[&str]| backend.text_at(path).to_owned();
    match kind {
        RouteKind::Ingress => {
            let name = text(&["service", "name"]);
            (if name.is_empty() { text(&["serviceName"]) } else { name }, None)
        }
        RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => {
            let is_service =
                matches!(backend.text_at(&["kind"]), "" | "Service") && backend.text_at(&["group"]).is_empty();
            let namespace = Some(text(&["namespace"])).filter(|namespace| !namespace.is_empty());
            (if is_service { text(&["name"]) } else { String::new() }, namespace)
        }
        RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp => {
            let (name, namespace) = of_host(backend.text_at(&["host"]));
            (name.to_owned(), namespace.map(str::to_owned))
        }
    }
}

/// The Service and the namespace of a host inside the cluster: `web`, `web.shop`, `web.shop.svc.cluster.local`.
fn of_host(host: &str) -> (&str, Option<&str>) {
    let mut parts = host.split('.');
    let (name, namespace, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if rest.is_none_or(|rest| rest == "svc") { (name, namespace) } else { ("", None) }
}
