use crate::manifest::{Container, Field, Membership, Owner, Role, Workload, is_proxy_container};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags programs that run as user or group 1337, which the proxy runs as.
    ///
    /// ## Why
    /// The rules that catch a pod's traffic let everything pass that user or group 1337 sends: that is
    /// how the proxy reaches the network. A program with that identity bypasses the mesh: no mutual TLS,
    /// no policy, no telemetry. Where the pod's own `istio-proxy` container runs as another user, that
    /// number takes the place of 1337.
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
    example: include_str!("../testdata/proxy-uid/group-together/fix.diff"),
}

/// The user and group of Istio's proxy (`ProxyUID` and `ProxyGID` of its iptables set-up).
const PROXY: i64 = 1337;

impl Transform for ProxyUid {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let pod = Pod {
                cx,
                workload,
                proxy: proxy_identity(workload, "runAsUser"),
                proxy_group: proxy_identity(workload, "runAsGroup"),
            };
            let mut found = Vec::new();
            if let Some(context) = workload.pod.get("securityContext") {
                found.extend(pod.pod_level(context));
            }
            for container in cx.inventory.own_containers(workload) {
                if let Some(context) = container.field.get("securityContext") {
                    found.extend(pod.container_level(container, context));
                }
            }
            // Who is in the mesh is asked last: it takes a look at the whole workspace.
            let outside = || matches!(cx.inventory.membership(workload), Membership::Off(_) | Membership::Ambient);
            let owned = || cx.inventory.owner(workload).is_some_and(|owner| owner != Owner::Injected);
            if !found.is_empty() && !outside() && !owned() {
                findings.append(&mut found);
            }
        }
    }
}

/// The number that the proxy of this pod runs as: the injector hands the user of a customised
/// `istio-proxy` container to the iptables set-up (`adjustInitContainerUser`).
fn proxy_identity(workload: Workload<'_>, name: &str) -> i64 {
    let mut proxies = workload.containers().filter(|container| container.name() == "istio-proxy");
    proxies.find_map(|proxy| proxy.field.at(&["securityContext", name])?.as_i64()).unwrap_or(PROXY)
}

/// True for the number, quoted or not.
fn is_number(field: Field<'_>, number: i64) -> bool {
    field.as_i64() == Some(number) || field.as_str().is_some_and(|text| text == number.to_string())
}

struct Pod<'a> {
    cx: &'a Context<'a>,
    workload: Workload<'a>,
    proxy: i64,
    proxy_group: i64,
}

/// The fields of one security context that have the proxy's identity.
#[derive(Clone, Copy)]
struct Taken<'a> {
    context: Field<'a>,
    user: Option<Field<'a>>,
    group: Option<Field<'a>>,
}

impl Taken<'_> {
    fn what(self) -> &'static str {
        if self.user.is_some() { "user" } else { "group" }
    }
}

impl<'a> Pod<'a> {
    fn taken(&self, context: Field<'a>) -> Taken<'a> {
        // The API server refuses a quoted number, but it is meant.
        let user = context.get("runAsUser").filter(|field| is_number(*field, self.proxy));
        let group = context.get("runAsGroup").filter(|field| is_number(*field, self.proxy_group));
        Taken { context, user, group }
    }

    fn is_proxy(&self, field: Field<'_>) -> bool {
        is_number(field, self.proxy_group)
    }

    fn pod_level(&self, context: Field<'a>) -> Option<Finding> {
        let taken = self.taken(context);
        let Some(field) = taken.user.or(taken.group) else { return self.kept_group(context) };
        let name = if taken.user.is_some() { "runAsUser" } else { "runAsGroup" };
        let inherits = |container: &Container<'_>| {
            !is_proxy_container(*container) && container.field.at(&["securityContext", name]).is_none()
        };
        let mut apps = self.workload.containers().filter(|container| container.role == Role::App);
        let overridden = !self.workload.is_fragment() && !apps.any(|container| inherits(&container));
        let number = if taken.user.is_some() { self.proxy } else { self.proxy_group };
        let message = if overridden {
            format!("pod sets `{name}: {number}`; its containers override it, init and injected ones may not")
        } else {
            format!("pod runs as {} {number}, which the proxy runs as", taken.what())
        };
        let mut finding = self.finding(taken, field, message);
        if overridden || taken.user.is_none() {
            finding = finding.level(Level::Warning);
        }
        let proxies = self.workload.containers().filter(|container| is_proxy_container(*container));
        let mut bare = proxies.filter(|proxy| proxy.field.at(&["securityContext", name]).is_none());
        if let Some(proxy) = bare.next() {
            finding.fix = None;
            finding.refusal = Some(format!("the proxy container `{}` inherits it and must keep it", proxy.name()));
        }
        let init: Vec<_> = self
            .workload
            .containers()
            .filter(|container| container.role == Role::Init && inherits(container))
            .collect();
        for container in &init {
            let remark = format!("the init container `{}` inherits it", container.name());
            finding = finding.related(container.field, remark);
        }
        if overridden && !init.is_empty() {
            finding.fix = None;
            let help = "only init containers run as it: with Istio's CNI plugin that gives them network access before the proxy starts";
            finding = finding.level(Level::Info).help(help);
        }
        Some(finding)
    }

