//! What must hold between several keys.

use std::collections::BTreeSet;

use super::Config;
use super::read::Reader;

/// Names that mean something else where rules are named.
const TAKEN: &[&str] = &["none", "true"];

pub(super) fn check(config: &Config, reader: &mut Reader<'_>) {
    let mut seen = BTreeSet::new();
    for (i, transform) in config.options.transforms.iter().enumerate() {
        let id = transform.id.as_str();
        let reason = match () {
            () if reader.is_built_in(id) => "which is a rule of meshfix",
            () if TAKEN.contains(&id) => "which stands for something else where rules are named",
            () if !id.is_empty() && !seen.insert(id) => "which another one has",
            () => continue,
        };
        within(reader, &["spec", "transforms", &i.to_string(), "id"], &|reader| {
            reader.fault(format!("`{}` must not be `{id}`, {reason}", reader.name()));
        });
    }
    let ports = &config.options.reserved_port;
    for (from, to) in ports.port_map.iter().filter(|(_, to)| ports.extra_ports.contains(to)) {
        within(reader, &["spec", "rules", "reserved-port", "portMap", &from.to_string()], &|reader| {
            reader.fault(format!("`{}` must not be {to}, which `extraPorts` reserves", reader.name()));
        });
    }
}

fn within(reader: &mut Reader<'_>, path: &[&str], then: &dyn Fn(&mut Reader<'_>)) {
    match path {
        [] => then(reader),
        [part, rest @ ..] => reader.within(part, |reader| within(reader, rest, then)),
    }
}
