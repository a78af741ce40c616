//! Reads a configuration, and says everything that is wrong with it, each with its place.

use std::fmt;

use serde_json::{Map, Value};

use super::key::{Key, Many, One, Part, SAFETY, Without};
use super::keys::SPEC;
use super::rule_keys::RULES;
use super::schema::{Known, Row};
use super::strings::Text;
use super::{Config, Options};
use crate::spelling::nearest;
use crate::text::{LineIndex, Position, Span};
use crate::yaml::{self, Node};

/// The only `apiVersion` that is read.
pub const API_VERSION: &str = "meshfix.dev/v1alpha1";

/// The `kind` of a configuration.
pub const KIND: &str = "MeshFix";

/// Something that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, if it was read from a text.
    pub at: Option<Position>,
    /// What, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{at}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Reads the text of a `meshfix.yaml`. `rules` are the names of all rules that there are.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn read(text: &str, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    read_text(text, rules, &[])
}

/// Reads the configuration of a legacy plugin of kustomize, which has its arguments beside `spec`.
///
/// # Errors
/// As [`read`].
pub fn read_plugin(text: &str, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    read_text(text, rules, &["argsOneLiner", "argsFromFile"])
}

fn read_text(text: &str, rules: &[&str], beside: &'static [&'static str]) -> Result<Config, Vec<Problem>> {
    let index = LineIndex::new(text);
    let problem = |at: Span, message: String| Problem { at: Some(index.position(text, at.start)), message };
    let whole: std::sync::Arc<str> = text.into();
    let mut documents = Vec::new();
    for slice in yaml::slices(&whole) {
        match yaml::parse(&whole, slice) {
            Ok(document) => documents.extend(document),
            Err(error) => return Err(vec![problem(error.at, error.to_string())]),
        }
    }
    match documents.as_slice() {
        [document] => read_below(document.root(), rules, beside),
        [] => Err(vec![problem(Span::empty(0), format!("it is empty; {START}"))]),
        [_, second, ..] => {
            Err(vec![problem(second.root().span(), "a configuration is one document; this is a second one".to_owned())])
        }
    }
}

/// Reads a configuration that is a part of another document, as a functionConfig is.
///
/// # Errors
/// As [`read`].
pub fn read_node(node: Node<'_>, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    read_below(node, rules, &[])
}

fn read_below(node: Node<'_>, rules: &[&str], beside: &'static [&'static str]) -> Result<Config, Vec<Problem>> {
    let text = node.document().text();
    let index = LineIndex::new(text);
    let problem = |at: u32, message: String| Problem { at: Some(index.position(text, at)), message };
    let value = node.value().map_err(|error| vec![problem(node.span().start, error.to_string())])?;
    let twice = node.duplicate_keys().into_iter();
    let twice = twice.map(|(key, at)| (at.start, format!("the key `{key}` stands twice in this mapping; keep one")));
    let (config, faults) = Reader { beside, ..Reader::new(&value, rules) }.run(&value);
    let place = |fault: Fault| (fault.place(node), fault.message);
    let mut faults: Vec<(u32, String)> = faults.into_iter().map(place).chain(twice).collect();
    if faults.is_empty() {
        return Ok(config);
    }
    faults.sort();
    Err(faults.into_iter().map(|(at, message)| problem(at, message)).collect())
}

/// Reads a configuration that has no text.
///
/// # Errors
/// Everything that is wrong; none of it has a place.
pub fn read_value(value: &Value, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    let (config, faults) = Reader::new(value, rules).run(value);
    if faults.is_empty() {
        return Ok(config);
    }
    Err(faults.into_iter().map(|fault| Problem { at: None, message: fault.message }).collect())
}

/// What every configuration starts with.
const START: &str = "a configuration starts with `apiVersion: meshfix.dev/v1alpha1` and `kind: MeshFix`";

/// A problem by its path.
struct Fault {
    path: Vec<String>,
    /// It is about the key at the path, not about its value.
    is_key: bool,
    message: String,
}

impl Fault {
    /// The byte that it stands at. What has no node of its own stands where the nearest one above does.
    fn place(&self, root: Node<'_>) -> u32 {
        let parts = (0..=self.path.len()).rev();
        let found = parts.map(|length| (length, root.pointer(&self.path[..length])));
        let (length, node) = found.into_iter().find_map(|(length, node)| Some((length, node?))).unwrap_or((0, root));
        if self.is_key && length == self.path.len() { node.entry_span().start } else { node.span().start }
    }
}

/// A reading of one configuration.
pub(super) struct Reader<'a> {
    known: Known<'a>,
    /// Names of the user's own rules.
    own: Vec<&'a str>,
    path: Vec<String>,
    faults: Vec<Fault>,
    /// Keys beside `spec` that are another program's.
    beside: &'static [&'static str],
}

