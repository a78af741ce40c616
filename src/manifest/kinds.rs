//! Which documents hold something for us, told from their text before any of it is parsed.

use std::sync::Arc;

use memchr::memmem;

use crate::config::Options;

/// Kinds that are read: those that our own rules and scopes need, and what the user's own rules are for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Kinds {
    /// Those that our own rules and scopes need.
    #[default]
    Ours,
    /// These too.
    Also(Arc<[String]>),
    /// All but Secrets.
    All,
}

impl Kinds {
    /// The kinds that a run with these options needs.
    pub fn of(options: &Options) -> Kinds {
        let named: Option<Arc<[String]>> =
            options.transforms.iter().map(|transform| transform.target.kind.clone()).collect();
        match named {
            None => Kinds::All,
            Some(kinds) if kinds.is_empty() => Kinds::Ours,
            Some(kinds) => Kinds::Also(kinds),
        }
    }

    fn has(&self, kind: &str) -> bool {
        match self {
            Kinds::Ours => false,
            Kinds::Also(kinds) => kinds.iter().any(|have| have == kind),
            Kinds::All => true,
        }
    }
}

/// What a document is worth reading for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It may hold resources that a rule looks at.
    Read,
    /// A Secret: never read, never edited, never shown.
    Secret,
    /// A manifest of a kind that no rule looks at.
    Other,
    /// Not a manifest.
    None,
}

/// Where a kind's pod template stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkloadKind {
    /// API groups that have the kind, without versions; "" is the core group.
    pub(super) groups: &'static [&'static str],
    pub(super) kind: &'static str,
    /// The object that has `metadata` and `spec` of the pods.
    pub(super) template: &'static [&'static str],
}

const TEMPLATE: &[&str] = &["spec", "template"];

/// The pod template of every kind that makes pods (Kubernetes API reference of each group).
pub(super) const WORKLOADS: &[WorkloadKind] = &[
    WorkloadKind { groups: &[""], kind: "Pod", template: &[] },
    WorkloadKind { groups: &[""], kind: "ReplicationController", template: TEMPLATE },
    WorkloadKind { groups: &[""], kind: "PodTemplate", template: &["template"] },
    WorkloadKind { groups: &["apps", "extensions"], kind: "Deployment", template: TEMPLATE },
    WorkloadKind { groups: &["apps", "apps.kruise.io"], kind: "StatefulSet", template: TEMPLATE },
    WorkloadKind { groups: &["apps", "extensions", "apps.kruise.io"], kind: "DaemonSet", template: TEMPLATE },
    WorkloadKind { groups: &["apps", "extensions"], kind: "ReplicaSet", template: TEMPLATE },
    WorkloadKind { groups: &["batch", "extensions"], kind: "Job", template: TEMPLATE },
    WorkloadKind { groups: &["batch"], kind: "CronJob", template: &["spec", "jobTemplate", "spec", "template"] },
    WorkloadKind { groups: &["argoproj.io"], kind: "Rollout", template: TEMPLATE },
    WorkloadKind { groups: &["serving.knative.dev"], kind: "Service", template: TEMPLATE },
    WorkloadKind { groups: &["serving.knative.dev"], kind: "Configuration", template: TEMPLATE },
    WorkloadKind { groups: &["serving.knative.dev"], kind: "Revision", template: &[] },
    WorkloadKind { groups: &["apps.openshift.io", ""], kind: "DeploymentConfig", template: TEMPLATE },
    WorkloadKind { groups: &["apps.kruise.io"], kind: "CloneSet", template: TEMPLATE },
    WorkloadKind { groups: &["keda.sh"], kind: "ScaledJob", template: &["spec", "jobTargetRef", "template"] },
];

/// Other kinds that rules or scopes need.
const SUPPORT: &[&str] = &[
    "APIService",
    "ApisixRoute",
    "AuthorizationPolicy",
    "Canary",
    "CiliumClusterwideNetworkPolicy",
    "CiliumNetworkPolicy",
    "Component",
    "ConfigMap",
    "DestinationRule",
    "EndpointSlice",
    "Endpoints",
    "EnvoyFilter",
    "GRPCRoute",
    "Gateway",
    "GlobalNetworkPolicy",
    "HTTPProxy",
    "HTTPRoute",
    "Ingress",
    "IngressRoute",
    "IngressRouteTCP",
    "Kustomization",
    "MutatingWebhookConfiguration",
    "Namespace",
    "NetworkPolicy",
    "PeerAuthentication",
    "PodDisruptionBudget",
    "PodMonitor",
    "ProxyConfig",
    "ReferenceGrant",
    "RequestAuthentication",
    "ResourceList",
    "Route",
    "Service",
    "ServiceEntry",
    "ServiceMonitor",
    "Sidecar",
    "TCPRoute",
    "TLSRoute",
    "Telemetry",
    "TransportServer",
    "VMPodScrape",
    "VMServiceScrape",
    "ValidatingWebhookConfiguration",
    "VirtualServer",
    "VirtualServerRoute",
    "VirtualService",
    "WasmPlugin",
    "WorkloadGroup",
];

