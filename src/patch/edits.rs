//! The smallest change that makes one value of another: what a patch leaves as it is, is not touched.

use serde_json::Value;
use similar::{Algorithm, DiffOp};

use crate::manifest::Field;
use crate::rule::Change;
use crate::yaml::Op;

/// A change, and the node where it starts.
pub(super) struct Edits<'a> {
    pub(super) change: Change,
    pub(super) at: Option<Field<'a>>,
    /// Why it can't be made.
    pub(super) refusal: Option<&'static str>,
}

/// The change that makes `after` of `before`, the value of `field`.
pub(super) fn edits<'a>(field: Field<'a>, before: &Value, after: &Value) -> Edits<'a> {
    let mut edits = Edits { change: Change::default(), at: None, refusal: None };
    edits.value(field, before, after);
    edits
}

impl<'a> Edits<'a> {
    fn value(&mut self, field: Field<'a>, before: &Value, after: &Value) {
        match (before, after) {
            (before, after) if before == after => {}
            (Value::Object(before), Value::Object(after)) => {
                for (key, old) in before {
                    let Some(entry) = field.get(key) else { continue };
                    match after.get(key) {
                        Some(new) => self.value(entry, old, new),
                        None => self.at(entry).remove(entry),
                    }
                }
                for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                    self.at(field).insert(field, &[key], new.clone(), &[]);
                }
            }
            (Value::Array(before), Value::Array(after)) => self.list(field, before, after),
            _ => self.at(field).set(field, after.clone()),
        }
    }

    /// Items that stay are found by their names, where they have one, so that each keeps its own text.
    fn list(&mut self, field: Field<'a>, before: &[Value], after: &[Value]) {
        let nodes: Vec<Field<'a>> = field.items().collect();
        for step in similar::capture_diff_slices_by_key(Algorithm::Myers, before, after, identity) {
            let (old, new) = (step.old_range(), step.new_range());
            if let DiffOp::Equal { .. } | DiffOp::Replace { .. } = step {
                for (old, new) in old.clone().zip(new.clone()) {
                    self.value(nodes[old], &before[old], &after[new]);
                }
            }
            for old in old.clone().skip(new.len()) {
                self.at(nodes[old]).remove(nodes[old]);
            }
            let added = &after[new.start + old.len().min(new.len())..new.end];
            for (i, item) in added.iter().enumerate() {
                if added[..i].contains(item) {
                    self.refusal = Some("the patch adds the same item twice at one place of a list");
                }
                // Places are those of the list as it was.
                self.item(field, old.end, before.len(), item);
            }
        }
    }

    fn item(&mut self, list: Field<'a>, index: usize, length: usize, item: &Value) {
        let value = item.clone();
        let op = if index == length {
            Op::Push { path: Vec::new(), value }
        } else {
            Op::Insert { path: vec![index.to_string()], value, order: &[] }
        };
        self.at(list).ops.push((list.id(), op));
    }

    /// The change, which begins at `field` when nothing was changed before.
    fn at(&mut self, field: Field<'a>) -> &mut Change {
        self.at.get_or_insert(field);
        &mut self.change
    }
}

/// What makes an item the same before and after: its name, else all of it.
fn identity(item: &Value) -> (bool, String) {
    match item.get("name").and_then(Value::as_str) {
        Some(name) => (true, name.to_owned()),
        None => (false, item.to_string()),
    }
}
