//! The options of rules. A new one is a line here: the reader, the JSON Schema and the documentation follow.

use super::key::{Is, Key, Numbers, One, Part, Texts, Without};
use super::keys::{DOMAIN, GLOB, LABEL_VALUE, TEXT, is_domain, is_host, is_label};
use super::{
    AppLabelOptions, ClusterDriftOptions, Cutover, DnsNdotsOptions, EnvoyBaseIdOptions, ExposedServiceOptions,
    GatewayApi, GatewayMode, GeneratedProbe, HealthProbeOptions, HostNetworkOptions, InitNetworkOptions,
    JobCompletionOptions, JobStrategy, MeshRetryOptions, MixedVirtualServiceOptions, Options, PortProtocolOptions,
    PortStyle, ProxyUidOptions, ReservedPortOptions, Retries, Safety, SourceRanges, StartOrderOptions, TlsMode,
    TraceContextOptions, TraceMode, VersionLabelOptions, VersionValue, WithoutService,
};

use Without::{Default, Unset};

/// The options of each rule that has some, by its name.
pub(super) const RULES: &[(&str, &dyn Part<Options>)] = &[
    ("app-label", &One { keys: APP_LABEL, part: |options: &mut Options| &mut options.app_label }),
    ("cluster-drift", &One { keys: CLUSTER_DRIFT, part: |options: &mut Options| &mut options.cluster_drift }),
    ("dns-ndots", &One { keys: DNS_NDOTS, part: |options: &mut Options| &mut options.dns_ndots }),
    ("envoy-base-id", &One { keys: ENVOY_BASE_ID, part: |options: &mut Options| &mut options.envoy_base_id }),
    ("exposed-service", &One { keys: EXPOSED_SERVICE, part: |options: &mut Options| &mut options.exposed_service }),
    ("health-probe", &One { keys: HEALTH_PROBE, part: |options: &mut Options| &mut options.health_probe }),
    ("host-network", &One { keys: HOST_NETWORK, part: |options: &mut Options| &mut options.host_network }),
    ("init-network", &One { keys: INIT_NETWORK, part: |options: &mut Options| &mut options.init_network }),
    ("job-completion", &One { keys: JOB_COMPLETION, part: |options: &mut Options| &mut options.job_completion }),
    ("mesh-retry", &One { keys: MESH_RETRY, part: |options: &mut Options| &mut options.mesh_retry }),
    (
        "mixed-virtual-service",
        &One { keys: MIXED_VIRTUAL_SERVICE, part: |options: &mut Options| &mut options.mixed_virtual_service },
    ),
    ("port-protocol", &One { keys: PORT_PROTOCOL, part: |options: &mut Options| &mut options.port_protocol }),
    ("proxy-uid", &One { keys: PROXY_UID, part: |options: &mut Options| &mut options.proxy_uid }),
    ("reserved-port", &One { keys: RESERVED_PORT, part: |options: &mut Options| &mut options.reserved_port }),
    ("start-order", &One { keys: START_ORDER, part: |options: &mut Options| &mut options.start_order }),
    ("trace-context", &One { keys: TRACE_CONTEXT, part: |options: &mut Options| &mut options.trace_context }),
    ("version-label", &One { keys: VERSION_LABEL, part: |options: &mut Options| &mut options.version_label }),
];

const APP_LABEL: &[Key<AppLabelOptions>] = &[
    Key {
        name: "canonical",
        is: Is::Flag(|options, value| options.canonical = value),
        without: Default("false"),
        help: "sets `service.istio.io/canonical-name` where `app` can't be changed or does not count",
    },
    Key {
        name: "withoutService",
        is: Is::Word(&[
            ("skip", |options| options.without_service = WithoutService::Skip),
            ("workload-name", |options| options.without_service = WithoutService::WorkloadName),
        ]),
        without: Default("\"skip\""),
        help: "what is done for pods that no Service selects: nothing, or `app` gets the workload's name",
    },
];

const CLUSTER_DRIFT: &[Key<ClusterDriftOptions>] = &[Key {
    name: "reference",
    is: Is::Text(&TEXT, |options, text| options.reference = Some(text)),
    without: Unset("none"),
    help: "the cluster whose declared protocols the others take",
}];

