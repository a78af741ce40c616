//! What a run is to do, as plain data, and the one schema that it is written in: `meshfix.yaml`, a KRM functionConfig
//! and Argo CD parameters are read by the same keys. A configuration names no command, no output and no place outside
//! its own folder, and it can't switch the proof off.

mod check;
mod cidr;
mod exposed_service;
mod key;
mod keys;
mod places;
mod read;
mod rule_keys;
mod schema;
mod strings;
mod value;

use std::collections::BTreeMap;

pub use cidr::Cidr;
pub use exposed_service::{Cutover, ExposedServiceOptions, GatewayApi, GatewayMode, SourceRanges, TlsMode};
pub use keys::is_host;
pub use places::{Places, below};
pub use read::{API_VERSION, KIND, Problem, read, read_node, read_plugin, read_value};
pub use schema::{schema, table};
pub use strings::{Text, read_strings};

/// The word for no rule at all, in place of a list of rules.
pub const NONE: &str = "none";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Advice.
    Info,
    /// The workload loses features of the mesh.
    Warning,
    /// The workload breaks in a mesh, or stays outside it.
    Error,
}

impl Level {
    /// The level as users write and read it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// Whether a fix can be applied without a person looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// Right in most cases, but it can break something outside the input.
    Unsafe,
    /// The same meaning for every client and for rollback.
    Safe,
}

impl Safety {
    /// The safety as users write and read it.
    pub fn name(self) -> &'static str {
        match self {
            Safety::Unsafe => "unsafe",
            Safety::Safe => "safe",
        }
    }
}

/// Which requirements are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The rows of the vendor's specification for integrating applications.
    #[default]
    Seed,
    /// Istio's own requirements.
    Istio,
}

/// A release of Istio or Kubernetes: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32);

/// Whether sidecars are native: init containers that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NativeSidecars {
    /// As the releases of Istio and Kubernetes have it.
    #[default]
    Auto,
    /// They are.
    On,
    /// They are not.
    Off,
}

/// What a configuration says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The options of the run and of its rules.
    pub options: Options,
    /// The rules that are run, or [`NONE`]; all where the list is empty.
    pub select: Vec<String>,
    /// Rules that are not run.
    pub ignore: Vec<String>,
    /// Lowest level of an open finding that counts as a failure, where it says so.
    pub fail_on: Option<Level>,
    /// Includes unsafe fixes.
    pub unsafe_fixes: bool,
    /// Whether a function or plugin changes anything.
    pub mode: Mode,
}

/// What a function or plugin does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Fixes it.
    #[default]
    Fix,
    /// Only reports.
    Check,
}

/// Options of a run and of its rules, each rule's in a struct of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The profile.
    pub profile: Profile,
    /// The mesh's release; `None` stands for the newest.
    pub istio_version: Option<Version>,
    /// The clusters' release; `None` stands for the newest.
    pub kubernetes_version: Option<Version>,
    /// Whether sidecars are native.
    pub native_sidecars: NativeSidecars,
    /// What is no part of the mesh, beside what belongs to the system and to the mesh itself.
    pub exempt: Exempt,
    /// Where files lie: all folders and paths here start at the configuration's folder.
    pub places: Places,
    /// Applications by name: the folder of each is a scope of its own.
    pub apps: BTreeMap<String, String>,
    /// Clusters by name: the folder of each is a scope of its own.
    pub clusters: BTreeMap<String, String>,
    /// Findings that are not to be reported.
    pub ignores: Vec<Ignore>,
    /// The safety of a rule's fixes, where a team has decided it for itself.
    pub safety: BTreeMap<String, Safety>,
    /// Rules of the user's own.
    pub transforms: Vec<UserTransform>,
    /// The domain of the clusters' own names.
    pub cluster_domain: String,
    /// Addresses of pods; empty stands for all private ones.
    pub pod_cidrs: Vec<Cidr>,
    /// Addresses of Services, which are none of pods.
    pub service_cidrs: Vec<Cidr>,
    /// Options of `app-label`.
    pub app_label: AppLabelOptions,
    /// Options of `cluster-drift`.
    pub cluster_drift: ClusterDriftOptions,
    /// Options of `dns-ndots`.
    pub dns_ndots: DnsNdotsOptions,
    /// Options of `envoy-base-id`.
    pub envoy_base_id: EnvoyBaseIdOptions,
    /// Options of `exposed-service`.
    pub exposed_service: ExposedServiceOptions,
    /// Options of `health-probe`.
    pub health_probe: HealthProbeOptions,
    /// Options of `host-network`.
    pub host_network: HostNetworkOptions,
    /// Options of `init-network`.
    pub init_network: InitNetworkOptions,
    /// Options of `job-completion`.
    pub job_completion: JobCompletionOptions,
    /// Options of `mesh-retry`.
    pub mesh_retry: MeshRetryOptions,
    /// Options of `mixed-virtual-service`.
    pub mixed_virtual_service: MixedVirtualServiceOptions,
    /// Options of `port-protocol`.
    pub port_protocol: PortProtocolOptions,
    /// Options of `proxy-uid`.
    pub proxy_uid: ProxyUidOptions,
    /// Options of `reserved-port`.
    pub reserved_port: ReservedPortOptions,
    /// Options of `start-order`.
    pub start_order: StartOrderOptions,
    /// Options of `trace-context`.
    pub trace_context: TraceContextOptions,
    /// Options of `version-label`.
    pub version_label: VersionLabelOptions,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            profile: Default::default(),
            istio_version: Default::default(),
            kubernetes_version: Default::default(),
            native_sidecars: Default::default(),
            exempt: Default::default(),
            places: Default::default(),
            apps: Default::default(),
            clusters: Default::default(),
            ignores: Default::default(),
            safety: Default::default(),
            transforms: Default::default(),
            cluster_domain: "cluster.local".to_owned(),
            pod_cidrs: Default::default(),
            service_cidrs: Default::default(),
            app_label: Default::default(),
            cluster_drift: Default::default(),
            dns_ndots: Default::default(),
            envoy_base_id: Default::default(),
            exposed_service: Default::default(),
            health_probe: Default::default(),
            host_network: Default::default(),
            init_network: Default::default(),
            job_completion: Default::default(),
            mesh_retry: Default::default(),
            mixed_virtual_service: Default::default(),
            port_protocol: Default::default(),
            proxy_uid: Default::default(),
            reserved_port: Default::default(),
            start_order: Default::default(),
            trace_context: Default::default(),
            version_label: Default::default(),
        }
    }
}

