//! The JSON Schema of a configuration and the table of its keys, made from the keys that it is read with.

use serde_json::{Map, Value, json};

use super::key::{Is, Key, Numbers, SAFETY, Texts, Without};
use super::keys::{INSIDE, RULE_NAME, SPEC, TEXT};
use super::read::{API_VERSION, KIND};
use super::rule_keys::RULES;

/// The names of all rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) rules: &'a [&'a str],
}

/// One key in the documentation.
pub(super) struct Row {
    name: String,
    kind: String,
    without: Without,
    help: &'static str,
}

/// The JSON Schema (draft 7, which editors know best) of a configuration. `rules` are the names of all rules.
pub fn schema(rules: &[&str]) -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://meshfix.dev/meshfix.schema.json",
        "title": "meshfix configuration",
        "description": "What meshfix requires and changes: the file meshfix.yaml.",
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"description": "The version of this shape.", "const": API_VERSION},
            "kind": {"description": "The kind of this file.", "const": KIND},
            "metadata": {"description": "Taken, and ignored.", "type": ["object", "null"]},
            "spec": mapping(SPEC, Known { rules }),
        }
    })
}

/// The table of all keys, in Markdown. `rules` are the names of all rules.
pub fn table(rules: &[&str]) -> String {
    let mut keys = Vec::new();
    rows(SPEC, "", &mut keys);
    row(&SAFETY, "rules.<rule>", &mut keys);
    for (rule, options) in RULES.iter().filter(|(rule, _)| rules.contains(rule)) {
        options.rows(&format!("rules.{rule}"), &mut keys);
    }
    let mut table = "| key below `spec` | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for row in keys {
        let without = match row.without {
            Without::Default(json) => format!("`{}`", json.trim_matches('"')),
            Without::Unset(meaning) => meaning.to_owned(),
            Without::Required => "required".to_owned(),
        };
        table.push_str(&format!("| `{}` | {} | {without} | {} |\n", row.name, row.kind, row.help));
    }
    table
}

/// A mapping with these keys. A mapping without entries is null in YAML.
pub(super) fn mapping<T>(keys: &'static [Key<T>], known: Known<'_>) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key, known))).collect();
    let required: Vec<&str> =
        keys.iter().filter(|key| matches!(key.without, Without::Required)).map(|key| key.name).collect();
    let mut schema = json!({"type": ["object", "null"], "additionalProperties": false});
    if !required.is_empty() {
        schema["type"] = json!("object");
        schema["required"] = json!(required);
    }
    schema["properties"] = properties.into();
    schema
}

fn property<T>(key: &Key<T>, known: Known<'_>) -> Value {
    let mut schema = json!({"description": sentence(key.help)});
    match key.without {
        Without::Default(json) => schema["default"] = serde_json::from_str(json).unwrap_or_default(),
        Without::Unset(meaning) => schema["description"] = format!("{} Default: {meaning}.", sentence(key.help)).into(),
        Without::Required => {}
    }
    let Value::Object(kind) = key.is.schema(known) else { return schema };
    for (word, value) in kind {
        schema[word] = value;
    }
    schema
}

fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

pub(super) fn rows<T>(keys: &'static [Key<T>], at: &str, rows: &mut Vec<Row>) {
    keys.iter().for_each(|key| row(key, at, rows));
}

fn row<T>(key: &Key<T>, at: &str, rows: &mut Vec<Row>) {
    let name = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
    match &key.is {
        // What follows says it all.
        Is::RuleOptions(_) => {}
        is => rows.push(Row { name: name.clone(), kind: is.kind(), without: key.without, help: key.help }),
    }
    if let Is::Part(part) = &key.is {
        part.rows(&name, rows);
    }
}

