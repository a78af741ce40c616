//! The options of `exposed-service`, and the keys that they are written with.

use std::collections::BTreeMap;

use super::key::{Is, Key, Texts, Without};
use super::keys::{DOMAIN, LABEL_VALUE, is_domain, is_host, is_label};
use super::rule_keys::PORT;

use Without::{Default as DefaultsTo, Unset};

/// Options of `exposed-service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedServiceOptions {
    /// A public name with `{service}` and `{namespace}` in it.
    pub host_template: Option<String>,
    /// The public names of the one Service that is exposed.
    pub hosts: Vec<String>,
    /// The labels of the gateway's pods; empty where the manifests tell.
    pub gateway_selector: BTreeMap<String, String>,
    /// The namespace of the gateway's pods, where the manifests don't tell.
    pub gateway_pod_namespace: Option<String>,
    /// The container port of the gateway's pods behind each server port, where the manifests don't tell.
    pub gateway_target_ports: BTreeMap<u16, u16>,
    /// Which Gateway carries the servers.
    pub mode: GatewayMode,
    /// The Gateway's namespace; `None` is the Service's.
    pub gateway_namespace: Option<String>,
    /// The Gateway's name; `None` follows the mode.
    pub gateway_name: Option<String>,
    /// The server port of HTTP.
    pub http_port: u16,
    /// The server port of HTTPS and of TLS that the application ends.
    pub https_port: u16,
    /// The server port of a Service's port, by `<namespace>/<service>:<port>`.
    pub port_map: BTreeMap<String, u16>,
    /// The Secret with the certificate, a template as `host_template`.
    pub credential_name: Option<String>,
    /// How the gateway ends TLS.
    pub tls_mode: TlsMode,
    /// Whether HTTP is sent to HTTPS.
    pub https_redirect: bool,
    /// Which API is written.
    pub api: GatewayApi,
    /// The class of a Gateway API Gateway.
    pub gateway_class_name: String,
    /// Which Services stop being reachable the old way.
    pub cutover: Cutover,
    /// What becomes of `loadBalancerSourceRanges`.
    pub source_ranges: SourceRanges,
    /// Takes annotations of cloud providers out that mean nothing after the cut-over.
    pub prune_annotations: bool,
    /// What the names of new routes end with.
    pub suffix: String,
    /// The file of new resources, a template as `host_template`, beside the Service; `None` is
    /// `{service}` with the suffix.
    pub output_file: Option<String>,
}

impl Default for ExposedServiceOptions {
    fn default() -> Self {
        ExposedServiceOptions {
            host_template: None,
            hosts: Vec::new(),
            gateway_selector: BTreeMap::new(),
            gateway_pod_namespace: None,
            gateway_target_ports: BTreeMap::new(),
            mode: GatewayMode::Shared,
            gateway_namespace: None,
            gateway_name: None,
            http_port: 80,
            https_port: 443,
            port_map: BTreeMap::new(),
            credential_name: None,
            tls_mode: TlsMode::Simple,
            https_redirect: false,
            api: GatewayApi::Istio,
            gateway_class_name: "istio".to_owned(),
            cutover: Cutover::NodePort,
            source_ranges: SourceRanges::Refuse,
            prune_annotations: false,
            suffix: "-external".to_owned(),
            output_file: None,
        }
    }
}

/// Which Gateway carries the servers of `exposed-service`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GatewayMode {
    /// One for all Services of a namespace.
    #[default]
    Shared,
    /// One for each Service.
    PerService,
    /// One that is there already: its namespace and its name.
    Existing(String, String),
}

/// How a gateway ends TLS, as Istio's `ServerTLSSettings` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// With its own certificate.
    #[default]
    Simple,
    /// It asks clients for theirs too.
    Mutual,
    /// It asks, and takes clients without one.
    OptionalMutual,
}

/// Which API `exposed-service` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GatewayApi {
    /// Istio's Gateway and VirtualService.
    #[default]
    Istio,
    /// The Kubernetes Gateway API.
    GatewayApi,
}

/// Which Services stop being reachable the old way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cutover {
    /// Those of type NodePort; the address of a LoadBalancer would go with its type.
    #[default]
    NodePort,
    /// All.
    All,
    /// None.
    None,
}

/// What becomes of the clients that `loadBalancerSourceRanges` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceRanges {
    /// Such a Service is left alone.
    #[default]
    Refuse,
    /// An AuthorizationPolicy at the gateway refuses all others.
    AuthorizationPolicy,
}

