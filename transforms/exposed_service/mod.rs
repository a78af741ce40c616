//! Services that are reached past the mesh's gateways.

mod candidate;
mod copies;
mod cut_over;
mod elsewhere;
mod gateway;
mod gateway_api;
mod hosts;
mod istio;
mod opening;
mod plan;
mod selector;
mod source_ranges;

use candidate::Candidate;
pub(super) use plan::bounded;
use plan::{Missing, Plan, World};

use crate::rule::{Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Moves Services of type `NodePort` and `LoadBalancer` behind a gateway of the mesh.
    ///
    /// ## Why
    /// A node port or a cloud's load balancer sends clients from outside straight to a pod. No gateway sees their
    /// traffic: no TLS of the mesh, no routing, no authentication, and strict mutual TLS refuses it. Inside the
    /// mesh nothing changes with the type, because Istio treats both like `ClusterIP`.
    ///
    /// ## Fix
    /// First a Gateway and one VirtualService for each exposed Service, apart from the Service's own one: HTTP and gRPC by
    /// public name, TLS that the application ends by its server name, anything else by port. With
    /// `rules.exposed-service.api: gateway-api` a Gateway and routes of the Gateway API. New resources stand beside
    /// the Service. Then the Service becomes a `ClusterIP`: a NodePort at once, a LoadBalancer only with
    /// `rules.exposed-service.cutover: all`, because its address goes with its type.
    ///
    /// Public names come from the Service's annotation `meshfix.dev/host`, its external-dns hostname, an Ingress, or
    /// `hostTemplate` and `hosts`; the gateway from `gatewaySelector` or the one gateway in the files. They are never
    /// invented: without them the finding shows what is missing.
    ///
    /// ## Safety
    /// Unsafe: whoever uses the old address has to move to the gateway. Nothing is moved as long as something in the files
    /// uses it. UDP can't pass a gateway and is left alone, and `loadBalancerSourceRanges` are never dropped: they become
    /// an AuthorizationPolicy at the gateway on request. Gateways and ingress controllers themselves, which take
    /// traffic from outside by their nature, are left alone.
    ExposedService, "exposed-service", "Services must be exposed by a gateway of the mesh, not by their type",
    level: Level::Warning, after: &["target-port", "port-protocol", "node-port-access"], istio: None,
    safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/exposed-service/node-port/fix.diff"),
}

impl Transform for ExposedService {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let candidates: Vec<Candidate<'_>> = candidate::all(cx.inventory);
        if !candidates.is_empty() {
            let world = World::new(cx, &candidates);
            findings.extend(candidates.iter().map(|candidate| finding(&world, candidate)));
        }
        elsewhere::check(cx, findings);
    }
}

fn finding(world: &World<'_>, candidate: &Candidate<'_>) -> Finding {
    let cx = world.cx;
    let kind = candidate.kind.word();
    let message = format!("`type: {kind}` exposes Service `{}` past the mesh's gateways", candidate.name);
    let finding = Finding::of(&ExposedService::META, cx.inventory, candidate.id, candidate.at, message);
    let Plan { change, done, left, missing } = plan::plan(world, candidate);
    let why = "clients from outside come in plain text, past routes, policies and certificates of the gateway";
    match missing {
        Some(Missing::Refused(reason)) => return finding.help(format!("{why}; {reason}")),
        Some(Missing::Known(missing)) => {
            let finding = finding.help(format!("{why}; {missing}"));
            return match istio::snippet(world, candidate) {
                Some(snippet) => finding.snippet(snippet),
                None => finding,
            };
        }
        None => {}
    }
    let left = left.join("; ");
    if done.is_empty() {
        return finding.help(if left.is_empty() { why.to_owned() } else { left });
    }
    let mut consequence = consequence(candidate, done.iter().any(|part| part == cut_over::DONE));
    if !left.is_empty() {
        consequence = format!("{consequence}; {left}");
    }
    let fix = Fix { title: done.join(", "), safety: Safety::Unsafe, consequence, change };
    let mut finding = finding.help(why);
    finding.fix = Some(fix);
    finding
}

/// What moving means for those who are not in the files.
fn consequence(candidate: &Candidate<'_>, is_cut_over: bool) -> String {
    let hosts = opening::hosts_of(candidate).join("`, `");
    let names = if hosts.is_empty() { String::new() } else { format!("`{hosts}` must lead to the gateway") };
    match (is_cut_over, names.is_empty()) {
        (true, true) => "clients of the old address must move to the gateway before".to_owned(),
        (true, false) => format!("{names}, and clients of the old address must move there before"),
        (false, _) => names,
    }
}
