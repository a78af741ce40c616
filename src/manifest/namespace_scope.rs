//! The namespaces that a resource's selector looks into.

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;

/// The namespaces that a resource is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceScope<'a> {
    /// Its own.
    Own,
    /// These.
    Named(Vec<&'a str>),
    /// All.
    All,
    /// Those that labels select.
    Labelled,
}

impl<'a> NamespaceScope<'a> {
    /// Reads the `namespaceSelector` of a monitor.
    pub fn of_monitor(spec: Field<'a>) -> NamespaceScope<'a> {
        let Some(selector) = spec.get("namespaceSelector") else { return NamespaceScope::Own };
        let names: Vec<&str> =
            selector.get("matchNames").into_iter().flat_map(Field::items).filter_map(|name| name.text()).collect();
        if selector.get("any").is_some_and(|any| any.is_true()) {
            NamespaceScope::All
        } else if names.is_empty() {
            NamespaceScope::Own
        } else {
            NamespaceScope::Named(names)
        }
    }

    /// True when another resource may be in them.
    pub fn holds(&self, inventory: &Inventory<'_>, id: ResourceId, other: ResourceId) -> bool {
        match self {
            NamespaceScope::Own => inventory.share_a_namespace(id, other),
            NamespaceScope::Named(names) => {
                let mut places = inventory.placements(other).iter();
                places.any(|place| place.namespace.as_deref().is_none_or(|namespace| names.contains(&namespace)))
            }
            NamespaceScope::All | NamespaceScope::Labelled => true,
        }
    }
}