/// Public names that are made for each Service.
const HOST_TEMPLATE: Texts = Texts {
    what: "a name with `{service}` and `{namespace}` in it, like `{service}.example.com`",
    pattern: "^([a-z0-9.-]|\\{service\\}|\\{namespace\\})+$",
    accepts: |text| is_domain(&text.replace("{service}", "s").replace("{namespace}", "n")),
};

/// Public names.
const HOST: Texts = Texts {
    what: "a public name, `*.example.com` or `*`",
    pattern: "^(\\*|(\\*\\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$",
    accepts: is_host,
};

/// Names of resources.
const NAME: Texts = Texts {
    what: "a name of small letters, digits and `-`",
    pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    accepts: is_label,
};

/// Names of resources that are made for each Service.
const NAME_TEMPLATE: Texts = Texts {
    what: "a name, with `{service}` and `{namespace}` in it where it differs",
    pattern: "^([a-z0-9.-]|\\{service\\}|\\{namespace\\})+$",
    accepts: |text| is_domain(&text.replace("{service}", "s").replace("{namespace}", "n")),
};

/// Keys of labels (apimachinery, `IsQualifiedName`).
const LABEL_KEY: Texts = Texts {
    what: "the key of a label",
    pattern: "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    accepts: |text| {
        let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
        prefix.is_none_or(is_domain) && (LABEL_VALUE.accepts)(name)
    },
};

