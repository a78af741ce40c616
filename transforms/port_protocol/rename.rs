//! The other style: the protocol in front of the port's name, in everything that refers to it.

use super::declare::FIELDS;
use crate::manifest::{Field, Inventory, PortNameUse, Protocol, ServicePort};
use crate::rule::Change;
use crate::text::Loc;

/// The longest name of a Service's port that the API server takes.
const LONGEST: usize = 63;

/// A port's new name.
pub(super) struct Renamed {
    pub(super) title: String,
    /// Why a person has to look at it.
    pub(super) doubt: Option<String>,
    /// Other places that change with it, each with a remark.
    pub(super) places: Vec<(Loc, String)>,
}

/// Adds the operations that put `protocol` in front of the port's name, or says why it can't be done.
pub(super) fn rename(
    inventory: &Inventory<'_>,
    port: ServicePort<'_>,
    protocol: Protocol,
    change: &mut Change,
) -> Result<Renamed, String> {
    let (old, word) = (port.name(), protocol.word());
    let new = new_name(old, word);
    if new.len() > LONGEST {
        return Err(format!("the name `{new}` would be longer than {LONGEST} characters"));
    }
    if inventory.ports_of(port.service).any(|other| other.name() == new) {
        return Err(format!("another port of this Service is named `{new}` already"));
    }
    let is_patch = |root: Field<'_>| root.at(&["spec", "ports"]).is_some();
    let patches = inventory.patches_with(port.service, is_patch, |text| text.contains("ports"));
    if let Some(file) = patches.first() {
        return Err(format!("{} may patch the ports of this Service", inventory.file_name(*file)));
    }
    let mut places = Vec::new();
    for found in inventory.port_name_uses(port) {
        let kept = match found {
            PortNameUse::Follows { id, field } => {
                let name = &inventory.resource(id).name;
                let patches = inventory.patches_with(id, |root| holds(root, old), |text| text.contains(old));
                if let Some(file) = patches.first() {
                    let file = inventory.file_name(*file);
                    return Err(format!("{file} may patch the port of {} `{}`", name.kind, name.name));
                }
                change.set(field.0, new.as_str());
                places.push((field.0.loc(), format!("changes with it: the port of {} `{}`", name.kind, name.name)));
                continue;
            }
            PortNameUse::Stays(id) => {
                let name = &inventory.resource(id).name;
                format!("{} `{}`", name.kind, name.name)
            }
            PortNameUse::Dns(file) => format!("{}, which asks DNS for `_{old}._tcp`,", inventory.file_name(file)),
        };
        let name = if old.is_empty() { "that the port has no name" } else { "the port by its name" };
        return Err(format!("{kept} relies on {name} and can't follow"));
    }
    if old.is_empty() {
        change.insert(port.field, &["name"], new.as_str(), FIELDS);
        return Ok(Renamed { title: format!("name the port `{new}`"), doubt: None, places });
    }
    if let Some(field) = port.field.get("name") {
        change.set(field, new.as_str());
    }
    let others = if places.is_empty() { String::new() } else { format!(", in {} places", places.len() + 1) };
    let doubt = format!("what refers to the port as `{old}` outside these manifests no longer finds it");
    Ok(Renamed { title: format!("rename the port to `{new}`{others}"), doubt: Some(doubt), places })
}

/// True when a scalar at or below a node is this text.
fn holds(field: Field<'_>, text: &str) -> bool {
    field.text() == Some(text)
        || field.items().any(|item| holds(item, text))
        || field.entries().any(|(_, value)| holds(value, text))
}

/// The protocol with the old name behind it; a protocol that the old name declares goes.
fn new_name(old: &str, word: &str) -> String {
    let rest = match old.split_once('-') {
        _ if Protocol::parse(old) != Protocol::Undeclared => "",
        Some((first, rest)) if Protocol::parse(first) != Protocol::Undeclared => rest,
        _ => old,
    };
    if rest.is_empty() || rest == word { word.to_owned() } else { format!("{word}-{rest}") }
}

#[cfg(test)]
mod tests {
    use super::new_name;

    #[test]
    fn names_keep_what_they_say() {
        for (old, word, new) in [
            ("", "http", "http"),
            ("web", "http", "http-web"),
            ("http-db", "tcp", "tcp-db"),
            ("http", "tcp", "tcp"),
            ("grpc-web", "http", "http"),
            ("h2c", "http2", "http2-h2c"),
        ] {
            assert_eq!(new_name(old, word), new, "{old}");
        }
    }
}
