//! Resources: objects of the Kubernetes API, wherever they are written.

use std::fmt;

use super::field::Field;
use super::kinds;
use crate::text::FileId;
use crate::yaml::Via;

/// A resource of the inventory, by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub u32);

/// What a resource is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ResourceName {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; `None` where it is not written.
    pub namespace: Option<String>,
    /// `metadata.name`, or `metadata.generateName`.
    pub name: String,
}

impl ResourceName {
    /// The API group: what stands in front of `/` in `apiVersion`.
    pub fn group(&self) -> &str {
        kinds::group(&self.api_version)
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A resource: the top of a document, an item of a List, or an item of a ResourceList.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The file.
    pub file: FileId,
    /// The document in it, from 0.
    pub document: u32,
    /// The node in the document.
    pub node: u32,
    /// Its name.
    pub name: ResourceName,
    /// True for a kustomize patch: only part of a resource, merged into one with the same name.
    pub is_fragment: bool,
    /// Its file's path, where the item of a ResourceList says it.
    pub(super) path: Option<String>,
}

impl Resource {
    /// Reads the resource at `field`; `None` when it has no `kind`.
    pub(super) fn read(field: Field<'_>) -> Option<Resource> {
        let text = |path: &[&str]| field.text_at(path).to_owned();
        let kind = field.get("kind")?.as_str()?.to_owned();
        let id = field.id();
        if id.node.via != Via::Here {
            return None;
        }
        let name = match text(&["metadata", "name"]) {
            name if name.is_empty() => text(&["metadata", "generateName"]),
            name => name,
        };
        let namespace = Some(text(&["metadata", "namespace"])).filter(|namespace| !namespace.is_empty());
        let name = ResourceName { api_version: text(&["apiVersion"]), kind, namespace, name };
        Some(Resource {
            file: id.file,
            document: id.document,
            node: id.node.node,
            name,
            is_fragment: false,
            path: None,
        })
    }
}

/// Why the resource with this top node is not to be changed here, if so.
pub(super) fn not_ours(root: Field<'_>) -> Option<&'static str> {
    if root.at(&["metadata", "ownerReferences"]).is_some_and(|owners| owners.items().next().is_some()) {
        return Some("it has ownerReferences: change the resource that made it");
    }
    let hook = root.text_at(&["metadata", "annotations", "helm.sh/hook"]);
    hook.split(',').any(|part| part.trim().starts_with("test")).then_some("it is a Helm test")
}
