//! What the reference's ports declare, as a change of another cluster's.

use super::compare::Difference;
use super::spec::Side;
use crate::manifest::{Field, Inventory, PortNameUse, Protocol, ServicePort};
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

/// The same for a port that starts with its number.
const NUMBER_FIRST: &[&str] = &["port", "name", "appProtocol", "targetPort", "nodePort"];

/// Copies the protocols that the other side declares; what it leaves open stays.
pub(super) fn protocols(inventory: &Inventory<'_>, here: &Side<'_>, differences: &[Difference<'_>]) -> Copied {
    let (mut change, mut words, mut any_renamed) = (Change::default(), Vec::new(), false);
    for (own, other) in differences.iter().filter_map(|difference| difference.ports.as_ref()) {
        let entry = here.fields.iter().find(|(port, _)| port == own);
        let Some((_, item)) = entry.filter(|_| other.protocol != Protocol::Undeclared) else { continue };
        let written = item.get("appProtocol");
        match (other.app_protocol, written) {
            (Some(word), Some(field)) => change.set(field, word),
            (Some(word), None) => change.insert(*item, &["appProtocol"], word, order(*item)),
            (None, Some(field)) => change.remove(field),
            (None, None) => {}
        }
        let renames = other.app_protocol.is_none()
            && own.name != other.name
            && Protocol::of_port_name(own.name) != other.protocol;
        if renames {
            let port = ServicePort { service: here.id, is_certain: true, field: *item };
            if let Err(reason) = rename(inventory, here, port, other.name, &mut change) {
                return Copied::Refused(reason);
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

/// Gives a port another name, and what refers to it by the old one in the files.
///
/// # Errors
/// Why it can't get that name.
fn rename(
    inventory: &Inventory<'_>,
    here: &Side<'_>,
    port: ServicePort<'_>,
    to: &str,
    change: &mut Change,
) -> Result<(), String> {
    if to.is_empty() {
        return Err("the reference's port has no name: its number declares the protocol".to_owned());
    }
    if here.fields.iter().any(|(port, _)| port.name == to) {
        return Err(format!("another port has the name `{to}` already"));
    }
    let from = port.name();
    for user in inventory.port_name_uses(port) {
        let user = match user {
            PortNameUse::Follows { field, .. } => {
                change.set(field.0, to);
                continue;
            }
            PortNameUse::Stays(id) => {
                let name = &inventory.resource(id).name;
                format!("{} `{}`", name.kind, name.name)
            }
            PortNameUse::Dns(file) => inventory.file_name(file).to_owned(),
        };
        return Err(format!("{user} refers to the port as `{from}` and can't follow"));
    }
    match port.field.get("name") {
        Some(field) => change.set(field, to),
        None => change.insert(port.field, &["name"], to, order(port.field)),
    }
    Ok(())
}

/// Where a new field of a port goes.
fn order(port: Field<'_>) -> &'static [&'static str] {
    let is_number_first = port.entries().next().is_some_and(|(key, _)| key == "port");
    if is_number_first { NUMBER_FIRST } else { PORT_FIELDS }
}
