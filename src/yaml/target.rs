//! What is to happen at one node: operations that agree, joined.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

/// Everything that is to happen at one written node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Target {
    pub(super) set: Option<Value>,
    pub(super) splices: Vec<(Range<usize>, String)>,
    pub(super) removed: bool,
    pub(super) keys: Vec<NewKey>,
    /// Items to insert, by the index in front of which they stand; the length means the end.
    pub(super) items: BTreeMap<usize, Vec<Value>>,
}

impl Target {
    /// The new entries or items as a collection of their own; `None` when there are none.
    pub(super) fn content(&self) -> Option<Value> {
        if !self.keys.is_empty() {
            return Some(self.keys.iter().map(|key| (key.name.clone(), key.value.clone())).collect());
        }
        (!self.items.is_empty()).then(|| self.items.values().flatten().cloned().collect())
    }

    /// Takes what `new` says, too; false, and unchanged, where they disagree. The same operation twice is one.
    pub(super) fn merge(&mut self, new: Target) -> bool {
        if *self == Target::default() {
            *self = new;
            return true;
        }
        if new.set.is_some() || new.removed || self.set.is_some() || self.removed {
            let same = self.set == new.set && self.removed == new.removed;
            return same && new.keys.is_empty() && new.items.is_empty() && new.splices.is_empty();
        }
        let meets = |range: &Range<usize>, text: &str| {
            self.splices.iter().any(|(have, with)| {
                let overlap = have.start < range.end && range.start < have.end || have.start == range.start;
                overlap && (have, with.as_str()) != (range, text)
            })
        };
        let differs =
            |key: &NewKey| self.keys.iter().any(|have| have.name == key.name && !values_agree(&have.value, &key.value));
        if new.splices.iter().any(|(range, text)| meets(range, text)) || new.keys.iter().any(differs) {
            return false;
        }
        for splice in new.splices {
            if !self.splices.contains(&splice) {
                self.splices.push(splice);
            }
        }
        for key in new.keys {
            match self.keys.iter_mut().find(|have| have.name == key.name) {
                Some(have) => join_values(&mut have.value, key.value),
                None => self.keys.push(key),
            }
        }
        for (index, values) in new.items {
            let have = self.items.entry(index).or_default();
            for value in values {
                if !have.contains(&value) {
                    have.push(value);
                }
            }
        }
        true
    }
}

/// A new entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewKey {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) order: &'static [&'static str],
}

/// True when two values for one new entry can be one: mappings are joined, lists too, anything else must be equal.
fn values_agree(have: &Value, new: &Value) -> bool {
    match (have, new) {
        (Value::Object(have), Value::Object(new)) => {
            new.iter().all(|(name, value)| have.get(name).is_none_or(|old| values_agree(old, value)))
        }
        (Value::Array(_), Value::Array(_)) => true,
        (have, new) => have == new,
    }
}

/// Joins two values that agree.
fn join_values(have: &mut Value, new: Value) {
    match (have, new) {
        (Value::Object(have), Value::Object(new)) => {
            for (name, value) in new {
                match have.get_mut(&name) {
                    Some(old) => join_values(old, value),
                    None => {
                        have.insert(name, value);
                    }
                }
            }
        }
        (Value::Array(have), Value::Array(new)) => {
            for value in new {
                if !have.contains(&value) {
                    have.push(value);
                }
            }
        }
        _ => {}
    }
}
