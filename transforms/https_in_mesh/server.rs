//! How manifests show that a program serves TLS itself.

use std::ops::Range;

use crate::manifest::{ConfigMapUseKind, Container, Field, NodeId, ResourceId, Setting, Workload};
use crate::rule::Context;
use crate::text::Loc;

/// A place that shows it.
pub(super) struct Evidence<'a> {
    /// The resource that holds it.
    pub(super) holder: ResourceId,
    pub(super) field: Field<'a>,
    /// The part of the scalar that shows it.
    range: Range<usize>,
    /// What it says.
    pub(super) says: String,
}

impl Evidence<'_> {
    /// The place by its node: no two have the same.
    pub(super) fn place(&self) -> (NodeId, usize) {
        (self.field.id(), self.range.start)
    }

    /// Where it stands.
    pub(super) fn loc(&self) -> Loc {
        self.field.loc_of(self.range.clone())
    }
}

/// Settings that make a server speak TLS when they are true, by their plain names (Spring Boot, Micronaut).
const SWITCHES: &[&str] = &["serversslenabled", "micronautserversslenabled", "managementserversslenabled"];

/// Starts of settings that give a server its certificate, by their plain names (Spring Boot, Quarkus, Kestrel, Keycloak).
const CERTIFICATES: &[&str] = &[
    "serversslkeystore",
    "serversslcertificate",
    "serversslbundle",
    "quarkushttpsslcertificate",
    "aspnetcorekestrelcertificatesdefaultpath",
    "kestrelcertificatesdefaultpath",
    "kchttpscertificate",
];

/// What shows that the workload's programs serve TLS, the strongest first.
pub(super) fn evidence<'a>(cx: &'a Context<'_>, workload: Workload<'a>) -> Vec<Evidence<'a>> {
    let own = cx.inventory.own_containers(workload).filter(|container| !is_metrics_proxy(*container));
    let mut found: Vec<Evidence<'a>> = own.filter_map(|container| probe(workload, container)).collect();
    let settings = cx.inventory.settings_of(workload);
    let is_off = settings.iter().any(|setting| is_switch(setting) && !is_true(setting));
    let shows = |setting: &&Setting| !is_off && (is_switch(setting) || gives_certificate(setting) || listens(setting));
    if let Some(setting) = settings.iter().find(shows)
        && let Some(field) = cx.inventory.field(setting.at)
    {
        let holder = setting.config_map.unwrap_or(workload.id);
        found.push(Evidence { holder, field, range: setting.range.clone(), says: format!("`{}`", setting.name) });
    }
    found.extend(nginx(cx, workload));
    found
}

/// A sidecar that guards metrics, whose TLS is the scraper's business.
fn is_metrics_proxy(container: Container<'_>) -> bool {
    ["kube-rbac-proxy", "oauth-proxy", "oauth2-proxy"].iter().any(|name| container.image_name().contains(name))
}

fn probe<'a>(workload: Workload<'a>, container: Container<'a>) -> Option<Evidence<'a>> {
    let scheme = |field: Field<'a>| field.get("scheme").filter(|scheme| scheme.text() == Some("HTTPS"));
    let (name, field) = container.probes().find_map(|probe| {
        let (kind, handler) = probe.handler()?;
        (kind == "httpGet").then(|| scheme(handler)).flatten().map(|field| (probe.name, field))
    })?;
    let range = 0..field.text().map_or(0, str::len);
    let says = format!("the {name} of container `{}` has `scheme: HTTPS`", container.name());
    Some(Evidence { holder: workload.id, field, range, says })
}

fn is_switch(setting: &Setting) -> bool {
    SWITCHES.contains(&setting.plain_name())
}

fn is_true(setting: &Setting) -> bool {
    setting.value.trim().eq_ignore_ascii_case("true")
}

fn gives_certificate(setting: &Setting) -> bool {
    CERTIFICATES.iter().any(|start| setting.plain_name().starts_with(start))
        && !setting.plain_name().ends_with("password")
}

/// Kestrel's addresses to listen at.
fn listens(setting: &Setting) -> bool {
    matches!(setting.plain_name(), "aspnetcoreurls" | "urls") && setting.value.contains("https://")
}

/// `listen 8443 ssl` in a mounted file of nginx.
fn nginx<'a>(cx: &'a Context<'_>, workload: Workload<'a>) -> Option<Evidence<'a>> {
    let maps = cx.inventory.config_maps_of(workload);
    let mounted = maps.iter().filter(|usage| matches!(usage.how, ConfigMapUseKind::Volume { .. }));
    mounted.flat_map(|usage| usage.entries().into_iter().map(move |(_, field)| (usage.id, field))).find_map(
        |(holder, field)| {
            let text = field.text()?;
            let mut from = 0;
            let range = text.split_inclusive('\n').find_map(|line| {
                let start = from + line.len() - line.trim_start().len();
                from += line.len();
                let statement = line.trim().split(';').next().unwrap_or_default();
                let mut words = statement.split_whitespace();
                let is_tls = words.next() == Some("listen") && words.any(|word| word == "ssl");
                is_tls.then(|| start..start + statement.len())
            })?;
            let says = format!("`{}`", &text[range.clone()]);
            let field = cx.inventory.field(field.id())?;
            Some(Evidence { holder, field, range, says })
        },
    )
}
