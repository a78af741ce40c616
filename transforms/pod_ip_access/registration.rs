//! What programs announce of themselves: addresses of pods that others then call.

use std::collections::BTreeSet;

use super::PodIpAccess;
use crate::manifest::{Host, NodeId, Setting, Workload, addresses, name_words};
use crate::rule::{Context, Finding, Level};

/// Settings that make a program announce its address instead of its name, by the end of their plain names.
const PREFER_ADDRESS: &[&str] = &["preferipaddress"];

/// Settings that give the address to announce.
const GIVE_ADDRESS: &[&str] = &["dubboiptoregistry", "springcloudinetutilspreferrednetworks"];

/// Words of settings that give what a program announces.
const ANNOUNCE: &[&str] = &["advertise", "advertised", "announce", "announced", "register", "registered"];

/// Words of settings for programs of one kind that find each other by themselves.
const PEERS: &[&str] = &["cluster", "gossip", "initial", "member", "memberlist", "peer", "peers", "raft", "ring"];

pub(super) fn check(cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeSet<(NodeId, usize)> = BTreeSet::new();
    for workload in cx.inventory.workloads() {
        let settings = cx.inventory.settings_of(workload);
        let found: Vec<(&Setting, Announced)> =
            settings.iter().filter_map(|setting| Some((setting, announced(workload, setting)?))).collect();
        if found.is_empty() || !cx.inventory.is_checked(workload) {
            continue;
        }
        for (setting, announced) in found {
            if seen.insert((setting.at, setting.range.start)) {
                findings.extend(finding(cx, workload, setting, announced));
            }
        }
    }
}

/// What a setting makes a program announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    /// The pod's address, to all.
    ToAll,
    /// The pod's address, to programs of its own kind.
    ToPeers,
}

fn announced(workload: Workload<'_>, setting: &Setting) -> Option<Announced> {
    let plain = setting.plain_name();
    let is_preferred = PREFER_ADDRESS.iter().any(|end| plain.ends_with(end));
    if is_preferred && setting.value.trim().eq_ignore_ascii_case("true") || GIVE_ADDRESS.contains(&plain) {
        return Some(Announced::ToAll);
    }
    let words = name_words(&setting.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if !has(ANNOUNCE) {
        return None;
    }
    let is_pods = match setting.value.trim() {
        "" => is_pod_ip(workload, &setting.name),
        value => variables(value).iter().any(|name| is_pod_ip(workload, name)),
    };
    is_pods.then_some(if has(PEERS) { Announced::ToPeers } else { Announced::ToAll })
}

/// The variables that a value is made of, where it is one or an address with one.
fn variables(value: &str) -> Vec<String> {
    let whole = ["$(", "${"].iter().find_map(|open| value.strip_prefix(open)?.strip_suffix([')', '}']));
    let parts = addresses(value).into_iter().filter_map(|address| match address.host {
        Host::Variable(name) => Some(name),
        _ => None,
    });
    whole.map(str::to_owned).into_iter().chain(parts).collect()
}

/// True for a variable that the pod's own address is put into.
fn is_pod_ip(workload: Workload<'_>, name: &str) -> bool {
    let mut entries = workload.containers().flat_map(|container| container.env());
    entries.any(|(have, entry)| {
        let source = entry.at(&["valueFrom", "fieldRef", "fieldPath"]).and_then(|path| path.text());
        have == name && matches!(source, Some("status.podIP" | "status.podIPs"))
    })
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, setting: &Setting, announced: Announced) -> Option<Finding> {
    let field = cx.inventory.field(setting.at)?;
    let name = &setting.name;
    let holder = setting.config_map.unwrap_or(workload.id);
    let message = match announced {
        Announced::ToAll => format!("`{name}` makes the program announce its pod's address"),
        Announced::ToPeers => format!("`{name}` makes programs of one kind call each other by pods' addresses"),
    };
    let mut finding = Finding::of(&PodIpAccess::META, cx.inventory, holder, field, message);
    finding.at = field.loc_of(setting.range.clone());
    Some(match announced {
        Announced::ToAll => finding.help(
            "who finds it by this address calls past its Service: no route, no retry and no policy by name; announce the Service's name, or let callers use it",
        ),
        Announced::ToPeers => finding.level(Level::Info).help(
            "the mesh passes such calls on without routes; where strict mutual TLS or policies by name are to hold among them, use the names of a headless Service (`name-0.service`)",
        ),
    })
}
