//! A validator for the words of JSON Schema that `docs/report.schema.json` and `docs/meshfix.schema.json` use. Any other
//! word is a failure.

use serde_json::Value;

/// What in `value` is not as `schema` has it; `root` is the whole schema.
pub(crate) fn validate(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{at}: {what}"));
    let Value::Object(words) = schema else { return fault("the schema is no object".to_owned()) };
    let mut inner: Vec<(&Value, &Value, String)> = Vec::new();
    for (word, rule) in words {
        match word.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap_or_default().trim_start_matches('#');
                match root.pointer(pointer) {
                    Some(target) => inner.push((target, value, at.to_owned())),
                    None => fault(format!("nothing at {pointer}")),
                }
            }
            "type" => {
                let wanted: Vec<&str> = match rule {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    name => name.as_str().into_iter().collect(),
                };
                if !wanted.iter().any(|name| has_type(value, name)) {
                    fault(format!("{value} is not {wanted:?}"));
                }
            }
            "const" if value == rule => {}
            "const" => fault(format!("{value} is not {rule}")),
            "enum" if rule.as_array().is_some_and(|values| values.contains(value)) => {}
            "enum" => fault(format!("{value} is none of {rule}")),
            "minimum" => {
                if value.as_i64().zip(rule.as_i64()).is_some_and(|(value, least)| value < least) {
                    fault(format!("{value} is less than {rule}"));
                }
            }
            "maximum" => {
                if value.as_i64().zip(rule.as_i64()).is_some_and(|(value, most)| value > most) {
                    fault(format!("{value} is more than {rule}"));
                }
            }
            "not" => {
                let mut faults = Vec::new();
                validate(root, rule, value, at, &mut faults);
                if faults.is_empty() {
                    fault(format!("{value} is {rule}"));
                }
            }
            "anyOf" => {
                let holds = |schema: &Value| {
                    let mut faults = Vec::new();
                    validate(root, schema, value, at, &mut faults);
                    faults.is_empty()
                };
                if !rule.as_array().into_iter().flatten().any(holds) {
                    fault(format!("{value} is none of {rule}"));
                }
            }
            "propertyNames" => {
                let mut own = Vec::new();
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    validate(root, rule, &Value::from(name.as_str()), at, &mut own);
                }
                own.into_iter().for_each(&mut fault);
            }
            "minItems" => {
                if value.as_array().zip(rule.as_u64()).is_some_and(|(items, least)| (items.len() as u64) < least) {
                    fault(format!("fewer than {rule} items"));
                }
            }
            "pattern" => {
                if let Some(text) = value.as_str()
                    && !matches(rule.as_str().unwrap_or_default(), text)
                {
                    fault(format!("{text:?} is not like {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.as_object().is_some_and(|object| !object.contains_key(name)) {
                        fault(format!("`{name}` is not there"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        inner.push((schema, value, format!("{at}/{name}")));
                    }
                }
            }
            "additionalProperties" if rule.is_object() => {
                assert!(!words.contains_key("properties"), "not both are known here");
                for (name, value) in value.as_object().into_iter().flatten() {
                    inner.push((rule, value, format!("{at}/{name}")));
                }
            }
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false), "the only other form that is known here");
                let known = words.get("properties").and_then(Value::as_object);
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        fault(format!("`{name}` is not in the schema"));
                    }
                }
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    inner.push((rule, item, format!("{at}/{i}")));
                }
            }
            other => fault(format!("the schema's word `{other}` is not known here")),
        }
    }
    for (schema, value, at) in inner {
        validate(root, schema, value, &at, faults);
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Whether a text has the pattern, as editors read it. The one that looks ahead is no regular expression.
fn matches(pattern: &str, text: &str) -> bool {
    if pattern == "^(?!/)(?!(.*/)?\\.\\.(/|$))." {
        return !text.is_empty() && !text.starts_with('/') && !text.split('/').any(|part| part == "..");
    }
    let pattern = regex_automata::meta::Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.is_match(text)
}
