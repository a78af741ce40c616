//! Whether a pod is in the mesh, in Istio's own order (injector, webhook and CNI of istio/istio).

use super::inventory::{Inventory, Placement};
use super::resource::ResourceId;
use super::workload::Workload;
use crate::glob;

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
        let answers = self.answers(workload);
        let Some((_, first)) = answers.first() else { return Membership::Unknown };
        let agree = answers.iter().all(|(_, other)| other == first);
        let all_off = answers.iter().all(|(_, answer)| is_off(*answer));
        if agree || all_off { *first } else { Membership::Unknown }
    }

    /// Two kustomizations that hold the resource, one in the mesh and one not, by their names.
    pub fn disagreement(&self, id: ResourceId) -> Option<(&str, &str)> {
        let answers: Vec<(&Placement, bool)> = match self.workload(id) {
            Some(workload) => {
                self.answers(workload).into_iter().map(|(placement, answer)| (placement, is_off(answer))).collect()
            }
            None => self
                .placements(id)
                .iter()
                .map(|placement| (placement, self.is_off_by_namespace(id, placement)))
                .collect(),
        };
        let (inside, _) = answers.iter().find(|(_, is_off)| !is_off)?;
        let (outside, _) = answers.iter().find(|(_, is_off)| *is_off)?;
        let name = |placement: &Placement| placement.kustomization.map_or("", |file| self.file_name(file));
        Some((name(inside), name(outside)))
    }

    /// True where no pod of the namespace joins the mesh unless it asks to.
    fn is_off_by_namespace(&self, id: ResourceId, placement: &Placement) -> bool {
        placement.namespace.as_deref().is_some_and(|namespace| {
            self.is_ignored_namespace(namespace)
                || self.label_of_namespace(id, namespace, "istio-injection") == Some("disabled")
        })
    }

    /// The answer for each place of the workload. What it is part of, and what is part of it, decides too.
    fn answers<'w>(&self, workload: Workload<'w>) -> Vec<(&'w Placement, Membership)> {
        let whole = self.whole(workload);
        let answer =
            |placement: &'w Placement| (placement, self.member_in(workload, &whole, placement.namespace.as_deref()));
        workload.placements.iter().map(answer).collect()
    }

    fn member_in(&self, workload: Workload<'_>, whole: &[Workload<'_>], namespace: Option<&str>) -> Membership {
        if namespace.is_some_and(|namespace| self.is_ignored_namespace(namespace)) {
            return Membership::Off(Off::Namespace);
        }
        if whole.iter().any(|part| is_windows(*part)) {
            return Membership::Off(Off::Windows);
        }
        let pod_label = |name: &str| whole.iter().find_map(|part| part.pod_label(name));
        let inject = "sidecar.istio.io/inject";
        let annotation = || whole.iter().find_map(|part| part.pod_annotation(inject));
        match pod_label(inject).or_else(annotation) {
            Some("false") => return Membership::Off(Off::OptOut),
            Some("true") => return Membership::Sidecar,
            _ => {}
        }
        if pod_label("istio.io/dataplane-mode") == Some("ambient") {
            return Membership::Ambient;
        }
        let label = |name: &str| namespace.and_then(|namespace| self.namespace_label(workload, namespace, name));
        match label("istio-injection") {
            Some("enabled") => return Membership::Sidecar,
            Some("disabled") => return Membership::Off(Off::NamespaceOptOut),
            _ => {}
        }
        if label("istio.io/rev").is_some() || pod_label("istio.io/rev").is_some() {
            return Membership::Sidecar;
        }
        let pod_leaves = pod_label("istio.io/dataplane-mode") == Some("none");
        if label("istio.io/dataplane-mode") == Some("ambient") && !pod_leaves {
            return Membership::Ambient;
        }
        Membership::Unknown
    }

    /// True for namespaces whose pods never join the mesh.
    pub fn is_ignored_namespace(&self, namespace: &str) -> bool {
        IGNORED_NAMESPACES.contains(&namespace)
            || self.options().exempt.namespaces.iter().any(|exempt| glob::matches(exempt, namespace))
    }

    /// True when the pod runs in the node's network, by its own field, by a kustomize patch, or by what it patches.
    pub fn runs_in_host_network(&self, workload: Workload<'_>) -> bool {
        let own = workload.pod.get("hostNetwork").is_some_and(|field| field.is_true());
        let is_on = |part: &Workload<'_>| part.pod.get("hostNetwork").is_some_and(|field| field.is_true());
        own || self.whole(workload).iter().any(is_on)
    }
}

fn is_off(membership: Membership) -> bool {
    matches!(membership, Membership::Off(_))
}

fn is_windows(workload: Workload<'_>) -> bool {
    let os = workload.pod.at(&["nodeSelector", "kubernetes.io/os"]).and_then(|os| os.text());
    os == Some("windows") || workload.pod.text_at(&["os", "name"]) == "windows"
}
