mod backend_protocol;
mod declare;
mod evidence;
mod mismatch;
mod rename;
mod undeclared;
mod verdict;

use self::evidence::Case;
use crate::manifest::{Protocol, ServicePort, protocol};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Reports Service ports whose protocol is not declared, or is declared against what the manifests show.
    ///
    /// ## Why
    /// Istio reads a port's protocol from `appProtocol`, or else from its name up to the first `-`: `http`, `http2`, `grpc`,
    /// `grpc-web`, `https`, `tls`, `tcp`, `mongo`, `redis`, `mysql`. Any other name tells it nothing. Then the proxy
    /// guesses from the first bytes of each connection. That costs time, and where the server speaks first, as MySQL, SMTP and
    /// NATS do, the connection stalls until a timeout. Four numbers are taken for TCP without a declaration: 25, 53, 3306
    /// and 27017; the Service's own number counts, not its target's. A wrong declaration is worse: the proxy reads a
    /// database's bytes as HTTP and refuses them, or passes requests on without routes, retries and metrics.
    ///
    /// ## Fix
    /// `appProtocol` is written where the manifests prove the protocol: a probe asks the port over HTTP or gRPC, a route
    /// or a monitor leads to it, a webhook has the API server call it, or its number and its image both belong to a
    /// database, a broker or their kin. The finding quotes what says so. Names and usual numbers are only a
    /// suggestion, and where two of them exclude each other, the finding names both and nothing is changed.
    /// `rules.port-protocol.style: name` puts the protocol in front of the port's name instead, in all that refers to it, and
    /// `both` does both.
    ///
    /// ## Safety
    /// Declaring `tcp` is safe: the proxy passes the same bytes on. Declaring `http`, `http2`, `grpc` or `https` is
    /// unsafe: the proxy then reads what it passed on before. `rules.port-protocol.http: safe` decides otherwise for a
    /// team, but never for a headless Service. Nothing is safe behind an Ingress or a route of the Gateway API that is
    /// not Istio's, because other controllers read `appProtocol` too and some refuse what they don't know. Azure turns
    /// `appProtocol: http` of a LoadBalancer into a health probe of `/`, and takes the load balancer down where that path
    /// gives no 200; `style: name` avoids it. A protocol that is declared already is changed only with `--unsafe`.
    PortProtocol, "port-protocol", "ports of Services should declare the protocol that they carry",
    level: Level::Warning, after: &["reserved-port"], istio: Some("IST0118"), safety: Some(Safety::Safe),
    example: include_str!("../../testdata/port-protocol/database/fix.diff"),
}

impl Transform for PortProtocol {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for service in cx.inventory.services() {
            let Some(spec) = cx.inventory.root(service).and_then(|root| root.get("spec")) else { continue };
            let ports = cx.inventory.ports_of(service);
            let mut ports = ports.filter(|port| port.transport() == "TCP" && port.number().is_some()).peekable();
            // Since Istio 1.21 an ExternalName is another name, and its ports change nothing.
            let is_outside = spec.text_at(&["type"]) == "ExternalName";
            if ports.peek().is_none() || is_outside || !cx.inventory.is_checked_service(service) {
                continue;
            }
            findings.extend(ports.filter_map(|port| finding(cx, port)));
        }
    }
}

fn finding(cx: &Context<'_>, port: ServicePort<'_>) -> Option<Finding> {
    let declared = protocol(port.field);
    let case = Case::of(cx.inventory, port);
    match declared {
        Protocol::Undeclared => Some(undeclared::finding(cx, &case)),
        declared => mismatch::finding(cx, &case, declared).or_else(|| undeclared::by_number(cx, port)),
    }
}

/// The protocol that the manifests prove of a port that declares none.
pub(super) fn proven(cx: &Context<'_>, port: ServicePort<'_>) -> Option<Protocol> {
    match Case::of(cx.inventory, port).verdict() {
        verdict::Verdict::Known(best) => Some(best.protocol),
        _ => None,
    }
}

/// The port as people know it: by its name, its number, or both.
fn label(port: ServicePort<'_>) -> String {
    let number = port.field.text_at(&["port"]);
    match port.name() {
        "" => format!("port {number}"),
        name => format!("port `{name}` ({number})"),
    }
}
