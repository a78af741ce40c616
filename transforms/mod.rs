//! Every transform. A rule that must wait for another says so in its `Meta.after`; beyond that the
//! order of the list is only a tie-break.

mod app_label;
mod dns_ndots;
mod dns_policy;
mod host_network;
mod pod_labels;
mod proxy_uid;
mod reserved_port;
mod version_label;

use crate::rule::Transform;

/// All rules.
pub static ALL: &[&dyn Transform] = &[
    &host_network::HostNetwork,
    &dns_policy::DnsPolicy,
    &dns_ndots::DnsNdots,
    &proxy_uid::ProxyUid,
    &reserved_port::ReservedPort,
    &app_label::AppLabel,
    &version_label::VersionLabel,
];
