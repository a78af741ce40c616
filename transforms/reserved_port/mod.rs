mod annotation;
mod numbers;
mod references;
mod renumber;
mod service_port;
mod usage;

use self::numbers::Reserved;
use self::renumber::{Renumbering, renumberings};
use self::usage::{Usage, Usages};
use crate::manifest::Inventory;
use crate::rule::{Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags applications that listen on ports of the mesh's proxy, and whatever refers to such ports.
    ///
    /// ## Why
    /// The containers of a pod share one network. Envoy and Istio's agent listen on 15000, 15001, 15002, 15004, 15006,
    /// 15008, 15020, 15021, 15053 and 15090 there; a second process on one of them can't start, or keeps the proxy from
    /// starting. The vendor's specification reserves 15000 to 15010 as a whole (profile `istio`: only Istio's own).
    ///
    /// ## Fix
    /// Gives the port a new number in everything that belongs together, over all files, or in nothing: the setting that
    /// the process reads (environment, command line, mounted ConfigMap), `containerPort`, probes and hooks with their
    /// commands, `targetPort` of the Services (written out where it was left out, so that clients keep their port),
    /// NetworkPolicies, PodMonitors and ServiceMonitors, AuthorizationPolicies, PeerAuthentications, Sidecars and
    /// annotations. 15001 becomes 18001 and so on, past what is taken; `rules.reserved-port.portMap` names another
    /// number, `portBase` another start, `extraPorts` more ports. A policy that is not only for these pods gets the new
    /// number beside the old one.
    ///
    /// A port of somebody else stays as it is: `REDIS_PORT` beside `REDIS_HOST`, a URL with another host, `--port` beside
    /// `--host` of a client. Nothing changes where one number serves pods that do not change: another version behind
    /// the same `targetPort`, another reader of the ConfigMap, a kustomize patch that names the port too.
    ///
    /// ## Safety
    /// Safe only where a setting in the manifests proves that the process takes its port from there, and everything
    /// that refers to it is in the input. `containerPort` alone proves nothing: it documents a port and does not move
    /// the process, so it is reported. Unsafe where the setting stands in a ConfigMap (a rollback of the pods does not
    /// bring it back), where clients connect to the pod's own port (a headless Service), where no Service is in the
    /// input, or where the number also stands in a place that could mean something else.
    ReservedPort, "reserved-port", "applications must not listen on the ports of the mesh's proxy",
    level: Level::Error, after: &["host-network", "envoy-base-id"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../../testdata/reserved-port/environment/fix.diff"),
}

impl Transform for ReservedPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let reserved = Reserved::new(cx.options);
        let usages = Usages::read(cx.inventory, &reserved);
        for (port, renumbering) in renumberings(cx.inventory, &usages, &reserved) {
            for member in &renumbering.members {
                findings.extend(usages.of(*member, port).map(|usage| finding(&reserved, usage, &renumbering)));
            }
        }
        // A patch of a workload that listens there is named in that one's finding.
        let is_known = |usage: &&Usage<'_>| {
            let patched = cx.inventory.patched_by(usage.workload);
            patched.iter().any(|whole| usages.of(whole.id, usage.port).is_some_and(Usage::is_own))
        };
        for usage in usages.all.values().filter(|usage| !usage.is_own() && !is_known(usage)) {
            findings.extend(not_declared(cx.inventory, &reserved, usage));
        }
        annotation::check(cx, &reserved, &usages, findings);
        service_port::check(cx, &reserved, &usages, findings);
    }
}

const HELP: &str =
    "the containers of a pod share one network, so the application and the proxy can't both listen there";

/// Reasons that are shown; more of them say nothing new.
const MOST: usize = 4;

