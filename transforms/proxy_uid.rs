use crate::manifest::{Container, Field, Membership, Role, Workload, is_proxy_container};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags programs that run as user or group 1337, which the proxy runs as.
    ///
    /// ## Why
    /// The rules that catch a pod's traffic let everything pass that user or group 1337 sends: that is
    /// how the proxy reaches the network. A program with that identity bypasses the mesh: no mutual TLS,
    /// no policy, no telemetry.
    ///
    /// ## Fix
    /// Sets `runAsUser`, and a `runAsGroup` of 1337 beside it, to 10001, or to the next number that no
    /// other container of the pod has. `fsGroup` and `supplementalGroups` stay: they give access to
    /// volumes and bypass nothing. In an OpenShift DeploymentConfig the fields are removed, because the
    /// platform assigns the numbers.
    ///
    /// ## Safety
    /// Unsafe: files in the image or on volumes may belong to 1337. An init container that runs as 1337
    /// is Istio's own way to give it network access before the proxy starts, and stays. A user that the
    /// image itself sets can't be seen in manifests.
    ProxyUid, "proxy-uid", "programs must not run as user or group 1337",
    level: Level::Error, after: &["host-network"], istio: Some("IST0144"), safety: Some(Safety::Unsafe),
}

/// The user and group of Istio's proxy (`ProxyUID` and `ProxyGID` of its iptables set-up).
const PROXY: i64 = 1337;

impl Transform for ProxyUid {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let outside = matches!(cx.inventory.membership(workload), Membership::Off(_) | Membership::Ambient);
            let owned = workload.owner().is_some_and(|owner| owner != crate::manifest::Owner::Injected);
            if outside || owned {
                continue;
            }
            if let Some(context) = workload.pod.get("securityContext") {
                pod_level(cx, workload, context, findings);
            }
            for container in workload.containers().filter(|container| !is_proxy_container(*container)) {
                if let Some(context) = container.field.get("securityContext") {
                    container_level(cx, workload, container, context, findings);
                }
            }
        }
    }
}

fn pod_level(cx: &Context<'_>, workload: Workload<'_>, context: Field<'_>, findings: &mut Vec<Finding>) {
    let user = proxy_field(context, "runAsUser");
    let group = proxy_field(context, "runAsGroup");
    if let Some(field) = user.or(group) {
        let name = if user.is_some() { "runAsUser" } else { "runAsGroup" };
        let inherits = |container: &Container<'_>| {
            container.role == Role::App
                && !is_proxy_container(*container)
                && container.field.at(&["securityContext", name]).is_none()
        };
        let overridden = !workload.resource.is_fragment && !workload.containers().any(|container| inherits(&container));
        let message = if overridden {
            format!("pod sets `{name}: 1337`; its containers override it, init and injected ones may not")
        } else {
            format!("pod runs as {} 1337, which the proxy runs as", if user.is_some() { "user" } else { "group" })
        };
        let warn = overridden || user.is_none();
        let mut finding = identity(cx, workload, context, field, message, (user, group));
        if warn {
            finding = finding.level(Level::Warning);
        }
        for container in
            workload.containers().filter(|container| container.role == Role::Init && inherits_1337(*container, name))
        {
            finding =
                finding.related(container.field, format!("the init container `{}` inherits it", container.name()));
        }
        findings.push(finding);
    }
    let groups = context.get("supplementalGroups").into_iter().flat_map(Field::items);
    let kept = context.get("fsGroup").into_iter().chain(groups).find(|field| field.as_i64() == Some(PROXY));
    if let Some(field) = kept.filter(|_| user.is_none() && group.is_none()) {
        let finding = Finding::new(&ProxyUid::META, workload, field, "volumes belong to group 1337, the proxy's group");
        findings
            .push(finding.level(Level::Info).help("it gives access to files only and bypasses nothing; it may stay"));
    }
}

fn inherits_1337(container: Container<'_>, name: &str) -> bool {
    !is_proxy_container(container) && container.field.at(&["securityContext", name]).is_none()
}

