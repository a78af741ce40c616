//! What the manifests say of the protocol that a Service's port carries, ranked.

use super::backend_protocol;
use crate::manifest::{
    Container, Field, Inventory, Protocol, ResourceId, Route, RouteKind, ServicePort, TargetPort, WellKnownPort,
    Workload,
};

/// How much a piece of evidence is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A habit: the number of the port.
    Low,
    /// A name that somebody gave.
    Medium,
    /// Something speaks the protocol, or has others speak it.
    High,
}

/// Where a piece of evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A route, or an annotation that tells a gateway how to call the port.
    Route,
    /// A probe of the pods.
    Probe,
    /// A webhook or an APIService.
    ApiServer,
    /// What scrapes metrics.
    Scrape,
    /// The number and the image agree.
    Image,
    /// The name of a container's port.
    Name,
    /// A word of the Service port's own name.
    OwnName,
    /// The number alone.
    Number,
}

/// One thing that the manifests say of a port's protocol.
#[derive(Debug, Clone)]
pub(super) struct Evidence<'a> {
    pub(super) protocol: Protocol,
    pub(super) strength: Strength,
    pub(super) source: Source,
    /// The place that says so.
    pub(super) at: Field<'a>,
    /// The same for people, as a sentence about the port.
    pub(super) says: String,
}

/// A workload behind a Service's port, with the number that the port leads to there.
pub(super) struct Behind<'a> {
    pub(super) workload: Workload<'a>,
    pub(super) is_certain: bool,
    /// The number in this pod; `None` where no container declares the port of that name.
    pub(super) number: Option<i64>,
}

/// All evidence about one port, the best first.
pub(super) struct Case<'a> {
    pub(super) port: ServicePort<'a>,
    pub(super) behind: Vec<Behind<'a>>,
    pub(super) routes: Vec<Route<'a>>,
    pub(super) evidence: Vec<Evidence<'a>>,
}

