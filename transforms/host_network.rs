use crate::manifest::{Field, Membership, Off, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags pods that run in the node's network.
    ///
    /// ## Why
    /// Such a pod has no network namespace of its own. Istio does not inject a sidecar into it (its
    /// iptables rules would catch the node's own traffic) and ambient mode skips it too. The workload
    /// stays outside the mesh: plain text, no policy, and peers with strict mutual TLS refuse it.
    ///
    /// ## Fix
    /// Removes `hostNetwork`, and turns `dnsPolicy: ClusterFirstWithHostNet` into `ClusterFirst` with it.
    /// A `hostPort` stays: it still publishes the port on the node.
    ///
    /// ## Safety
    /// Unsafe: the pod is no longer reachable at the node's address, its source address changes, and
    /// NetworkPolicies start to apply. Node agents that need the node's network (network plugins, node
    /// exporters, privileged pods, pods with `hostPID` or with the node's own folders mounted) are
    /// reported as advice and keep it.
    HostNetwork, "host-network", "pods must not run in the node's network",
    level: Level::Error, after: &[], istio: None, safety: Some(Safety::Unsafe),
}

impl Transform for HostNetwork {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let Some(field) = workload.pod.get("hostNetwork").filter(|field| field.is_true()) else { continue };
            let membership = cx.inventory.membership_but_for_host_network(workload);
            let left = matches!(membership, Membership::Off(Off::OptOut | Off::Windows));
            if workload.owner().is_some() || left {
                continue;
            }
            let finding = Finding::new(&Self::META, workload, field, "pod runs in the node's network");
            findings.push(match must_stay(cx, workload, membership) {
                Some(reason) => finding
                    .level(Level::Info)
                    .help(format!(
                        "{reason}, so it keeps the node's network and stays outside the mesh; say so with the label"
                    ))
                    .snippet("labels:\n  sidecar.istio.io/inject: \"false\""),
                None => removal(cx, workload, field, finding),
            });
        }
    }
}

