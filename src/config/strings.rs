//! A configuration where all values are strings: the data of a ConfigMap, the parameters of Argo CD. Keys are the paths
//! below `spec`, with dots; the table of keys tells which type a string stands for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Config;
use super::key::{Is, Key};
use super::keys::SPEC;
use super::read::{API_VERSION, KIND, Problem, read_value};
use super::rule_keys::RULES;
use crate::yaml;

/// A value as other programs pass it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// One string; a list is written with commas.
    One(String),
    /// A list of strings.
    List(Vec<String>),
    /// Strings by name.
    Map(BTreeMap<String, String>),
}

/// Reads a configuration from values by their paths below `spec`: `unsafe`, `rules.dns-ndots.explicit`. `rules` are the
/// names of all rules that there are.
///
/// # Errors
/// Everything that is wrong; none of it has a place.
pub fn read_strings(values: &BTreeMap<String, Text>, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    let mut spec = json!({});
    for (key, text) in values {
        let path: Vec<&str> = key.split('.').collect();
        let value = typed(SPEC, &path, text);
        join(&mut spec, value);
    }
    read_value(&json!({"apiVersion": API_VERSION, "kind": KIND, "spec": spec}), rules)
}

/// The mapping that has the value at a path below these keys. What is not known keeps its text, so that the reader says so.
pub(super) fn typed<T>(keys: &[Key<T>], path: &[&str], text: &Text) -> Value {
    let Some((first, rest)) = path.split_first() else { return any(path, text) };
    let key = keys.iter().find(|key| key.name == *first);
    let value = match key.map(|key| &key.is) {
        Some(Is::Part(part)) => part.typed(rest, text),
        Some(Is::RuleOptions(_)) => rule_option(rest, text),
        Some(is) if rest.is_empty() => scalar(is, text),
        Some(Is::PortMap(_) | Is::PortByName(..)) => below(rest, number(text)),
        _ => below(rest, plain(text)),
    };
    json!({*first: value})
}

/// A value without keys of its own: YAML where it is more than one string.
pub(super) fn any(path: &[&str], text: &Text) -> Value {
    below(path, structured(text))
}

fn rule_option(path: &[&str], text: &Text) -> Value {
    let Some((rule, rest)) = path.split_first() else { return structured(text) };
    let part = RULES.iter().find(|(name, _)| name == rule).map(|(_, part)| part);
    let value = match part {
        Some(part) if rest != ["safety"] => part.typed(rest, text),
        _ => below(rest, plain(text)),
    };
    json!({*rule: value})
}

fn scalar<T>(is: &Is<T>, text: &Text) -> Value {
    match is {
        Is::Flag(_) => match text {
            Text::One(text) if text == "true" => Value::Bool(true),
            Text::One(text) if text == "false" => Value::Bool(false),
            text => plain(text),
        },
        Is::Number(..) => number(text),
        Is::NumberList(..) => list(text, |item| number(&Text::One(item.to_owned()))),
        Is::TextList(..) | Is::Rules(_) | Is::Selection(_) => list(text, |item| item.into()),
        Is::Word(_) | Is::Text(..) | Is::Version(_) => plain(text),
        _ => structured(text),
    }
}

fn number(text: &Text) -> Value {
    match text {
        Text::One(text) => text.parse::<i64>().map_or_else(|_| text.as_str().into(), Value::from),
        text => plain(text),
    }
}

/// Items by comma, or YAML that starts like a list.
fn list(text: &Text, item: impl Fn(&str) -> Value) -> Value {
    match text {
        Text::One(text) if text.trim_start().starts_with('[') => structured(&Text::One(text.clone())),
        Text::One(text) => text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect(),
        Text::List(items) => items.iter().map(|text| item(text)).collect(),
        text => plain(text),
    }
}

fn plain(text: &Text) -> Value {
    match text {
        Text::One(text) => text.as_str().into(),
        Text::List(items) => items.clone().into(),
        Text::Map(map) => map.iter().map(|(key, text)| (key.clone(), Value::from(text.as_str()))).collect(),
    }
}

fn structured(text: &Text) -> Value {
    match text {
        Text::One(text) => yaml::parse_text(text)
            .ok()
            .flatten()
            .and_then(|document| yaml::value(&document).ok())
            .unwrap_or_else(|| text.as_str().into()),
        text => plain(text),
    }
}

/// The value inside mappings, one for each part of the path.
fn below(path: &[&str], value: Value) -> Value {
    path.iter().rev().fold(value, |value, part| json!({*part: value}))
}

/// Joins two mappings; where both have a value, the later one holds.
fn join(have: &mut Value, new: Value) {
    match (have, new) {
        (Value::Object(have), Value::Object(new)) => {
            for (key, value) in new {
                match have.get_mut(&key) {
                    Some(old) => join(old, value),
                    None => {
                        have.insert(key, value);
                    }
                }
            }
        }
        (have, new) => *have = new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Level, Mode, Safety};

    const RULES: [&str; 3] = ["dns-ndots", "proxy-uid", "exposed-service"];

    fn read(values: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let values = values.iter().map(|(key, text)| ((*key).to_owned(), Text::One((*text).to_owned()))).collect();
        read_strings(&values, &RULES).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn strings_stand_for_what_their_keys_take() {
        let config = read(&[
            ("select", "dns-ndots, proxy-uid"),
            ("unsafe", "true"),
            ("failOn", "warning"),
            ("mode", "check"),
            ("istioVersion", "1.20"),
            ("exempt.namespaces", "build-*,ci"),
            ("rules.dns-ndots.explicit", "true"),
            ("rules.dns-ndots.safety", "safe"),
            ("rules.proxy-uid.replacement", "20000"),
            ("clusters.prod", "clusters/prod"),
            ("podCIDRs", "[10.0.0.0/8]"),
        ])
        .expect("a configuration");
        assert_eq!(config.select, ["dns-ndots", "proxy-uid"]);
        assert!(config.unsafe_fixes && config.options.dns_ndots.explicit);
        assert_eq!((config.fail_on, config.mode), (Some(Level::Warning), Mode::Check));
        assert_eq!(config.options.istio_version, Some(crate::config::Version(1, 20)));
        assert_eq!(config.options.exempt.namespaces, ["build-*", "ci"]);
        assert_eq!(config.options.safety["dns-ndots"], Safety::Safe);
        assert_eq!(config.options.proxy_uid.replacement, 20000);
        assert_eq!(config.options.clusters["prod"], "clusters/prod");
        assert_eq!(config.options.pod_cidrs.len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (key, text, says) in [
            ("unsave", "true", "did you mean `unsafe`?"),
            ("unsafe", "yes", "must be true or false"),
            ("rules.dns-ndots.explizit", "true", "did you mean `explicit`?"),
            ("rules.dns-ndot.explicit", "true", "did you mean `dns-ndots`?"),
            ("select", "dns-ndot", "did you mean `dns-ndots`?"),
        ] {
            let problems = read(&[(key, text)]).expect_err("a problem").join("\n");
            assert!(problems.contains(says), "{key}: {problems}");
        }
    }
}