impl Options {
    /// Whether sidecars are native; `None` where the configuration leaves it open.
    ///
    /// Istio makes them so from 1.27 on (`ENABLE_NATIVE_SIDECARS`) where all kubelets are 1.33 or newer.
    pub fn sidecars_are_native(&self) -> Option<bool> {
        let is_old = |version: Option<Version>, since: Version| version.map(|version| version < since);
        let istio = is_old(self.istio_version, Version(1, 27));
        let kubernetes = is_old(self.kubernetes_version, Version(1, 33));
        match (self.native_sidecars, istio, kubernetes) {
            (NativeSidecars::On, ..) => Some(true),
            (NativeSidecars::Off, ..) | (_, Some(true), _) | (_, _, Some(true)) => Some(false),
            (_, Some(false), Some(false)) => Some(true),
            _ => None,
        }
    }
}

/// What is no part of the mesh; each is a glob (`*` stands for any text).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exempt {
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Images of containers that are left alone.
    pub images: Vec<String>,
    /// Kinds of resources that are left alone.
    pub kinds: Vec<String>,
}

/// Findings that are not to be reported: of these rules, in these places. What is empty stands for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ignore {
    /// Names of rules.
    pub rules: Vec<String>,
    /// Files, as globs over their paths from the configuration's folder ([`Places::path`]).
    pub paths: Vec<String>,
    /// Kinds of resources.
    pub kind: Option<String>,
    /// Names of resources, as a glob.
    pub name: Option<String>,
    /// Namespaces, as a glob.
    pub namespace: Option<String>,
    /// Why; never empty.
    pub reason: String,
}

/// A rule of the user's own: a JSON Patch for all resources of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct UserTransform {
    /// Its name, as rules have one.
    pub id: String,
    /// What is wrong where the patch applies.
    pub message: String,
    /// Why it matters and what to do; may be empty.
    pub help: String,
    /// How bad it is.
    pub level: Level,
    /// Whether its fix needs a person.
    pub safety: Safety,
    /// What may happen outside the input when it is applied; may be empty.
    pub consequence: String,
    /// The resources it is for.
    pub target: Target,
    /// RFC 6902 operations; those with `test` are its condition.
    pub patch: json_patch::Patch,
}

/// Resources; what is `None` or empty stands for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The API group, "" for the core group.
    pub group: Option<String>,
    /// The kind.
    pub kind: Option<String>,
    /// The name, as a glob.
    pub name: Option<String>,
    /// The namespace, as a glob.
    pub namespace: Option<String>,
    /// Labels of the resource that must be equal.
    pub labels: BTreeMap<String, String>,
}

/// Options of `app-label`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppLabelOptions {
    /// Sets `service.istio.io/canonical-name` where `app` can't be changed or does not count.
    pub canonical: bool,
    /// What is done for pods that no Service selects.
    pub without_service: WithoutService,
}

/// What `app-label` does for pods that no Service selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutService {
    /// Nothing.
    #[default]
    Skip,
    /// They get the workload's name.
    WorkloadName,
}

