//! The change that declares a protocol, and what has to hold for it to be safe.

use super::evidence::{Case, spoken};
use crate::config::{Cutover, PortStyle, Version};
use crate::manifest::{Field, Protocol, ResourceId, Route, RouteKind};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// Field order of a Service's port in the Kubernetes API.
pub(super) const FIELDS: &[&str] = &["name", "protocol", "appProtocol", "port", "targetPort", "nodePort"];

/// The same for a port that starts with its number: there the new line stands behind it.
const NUMBER_FIRST: &[&str] = &["port", "appProtocol", "targetPort", "nodePort"];

/// The finding with the fix that declares `protocol`, in the place of the one that was declared `before`, if any was.
pub(super) fn fix(
    cx: &Context<'_>,
    case: &Case<'_>,
    protocol: Protocol,
    before: Option<Protocol>,
    mut finding: Finding,
) -> Finding {
    let port = case.port;
    let word = protocol.word();
    let decides = port.field.get("appProtocol").filter(|field| field.as_str().is_some());
    let mut doubts = doubts(cx, case, protocol);
    let mut change = Change::default();
    // What `appProtocol` says hides the name.
    let style = if decides.is_some() { PortStyle::AppProtocol } else { cx.options.port_protocol.style };
    if style != PortStyle::Name && cx.options.kubernetes_version.is_some_and(|version| version < Version(1, 20)) {
        let reason = "Kubernetes has `appProtocol` since 1.20: `rules.port-protocol.style: name` does without";
        finding.refusal = Some(reason.to_owned());
        return finding;
    }
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
                let here = finding.at;
                finding.related.extend(renamed.places.into_iter().filter(|(at, _)| *at != here));
            }
            Err(reason) => {
                finding.refusal = Some(reason);
                return finding;
            }
        }
    }
    let wanted = if protocol == Protocol::Tcp { Safety::Safe } else { cx.options.port_protocol.http };
    let safety = if doubts.is_empty() && before.is_none() { wanted } else { Safety::Unsafe };
    let meaning = (safety == Safety::Unsafe).then(|| consequence(protocol, before)).filter(|text| !text.is_empty());
    let consequence: Vec<String> = meaning.into_iter().map(str::to_owned).chain(doubts).collect();
    finding.fix = Some(Fix { title, safety, consequence: consequence.join("; "), change });
    finding
}

/// What declaring a protocol does to clients that the input may not show.
fn consequence(protocol: Protocol, before: Option<Protocol>) -> &'static str {
    match protocol {
        _ if before.is_some_and(Protocol::is_tls) => "clients that speak TLS on this port are refused",
        Protocol::Tcp if before.is_some() => "routes, retries and policies by request no longer apply to this port",
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
    let is_patch = |root: Field<'_>| root.at(&["spec", "ports"]).is_some();
    let patches = inventory.patches_with(service, is_patch, |text| text.contains("ports"));
    if let Some(file) = patches.first() {
        doubts.push(format!("{} may patch the ports of this Service", inventory.file_name(*file)));
    } else if inventory.may_be_changed_unseen(service) {
        doubts.push("a kustomization may change this Service in ways that were not read".to_owned());
    }
    let reads_app_protocol = cx.options.port_protocol.style != PortStyle::Name;
    let other = inventory.other_routes_to(case.port).into_iter().next();
    let other = other.map(|id| leads_here(cx, id, "", reads_app_protocol));
    doubts.extend(case.routes.iter().find_map(|route| foreign(cx, route, reads_app_protocol)).or(other));
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
    let other = classes.into_iter().find(|class| !is_istio(class));
    let class = other.map_or_else(String::new, |class| format!(" of class `{class}`"));
    Some(leads_here(cx, route.id, &class, reads_app_protocol))
}

fn leads_here(cx: &Context<'_>, id: ResourceId, class: &str, reads_app_protocol: bool) -> String {
    let name = &cx.inventory.resource(id).name;
    let reads = if reads_app_protocol {
        "its controller may read `appProtocol` too, or refuse it"
    } else {
        "its controller may read the port's name too"
    };
    format!("{} `{}`{class} leads here: {reads}", name.kind, name.name)
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
    let mut keys = annotations.into_iter().flat_map(Field::entries).map(|(key, _)| key);
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

#[cfg(test)]
mod tests {
    use crate::config::{Cutover, Options};
    use crate::manifest::{Inventory, SourceFile};
    use crate::rule::{Context, Safety, Transform};

    /// The safety of declaring HTTP on a load balancer, for a team that takes that for safe elsewhere.
    fn safety(cutover: Cutover) -> Option<Safety> {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{name: web, port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec: {containers: [{name: web, readinessProbe: {httpGet: {port: 80}}}]}\n";
        let files = [SourceFile::read("all.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let mut options = Options::default();
        options.port_protocol.http = Safety::Safe;
        options.exposed_service.cutover = cutover;
        let inventory = Inventory::new(&files, &options);
        let mut findings = Vec::new();
        super::super::PortProtocol.check(&Context { inventory: &inventory, options: &options }, &mut findings);
        Some(findings.first()?.fix.as_ref()?.safety)
    }

    #[test]
    fn a_load_balancer_is_judged_by_the_type_that_the_run_leaves() {
        assert_eq!(safety(Cutover::NodePort), Some(Safety::Unsafe));
        assert_eq!(safety(Cutover::All), Some(Safety::Safe));
    }
}
