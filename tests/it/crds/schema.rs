//! A validator for the schemas of CRDs, as strict as an API server with `fieldValidation=Strict`. It knows every word
//! that Istio's and the Gateway API's use but the rules in CEL, which it names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde_json::{Map, Value};

/// Words that say nothing of a value, or that are read together with another.
const SILENT: &[&str] = &[
    "default",
    "description",
    "items",
    "nullable",
    "properties",
    "additionalProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
];

/// The patterns of names, label keys and label values.
const NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const LABEL_KEY: &str = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// The fields of `metadata`.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The schemas of CRDs, by API version and kind.
pub(crate) struct Crds {
    schemas: BTreeMap<(String, String), Value>,
    patterns: HashMap<String, Regex>,
}

/// What came of a check.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// What is wrong: where, and what.
    pub(crate) faults: BTreeSet<String>,
    /// Rules in CEL that would have to be asked, by what they say.
    pub(crate) unasked: BTreeSet<String>,
}

impl Crds {
    /// The served versions of these CRDs. A word that is not known here is an error.
    pub(crate) fn new(crds: impl Iterator<Item = Value>) -> Result<Crds, String> {
        let mut own = Crds { schemas: BTreeMap::new(), patterns: HashMap::new() };
        for pattern in [NAME, LABEL_KEY, LABEL_VALUE] {
            own.add_pattern(pattern)?;
        }
        for crd in crds.filter(|crd| crd["kind"] == "CustomResourceDefinition") {
            let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
            for version in list(&crd["spec"]["versions"]).filter(|version| version["served"] == true) {
                let schema = &version["schema"]["openAPIV3Schema"];
                own.learn(schema).map_err(|word| format!("{kind}: {word}"))?;
                let api_version = format!("{group}/{}", version["name"].as_str().unwrap_or_default());
                own.schemas.insert((api_version, kind.clone()), schema.clone());
            }
        }
        Ok(own)
    }

    /// True when a CRD has this kind in any version, or this group.
    pub(crate) fn is_theirs(&self, api_version: &str) -> bool {
        let group = |text: &str| text.split_once('/').map(|(group, _)| group.to_owned());
        self.schemas.keys().any(|(have, _)| group(have) == group(api_version))
    }

