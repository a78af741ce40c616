//! The change that declares a protocol, and what has to hold for it to be safe.

use super::evidence::{Case, spoken};
use crate::config::{Cutover, PortStyle};
use crate::manifest::{Protocol, Route, RouteKind};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// Field order of a Service's port in the Kubernetes API.
const FIELDS: &[&str] = &["name", "protocol", "appProtocol", "port", "targetPort", "nodePort"];

/// The same for a port that starts with its number: there the new line stands behind it.
const NUMBER_FIRST: &[&str] = &["port", "appProtocol", "targetPort", "nodePort"];

/// The finding with the fix that declares `protocol`.
pub(super) fn fix(cx: &Context<'_>, case: &Case<'_>, protocol: Protocol, mut finding: Finding) -> Finding {
    let port = case.port;
    let word = protocol.word();
    let decides = port.field.get("appProtocol").filter(|field| field.as_str().is_some());
    let mut doubts = doubts(cx, case, protocol);
    let mut change = Change::default();
    // What `appProtocol` says hides the name.
    let style = if decides.is_some() { PortStyle::AppProtocol } else { cx.options.port_protocol.style };
    if style != PortStyle::Name {
        match port.field.get("appProtocol") {
            Some(field) => change.set(field, word),
            None => {
                let has_more = ["name", "protocol"].iter().any(|key| port.field.get(key).is_some());
                let order = if has_more { FIELDS } else { NUMBER_FIRST };
                change.insert(port.field, &["appProtocol"], word, order);
            }
        }
    }
    let mut title = format!("declare `appProtocol: {word}`");
    if style != PortStyle::AppProtocol {
        match super::rename::rename(cx.inventory, port, protocol, &mut change) {
            Ok(renamed) => {
                title = if style == PortStyle::Both { format!("{title} and {}", renamed.title) } else { renamed.title };
                doubts.extend(renamed.doubt);
            }
            Err(reason) => {
                finding.refusal = Some(reason);
                return finding;
            }
        }
    }
    let wanted = if protocol == Protocol::Tcp { Safety::Safe } else { cx.options.port_protocol.http };
    let safety = if doubts.is_empty() { wanted } else { Safety::Unsafe };
    let meaning = (safety == Safety::Unsafe).then(|| consequence(protocol)).filter(|text| !text.is_empty());
    let consequence: Vec<String> = meaning.into_iter().map(str::to_owned).chain(doubts).collect();
    finding.fix = Some(Fix { title, safety, consequence: consequence.join("; "), change });
    finding
}

/// What declaring a protocol does to clients that the input may not show.
fn consequence(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http | Protocol::HttpProxy | Protocol::GrpcWeb => {
            "clients that send another Host header or call pod addresses are no longer matched to the Service, and HTTP/2 without TLS becomes HTTP/1.1"
        }
        Protocol::Http2 | Protocol::Grpc => {
            "clients that send another Host header or call pod addresses are no longer matched to the Service, and the application gets HTTP/2 only"
        }
        Protocol::Https | Protocol::Tls => "requests in plain text on this port are no longer read as HTTP",
        _ => "",
    }
}

/// Why a person has to look at it.
fn doubts(cx: &Context<'_>, case: &Case<'_>, protocol: Protocol) -> Vec<String> {
    let (inventory, service) = (cx.inventory, case.port.service);
    let mut doubts = Vec::new();
    if protocol != Protocol::Tcp && inventory.is_headless(service) {
        doubts.push("clients of a headless Service call the pods by their addresses".to_owned());
    }
    if case.behind.is_empty() || case.behind.iter().any(|behind| !behind.is_certain) {
        doubts.push("the manifests don't show for certain which pods are behind the Service".to_owned());
    }
    let is_patch = |spec: crate::manifest::Field<'_>| spec.at(&["spec", "ports"]).is_some();
    let patches = inventory.patches_with(service, is_patch, |text| text.contains("ports"));
    if let Some(file) = patches.first() {
        doubts.push(format!("{} patches the ports of this Service", inventory.file_name(*file)));
    } else if inventory.may_be_changed_unseen(service) {
        doubts.push("a kustomization may change this Service in ways that were not read".to_owned());
    }
    let reads_app_protocol = cx.options.port_protocol.style != PortStyle::Name;
    doubts.extend(case.routes.iter().find_map(|route| foreign(cx, route, reads_app_protocol)));
    if reads_app_protocol {
        doubts.extend(load_balancer(cx, case, protocol));
    }
    doubts
}

/// A route that other programs than Istio's gateways serve.
fn foreign(cx: &Context<'_>, route: &Route<'_>, reads_app_protocol: bool) -> Option<String> {
    let is_virtual = matches!(route.kind, RouteKind::VirtualHttp | RouteKind::VirtualTls | RouteKind::VirtualTcp);
    let classes = cx.inventory.route_classes(route);
    let is_istio = |class: &&str| *class == "istio" || class.starts_with("istio-");
    if is_virtual || route.is_inside_the_mesh() || !classes.is_empty() && classes.iter().all(is_istio) {
        return None;
    }
    let name = &cx.inventory.resource(route.id).name;
    let other = classes.into_iter().find(|class| !is_istio(class));
    let class = other.map_or_else(String::new, |class| format!(" of class `{class}`"));
    let reads = if reads_app_protocol {
        "its controller may read `appProtocol` too, or refuse it"
    } else {
        "its controller may read the port's name too"
    };
    Some(format!("{} `{}`{class} leads here: {reads}", name.kind, name.name))
}

/// What clouds make of `appProtocol` on a load balancer, where the run leaves the Service one.
fn load_balancer(cx: &Context<'_>, case: &Case<'_>, protocol: Protocol) -> Option<String> {
    let root = cx.inventory.root(case.port.service)?;
    let is_left =
        root.text_at(&["spec", "type"]) == "LoadBalancer" && cx.options.exposed_service.cutover != Cutover::All;
    if !is_left {
        return None;
    }
    let annotations = root.at(&["metadata", "annotations"]);
    let mut keys = annotations.into_iter().flat_map(crate::manifest::Field::entries).map(|(key, _)| key);
    let is_azure = keys.any(|key| key.starts_with("service.beta.kubernetes.io/azure-"));
    let probes = matches!(protocol, Protocol::Http | Protocol::Https);
    match (is_azure, probes) {
        (true, true) => Some(format!(
            "Azure then probes `/` over {}, and takes the load balancer down where that gives no 200",
            spoken(protocol)
        )),
        (true, false) => Some("Azure chooses the load balancer's health probe by `appProtocol`".to_owned()),
        (false, true) => Some(format!(
            "on Azure the load balancer then probes `/` over {}, and goes down where that gives no 200",
            spoken(protocol)
        )),
        (false, false) => None,
    }
}
