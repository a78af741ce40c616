use crate::manifest::{Field, ResourceId, ServicePort};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Mentions ports of Services that are not TCP: the mesh does not carry them.
    ///
    /// ## Why
    /// Sidecars redirect TCP only. UDP and SCTP go from pod to pod as without a mesh: no mutual TLS, no policy, no
    /// metrics. The mesh's gateways can't expose them either.
    ///
    /// ## Fix
    /// None: the traffic works as before. What must be kept away from others needs a NetworkPolicy, and what clients
    /// outside use keeps its own load balancer.
    ///
    /// ## Safety
    /// Reports only, once for each Service and transport. A number that is TCP as well is `port-conflict`'s.
    NonTcpPort, "non-tcp-port", "ports that are not TCP stay outside the mesh",
    level: Level::Info, after: &[], istio: None, safety: None,
    example: include_str!("../testdata/non-tcp-port/dns-and-signalling/findings.txt"),
}

impl Transform for NonTcpPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for id in cx.inventory.services() {
            let other = |port: &ServicePort<'_>| matches!(port.transport(), "UDP" | "SCTP");
            let mut ports: Vec<ServicePort<'_>> = cx.inventory.ports_of(id).filter(other).collect();
            let is_ours = || cx.inventory.service_type(id) != "ExternalName" && cx.inventory.is_checked_service(id);
            if ports.is_empty() || !is_ours() {
                continue;
            }
            let twins = twins(cx, id);
            ports.retain(|port| !port.number().is_some_and(|number| twins.contains(&number)));
            for transport in ["UDP", "SCTP"] {
                let ports: Vec<ServicePort<'_>> =
                    ports.iter().copied().filter(|port| port.transport() == transport).collect();
                findings.extend(finding(cx, id, transport, &ports));
            }
        }
    }
}

/// The numbers of TCP ports of the same pods: where they are UDP as well, `port-conflict` speaks of them.
fn twins(cx: &Context<'_>, id: ResourceId) -> Vec<i64> {
    let workloads = cx.inventory.workloads_of(id).certain;
    let workloads = workloads.into_iter().filter_map(|id| cx.inventory.workload(id));
    let checked = workloads.filter(|workload| !workload.runs_to_completion() && cx.inventory.is_checked(*workload));
    let ports = checked.flat_map(|workload| cx.inventory.service_ports_of(workload));
    let tcp = ports.filter(|port| port.is_certain && port.transport() == "TCP");
    tcp.filter_map(|port| port.number()).collect()
}

fn finding(cx: &Context<'_>, id: ResourceId, transport: &str, ports: &[ServicePort<'_>]) -> Option<Finding> {
    let first = ports.first()?;
    let at = first.field.get("protocol").unwrap_or(first.field);
    let numbers: Vec<String> = ports.iter().filter_map(|port| port.number()).map(|number| number.to_string()).collect();
    let message = match numbers.as_slice() {
        [one] => format!("port {one} is {transport}, which the mesh does not carry"),
        [rest @ .., last] => {
            format!("ports {} and {last} are {transport}, which the mesh does not carry", rest.join(", "))
        }
        [] => return None,
    };
    let outside = match cx.inventory.service_type(id) {
        kind @ ("LoadBalancer" | "NodePort") => {
            format!("; no gateway of the mesh can expose it, so keep `type: {kind}` for it")
        }
        _ => String::new(),
    };
    let help = format!(
        "it works as before, but without mutual TLS, policies and metrics of the mesh: a NetworkPolicy says who may \
         send it{outside}"
    );
    let others = ports.iter().skip(1).filter_map(|port| port.field.get("port"));
    let finding = Finding::of(&NonTcpPort::META, cx.inventory, id, at, message).help(help);
    Some(others.fold(finding, |finding, field: Field<'_>| finding.related(field, format!("{transport} too"))))
}