    /// What is not as the CRDs have it.
    pub(crate) fn check(&self, value: &Value) -> Checked {
        let mut checked = Checked::default();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let id = (text("apiVersion"), text("kind"));
        let (Some(schema), Some(fields)) = (self.schemas.get(&id), value.as_object()) else {
            checked.fault("", &format!("no CRD serves {} {}", id.0, id.1));
            return checked;
        };
        self.metadata(&value["metadata"], &mut checked);
        let without_type = |(name, value): (&String, &Value)| {
            let is_everyones = matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
            (!is_everyones).then(|| (name.clone(), value.clone()))
        };
        let mut own = Value::Object(fields.iter().filter_map(without_type).collect());
        let mut schema = schema.clone();
        // Some CRDs list what every resource has.
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !matches!(name.as_str(), Some("apiVersion" | "kind" | "metadata")));
        }
        add_defaults(&schema, &mut own);
        self.structure(&schema, &own, "", &mut checked);
        checked
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<(), String> {
        let ascii = syntax::Config::new().unicode(false).utf8(false);
        let regex = Regex::builder().syntax(ascii).build(pattern).map_err(|error| format!("{pattern}: {error}"))?;
        self.patterns.insert(pattern.to_owned(), regex);
        Ok(())
    }

    /// Reads a schema before values come: its patterns are made, and every word of it is one of ours.
    fn learn(&mut self, schema: &Value) -> Result<(), String> {
        for (word, rule) in schema.as_object().ok_or("a schema is no object")? {
            match (word.as_str(), rule) {
                ("pattern", Value::String(pattern)) => self.add_pattern(pattern)?,
                ("format", Value::String(format)) if has_format(&Value::Null, format).is_some() => {}
                ("properties", Value::Object(schemas)) => schemas.values().try_for_each(|one| self.learn(one))?,
                ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => {
                    schemas.iter().try_for_each(|one| self.learn(one))?;
                }
                ("items" | "not" | "additionalProperties", Value::Object(_)) => self.learn(rule)?,
                ("additionalProperties", Value::Bool(_))
                | ("type", Value::String(_))
                | ("enum" | "required" | "x-kubernetes-validations", Value::Array(_))
                | ("minimum" | "maximum", Value::Number(_))
                | ("minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties", _)
                | ("x-kubernetes-list-type", _) => {}
                (word, _) if SILENT.contains(&word) => {}
                (word, rule) => return Err(format!("the schema's `{word}: {rule}` is not known here")),
            }
        }
        Ok(())
    }

    /// Checks a value and what is in it; a field that the schema does not have is a fault.
    fn structure(&self, schema: &Value, value: &Value, at: &str, checked: &mut Checked) {
        if value.is_null() {
            if schema["nullable"] != true {
                checked.fault(at, "null is no value here");
            }
            return;
        }
        self.words(schema, value, at, checked);
        let others = &schema["additionalProperties"];
        for (name, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match schema["properties"].get(name) {
                Some(schema) => self.structure(schema, value, &at, checked),
                None if others.is_object() => self.structure(others, value, &at, checked),
                None if *others == true || schema["x-kubernetes-preserve-unknown-fields"] == true => {}
                None => checked.fault(&at, "the schema has no such field"),
            }
        }
        for (i, value) in list(value).enumerate() {
            self.structure(&schema["items"], value, &format!("{at}/{i}"), checked);
        }
    }

    /// Whether a value is as a part of `oneOf`, `anyOf`, `allOf` or `not` has it. Such parts add no fields.
    fn holds(&self, schema: &Value, value: &Value) -> bool {
        let mut checked = Checked::default();
        self.words(schema, value, "", &mut checked);
        let fields = schema["properties"].as_object().into_iter().flatten();
        checked.faults.is_empty()
            && fields.filter_map(|(name, schema)| Some((schema, value.get(name)?))).all(|(s, v)| self.holds(s, v))
            && (schema["items"].is_null() || list(value).all(|item| self.holds(&schema["items"], item)))
    }

    /// Checks what a schema says of the value itself.
    fn words(&self, schema: &Value, value: &Value, at: &str, checked: &mut Checked) {
        for (word, rule) in schema.as_object().into_iter().flatten() {
            let schemas = || list(rule).filter(|schema| self.holds(schema, value)).count();
            let holds = match word.as_str() {
                "type" => has_type(value, rule.as_str().unwrap_or_default()),
                "format" => has_format(value, rule.as_str().unwrap_or_default()) == Some(true),
                "enum" => list(rule).any(|one| one == value),
                "minimum" => value.as_f64().zip(rule.as_f64()).is_none_or(|(value, least)| value >= least),
                "maximum" => value.as_f64().zip(rule.as_f64()).is_none_or(|(value, most)| value <= most),
                "minLength" => value.as_str().is_none_or(|text| at_least(text.chars().count(), rule)),
                "maxLength" => value.as_str().is_none_or(|text| at_most(text.chars().count(), rule)),
                "minItems" => value.as_array().is_none_or(|items| at_least(items.len(), rule)),
                "maxItems" => value.as_array().is_none_or(|items| at_most(items.len(), rule)),
                "minProperties" => value.as_object().is_none_or(|fields| at_least(fields.len(), rule)),
                "maxProperties" => value.as_object().is_none_or(|fields| at_most(fields.len(), rule)),
                "pattern" => value.as_str().is_none_or(|text| self.is_like(text, rule.as_str().unwrap_or_default())),
                "required" => {
                    let missing = |name: &&str| value.as_object().is_some_and(|fields| !fields.contains_key(*name));
                    let missing: Vec<&str> = list(rule).filter_map(Value::as_str).filter(missing).collect();
                    missing.iter().for_each(|name| checked.fault(at, &format!("`{name}` is missing")));
                    true
                }
                "oneOf" => schemas() == 1,
                "anyOf" => schemas() > 0,
                "allOf" => schemas() == list(rule).count(),
                "not" => !self.holds(rule, value),
                "x-kubernetes-list-type" => is_without_doubles(schema, rule.as_str().unwrap_or_default(), list(value)),
                "x-kubernetes-validations" => {
                    for one in list(rule) {
                        let said = one["message"].as_str().or(one["rule"].as_str()).unwrap_or_default();
                        checked.unasked.insert(said.lines().next().unwrap_or_default().to_owned());
                    }
                    true
                }
                _ => true,
            };
            if !holds {
                checked.fault(at, &short(&format!("`{word}: {rule}` does not hold for {value}")));
            }
        }
    }

    fn is_like(&self, text: &str, pattern: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|regex| regex.is_match(text))
    }

    fn metadata(&self, metadata: &Value, checked: &mut Checked) {
        let Some(fields) = metadata.as_object() else { return checked.fault("/metadata", "it is missing") };
        for name in fields.keys().filter(|name| !METADATA.contains(&name.as_str())) {
            checked.fault(&format!("/metadata/{name}"), "the schema has no such field");
        }
        if !fields.contains_key("name") && !fields.contains_key("generateName") {
            checked.fault("/metadata", "it has no name");
        }
        for (key, longest) in [("name", 253), ("namespace", 63)] {
            let Some(value) = fields.get(key) else { continue };
            if !value.as_str().is_some_and(|text| text.len() <= longest && self.is_like(text, NAME)) {
                checked.fault(&format!("/metadata/{key}"), &format!("{value} is no name"));
            }
        }
        let none = Map::new();
        for (key, is_label) in [("labels", true), ("annotations", false)] {
            let Some(value) = fields.get(key).filter(|value| !value.is_null()) else { continue };
            if !value.is_object() {
                checked.fault(&format!("/metadata/{key}"), "it is no mapping");
            }
            for (name, value) in value.as_object().unwrap_or(&none) {
                let is_fine = value.as_str().is_some_and(|text| !is_label || self.is_like(text, LABEL_VALUE));
                if !is_fine || !self.is_like(name, LABEL_KEY) {
                    checked.fault(&format!("/metadata/{key}/{name}"), &short(&format!("{value} can't stand here")));
                }
            }
        }
    }
}

