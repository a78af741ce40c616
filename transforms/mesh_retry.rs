use serde_json::{Map, Value};

use crate::config::Retries;
use crate::manifest::{Field, VirtualService};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Gives routes inside the mesh the retries that a team asks for.
    ///
    /// ## Why
    /// The vendor's specification asks applications to retry, because a proxy may not be ready yet. Istio retries HTTP
    /// requests by itself: twice, when the connection failed or the server says that it may be tried again. That is
    /// enough for most, so this rule is silent until `rules.mesh-retry.retries` says which retries a team wants.
    ///
    /// ## Fix
    /// Each HTTP route of a VirtualService inside the mesh gets `retries` as the option has them. A route that has its own
    /// keeps them. Routes of gateways are left alone, as are TCP and TLS, which have no retries, redirects, routes with
    /// faults, and VirtualServices that Argo Rollouts or Flagger change. Where one try may take as long as the whole
    /// request, the finding stays without a fix.
    ///
    /// ## Safety
    /// Unsafe: a request that is sent again may be done twice.
    MeshRetry, "mesh-retry", "routes inside the mesh should retry as the configuration says",
    level: Level::Info, after: &["mixed-virtual-service"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/mesh-retry/routes/fix.diff"),
}

/// Order of the fields of a route, as Istio's API has them.
const ROUTE_FIELDS: &[&str] = &[
    "name",
    "match",
    "route",
    "redirect",
    "directResponse",
    "delegate",
    "rewrite",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrors",
    "mirrorPercentage",
    "corsPolicy",
    "headers",
];

/// What Istio takes where it chooses by itself; without a number there would be no retries at all.
const ISTIO_ATTEMPTS: u32 = 2;

impl Transform for MeshRetry {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(retries) = &cx.options.mesh_retry.retries else { return };
        let rolled_out = cx.inventory.rolled_out_virtual_services();
        let is_checked = |one: &VirtualService<'_>| {
            let placements = cx.inventory.placements(one.id);
            let mut namespaces = placements.iter().filter_map(|placement| placement.namespace.as_deref());
            let is_of_cluster = |host: Field<'_>| cx.inventory.is_cluster_host(host.text().unwrap_or_default());
            one.is_inside_the_mesh()
                && !rolled_out.contains(&one.id)
                && !namespaces.any(|namespace| cx.inventory.is_ignored_namespace(namespace))
                && one.hosts().any(is_of_cluster)
                && !cx.inventory.may_spec_be_patched(one.id, &["http", "gateways", "hosts"])
        };
        findings.extend(cx.inventory.virtual_services().filter(is_checked).filter_map(|one| finding(cx, one, retries)));
    }
}

fn finding(cx: &Context<'_>, one: VirtualService<'_>, retries: &Retries) -> Option<Finding> {
    let routes: Vec<Field<'_>> = one.http().filter(|route| is_plain(*route)).collect();
    let (fitting, too_short): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| fits(*route, retries));
    let first = fitting.first().or(too_short.first())?;
    let noun = |number: usize| if number == 1 { "HTTP route has" } else { "HTTP routes have" };
    let number = if fitting.is_empty() { too_short.len() } else { fitting.len() };
    let message =
        format!("{number} {} no `retries` of {} own", noun(number), if number == 1 { "its" } else { "their" });
    let finding = Finding::of(&MeshRetry::META, cx.inventory, one.id, *first, message);
    if fitting.is_empty() {
        let field = first.get("timeout").unwrap_or(*first);
        let tried = retries.per_try_timeout.as_deref().unwrap_or_default();
        return Some(finding.related(field, "the timeout of the whole request").help(format!(
            "one try of `rules.mesh-retry.retries` may take {tried}, as long as the whole request here: give the route retries of its own",
        )));
    }
    let mut change = Change::default();
    for route in &fitting {
        change.insert(*route, &["retries"], value(retries), ROUTE_FIELDS);
    }
    let title = format!("add `retries` to {number} {}", if number == 1 { "route" } else { "routes" });
    let consequence = "a request that is sent again may be done twice, and failures take longer to show".to_owned();
    let mut finding = finding
        .help("`rules.mesh-retry.retries` asks for them; until then Istio's own hold: two, when a connection fails");
    finding.fix = Some(Fix { title, safety: Safety::Unsafe, consequence, change });
    Some(finding)
}

/// True for a route that sends requests on as they are, and leaves retries open.
fn is_plain(route: Field<'_>) -> bool {
    let has = |key: &str| route.get(key).is_some();
    has("route") && !has("retries") && !has("fault") && !has("redirect") && !has("delegate") && !has("directResponse")
}

/// True where one try ends before the whole request does.
fn fits(route: Field<'_>, retries: &Retries) -> bool {
    let Some(timeout) = route.get("timeout").and_then(|field| field.text()) else { return true };
    match (retries.per_try_timeout.as_deref().map(seconds), seconds(timeout)) {
        (None, _) => true,
        (Some(Some(one)), Some(all)) => one < all,
        _ => false,
    }
}

/// A duration like `1m30s`.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, None);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = &rest[end..];
        let length = unit.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(unit.len());
        let factor = match &unit[..length] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" => 0.000_001,
            _ => return None,
        };
        sum = Some(sum.unwrap_or(0.0) + number * factor);
        rest = &unit[length..];
    }
    sum
}

/// What is written.
fn value(retries: &Retries) -> Value {
    let mut value = Map::new();
    value.insert("attempts".to_owned(), retries.attempts.unwrap_or(ISTIO_ATTEMPTS).into());
    let texts = [("perTryTimeout", &retries.per_try_timeout), ("retryOn", &retries.retry_on)];
    value.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into()))));
    Value::Object(value)
}
