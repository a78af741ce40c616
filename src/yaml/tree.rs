//! The tree of a document: nodes as spans of its text, in one array, and views to walk it by name.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::scalar;
use crate::text::Span;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// How a node is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A scalar without quotes.
    Plain,
    /// A scalar in `'`.
    SingleQuoted,
    /// A scalar in `"`.
    DoubleQuoted,
    /// A block scalar that starts with `|`.
    Literal,
    /// A block scalar that starts with `>`.
    Folded,
    /// Nothing at all, as after `key:`; it means null.
    Empty,
    /// A mapping by indentation.
    BlockMapping,
    /// A mapping in braces, or a pair in a flow sequence.
    FlowMapping,
    /// A sequence of `- `.
    BlockSequence,
    /// A sequence in brackets.
    FlowSequence,
    /// A reference to an anchor.
    Alias,
}

impl Kind {
    /// True for mappings.
    pub fn is_mapping(self) -> bool {
        matches!(self, Kind::BlockMapping | Kind::FlowMapping)
    }

    /// True for sequences.
    pub fn is_sequence(self) -> bool {
        matches!(self, Kind::BlockSequence | Kind::FlowSequence)
    }

    /// True for scalars, the empty one included.
    pub fn is_scalar(self) -> bool {
        !self.is_mapping() && !self.is_sequence() && self != Kind::Alias
    }

    /// True for collections in braces or brackets.
    pub fn is_flow(self) -> bool {
        matches!(self, Kind::FlowMapping | Kind::FlowSequence)
    }
}

/// One node. Nodes stand in document order, a collection before its children; a mapping's children are
/// key, value, key, value.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawNode {
    pub(super) kind: Kind,
    /// True for the key of a mapping entry.
    pub(super) is_key: bool,
    /// The content, without anchor and tag. Block collections start at their first entry and end with
    /// their last content; block scalars start at `|` or `>`; empty nodes stand behind their `:` or `-`.
    pub(super) span: Span,
    pub(super) parent: u32,
    /// The first node that is not inside this one.
    pub(super) next: u32,
}

/// Anchor and tag of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Props {
    pub(super) node: u32,
    pub(super) anchor: Option<Span>,
    pub(super) tag: Option<Span>,
}

impl Props {
    pub(super) fn start(&self) -> u32 {
        self.anchor.into_iter().chain(self.tag).map(|span| span.start).min().unwrap_or(0)
    }

    pub(super) fn end(&self) -> u32 {
        self.anchor.into_iter().chain(self.tag).map(|span| span.end).max().unwrap_or(0)
    }
}

/// An alias and the node it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias {
    pub(super) node: u32,
    pub(super) target: u32,
}

/// One document of a text, as a tree over that text.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) text: Arc<str>,
    pub(super) slice: Span,
    pub(super) nodes: Vec<RawNode>,
    pub(super) props: Vec<Props>,
    pub(super) aliases: Vec<Alias>,
    pub(super) comments: Vec<Span>,
    /// Values of the scalars whose text is not their value (escapes, folds, block scalars), by node.
    pub(super) decoded: Vec<(u32, Box<str>)>,
    pub(super) explicit_start: Option<Span>,
}

/// How a view came to its node: directly, or through an alias or a merge key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Via {
    /// The node stands where it was asked for.
    #[default]
    Here,
    /// An alias node stands there.
    Alias(u32),
    /// The mapping `.0` inherits the entry by a merge key.
    Merge(u32),
    /// An alias (or merging mapping) further up was crossed.
    Deep(u32),
}

impl Document {
    /// The whole text that the document is part of.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The bytes of the document, its `---` and its comments included.
    pub fn slice(&self) -> Span {
        self.slice
    }