/// Tells what a document is by the line `kind: X` that every manifest in block style has.
/// Documents in flow style and JSON are read when they have a `kind` at all.
pub(super) fn interest(document: &str, is_kustomization: bool, kinds: &Kinds) -> Interest {
    if is_kustomization {
        return Interest::Read;
    }
    let bytes = document.as_bytes();
    let mut quoted = false;
    let mut indented = false;
    for at in memmem::find_iter(bytes, b"kind") {
        let before = at.checked_sub(1).map(|i| bytes[i]);
        if matches!(before, None | Some(b'\n' | b'\r')) || at == 3 && document.starts_with('\u{feff}') {
            let rest = document[at + 4..].trim_start_matches([' ', '\t']);
            if let Some(value) = rest.strip_prefix(':') {
                return of_kind(value.lines().next().unwrap_or_default(), kinds);
            }
        }
        quoted |= matches!(before, Some(b'"' | b'\''));
        indented |= at > 0 && is_indented_top(&document[..at]);
    }
    if quoted || indented || starts_with_flow(document) { Interest::Read } else { Interest::None }
}

/// True when only blank lines, comments and markers stand in front of an indented `kind`, or its siblings do with
/// the same indentation: the whole document is indented.
fn is_indented_top(before: &str) -> bool {
    let first = before.lines().find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', '%']) && line != "---"
    });
    first.is_none_or(|line| line.starts_with([' ', '\t']))
}

fn starts_with_flow(document: &str) -> bool {
    let content = document
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with(['#', '%']) && *line != "---");
    content.is_some_and(|line| line.trim_start_matches("---").trim_start().starts_with('{'))
        && document.contains("kind")
}

/// The interest in a kind, as it stands behind `kind:`.
fn of_kind(value: &str, kinds: &Kinds) -> Interest {
    let value = value.split([' ', '\t']).find(|word| !word.is_empty()).unwrap_or_default().trim_matches(['"', '\'']);
    if value == "Secret" {
        return Interest::Secret;
    }
    let wanted = WORKLOADS.iter().any(|workload| workload.kind == value)
        || SUPPORT.contains(&value)
        || value.ends_with("List")
        // Anchors, aliases and templates: only the parser knows.
        || value.is_empty()
        || value.starts_with(['&', '*', '!', '{', '|', '>'])
        || kinds.has(value);
    if wanted { Interest::Read } else { Interest::Other }
}

/// The group of an `apiVersion`: what stands in front of `/`.
pub(super) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The entry of a kind that makes pods.
pub(super) fn workload_kind(api_version: &str, kind: &str) -> Option<&'static WorkloadKind> {
    let group = group(api_version);
    WORKLOADS.iter().find(|workload| workload.kind == kind && workload.groups.contains(&group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(document: &str, is_kustomization: bool) -> Interest {
        super::interest(document, is_kustomization, &Kinds::Ours)
    }

    #[test]
    fn kinds_of_the_users_own_rules_are_read_but_never_secrets() {
        let also = Kinds::Also(["Role".to_owned()].into());
        for (kinds, role, cron_tab) in [
            (Kinds::Ours, Interest::Other, Interest::Other),
            (also, Interest::Read, Interest::Other),
            (Kinds::All, Interest::Read, Interest::Read),
        ] {
            assert_eq!(super::interest("kind: Role\n", false, &kinds), role);
            assert_eq!(super::interest("kind: CronTab\n", false, &kinds), cron_tab);
            assert_eq!(super::interest("kind: Secret\n", false, &kinds), Interest::Secret);
            assert_eq!(super::interest("replicas: 1\n", false, &kinds), Interest::None);
        }
    }

    #[test]
    fn a_document_is_known_by_its_kind() {
        assert_eq!(interest("apiVersion: v1\nkind: Pod\n", false), Interest::Read);
        assert_eq!(interest("kind: \"Deployment\" # x\n", false), Interest::Read);
        assert_eq!(interest("spec:\n  kind: Pod\nkind: Role\n", false), Interest::Other);
        assert_eq!(interest("kind: Secret\n", false), Interest::Secret);
        assert_eq!(interest("---\n{\"kind\":\"Pod\"}", false), Interest::Read);
        assert_eq!(interest("{kind: Pod}", false), Interest::Read);
        assert_eq!(interest("kind: Secret\t# x\n", false), Interest::Secret);
        assert_eq!(interest("---\n  apiVersion: v1\n  kind: Secret\n", false), Interest::Read);
        assert_eq!(interest("replicas: 1\nwebKind: x\n", false), Interest::None);
        assert_eq!(interest("kind: PodList\r\n", false), Interest::Read);
        assert_eq!(interest("resources: []\n", true), Interest::Read);
    }
}
