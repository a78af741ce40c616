//! Programs of the node itself: what shows that a pod needs the node's network.

use super::field::Field;
use super::inventory::Inventory;
use super::workload::Workload;
use crate::glob;

impl Inventory<'_> {
    /// Why a pod needs its node's network or ports, if it does: by its own fields, by what it is part of, or because
    /// the kubelet runs it from a file.
    pub fn needs_its_node(&self, workload: Workload<'_>) -> Option<String> {
        let allow = &self.options().host_network.allow;
        // A patch is only part of a pod: what it is merged into decides too.
        self.whole(workload)
            .into_iter()
            .find_map(|part| reason(part, allow))
            .or_else(|| self.is_static_pod(workload).then(|| "the kubelet runs it from a file of the node".to_owned()))
    }
}

/// Why a pod needs the node's network, if it does. `allow` are globs of names and images that may have it.
fn reason(workload: Workload<'_>, allow: &[String]) -> Option<String> {
    let pod = workload.pod;
    let images = workload.containers().map(|container| container.image());
    let mut named = std::iter::once(workload.resource.name.name.as_str()).chain(images);
    let allowed = named.find_map(|name| allow.iter().find(|pattern| glob::matches(pattern, name)));
    if let Some(pattern) = allowed {
        return Some(format!("the configuration allows `{pattern}`"));
    }
    let flag = |name: &str| pod.get(name).is_some_and(|field| field.is_true());
    if let Some(name) = ["hostPID", "hostIPC"].into_iter().find(|name| flag(name)) {
        return Some(format!("the pod has `{name}`"));
    }
    let priority = pod.text_at(&["priorityClassName"]);
    if matches!(priority, "system-node-critical" | "system-cluster-critical") {
        return Some(format!("the pod has the priority class `{priority}`"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_words_of_a_name() {
        assert_eq!(known_agent("prometheus-node-exporter"), Some("node-exporter"));
        assert_eq!(known_agent("calico-node"), Some("calico"));
        assert_eq!(known_agent("loudspeakers"), None);
        assert_eq!(image_name("registry.example:5000/a/b/calico-node:v3@sha256:0"), "b/calico-node");
        assert_eq!(image_name("nginx"), "nginx");
    }
}
