use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{AddressUse, Detour, Field, Host, NodeId, OutsideClient, ResourceId, Workload, is_private};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags programs that call a Service of the cluster by a node's address and its node port.
    ///
    /// ## Why
    /// A call to a node's address leaves the mesh and comes back as one of nobody: no route, no retry and no traffic split
    /// of the Service holds for it, its policies see no caller, and strict mutual TLS refuses it. It also ends when the
    /// node goes, or when the Service gets another type.
    ///
    /// ## Fix
    /// The address becomes the Service's name with its own port, `web.shop.svc.cluster.local:80`, or `web:80` in the same
    /// namespace; what stands around it stays. It is done where the number is the node port of one Service alone, and the
    /// host is an IP address, a variable with the node's address, or a name that is no Service's. `clusterDomain` is
    /// the configuration's.
    ///
    /// ## Safety
    /// Unsafe: a browser, or whatever else outside the cluster gets the address, does not know the Service's name. Where
    /// a setting's name says so (`PUBLIC_URL`, `CORS_ORIGINS`), where the host is the pod's own or may be another
    /// program, and where several Services have the number, the finding only reports. Addresses in Secrets are not seen.
    NodePortAccess, "node-port-access", "Services must be called by their names, not by node ports",
    level: Level::Warning, after: &["envoy-base-id", "reserved-port"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/node-port-access/environment/fix.diff"),
}

/// The ports that Kubernetes gives to Services, where nobody changed them.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// A place with an address.
type Place = (NodeId, usize);

impl Transform for NodePortAccess {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let inventory = cx.inventory;
        let mut clients: BTreeMap<Place, Vec<(ResourceId, &OutsideClient)>> = BTreeMap::new();
        for service in inventory.services() {
            for client in inventory.node_port_clients(service) {
                let place = (client.usage.at, client.usage.address.range.start);
                let known = clients.entry(place).or_default();
                // A ConfigMap of several workloads is one place.
                if !known.iter().any(|(have, _)| *have == service) {
                    known.push((service, client));
                }
            }
        }
        let mut told = BTreeSet::new();
        for clients in clients.values() {
            let (_, first) = clients[0];
            let Some(workload) = inventory.workload(first.workload) else { continue };
            let is_ours = |(service, _): &(ResourceId, _)| inventory.is_checked_service(*service);
            if first.detour != Detour::NodePort || !inventory.is_checked(workload) || !clients.iter().all(is_ours) {
                continue;
            }
            // Several addresses for the outside in one text are one thing to say.
            let found = finding(cx, workload, clients);
            findings.extend(found.filter(|one| one.level != Level::Info || told.insert(first.usage.at)));
        }
        for workload in inventory.workloads() {
            for usage in inventory.addresses_of(workload).iter() {
                let place = (usage.at, usage.address.range.start);
                if clients.contains_key(&place) || !is_of_no_service(cx, workload, usage) {
                    continue;
                }
                clients.insert(place, Vec::new());
                findings.extend(unknown(cx, workload, usage));
            }
        }
    }
}

/// A finding at the place of an address, and its text.
fn at(cx: &Context<'_>, workload: Workload<'_>, usage: &AddressUse, says: impl Fn(&str) -> String) -> Option<Finding> {
    let field = cx.inventory.field(usage.at)?;
    let address = field.text()?.get(usage.address.range.clone())?;
    let setting = match usage.setting.as_str() {
        "" => format!("`{address}`"),
        name => format!("`{address}` in `{name}`"),
    };
    let holder = usage.holder(workload.id);
    let mut finding = Finding::of(&NodePortAccess::META, cx.inventory, holder, field, says(&setting));
    finding.at = field.loc_of(usage.address.range.clone());
    Some(finding)
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, clients: &[(ResourceId, &OutsideClient)]) -> Option<Finding> {
    let (service, client) = clients[0];
    let (usage, name) = (&client.usage, &cx.inventory.resource(service).name.name);
    let port = cx.inventory.field(client.port?)?;
    let number = port.text_at(&["port"]);
    let is_own = match &usage.address.host {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name == "localhost",
        Host::Variable(_) => false,
    };
    let verb = if client.is_certain { "is" } else { "may be" };
    let finding = at(cx, workload, usage, |address| format!("{address} {verb} a node port of Service `{name}`"))?;
    let finding = clients.iter().fold(finding, |finding, (id, client)| {
        match client.port.and_then(|port| cx.inventory.field(port)?.get("nodePort")) {
            Some(port) => {
                finding.related(port, format!("the node port of Service `{}`", cx.inventory.resource(*id).name.name))
            }
            None => finding,
        }
    });
    if usage.is_for_outside() || cx.inventory.services_of(workload).possible.contains(&service) {
        return Some(finding.level(Level::Info).help(format!(
            "its users are outside the cluster; expose Service `{name}` by a Gateway and give them its public name"
        )));
    }
    if is_own {
        return Some(finding.level(Level::Info).help(format!(
            "in the pod this is the pod itself, where no container declares the port; a program of the pod calls `{name}:{number}`, one outside the cluster a Gateway"
        )));
    }
    let why = "calls to a node's address get no route, no retry and no identity of the mesh, and strict mutual TLS refuses them";
    if clients.len() > 1 {
        let help = format!("{why}; several Services have the number: call the one that is meant by its name");
        return Some(finding.help(help));
    }
    if !client.is_certain {
        return Some(finding.help(format!("{why}; if this Service is meant, call `{name}:{number}`")));
    }
    let finding = finding.help(format!("{why}; call the Service by its name"));
    Some(with_fix(cx, workload, finding, client, service, number))
}

