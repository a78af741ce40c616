//! Every transform. A rule that must wait for another says so in its `Meta.after`; beyond that the
//! order of the list is only a tie-break.

mod dns_ndots;
mod dns_policy;
mod host_network;
mod proxy_uid;
mod reserved_port;
mod unexplained_ignore;
mod unused_ignore;

use crate::rule::Transform;

/// All rules.
pub static ALL: &[&dyn Transform] = &[
    &host_network::HostNetwork,
    &dns_policy::DnsPolicy,
    &dns_ndots::DnsNdots,
    &proxy_uid::ProxyUid,
    &reserved_port::ReservedPort,
    &unused_ignore::UnusedIgnore,
    &unexplained_ignore::UnexplainedIgnore,
];