impl<'a> Case<'a> {
    pub(super) fn of(inventory: &'a Inventory<'a>, port: ServicePort<'a>) -> Case<'a> {
        let behind = behind(inventory, port);
        let routes = inventory.routes_to_port(port);
        let mut case = Case { port, behind, routes, evidence: Vec::new() };
        case.routes(inventory);
        case.probes(inventory);
        case.api_server(inventory);
        case.scrapes(inventory);
        case.container_names();
        case.images(inventory);
        case.words();
        case.numbers();
        // The order of the ranks: what speaks gRPC, HTTP, HTTPS, then names, images and habits.
        case.evidence.sort_by_key(|evidence| evidence.source.rank(evidence.protocol));
        case
    }

    fn add(&mut self, protocol: Protocol, strength: Strength, source: Source, at: Field<'a>, says: String) {
        self.evidence.push(Evidence { protocol, strength, source, at, says });
    }

    /// What a route or a gateway's annotation says; the fields of the Service itself count for every route.
    fn routes(&mut self, inventory: &'a Inventory<'a>) {
        let root = inventory.root(self.port.service);
        if let Some((protocol, at, says)) = root.and_then(|root| backend_protocol::of_service(root, self.port)) {
            self.add(protocol, Strength::High, Source::Route, at, says);
        }
        for route in self.routes.clone() {
            let name = &inventory.resource(route.id).name;
            let name = format!("{} `{}`", name.kind, name.name);
            let strength = if route.is_certain { Strength::High } else { Strength::Medium };
            let (protocol, strength, says) = match route.kind {
                RouteKind::Ingress => match backend_protocol::of_ingress(&route) {
                    Some((Protocol::Undeclared, _)) => continue,
                    Some((protocol, at)) => {
                        let says = format!("{name} calls it over {}", spoken(protocol));
                        self.add(protocol, strength, Source::Route, at, says);
                        continue;
                    }
                    None => (Protocol::Http, strength, format!("{name} routes HTTP to it")),
                },
                RouteKind::Http | RouteKind::VirtualHttp => {
                    (Protocol::Http, strength, format!("{name} routes HTTP to it"))
                }
                RouteKind::Grpc => (Protocol::Grpc, strength, format!("{name} routes gRPC to it")),
                RouteKind::Tls | RouteKind::VirtualTls => {
                    (Protocol::Https, strength, format!("{name} passes TLS on to it"))
                }
                RouteKind::Tcp | RouteKind::VirtualTcp => {
                    (Protocol::Tcp, Strength::Medium, format!("{name} passes TCP on to it"))
                }
            };
            self.add(protocol, strength, Source::Route, route.backend, says);
        }
    }

    fn probes(&mut self, inventory: &'a Inventory<'a>) {
        let mut found = Vec::new();
        for behind in &self.behind {
            let strength = if behind.is_certain { Strength::High } else { Strength::Medium };
            for container in inventory.own_containers(behind.workload) {
                for probe in container.probes() {
                    let (Some((handler, field)), Some(asked)) = (probe.handler(), probe.port()) else { continue };
                    if behind.number.is_none() || number_in(container, asked) != behind.number {
                        continue;
                    }
                    let is_tls = field.text_at(&["scheme"]).eq_ignore_ascii_case("https");
                    let protocol = match handler {
                        "grpc" => Protocol::Grpc,
                        "httpGet" if is_tls => Protocol::Https,
                        "httpGet" => Protocol::Http,
                        _ => continue,
                    };
                    let says = format!(
                        "`{}` of container `{}` asks it over {}",
                        probe.name,
                        container.name(),
                        spoken(protocol)
                    );
                    found.push((protocol, strength, Source::Probe, field, says));
                }
            }
        }
        self.extend(found);
    }

    fn api_server(&mut self, inventory: &'a Inventory<'a>) {
        let Some(at) = inventory.api_server_call(self.port) else { return };
        let caller = inventory.enclosing(at.id()).map_or_else(String::new, |id| {
            let name = &inventory.resource(id).name;
            format!("{} `{}` has ", name.kind, name.name)
        });
        let says = format!("{caller}the API server call it over TLS");
        self.add(Protocol::Https, Strength::High, Source::ApiServer, at, says);
    }

    fn scrapes(&mut self, inventory: &'a Inventory<'a>) {
        for scrape in inventory.scrapes_of(self.port) {
            let name = &inventory.resource(scrape.id).name;
            let protocol = if scrape.is_tls() { Protocol::Https } else { Protocol::Http };
            let strength = if scrape.is_certain { Strength::High } else { Strength::Medium };
            let says = format!("{} `{}` scrapes it over {}", name.kind, name.name, spoken(protocol));
            self.add(protocol, strength, Source::Scrape, scrape.port, says);
        }
        let mut found = Vec::new();
        let metadata = inventory.root(self.port.service).and_then(|root| root.get("metadata"));
        for behind in &self.behind {
            let strength = if behind.is_certain { Strength::High } else { Strength::Medium };
            for holder in metadata.into_iter().chain(behind.workload.pod_metadata) {
                let annotation = |name: &str| holder.at(&["annotations", name]);
                let Some(at) = annotation("prometheus.io/port") else { continue };
                let text = |name: &str| annotation(name).and_then(|field| field.text()).unwrap_or_default();
                let is_meant = at.text().and_then(|port| port.parse().ok()) == behind.number && behind.number.is_some();
                if text("prometheus.io/scrape") == "true" && is_meant {
                    let is_tls = text("prometheus.io/scheme").eq_ignore_ascii_case("https");
                    let protocol = if is_tls { Protocol::Https } else { Protocol::Http };
                    let says = format!("the annotation `prometheus.io/port` has it scraped over {}", spoken(protocol));
                    found.push((protocol, strength, Source::Scrape, at, says));
                }
            }
        }
        self.extend(found);
    }

    /// The names of the containers' ports, or the name that `targetPort` asks for.
    fn container_names(&mut self) {
        let mut found = Vec::new();
        for behind in &self.behind {
            for item in behind.workload.containers().flat_map(Container::ports).filter(|item| self.port.leads_to(*item))
            {
                let name = item.text_at(&["name"]);
                let protocol = Protocol::of_port_name(name);
                if let Some(at) = item.get("name").filter(|_| protocol != Protocol::Undeclared) {
                    let says = format!("the container's port is named `{name}`");
                    found.push((protocol, Strength::Medium, Source::Name, at, says));
                }
            }
        }
        if let (TargetPort::Name(name), true) = (self.port.target(), found.is_empty()) {
            let protocol = Protocol::of_port_name(name);
            if let Some(at) = self.port.field.get("targetPort").filter(|_| protocol != Protocol::Undeclared) {
                found.push((
                    protocol,
                    Strength::Medium,
                    Source::Name,
                    at,
                    format!("it leads to the port named `{name}`"),
                ));
            }
        }
        self.extend(found);
    }

    /// Images that speak what the number is for. All pods behind the port must.
    fn images(&mut self, inventory: &'a Inventory<'a>) {
        let mut found = Vec::new();
        for behind in &self.behind {
            let numbers = behind.number.into_iter().chain(self.port.number());
            let container = inventory.container_behind(behind.workload, self.port);
            let speaks = |number: i64| {
                let (known, container) = (WellKnownPort::of(number)?, container?);
                known.is_spoken_by(container).then_some((number, known, container))
            };
            let Some((number, known, container)) = numbers.into_iter().find_map(speaks) else { continue };
            let Some(at) = container.field.get("image") else { continue };
            let strength = if behind.is_certain { Strength::High } else { Strength::Medium };
            let image = container.image();
            let says =
                format!("image `{image}` of container `{}` speaks {} on {number}", container.name(), known.protocol);
            found.push((Protocol::Tcp, strength, Source::Image, at, says));
        }
        if found.len() < self.behind.len() {
            found.iter_mut().for_each(|(_, strength, ..)| *strength = Strength::Medium);
        }
        self.extend(found);
    }

    /// Words of the Service port's own name that Istio does not read.
    fn words(&mut self) {
        let name = self.port.name();
        let mut words: Vec<&str> = name.split(['-', '_', '.']).collect();
        // `8080-tcp` is how OpenShift names any port: the transport, not a protocol.
        if let [number, "tcp"] = words[..]
            && number.chars().all(|c| c.is_ascii_digit())
        {
            words.clear();
        }
        let word = WORDS.iter().find(|(word, _)| words.contains(word));
        if let (Some((word, protocol)), Some(at)) = (word, self.port.field.get("name")) {
            self.add(*protocol, Strength::Medium, Source::OwnName, at, format!("its name says `{word}`"));
        }
    }

    fn numbers(&mut self) {
        let Some(at) = self.port.field.get("port") else { return };
        let targets = match self.port.target() {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => self.behind.iter().find_map(|behind| behind.number),
        };
        // The number that clients call says whether they speak TLS, the target's what the program is.
        let tls = self.port.number().into_iter().chain(targets).find(|number| matches!(number, 443 | 8443));
        let known = |number: &i64| WellKnownPort::of(*number).filter(|known| !known.is_shared(*number));
        if let Some(number) = tls {
            self.add(Protocol::Https, Strength::Low, Source::Number, at, format!("{number} is usual for HTTPS"));
            return;
        }
        for number in targets.into_iter().chain(self.port.number()) {
            let (protocol, usual) = match number {
                80 | 8080 | 8000 | 8081 | 3000 | 5000 | 9090 => (Protocol::Http, "HTTP"),
                50051 => (Protocol::Grpc, "gRPC"),
                _ => match known(&number) {
                    Some(known) => (Protocol::Tcp, known.protocol),
                    None => continue,
                },
            };
            self.add(protocol, Strength::Low, Source::Number, at, format!("{number} is usual for {usual}"));
            return;
        }
    }

    fn extend(&mut self, found: Vec<(Protocol, Strength, Source, Field<'a>, String)>) {
        for (protocol, strength, source, at, says) in found {
            // Several copies of one workload say the same.
            if !self.evidence.iter().any(|known| known.says == says) {
                self.add(protocol, strength, source, at, says);
            }
        }
    }
}

impl Source {
    /// The rank of such evidence for a protocol: within a class the first decides.
    fn rank(self, protocol: Protocol) -> u8 {
        match (self, protocol) {
            (Source::Route | Source::Probe, Protocol::Grpc | Protocol::Http2) => 1,
            (Source::Route, Protocol::Http) => 2,
            (Source::Probe, Protocol::Http) => 3,
            (Source::Route | Source::Probe | Source::ApiServer, _) => 4,
            (Source::Scrape, _) => 5,
            (Source::Image, _) => 6,
            (Source::Name, _) => 7,
            (Source::OwnName, _) => 8,
            (Source::Number, _) => 9,
        }
    }
}

/// Words in the names of ports, those first that say most.
const WORDS: &[(&str, Protocol)] = &[
    ("https", Protocol::Https),
    ("grpc", Protocol::Grpc),
    ("h2c", Protocol::Http2),
    ("tcp", Protocol::Tcp),
    ("http", Protocol::Http),
    ("ws", Protocol::Http),
    ("web", Protocol::Http),
    ("rest", Protocol::Http),
    ("ui", Protocol::Http),
    ("metrics", Protocol::Http),
    ("prometheus", Protocol::Http),
];

/// A protocol as people call it.
pub(super) fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http | Protocol::HttpProxy => "HTTP",
        Protocol::Http2 => "HTTP/2",
        Protocol::Grpc => "gRPC",
        Protocol::GrpcWeb => "gRPC-Web",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Tcp => "TCP",
        Protocol::Mongo => "MongoDB",
        Protocol::Redis => "Redis",
        Protocol::MySql => "MySQL",
        Protocol::Udp => "UDP",
        Protocol::Undeclared => "an unknown protocol",
    }
}

