//! Which pods the API server refuses by Pod Security admission.

use super::inventory::Inventory;
use super::workload::Workload;

impl<'a> Inventory<'a> {
    /// The namespace of a workload and the Pod Security level that its Namespace object enforces: `baseline` or
    /// `restricted`. `None` where a Namespace object of the input enforces neither, or none is there.
    pub fn pod_security<'w>(&self, workload: Workload<'w>) -> Option<(&'w str, &'a str)> {
        let namespaces = workload.placements.iter().filter_map(|placement| placement.namespace.as_deref());
        namespaces.into_iter().find_map(|namespace| {
            let level = self.namespace_label(workload, namespace, "pod-security.kubernetes.io/enforce")?;
            matches!(level, "baseline" | "restricted").then_some((namespace, level))
        })
    }
}
