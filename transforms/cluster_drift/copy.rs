//! What the reference's ports declare, as a change of another cluster's.

use super::compare::Difference;
use super::spec::Side;
use crate::manifest::{Inventory, PortNames, Protocol};
use crate::rule::Change;

/// What can be copied.
pub(super) enum Copied {
    /// No protocol differs, or the reference declares none.
    Nothing,
    /// A protocol differs, and can't be copied.
    Refused(String),
    /// A change, with what each port takes.
    Ports {
        /// All of it.
        change: Change,
        /// What each port takes, in words.
        words: Vec<String>,
        /// True when a port gets another name.
        renames: bool,
    },
}

/// Order of the fields of a Service's port, as the API has them.
const PORT_FIELDS: &[&str] = &["name", "protocol", "appProtocol", "port", "targetPort", "nodePort"];

/// Copies the protocols that the other side declares; what it leaves open stays.
pub(super) fn protocols(
    inventory: &Inventory<'_>,
    names: &PortNames,
    here: &Side<'_>,
    differences: &[Difference<'_>],
) -> Copied {
    let (mut change, mut words, mut any_renamed) = (Change::default(), Vec::new(), false);
    for (own, other) in differences.iter().filter_map(|difference| difference.ports.as_ref()) {
        let entry = here.fields.iter().find(|(port, _)| port == own);
        let Some((_, item)) = entry.filter(|_| other.protocol != Protocol::Undeclared) else { continue };
        let written = item.get("appProtocol");
        match (other.app_protocol, written) {
            (Some(word), Some(field)) => change.set(field, word),
            (Some(word), None) => change.insert(*item, &["appProtocol"], word, PORT_FIELDS),
            (None, Some(field)) => change.remove(field),
            (None, None) => {}
        }
        let renames = other.app_protocol.is_none()
            && own.name != other.name
            && Protocol::of_port_name(own.name) != other.protocol;
        if renames {
            if let Some(reason) = not_renamed(inventory, names, here, own.name, other.name) {
                return Copied::Refused(reason);
            }
            match item.get("name") {
                Some(field) => change.set(field, other.name),
                None => change.insert(*item, &["name"], other.name, PORT_FIELDS),
            }
        }
        any_renamed |= renames;
        let port = own.called();
        words.push(match other.app_protocol {
            Some(word) => format!("port {port} `appProtocol: {word}`"),
            None if renames => format!("port {port} `name: {}`", other.name),
            None => format!("port {port} no `appProtocol`"),
        });
    }
    if words.is_empty() { Copied::Nothing } else { Copied::Ports { change, words, renames: any_renamed } }
}

/// Why a port must not be renamed.
fn not_renamed(inventory: &Inventory<'_>, names: &PortNames, here: &Side<'_>, from: &str, to: &str) -> Option<String> {
    if to.is_empty() {
        return Some("the reference's port has no name: its number declares the protocol".to_owned());
    }
    if here.fields.iter().any(|(port, _)| port.name == to) {
        return Some(format!("another port has the name `{to}` already"));
    }
    let user = names.user(inventory, here.id, from).map(|id| &inventory.resource(id).name);
    user.map(|user| format!("{} `{}` refers to the port by its name `{from}`", user.kind, user.name))
}