fn container_level(
    cx: &Context<'_>,
    workload: Workload<'_>,
    container: Container<'_>,
    context: Field<'_>,
    findings: &mut Vec<Finding>,
) {
    let user = proxy_field(context, "runAsUser");
    let group = proxy_field(context, "runAsGroup");
    let Some(field) = user.or(group) else { return };
    let what = if user.is_some() { "user" } else { "group" };
    let name = container.name();
    if container.role == Role::Init {
        let finding =
            Finding::new(&ProxyUid::META, workload, field, format!("init container `{name}` runs as {what} 1337"));
        let help = "with Istio's CNI plugin this gives it network access before the proxy starts; native sidecars make it unnecessary";
        findings.push(finding.level(Level::Info).help(help));
        return;
    }
    let message = format!("container `{name}` runs as {what} 1337, which the proxy runs as");
    let finding = identity(cx, workload, context, field, message, (user, group));
    findings.push(if user.is_some() { finding } else { finding.level(Level::Warning) });
}

/// A field of a security context that is 1337, quoted or not.
fn proxy_field<'a>(context: Field<'a>, name: &str) -> Option<Field<'a>> {
    let field = context.get(name)?;
    let is_proxy = field.as_i64() == Some(PROXY) || field.as_str() == Some("1337");
    is_proxy.then_some(field)
}

fn identity(
    cx: &Context<'_>,
    workload: Workload<'_>,
    context: Field<'_>,
    field: Field<'_>,
    message: String,
    (user, group): (Option<Field<'_>>, Option<Field<'_>>),
) -> Finding {
    let options = &cx.options.proxy_uid;
    let remove = options.remove || workload.resource.name.group() == "apps.openshift.io";
    let replacement = free_identity(workload, options.replacement);
    let mut change = Change::default();
    for field in user.into_iter().chain(group) {
        if remove { change.remove(field) } else { change.set(field, replacement) }
    }
    let names = match (user, group) {
        (Some(_), Some(_)) => "`runAsUser` and `runAsGroup`",
        (Some(_), None) => "`runAsUser`",
        _ => "`runAsGroup`",
    };
    let title = if remove { format!("remove {names}") } else { format!("set {names} to {replacement}") };
    let mut consequence = "files in the image or on volumes that belong to 1337 may become unreadable".to_owned();
    let non_root = [Some(context), workload.pod.get("securityContext")].into_iter().flatten();
    if remove && non_root.filter_map(|context| context.get("runAsNonRoot")).any(|field| field.is_true()) {
        consequence
            .push_str("; with `runAsNonRoot` the pod starts only if the image's own user is a number other than 0");
    }
    let mut finding = Finding::new(&ProxyUid::META, workload, field, message)
        .help("traffic of user and group 1337 bypasses the proxy: no mutual TLS, no policy, no telemetry");
    for (key, kept) in [("fsGroup", context.get("fsGroup")), ("supplementalGroups", context.get("supplementalGroups"))]
    {
        let is_proxy =
            |field: &Field<'_>| field.as_i64() == Some(PROXY) || field.items().any(|item| item.as_i64() == Some(PROXY));
        if let Some(kept) = kept.filter(is_proxy) {
            finding = finding.related(kept, format!("`{key}` stays, so that the volumes stay readable"));
        }
    }
    for container in workload.containers() {
        let words = ["command", "args"].into_iter().filter_map(|key| container.field.get(key)).flat_map(Field::items);
        for word in words.filter(|word| {
            word.text().is_some_and(|text| text.contains("chown") && text.contains("1337") || text.starts_with("1337:"))
        }) {
            finding = finding
                .related(word, format!("`{}` gives files to 1337; adapt it to the new number", container.name()));
        }
    }
    finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence, change })
}

/// The first number from `from` on that no container of the pod runs as.
fn free_identity(workload: Workload<'_>, from: i64) -> i64 {
    let contexts = workload.containers().filter_map(|container| container.field.get("securityContext"));
    let contexts = contexts.chain(workload.pod.get("securityContext"));
    let taken: Vec<i64> = contexts.filter_map(|context| context.get("runAsUser")?.as_i64()).collect();
    (from..from + 1_000).find(|number| *number != PROXY && !taken.contains(number)).unwrap_or(from)
}
