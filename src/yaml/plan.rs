//! What is to change in a document: operations admitted one change at a time, so that no two disagree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde_json::{Map, Value};

use super::layout::Layout;
pub(super) use super::refusal::{Denial, Refusal};
pub(super) use super::target::{NewKey, Target};
use super::tree::{Document, Kind, NONE, Node, Via};
use crate::text::Span;

/// An owned name of a place in a document: the node, and how it was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeRef {
    /// See [`Node::id`].
    pub node: u32,
    /// See [`Node::via`].
    pub via: Via,
}

impl From<Node<'_>> for NodeRef {
    fn from(node: Node<'_>) -> Self {
        NodeRef { node: node.id(), via: node.via() }
    }
}

/// What is to change at a node. Operations say what, never bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The node gets this value. A scalar keeps its quoting where the new value can have it.
    Set(Value),
    /// A range of bytes of a string's value is replaced; nothing else of its text changes.
    Splice {
        /// The range in the value, not in the text.
        range: Range<usize>,
        /// What stands there afterwards.
        text: String,
    },
    /// The entry at `path` below a mapping gets this value; missing mappings on the way are made.
    /// In a sequence the last part may be an index to insert at, or `-` for the end.
    Insert {
        /// Keys from the node down to the new entry; at least one.
        path: Vec<String>,
        /// The entry's value.
        value: Value,
        /// The usual order of the mapping's keys, to place the new one; the end where it is empty.
        order: &'static [&'static str],
    },
    /// An item is added at the end of the sequence at `path`; a missing sequence is made.
    Push {
        /// Keys from the node down to the sequence; empty when the node is the sequence.
        path: Vec<String>,
        /// The item.
        value: Value,
    },
    /// The node goes, with its key or dash and the comments that belong to it.
    Remove,
}

/// The operations admitted for one document.
#[derive(Clone)]
pub struct Plan<'a> {
    pub(super) layout: Layout<'a>,
    pub(super) targets: BTreeMap<u32, Target>,
    /// Why nothing may be edited, once it is known.
    unfit: Option<Option<Refusal>>,
    /// Aliases by the node that they stand for: that node, and the alias.
    users: Vec<(u32, u32)>,
    /// What was learnt of the keys of mappings.
    keys: HashMap<u32, Keys>,
}

/// What the keys of a mapping forbid.
#[derive(Debug, Clone, Default)]
struct Keys {
    twice: HashSet<String>,
    merges: bool,
}

impl Keys {
    fn of(doc: &Document, mapping: u32) -> Self {
        let mut keys = Keys::default();
        let mut seen = HashSet::new();
        for (key, _) in doc.raw_entries(mapping) {
            keys.merges |= doc.is_merge_key(key);
            let name = doc.key_name(key);
            if seen.contains(&name) {
                keys.twice.insert(name.into_owned());
            } else {
                seen.insert(name);
            }
        }
        keys
    }
}

impl<'a> Plan<'a> {
    /// A plan that changes nothing.
    pub fn new(doc: &'a Document) -> Self {
        let mut users: Vec<(u32, u32)> = doc.aliases.iter().map(|alias| (alias.target, alias.node)).collect();
        users.sort_unstable();
        Plan { layout: Layout::new(doc), targets: BTreeMap::new(), unfit: None, users, keys: HashMap::new() }
    }

    /// The same plan with all new sequences indented below their keys, for callers whose house style that is.
    /// Otherwise they stand as the sequences nearest to them do.
    #[must_use]
    pub fn indenting_sequences(mut self) -> Self {
        self.layout.indents_sequences = true;
        self
    }

