//! The parameters of an Application: `spec.source.plugin.parameters`, which Argo CD passes on as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::source::Source;
use crate::config::Text;
use crate::spelling;

/// The variable that holds them.
pub(super) const VARIABLE: &str = "ARGOCD_APP_PARAMETERS";

/// In front of messages about them.
pub(super) const PLACE: &str = "the Application's parameters: ";

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    /// A text that is `true` or `false`.
    Flag,
    List,
    Map,
}

impl Shape {
    /// The field that Argo CD has for it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Shape::Text | Shape::Flag => "string",
            Shape::List => "array",
            Shape::Map => "map",
        }
    }
}

/// A parameter that there is.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// The only source that it is for.
    pub(super) source: Option<Source>,
    /// The key of the configuration that it is.
    pub(super) key: Option<&'static str>,
    pub(super) title: &'static str,
    pub(super) help: &'static str,
}

/// All parameters.
pub(super) const ALL: &[Parameter] = &[
    Parameter {
        name: "mode",
        shape: Shape::Text,
        source: None,
        key: Some("mode"),
        title: "Mode",
        help: "fix changes the manifests; check leaves them as they are and only reports",
    },
    Parameter {
        name: "rules",
        shape: Shape::List,
        source: None,
        key: None,
        title: "Rules",
        help: "only these rules, as --select; none for no rule at all",
    },
    Parameter {
        name: "ignore",
        shape: Shape::List,
        source: None,
        key: None,
        title: "Rules to leave out",
        help: "all rules but these, as --ignore",
    },
    Parameter {
        name: "unsafe",
        shape: Shape::Flag,
        source: None,
        key: Some("unsafe"),
        title: "Unsafe fixes",
        help: "true includes fixes that can break something outside the manifests",
    },
    Parameter {
        name: "fail-on",
        shape: Shape::Text,
        source: None,
        key: Some("failOn"),
        title: "Fail on",
        help: "error, warning or info: an open finding of this level or worse fails the sync",
    },
    Parameter {
        name: "profile",
        shape: Shape::Text,
        source: None,
        key: Some("profile"),
        title: "Profile",
        help: "which requirements: seed (the vendor's specification) or istio (Istio's own)",
    },
    Parameter {
        name: "options",
        shape: Shape::Map,
        source: None,
        key: None,
        title: "Options",
        help: "keys of meshfix.yaml below spec, with dots: rules.dns-ndots.explicit",
    },
    Parameter {
        name: "type",
        shape: Shape::Text,
        source: None,
        key: None,
        title: "Type",
        help: "helm, kustomize or directory; without it, what the folder shows",
    },
    Parameter {
        name: "allow-empty",
        shape: Shape::Flag,
        source: None,
        key: None,
        title: "Allow nothing",
        help: "true lets an application without any resource pass: Argo CD then deletes what was there",
    },
    Parameter {
        name: "values-files",
        shape: Shape::List,
        source: Some(Source::Helm),
        key: None,
        title: "Values files",
        help: "files of this repository beside the chart's own values.yaml, the last one winning",
    },
    Parameter {
        name: "values",
        shape: Shape::Text,
        source: Some(Source::Helm),
        key: None,
        title: "Values",
        help: "values as YAML, over the values files",
    },
    Parameter {
        name: "helm-parameters",
        shape: Shape::Map,
        source: Some(Source::Helm),
        key: None,
        title: "Helm parameters",
        help: "values by their paths, as --set",
    },
    Parameter {
        name: "helm-string-parameters",
        shape: Shape::Map,
        source: Some(Source::Helm),
        key: None,
        title: "Helm parameters that are strings",
        help: "values by their paths, as --set-string",
    },
    Parameter {
        name: "release-name",
        shape: Shape::Text,
        source: Some(Source::Helm),
        key: None,
        title: "Release name",
        help: "without it, the Application's name",
    },
    Parameter {
        name: "kustomize-options",
        shape: Shape::List,
        source: Some(Source::Kustomize),
        key: None,
        title: "Options of kustomize build",
        help: "as --reorder=none; those that run programs or read outside the folder are for the plugin's operator",
    },
];

/// Parameters by which an Application is known that can mean no other plugin. The others are words of many.
const OURS_ALONE: [&str; 6] = ["rules", "ignore", "unsafe", "fail-on", "profile", "allow-empty"];

/// Whether these parameters are for us, as far as their names tell.
pub(super) fn are_ours(text: &str) -> bool {
    let items: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let names: Vec<&str> = items.iter().filter_map(|item| item.get("name")?.as_str()).collect();
    names.iter().any(|name| OURS_ALONE.contains(name))
        && names.iter().all(|name| ALL.iter().any(|parameter| parameter.name == *name))
}

/// The parameters that an Application sets.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    set: BTreeMap<&'static str, Text>,
}

