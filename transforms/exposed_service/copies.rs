//! Copies of one Service: a repository may hold it once for each way to deploy it. What is for one of them is not for
//! the others, since they never meet.

use crate::manifest::{Inventory, ResourceId};

/// What is said of a resource that stands beside no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Far {
    /// It is for the copies that are nearest to it.
    IsForTheNearest,
    /// It is for none of several copies: nobody knows which is deployed with it.
    IsNot,
}

/// True when another resource, a route or a Gateway, is for this copy of a Service.
pub(super) fn is_for(inventory: &Inventory<'_>, other: ResourceId, service: ResourceId, far: Far) -> bool {
    let copies = of(inventory, service);
    if copies.len() == 1 || stand_together(inventory, other, service) {
        return true;
    }
    let beside_another = copies.iter().any(|copy| stand_together(inventory, other, *copy));
    !beside_another && far == Far::IsForTheNearest && inventory.nearest(other, &copies).contains(&service)
}

/// True when another copy of the Service stands beside a resource.
pub(super) fn is_for_another(inventory: &Inventory<'_>, other: ResourceId, service: ResourceId) -> bool {
    let copies = of(inventory, service);
    copies.iter().any(|copy| *copy != service && stand_together(inventory, other, *copy))
}

/// All copies of a Service: those of its name that may be in its namespace, itself among them.
fn of(inventory: &Inventory<'_>, service: ResourceId) -> Vec<ResourceId> {
    let named = inventory.services_named(&inventory.resource(service).name.name).iter().copied();
    named.filter(|id| inventory.share_a_namespace(*id, service)).collect()
}

/// True when both lie in one folder, or one kustomization deploys both.
pub(super) fn stand_together(inventory: &Inventory<'_>, one: ResourceId, other: ResourceId) -> bool {
    let tops = |id: ResourceId| inventory.placements(id).iter().filter_map(|place| place.kustomization);
    inventory.folder(one) == inventory.folder(other) || tops(one).any(|top| tops(other).any(|there| there == top))
}