    /// The document.
    pub fn document(&self) -> &'a Document {
        self.layout.doc
    }

    /// True when nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Whether [`Plan::admit`] would take the operations; the plan stays as it is.
    ///
    /// # Errors
    /// As [`Plan::admit`].
    pub fn check(&mut self, ops: &[(NodeRef, Op)]) -> Result<(), Denial> {
        let targets = self.targets.clone();
        let answer = self.admit(ops);
        self.targets = targets;
        answer
    }

    /// Takes the operations of one change, all or none.
    ///
    /// # Errors
    /// A refusal when one of them can't be done honestly, a conflict when one disagrees with what was
    /// admitted before. The plan is unchanged then.
    pub fn admit(&mut self, ops: &[(NodeRef, Op)]) -> Result<(), Denial> {
        let doc = self.document();
        if let Some(refusal) = self.unfit.get_or_insert_with(|| unfit(doc)) {
            return Err(refusal.clone().into());
        }
        // What stood at the nodes before; a change of one operation changes nothing when it is denied.
        let mut before: BTreeMap<u32, Option<Target>> = BTreeMap::new();
        for (at, op) in ops {
            let undo = (ops.len() > 1).then_some(&mut before);
            if let Err(denial) = self.admit_one(*at, op, undo) {
                for (node, target) in before {
                    match target {
                        Some(target) => self.targets.insert(node, target),
                        None => self.targets.remove(&node),
                    };
                }
                return Err(denial);
            }
        }
        Ok(())
    }

    fn admit_one(
        &mut self,
        at: NodeRef,
        op: &Op,
        undo: Option<&mut BTreeMap<u32, Option<Target>>>,
    ) -> Result<(), Denial> {
        let (node, addition) = self.lower(at, op)?;
        self.check_shared(node, &addition)?;
        self.check_nesting(node, &addition)?;
        self.try_render(node, &addition)?;
        if let Some(undo) = undo {
            undo.entry(node).or_insert_with(|| self.targets.get(&node).cloned());
        }
        let target = self.targets.entry(node).or_default();
        if target.merge(addition) { Ok(()) } else { Err(Denial::Conflict) }
    }

    /// Turns an operation at a place that may lie behind aliases into one at a node as it is written.
    fn lower(&mut self, at: NodeRef, op: &Op) -> Result<(u32, Target), Denial> {
        let doc = self.layout.doc;
        let node = doc.node(at.node, at.via).ok_or(Denial::Conflict)?;
        match op {
            Op::Set(value) => self.lower_set(node, value.clone()),
            Op::Splice { range, text } => {
                let old = node.as_str().ok_or_else(|| shape("a string", node))?;
                if old.get(range.clone()).is_none() {
                    return Err(Refusal::Layout { why: "the range lies outside the value", at: node.span() }.into());
                }
                if node.via() == Via::Here {
                    self.refuse_tag(node.id())?;
                    super::splice::check(doc, node.id(), range.clone(), text)?;
                    let splices = vec![(range.clone(), text.clone())];
                    return Ok((node.id(), Target { splices, ..Target::default() }));
                }
                let mut new = old.to_owned();
                new.replace_range(range.clone(), text);
                self.lower_set(node, Value::String(new))
            }
            Op::Remove => match node.via() {
                Via::Here => self.lower_remove(node.id()),
                Via::Alias(alias) => self.lower_remove(alias),
                via => Err(self.crossing(via).into()),
            },
            Op::Insert { path, value, order } => self.lower_insert(node, path, value, order),
            Op::Push { path, value } => {
                let (node, rest) = descend(node, path, true);
                if !rest.is_empty() {
                    return self.lower_insert(node, rest, &Value::Array(vec![value.clone()]), &[]);
                }
                if node.is_null() {
                    return self.lower_set(node, Value::Array(vec![value.clone()]));
                }
                self.lower_item(node, None, value)
            }
        }
    }

    fn lower_set(&self, node: Node<'_>, value: Value) -> Result<(u32, Target), Denial> {
        match node.via() {
            Via::Here => {
                self.refuse_tag(node.id())?;
                self.refuse_anchors_inside(node.id())?;
                Ok((node.id(), Target { set: Some(value), ..Target::default() }))
            }
            Via::Alias(alias) => Ok((alias, Target { set: Some(value), ..Target::default() })),
            Via::Merge(mapping) => {
                let doc = self.layout.doc;
                let name = doc.key_of(node.id()).map(|key| doc.key_name(key).into_owned());
                let name = name.ok_or_else(|| self.crossing(node.via()))?;
                Ok((mapping, Target { keys: vec![NewKey { name, value, order: &[] }], ..Target::default() }))
            }
            via => Err(self.crossing(via).into()),
        }
    }

    fn lower_remove(&mut self, node: u32) -> Result<(u32, Target), Denial> {
        let doc = self.layout.doc;
        if doc.raw(node).parent == NONE {
            return Err(
                Refusal::Layout { why: "the top of a document can't be removed", at: doc.raw(node).span }.into()
            );
        }
        if let Some(key) = doc.key_of(node) {
            let name = doc.key_name(key);
            let parent = doc.raw(node).parent;
            let keys = self.keys.entry(parent).or_insert_with(|| Keys::of(doc, parent));
            if keys.twice.contains(&*name) {
                return Err(Refusal::DuplicateKey { key: name.into_owned(), at: doc.raw(key).span }.into());
            }
            if keys.merges && merged_has(doc, parent, &name) {
                return Err(Refusal::Merge { at: doc.raw(node).span }.into());
            }
            if doc.props_of(key).is_some_and(|props| props.anchor.is_some()) {
                self.refuse_users_outside(key, key + 1)?;
            }
        }
        self.refuse_anchors_inside(node)?;
        Ok((node, Target { removed: true, ..Target::default() }))
    }

    fn lower_insert(
        &self,
        node: Node<'_>,
        path: &[String],
        value: &Value,
        order: &'static [&'static str],
    ) -> Result<(u32, Target), Denial> {
        let (node, rest) = descend(node, path, false);
        let Some((first, below)) = rest.split_first() else {
            return self.lower_set(node, value.clone());
        };
        let nested = |below: &[String]| {
            below.iter().rev().fold(value.clone(), |inner, name| {
                if name == "-" {
                    Value::Array(vec![inner])
                } else {
                    Value::Object(Map::from_iter([(name.clone(), inner)]))
                }
            })
        };
        if node.kind().is_sequence() {
            let index = match first.as_str() {
                "-" => None,
                digits => Some(digits.parse::<usize>().map_err(|_| shape("a mapping", node))?),
            };
            return self.lower_item(node, index, &nested(below));
        }
        if node.is_null() {
            return self.lower_set_null(node, first, nested(below));
        }
        if !node.kind().is_mapping() {
            return Err(shape("a mapping", node).into());
        }
        let key = NewKey { name: first.clone(), value: nested(below), order };
        match node.via() {
            Via::Here => Ok((node.id(), Target { keys: vec![key], ..Target::default() })),
            Via::Alias(alias) => Ok((alias, Target { keys: vec![key], ..Target::default() })),
            via => Err(self.crossing(via).into()),
        }
    }

    fn lower_set_null(&self, node: Node<'_>, first: &str, value: Value) -> Result<(u32, Target), Denial> {
        if node.via() != Via::Here {
            return self.lower_set(node, Value::Object(Map::from_iter([(first.to_owned(), value)])));
        }
        self.refuse_tag(node.id())?;
        if first == "-" {
            return Ok((node.id(), Target { set: Some(Value::Array(vec![value])), ..Target::default() }));
        }
        let key = NewKey { name: first.to_owned(), value, order: &[] };
        Ok((node.id(), Target { keys: vec![key], ..Target::default() }))
    }

    fn lower_item(&self, node: Node<'_>, index: Option<usize>, value: &Value) -> Result<(u32, Target), Denial> {
        if !node.kind().is_sequence() {
            return Err(shape("a sequence", node).into());
        }
        if node.via() != Via::Here {
            return Err(self.crossing(node.via()).into());
        }
        let length = node.items().count();
        let index = index.unwrap_or(length);
        if index > length {
            return Err(
                Refusal::Layout { why: "the index lies behind the end of the sequence", at: node.span() }.into()
            );
        }
        let items = BTreeMap::from([(index, vec![value.clone()])]);
        Ok((node.id(), Target { items, ..Target::default() }))
    }

    fn crossing(&self, via: Via) -> Refusal {
        let doc = self.layout.doc;
        match via {
            Via::Alias(at) | Via::Deep(at) | Via::Merge(at) => {
                let raw = doc.raw(at);
                if raw.kind == Kind::Alias {
                    Refusal::Alias { name: doc.text[raw.span.range()].to_owned(), at: raw.span }
                } else {
                    Refusal::Merge { at: raw.span }
                }
            }
            Via::Here => Refusal::Merge { at: doc.slice },
        }
    }

    fn refuse_tag(&self, node: u32) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        match doc.props_of(node).and_then(|props| props.tag) {
            Some(at) => Err(Refusal::Tag { tag: doc.text[at.range()].to_owned(), at }),
            None => Ok(()),
        }
    }

    /// Anchors that would vanish with `node` must not be used outside it.
    fn refuse_anchors_inside(&self, node: u32) -> Result<(), Refusal> {
        let end = self.layout.doc.raw(node).next;
        self.refuse_users_outside(node, end)
    }

    fn refuse_users_outside(&self, start: u32, end: u32) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        if doc.aliases.is_empty() {
            return Ok(());
        }
        let from = self.users.partition_point(|(target, _)| *target < start);
        let inside = self.users[from..].iter().take_while(|(target, _)| *target < end);
        let Some((target, _)) = inside.clone().find(|(_, user)| !(start..end).contains(user)) else { return Ok(()) };
        let users = inside.filter(|(have, user)| have == target && !(start..end).contains(user)).count();
        match self.anchor(*target, users) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The refusal for an anchor that `users` aliases stand for.
    fn anchor(&self, node: u32, users: usize) -> Option<Refusal> {
        let doc = self.layout.doc;
        let at = doc.props_of(node)?.anchor.filter(|_| users > 0)?;
        Some(Refusal::Anchor { name: doc.text[at.range()].to_owned(), users, at })
    }

    /// Whatever stands inside an anchor that is used elsewhere can't change alone.
    fn check_shared(&self, node: u32, addition: &Target) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        if doc.aliases.is_empty() {
            return Ok(());
        }
        // Removing or replacing the anchored node itself was checked for users outside it.
        let mut at = if addition.removed { doc.raw(node).parent } else { node };
        while at != NONE {
            let from = self.users.partition_point(|(target, _)| *target < at);
            let users = self.users[from..].iter().take_while(|(target, _)| *target == at).count();
            if let Some(refusal) = self.anchor(at, users) {
                return Err(refusal);
            }
            at = doc.raw(at).parent;
        }
        Ok(())
    }

    /// Nothing may be changed inside a node that goes or is replaced.
    fn check_nesting(&self, node: u32, addition: &Target) -> Result<(), Denial> {
        let doc = self.layout.doc;
        let mut at = doc.raw(node).parent;
        while at != NONE {
            if self.targets.get(&at).is_some_and(|target| target.removed || target.set.is_some()) {
                return Err(Denial::Conflict);
            }
            at = doc.raw(at).parent;
        }
        let replaces = addition.removed || addition.set.is_some();
        if replaces && self.targets.range(node + 1..doc.raw(node).next).next().is_some() {
            return Err(Denial::Conflict);
        }
        Ok(())
    }
}