fn with_fix(
    cx: &Context<'_>,
    workload: Workload<'_>,
    mut finding: Finding,
    client: &OutsideClient,
    service: ResourceId,
    number: &str,
) -> Finding {
    let (usage, holder) = (&client.usage, client.usage.holder(workload.id));
    let (Some(field), Some(root)) = (cx.inventory.field(usage.at), cx.inventory.root(holder)) else { return finding };
    let Some(host) = cx.inventory.host_of_service(service, holder) else {
        finding.refusal = Some("kustomizations give the Service another name or several namespaces".to_owned());
        return finding;
    };
    if usage.config_map.is_some() && root.get("immutable").is_some_and(|field| field.is_true()) {
        finding.refusal = Some("the ConfigMap is immutable: give it another name with the new text".to_owned());
        return finding;
    }
    let separator = if is_device(field, usage) { '/' } else { ':' };
    let mut change = Change::default();
    change.splice(field, usage.address.range.clone(), format!("{host}{separator}{number}"));
    let mut consequence =
        "a program outside the cluster that gets this address does not know the name, and a `Host` header changes with it"
            .to_owned();
    if !matches!(usage.address.host, Host::Variable(_)) {
        consequence.push_str("; a node of another cluster would have other pods behind the port");
    }
    if usage.address.scheme == "https" {
        consequence.push_str("; the certificate must be one for the name");
    }
    if usage.config_map.is_some() {
        consequence.push_str("; pods read a ConfigMap's variables when they start");
    }
    if let Some(variable) = left_over(cx, workload, usage) {
        finding = finding.related(variable, "no address is made of it any more: remove it if nothing else needs it");
    }
    let fix = Fix { title: format!("call `{host}:{number}`"), safety: Safety::Unsafe, consequence, change };
    if usage.config_map.is_none() {
        return finding.fix(workload, fix);
    }
    match cx.inventory.not_ours(holder) {
        Some(reason) => finding.refusal = Some(reason.to_owned()),
        None => finding.fix = Some(fix),
    }
    finding
}

/// True for the form that shells have for a connection: `/dev/tcp/host/port`.
fn is_device(field: Field<'_>, usage: &AddressUse) -> bool {
    let written = field.text().and_then(|text| text.get(usage.address.range.clone()));
    written.is_some_and(|address| address.contains('/'))
}

/// The variable that gives the node's address, where no other address is made of it.
fn left_over<'w>(cx: &Context<'_>, workload: Workload<'w>, usage: &AddressUse) -> Option<Field<'w>> {
    let Host::Variable(name) = &usage.address.host else { return None };
    let mut entries = workload.containers().flat_map(|container| container.env());
    let (_, entry) = entries.find(|(have, entry)| have == name && entry.get("valueFrom").is_some())?;
    let others = cx.inventory.addresses_of(workload);
    let uses = others.iter().filter(|other| other.address.host == usage.address.host).count();
    (uses == 1).then_some(entry)
}

/// True for a node's address with a port that could only be a node port, and no Service of the files has it.
fn is_of_no_service(cx: &Context<'_>, workload: Workload<'_>, usage: &AddressUse) -> bool {
    let is_private = match usage.address.host {
        Host::Ip(ip) => is_private(ip),
        Host::Variable(_) => true,
        Host::Name(_) => false,
    };
    is_private
        && usage.address.port.is_some_and(|port| NODE_PORTS.contains(&port))
        && !usage.is_for_outside()
        && cx.inventory.is_node(workload, usage) == Some(true)
        && cx.inventory.is_checked(workload)
}

fn unknown(cx: &Context<'_>, workload: Workload<'_>, usage: &AddressUse) -> Option<Finding> {
    let finding =
        at(cx, workload, usage, |address| format!("{address} looks like a node port, and no Service here has it"))?;
    let help =
        "if it is one of this cluster, call the Service by its name; if it is outside, declare it by a ServiceEntry";
    Some(finding.level(Level::Info).help(help))
}
