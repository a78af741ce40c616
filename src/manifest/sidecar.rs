//! What rules about sidecars ask: which pods get one, of which kind, and what else may decide a container's fields.

use super::container::Container;
use super::inventory::Inventory;
use super::membership::Membership;
use super::workload::Workload;
use crate::config::Level;

impl Inventory<'_> {
    /// True for pods that get a sidecar, or may get one: in the mesh or not known, not ambient, not the mesh's own.
    pub fn may_get_sidecar(&self, workload: Workload<'_>) -> bool {
        matches!(self.membership(workload), Membership::Sidecar | Membership::Unknown) && self.owner(workload).is_none()
    }

    /// Whether the pod's sidecar is native, an init container that stays: by its own annotation
    /// (`sidecar.istio.io/nativeSidecar`), else by the configuration; `None` where neither says.
    pub fn sidecar_is_native(&self, workload: Workload<'_>) -> Option<bool> {
        let own = self.pod_annotation(workload, "sidecar.istio.io/nativeSidecar");
        match own {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.options().sidecars_are_native(),
        }
    }

    /// How much it matters what a sidecar that is not native does to the pod: a warning where sidecars are known to
    /// be such, advice where that is not known, nothing for native ones.
    pub fn plain_sidecar_level(&self, workload: Workload<'_>) -> Option<Level> {
        match self.sidecar_is_native(workload) {
            Some(true) => None,
            Some(false) => Some(Level::Warning),
            None => Some(Level::Info),
        }
    }

    /// An annotation of the pod, its own or one that a kustomize patch or the patched workload gives it.
    pub fn pod_annotation<'w>(&'w self, workload: Workload<'w>, name: &str) -> Option<&'w str> {
        self.whole(workload).into_iter().find_map(|part| part.pod_annotation(name))
    }

    /// True where annotations of the workload ask that this rule leaves it alone: `meshfix.dev/ignore` with the
    /// rule's name or "true".
    pub fn is_ignored(&self, workload: Workload<'_>, rule: &str) -> bool {
        let names = |text: Option<&str>| {
            text.is_some_and(|text| text.split(',').any(|name| matches!(name.trim(), "true") || name.trim() == rule))
        };
        let ignore = "meshfix.dev/ignore";
        self.whole(workload)
            .into_iter()
            .any(|part| names(part.annotation(ignore)) || names(part.pod_annotation(ignore)))
    }

    /// True when a kustomize patch may change one of these fields of the container, seen or not.
    pub fn container_may_be_patched(&self, workload: Workload<'_>, container: Container<'_>, fields: &[&str]) -> bool {
        let sets = |part: &Workload<'_>| {
            part.containers()
                .filter(|other| other.name() == container.name())
                .any(|other| fields.iter().any(|field| other.field.get(field).is_some()))
        };
        workload.is_fragment()
            || self.patches_of(workload).iter().any(sets)
            || self.may_be_patched_unseen(workload, fields)
    }
}
