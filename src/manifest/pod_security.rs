//! Which pods the API server refuses by Pod Security admission.

use super::inventory::Inventory;
use super::workload::Workload;
use crate::config::Version;

/// What Pod Security admission enforces for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodSecurity<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// `baseline` or `restricted`.
    pub level: &'a str,
    /// The release whose checks count; `None` for the cluster's own.
    pub version: Option<Version>,
}

impl<'a> Inventory<'a> {
    /// What the Namespace object of a workload enforces of Pod Security. `None` where a Namespace object of the input
    /// enforces neither level, or none is there.
    pub fn pod_security<'w>(&self, workload: Workload<'w>) -> Option<PodSecurity<'w>>
    where
        'a: 'w,
    {
        let namespaces = workload.placements.iter().filter_map(|placement| placement.namespace.as_deref());
        namespaces.into_iter().find_map(|namespace| {
            let level = self.namespace_label(workload, namespace, "pod-security.kubernetes.io/enforce")?;
            let pinned = self.namespace_label(workload, namespace, "pod-security.kubernetes.io/enforce-version");
            let version = pinned.and_then(version).or(self.options().kubernetes_version);
            matches!(level, "baseline" | "restricted").then_some(PodSecurity { namespace, level, version })
        })
    }
}

/// The release in `v1.34`; `None` for `latest`.
fn version(text: &str) -> Option<Version> {
    let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
    Some(Version(major.parse().ok()?, minor.parse().ok()?))
}
