//! Where a pod's manifests say which port a process listens on: environment, command line, mounted files.
//!
//! A number is only as good as its name. `SERVER_PORT` says where the process listens; `REDIS_PORT` beside
//! `REDIS_HOST`, or a URL with another host, belongs to somebody else and says nothing of this pod.

mod address;
mod key;
mod text;
mod words;

use std::ops::Range;

use self::address::{Host, Number, numbers};
use self::key::Meaning;
use super::config_map::ConfigMapUseKind;
use super::container::Container;
use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// What a number has to do with a port of the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearing {
    /// It tells a process where to listen.
    Listens,
    /// It names a port of the pod from inside, as `localhost:8080` does.
    Local,
    /// It may be one, and it may be anything else.
    Unclear,
    /// It is the port of somebody else.
    Elsewhere,
}

/// A number in a pod's settings that may be one of its ports.
#[derive(Debug, Clone)]
pub struct PortMention<'a> {
    /// The scalar that holds the number.
    pub at: Field<'a>,
    /// The number in the scalar's value, in bytes.
    pub range: Range<usize>,
    /// The number.
    pub port: u16,
    /// What it has to do with the pod.
    pub bearing: Bearing,
    /// The setting that gives it: `SERVER_PORT`, `--port`, `server.port`; "" without one.
    pub setting: String,
    /// The ConfigMap that holds it; `None` for the workload's own manifest.
    pub config_map: Option<ResourceId>,
}

impl Inventory<'_> {
    /// The numbers in the environment, the command lines and the ConfigMaps of a workload's own containers
    /// that are `wanted` as ports.
    pub fn port_mentions<'i>(&'i self, workload: Workload<'i>, wanted: &dyn Fn(u16) -> bool) -> Vec<PortMention<'i>> {
        let declared: Vec<i64> = self
            .own_containers(workload)
            .flat_map(Container::ports)
            .filter_map(|port| port.get("containerPort")?.as_i64())
            .collect();
        let mut reader = Reader { wanted, declared, config_map: None, found: Vec::new() };
        for container in self.own_containers(workload) {
            reader.environment(&container.env().collect::<Vec<_>>());
            reader.command_line(container);
        }
        for usage in self.config_maps_of(workload) {
            reader.config_map = Some(usage.id);
            let entries = usage.entries();
            match &usage.how {
                ConfigMapUseKind::EnvFrom { prefix, .. } => {
                    let named: Vec<(String, Field<'_>)> =
                        entries.iter().map(|(key, value)| (format!("{prefix}{key}"), *value)).collect();
                    reader.variables(&named.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>());
                }
                ConfigMapUseKind::EnvKey { name, .. } => {
                    reader.variables(&entries.iter().map(|(_, value)| (*name, *value)).collect::<Vec<_>>());
                }
                ConfigMapUseKind::Volume { .. } => entries.iter().for_each(|(name, value)| reader.file(name, *value)),
            }
        }
        let mut found = reader.found;
        found.sort_by_key(|mention| (mention.at.loc(), mention.range.start, mention.bearing));
        found.dedup_by_key(|mention| (mention.at.loc(), mention.range.start));
        found
    }
}

struct Reader<'a, 'w> {
    wanted: &'w dyn Fn(u16) -> bool,
    declared: Vec<i64>,
    config_map: Option<ResourceId>,
    found: Vec<PortMention<'a>>,
}

impl<'a> Reader<'a, '_> {
    fn environment(&mut self, variables: &[(&'a str, Field<'a>)]) {
        let valued: Vec<(&str, Field<'a>)> =
            variables.iter().filter_map(|(name, entry)| Some((*name, entry.get("value")?))).collect();
        // A sibling `X_HOST` may come from elsewhere and still says that `X_PORT` is not this pod's.
        let siblings: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        self.variables_beside(&valued, &siblings);
    }

    fn variables(&mut self, variables: &[(&str, Field<'a>)]) {
        let siblings: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        self.variables_beside(variables, &siblings);
    }

    fn variables_beside(&mut self, variables: &[(&str, Field<'a>)], siblings: &[&str]) {
        for (name, field) in variables {
            let Some(value) = field.as_str() else { continue };
            let words = key::words(name);
            let has_flags = words.last().is_some_and(|word| {
                matches!(word.as_str(), "opts" | "options" | "args" | "arguments" | "flags" | "cmd")
            });
            if has_flags {
                self.command_words(&[(*field, value)]);
                continue;
            }
            let stem = name.strip_suffix("_PORT");
            let beside = stem.is_some_and(|stem| {
                ["HOST", "HOSTNAME", "ADDR", "ADDRESS", "URL", "SERVICE"]
                    .iter()
                    .any(|end| siblings.contains(&format!("{stem}_{end}").as_str()))
                    && !matches!(stem, "SERVER" | "HTTP" | "GRPC" | "APP" | "LISTEN" | "BIND")
            });
            for number in numbers(value) {
                let meaning = if beside { Meaning::Elsewhere } else { key::meaning(&words) };
                self.add(*field, number, meaning, name);
            }
        }
    }

    fn command_line(&mut self, container: Container<'a>) {
        let words = container.command().chain(container.args());
        let texts: Vec<(Field<'a>, &str)> = words.filter_map(|field| Some((field, field.as_str()?))).collect();
        self.command_words(&texts);
    }

    fn command_words(&mut self, texts: &[(Field<'a>, &str)]) {
        let lines: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
        for setting in words::settings(&lines) {
            let (field, text) = texts[setting.text];
            let meaning = match setting.name {
                "-p" => Meaning::Port,
                "-b" => Meaning::Listens,
                name => key::meaning(&key::words(name)),
            };
            for number in numbers(&text[setting.value.clone()]) {
                let range = number.range.start + setting.value.start..number.range.end + setting.value.start;
                // `-p` and `-b` mean a port only with nothing else beside it.
                self.add(field, Number { range, ..number }, meaning, setting.name);
            }
        }
    }

    fn file(&mut self, name: &str, field: Field<'a>) {
        let Some(text) = field.as_str() else { return };
        for entry in text::entries(name, text, self.wanted) {
            let meaning = text::meaning(&entry.name);
            self.add(field, Number { range: entry.range, port: entry.port, host: entry.host }, meaning, &entry.name);
        }
    }

    fn add(&mut self, at: Field<'a>, number: Number, meaning: Meaning, setting: &str) {
        if !(self.wanted)(number.port) || meaning == Meaning::Quantity {
            return;
        }
        let declared = self.declared.contains(&i64::from(number.port));
        let bearing = match (meaning, number.host) {
            (_, Host::Foreign) | (Meaning::Elsewhere, Host::None | Host::Any | Host::Unknown) => Bearing::Elsewhere,
            (Meaning::Listens, Host::None | Host::Any | Host::Loopback) => Bearing::Listens,
            (Meaning::Port, Host::None | Host::Any) if declared => Bearing::Listens,
            (Meaning::Address, Host::Any) => Bearing::Listens,
            (_, Host::Loopback) => Bearing::Local,
            _ => Bearing::Unclear,
        };
        let mention = PortMention {
            at,
            range: number.range,
            port: number.port,
            bearing,
            setting: setting.to_owned(),
            config_map: self.config_map,
        };
        self.found.push(mention);
    }
}