    /// The top node.
    pub fn root(&self) -> Node<'_> {
        self.resolve(0, Via::Here)
    }

    /// A node by the number that [`Node::id`] gave.
    pub fn node(&self, id: u32, via: Via) -> Option<Node<'_>> {
        ((id as usize) < self.nodes.len()).then_some(Node { doc: self, id, via })
    }

    /// The innermost node that holds a place: a scalar, a key, or a collection.
    pub fn node_at(&self, at: Span) -> Option<Node<'_>> {
        // Nodes start in the order of the document.
        let mut id = self.nodes.partition_point(|node| node.span.start <= at.start).checked_sub(1)? as u32;
        while !self.raw(id).span.contains(at) {
            id = self.raw(id).parent;
            if id == NONE {
                return None;
            }
        }
        self.node(id, Via::Here)
    }

    /// The comments, each from `#` to the end of its line, first to last.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// True when a node has an anchor.
    pub fn has_anchors(&self) -> bool {
        self.props.iter().any(|props| props.anchor.is_some())
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True when the document has no node; such a document is never made.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn raw(&self, node: u32) -> &RawNode {
        &self.nodes[node as usize]
    }

    pub(super) fn props_of(&self, node: u32) -> Option<&Props> {
        if self.props.is_empty() {
            return None;
        }
        self.props.binary_search_by_key(&node, |props| props.node).ok().map(|i| &self.props[i])
    }

    pub(super) fn alias_target(&self, node: u32) -> u32 {
        self.aliases.binary_search_by_key(&node, |alias| alias.node).map_or(NONE, |i| self.aliases[i].target)
    }

    /// Where the node starts, its anchor and tag included.
    pub(super) fn full_start(&self, node: u32) -> u32 {
        let start = self.raw(node).span.start;
        self.props_of(node).map_or(start, |props| props.start().min(start))
    }

    /// The children of a collection, first to last.
    pub(super) fn children(&self, node: u32) -> Children<'_> {
        let raw = self.raw(node);
        Children { doc: self, next: node + 1, end: raw.next }
    }

    /// The entries of a mapping as it is written: key and value nodes.
    pub(super) fn raw_entries(&self, node: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut children = self.children(node);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The text that a scalar stands for.
    pub(super) fn decoded(&self, node: u32) -> &str {
        let raw = self.raw(node);
        if let Ok(i) = self.decoded.binary_search_by_key(&node, |(node, _)| *node) {
            return &self.decoded[i].1;
        }
        let range = raw.span.range();
        match raw.kind {
            Kind::SingleQuoted | Kind::DoubleQuoted => &self.text[range.start + 1..range.end - 1],
            Kind::Plain => &self.text[range],
            _ => "",
        }
    }

    /// The tag of a node, as it is written.
    pub(super) fn tag(&self, node: u32) -> Option<&str> {
        let tag = self.props_of(node)?.tag?;
        Some(&self.text[tag.range()])
    }

    /// The name of a key as JSON has it: kubectl's reading of the key's type decides.
    pub(super) fn key_name(&self, key: u32) -> Cow<'_, str> {
        let raw = self.raw(key);
        let key = if raw.kind == Kind::Alias { self.alias_target(key) } else { key };
        let text = self.decoded(key);
        match self.raw(key).kind {
            Kind::Plain if self.tag(key).is_none() => match scalar::type_of_plain(text) {
                scalar::Typed::Str => Cow::Borrowed(text),
                _ => scalar::plain_key(text).map_or(Cow::Borrowed(text), Cow::Owned),
            },
            _ => Cow::Borrowed(text),
        }
    }

    /// True when a key reads as `name`.
    fn key_is(&self, key: u32, name: &str) -> bool {
        let raw = self.raw(key);
        // Only a key that is no string reads as something else than it is written, and then as a number or a boolean.
        let is_word = name.starts_with(|c: char| c.is_ascii_lowercase()) && !matches!(name, "true" | "false");
        let starts_so = || self.text.as_bytes().get(raw.span.start as usize) == name.as_bytes().first();
        if raw.kind == Kind::Plain && is_word && !starts_so() { false } else { self.key_name(key) == name }
    }

    /// True for a plain `<<` key, which merges other mappings into its own.
    pub(super) fn is_merge_key(&self, key: u32) -> bool {
        let raw = self.raw(key);
        raw.kind == Kind::Plain && raw.span.end - raw.span.start == 2 && &self.text[raw.span.range()] == "<<"
    }

    fn resolve(&self, node: u32, via: Via) -> Node<'_> {
        if self.raw(node).kind != Kind::Alias {
            return Node { doc: self, id: node, via };
        }
        let via = if via == Via::Here { Via::Alias(node) } else { deeper(via) };
        // An alias's target is never an alias, so one step is enough.
        Node { doc: self, id: self.alias_target(node), via }
    }

    /// The document as a JSON Pointer sees it: names and indices from the top to `node`.
    pub(super) fn path(&self, node: u32) -> Vec<String> {
        Paths::new(self).of(node)
    }

    /// The node in front of `node` under the same parent.
    pub(super) fn previous(&self, node: u32) -> Option<u32> {
        let parent = self.raw(node).parent;
        let mut at = node.checked_sub(1).filter(|at| parent != NONE && *at != parent)?;
        while self.raw(at).parent != parent {
            at = self.raw(at).parent;
        }
        Some(at)
    }

    /// The key node of a mapping entry's value; `None` for items, keys and the top node.
    pub(super) fn key_of(&self, value: u32) -> Option<u32> {
        let raw = self.raw(value);
        if raw.parent == NONE || raw.is_key || !self.raw(raw.parent).kind.is_mapping() {
            return None;
        }
        self.previous(value)
    }
}

