mod destination;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{AddressUse, Host, ResourceId, RouteKind, ServicePort, Workload, protocol};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;
use server::Evidence;

transform! {
    /// Flags HTTPS between programs of the mesh.
    ///
    /// ## Why
    /// The mesh encrypts what its pods say to each other by itself. What an application encrypts before is for the mesh only a
    /// stream of bytes: no route by path, no retry, no metrics of requests, no policy by method.
    ///
    /// ## Fix
    /// None: that a program serves plain HTTP, and that its clients call `http://`, is a change of the application. There
    /// is one finding for a workload that serves TLS itself (a probe with `scheme: HTTPS`, a setting such as
    /// `SERVER_SSL_ENABLED`, `listen 8443 ssl`), with its Services and with the programs that call them by `https://`; one for a
    /// Service that is only called so; and one for a DestinationRule that makes the mesh's proxies speak TLS to a Service of
    /// the files. Where TLS must stay, declare the port `https` or `tls`.
    ///
    /// ## Safety
    /// Reports only. What the API server calls (webhooks, aggregated APIs), metrics behind a proxy of their own, ingress
    /// controllers and other gateways, and pods that no Service of the files selects are left alone. Where the application ends the TLS
    /// of clients outside, it is advice.
    HttpsInMesh, "https-in-mesh", "programs of the mesh should speak plain HTTP, which the mesh encrypts",
    level: Level::Warning, after: &[], istio: None, safety: None,
    example: include_str!("../../testdata/https-in-mesh/server-and-clients/findings.txt"),
}

/// A program that calls a Service by `https://`.
struct Client<'a> {
    workload: Workload<'a>,
    usage: AddressUse,
}

impl Transform for HttpsInMesh {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut clients = clients(cx);
        let mut seen = BTreeSet::new();
        for workload in cx.inventory.workloads() {
            let evidence = server::evidence(cx, workload);
            if evidence.is_empty() || !cx.inventory.is_checked(workload) {
                continue;
            }
            let ports = cx.inventory.service_ports_of(workload);
            if ports.is_empty() || is_exempt(cx, workload, &ports) {
                continue;
            }
            let mut callers = Vec::new();
            for service in ports.iter().map(|port| port.service).collect::<BTreeSet<_>>() {
                clients.retain(|(id, _), found| {
                    *id != service || {
                        callers.append(found);
                        false
                    }
                });
            }
            // A ConfigMap of several workloads is one place.
            if seen.insert(evidence[0].place()) {
                findings.extend(server_finding(cx, workload, &evidence, &ports, &callers));
            }
        }
        for ((service, number), callers) in &clients {
            findings.extend(service_finding(cx, *service, *number, callers));
        }
        destination::check(cx, findings);
    }
}

/// The programs that call Services of the files by `https://`, by Service and port.
fn clients<'a>(cx: &'a Context<'_>) -> BTreeMap<(ResourceId, i64), Vec<Client<'a>>> {
    let mut clients: BTreeMap<(ResourceId, i64), Vec<Client<'a>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for workload in cx.inventory.workloads() {
        for usage in cx.inventory.addresses_of(workload).iter() {
            let Host::Name(name) = &usage.address.host else { continue };
            let is_call = usage.address.scheme == "https" && !usage.is_for_outside();
            if !is_call || !cx.inventory.is_checked(workload) {
                continue;
            }
            let [service] = cx.inventory.services_of_host(usage.holder(workload.id), name)[..] else { continue };
            if may_be_outside(cx, service, name) {
                continue;
            }
            if seen.insert((usage.at, usage.address.range.start)) {
                let number = usage.address.port.map_or(443, i64::from);
                clients.entry((service, number)).or_default().push(Client { workload, usage: usage.clone() });
            }
        }
    }
    clients
}

/// True for a name such as `web.example`, unless the Service is known to be in that namespace.
fn may_be_outside(cx: &Context<'_>, service: ResourceId, host: &str) -> bool {
    let Some((_, namespace)) = host.split_once('.') else { return false };
    let mut places = cx.inventory.placements(service).iter();
    !cx.inventory.is_full_cluster_host(host) && !places.any(|place| place.namespace.as_deref() == Some(namespace))
}