/// The resolver caps `ndots` at 15 (resolv.conf(5)).
const NDOTS: Texts = Texts {
    what: "a number from 0 to 15 in quotes",
    pattern: "^(1[0-5]|[0-9])$",
    accepts: |text| text.parse::<u8>().is_ok_and(|dots| dots <= 15 && dots.to_string() == text),
};

const DNS_NDOTS: &[Key<DnsNdotsOptions>] = &[
    Key {
        name: "explicit",
        is: Is::Flag(|options, value| options.explicit = value),
        without: Default("false"),
        help: "writes the defaults out where nothing is written",
    },
    Key {
        name: "value",
        is: Is::Text(&NDOTS, |options, text| options.value = text),
        without: Default("\"5\""),
        help: "the value that is required",
    },
];

const ENVOY_BASE_ID: &[Key<EnvoyBaseIdOptions>] = &[
    Key {
        name: "start",
        is: Is::Number(&Numbers { from: 1, to: 65_535, but: None }, |options, number| {
            options.start = u32::try_from(number).unwrap_or_default();
        }),
        without: Default("1"),
        help: "the base id of the first Envoy of a pod",
    },
    Key {
        name: "images",
        is: Is::TextList(&GLOB, |options, globs| options.images = globs),
        without: Unset("none"),
        help: "images that run Envoy, beside the well-known ones",
    },
];

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

const EXPOSED_SERVICE: &[Key<ExposedServiceOptions>] = &[
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
        without: Default("\"shared\""),
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
        without: Default("80"),
        help: "the gateway's port for HTTP",
    },
    Key {
        name: "httpsPort",
        is: Is::Number(&PORT, |options, number| options.https_port = u16::try_from(number).unwrap_or_default()),
        without: Default("443"),
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
        without: Default("\"SIMPLE\""),
        help: "how the gateway ends TLS",
    },
    Key {
        name: "httpsRedirect",
        is: Is::Flag(|options, value| options.https_redirect = value),
        without: Default("false"),
        help: "sends clients from HTTP to HTTPS",
    },
    Key {
        name: "api",
        is: Is::Word(&[
            ("istio", |options| options.api = GatewayApi::Istio),
            ("gateway-api", |options| options.api = GatewayApi::GatewayApi),
        ]),
        without: Default("\"istio\""),
        help: "what is written: Istio's Gateway and VirtualService, or Gateway and routes of the Gateway API",
    },
    Key {
        name: "gatewayClassName",
        is: Is::Text(&DOMAIN, |options, text| options.gateway_class_name = text),
        without: Default("\"istio\""),
        help: "the class of a Gateway of the Gateway API",
    },
    Key {
        name: "cutover",
        is: Is::Word(&[
            ("node-port", |options| options.cutover = Cutover::NodePort),
            ("all", |options| options.cutover = Cutover::All),
            ("none", |options| options.cutover = Cutover::None),
        ]),
        without: Default("\"node-port\""),
        help: "which Services stop being reachable the old way: with its type a LoadBalancer loses its address",
    },
    Key {
        name: "sourceRanges",
        is: Is::Word(&[
            ("refuse", |options| options.source_ranges = SourceRanges::Refuse),
            ("authorization-policy", |options| options.source_ranges = SourceRanges::AuthorizationPolicy),
        ]),
        without: Default("\"refuse\""),
        help: "what becomes of `loadBalancerSourceRanges`: such a Service is left alone, or an AuthorizationPolicy at \
               the gateway takes their place",
    },
    Key {
        name: "pruneAnnotations",
        is: Is::Flag(|options, value| options.prune_annotations = value),
        without: Default("false"),
        help: "takes annotations of cloud providers out that mean nothing after the cut-over",
    },
    Key {
        name: "suffix",
        is: Is::Text(&SUFFIX, |options, text| options.suffix = text),
        without: Default("\"-external\""),
        help: "what the names of new routes end with",
    },
    Key {
        name: "outputFile",
        is: Is::Text(&FILE_TEMPLATE, |options, text| options.output_file = Some(text)),
        without: Unset("`{service}-external.yaml`"),
        help: "the file of the new resources, in the Service's folder",
    },
];

