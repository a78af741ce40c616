//! Reads values by their types.

use std::collections::BTreeMap;

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use super::key::{Is, Numbers, Texts, Word};
use super::keys::{LABEL_VALUE, is_inside};
use super::read::{Reader, describe, hint};
use super::{NONE, Version};
use crate::spelling::nearest;

impl<T> Is<T> {
    /// Reads a value and puts it where it goes; what is wrong is told to the reader.
    pub(super) fn read(&self, reader: &mut Reader<'_>, value: &Value, into: &mut T) {
        match self {
            Is::Flag(set) => match value {
                Value::Bool(value) => set(into, *value),
                other => reader.must("true or false", other),
            },
            Is::Number(numbers, set) => {
                if let Some(number) = number(reader, numbers, value) {
                    set(into, number);
                }
            }
            Is::NumberList(numbers, set) => {
                set(into, items(reader, "numbers", value, |reader, item| number(reader, numbers, item)))
            }
            Is::Word(words) => {
                if let Some((_, set)) = word(reader, words, value) {
                    set(into);
                }
            }
            Is::Text(texts, set) => {
                if let Some(text) = text(reader, texts, value) {
                    set(into, text);
                }
            }
            Is::TextList(texts, set) => {
                set(into, items(reader, "texts", value, |reader, item| text(reader, texts, item)));
            }
            Is::Version(set) => {
                if let Some(version) = version(reader, value) {
                    set(into, version);
                }
            }
            Is::Rules(set) => set(into, items(reader, "names of rules", value, rule)),
            Is::Selection(set) => match value.as_array().map(Vec::as_slice) {
                Some([none]) if none == NONE => set(into, vec![NONE.to_owned()]),
                _ => set(into, items(reader, "names of rules", value, rule)),
            },
            Is::Folders(set) => set(into, entries(reader, value, folder)),
            Is::PortMap(set) => set(into, port_map(reader, value)),
            Is::TextMap(names, texts, set) => {
                let read = |reader: &mut Reader<'_>, value: &Value| text(reader, texts, value);
                set(into, named(reader, names, value, read));
            }
            Is::PortByName(names, set) => {
                let read = |reader: &mut Reader<'_>, value: &Value| {
                    number(reader, &PORT, value).and_then(|port| u16::try_from(port).ok())
                };
                set(into, named(reader, names, value, read));
            }
            Is::Labels(set) => set(into, labels(reader, value)),
            Is::Patch(set) => {
                if let Some(patch) = patch(reader, value) {
                    set(into, patch);
                }
            }
            Is::RuleOptions(part) => reader.rules(value, part(into)),
            Is::Part(part) => part.read(reader, value, into),
        }
    }
}

