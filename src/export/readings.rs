//! What kustomize reads otherwise than kubectl, which reads YAML 1.1.

use std::collections::BTreeSet;

use crate::manifest::Field;
use crate::yaml::{self, Kind, Typed};

/// The places of a resource that kustomize reads otherwise.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// `yes`, `off` and their like, which are strings to kustomize: their places as JSON Pointers.
    pub(super) words: BTreeSet<String>,
    /// Strings in quotes.
    pub(super) quoted: BTreeSet<String>,
    /// True when a key of a mapping is no string, such as a port: kustomize has no JSON for such a resource.
    pub(super) has_other_keys: bool,
}

impl Readings {
    /// Those of the resource with this top node.
    pub(super) fn of(root: Field<'_>) -> Self {
        let mut readings = Readings::default();
        readings.read(root, &mut String::new());
        readings
    }

    fn read(&mut self, field: Field<'_>, path: &mut String) {
        let length = path.len();
        if field.kind().is_mapping() {
            for (key, value) in field.entries() {
                self.has_other_keys |= yaml::type_of_plain(&key) != Typed::Str;
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                self.read(value, path);
                path.truncate(length);
            }
        } else if field.kind().is_sequence() {
            for (i, item) in field.items().enumerate() {
                path.push_str(&format!("/{i}"));
                self.read(item, path);
                path.truncate(length);
            }
        } else if matches!(field.kind(), Kind::SingleQuoted | Kind::DoubleQuoted) {
            self.quoted.insert(path.clone());
        } else if field.as_bool().is_some() {
            let text = field.text().unwrap_or_default();
            if !["true", "false"].contains(&text.to_lowercase().as_str()) {
                self.words.insert(path.clone());
            }
        }
    }
}