const HEALTH_PROBE: &[Key<HealthProbeOptions>] = &[Key {
    name: "generate",
    is: Is::Word(&[
        ("none", |options| options.generate = GeneratedProbe::None),
        ("tcp", |options| options.generate = GeneratedProbe::Tcp),
    ]),
    without: Default("\"none\""),
    help: "the readiness probe that is written where there is none: `tcp` asks whether the port is open",
}];

const HOST_NETWORK: &[Key<HostNetworkOptions>] = &[
    Key {
        name: "allow",
        is: Is::TextList(&GLOB, |options, globs| options.allow = globs),
        without: Unset("none"),
        help: "names of workloads and images that may use the node's network",
    },
    Key {
        name: "explicitOptOut",
        is: Is::Flag(|options, value| options.explicit_opt_out = value),
        without: Default("false"),
        help: "labels node agents as outside the mesh",
    },
    Key {
        name: "dropHostPorts",
        is: Is::Flag(|options, value| options.drop_host_ports = value),
        without: Default("false"),
        help: "removes host ports that equal their container port together with `hostNetwork`",
    },
];

const INIT_NETWORK: &[Key<InitNetworkOptions>] = &[Key {
    name: "cni",
    is: Is::Flag(|options, value| options.cni = Some(value)),
    without: Unset("not known"),
    help: "whether Istio's CNI plugin redirects traffic",
}];

const JOB_COMPLETION: &[Key<JobCompletionOptions>] = &[Key {
    name: "strategy",
    is: Is::Word(&[
        ("report", |options| options.strategy = JobStrategy::Report),
        ("opt-out", |options| options.strategy = JobStrategy::OptOut),
        ("native", |options| options.strategy = JobStrategy::Native),
        ("quit", |options| options.strategy = JobStrategy::Quit),
    ]),
    without: Default("\"report\""),
    help: "how Jobs end beside a proxy: not at all, outside the mesh, with a native sidecar, or by stopping the proxy",
}];

const MESH_RETRY: &[Key<MeshRetryOptions>] = &[Key {
    name: "retries",
    is: Is::Part(&One {
        keys: RETRIES,
        part: |options: &mut MeshRetryOptions| options.retries.get_or_insert_with(Retries::default),
    }),
    without: Unset("Istio's own: two for connections that fail"),
    help: "the retries of routes inside the mesh, as Istio's `HTTPRetry` has them",
}];

/// Durations as Istio takes them.
const DURATION: Texts = Texts {
    what: "a duration like `2s`",
    pattern: "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
    accepts: |text| {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        let unit = &text[digits.len()..];
        let is_number = digits.parse::<f64>().is_ok_and(|number| number > 0.0);
        is_number
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && ["ms", "s", "m", "h"].contains(&unit)
    },
};

const RETRIES: &[Key<Retries>] = &[
    Key {
        name: "attempts",
        is: Is::Number(&Numbers { from: 0, to: 100, but: None }, |retries, number| {
            retries.attempts = u32::try_from(number).ok();
        }),
        without: Unset("Istio's own"),
        help: "how often a request is sent again",
    },
    Key {
        name: "perTryTimeout",
        is: Is::Text(&DURATION, |retries, text| retries.per_try_timeout = Some(text)),
        without: Unset("the route's timeout"),
        help: "how long each try may take",
    },
    Key {
        name: "retryOn",
        is: Is::Text(&TEXT, |retries, text| retries.retry_on = Some(text)),
        without: Unset("Istio's own"),
        help: "what is tried again, as Envoy's `x-envoy-retry-on` has it",
    },
];

const MIXED_VIRTUAL_SERVICE: &[Key<MixedVirtualServiceOptions>] = &[Key {
    name: "keepPublicInMesh",
    is: Is::Flag(|options, value| options.keep_public_in_mesh = value),
    without: Default("true"),
    help: "calls from inside the mesh to a public host stay inside",
}];

const PORT_PROTOCOL: &[Key<PortProtocolOptions>] = &[
    Key {
        name: "style",
        is: Is::Word(&[
            ("appProtocol", |options| options.style = PortStyle::AppProtocol),
            ("name", |options| options.style = PortStyle::Name),
            ("both", |options| options.style = PortStyle::Both),
        ]),
        without: Default("\"appProtocol\""),
        help: "where a protocol is declared: in the field for it, in front of the port's name, or in both",
    },
    Key {
        name: "http",
        is: Is::Word(&[
            ("unsafe", |options| options.http = Safety::Unsafe),
            ("safe", |options| options.http = Safety::Safe),
        ]),
        without: Default("\"unsafe\""),
        help: "how safe it is to declare HTTP and its kin; headless Services stay unsafe",
    },
];