impl<'a> Reader<'a> {
    fn new(value: &'a Value, rules: &'a [&'a str]) -> Self {
        let transforms = value.pointer("/spec/transforms").and_then(Value::as_array).into_iter().flatten();
        let own = transforms.filter_map(|transform| transform.get("id")?.as_str()).collect();
        Reader { known: Known { rules }, own, path: Vec::new(), faults: Vec::new(), beside: &[] }
    }

    fn run(mut self, value: &Value) -> (Config, Vec<Fault>) {
        let mut config = Config::default();
        if let Some(top) = self.mapping(value)
            && self.is_ours(top)
        {
            for (name, value) in top {
                match name.as_str() {
                    "apiVersion" | "kind" | "metadata" => {}
                    name if self.beside.contains(&name) => {}
                    "spec" => self.within(name, |reader| reader.keys(SPEC, value, &mut config)),
                    name if SPEC.iter().any(|key| key.name == name) => {
                        self.key_fault(name, format!("`{name}` belongs below `spec`"));
                    }
                    name => self.unknown(name, ["apiVersion", "kind", "metadata", "spec"].into_iter()),
                }
            }
            super::check::check(&config, &mut self);
        }
        (config, self.faults)
    }

    /// Whether the head says that this is a configuration of a version that is known.
    fn is_ours(&mut self, top: &Map<String, Value>) -> bool {
        for (key, wanted) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            match top.get(key) {
                None | Some(Value::Null) => {
                    self.fault(format!("`{key}` is missing; {START}"));
                    return false;
                }
                Some(Value::String(text)) if text == wanted => {}
                Some(other) => {
                    let message = format!("`{key}` must be `{wanted}`, not {}", describe(other));
                    self.within(key, |reader| reader.fault(message));
                    return false;
                }
            }
        }
        true
    }

    /// Whether a list of rules may hold the name: one of meshfix, or of the user.
    pub(super) fn is_rule(&self, name: &str) -> bool {
        self.is_built_in(name) || self.own.contains(&name)
    }

    pub(super) fn is_built_in(&self, name: &str) -> bool {
        self.known.rules.contains(&name)
    }

    /// Reads what stands below a key or an index.
    pub(super) fn within(&mut self, part: &str, read: impl FnOnce(&mut Self)) {
        self.path.push(part.to_owned());
        read(self);
        self.path.pop();
    }

    /// The value here is wrong.
    pub(super) fn fault(&mut self, message: String) {
        self.faults.push(Fault { path: self.path.clone(), is_key: false, message });
    }

    /// The value here must be something else.
    pub(super) fn must(&mut self, what: &str, value: &Value) {
        self.fault(format!("`{}` must be {what}, not {}", self.name(), describe(value)));
    }

    /// The key below here is wrong.
    fn key_fault(&mut self, key: &str, message: String) {
        let path = self.path.iter().cloned().chain([key.to_owned()]).collect();
        self.faults.push(Fault { path, is_key: true, message });
    }