fn items<V>(
    reader: &mut Reader<'_>,
    what: &str,
    value: &Value,
    read: impl Fn(&mut Reader<'_>, &Value) -> Option<V>,
) -> Vec<V> {
    let mut all = Vec::new();
    for (i, item) in reader.list(what, value).iter().enumerate() {
        reader.within(&i.to_string(), |reader| all.extend(read(reader, item)));
    }
    all
}

fn entries<V>(
    reader: &mut Reader<'_>,
    value: &Value,
    read: impl Fn(&mut Reader<'_>, &Value) -> Option<V>,
) -> BTreeMap<String, V> {
    let mut all = BTreeMap::new();
    for (name, value) in reader.mapping(value).into_iter().flatten() {
        reader.within(name, |reader| all.extend(read(reader, value).map(|value| (name.clone(), value))));
    }
    all
}

/// Entries whose names are of one kind.
fn named<V>(
    reader: &mut Reader<'_>,
    names: &Texts,
    value: &Value,
    read: impl Fn(&mut Reader<'_>, &Value) -> Option<V>,
) -> BTreeMap<String, V> {
    let all = entries(reader, value, read);
    for name in all.keys().filter(|name| !(names.accepts)(name)) {
        reader.within(name, |reader| reader.fault(format!("`{name}` is not {}", names.what)));
    }
    all
}

/// Ports that a program can listen on.
const PORT: Numbers = Numbers { from: 1, to: 65_535, but: None };

fn number(reader: &mut Reader<'_>, numbers: &Numbers, value: &Value) -> Option<i64> {
    let Some(number) = value.as_i64() else {
        reader.must("a number", value);
        return None;
    };
    let range = numbers.from..=numbers.to;
    match numbers.but {
        _ if !range.contains(&number) => {
            reader.fault(format!("`{}` must be from {} to {}, not {number}", reader.name(), numbers.from, numbers.to));
            None
        }
        Some((from, to, why)) if (from..=to).contains(&number) => {
            reader.fault(format!("`{}` must not be {number}, {why}", reader.name()));
            None
        }
        _ => Some(number),
    }
}

/// One of the words. YAML reads `on` and `off` as booleans, which is what they mean here.
fn word<'w, T>(reader: &mut Reader<'_>, words: &'w [Word<T>], value: &Value) -> Option<&'w Word<T>> {
    let text = match value {
        Value::Bool(value) => Some(if *value { "on" } else { "off" }),
        value => value.as_str(),
    };
    let found = words.iter().find(|(word, _)| Some(*word) == text);
    if found.is_none() {
        let names = words.iter().map(|(word, _)| *word);
        let near = value.as_str().and_then(|text| nearest(text, names.clone()));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let names: Vec<String> = names.map(|word| format!("`{word}`")).collect();
        reader.fault(format!("`{}` must be {}, not {}{near}", reader.name(), names.join(" or "), describe(value)));
    }
    found
}

fn text(reader: &mut Reader<'_>, texts: &Texts, value: &Value) -> Option<String> {
    match value {
        Value::String(text) if (texts.accepts)(text) => Some(text.clone()),
        Value::Number(number) if (texts.accepts)(&number.to_string()) => {
            reader.fault(format!("`{}` must be a string: write \"{number}\", with the quotes", reader.name()));
            None
        }
        Value::Bool(value) => {
            let name = reader.name();
            reader.fault(format!("`{name}` must be a string, and YAML reads {value} here: put it in quotes"));
            None
        }
        other => {
            reader.must(texts.what, other);
            None
        }
    }
}

fn version(reader: &mut Reader<'_>, value: &Value) -> Option<Version> {
    let parse = |text: &str| {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| is_number)
        });
        let version = Version(parts.next()??, parts.next()??);
        // A patch release does not matter, but it must be one.
        let rest: Vec<Option<u32>> = parts.collect();
        (rest.len() <= 1 && rest.iter().all(Option::is_some)).then_some(version)
    };
    match value {
        Value::Number(number) => {
            let name = reader.name();
            reader.fault(format!(
                "`{name}` must stand in quotes, like \"1.30\": without them YAML reads the number {number}, \
                 and 1.30 is the same number as 1.3"
            ));
            None
        }
        Value::String(text) if let Some(version) = parse(text) => Some(version),
        other => {
            reader.must("a version like \"1.30\"", other);
            None
        }
    }
}

fn rule(reader: &mut Reader<'_>, value: &Value) -> Option<String> {
    match value {
        Value::String(name) if reader.is_rule(name) => Some(name.clone()),
        Value::String(name) => {
            reader.unknown_rule(name);
            None
        }
        other => {
            reader.must("the name of a rule", other);
            None
        }
    }
}

/// A folder below the configuration's; "" is that folder itself.
fn folder(reader: &mut Reader<'_>, value: &Value) -> Option<String> {
    match value {
        Value::String(path) if !path.is_empty() && is_inside(path) => {
            let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
            Some(parts.collect::<Vec<_>>().join("/"))
        }
        other => {
            reader.must("a folder below that of the configuration, without `..`", other);
            None
        }
    }
}

/// Ports that the mesh reserves, in either profile.
fn is_reserved(port: u16) -> bool {
    matches!(port, 15_000..=15_010 | 15_020 | 15_021 | 15_053 | 15_090)
}