    /// Groups that give access to files bypass nothing.
    fn kept_group(&self, context: Field<'a>) -> Option<Finding> {
        let groups = context.get("supplementalGroups").into_iter().flat_map(Field::items);
        let field = context.get("fsGroup").into_iter().chain(groups).find(|field| self.is_proxy(*field))?;
        let message = format!("volumes belong to group {}, the proxy's group", self.proxy_group);
        let finding = Finding::new(&ProxyUid::META, self.workload, field, message);
        Some(finding.level(Level::Info).help("it gives access to files only and bypasses nothing; it may stay"))
    }

    fn container_level(&self, container: Container<'a>, context: Field<'a>) -> Option<Finding> {
        let taken = self.taken(context);
        let field = taken.user.or(taken.group)?;
        let number = if taken.user.is_some() { self.proxy } else { self.proxy_group };
        let (name, what) = (container.name(), taken.what());
        if container.role == Role::Init {
            let message = format!("init container `{name}` runs as {what} {number}");
            let help = "with Istio's CNI plugin this gives it network access before the proxy starts; native sidecars make it unnecessary";
            let finding = Finding::new(&ProxyUid::META, self.workload, field, message);
            return Some(finding.level(Level::Info).help(help));
        }
        let message = format!("container `{name}` runs as {what} {number}, which the proxy runs as");
        let finding = self.finding(taken, field, message);
        Some(if taken.user.is_some() { finding } else { finding.level(Level::Warning) })
    }

    fn finding(&self, taken: Taken<'a>, field: Field<'a>, message: String) -> Finding {
        let mut finding = Finding::new(&ProxyUid::META, self.workload, field, message).help(format!(
            "traffic of user and group {} bypasses the proxy: no mutual TLS, no policy, no telemetry",
            self.proxy
        ));
        for key in ["fsGroup", "supplementalGroups"] {
            let is_proxy = |kept: &Field<'_>| self.is_proxy(*kept) || kept.items().any(|item| self.is_proxy(item));
            if let Some(kept) = taken.context.get(key).filter(is_proxy) {
                finding = finding.related(kept, format!("`{key}` stays, so that the volumes stay readable"));
            }
        }
        let number = self.proxy.to_string();
        for container in self.workload.containers() {
            let words =
                ["command", "args"].into_iter().filter_map(|key| container.field.get(key)).flat_map(Field::items);
            let gives_files = |text: &str| {
                text.contains("chown") && text.contains(&number) || text.starts_with(&format!("{number}:"))
            };
            for word in words.filter(|word| word.text().is_some_and(gives_files)) {
                let remark = format!("`{}` gives files to {number}; adapt it to the new number", container.name());
                finding = finding.related(word, remark);
            }
        }
        finding.fix(self.workload, self.fix(taken))
    }

    fn fix(&self, taken: Taken<'a>) -> Fix {
        let options = &self.cx.options.proxy_uid;
        let remove = options.remove || self.workload.resource.name.kind == "DeploymentConfig";
        let replacement = self.free_identity(options.replacement);
        let mut change = Change::default();
        for field in taken.user.into_iter().chain(taken.group) {
            if remove { change.remove(field) } else { change.set(field, replacement) }
        }
        let names = match (taken.user, taken.group) {
            (Some(_), Some(_)) => "`runAsUser` and `runAsGroup`",
            (Some(_), None) => "`runAsUser`",
            _ => "`runAsGroup`",
        };
        let title = if remove { format!("remove {names}") } else { format!("set {names} to {replacement}") };
        let mut consequence =
            format!("files in the image or on volumes that belong to {} may become unreadable", self.proxy);
        let contexts = [Some(taken.context), self.workload.pod.get("securityContext")].into_iter().flatten();
        if remove && contexts.filter_map(|context| context.get("runAsNonRoot")).any(|field| field.is_true()) {
            consequence
                .push_str("; with `runAsNonRoot` the pod starts only if the image's own user is a number other than 0");
        }
        Fix { title, safety: Safety::Unsafe, consequence, change }
    }

    /// The first number from `from` on that no container of the pod runs as.
    fn free_identity(&self, from: i64) -> i64 {
        let contexts = self.workload.containers().filter_map(|container| container.field.get("securityContext"));
        let contexts = contexts.chain(self.workload.pod.get("securityContext"));
        let taken: Vec<i64> = contexts.filter_map(|context| context.get("runAsUser")?.as_i64()).collect();
        let is_free = |number: &i64| ![PROXY, self.proxy, self.proxy_group].contains(number) && !taken.contains(number);
        (from..from + 1_000).find(is_free).unwrap_or(from)
    }
}
