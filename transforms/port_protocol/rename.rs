//! The other style: the protocol in front of the port's name, in everything that refers to it.

use crate::manifest::{Inventory, Protocol, ServicePort};
use crate::rule::Change;

/// A port's new name.
pub(super) struct Renamed {
    pub(super) title: String,
    /// Why a person has to look at it.
    pub(super) doubt: Option<String>,
}

/// Adds the operations that put `protocol` in front of the port's name.
pub(super) fn rename(
    _inventory: &Inventory<'_>,
    _port: ServicePort<'_>,
    _protocol: Protocol,
    _change: &mut Change,
) -> Result<Renamed, String> {
    Err("todo".to_owned())
}
