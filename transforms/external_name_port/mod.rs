mod ports;
mod routes;

use core::net::IpAddr;

use crate::config::Version;
use crate::manifest::{Field, ResourceId, ServicePort};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags what does not work with Services of `type: ExternalName` in a mesh.
    ///
    /// ## Why
    /// Since Istio 1.21 such a Service is only another name for its target. Its ports change nothing, a DestinationRule
    /// for it has no effect, and a VirtualService that routes to it finds nothing unless the mesh knows the target.
    /// Before, a Service without ports matched nothing, and one with a TCP port took all traffic of that port.
    ///
    /// ## Fix
    /// For a mesh before 1.21 (`istioVersion`) port 443 is declared as `https` and port 80 as `http`. Otherwise there is
    /// none: the finding shows a ServiceEntry, by which the mesh knows a host outside, where one is needed.
    ///
    /// ## Safety
    /// Unsafe: the number alone says what the port speaks. A target that no file has as a Service or a ServiceEntry may
    /// still be known in the cluster. An address as `externalName` is never changed: DNS has no such name.
    ExternalNamePort, "external-name-port", "what names an ExternalName Service must work in a mesh",
    level: Level::Warning, after: &[], istio: Some("IST0150"), safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/external-name-port/routes-and-rules/findings.txt"),
}

/// Since when an ExternalName Service is an alias.
const ALIAS: Version = Version(1, 21);

impl Transform for ExternalNamePort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let is_alias = cx.options.istio_version.is_none_or(|version| version >= ALIAS);
        let mut has_any = false;
        for id in cx.inventory.services() {
            if cx.inventory.service_type(id) != "ExternalName" {
                continue;
            }
            has_any = true;
            if cx.inventory.is_checked_service(id) {
                findings.extend(address(cx, id));
                ports::check(cx, id, is_alias, findings);
            }
        }
        if has_any && is_alias {
            routes::check(cx, findings);
        }
    }
}

/// Where a Service of this type leads.
fn target<'a>(cx: &'a Context<'_>, id: ResourceId) -> Option<Field<'a>> {
    cx.inventory.root(id)?.at(&["spec", "externalName"]).filter(|field| !field.text().unwrap_or_default().is_empty())
}

/// A target that is an address.
fn address(cx: &Context<'_>, id: ResourceId) -> Option<Finding> {
    let field = target(cx, id)?;
    let address = field.text()?;
    address.parse::<IpAddr>().ok()?;
    let service = &cx.inventory.resource(id).name.name;
    let mut finding = Finding::of(
        &ExternalNamePort::META,
        cx.inventory,
        id,
        field,
        format!("`externalName: {address}` is an address, and DNS knows it by no such name"),
    );
    finding.istio = None;
    let ports = entry_ports(cx, id);
    Some(finding.help("name a host, or tell the mesh of the address by a ServiceEntry").snippet(format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: {service}\nspec:\n  hosts: [{service}.example.com]   # the name that clients use\n  location: MESH_EXTERNAL\n  resolution: STATIC\n  endpoints:\n    - address: {address}\n{ports}"
    )))
}

/// A ServiceEntry by which the mesh knows the target of a Service.
fn service_entry(cx: &Context<'_>, id: ResourceId, host: &str) -> String {
    let service = &cx.inventory.resource(id).name.name;
    let ports = entry_ports(cx, id);
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: {service}\nspec:\n  hosts: [{host}]\n  location: MESH_EXTERNAL\n  resolution: DNS\n{ports}"
    )
}

/// The ports of a ServiceEntry: the Service's own, or the one that most hosts outside have.
fn entry_ports(cx: &Context<'_>, id: ResourceId) -> String {
    let ports: Vec<ServicePort<'_>> = cx.inventory.ports_of(id).collect();
    let mut text = "  ports:".to_owned();
    if ports.is_empty() {
        text.push_str("\n    - number: 443   # the ports that clients use\n      name: tls\n      protocol: TLS");
    }
    for port in ports {
        let number = port.number().unwrap_or_default();
        let word = ports::by_number(number).unwrap_or("tcp");
        text.push_str(&format!(
            "\n    - number: {number}\n      name: {word}-{number}\n      protocol: {}",
            word.to_ascii_uppercase()
        ));
    }
    text
}
