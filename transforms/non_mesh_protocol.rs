use std::collections::BTreeSet;

use crate::manifest::{
    Container, Field, NodeId, Protocol, ProtocolClass, ResourceId, ServicePort, Setting, Workload, image_words,
    name_words, protocol,
};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags remote calls in protocols that the mesh can't read: bRPC, Dubbo, Thrift, Tars, Motan, SOFABolt.
    ///
    /// ## Why
    /// The mesh reads HTTP and gRPC. Any other protocol is a stream of bytes for it: it is encrypted and counted, but
    /// there are no routes, no retries, no metrics and no policies by request, and calls are balanced by connection: one
    /// long connection leads to one pod.
    ///
    /// ## Fix
    /// None: the protocol is a choice of the application. The finding stands where the protocol shows: a setting, a port by its
    /// name or its number, or an image. Until the program speaks gRPC or HTTP, declare its ports `tcp`, so that the mesh does
    /// not have to guess.
    ///
    /// ## Safety
    /// Reports only. Dubbo with `tri`, `rest` or `grpc` as its protocol is HTTP, and so is a port that its Service declares so.
    /// Databases and queues have protocols of their own, which nobody replaces: they are left alone.
    NonMeshProtocol, "non-mesh-protocol", "programs should call each other by HTTP or gRPC",
    level: Level::Warning, after: &["reserved-port"], istio: None, safety: None,
    example: include_str!("../testdata/non-mesh-protocol/dubbo/findings.txt"),
}

/// A protocol for remote calls, and how manifests show it. Names of settings are plain: words joined, in lower case.
#[derive(Debug)]
struct Remote {
    name: &'static str,
    /// What settings of its servers start with.
    settings: &'static [&'static str],
    /// Words of names of ports and images.
    words: &'static [&'static str],
    /// Whether such a word in an image is enough: the name of a framework that speaks several protocols is not.
    is_in_images: bool,
    /// Ports that nothing else uses.
    numbers: &'static [i64],
    /// Settings that choose the protocol.
    choices: &'static [&'static str],
    /// Values of these that make it HTTP.
    http: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

/// Defaults and names of settings are those of each project's own documentation.
const REMOTES: &[Remote] = &[
    Remote {
        name: "bRPC",
        settings: &["brpcport", "brpcserverport", "brpcserver", "brpclisten"],
        words: &["brpc"],
        is_in_images: true,
        numbers: &[],
        choices: &[],
        http: &[],
        instead: "a bRPC server answers HTTP and gRPC on the same port: let its clients use one of them, and declare that",
    },
    Remote {
        name: "Dubbo",
        settings: &["dubboprotocolport", "dubboprotocolname", "dubboprotocolsdubbo", "dubboporttobind"],
        words: &["dubbo"],
        is_in_images: false,
        numbers: &[20880],
        choices: &["dubboprotocolname", "dubboprotocol", "dubboprotocolstriname"],
        http: &["tri", "triple", "rest", "grpc", "http", "h2c"],
        instead: "Dubbo's protocol `tri` (Triple) is HTTP/2: set `dubbo.protocol.name=tri` on both sides, and declare `grpc` (a program that speaks it already needs only that)",
    },
    Remote {
        name: "Thrift",
        settings: &["thriftport", "thriftserverport", "serverthriftport", "hivemetastorethriftport"],
        words: &["thrift"],
        is_in_images: true,
        numbers: &[],
        choices: &["thrifttransport", "hiveserver2transportmode"],
        http: &["http"],
        instead: "serve gRPC, or Thrift over HTTP where the server has that transport, and declare it",
    },
    Remote {
        name: "Tars",
        settings: &["tarsport", "tarsnodeport", "tarsserverport"],
        words: &["tars", "tarscloud"],
        is_in_images: true,
        numbers: &[],
        choices: &[],
        http: &[],
        instead: "serve gRPC or HTTP (Tars has an HTTP protocol of its own) and declare it",
    },
    Remote {
        name: "Motan",
        settings: &["motanport", "motanprotocol", "motanexport", "motanbasicserviceexport"],
        words: &["motan"],
        is_in_images: true,
        numbers: &[],
        choices: &["motanprotocolname"],
        http: &["grpc", "http"],
        instead: "serve gRPC or HTTP and declare it",
    },
    Remote {
        name: "SOFABolt",
        settings: &["comalipaysofarpcboltport", "sofarpcboltport", "rpctrport", "sofaboltport"],
        words: &["sofabolt", "sofarpc"],
        is_in_images: false,
        numbers: &[12200],
        choices: &["sofarpcprotocol", "comalipaysofarpcdefaultprotocol"],
        http: &["tri", "triple", "rest", "grpc", "http", "h2c"],
        instead: "SOFARPC's protocol `tri` is HTTP/2: use it on both sides, then declare `grpc`",
    },
];