/// A workload that listens on a reserved port, with the fix for all that changes together.
fn finding(reserved: &Reserved<'_>, usage: &Usage<'_>, renumbering: &Renumbering) -> Finding {
    let port = usage.port;
    let owner = reserved.owner(port);
    let declared = usage.declared.first().and_then(|item| item.get("containerPort"));
    let (at, message) = match (declared, usage.proof()) {
        (Some(field), _) => (field, format!("`containerPort: {port}` is a port of the mesh: {owner}")),
        (None, Some(proof)) => {
            let at = proof.config_map.map_or(proof.at, |map| map.reference);
            (at, format!("`{}` lets the process listen on {port}, a port of the mesh: {owner}", proof.setting))
        }
        (None, None) => (usage.workload.pod, format!("the pod uses {port}, a port of the mesh: {owner}")),
    };
    let mut finding = Finding::new(&ReservedPort::META, usage.workload, at, message).help(HELP);
    if usage.is_udp() && port != 15053 {
        let help = "the proxy uses this port for TCP only, and UDP does not collide with it";
        return finding.level(Level::Info).help(help);
    }
    if let (None, Some(proof)) = (declared, usage.proof().filter(|proof| proof.config_map.is_none())) {
        finding.at = proof.loc();
    }
    let at = finding.at;
    for place in renumbering.places.iter().filter(|place| place.loc != at) {
        finding.related.push((place.loc, format!("changes with it: {}", place.what)));
    }
    if let (Some(to), []) = (renumbering.to, renumbering.blockers.as_slice()) {
        let count = renumbering.places.len();
        let places = if count == 1 { "1 place".to_owned() } else { format!("{count} places") };
        let title = format!("renumber {port} to {to} in {places}");
        let consequence = first_of(&renumbering.doubts);
        let change = renumbering.change.clone();
        finding.fix = Some(Fix { title, safety: renumbering.safety(), consequence, change });
    } else if usage.is_proven() {
        finding.refusal = Some(first_of(&renumbering.blockers));
    } else {
        let places = if finding.related.is_empty() { "this number" } else { "all these places" };
        finding.help = format!(
            "{HELP}. No setting here moves the process, so a new number alone would break it: \
             let it listen on another port, then change {places}"
        );
    }
    finding
}

/// The first reasons, and how many more there are.
fn first_of(reasons: &[String]) -> String {
    let shown = reasons[..reasons.len().min(MOST)].join("; ");
    if reasons.len() > MOST { format!("{shown}; and {} more", reasons.len() - MOST) } else { shown }
}

/// A probe or a setting names a reserved port that nothing else shows in use.
fn not_declared(inventory: &Inventory<'_>, reserved: &Reserved<'_>, usage: &Usage<'_>) -> Option<Finding> {
    let port = usage.port;
    let owner = reserved.owner(port);
    if let Some((probe, field)) = usage.probes.first() {
        let asks_the_sidecar = matches!(port, 15020 | 15021);
        let new = |message: String| Finding::new(&ReservedPort::META, usage.workload, *field, message);
        return Some(if asks_the_sidecar {
            new(format!("`{probe}` asks port {port}: {owner}, not the application"))
                .level(Level::Info)
                .help("that is a way to wait for the sidecar; without one the probe fails")
        } else {
            new(format!("`{probe}` asks port {port}, a port of the mesh: {owner}"))
                .help(format!("{HELP}: let the application listen on another port, and the probe ask that one"))
        });
    }
    // A Service that sends to the number shows that something listens there.
    let port_number = i64::from(port);
    let services = inventory.services_of(usage.workload).certain;
    let target = services.iter().find_map(|id| {
        let ports = inventory.root(*id)?.at(&["spec", "ports"])?;
        ports.items().filter_map(|item| item.get("targetPort")).find(|target| target.as_i64() == Some(port_number))
    });
    let (target, mention) = (target?, usage.mentions.first()?);
    let at = mention.config_map.map_or(mention.at, |map| map.reference);
    Some(
        Finding::new(
            &ReservedPort::META,
            usage.workload,
            at,
            format!("{} names {port}, and a Service sends to it: a port of the mesh, {owner}", mention.name()),
        )
        .help(format!("{HELP}: let the application listen on another port, and change `targetPort` with it"))
        .related(target, "the Service sends here"),
    )
}