/// True where TLS is not for other programs of the mesh: the API server calls the Service, or it is the cluster's edge.
fn is_exempt(cx: &Context<'_>, workload: Workload<'_>, ports: &[ServicePort<'_>]) -> bool {
    let name = workload.resource.name.name.to_ascii_lowercase();
    let says_so =
        ["webhook", "admission", "apiserver", "api-server", "metrics-server"].iter().any(|word| name.contains(word));
    says_so
        || cx.inventory.is_ingress_controller(workload)
        || ports.iter().any(|port| cx.inventory.api_server_call(*port).is_some())
}

/// True where clients outside bring TLS to the application.
fn passes_tls_through(cx: &Context<'_>, service: ResourceId) -> bool {
    cx.inventory.routes_to(service).iter().any(|route| {
        let annotation = route.annotation("nginx.ingress.kubernetes.io/ssl-passthrough").and_then(|field| field.text());
        matches!(route.kind, RouteKind::Tls | RouteKind::VirtualTls) || annotation == Some("true")
    })
}

const HELP: &str = "the mesh encrypts between its pods by itself, and what is encrypted before has no routes, retries or metrics of requests; serve plain HTTP and let clients call `http://`, or declare the port `https` where TLS must stay";

const SNIPPET: &str = "# at the Service's port\nappProtocol: http\n---\n# in its namespace\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n  name: default\nspec:\n  mtls:\n    mode: STRICT";

fn server_finding(
    cx: &Context<'_>,
    workload: Workload<'_>,
    evidence: &[Evidence<'_>],
    ports: &[ServicePort<'_>],
    callers: &[Client<'_>],
) -> Option<Finding> {
    let first = evidence.first()?;
    let message = format!("`{}` serves HTTPS by itself: {}", workload.resource.name.name, first.says);
    let mut finding = Finding::of(&HttpsInMesh::META, cx.inventory, first.holder, first.field, message);
    finding.at = first.loc();
    for more in &evidence[1..] {
        finding.related.push((more.loc(), more.says.clone()));
    }
    for port in ports.iter().filter(|port| protocol(port.field).is_tls()) {
        let name = &cx.inventory.resource(port.service).name.name;
        finding = finding.related(port.field, format!("Service `{name}` declares `{}`", protocol(port.field)));
    }
    let finding = with_callers(cx, finding, callers);
    let services: BTreeSet<ResourceId> = ports.iter().map(|port| port.service).collect();
    Some(match services.into_iter().find(|service| passes_tls_through(cx, *service)) {
        Some(service) => {
            let name = &cx.inventory.resource(service).name.name;
            finding.level(Level::Info).help(format!(
                "a route passes the TLS of clients outside through to Service `{name}`; end it at the Gateway, and the mesh carries plain HTTP that it encrypts itself"
            ))
        }
        None => finding.help(HELP).snippet(SNIPPET),
    })
}

/// A Service that is called by `https://`, where nothing shows how its pods serve.
fn service_finding(cx: &Context<'_>, service: ResourceId, number: i64, callers: &[Client<'_>]) -> Option<Finding> {
    let port = cx.inventory.ports_of(service).find(|port| port.number() == Some(number))?;
    let workloads = cx.inventory.workloads_of(service).possible;
    let mut workloads = workloads.into_iter().filter_map(|id| cx.inventory.workload(id));
    let has_pods =
        cx.inventory.root(service)?.at(&["spec", "selector"]).is_some_and(|all| all.entries().next().is_some());
    if !has_pods
        || !cx.inventory.is_checked_service(service)
        || cx.inventory.api_server_call(port).is_some()
        || passes_tls_through(cx, service)
        || workloads.any(|workload| is_exempt(cx, workload, &[port]))
    {
        return None;
    }
    let at = port.field.get("port").unwrap_or(port.field);
    let name = &cx.inventory.resource(service).name.name;
    let message = format!("port {number} of Service `{name}` is called by `https://`");
    let finding = Finding::of(&HttpsInMesh::META, cx.inventory, service, at, message).help(HELP).snippet(SNIPPET);
    Some(with_callers(cx, finding, callers))
}

/// With the places that call it: not all where there are many.
fn with_callers(cx: &Context<'_>, mut finding: Finding, callers: &[Client<'_>]) -> Finding {
    for client in callers.iter().take(5) {
        if let Some(field) = cx.inventory.field(client.usage.at) {
            let remark = format!("`{}` calls it by `https://`", client.workload.resource.name.name);
            finding.related.push((field.loc_of(client.usage.address.range.clone()), remark));
        }
    }
    finding
}
