//! Which lists a merge patch merges item by item, and by what (the API types of Kubernetes, `patchMergeKey`).

use serde_json::Value;

use crate::manifest::ResourceName;

/// How the items of a list are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The field that tells them apart; for the API server it does so alone.
    pub(super) name: &'static str,
    /// A field that kustomize looks at too.
    pub(super) companion: Option<&'static str>,
    /// True where the place of an item matters.
    is_ordered: bool,
}

impl Key {
    /// True where the places of these items matter: they are started one after the other, or a variable uses those in
    /// front of it.
    pub(super) fn is_ordered(self, path: &[String], items: &[Value]) -> bool {
        let uses_others = |item: &Value| item["value"].as_str().is_some_and(|value| value.contains("$("));
        self.is_ordered || path.last().is_some_and(|last| last == "env") && items.iter().any(uses_others)
    }
}

/// The API groups that are built in; all others know only JSON Merge Patch, which replaces lists.
const BUILT_IN: [&str; 18] = [
    "",
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// True for a kind of which the API server knows which lists to merge.
pub(super) fn is_built_in(name: &ResourceName) -> bool {
    // OpenShift's first version had no group of its own.
    BUILT_IN.contains(&name.group()) && name.kind != "DeploymentConfig"
}

/// Where the pods' spec of a built-in kind stands.
fn pod_spec(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &["spec"],
        "PodTemplate" => &["template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    }
}

/// The key of the list at `path` of a resource, where items of lists are `*`; `None` for a list that is replaced.
pub(super) fn key(name: &ResourceName, path: &[String]) -> Option<Key> {
    if !is_built_in(name) {
        return None;
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let plain = |name| Some(Key { name, companion: None, is_ordered: false });
    match (name.kind.as_str(), path.as_slice()) {
        ("Service", ["spec", "ports"]) => Some(Key { name: "port", companion: Some("protocol"), is_ordered: false }),
        ("ServiceAccount", ["secrets" | "imagePullSecrets"]) => plain("name"),
        ("MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration", ["webhooks"]) => plain("name"),
        (_, ["metadata", "ownerReferences"]) => plain("uid"),
        (kind, path) => in_pod(path.strip_prefix(pod_spec(kind))?),
    }
}

/// The key of a list at a path of a pod's spec.
fn in_pod(path: &[&str]) -> Option<Key> {
    let with = |name, companion, is_ordered| Some(Key { name, companion, is_ordered });
    match path {
        ["initContainers"] => with("name", None, true),
        [
            "containers"
            | "ephemeralContainers"
            | "volumes"
            | "imagePullSecrets"
            | "resourceClaims"
            | "schedulingGates",
        ] => with("name", None, false),
        ["hostAliases"] => with("ip", None, false),
        ["topologySpreadConstraints"] => with("topologyKey", Some("whenUnsatisfiable"), false),
        ["containers" | "initContainers" | "ephemeralContainers", "*", list] => match *list {
            "env" => with("name", None, false),
            "ports" => with("containerPort", Some("protocol"), false),
            "volumeMounts" => with("mountPath", None, false),
            "volumeDevices" => with("devicePath", None, false),
            _ => None,
        },
        _ => None,
    }
}