/// Finds the paths of many nodes; each sequence is counted once.
pub(super) struct Paths<'a> {
    doc: &'a Document,
    items: HashMap<u32, Vec<u32>>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(doc: &'a Document) -> Self {
        Paths { doc, items: HashMap::new() }
    }

    /// Names and indices from the top to `node`.
    pub(super) fn of(&mut self, node: u32) -> Vec<String> {
        let doc = self.doc;
        let mut path = Vec::new();
        let mut at = node;
        while doc.raw(at).parent != NONE {
            let parent = doc.raw(at).parent;
            if doc.raw(parent).kind.is_mapping() {
                let key = if doc.raw(at).is_key { Some(at) } else { doc.key_of(at) };
                path.push(key.map_or_else(String::new, |key| doc.key_name(key).into_owned()));
            } else {
                let items = self.items.entry(parent).or_insert_with(|| doc.children(parent).collect());
                path.push(items.partition_point(|item| *item < at).to_string());
            }
            at = parent;
        }
        path.reverse();
        path
    }
}

fn deeper(via: Via) -> Via {
    match via {
        Via::Here => Via::Here,
        Via::Alias(at) | Via::Merge(at) | Via::Deep(at) => Via::Deep(at),
    }
}

pub(super) struct Children<'a> {
    doc: &'a Document,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.next >= self.end {
            return None;
        }
        let node = self.next;
        self.next = self.doc.raw(node).next;
        Some(node)
    }
}

/// A node of a document, seen where it was asked for: aliases and merge keys are followed on the way.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    doc: &'a Document,
    id: u32,
    via: Via,
}