    fn unknown<'k>(&mut self, key: &str, known: impl Iterator<Item = &'k str> + Clone) {
        let place = match self.name() {
            name if name.is_empty() => String::new(),
            name => format!(" in `{name}`"),
        };
        let message = format!("there is no key `{key}`{place}; {}", hint(key, known));
        self.key_fault(key, message);
    }

    /// The path from `spec`, as users write it: `rules.proxy-uid.replacement`, `ignores[0].reason`.
    pub(super) fn name(&self) -> String {
        let below = if self.path.len() > 1 && self.path[0] == "spec" { &self.path[1..] } else { &self.path[..] };
        below.iter().fold(String::new(), |name, part| match part.parse::<usize>() {
            Ok(index) => format!("{name}[{index}]"),
            Err(_) if name.is_empty() => part.clone(),
            Err(_) => format!("{name}.{part}"),
        })
    }

    /// The entries of a mapping; none, and nothing wrong, for null.
    pub(super) fn mapping<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(map) => Some(map),
            Value::Null if !self.path.is_empty() => None,
            other if self.path.is_empty() => {
                self.fault(format!("it is {}, not a configuration; {START}", describe(other)));
                None
            }
            other => {
                self.must("a mapping", other);
                None
            }
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn list<'v>(&mut self, what: &str, value: &'v Value) -> &'v [Value] {
        match value {
            Value::Array(items) => items,
            other => {
                self.must(&format!("a list of {what}"), other);
                &[]
            }
        }
    }

    /// Reads a mapping with these keys. A key without a value counts as not written.
    pub(super) fn keys<T>(&mut self, keys: &'static [Key<T>], value: &Value, into: &mut T) {
        let none = Map::new();
        let map = match value {
            Value::Null => &none,
            value => match self.mapping(value) {
                Some(map) => map,
                None => return,
            },
        };
        for (name, value) in map {
            match keys.iter().find(|key| key.name == name) {
                Some(_) if value.is_null() => {}
                Some(key) => self.within(name, |reader| key.is.read(reader, value, into)),
                None => self.unknown(name, keys.iter().map(|key| key.name)),
            }
        }
        let is_missing =
            |key: &&Key<T>| matches!(key.without, Without::Required) && map.get(key.name).is_none_or(Value::is_null);
        for key in keys.iter().filter(is_missing) {
            self.fault(format!("`{}` needs `{}`: {}", self.name(), key.name, key.help));
        }
    }

    /// Reads the options of all rules.
    pub(super) fn rules(&mut self, value: &Value, options: &mut Options) {
        for (rule, value) in self.mapping(value).into_iter().flatten() {
            if !self.is_built_in(rule) {
                let message = match self.own.contains(&rule.as_str()) {
                    true => format!("`{rule}` is a rule of your own: say its `level` and `safety` in `transforms`"),
                    false => format!("there is no rule `{rule}`; {}", hint(rule, self.known.rules.iter().copied())),
                };
                self.key_fault(rule, message);
                continue;
            }
            let own = RULES.iter().find(|(name, _)| name == rule);
            let mut safety = None;
            let mut value = value.clone();
            if let Some(map) = value.as_object_mut()
                && let Some(word) = map.shift_remove(SAFETY.name)
                && !word.is_null()
            {
                self.within(rule, |reader| {
                    reader.within(SAFETY.name, |reader| SAFETY.is.read(reader, &word, &mut safety));
                });
            }
            if let Some(safety) = safety {
                options.safety.insert(rule.clone(), safety);
            }
            self.within(rule, |reader| match own {
                Some((_, part)) => part.read(reader, &value, options),
                None => {
                    let names = [SAFETY.name];
                    let unknown: Vec<&String> = reader.mapping(&value).into_iter().flat_map(Map::keys).collect();
                    unknown.into_iter().for_each(|key| reader.unknown(key, names.into_iter()));
                }
            });
        }
    }

    /// An unknown name of a rule in a list.
    pub(super) fn unknown_rule(&mut self, name: &str) {
        let known: Vec<&str> = self.known.rules.iter().copied().chain(self.own.iter().copied()).collect();
        self.fault(format!("there is no rule `{name}`; {}", hint(name, known.into_iter())));
    }
}

impl<T, U> Part<T> for One<T, U> {
    fn read(&self, reader: &mut Reader<'_>, value: &Value, into: &mut T) {
        reader.keys(self.keys, value, (self.part)(into));
    }

    fn typed(&self, path: &[&str], text: &Text) -> Value {
        super::strings::typed(self.keys, path, text)
    }

    fn schema(&self, known: Known<'_>) -> Value {
        super::schema::mapping(self.keys, known)
    }

    fn rows(&self, at: &str, rows: &mut Vec<Row>) {
        super::schema::rows(self.keys, at, rows);
    }
}

impl<T, U> Part<T> for Many<T, U> {
    fn read(&self, reader: &mut Reader<'_>, value: &Value, into: &mut T) {
        for (i, item) in reader.list("mappings", value).iter().enumerate() {
            let mut part = (self.new)();
            reader.within(&i.to_string(), |reader| reader.keys(self.keys, item, &mut part));
            (self.add)(into, part);
        }
    }

    fn typed(&self, path: &[&str], text: &Text) -> Value {
        super::strings::any(path, text)
    }

    fn schema(&self, known: Known<'_>) -> Value {
        serde_json::json!({"type": "array", "items": super::schema::mapping(self.keys, known)})
    }

    fn rows(&self, at: &str, rows: &mut Vec<Row>) {
        super::schema::rows(self.keys, &format!("{at}[]"), rows);
    }
}

/// What may have been meant: the nearest word, or all words where none is near and there are few.
pub(super) fn hint<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", and(known)),
    }
}

/// `a`, `b` and `c`.
fn and<'k>(words: impl Iterator<Item = &'k str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A value in words. Long text is cut.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            let shown: String = text.chars().take(60).collect();
            format!("the string {}", Value::String(if shown.len() < text.len() { shown + "…" } else { shown }))
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
