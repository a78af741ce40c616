//! What a key of the configuration is. The reader, the JSON Schema and the documentation are made from the same keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::read::Reader;
use super::schema::{Known, Row};
use super::strings::Text;
use super::{Safety, Version};

/// One key: its name, its type with the place that its value goes to, what holds without it, and its meaning.
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    pub(super) is: Is<T>,
    pub(super) without: Without,
    pub(super) help: &'static str,
}

/// What holds where a key is not written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Without {
    /// This value, as JSON.
    Default(&'static str),
    /// No value, and what that means.
    Unset(&'static str),
    /// The key must be written.
    Required,
}

/// The type of a value, and where the value goes.
pub(super) enum Is<T: 'static> {
    Flag(fn(&mut T, bool)),
    Number(&'static Numbers, fn(&mut T, i64)),
    NumberList(&'static Numbers, fn(&mut T, Vec<i64>)),
    /// One of a few words.
    Word(&'static [Word<T>]),
    Text(&'static Texts, fn(&mut T, String)),
    TextList(&'static Texts, fn(&mut T, Vec<String>)),
    Version(fn(&mut T, Version)),
    /// Names of rules, the user's own included.
    Rules(fn(&mut T, Vec<String>)),
    /// The same, or the word for no rule at all.
    Selection(fn(&mut T, Vec<String>)),
    /// Folders by name.
    Folders(fn(&mut T, BTreeMap<String, String>)),
    /// A port for a port.
    PortMap(fn(&mut T, BTreeMap<u16, u16>)),
    /// Texts by name, each of these kinds.
    TextMap(&'static Texts, &'static Texts, fn(&mut T, BTreeMap<String, String>)),
    /// A port by name.
    PortByName(&'static Texts, fn(&mut T, BTreeMap<String, u16>)),
    /// Labels that must be equal, as one text.
    Labels(fn(&mut T, BTreeMap<String, String>)),
    /// A JSON Patch.
    Patch(fn(&mut T, json_patch::Patch)),
    /// Options of rules, by rule.
    RuleOptions(fn(&mut T) -> &mut super::Options),
    /// Keys of its own.
    Part(&'static dyn Part<T>),
}

/// A word, and what it stands for.
pub(super) type Word<T> = (&'static str, fn(&mut T));

/// Which numbers a key takes.
pub(super) struct Numbers {
    pub(super) from: i64,
    pub(super) to: i64,
    /// Numbers between them that it does not take, and why.
    pub(super) but: Option<(i64, i64, &'static str)>,
}

/// Which texts a key takes.
pub(super) struct Texts {
    /// What they are, for messages and documentation: "a version like `1.30`".
    pub(super) what: &'static str,
    /// The same as a regular expression, for editors.
    pub(super) pattern: &'static str,
    pub(super) accepts: fn(&str) -> bool,
}

/// A mapping, or a list of mappings, with keys of its own that fill a part of `T`.
pub(super) trait Part<T>: Sync {
    /// Reads the value into its part.
    fn read(&self, reader: &mut Reader<'_>, value: &Value, into: &mut T);
    /// The value that a text stands for, at a path below.
    fn typed(&self, path: &[&str], text: &Text) -> Value;
    /// The JSON Schema of the value.
    fn schema(&self, known: Known<'_>) -> Value;
    /// The keys for the documentation, below the key `at`.
    fn rows(&self, at: &str, rows: &mut Vec<Row>);
}

/// A mapping that fills one part.
pub(super) struct One<T: 'static, U: 'static> {
    pub(super) keys: &'static [Key<U>],
    pub(super) part: fn(&mut T) -> &mut U,
}

/// A list of mappings, each a new part.
pub(super) struct Many<T: 'static, U: 'static> {
    pub(super) keys: &'static [Key<U>],
    pub(super) new: fn() -> U,
    pub(super) add: fn(&mut T, U),
}

/// The key that each rule has beside its options.
pub(super) const SAFETY: Key<Option<Safety>> = Key {
    name: "safety",
    is: Is::Word(&[
        ("safe", |safety| *safety = Some(Safety::Safe)),
        ("unsafe", |safety| *safety = Some(Safety::Unsafe)),
    ]),
    without: Without::Unset("as each fix says"),
    help: "how safe the rule's fixes are for you; a fix of a Pod or a Job stays unsafe, the API server refuses it",
};