/// Options of `version-label`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLabelOptions {
    /// What is required of the value.
    pub value: VersionValue,
    /// The version of a workload that stands alone behind its Service.
    pub default: String,
}

impl Default for VersionLabelOptions {
    fn default() -> Self {
        VersionLabelOptions { value: VersionValue::Present, default: "v1".to_owned() }
    }
}

/// What `version-label` requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionValue {
    /// A value, distinct for each workload behind one Service.
    #[default]
    Present,
    /// The Service's name: the vendor specification by the letter.
    ServiceName,
}

/// Options of `reserved-port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedPortOptions {
    /// The new number for a port, where it is not to be chosen.
    pub port_map: BTreeMap<u16, u16>,
    /// Where chosen ports start: port 15000 becomes this one.
    pub port_base: u16,
    /// Ports that this mesh reserves beside the profile's.
    pub extra_ports: Vec<u16>,
}

impl Default for ReservedPortOptions {
    fn default() -> Self {
        ReservedPortOptions { port_map: BTreeMap::new(), port_base: 18_000, extra_ports: Vec::new() }
    }
}

/// Options of `envoy-base-id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyBaseIdOptions {
    /// The base id of the first Envoy of a pod.
    pub start: u32,
    /// Images that run Envoy, as globs, beside the well-known ones.
    pub images: Vec<String>,
}

impl Default for EnvoyBaseIdOptions {
    fn default() -> Self {
        EnvoyBaseIdOptions { start: 1, images: Vec::new() }
    }
}

/// Options of `health-probe`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthProbeOptions {
    /// The readiness probe that is written where there is none.
    pub generate: GeneratedProbe,
}

/// A probe that `health-probe` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GeneratedProbe {
    /// None.
    #[default]
    None,
    /// That the port is open.
    Tcp,
}

/// Options of `start-order`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartOrderOptions {
    /// Makes each pod wait for its proxy.
    pub annotate: bool,
}

/// Options of `init-network`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InitNetworkOptions {
    /// Whether Istio's CNI plugin redirects traffic; `None` where it is not known.
    pub cni: Option<bool>,
}

/// Options of `job-completion`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobCompletionOptions {
    /// How Jobs end beside a proxy.
    pub strategy: JobStrategy,
}

/// What `job-completion` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobStrategy {
    /// It reports.
    #[default]
    Report,
    /// The Job's pods stay outside the mesh.
    OptOut,
    /// The Job's pods get a native sidecar.
    Native,
    /// The Job's command stops the proxy when it ends.
    Quit,
}

/// Options of `trace-context`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceContextOptions {
    /// How tracing is set up.
    pub mode: TraceMode,
    /// Where traces go (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub endpoint: Option<String>,
    /// The `Instrumentation` of the OpenTelemetry operator: "true", a name, or namespace/name.
    pub instrumentation: Option<String>,
    /// The mesh's tracing provider (`meshConfig.extensionProviders`).
    pub provider: Option<String>,
}

/// What `trace-context` sets up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceMode {
    /// Nothing.
    #[default]
    None,
    /// The environment of an OpenTelemetry SDK.
    SdkEnv,
    /// The annotation of the OpenTelemetry operator.
    Instrumentation,
    /// A Telemetry resource.
    Telemetry,
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

/// Options of `cluster-drift`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterDriftOptions {
    /// The cluster whose protocols the others take.
    pub reference: Option<String>,
}

/// Options of `port-protocol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortProtocolOptions {
    /// Where a protocol is declared.
    pub style: PortStyle,
    /// The safety of declaring a protocol of the http family, of a Service that is not headless.
    pub http: Safety,
}

impl Default for PortProtocolOptions {
    fn default() -> Self {
        PortProtocolOptions { style: PortStyle::AppProtocol, http: Safety::Unsafe }
    }
}

/// Where `port-protocol` declares a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortStyle {
    /// In `appProtocol`.
    #[default]
    AppProtocol,
    /// In front of the port's name.
    Name,
    /// In both.
    Both,
}

/// Options of `mesh-retry`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshRetryOptions {
    /// The retries of routes inside the mesh; `None` leaves Istio's own.
    pub retries: Option<Retries>,
}

/// Retries of a route, as Istio's `HTTPRetry` has them; what is `None` is Istio's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retries {
    /// How often.
    pub attempts: Option<u32>,
    /// How long each try may take.
    pub per_try_timeout: Option<String>,
    /// What is tried again.
    pub retry_on: Option<String>,
}

/// Options of `mixed-virtual-service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixedVirtualServiceOptions {
    /// Calls from inside the mesh to a public host stay inside.
    pub keep_public_in_mesh: bool,
}

impl Default for MixedVirtualServiceOptions {
    fn default() -> Self {
        MixedVirtualServiceOptions { keep_public_in_mesh: true }
    }
}

#[cfg(test)]
mod tests;
