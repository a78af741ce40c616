//! Every transform. A rule that must wait for another says so in its `Meta.after`; beyond that the
//! order of the list is only a tie-break.

mod dns_ndots;
mod dns_policy;
mod external_registry;
mod health_probe;
mod host_network;
mod host_port;
mod probe_port;
mod probe_rewrite;
mod proxy_uid;
mod reserved_port;
mod trace_context;

use crate::rule::Transform;

/// All rules.
pub static ALL: &[&dyn Transform] = &[
    &host_network::HostNetwork,
    &host_port::HostPort,
    &dns_policy::DnsPolicy,
    &dns_ndots::DnsNdots,
    &proxy_uid::ProxyUid,
    &reserved_port::ReservedPort,
    &probe_port::ProbePort,
    &probe_rewrite::ProbeRewrite,
    &health_probe::HealthProbe,
    &trace_context::TraceContext,
    &external_registry::ExternalRegistry,
];
