//! The options of rules. A new one is a line here: the reader, the JSON Schema and the documentation follow.

use super::exposed_service::EXPOSED_SERVICE;
use super::key::{Is, Key, Numbers, One, Part, Texts, Without};
use super::keys::{GLOB, LABEL_VALUE, TEXT};
use super::{
    AppLabelOptions, ClusterDriftOptions, DnsNdotsOptions, EnvoyBaseIdOptions, GeneratedProbe, HealthProbeOptions,
    HostNetworkOptions, InitNetworkOptions, JobCompletionOptions, JobStrategy, MeshRetryOptions,
    MixedVirtualServiceOptions, Options, PortProtocolOptions, PortStyle, ProxyUidOptions, ReservedPortOptions, Retries,
    Safety, StartOrderOptions, TraceContextOptions, TraceMode, VersionLabelOptions, VersionValue, WithoutService,
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

pub(super) const PORT: Numbers = Numbers { from: 1, to: 65_535, but: None };

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
