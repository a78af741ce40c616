//! What is done for each exposed Service, with all the others in view.

use std::collections::{BTreeMap, HashMap};

use super::candidate::Candidate;
use super::copies::{self, Far};
use super::hosts::Hosts;
use super::opening::{self, Fate, Opening, Way, hosts_of};
use super::selector::Selector;
use super::{cut_over, gateway, gateway_api, istio, selector, source_ranges};
use crate::config::{GatewayApi, GatewayMode, Version};
use crate::manifest::{Field, ResourceId};
use crate::rule::{Change, Context};

/// The longest name of a resource or a port.
const LONGEST: usize = 63;

/// All exposed Services, and what they would take from each other.
pub(super) struct World<'a> {
    pub(super) cx: &'a Context<'a>,
    /// The labels of the gateway's pods, or what to do where they are not known.
    pub(super) selector: Result<Selector, String>,
    fates: HashMap<ResourceId, Vec<Fate<'a>>>,
    /// The VirtualServices of gateways by their hosts.
    routed: HashMap<&'a str, Vec<ResourceId>>,
}

/// What is done for a Service.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) change: Change,
    /// What the change does, each part as an order.
    pub(super) done: Vec<String>,
    /// What stays as it is, and why.
    pub(super) left: Vec<String>,
    /// Why nothing can be done.
    pub(super) missing: Option<Missing>,
}

/// Why nothing can be done for a Service.
pub(super) enum Missing {
    /// Nobody knows its public name or its gateway: the rest can be shown.
    Known(String),
    /// It must not, or can't, be exposed as it is.
    Refused(String),
}

pub(super) fn plan(world: &World<'_>, candidate: &Candidate<'_>) -> Plan {
    let mut plan = Plan::default();
    match fill(world, candidate, &mut plan) {
        Ok(()) => plan,
        Err(missing) => Plan { missing: Some(missing), ..Plan::default() },
    }
}

fn fill(world: &World<'_>, candidate: &Candidate<'_>, plan: &mut Plan) -> Result<(), Missing> {
    let fates = world.fates(candidate);
    let openings: Vec<Opening<'_>> = fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Opens(opening) => Some(*opening),
            _ => None,
        })
        .collect();
    let stays: Vec<&String> = fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Stays(reason) => Some(reason),
            _ => None,
        })
        .collect();
    if openings.is_empty() && !fates.iter().any(|fate| matches!(fate, Fate::Exposed)) {
        let reasons: Vec<&str> = stays.iter().map(|reason| reason.as_str()).collect();
        let reason = if reasons.is_empty() { "it has no ports".to_owned() } else { reasons.join("; ") };
        return Err(Missing::Refused(reason));
    }
    let ranges = source_ranges::read(candidate);
    source_ranges::check(world, &ranges).map_err(Missing::Refused)?;
    if !openings.is_empty() {
        open(world, candidate, &openings, &ranges, plan)?;
    }
    let kept = stays.len();
    plan.left.extend(stays.into_iter().cloned());
    cut_over::add(world, candidate, &ranges, kept, plan);
    Ok(())
}

