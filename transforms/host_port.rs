use crate::manifest::{Container, Field, PodSecurity, ProtocolClass, ServicePort, Workload, protocol};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags ports that are published at the node's own address.
    ///
    /// ## Why
    /// A client of node:hostPort comes past every gateway: no TLS of the mesh, no routing, no policy of the gateway. Its
    /// plain text is refused as soon as mutual TLS is strict. Pod Security refuses such pods from `baseline` on,
    /// and only one of them fits on a node.
    ///
    /// ## Fix
    /// None: clients outside the manifests use the port. The finding shows a Gateway, and a VirtualService where a
    /// Service leads to the same port. When the clients have moved, remove `hostPort`.
    ///
    /// ## Safety
    /// Reports only. Pods with `hostNetwork` belong to `host-network`. Node agents, static pods and ingress controllers
    /// need the node's ports and are left alone; `rules.host-network.allow` names more of them.
    HostPort, "host-port", "ports must not be published at the node's address",
    level: Level::Warning, after: &["host-network"], istio: None, safety: None,
    example: include_str!("../testdata/host-port/deployment/findings.txt"),
}

impl Transform for HostPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let published = cx.inventory.own_containers(workload).flat_map(|container| {
                container.ports().filter_map(move |port| Some((container, port, host_port(port)?)))
            });
            let mut published = published.peekable();
            let edge =
                || cx.inventory.needs_its_node(workload).is_some() || cx.inventory.is_ingress_controller(workload);
            if published.peek().is_none() || !cx.inventory.is_checked(workload) || edge() {
                continue;
            }
            findings.extend(published.map(|(container, port, host)| finding(cx, workload, container, port, host)));
        }
    }
}

/// The field that publishes a port on the node; 0 publishes none.
fn host_port(port: Field<'_>) -> Option<Field<'_>> {
    port.get("hostPort").filter(|host| host.as_i64().is_some_and(|number| number > 0))
}

fn finding(
    cx: &Context<'_>,
    workload: Workload<'_>,
    container: Container<'_>,
    port: Field<'_>,
    host: Field<'_>,
) -> Finding {
    let number = host.text().unwrap_or_default();
    let message =
        format!("`hostPort: {number}` publishes a port of container `{}` at the node's address", container.name());
    let finding = Finding::new(&HostPort::META, workload, host, message);
    let refused = match cx.inventory.pod_security(workload) {
        Some(PodSecurity { namespace, level, .. }) => {
            format!("; namespace `{namespace}` enforces Pod Security `{level}`, which refuses it")
        }
        None => String::new(),
    };
    let transport = port.text_at(&["protocol"]);
    if matches!(transport, "UDP" | "SCTP") {
        let help = format!("the mesh and its gateways carry no {transport}: this traffic stays outside{refused}");
        return finding.level(Level::Info).help(help);
    }
    if matches!(port.text_at(&["hostIP"]), "127.0.0.1" | "::1") {
        let help = format!("only programs of the node itself reach it, in plain text past the mesh{refused}");
        return finding.level(Level::Info).help(help);
    }
    let help = format!(
        "its clients come past the gateways in plain text, and strict mutual TLS refuses them; expose it by a Gateway, then remove `hostPort`{refused}"
    );
    let ports = cx.inventory.service_ports_of(workload);
    let service = ports.into_iter().find(|service| service.is_certain && service.leads_to(port));
    finding.help(help).snippet(gateway(cx, workload, port, number, service))
}

/// A Gateway that opens the same port, and a route where a Service leads to it.
fn gateway(
    cx: &Context<'_>,
    workload: Workload<'_>,
    port: Field<'_>,
    number: &str,
    service: Option<ServicePort<'_>>,
) -> String {
    let is_http = protocol(service.map_or(port, |service| service.field)).class() == ProtocolClass::Http;
    let (protocol, section) = if is_http { ("HTTP", "http") } else { ("TCP", "tcp") };
    let name = &workload.resource.name.name;
    let mut snippet = format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: {name}\nspec:\n  selector:\n    istio: ingress   # the labels of your gateway's pods\n  servers:\n    - port:\n        number: {number}\n        name: {section}-{number}\n        protocol: {protocol}\n      hosts: [\"*\"]   # better: its public name"
    );
    if let Some(service) = service {
        let host = &cx.inventory.resource(service.service).name.name;
        let matched = if is_http { String::new() } else { format!("match:\n        - port: {number}\n      ") };
        let to = service.number().unwrap_or_default();
        snippet.push_str(&format!(
            "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: {name}\nspec:\n  hosts: [\"*\"]\n  gateways: [{name}]\n  {section}:\n    - {matched}route:\n        - destination:\n            host: {host}\n            port:\n              number: {to}"
        ));
    }
    snippet
}
