//! Whether a pod is in the mesh, in Istio's own order (injector, webhook and CNI of istio/istio).

use super::inventory::{Inventory, Placement};
use super::workload::Workload;

/// A pod's place in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It gets a sidecar.
    Sidecar,
    /// Its node's proxy carries its traffic.
    Ambient,
    /// It is not in the mesh.
    Off(Off),
    /// The manifests do not say. meshfix makes things ready, so such pods are checked.
    Unknown,
}

/// Why a pod is not in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// It runs in the node's network.
    HostNetwork,
    /// Istio never injects into its namespace.
    Namespace,
    /// It runs on Windows.
    Windows,
    /// It opts out by label or annotation.
    OptOut,
    /// Its namespace opts out.
    NamespaceOptOut,
}

/// Namespaces that Istio's injector ignores, and its own.
const IGNORED_NAMESPACES: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "local-path-storage", "istio-system"];

impl Inventory<'_> {
    /// Whether the pods of a workload are in the mesh. A base of several overlays is in it
    /// only where all of them agree; where they do not, the answer is that it is unknown.
    pub fn membership(&self, workload: Workload<'_>) -> Membership {
        if self.runs_in_host_network(workload) {
            return Membership::Off(Off::HostNetwork);
        }
        self.membership_but_for_host_network(workload)
    }

    /// As [`Inventory::membership`], as if the pod did not run in the node's network.
    pub fn membership_but_for_host_network(&self, workload: Workload<'_>) -> Membership {
        let mut answers =
            workload.placements.iter().map(|placement| self.member_in(workload, placement.namespace.as_deref()));
        let Some(first) = answers.next() else { return Membership::Unknown };
        if answers.all(|other| other == first) { first } else { Membership::Unknown }
    }

    /// Two kustomizations that hold the workload and disagree whether it is in the mesh, by their names.
    pub fn disagreement(&self, workload: Workload<'_>) -> Option<(&str, &str)> {
        let answer = |placement: &Placement| self.member_in(workload, placement.namespace.as_deref());
        let first = workload.placements.first()?;
        let other = workload.placements.iter().find(|other| answer(other) != answer(first))?;
        let name = |placement: &Placement| placement.kustomization.map_or("", |file| self.file_name(file));
        Some((name(first), name(other)))
    }

    fn member_in(&self, workload: Workload<'_>, namespace: Option<&str>) -> Membership {
        if namespace.is_some_and(|namespace| self.is_ignored_namespace(namespace)) {
            return Membership::Off(Off::Namespace);
        }
        let windows = workload.pod.at(&["nodeSelector", "kubernetes.io/os"]).and_then(|os| os.text())
            == Some("windows")
            || workload.pod.text_at(&["os", "name"]) == "windows";
        if windows {
            return Membership::Off(Off::Windows);
        }
        let inject = "sidecar.istio.io/inject";
        match workload.pod_label(inject).or_else(|| workload.pod_annotation(inject)) {
            Some("false") => return Membership::Off(Off::OptOut),
            Some("true") => return Membership::Sidecar,
            _ => {}
        }
        if workload.pod_label("istio.io/dataplane-mode") == Some("ambient") {
            return Membership::Ambient;
        }
        let label = |name: &str| namespace.and_then(|namespace| self.namespace_label(namespace, name));
        match label("istio-injection") {
            Some("enabled") => return Membership::Sidecar,
            Some("disabled") => return Membership::Off(Off::NamespaceOptOut),
            _ => {}
        }
        if label("istio.io/rev").is_some() || workload.pod_label("istio.io/rev").is_some() {
            return Membership::Sidecar;
        }
        let pod_leaves = workload.pod_label("istio.io/dataplane-mode") == Some("none");
        if label("istio.io/dataplane-mode") == Some("ambient") && !pod_leaves {
            return Membership::Ambient;
        }
        Membership::Unknown
    }

    /// True for namespaces whose pods never join the mesh.
    pub fn is_ignored_namespace(&self, namespace: &str) -> bool {
        IGNORED_NAMESPACES.contains(&namespace)
            || self.options().exempt_namespaces.iter().any(|exempt| exempt == namespace)
    }

    /// True when the pod runs in the node's network, by its own field or by a kustomize patch.
    pub fn runs_in_host_network(&self, workload: Workload<'_>) -> bool {
        workload.pod.get("hostNetwork").is_some_and(|field| field.is_true())
            || self.patches_of(workload).any(|patch| patch.pod.get("hostNetwork").is_some_and(|field| field.is_true()))
    }
}