impl<'a> Node<'a> {
    /// The document.
    pub fn document(self) -> &'a Document {
        self.doc
    }

    /// The number of the node in its document.
    pub fn id(self) -> u32 {
        self.id
    }

    /// How the view came here.
    pub fn via(self) -> Via {
        self.via
    }

    /// How the node is written.
    pub fn kind(self) -> Kind {
        self.doc.raw(self.id).kind
    }

    /// The bytes of the node where it was asked for: the alias, if an alias stands there.
    pub fn span(self) -> Span {
        match self.via {
            Via::Alias(alias) => self.doc.raw(alias).span,
            _ => self.doc.raw(self.id).span,
        }
    }

    /// The bytes of the entry that holds the node: from its key to the end of its value.
    pub fn entry_span(self) -> Span {
        let own = match self.via {
            Via::Alias(alias) => alias,
            _ => self.id,
        };
        let span = self.doc.raw(own).span;
        let start = self.doc.key_of(own).map_or(self.doc.full_start(own), |key| self.doc.full_start(key));
        Span { start, end: span.end }
    }

    /// The value of the entry `key` of a mapping; the last one where a key stands twice, own entries
    /// before merged ones. `None` for other nodes.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        if !self.kind().is_mapping() {
            return None;
        }
        let mut found = None;
        let mut merged = false;
        for (name, value) in self.doc.raw_entries(self.id) {
            if self.doc.is_merge_key(name) {
                merged = true;
            } else if self.doc.key_is(name, key) {
                found = Some(value);
            }
        }
        match found {
            Some(value) => Some(self.doc.resolve(value, deeper(self.via))),
            None if merged => self.merged(key),
            None => None,
        }
    }

    fn merged(self, key: &str) -> Option<Node<'a>> {
        let mut sources = self.merge_sources(self.id);
        let mut seen = 0;
        while let Some(source) = sources.pop() {
            seen += 1;
            if seen > 1_000 {
                return None;
            }
            let mut found = None;
            for (name, value) in self.doc.raw_entries(source) {
                if !self.doc.is_merge_key(name) && self.doc.key_name(name) == key {
                    found = Some(value);
                }
            }
            if let Some(value) = found {
                let via = if self.via == Via::Here { Via::Merge(self.id) } else { deeper(self.via) };
                return Some(self.doc.resolve(value, via));
            }
            sources.extend(self.merge_sources(source));
        }
        None
    }

    /// The mappings that `mapping` merges, the one that wins last.
    fn merge_sources(self, mapping: u32) -> Vec<u32> {
        let doc = self.doc;
        let target = |node: u32| if doc.raw(node).kind == Kind::Alias { doc.alias_target(node) } else { node };
        let mut sources = Vec::new();
        for (name, value) in doc.raw_entries(mapping) {
            if !doc.is_merge_key(name) {
                continue;
            }
            let value = target(value);
            match doc.raw(value).kind {
                kind if kind.is_mapping() => sources.push(value),
                kind if kind.is_sequence() => {
                    sources.extend(doc.children(value).map(target).filter(|node| doc.raw(*node).kind.is_mapping()));
                }
                _ => {}
            }
        }
        sources.reverse();
        sources
    }

    /// Follows several keys; see [`Node::get`].
    pub fn at(self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The node that a JSON Pointer's parts name: keys in mappings, indices in sequences.
    pub fn pointer<S: AsRef<str>>(self, path: &[S]) -> Option<Node<'a>> {
        path.iter().try_fold(self, |node, part| {
            let part = part.as_ref();
            if node.kind().is_sequence() {
                part.parse::<usize>().ok().and_then(|index| node.items().nth(index))
            } else {
                node.get(part)
            }
        })
    }

    /// The items of a sequence; none for other nodes.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let is_sequence = self.kind().is_sequence();
        self.doc
            .children(self.id)
            .take_while(move |_| is_sequence)
            .map(move |child| self.doc.resolve(child, deeper(self.via)))
    }

    /// The entries of a mapping by name, own ones first, then merged ones that no own entry hides.
    pub fn entries(self) -> Vec<(Cow<'a, str>, Node<'a>)> {
        let mut entries: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        if !self.kind().is_mapping() {
            return entries;
        }
        let mut mappings = vec![(self.id, self.via)];
        let mut first = true;
        let mut seen = 0;
        while let Some((mapping, via)) = mappings.pop() {
            seen += 1;
            if seen > 1_000 {
                break;
            }
            for (name, value) in self.doc.raw_entries(mapping) {
                if self.doc.is_merge_key(name) {
                    continue;
                }
                let name = self.doc.key_name(name);
                let node = self.doc.resolve(value, if first { deeper(self.via) } else { via });
                match entries.iter_mut().find(|(have, _)| *have == name) {
                    Some(have) if first => have.1 = node,
                    Some(_) => {}
                    None => entries.push((name, node)),
                }
            }
            let below = if self.via == Via::Here { Via::Merge(self.id) } else { deeper(self.via) };
            mappings.extend(self.merge_sources(mapping).into_iter().map(|source| (source, below)));
            first = false;
        }
        entries
    }

    /// The text that a scalar stands for, whatever its type; `None` for collections.
    pub fn text(self) -> Option<&'a str> {
        self.kind().is_scalar().then(|| self.doc.decoded(self.id))
    }

    /// A string's value; `None` for other types, as kubectl types them.
    pub fn as_str(self) -> Option<&'a str> {
        let text = self.text()?;
        (self.typed() == scalar::Typed::Str).then_some(text)
    }

    /// A boolean's value, `yes` and `on` included; `None` for other types.
    pub fn as_bool(self) -> Option<bool> {
        match self.typed() {
            scalar::Typed::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// An integer's value; `None` for other types.
    pub fn as_i64(self) -> Option<i64> {
        match self.typed() {
            scalar::Typed::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The JSON value, as kubectl reads it.
    ///
    /// # Errors
    /// As [`value`](super::value()).
    pub fn value(self) -> Result<serde_json::Value, super::ValueError> {
        super::value::node_value(self.doc, self.id)
    }

    /// The keys that stand twice in one mapping, here or further in: the later one of each pair.
    pub fn duplicate_keys(self) -> Vec<(String, Span)> {
        let mut twice = Vec::new();
        for mapping in (self.id..self.doc.raw(self.id).next).filter(|id| self.doc.raw(*id).kind.is_mapping()) {
            let mut seen = HashSet::new();
            for (key, _) in self.doc.raw_entries(mapping).filter(|(key, _)| !self.doc.is_merge_key(*key)) {
                let name = self.doc.key_name(key);
                if !seen.insert(name.clone()) {
                    twice.push((name.into_owned(), self.doc.raw(key).span));
                }
            }
        }
        twice
    }

    /// True for null, written or empty.
    pub fn is_null(self) -> bool {
        self.typed() == scalar::Typed::Null && self.kind().is_scalar()
    }

    /// True for the boolean true.
    pub fn is_true(self) -> bool {
        self.as_bool() == Some(true)
    }

    fn typed(self) -> scalar::Typed {
        match self.kind() {
            Kind::Empty if self.doc.tag(self.id).is_none() => scalar::Typed::Null,
            Kind::Plain => match self.doc.tag(self.id) {
                None => scalar::type_of_plain(self.doc.decoded(self.id)),
                Some("!!str" | "!") => scalar::Typed::Str,
                Some(_) => super::value::typed_by_tag(self.doc, self.id),
            },
            kind if kind.is_scalar() => scalar::Typed::Str,
            _ => scalar::Typed::Str,
        }
    }

    /// The keys and indices from the top to where the node was asked for.
    pub fn path(self) -> Vec<String> {
        match self.via {
            Via::Here => self.doc.path(self.id),
            Via::Alias(alias) => self.doc.path(alias),
            Via::Merge(mapping) => {
                let mut path = self.doc.path(mapping);
                if let Some(key) = self.doc.key_of(self.id) {
                    path.push(self.doc.key_name(key).into_owned());
                }
                path
            }
            Via::Deep(at) => self.doc.path(at),
        }
    }

    /// [`Node::path`] as a JSON Pointer (RFC 6901).
    pub fn json_pointer(self) -> String {
        pointer(&self.path())
    }
}

/// Path parts as a JSON Pointer (RFC 6901).
pub(super) fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |mut out, part| {
        out.push('/');
        out.push_str(&part.replace('~', "~0").replace('/', "~1"));
        out
    })
}