/// Other words of a port's name that say it is something beside the protocol: an admin port, metrics, HTTP.
const BESIDE: &[&str] = &[
    "admin",
    "console",
    "grpc",
    "http",
    "metrics",
    "monitor",
    "prometheus",
    "qos",
    "rest",
    "tri",
    "triple",
    "ui",
    "web",
];

/// Images that take in what many programs send, in whatever protocol they send it.
const COLLECTORS: &[&str] = &[
    "admin",
    "alloy",
    "collector",
    "dashboard",
    "jaeger",
    "jaegertracing",
    "opentelemetry",
    "otel",
    "tempo",
    "zipkin",
];

impl Transform for NonMeshProtocol {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut seen: BTreeSet<(&str, NodeId)> = BTreeSet::new();
        for workload in cx.inventory.workloads() {
            for remote in REMOTES {
                let settings = cx.inventory.settings_of(workload);
                if settings.iter().any(|setting| remote.is_http(setting)) {
                    continue;
                }
                let ports = cx.inventory.service_ports_of(workload);
                let Some(evidence) = remote.evidence(cx, workload, &settings, &ports) else { continue };
                // A ConfigMap of several workloads is one place.
                if cx.inventory.is_checked(workload) && seen.insert((remote.name, evidence.field.id())) {
                    findings.push(finding(cx, remote, workload, &evidence, &ports));
                }
            }
        }
    }
}

/// The place that shows a protocol.
struct Evidence<'a> {
    holder: ResourceId,
    field: Field<'a>,
    range: Option<std::ops::Range<usize>>,
    says: String,
    /// The number of the port that speaks it, where one is told.
    number: Option<i64>,
}

impl Remote {
    fn is_http(&self, setting: &Setting) -> bool {
        let value = setting.value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        self.choices.contains(&setting.plain_name()) && self.http.contains(&value.as_str())
    }