impl Checked {
    fn fault(&mut self, at: &str, what: &str) {
        self.faults.insert(format!("{at}: {what}"));
    }
}

/// Adds what the server adds before it looks.
fn add_defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if let (false, Some(default)) = (fields.contains_key(name), schema.get("default")) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                add_defaults(schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]), value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| add_defaults(&schema["items"], item)),
        _ => {}
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn at_least(count: usize, rule: &Value) -> bool {
    rule.as_u64().is_some_and(|least| count as u64 >= least)
}

fn at_most(count: usize, rule: &Value) -> bool {
    rule.as_u64().is_some_and(|most| count as u64 <= most)
}

fn short(text: &str) -> String {
    if text.chars().count() > 200 { text.chars().take(200).chain("...".chars()).collect() } else { text.to_owned() }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Whether a value has a format; `None` for one that is not known here. Formats are about texts or numbers.
fn has_format(value: &Value, name: &str) -> Option<bool> {
    let text = |is: fn(&str) -> bool| value.as_str().is_none_or(is);
    Some(match name {
        "int32" => {
            value.as_i64().is_none_or(|number| i32::try_from(number).is_ok()) && !value.is_u64()
                || value.as_u64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        "int64" => value.as_u64().is_none_or(|number| i64::try_from(number).is_ok()),
        "double" => true,
        "byte" => text(|text| {
            let digits = text.trim_end_matches('=');
            text.len() % 4 == 0
                && text.len() - digits.len() < 3
                && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
        }),
        "date-time" => text(|text| {
            text.len() >= 20 && text.ends_with(|last: char| last == 'Z' || last.is_ascii_digit()) && text.contains('T')
        }),
        "ipv4" => text(|text| text.parse::<Ipv4Addr>().is_ok()),
        "ipv6" => text(|text| text.parse::<Ipv6Addr>().is_ok()),
        _ => return None,
    })
}

/// No two items of a set are the same, and no two of a map have the same keys.
fn is_without_doubles<'a>(schema: &Value, kind: &str, items: impl Iterator<Item = &'a Value>) -> bool {
    let keys: Vec<&str> = list(&schema["x-kubernetes-list-map-keys"]).filter_map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    let key = |item: &Value| -> String {
        if kind == "set" {
            return item.to_string();
        }
        let fields = &schema["items"]["properties"];
        keys.iter().map(|key| item.get(key).unwrap_or(&fields[key]["default"]).to_string() + "\n").collect()
    };
    kind == "atomic" || items.map(key).all(|key| seen.insert(key))
}
