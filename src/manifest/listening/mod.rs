//! Where a pod's manifests say which port a process listens on: environment, command line, mounted files.
//!
//! A number is only as good as its name. `SERVER_PORT` says where the process listens; `REDIS_PORT` beside
//! `REDIS_HOST`, or a URL with another host, belongs to somebody else and says nothing of this pod.

mod address;
pub(super) mod key;
mod text;
pub(super) mod words;

use std::ops::Range;

use self::address::{Host, Number, host_of, numbers};
use self::key::Meaning;
use super::config_map::{ConfigMapUse, ConfigMapUseKind};
use super::container::Container;
use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;
use crate::text::Loc;

/// What a number has to do with a port of the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearing {
    /// It tells a process where to listen.
    Listens,
    /// It names a port of the pod from inside, as `localhost:8080` and the command of a probe do.
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
    pub config_map: Option<ConfigMapMention<'a>>,
}

/// A ConfigMap that holds a number, as the workload names it.
#[derive(Debug, Clone, Copy)]
pub struct ConfigMapMention<'a> {
    /// The ConfigMap.
    pub id: ResourceId,
    /// Where the workload names it.
    pub reference: Field<'a>,
    /// True when it is certain that the workload means this one.
    pub is_certain: bool,
}

impl PortMention<'_> {
    /// What gives the number, for people.
    pub fn name(&self) -> String {
        match self.setting.as_str() {
            "" if self.config_map.is_none() => "a command".to_owned(),
            "" => "the text".to_owned(),
            setting => format!("`{setting}`"),
        }
    }

    /// Where the number stands; the whole scalar where that can't be told.
    pub fn loc(&self) -> Loc {
        let file = self.at.loc().file;
        self.at.source_span(self.range.clone()).map_or_else(|| self.at.loc(), |span| Loc { file, span })
    }
}

impl Inventory<'_> {
    /// The numbers in the environment, the command lines, the probes' commands and the ConfigMaps of a workload's
    /// own containers that are `wanted` as ports.
    pub fn port_mentions<'i>(&'i self, workload: Workload<'i>, wanted: &dyn Fn(u16) -> bool) -> Vec<PortMention<'i>> {
        let containers: Vec<Container<'i>> = self.own_containers(workload).collect();
        let ports = containers.iter().flat_map(|container| container.ports());
        let declared = ports.filter_map(|port| port.get("containerPort")?.as_i64()).collect();
        let mut reader = Reader { wanted, declared, config_map: None, found: Vec::new() };
        let config_maps = self.config_maps_of(workload);
        for container in &containers {
            reader.variables(&variables(*container, &config_maps));
            reader.command_line(container.command().chain(container.args()), false);
            for probe in container.probes().chain(container.hooks()) {
                let command = probe.field.at(&["exec", "command"]);
                reader.command_line(command.into_iter().flat_map(Field::items), true);
            }
        }
        for used in &config_maps {
            let ConfigMapUseKind::Volume { mounts, .. } = &used.how else { continue };
            if mounts.iter().any(|(container, _)| containers.iter().any(|own| own.field.id() == container.field.id())) {
                reader.config_map = Some(mention(used));
                used.entries().iter().for_each(|(name, value)| reader.file(name, *value));
            }
        }
        let mut found = reader.found;
        found.sort_by_key(|mention| (mention.at.loc(), mention.range.start, mention.bearing));
        found.dedup_by_key(|mention| (mention.at.loc(), mention.range.start));
        found
    }
}

/// True when a text holds the number as a port could stand there.
pub fn text_holds_number(text: &str, port: u16) -> bool {
    numbers(text).iter().any(|number| number.port == port)
}

/// True when a scalar at or below a node holds the number as a port could stand there.
pub fn holds_number(field: Field<'_>, port: u16) -> bool {
    match field.text() {
        Some(text) => text_holds_number(text, port),
        None => {
            field.items().any(|item| holds_number(item, port))
                || field.entries().any(|(key, value)| key == port.to_string() || holds_number(value, port))
        }
    }
}