fn removal(cx: &Context<'_>, workload: Workload<'_>, field: Field<'_>, finding: Finding) -> Finding {
    let mut change = Change::default();
    change.remove(field);
    let mut title = "remove `hostNetwork`".to_owned();
    let policy = workload.pod.get("dnsPolicy").filter(|policy| policy.as_str() == Some("ClusterFirstWithHostNet"));
    if let Some(policy) = policy {
        change.set(policy, "ClusterFirst");
        title.push_str(" and set `dnsPolicy: ClusterFirst`");
    }
    let mut finding = finding
        .help("Istio does not inject a sidecar into pods in the node's network, and their traffic bypasses the mesh");
    for container in workload.containers() {
        for port in container.field.get("ports").into_iter().flat_map(Field::items) {
            let Some(host_port) = port.get("hostPort") else { continue };
            let same = host_port.as_i64() == port.get("containerPort").and_then(|number| number.as_i64());
            if cx.options.host_network.drop_host_ports && same {
                change.remove(host_port);
            } else {
                finding = finding.related(host_port, "stays published on the node, outside the mesh");
            }
        }
        for variable in container.field.get("env").into_iter().flat_map(Field::items) {
            let source = variable.at(&["valueFrom", "fieldRef", "fieldPath"]);
            if let Some(source) = source.filter(|source| source.text() == Some("status.hostIP")) {
                let name = variable.text_at(&["name"]);
                finding = finding
                    .related(source, format!("`{name}` is the node's address, which is no longer the pod's own"));
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for action in ["httpGet", "tcpSocket"] {
                if let Some(host) = container.field.at(&[probe, action, "host"]) {
                    finding = finding.related(host, "this probe names a host; without it the kubelet asks the pod");
                }
            }
        }
    }
    let consequence = "the pod is no longer reachable at its node's address, its source address changes, and NetworkPolicies start to apply";
    finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}

/// Why a pod needs the node's network, if it does.
fn must_stay(cx: &Context<'_>, workload: Workload<'_>, membership: Membership) -> Option<String> {
    // A patch is only part of a pod: what it is merged into decides too.
    let whole = cx.inventory.patched_by(workload);
    std::iter::once(workload).chain(whole).find_map(|workload| node_agent(workload)).or_else(|| {
        let ignored = membership == Membership::Off(Off::Namespace) || cx.inventory.placements_disagree(workload);
        ignored.then(|| "its namespace is one that Istio ignores".to_owned())
    })
}

fn node_agent(workload: Workload<'_>) -> Option<String> {
    let pod = workload.pod;
    let flag = |name: &str| pod.get(name).is_some_and(|field| field.is_true());
    if let Some(name) = ["hostPID", "hostIPC"].into_iter().find(|name| flag(name)) {
        return Some(format!("the pod has `{name}`"));
    }
    let priority = pod.text_at(&["priorityClassName"]);
    if matches!(priority, "system-node-critical" | "system-cluster-critical") {
        return Some(format!("the pod has the priority class `{priority}`"));
    }
    if workload.annotation("kubernetes.io/config.source").is_some()
        || workload.annotation("kubernetes.io/config.mirror").is_some()
    {
        return Some("the kubelet runs it from a file".to_owned());
    }
    for container in workload.containers() {
        let security = container.field.get("securityContext");
        if security.and_then(|field| field.get("privileged")).is_some_and(|field| field.is_true()) {
            return Some(format!("the container `{}` is privileged", container.name()));
        }
        let added = security.and_then(|field| field.at(&["capabilities", "add"])).into_iter().flat_map(Field::items);
        if let Some(capability) = added.filter_map(|item| item.text()).find(|name| is_node_capability(name)) {
            return Some(format!("the container `{}` has the capability `{capability}`", container.name()));
        }
    }
    for volume in pod.get("volumes").into_iter().flat_map(Field::items) {
        let path = volume.text_at(&["hostPath", "path"]);
        if is_node_folder(path) {
            return Some(format!("it mounts the node's `{path}`"));
        }
    }
    if workload.resource.name.kind == "DaemonSet" {
        let names = workload.containers().map(|container| image_name(container.image()));
        let names = std::iter::once(workload.resource.name.name.as_str()).chain(names);
        if let Some(agent) = names.filter_map(known_agent).next() {
            return Some(format!("`{agent}` is a node agent"));
        }
    }
    None
}

fn is_node_capability(name: &str) -> bool {
    matches!(name.trim_start_matches("CAP_"), "NET_ADMIN" | "SYS_ADMIN" | "ALL")
}

/// Folders of the node that only its own agents need.
fn is_node_folder(path: &str) -> bool {
    const FOLDERS: &[&str] = &["/proc", "/sys", "/run", "/var/run", "/etc/cni", "/opt/cni", "/lib/modules", "/dev"];
    path == "/"
        || FOLDERS
            .iter()
            .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The last two parts of an image's path, without registry, tag and digest.
fn image_name(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let tag = image.rfind(':').filter(|at| !image[*at..].contains('/'));
    let path = &image[..tag.unwrap_or(image.len())];
    let parts: Vec<_> = path.match_indices('/').map(|(at, _)| at + 1).collect();
    parts.len().checked_sub(2).map_or(path, |i| &path[parts[i]..])
}

/// The node agent that a name tells of: words of the name, not parts of words.
fn known_agent(name: &str) -> Option<&'static str> {
    const AGENTS: &[&str] = &[
        "cni",
        "calico",
        "cilium",
        "flannel",
        "weave",
        "kube-proxy",
        "node-exporter",
        "kube-router",
        "multus",
        "csi",
        "node-local-dns",
        "nodelocaldns",
        "speaker",
        "metallb",
        "ingress-nginx",
        "nginx-ingress",
        "traefik",
        "haproxy-ingress",
        "fluent",
        "fluentd",
        "fluentbit",
        "datadog",
        "falco",
        "gpu",
        "device-plugin",
        "istio-cni",
        "ztunnel",
        "kubelet",
        "kiam",
        "kube-vip",
        "keepalived",
        "node-problem-detector",
        "kube2iam",
        "ovn",
        "antrea",
        "canal",
    ];
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |agent: &str| {
        let wanted: Vec<&str> = agent.split('-').collect();
        words.windows(wanted.len()).any(|window| window == wanted.as_slice())
    };
    AGENTS.iter().copied().find(|agent| has(agent))
}
