//! What a run is to do, as plain data. How it is written in files or flags is not known here.

/// Which requirements are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The rows of the vendor's specification for integrating applications.
    #[default]
    Seed,
    /// Istio's own requirements.
    Istio,
}

/// Options of the rules, each rule's in a struct of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The profile.
    pub profile: Profile,
    /// Namespaces that are no part of the mesh, beside the system's own.
    pub exempt_namespaces: Vec<String>,
    /// Options of `host-network`.
    pub host_network: HostNetworkOptions,
    /// Options of `dns-ndots`.
    pub dns_ndots: DnsNdotsOptions,
    /// Options of `proxy-uid`.
    pub proxy_uid: ProxyUidOptions,
}

/// Options of `host-network`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostNetworkOptions {
    /// Names of workloads and images that may use the node's network, as globs (`*`).
    pub allow: Vec<String>,
    /// Labels node agents as outside the mesh.
    pub explicit_opt_out: bool,
    /// Removes host ports that equal their container port together with `hostNetwork`.
    pub drop_host_ports: bool,
}

/// Options of `dns-ndots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsNdotsOptions {
    /// Writes the defaults out where nothing is written.
    pub explicit: bool,
    /// The value that is required.
    pub value: String,
}

impl Default for DnsNdotsOptions {
    fn default() -> Self {
        DnsNdotsOptions { explicit: false, value: "5".to_owned() }
    }
}

/// Options of `proxy-uid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUidOptions {
    /// The user and group that take the place of 1337.
    pub replacement: i64,
    /// Takes the fields out instead of changing them.
    pub remove: bool,
}

impl Default for ProxyUidOptions {
    fn default() -> Self {
        ProxyUidOptions { replacement: 10_001, remove: false }
    }
}
