//! Every transform. A rule that must wait for another says so in its `Meta.after`; beyond that the
//! order of the list is only a tie-break.

mod app_label;
mod cluster_drift;
mod dns_ndots;
mod dns_policy;
mod envoy_base_id;
mod exposed_service;
mod external_name_port;
mod external_registry;
mod gateway_conflict;
mod headless_port;
mod health_probe;
mod host_network;
mod host_port;
mod https_in_mesh;
mod init_network;
mod job_completion;
mod mesh_retry;
mod mixed_virtual_service;
mod node_port_access;
mod non_mesh_protocol;
mod non_tcp_port;
mod pod_ip_access;
mod pod_labels;
mod port_conflict;
mod port_protocol;
mod probe_port;
mod probe_rewrite;
mod proxy_uid;
mod reserved_port;
mod shutdown_drain;
mod start_order;
mod target_port;
mod trace_context;
mod unexplained_ignore;
mod unused_ignore;
mod version_label;

use crate::rule::Transform;

/// All rules.
pub static ALL: &[&dyn Transform] = &[
    &host_network::HostNetwork,
    &host_port::HostPort,
    &dns_policy::DnsPolicy,
    &dns_ndots::DnsNdots,
    &proxy_uid::ProxyUid,
    &reserved_port::ReservedPort,
    &target_port::TargetPort,
    &headless_port::HeadlessPort,
    &external_name_port::ExternalNamePort,
    &non_tcp_port::NonTcpPort,
    &port_protocol::PortProtocol,
    &port_conflict::PortConflict,
    &app_label::AppLabel,
    &version_label::VersionLabel,
    &envoy_base_id::EnvoyBaseId,
    &pod_ip_access::PodIpAccess,
    &node_port_access::NodePortAccess,
    &https_in_mesh::HttpsInMesh,
    &non_mesh_protocol::NonMeshProtocol,
    &external_registry::ExternalRegistry,
    &start_order::StartOrder,
    &init_network::InitNetwork,
    &job_completion::JobCompletion,
    &shutdown_drain::ShutdownDrain,
    &probe_port::ProbePort,
    &probe_rewrite::ProbeRewrite,
    &health_probe::HealthProbe,
    &trace_context::TraceContext,
    &mesh_retry::MeshRetry,
    &exposed_service::ExposedService,
    &mixed_virtual_service::MixedVirtualService,
    &gateway_conflict::GatewayConflict,
    &cluster_drift::ClusterDrift,
    &unused_ignore::UnusedIgnore,
    &unexplained_ignore::UnexplainedIgnore,
];