impl Parameters {
    /// Reads what Argo CD passes on; `null` and nothing stand for no parameters.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn read(text: &str) -> Result<Parameters, Vec<String>> {
        let value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).map_err(|error| vec![format!("{VARIABLE} is no JSON: {error}")])?,
        };
        let items = match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            _ => return Err(vec![format!("{VARIABLE} is no list of parameters")]),
        };
        let mut parameters = Parameters::default();
        let mut problems = Vec::new();
        for item in items.iter().filter(|item| !item.is_null()) {
            match one(item) {
                Ok((parameter, Some(_))) if parameters.set.contains_key(parameter.name) => {
                    problems.push(format!("{PLACE}`{}` stands twice; keep one", parameter.name));
                }
                Ok((parameter, Some(text))) => drop(parameters.set.insert(parameter.name, text)),
                Ok((_, None)) => {}
                Err(problem) => problems.push(format!("{PLACE}{problem}")),
            }
        }
        if problems.is_empty() { Ok(parameters) } else { Err(problems) }
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.set.get(name) {
            Some(Text::One(text)) => Some(text),
            _ => None,
        }
    }

    /// The items of a parameter.
    pub(super) fn list(&self, name: &str) -> &[String] {
        match self.set.get(name) {
            Some(Text::List(items)) => items,
            _ => &[],
        }
    }

    /// The entries of a parameter.
    pub(super) fn map(&self, name: &str) -> impl Iterator<Item = (&String, &String)> {
        let map = match self.set.get(name) {
            Some(Text::Map(map)) => Some(map),
            _ => None,
        };
        map.into_iter().flatten()
    }

    /// Whether a parameter is `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// What the Application says it is made with.
    pub(super) fn source(&self) -> Option<Source> {
        let word = self.text("type")?;
        Source::ALL.into_iter().find(|source| source.word() == word)
    }

    /// The keys of the configuration that they set.
    ///
    /// # Errors
    /// A key that is set in two ways.
    pub(super) fn keys(&self) -> Result<BTreeMap<String, Text>, Vec<String>> {
        let mut keys: BTreeMap<String, Text> =
            self.map("options").map(|(key, text)| (key.clone(), Text::One(text.clone()))).collect();
        for parameter in ALL {
            if let (Some(key), Some(text)) = (parameter.key, self.set.get(parameter.name))
                && keys.insert(key.to_owned(), text.clone()).is_some()
            {
                let name = parameter.name;
                return Err(vec![format!("{PLACE}`options` has `{key}`, and `{name}` is set too; keep one")]);
            }
        }
        Ok(keys)
    }
}

/// One parameter; without a value where it is not set.
fn one(item: &Value) -> Result<(&'static Parameter, Option<Text>), String> {
    let none = Map::new();
    let fields = item.as_object().unwrap_or(&none);
    let Some(name) = fields.get("name").and_then(Value::as_str) else {
        return Err("a parameter has no `name`".to_owned());
    };
    let Some(parameter) = ALL.iter().find(|parameter| parameter.name == name) else {
        let names = ALL.iter().map(|parameter| parameter.name);
        return Err(match spelling::nearest(name, names.clone()) {
            Some(near) => format!("there is no parameter `{name}`; did you mean `{near}`?"),
            None => format!("there is no parameter `{name}`; there are {}", names.collect::<Vec<_>>().join(", ")),
        });
    };
    let wanted = parameter.shape.field();
    let mut set = ["string", "array", "map"].iter().filter_map(|field| {
        let value = fields.get(*field).filter(|value| !value.is_null())?;
        Some((*field, value))
    });
    let (field, value) = match (set.next(), set.next()) {
        (None, _) => return Ok((parameter, None)),
        (Some(first), None) => first,
        (Some((first, _)), Some((second, _))) => {
            return Err(format!("`{name}` has both `{first}` and `{second}`; it takes `{wanted}` alone"));
        }
    };
    if field != wanted {
        return Err(format!("`{name}` is set as `{field}`, and it takes {}", example(parameter)));
    }
    let text =
        text(value).ok_or_else(|| format!("`{name}` holds more than strings; it takes {}", example(parameter)))?;
    let is_set = match &text {
        Text::One(text) => !text.is_empty(),
        Text::List(items) => !items.is_empty(),
        Text::Map(map) => !map.is_empty(),
    };
    check(parameter, &text)?;
    Ok((parameter, Some(text).filter(|_| is_set)))
}

/// Words that only we know.
fn check(parameter: &Parameter, text: &Text) -> Result<(), String> {
    let Text::One(word) = text else { return Ok(()) };
    let words: &[&str] = match (parameter.name, parameter.shape) {
        (_, Shape::Flag) => &["true", "false"],
        ("type", _) => &["helm", "kustomize", "directory"],
        _ => return Ok(()),
    };
    if word.is_empty() || words.contains(&word.as_str()) {
        return Ok(());
    }
    let name = parameter.name;
    Err(format!(
        "`{name}` must be {}, not `{word}`",
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
    ))
}

fn text(value: &Value) -> Option<Text> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(items) => items.iter().map(string).collect::<Option<_>>().map(Text::List),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| Some((key.clone(), string(value)?)));
            entries.collect::<Option<_>>().map(Text::Map)
        }
        value => string(value).map(Text::One),
    }
}

fn example(parameter: &Parameter) -> &'static str {
    match parameter.shape {
        Shape::Text => "a string, as in `string: text`",
        Shape::Flag => "a string that is true or false, as in `string: \"true\"`",
        Shape::List => "an array of strings, as in `array: [one, two]`",
        Shape::Map => "a map of strings, as in `map: {name: \"value\"}`",
    }
}