fn behind<'a>(inventory: &'a Inventory<'a>, port: ServicePort<'a>) -> Vec<Behind<'a>> {
    let workloads = inventory.workloads_of(port.service);
    let of = |id: &ResourceId| {
        let workload = inventory.workload(*id)?;
        let is_certain = workloads.certain.contains(id);
        let number = match port.target() {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => {
                let mut items = workload.containers().flat_map(Container::ports);
                items.find(|item| port.leads_to(*item)).and_then(|item| item.get("containerPort")?.as_i64())
            }
        };
        Some(Behind { workload, is_certain, number })
    };
    let mut behind: Vec<Behind<'a>> = workloads.possible.iter().filter_map(of).collect();
    // A Service selects pods that end by accident, where it has others.
    if behind.iter().any(|behind| !behind.workload.runs_to_completion()) {
        behind.retain(|behind| !behind.workload.runs_to_completion());
    }
    // Where a file holds a Service with its pods, those of other files are another application's, unless something
    // deploys them together.
    let home = inventory.home(port.service);
    if behind.iter().any(|behind| behind.is_certain && inventory.home(behind.workload.id) == home) {
        for other in &mut behind {
            other.is_certain &= inventory.are_deployed_together(port.service, other.workload.id);
        }
    }
    // What several copies say alike is quoted from the one that is surest.
    behind.sort_by_key(|behind| (!behind.is_certain, inventory.home(behind.workload.id) != home));
    behind
}

/// The number of the port that a probe asks, which may name a port of its own container.
fn number_in(container: Container<'_>, asked: Field<'_>) -> Option<i64> {
    let declared = |name: &str| container.ports().find(|port| port.text_at(&["name"]) == name);
    // A number in quotes is a name that no port has.
    asked.as_i64().or_else(|| declared(asked.as_str()?)?.get("containerPort")?.as_i64())
}