/// Names of Services' ports.
const SERVICE_PORT: Texts = Texts {
    what: "`namespace/service:port`",
    pattern: "^[a-z0-9-]+/[a-z0-9.-]+:[1-9][0-9]*$",
    accepts: |text| {
        let parts = text.split_once('/').and_then(|(namespace, rest)| Some((namespace, rest.split_once(':')?)));
        parts.is_some_and(|(namespace, (service, port))| {
            is_label(namespace) && is_domain(service) && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    },
};

/// Where the servers stand.
const GATEWAY_MODE: Texts = Texts {
    what: "`shared`, `per-service` or `existing:namespace/name`",
    pattern: "^(shared|per-service|existing:[a-z0-9-]+/[a-z0-9-]+)$",
    accepts: |text| gateway_mode(text).is_some(),
};

fn gateway_mode(text: &str) -> Option<GatewayMode> {
    match text {
        "shared" => Some(GatewayMode::Shared),
        "per-service" => Some(GatewayMode::PerService),
        other => {
            let (namespace, name) = other.strip_prefix("existing:")?.split_once('/')?;
            let is_name = is_label(namespace) && is_label(name);
            is_name.then(|| GatewayMode::Existing(namespace.to_owned(), name.to_owned()))
        }
    }
}

/// The ends of names.
const SUFFIX: Texts = Texts {
    what: "the end of a name, like `-external`",
    pattern: "^-[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
    accepts: |text| text.starts_with('-') && is_label(&format!("a{text}")),
};

/// Names of files that are made for each Service.
const FILE_TEMPLATE: Texts = Texts {
    what: "the name of a file that ends with `.yaml` or `.yml`, with `{service}` in it",
    pattern: "^[A-Za-z0-9_{}.-]*\\{service\\}[A-Za-z0-9_{}.-]*\\.ya?ml$",
    accepts: |text| {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_{}.-".contains(letter);
        let is_yaml = text.ends_with(".yaml") || text.ends_with(".yml");
        is_yaml && text.contains("{service}") && !text.starts_with('.') && text.chars().all(is_name)
    },
};

pub(super) const EXPOSED_SERVICE: &[Key<ExposedServiceOptions>] = &[
    Key {
        name: "hostTemplate",
        is: Is::Text(&HOST_TEMPLATE, |options, text| options.host_template = Some(text)),
        without: Unset("none"),
        help: "the public name of each exposed Service that has no name of its own by annotation or Ingress",
    },
    Key {
        name: "hosts",
        is: Is::TextList(&HOST, |options, hosts| options.hosts = hosts),
        without: Unset("none"),
        help: "the public names of the one Service that is exposed",
    },
    Key {
        name: "gatewaySelector",
        is: Is::TextMap(&LABEL_KEY, &LABEL_VALUE, |options, labels| options.gateway_selector = labels),
        without: Unset("that of the one gateway in the files"),
        help: "the labels of the gateway's pods",
    },
    Key {
        name: "gatewayPodNamespace",
        is: Is::Text(&NAME, |options, text| options.gateway_pod_namespace = Some(text)),
        without: Unset("that of the gateway in the files"),
        help: "the namespace of the gateway's pods",
    },
    Key {
        name: "gatewayTargetPorts",
        is: Is::PortMap(|options, ports| options.gateway_target_ports = ports),
        without: Unset("those of the gateway's Service in the files"),
        help: "the container port of the gateway's pods for each server port",
    },
    Key {
        name: "mode",
        is: Is::Text(&GATEWAY_MODE, |options, text| options.mode = gateway_mode(&text).unwrap_or_default()),
        without: DefaultsTo("\"shared\""),
        help: "one Gateway for all Services of a namespace, one for each, or one that is there already",
    },
    Key {
        name: "gatewayNamespace",
        is: Is::Text(&NAME, |options, text| options.gateway_namespace = Some(text)),
        without: Unset("the Service's"),
        help: "the namespace of new Gateways",
    },
    Key {
        name: "gatewayName",
        is: Is::Text(&NAME, |options, text| options.gateway_name = Some(text)),
        without: Unset("`<namespace>-gateway`, or `<service>-gateway` for one each"),
        help: "the name of a new Gateway",
    },
    Key {
        name: "httpPort",
        is: Is::Number(&PORT, |options, number| options.http_port = u16::try_from(number).unwrap_or_default()),
        without: DefaultsTo("80"),
        help: "the gateway's port for HTTP",
    },
    Key {
        name: "httpsPort",
        is: Is::Number(&PORT, |options, number| options.https_port = u16::try_from(number).unwrap_or_default()),
        without: DefaultsTo("443"),
        help: "the gateway's port for HTTPS, and for TLS that the application ends",
    },
    Key {
        name: "portMap",
        is: Is::PortByName(&SERVICE_PORT, |options, ports| options.port_map = ports),
        without: Unset("none"),
        help: "the gateway's port for a Service's port",
    },
    Key {
        name: "credentialName",
        is: Is::Text(&NAME_TEMPLATE, |options, text| options.credential_name = Some(text)),
        without: Unset("none"),
        help: "the Secret with the certificate, in the namespace of the gateway's pods: the gateway ends TLS",
    },
    Key {
        name: "tlsMode",
        is: Is::Word(&[
            ("SIMPLE", |options| options.tls_mode = TlsMode::Simple),
            ("MUTUAL", |options| options.tls_mode = TlsMode::Mutual),
            ("OPTIONAL_MUTUAL", |options| options.tls_mode = TlsMode::OptionalMutual),
        ]),
        without: DefaultsTo("\"SIMPLE\""),
        help: "how the gateway ends TLS",
    },
    Key {
        name: "httpsRedirect",
        is: Is::Flag(|options, value| options.https_redirect = value),
        without: DefaultsTo("false"),
        help: "sends clients from HTTP to HTTPS",
    },
    Key {
        name: "api",
        is: Is::Word(&[
            ("istio", |options| options.api = GatewayApi::Istio),
            ("gateway-api", |options| options.api = GatewayApi::GatewayApi),
        ]),
        without: DefaultsTo("\"istio\""),
        help: "what is written: Istio's Gateway and VirtualService, or Gateway and routes of the Gateway API",
    },
    Key {
        name: "gatewayClassName",
        is: Is::Text(&DOMAIN, |options, text| options.gateway_class_name = text),
        without: DefaultsTo("\"istio\""),
        help: "the class of a Gateway of the Gateway API",
    },
    Key {
        name: "cutover",
        is: Is::Word(&[
            ("node-port", |options| options.cutover = Cutover::NodePort),
            ("all", |options| options.cutover = Cutover::All),
            ("none", |options| options.cutover = Cutover::None),
        ]),
        without: DefaultsTo("\"node-port\""),
        help: "which Services stop being reachable the old way: with its type a LoadBalancer loses its address",
    },
    Key {
        name: "sourceRanges",
        is: Is::Word(&[
            ("refuse", |options| options.source_ranges = SourceRanges::Refuse),
            ("authorization-policy", |options| options.source_ranges = SourceRanges::AuthorizationPolicy),
        ]),
        without: DefaultsTo("\"refuse\""),
        help: "what becomes of `loadBalancerSourceRanges`: such a Service is left alone, or an AuthorizationPolicy at \
               the gateway takes their place",
    },
    Key {
        name: "pruneAnnotations",
        is: Is::Flag(|options, value| options.prune_annotations = value),
        without: DefaultsTo("false"),
        help: "takes annotations of cloud providers out that mean nothing after the cut-over",
    },
    Key {
        name: "suffix",
        is: Is::Text(&SUFFIX, |options, text| options.suffix = text),
        without: DefaultsTo("\"-external\""),
        help: "what the names of new routes end with",
    },
    Key {
        name: "outputFile",
        is: Is::Text(&FILE_TEMPLATE, |options, text| options.output_file = Some(text)),
        without: Unset("`{service}-external.yaml`"),
        help: "the file of the new resources, in the Service's folder",
    },
];
