//! Workloads: resources that make pods, with the pod's own fields at hand.

use super::container::{Container, Role};
use super::field::{Field, NodeId};
use super::inventory::Placement;
use super::resource::{Resource, ResourceId, not_ours};

/// A resource that makes pods, or a patch of one.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    /// Its number in the inventory.
    pub id: ResourceId,
    /// The resource.
    pub resource: &'a Resource,
    /// Its top node.
    pub root: Field<'a>,
    /// What holds the pod's `metadata` and `spec`.
    pub template: Field<'a>,
    /// The pod's `metadata`; `None` where the template has none.
    pub pod_metadata: Option<Field<'a>>,
    /// The pod's `spec`.
    pub pod: Field<'a>,
    /// Where it will be deployed; several places for a base of several overlays.
    pub placements: &'a [Placement],
}

impl<'a> Workload<'a> {
    /// True for a part of a pod: a kustomize patch, or a file without containers that is merged into another.
    pub fn is_fragment(self) -> bool {
        self.resource.is_fragment || self.pod.get("containers").is_none()
    }

    /// All containers of the pod, init containers and ephemeral ones included.
    pub fn containers(self) -> impl Iterator<Item = Container<'a>> {
        let list = move |key: &str, role: Role| {
            self.pod.get(key).into_iter().flat_map(Field::items).map(move |field| {
                let stays = role == Role::Init && field.text_at(&["restartPolicy"]) == "Always";
                Container { field, role: if stays { Role::App } else { role } }
            })
        };
        list("containers", Role::App)
            .chain(list("initContainers", Role::Init))
            .chain(list("ephemeralContainers", Role::Ephemeral))
    }

    /// The pod's labels.
    pub fn labels(self) -> Option<Field<'a>> {
        self.pod_metadata?.get("labels")
    }

    /// A label of the pod.
    pub fn pod_label(self, name: &str) -> Option<&'a str> {
        self.labels()?.get(name)?.text()
    }

    /// An annotation of the pod.
    pub fn pod_annotation(self, name: &str) -> Option<&'a str> {
        self.pod_metadata?.at(&["annotations", name])?.text()
    }

    /// A label of the workload itself.
    pub fn label(self, name: &str) -> Option<&'a str> {
        self.root.at(&["metadata", "labels", name])?.text()
    }

    /// An annotation of the workload itself.
    pub fn annotation(self, name: &str) -> Option<&'a str> {
        self.root.at(&["metadata", "annotations", name])?.text()
    }

    /// What the pods are made of, as a JSON Pointer into the document: the template, or the spec of a pod itself.
    pub fn pods_pointer(self) -> String {
        let template = self.template.json_pointer();
        if self.template.id() == self.root.id() { template + "/spec" } else { template }
    }

    /// True for workloads whose pods run until their work is done.
    pub fn runs_to_completion(self) -> bool {
        matches!(self.resource.name.kind.as_str(), "Job" | "CronJob" | "ScaledJob")
    }

    /// The pod's annotation `proxy.istio.io/config`: its proxy's configuration, YAML or JSON in a string.
    pub fn proxy_config(self) -> Option<Field<'a>> {
        self.pod_metadata?.at(&["annotations", "proxy.istio.io/config"])
    }

    /// Why the API server would refuse an update of the pod template, if it would: pods and Jobs can't change
    /// in place, unless a hook or Argo CD re-creates them each time or each apply makes a new one.
    pub fn immutable(self) -> Option<&'static str> {
        let what = match self.resource.name.kind.as_str() {
            "Pod" => "the API server refuses changes to a running Pod's spec",
            "Job" => "the API server refuses changes to a Job's template",
            "Revision" => "a Knative Revision can't change",
            "Service" | "Configuration" if self.template.at(&["metadata", "name"]).is_some() => {
                "the revision's own name must change with it"
            }
            _ => return None,
        };
        let generated =
            self.root.at(&["metadata", "generateName"]).is_some() && self.root.at(&["metadata", "name"]).is_none();
        let hook = self.annotation("helm.sh/hook").is_some() || self.annotation("argocd.argoproj.io/hook").is_some();
        let options = self.annotation("argocd.argoproj.io/sync-options").unwrap_or_default();
        let has = |option: &str| options.split(',').any(|have| have.trim() == option);
        let replaced = has("Replace=true") && has("Force=true");
        (!generated && !hook && !replaced).then_some(what)
    }

    /// True for what lies in the metadata of a Pod itself, which the API server updates while the pod runs: the place
    /// at `path` below a node.
    pub fn is_own_metadata(self, at: NodeId, path: &[String]) -> bool {
        let here = self.root.id();
        if self.resource.name.kind != "Pod" || (at.file, at.document) != (here.file, here.document) {
            return false;
        }
        let Some(node) = self.root.document().node(at.node.node, at.node.via) else { return false };
        let (own, mut place) = (self.root.path(), node.path());
        place.extend_from_slice(path);
        place.strip_prefix(own.as_slice()).and_then(<[String]>::first).is_some_and(|part| part == "metadata")
    }

    /// Why the resource is not to be changed here, if so: another resource made it, or a test hook runs it.
    pub fn not_ours(self) -> Option<&'static str> {
        not_ours(self.root)
    }
}