fn mention<'a>(used: &ConfigMapUse<'a>) -> ConfigMapMention<'a> {
    ConfigMapMention { id: used.id, reference: used.reference, is_certain: used.is_certain }
}

/// An environment variable of a container.
struct Variable<'a> {
    name: String,
    /// Its value, where the manifests have it.
    value: Option<Field<'a>>,
    config_map: Option<ConfigMapMention<'a>>,
    /// True for the pod's own address.
    is_pod_ip: bool,
}

/// The environment as the process gets it: `env` wins over `envFrom`.
fn variables<'a>(container: Container<'a>, config_maps: &[ConfigMapUse<'a>]) -> Vec<Variable<'a>> {
    let mut variables: Vec<Variable<'a>> = Vec::new();
    for (name, entry) in container.env() {
        let is_pod_ip = entry.text_at(&["valueFrom", "fieldRef", "fieldPath"]).starts_with("status.podIP");
        variables.push(Variable { name: name.to_owned(), value: entry.get("value"), config_map: None, is_pod_ip });
    }
    let own: Vec<String> = variables.iter().map(|variable| variable.name.clone()).collect();
    for used in config_maps {
        let config_map = Some(mention(used));
        match &used.how {
            ConfigMapUseKind::EnvKey { container: of, name, .. } if of.field.id() == container.field.id() => {
                variables.extend(used.entries().into_iter().map(|(_, value)| Variable {
                    name: (*name).to_owned(),
                    value: Some(value),
                    config_map,
                    is_pod_ip: false,
                }));
            }
            ConfigMapUseKind::EnvFrom { container: of, prefix } if of.field.id() == container.field.id() => {
                let entries = used.entries().into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
                variables.extend(entries.filter(|(name, _)| !own.contains(name)).map(|(name, value)| Variable {
                    name,
                    value: Some(value),
                    config_map,
                    is_pod_ip: false,
                }));
            }
            _ => {}
        }
    }
    variables
}

/// A setting that may give the host of a port beside it.
struct Sibling {
    words: Vec<String>,
    host: Host,
}

struct Reader<'a, 'w> {
    wanted: &'w dyn Fn(u16) -> bool,
    declared: Vec<i64>,
    config_map: Option<ConfigMapMention<'a>>,
    found: Vec<PortMention<'a>>,
}

impl<'a> Reader<'a, '_> {
    fn variables(&mut self, variables: &[Variable<'a>]) {
        let host = |variable: &Variable<'_>| match variable.value.and_then(|value| value.as_str()) {
            Some(value) => host_of(value),
            None if variable.is_pod_ip => Host::Any,
            None => Host::Unknown,
        };
        let siblings: Vec<Sibling> = variables
            .iter()
            .map(|variable| Sibling { words: key::words(&variable.name), host: host(variable) })
            .collect();
        for variable in variables {
            let Some((field, value)) = variable.value.and_then(|field| Some((field, field.as_str()?))) else {
                continue;
            };
            self.config_map = variable.config_map;
            let words = key::words(&variable.name);
            let has_flags = words.last().is_some_and(|word| {
                matches!(word.as_str(), "opts" | "options" | "args" | "arguments" | "flags" | "cmd")
            });
            if has_flags {
                self.command_words(&[(field, value)], false);
                continue;
            }
            for number in numbers(value) {
                let meaning = key::meaning(&words);
                self.add_beside(field, number, meaning, &variable.name, &siblings);
            }
        }
        self.config_map = None;
    }

    fn command_line(&mut self, words: impl Iterator<Item = Field<'a>>, is_inside: bool) {
        let texts: Vec<(Field<'a>, &str)> = words.filter_map(|field| Some((field, field.as_str()?))).collect();
        self.command_words(&texts, is_inside);
    }

    /// The settings of a command line; `is_inside` for a command that asks the pod's own processes.
    fn command_words(&mut self, texts: &[(Field<'a>, &str)], is_inside: bool) {
        let lines: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
        let settings = words::settings(&lines);
        let value = |setting: &words::Setting<'_>| &lines[setting.text][setting.value.clone()];
        let siblings: Vec<Sibling> = settings
            .iter()
            .map(|setting| Sibling { words: key::words(setting.name), host: host_of(value(setting)) })
            .collect();
        let from = self.found.len();
        for (i, setting) in settings.iter().enumerate() {
            let (field, text) = texts[setting.text];
            let meaning = match setting.name {
                "-p" => Meaning::Port,
                "-b" => Meaning::Address,
                name => key::meaning(&key::words(name)),
            };
            for number in numbers(&text[setting.value.clone()]) {
                let range = number.range.start + setting.value.start..number.range.end + setting.value.start;
                let mut host = number.host;
                // `nc -z cart 80`: the word in front is the host.
                if setting.name.is_empty() && host == Host::None && number.range.len() == setting.value.len() {
                    let before = i.checked_sub(1).map(|i| value(&settings[i])).unwrap_or_default();
                    host = match host_of(before) {
                        Host::Loopback => Host::Loopback,
                        Host::Foreign if before.contains('.') => Host::Foreign,
                        _ => Host::None,
                    };
                }
                self.add_beside(field, Number { range, host, ..number }, meaning, setting.name, &siblings);
            }
        }
        for mention in self.found[from..].iter_mut().filter(|mention| is_inside && mention.bearing < Bearing::Unclear) {
            mention.bearing = Bearing::Local;
        }
    }

    fn file(&mut self, name: &str, field: Field<'a>) {
        let Some(text) = field.as_str() else { return };
        let text::Settings { ports, hosts } = text::settings(name, text, self.wanted);
        let sibling = |(name, value): &(String, String)| Sibling { words: key::words(name), host: host_of(value) };
        let siblings: Vec<Sibling> = hosts.iter().map(sibling).collect();
        for entry in ports {
            let meaning = key::meaning(&key::words(&entry.name));
            let number = Number { range: entry.range, port: entry.port, host: entry.host };
            self.add_beside(field, number, meaning, &entry.name, &siblings);
        }
    }

    /// Adds a number with the host that a setting beside it gives.
    fn add_beside(&mut self, at: Field<'a>, number: Number, meaning: Meaning, setting: &str, siblings: &[Sibling]) {
        let words = key::words(setting);
        let stem = key::stem(&words).filter(|_| number.host == Host::None);
        let Some(stem) = stem else { return self.add(at, number, meaning, setting) };
        let sibling = siblings.iter().find(|sibling| key::is_host_of(&sibling.words, stem));
        let declared = self.declared.contains(&i64::from(number.port));
        let (meaning, host) = match (sibling.map(|sibling| sibling.host), meaning) {
            (Some(Host::Loopback), Meaning::Listens) | (None | Some(Host::None), _) => (meaning, Host::None),
            // The host may be the name under which others know the process, and the port its own.
            (Some(Host::Foreign | Host::Unknown), Meaning::Listens | Meaning::Port) if declared => {
                (Meaning::Unclear, Host::None)
            }
            (Some(Host::Unknown), Meaning::Listens | Meaning::Port) => (Meaning::Elsewhere, Host::None),
            (Some(host), _) => (meaning, host),
        };
        self.add(at, Number { host, ..number }, meaning, setting);
    }

    fn add(&mut self, at: Field<'a>, number: Number, meaning: Meaning, setting: &str) {
        if !(self.wanted)(number.port) || meaning == Meaning::Quantity {
            return;
        }
        let declared = self.declared.contains(&i64::from(number.port));
        let bearing = match (meaning, number.host) {
            (Meaning::Listens, Host::None | Host::Any | Host::Loopback) => Bearing::Listens,
            (Meaning::Port, Host::None | Host::Any) if declared => Bearing::Listens,
            (Meaning::Address, Host::Any) => Bearing::Listens,
            (Meaning::Advertised, Host::Any) | (_, Host::Loopback) => Bearing::Local,
            (Meaning::Advertised, _) => Bearing::Unclear,
            (_, Host::Foreign) | (Meaning::Elsewhere, _) => Bearing::Elsewhere,
            _ => Bearing::Unclear,
        };
        let (range, port, config_map) = (number.range, number.port, self.config_map);
        self.found.push(PortMention { at, range, port, bearing, setting: setting.to_owned(), config_map });
    }
}