impl<T> Is<T> {
    /// The type in words.
    fn kind(&self) -> String {
        let one_of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        };
        match self {
            Is::Flag(_) => "boolean".to_owned(),
            Is::Number(numbers, _) => format!("number{}", range(numbers)),
            Is::NumberList(numbers, _) => format!("list of numbers{}", range(numbers)),
            Is::Word(words) => one_of(&words.iter().map(|(word, _)| *word).collect::<Vec<_>>()),
            Is::Text(texts, _) if texts.what == TEXT.what => "text".to_owned(),
            Is::Text(texts, _) => texts.what.to_owned(),
            Is::TextList(texts, _) => format!("list; each {}", texts.what),
            Is::Version(_) => "a version like `\"1.30\"`".to_owned(),
            Is::Rules(_) | Is::Selection(_) => "list of rules".to_owned(),
            Is::Folders(_) => "folders by name, each below that of the configuration".to_owned(),
            Is::PortMap(_) => "a port for each port".to_owned(),
            Is::TextMap(names, texts, _) => format!("by {}: {}", names.what, texts.what),
            Is::PortByName(names, _) => format!("a port by {}", names.what),
            Is::Labels(_) => "labels like `app=web,tier=front`".to_owned(),
            Is::Patch(_) => "list of JSON Patch operations".to_owned(),
            Is::RuleOptions(_) => "options by rule".to_owned(),
            Is::Part(part) => match part.schema(Known { rules: &[] })["items"] {
                Value::Null => "mapping".to_owned(),
                _ => "list of mappings".to_owned(),
            },
        }
    }

    fn schema(&self, known: Known<'_>) -> Value {
        match self {
            Is::Flag(_) => json!({"type": "boolean"}),
            Is::Number(numbers, _) => number(numbers),
            Is::NumberList(numbers, _) => json!({"type": "array", "items": number(numbers)}),
            Is::Word(words) => {
                let mut values: Vec<Value> = words.iter().map(|(word, _)| json!(word)).collect();
                // YAML 1.1 reads these words as booleans.
                if words.iter().any(|(word, _)| *word == "on") {
                    values.extend([json!(true), json!(false)]);
                }
                json!({"enum": values})
            }
            Is::Text(texts, _) => text(texts),
            Is::TextList(texts, _) => json!({"type": "array", "items": text(texts)}),
            Is::Version(_) => json!({"type": "string", "pattern": VERSION}),
            // `none` is written as a rule's name is.
            Is::Rules(_) | Is::Selection(_) => {
                let own = json!({"type": "string", "pattern": RULE_NAME.pattern});
                json!({"type": "array", "items": {"anyOf": [{"enum": known.rules}, own]}})
            }
            Is::Folders(_) => json!({
                "type": ["object", "null"],
                "additionalProperties": {"type": "string", "pattern": INSIDE},
            }),
            Is::PortMap(_) => json!({
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[1-9][0-9]{0,4}$"},
                "additionalProperties": number(&Numbers { from: 1, to: 65_535, but: None }),
            }),
            Is::TextMap(names, texts, _) => json!({
                "type": ["object", "null"],
                "propertyNames": {"pattern": names.pattern},
                "additionalProperties": text(texts),
            }),
            Is::PortByName(names, _) => json!({
                "type": ["object", "null"],
                "propertyNames": {"pattern": names.pattern},
                "additionalProperties": number(&Numbers { from: 1, to: 65_535, but: None }),
            }),
            Is::Labels(_) => json!({"type": "string", "pattern": "^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$"}),
            Is::Patch(_) => patch(),
            Is::RuleOptions(_) => rule_options(known),
            Is::Part(part) => part.schema(known),
        }
    }
}

/// Versions, as editors check them.
const VERSION: &str = "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?$";

fn range(numbers: &Numbers) -> String {
    let but = match numbers.but {
        Some((from, to, _)) if from == to => format!(", not {from}"),
        Some((from, to, _)) => format!(", not {from} to {to}"),
        None => String::new(),
    };
    format!(" from {} to {}{but}", numbers.from, numbers.to)
}

fn number(numbers: &Numbers) -> Value {
    let mut schema = json!({"type": "integer", "minimum": numbers.from, "maximum": numbers.to});
    if let Some((from, to, _)) = numbers.but {
        schema["not"] = json!({"minimum": from, "maximum": to});
    }
    schema
}

fn text(texts: &Texts) -> Value {
    let mut schema = json!({"type": "string"});
    if !texts.pattern.is_empty() {
        schema["pattern"] = texts.pattern.into();
    }
    schema
}

fn rule_options(known: Known<'_>) -> Value {
    let safety = property(&SAFETY, known);
    let options = |rule: &&str| {
        let own = RULES.iter().find(|(name, _)| name == rule);
        let mut schema = match own {
            Some((_, part)) => part.schema(known),
            None => mapping::<()>(&[], known),
        };
        schema["description"] = format!("Options of the rule {rule}.").into();
        schema["properties"][SAFETY.name] = safety.clone();
        ((*rule).to_owned(), schema)
    };
    let properties: Map<String, Value> = known.rules.iter().map(options).collect();
    json!({"type": ["object", "null"], "additionalProperties": false, "properties": properties})
}

/// RFC 6902.
fn patch() -> Value {
    let pointer = "^(/|$)";
    json!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["op", "path"],
            "properties": {
                "op": {"description": "The operation.", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"description": "Where: a JSON Pointer like /spec/replicas.", "type": "string",
                    "pattern": pointer},
                "from": {"description": "Where the value of a move or a copy comes from.", "type": "string",
                    "pattern": pointer},
                "value": {"description": "The value of an add, a replace or a test."},
            }
        }
    })
}