fn shape(need: &'static str, node: Node<'_>) -> Refusal {
    let have = match node.kind() {
        kind if kind.is_mapping() => "a mapping",
        kind if kind.is_sequence() => "a sequence",
        _ if node.is_null() => "null",
        _ => "a scalar",
    };
    Refusal::Shape { need, have, at: node.span() }
}

/// Follows `path` as far as it exists. A last index is only followed when it is to name an item that is
/// there rather than a place for a new one.
fn descend<'d, 'p>(node: Node<'d>, path: &'p [String], to_item: bool) -> (Node<'d>, &'p [String]) {
    let mut at = node;
    for (i, part) in path.iter().enumerate() {
        let is_place = !to_item && at.kind().is_sequence() && i + 1 == path.len();
        match at.pointer(std::slice::from_ref(part)) {
            Some(next) if !is_place => at = next,
            _ => return (at, &path[i..]),
        }
    }
    (at, &[])
}

fn merged_has(doc: &Document, mapping: u32, name: &str) -> bool {
    let sources = doc.raw_entries(mapping).filter(|(key, _)| doc.is_merge_key(*key)).map(|(_, value)| value);
    sources
        .flat_map(|value| {
            let value = if doc.raw(value).kind == Kind::Alias { doc.alias_target(value) } else { value };
            if doc.raw(value).kind.is_sequence() { doc.children(value).collect() } else { vec![value] }
        })
        .filter_map(|source| {
            let source = if doc.raw(source).kind == Kind::Alias { doc.alias_target(source) } else { source };
            doc.node(source, Via::Here)
        })
        .any(|source| source.get(name).is_some())
}