/// Gateway and routes for the ports that have none.
fn open(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    openings: &[Opening<'_>],
    ranges: &[Field<'_>],
    plan: &mut Plan,
) -> Result<(), Missing> {
    let inventory = world.cx.inventory;
    if let Some(kustomization) = inventory.renamer(candidate.id) {
        return Err(Missing::Refused(format!(
            "{} gives it another name, which no route written here would follow: expose it there",
            inventory.file_name(kustomization)
        )));
    }
    let hosts = match &candidate.hosts {
        Hosts::Known(names) => names,
        Hosts::Missing(what) => return Err(Missing::Known(what.clone())),
    };
    if let Some((host, route)) = hosts.iter().find_map(|host| Some((host, world.taker_of(candidate, host)?))) {
        return Err(Missing::Refused(format!("`{host}` is a host of {} already", inventory.resource(route).name)));
    }
    match world.cx.options.exposed_service.api {
        GatewayApi::Istio => {
            let selector = world.selector.as_ref().map_err(|missing| Missing::Known(missing.clone()))?;
            istio::open(world, candidate, selector, openings, hosts, plan).map_err(Missing::Refused)?;
            source_ranges::add(world, candidate, selector, openings, hosts, ranges, plan).map_err(Missing::Refused)?;
            plan.left.extend(gateway::closed_ports(world, selector, openings));
            plan.left.extend(istio::left_behind(world, candidate));
            Ok(())
        }
        GatewayApi::GatewayApi if !ranges.is_empty() => Err(Missing::Refused(
            "refused: its `loadBalancerSourceRanges` would be lost, and with `api: gateway-api` no policy takes their place".to_owned(),
        )),
        GatewayApi::GatewayApi => {
            gateway_api::open(world, candidate, openings, hosts, plan).map_err(Missing::Refused)
        }
    }
}

impl<'a> World<'a> {
    pub(super) fn new(cx: &'a Context<'a>, candidates: &[Candidate<'a>]) -> Self {
        let fates = candidates.iter().map(|candidate| (candidate.id, opening::fates(cx, candidate))).collect();
        let mut routed: HashMap<&str, Vec<ResourceId>> = HashMap::new();
        for one in cx.inventory.virtual_services().filter(|one| !one.is_inside_the_mesh()) {
            for host in one.hosts().filter_map(|host| host.text()) {
                routed.entry(host).or_default().push(one.id);
            }
        }
        let mut world = World { cx, selector: selector::find(cx.inventory), fates, routed };
        world.part(candidates);
        world
    }

    pub(super) fn fates(&self, candidate: &Candidate<'_>) -> &[Fate<'a>] {
        self.fates.get(&candidate.id).map_or(&[], Vec::as_slice)
    }

    /// Takes the openings away that two ports would take from each other: a port that is passed on by its number, one
    /// public name on one port, and protocols that can't share a port. Copies of one Service never meet.
    fn part(&mut self, candidates: &[Candidate<'a>]) {
        let ends_tls = self.cx.options.exposed_service.credential_name.is_some();
        let mut takers: BTreeMap<u16, Vec<Taker>> = BTreeMap::new();
        for candidate in candidates {
            for fate in self.fates(candidate) {
                let Fate::Opens(opening) = fate else { continue };
                takers.entry(opening.number).or_default().push(Taker::new(candidate, *opening, ends_tls));
            }
        }
        for candidate in candidates {
            let Some(fates) = self.fates.get_mut(&candidate.id) else { continue };
            for fate in fates {
                let Fate::Opens(opening) = fate else { continue };
                let own = Taker::new(candidate, *opening, ends_tls);
                let mut others = takers.get(&opening.number).into_iter().flatten();
                let Some(other) = others.find(|other| own.clashes(other)) else { continue };
                let (port, map) = (own.port, opening::map_key(candidate, opening.port));
                let them = if other.name == own.name {
                    format!("port {}", other.port)
                } else {
                    format!("Service `{}`", other.name)
                };
                *fate = Fate::Stays(match own.hosts.iter().find(|host| other.hosts.contains(host)) {
                    Some(host) if own.family == other.family && own.family != Family::Tcp => {
                        format!("port {port}: `{host}` would lead to {them} as well: give each its own name")
                    }
                    _ => format!(
                        "port {port}: {them} needs port {} of the gateway too, and nothing tells their traffic apart: give one of them another port, `rules.exposed-service.portMap: {{\"{map}\": <port>}}`",
                        opening.number
                    ),
                });
            }
        }
    }

    /// A VirtualService of a gateway that has this host, and may meet a new one.
    fn taker_of(&self, candidate: &Candidate<'_>, host: &str) -> Option<ResourceId> {
        let inventory = self.cx.inventory;
        let takers = self.routed.get(host).into_iter().flatten().copied();
        let mut takers = takers.filter(|id| {
            host != "*"
                && !copies::is_for_another(inventory, *id, candidate.id)
                && copies::is_for(inventory, *id, candidate.id, Far::IsForTheNearest)
        });
        takers.next()
    }

    /// The version of Istio's networking API that the mesh has.
    pub(super) fn networking(&self) -> &'static str {
        let is_old = self.cx.options.istio_version.is_some_and(|version| version < Version(1, 22));
        if is_old { "networking.istio.io/v1beta1" } else { "networking.istio.io/v1" }
    }

    /// The file of a Service's own new resources.
    pub(super) fn file_of(&self, candidate: &Candidate<'_>) -> String {
        let template = self.cx.options.exposed_service.output_file.as_deref().unwrap_or("{service}-external.yaml");
        template
            .replace("{service}", &candidate.name)
            .replace("{namespace}", candidate.namespace.as_deref().unwrap_or("default"))
    }

    /// The namespace and the name of a new Gateway for a Service.
    ///
    /// # Errors
    /// When a kustomization would move it.
    pub(super) fn new_gateway(&self, candidate: &Candidate<'_>) -> Result<(Option<String>, String), String> {
        let options = &self.cx.options.exposed_service;
        let namespace = match &options.gateway_namespace {
            Some(namespace) if candidate.namespace.as_ref() != Some(namespace) => {
                self.check_namespace(candidate, namespace)?;
                Some(namespace.clone())
            }
            _ => candidate.written_namespace.clone(),
        };
        // A kustomization's namespace is not written, and names it all the same.
        let known = namespace.as_ref().or(candidate.namespace.as_ref());
        let name = match (&options.gateway_name, &options.mode, known) {
            (Some(name), ..) => name.clone(),
            (None, GatewayMode::PerService, _) | (None, _, None) => format!("{}-gateway", candidate.name),
            (None, _, Some(namespace)) => format!("{namespace}-gateway"),
        };
        let name = bounded(&name);
        if options.gateway_name.is_some() || !self.is_taken(candidate, &name) {
            return Ok((namespace, name));
        }
        let base = known.filter(|_| options.mode == GatewayMode::Shared).unwrap_or(&candidate.name);
        let name = bounded(&format!("{base}{}-gateway", options.suffix));
        Ok((namespace, name))
    }

    /// True when a Gateway of the input that is none of the Service's has this name already, and may meet a new one.
    fn is_taken(&self, candidate: &Candidate<'_>, name: &str) -> bool {
        let inventory = self.cx.inventory;
        let group = match self.cx.options.exposed_service.api {
            GatewayApi::Istio => "networking.istio.io",
            GatewayApi::GatewayApi => "gateway.networking.k8s.io",
        };
        inventory.of_kind(group, "Gateway").any(|id| {
            inventory.resource(id).name.name == name
                && inventory.share_a_namespace(id, candidate.id)
                && !copies::is_for_another(inventory, id, candidate.id)
                && !self.may_use(candidate, id)
        })
    }

    /// True when the Gateway selects the pods, or has the class, that a new one would.
    fn may_use(&self, candidate: &Candidate<'_>, gateway: ResourceId) -> bool {
        let options = &self.cx.options.exposed_service;
        let same = match options.api {
            GatewayApi::Istio => {
                let own = selector::of_gateway(self.cx.inventory, gateway);
                own.is_some() && own.as_ref() == self.selector.as_ref().ok()
            }
            GatewayApi::GatewayApi => {
                let root = self.cx.inventory.root(gateway);
                root.map(|root| root.text_at(&["spec", "gatewayClassName"]))
                    == Some(options.gateway_class_name.as_str())
            }
        };
        same && self.belongs_together(candidate, gateway)
    }

    /// Refuses a new resource in another namespace than that of the Service, where a kustomization sets it for all.
    ///
    /// # Errors
    /// The kustomization.
    pub(super) fn check_namespace(&self, candidate: &Candidate<'_>, namespace: &str) -> Result<(), String> {
        let inventory = self.cx.inventory;
        let moves = inventory.placements(candidate.id).iter().find_map(|place| {
            let kustomization = place.kustomization?;
            (place.namespace.as_ref() != candidate.written_namespace.as_ref()).then_some(kustomization)
        });
        match moves {
            Some(file) => Err(format!(
                "{} sets the namespace of all its resources, and one of them would have to be in `{namespace}`: use `mode: existing:{namespace}/<name>`",
                inventory.file_name(file)
            )),
            None => Ok(()),
        }
    }

    /// True when a gateway may be for the Service: no other copy of the Service is nearer to it, and both say which
    /// namespaces they are in, or come together.
    pub(super) fn belongs_together(&self, candidate: &Candidate<'_>, gateway: ResourceId) -> bool {
        let inventory = self.cx.inventory;
        let is_for = copies::is_for(inventory, gateway, candidate.id, Far::IsForTheNearest);
        let known = inventory.resource(gateway).name.namespace.is_some();
        let mut places = inventory.placements(gateway).iter();
        let comes_along = candidate.namespace.is_some() && places.all(|place| place.namespace == candidate.namespace);
        let is_parted = {
            let tops = |id: ResourceId| inventory.placements(id).iter().filter_map(|place| place.kustomization);
            let both = tops(candidate.id).next().is_some() && tops(gateway).next().is_some();
            both && !tops(candidate.id).any(|top| tops(gateway).any(|there| there == top))
        };
        // Both without a namespace come into the same one when they come together.
        let unknown = || candidate.written_namespace.is_none() && self.stands_beside(candidate, gateway);
        is_for && !is_parted && (known || comes_along || unknown())
    }

    /// True when both lie in one folder, or one kustomization deploys both.
    pub(super) fn stands_beside(&self, candidate: &Candidate<'_>, other: ResourceId) -> bool {
        copies::stand_together(self.cx.inventory, other, candidate.id)
    }

    /// The Gateway of this name, if the input has it.
    pub(super) fn named_gateway(
        &self,
        candidate: &Candidate<'_>,
        group: &str,
        namespace: &str,
        name: &str,
    ) -> Option<ResourceId> {
        let inventory = self.cx.inventory;
        let is_there = |id: &ResourceId| {
            let places = inventory.placements(*id);
            inventory.resource(*id).name.name == name
                && places.iter().any(|place| place.namespace.as_deref().is_none_or(|own| own == namespace))
        };
        let named: Vec<ResourceId> = inventory.of_kind(group, "Gateway").filter(is_there).collect();
        inventory.nearest(candidate.id, &named).into_iter().next()
    }

    /// True when a host of a Gateway's server lets a VirtualService beside the Service have this host.
    pub(super) fn lets_in(&self, candidate: &Candidate<'_>, gateway: ResourceId, pattern: &str, host: &str) -> bool {
        let (namespace, pattern) = pattern.split_once('/').unwrap_or(("*", pattern));
        let own = self.cx.inventory.resource(gateway).name.namespace.as_ref();
        let from = match namespace {
            "*" => true,
            "." => own == candidate.written_namespace.as_ref() || own.is_some() && own == candidate.namespace.as_ref(),
            other => candidate.namespace.as_deref() == Some(other),
        };
        from && covers(pattern, host)
    }
}

/// True when one host stands for another: equal, `*`, or `*.` with a shorter end.
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    pattern == host
        || pattern == "*"
        || pattern.strip_prefix('*').is_some_and(|end| !end.is_empty() && host.ends_with(end))
}

/// Protocols that can share a port of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Http,
    Tls,
    /// Shares with nothing.
    Tcp,
}

/// What an opening takes for itself on a port of the gateway.
struct Taker {
    id: ResourceId,
    namespace: Option<String>,
    name: String,
    /// The Service's port.
    port: i64,
    family: Family,
    hosts: Vec<String>,
}

impl Taker {
    fn new(candidate: &Candidate<'_>, opening: Opening<'_>, ends_tls: bool) -> Taker {
        Taker {
            id: candidate.id,
            namespace: candidate.namespace.clone(),
            name: candidate.name.clone(),
            port: opening.port.number().unwrap_or_default(),
            family: match opening.way {
                Way::Tcp => Family::Tcp,
                Way::Passthrough => Family::Tls,
                Way::Http | Way::Grpc if ends_tls => Family::Tls,
                Way::Http | Way::Grpc => Family::Http,
            },
            hosts: hosts_of(candidate).to_vec(),
        }
    }

    fn clashes(&self, other: &Taker) -> bool {
        let is_same_port = self.id == other.id && self.port == other.port;
        let is_copy = self.id != other.id && (&self.namespace, &self.name) == (&other.namespace, &other.name);
        let share = self.family == other.family && self.family != Family::Tcp;
        !is_same_port && !is_copy && (!share || self.hosts.iter().any(|host| other.hosts.contains(host)))
    }
}

/// A name that is not too long: the rest becomes a number that stays the same.
pub(in crate::transforms) fn bounded(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    // FNV-1a, as fingerprints have it.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let kept = name.get(..LONGEST - 9).unwrap_or_default().trim_end_matches(['-', '.']);
    format!("{kept}-{hash:08x}")
}