    fn evidence<'a>(
        &self,
        cx: &'a Context<'_>,
        workload: Workload<'a>,
        settings: &[Setting],
        ports: &[ServicePort<'a>],
    ) -> Option<Evidence<'a>> {
        self.of_settings(cx, workload, settings)
            .or_else(|| self.of_container_ports(cx, workload, ports))
            .or_else(|| self.of_service_ports(ports))
            .or_else(|| self.of_images(cx, workload))
    }

    fn of_settings<'a>(
        &self,
        cx: &'a Context<'_>,
        workload: Workload<'a>,
        settings: &[Setting],
    ) -> Option<Evidence<'a>> {
        let is_own = |setting: &&Setting| {
            let name = setting.plain_name();
            self.settings.iter().any(|start| name.starts_with(start)) && !setting.value.trim().is_empty()
        };
        let setting = settings.iter().find(is_own)?;
        let field = cx.inventory.field(setting.at)?;
        let says = format!("`{}` = `{}`", setting.name, setting.value.trim());
        let number = setting.value.trim().parse().ok();
        let holder = setting.config_map.unwrap_or(workload.id);
        Some(Evidence { holder, field, range: Some(setting.range.clone()), says, number })
    }

    /// True for a port that its name or its number shows to speak the protocol.
    fn is_port(&self, name: &str, number: Option<i64>) -> bool {
        let words = name_words(name);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        // The port that gRPC and Dubbo's Triple have by default.
        let is_grpc = number == Some(50051);
        !is_grpc && !has(BESIDE) && (has(self.words) || number.is_some_and(|number| self.numbers.contains(&number)))
    }

    fn of_container_ports<'a>(
        &self,
        cx: &'a Context<'_>,
        workload: Workload<'a>,
        services: &[ServicePort<'a>],
    ) -> Option<Evidence<'a>> {
        let own = cx.inventory.own_containers(workload).filter(|container| !is_collector(*container));
        own.flat_map(Container::ports).find_map(|port| {
            let number = port.get("containerPort").and_then(|port| port.as_i64());
            let is_tcp = matches!(port.text_at(&["protocol"]), "" | "TCP");
            // What a Service declares to be HTTP is HTTP.
            let declared = services.iter().filter(|service| service.leads_to(port));
            let is_http = declared.map(|service| protocol(service.field)).any(|one| one.class() == ProtocolClass::Http);
            if !is_tcp || is_http || !self.is_port(port.text_at(&["name"]), number) {
                return None;
            }
            let field = port.get("containerPort")?;
            let says = match port.text_at(&["name"]) {
                "" => format!("port {}", number.unwrap_or_default()),
                name => format!("port {} is named `{name}`", number.unwrap_or_default()),
            };
            Some(Evidence { holder: workload.id, field, range: None, says, number })
        })
    }

    fn of_service_ports<'a>(&self, ports: &[ServicePort<'a>]) -> Option<Evidence<'a>> {
        ports.iter().filter(|port| port.is_certain && port.transport() == "TCP").find_map(|port| {
            let is_http = protocol(port.field).class() == ProtocolClass::Http;
            if is_http || !self.is_port(port.name(), port.number()) {
                return None;
            }
            let says = format!("port {} of its Service is named `{}`", port.number().unwrap_or_default(), port.name());
            Some(Evidence {
                holder: port.service,
                field: port.field.get("port")?,
                range: None,
                says,
                number: port.number(),
            })
        })
    }

    /// Only a protocol's own name in an image is one; a framework that speaks several does not say which.
    fn of_images<'a>(&self, cx: &'a Context<'_>, workload: Workload<'a>) -> Option<Evidence<'a>> {
        let speaks = |container: &Container<'_>| {
            let words = image_words(container.image());
            self.is_in_images && words.iter().any(|word| self.words.contains(&word.as_str()))
        };
        let container = cx.inventory.own_containers(workload).filter(|one| !is_collector(*one)).find(speaks)?;
        let field = container.field.get("image")?;
        let says = format!("image `{}`", container.image());
        Some(Evidence { holder: workload.id, field, range: None, says, number: None })
    }
}

fn is_collector(container: Container<'_>) -> bool {
    image_words(container.image()).iter().any(|word| COLLECTORS.contains(&word.as_str()))
}

fn finding(
    cx: &Context<'_>,
    remote: &Remote,
    workload: Workload<'_>,
    evidence: &Evidence<'_>,
    ports: &[ServicePort<'_>],
) -> Finding {
    let message = format!("`{}` speaks {}: {}", workload.resource.name.name, remote.name, evidence.says);
    let mut finding = Finding::of(&NonMeshProtocol::META, cx.inventory, evidence.holder, evidence.field, message);
    if let Some(range) = &evidence.range {
        finding.at = evidence.field.loc_of(range.clone());
    }
    let mut help =
        format!("the mesh passes it on as TCP, without routes, retries and metrics of requests; {}", remote.instead);
    let undeclared = ports.iter().find(|port| {
        let leads =
            evidence.number.is_some_and(|number| port.number() == Some(number) || leads_to(workload, **port, number));
        leads && protocol(port.field) == Protocol::Undeclared
    });
    if let Some(port) = undeclared {
        let service = &cx.inventory.resource(port.service).name.name;
        help.push_str("; until then declare the Service's port `tcp`");
        finding = finding
            .related(port.field, format!("Service `{service}` declares no protocol here"))
            .snippet("appProtocol: tcp");
    }
    finding.help(help)
}

/// True when a Service's port leads to the number in the pod, by itself or by the name of a declared port.
fn leads_to(workload: Workload<'_>, port: ServicePort<'_>, number: i64) -> bool {
    use crate::manifest::TargetPort;
    match port.target() {
        TargetPort::Number(target) => target == number,
        TargetPort::Name(_) => workload.containers().flat_map(Container::ports).any(|declared| {
            port.leads_to(declared) && declared.get("containerPort").and_then(|port| port.as_i64()) == Some(number)
        }),
    }
}
