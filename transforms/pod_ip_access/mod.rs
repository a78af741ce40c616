mod fixed;
mod registration;
mod told;

use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags calls to addresses of pods instead of Services.
    ///
    /// ## Why
    /// The mesh matches its routes and policies by the name of a Service, or by its address. A call to a pod's address is
    /// one to nobody: no route, no retry, no traffic split and no mutual TLS by name. A pod also gets another
    /// address each time it starts.
    ///
    /// ## Fix
    /// None: which Service an address stands for is in no manifest. The finding stands where the address does: in a
    /// variable, a flag, a command, the line of a ConfigMap that the workload reads, a pod's `hostAliases`, the Endpoints of a
    /// Service without a selector, or a route. Names of pods in DNS (`10-0-0-5.shop.pod`) are addresses too, and so is what a
    /// program registers of itself: `preferIpAddress`, or `status.podIP` as the address that it announces.
    ///
    /// ## Safety
    /// Reports only. `podCIDRs` says which addresses pods have; without it, a private address is only advice, because a
    /// machine outside the cluster may have it. Addresses to listen at, blocks, allow lists, DNS servers, and the addresses that
    /// Services of the files have are none of pods; `serviceCIDRs` adds to them. Names of single pods below a Service
    /// (`db-0.db`) are known to the mesh. Secrets are not read.
    PodIpAccess, "pod-ip-access", "Services must be called by their names, not by addresses of pods",
    level: Level::Warning, after: &[], istio: None, safety: None,
    example: include_str!("../../testdata/pod-ip-access/pod-addresses/findings.txt"),
}

impl Transform for PodIpAccess {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        told::check(cx, findings);
        registration::check(cx, findings);
        fixed::check(cx, findings);
    }
}

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// A pod's: the configuration says which addresses pods have.
    Pod,
    /// Somebody's in a private network.
    Private,
}

/// Whose an address is; `None` where it is none of a pod.
fn whose(cx: &Context<'_>, ip: core::net::IpAddr) -> Option<Whose> {
    let options = cx.options;
    let is_in = |blocks: &[crate::config::Cidr]| blocks.iter().any(|block| block.has(ip));
    let is_free = !ip.is_loopback() && !ip.is_unspecified();
    if !is_free || is_in(&options.service_cidrs) || cx.inventory.is_outside_address(ip) {
        return None;
    }
    match options.pod_cidrs.is_empty() {
        false => is_in(&options.pod_cidrs).then_some(Whose::Pod),
        true => crate::manifest::is_private(ip).then_some(Whose::Private),
    }
}

/// The finding with its level, why, and what to do.
fn explained(finding: Finding, whose: Whose) -> Finding {
    match whose {
        Whose::Pod => finding.help(
            "for the mesh a call to a pod's address has no Service: no route, no retry and no policy by name, and the pod has another address when it starts again; call `http://service:port`",
        ),
        Whose::Private => finding.level(Level::Info).help(
            "for the mesh a call to a bare address has no Service; if it is in this cluster, call its Service by name, and if it is a machine outside, declare it by a ServiceEntry (`podCIDRs` tells pods from machines)",
        ),
    }
}