/// Why nothing in the document may be edited.
fn unfit(doc: &Document) -> Option<Refusal> {
    let text = &doc.text[doc.slice.range()];
    let at = |offset: usize, length: usize| {
        let start = doc.slice.start as usize + offset;
        Span::new(start, start + length)
    };
    let bytes = text.as_bytes();
    let lone = memchr::memchr_iter(b'\r', bytes).find(|i| bytes.get(i + 1) != Some(&b'\n'));
    if let Some(offset) = lone {
        return Some(Refusal::LineBreak { what: "a lone carriage return", at: at(offset, 1) });
    }
    for (what, mark) in [("U+0085", "\u{85}"), ("U+2028", "\u{2028}"), ("U+2029", "\u{2029}")] {
        if let Some(offset) = memchr::memmem::find(bytes, mark.as_bytes()) {
            return Some(Refusal::LineBreak { what, at: at(offset, mark.len()) });
        }
    }
    let template = (0..doc.nodes.len() as u32).find(|node| {
        let raw = doc.raw(*node);
        raw.kind == Kind::FlowMapping && doc.text[raw.span.range()].starts_with("{{")
    });
    if let Some(node) = template {
        return Some(Refusal::Template { at: doc.raw(node).span });
    }
    super::digest::check(doc).err().map(|error| Refusal::Value { reason: error.to_string(), at: doc.slice })
}