fn port_map(reader: &mut Reader<'_>, value: &Value) -> BTreeMap<u16, u16> {
    let mut map: BTreeMap<u16, u16> = BTreeMap::new();
    for (key, value) in reader.mapping(value).into_iter().flatten() {
        reader.within(key, |reader| {
            let from = key.parse::<u16>().ok().filter(|from| *from > 0 && from.to_string() == *key);
            let Some(from) = from else {
                return reader.fault(format!("`{key}` is no port: a port is a number from 1 to 65535"));
            };
            let Some(to) = number(reader, &PORT, value).and_then(|to| u16::try_from(to).ok()) else { return };
            let name = reader.name();
            if is_reserved(to) {
                reader.fault(format!("`{name}` must not be {to}, which the mesh reserves too"));
            } else if let Some((other, _)) = map.iter().find(|(_, have)| **have == to) {
                reader.fault(format!("`{name}` must not be {to}, which {other} has become already"));
            } else {
                map.insert(from, to);
            }
        });
    }
    map
}

/// `app=web,tier=front` as kustomize and kubectl take it; only equality can be told from a manifest for sure.
fn labels(reader: &mut Reader<'_>, value: &Value) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Value::String(text) = value else {
        reader.must("labels like `app=web,tier=front`", value);
        return labels;
    };
    for term in text.split(',').map(str::trim) {
        let pair = term.split_once("==").or_else(|| term.split_once('='));
        let pair = pair.map(|(key, value)| (key.trim(), value.trim()));
        let is_key = |key: &str| !key.is_empty() && !key.contains([' ', '!', '(', ')', '=']);
        match pair.filter(|(key, value)| is_key(key) && (value.is_empty() || (LABEL_VALUE.accepts)(value))) {
            Some((key, value)) => {
                labels.insert(key.to_owned(), value.to_owned());
            }
            None => {
                let name = reader.name();
                reader.fault(format!("`{name}` takes labels like `app=web,tier=front`, each equal; not `{term}`"));
            }
        }
    }
    labels
}

fn patch(reader: &mut Reader<'_>, value: &Value) -> Option<Patch> {
    if value.is_string() {
        let name = reader.name();
        reader.fault(format!("`{name}` must be a list of operations, not a text: take away the `|` in front of it"));
        return None;
    }
    let operations = items(reader, "operations", value, operation);
    if operations.is_empty() && value.as_array().is_some_and(Vec::is_empty) {
        reader.fault(format!("`{}` has no operation", reader.name()));
    }
    Some(Patch(operations))
}

/// The operations of RFC 6902, and the keys that each has.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("add", &["op", "path", "value"]),
    ("remove", &["op", "path"]),
    ("replace", &["op", "path", "value"]),
    ("move", &["op", "from", "path"]),
    ("copy", &["op", "from", "path"]),
    ("test", &["op", "path", "value"]),
];

fn operation(reader: &mut Reader<'_>, value: &Value) -> Option<PatchOperation> {
    let map = reader.mapping(value)?;
    let name = reader.name();
    let op = map.get("op").and_then(Value::as_str).unwrap_or_default();
    let Some((_, keys)) = OPERATIONS.iter().find(|(name, _)| *name == op) else {
        reader.fault(format!(
            "`{name}`: there is no operation `{op}`; {}",
            hint(op, OPERATIONS.iter().map(|(op, _)| *op))
        ));
        return None;
    };
    if let Some(key) = keys.iter().find(|key| !map.contains_key(**key)) {
        reader.fault(format!("`{name}`: the operation `{op}` needs `{key}`"));
        return None;
    }
    if let Some(key) = map.keys().find(|key| !keys.contains(&key.as_str())) {
        let message = format!("`{name}`: the operation `{op}` has no `{key}`; {}", hint(key, keys.iter().copied()));
        reader.within(key, |reader| reader.fault(message));
        return None;
    }
    for key in ["path", "from"] {
        let is_pointer = |text: &str| text.is_empty() || text.starts_with('/');
        if let Some(value) = map.get(key).filter(|value| !value.as_str().is_some_and(is_pointer)) {
            reader.within(key, |reader| reader.must("a JSON Pointer like `/spec/replicas`", value));
            return None;
        }
    }
    match serde_json::from_value(value.clone()) {
        Ok(operation) => Some(operation),
        Err(error) => {
            reader.fault(format!("`{name}` is no operation of RFC 6902: {error}"));
            None
        }
    }
}