const PROXY_UID: &[Key<ProxyUidOptions>] = &[
    Key {
        name: "replacement",
        is: Is::Number(
            &Numbers { from: 1, to: 4_294_967_294, but: Some((1337, 1337, "the proxy's own user")) },
            |options, number| options.replacement = number,
        ),
        without: Default("10001"),
        help: "the user and group that take the place of 1337",
    },
    Key {
        name: "strategy",
        is: Is::Word(&[("replace", |options| options.remove = false), ("remove", |options| options.remove = true)]),
        without: Default("\"replace\""),
        help: "another number, or no number: then the image decides",
    },
];

const PORT: Numbers = Numbers { from: 1, to: 65_535, but: None };

const RESERVED_PORT: &[Key<ReservedPortOptions>] = &[
    Key {
        name: "portMap",
        is: Is::PortMap(|options, map| options.port_map = map),
        without: Unset("none"),
        help: "the new number for a port, where it is not to be chosen",
    },
    Key {
        name: "portBase",
        is: Is::Number(
            // Above lie the node ports, which are never chosen.
            &Numbers { from: 1024, to: 29_900, but: Some((15_000, 15_090, "one that the mesh reserves")) },
            |options, number| options.port_base = u16::try_from(number).unwrap_or_default(),
        ),
        without: Default("18000"),
        help: "where chosen ports start: port 15000 becomes this one, 15001 the next",
    },
    Key {
        name: "extraPorts",
        is: Is::NumberList(&PORT, |options, numbers| {
            options.extra_ports = numbers.into_iter().filter_map(|number| u16::try_from(number).ok()).collect();
        }),
        without: Unset("none"),
        help: "ports that this mesh reserves beside the profile's",
    },
];

const START_ORDER: &[Key<StartOrderOptions>] = &[Key {
    name: "annotate",
    is: Is::Flag(|options, value| options.annotate = value),
    without: Default("false"),
    help: "makes each pod wait for its proxy",
}];

const TRACE_CONTEXT: &[Key<TraceContextOptions>] = &[
    Key {
        name: "mode",
        is: Is::Word(&[
            ("none", |options| options.mode = TraceMode::None),
            ("sdk-env", |options| options.mode = TraceMode::SdkEnv),
            ("instrumentation", |options| options.mode = TraceMode::Instrumentation),
            ("telemetry", |options| options.mode = TraceMode::Telemetry),
        ]),
        without: Default("\"none\""),
        help: "what is set up: the environment of an OpenTelemetry SDK, the annotation of the OpenTelemetry operator, \
               or a Telemetry resource",
    },
    Key {
        name: "endpoint",
        is: Is::Text(&TEXT, |options, text| options.endpoint = Some(text)),
        without: Unset("none"),
        help: "where traces go (`OTEL_EXPORTER_OTLP_ENDPOINT`)",
    },
    Key {
        name: "instrumentation",
        is: Is::Text(&TEXT, |options, text| options.instrumentation = Some(text)),
        without: Unset("none"),
        help: "the `Instrumentation` of the OpenTelemetry operator: `\"true\"`, a name, or namespace/name",
    },
    Key {
        name: "provider",
        is: Is::Text(&TEXT, |options, text| options.provider = Some(text)),
        without: Unset("none"),
        help: "the mesh's tracing provider (`meshConfig.extensionProviders`)",
    },
];

const VERSION_LABEL: &[Key<VersionLabelOptions>] = &[
    Key {
        name: "value",
        is: Is::Word(&[
            ("present", |options| options.value = VersionValue::Present),
            ("service-name", |options| options.value = VersionValue::ServiceName),
        ]),
        without: Default("\"present\""),
        help: "what is required: a value, distinct for each workload behind one Service, or the Service's name",
    },
    Key {
        name: "default",
        is: Is::Text(&LABEL_VALUE, |options, text| options.default = text),
        without: Default("\"v1\""),
        help: "the version of a workload that stands alone behind its Service",
    },
];
