//! A node of a manifest, together with the file and document that it stands in.

use std::ops::Deref;

use serde_json::Value;

use crate::text::{FileId, Loc};
use crate::yaml::{Node, NodeRef};

/// An owned name of a node in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The file.
    pub file: FileId,
    /// The document in it, from 0.
    pub document: u32,
    /// The node in it.
    pub node: NodeRef,
}

/// A node that knows where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    node: Node<'a>,
    file: FileId,
    document: u32,
}

impl<'a> Deref for Field<'a> {
    type Target = Node<'a>;

    fn deref(&self) -> &Node<'a> {
        &self.node
    }
}

impl<'a> Field<'a> {
    pub(super) fn new(node: Node<'a>, file: FileId, document: u32) -> Self {
        Field { node, file, document }
    }

    fn with(self, node: Node<'a>) -> Self {
        Field { node, ..self }
    }

    /// See [`Node::get`].
    pub fn get(self, key: &str) -> Option<Field<'a>> {
        self.node.get(key).map(|node| self.with(node))
    }

    /// See [`Node::at`].
    pub fn at(self, path: &[&str]) -> Option<Field<'a>> {
        self.node.at(path).map(|node| self.with(node))
    }

    /// See [`Node::pointer`].
    pub fn pointer<S: AsRef<str>>(self, path: &[S]) -> Option<Field<'a>> {
        self.node.pointer(path).map(|node| self.with(node))
    }

    /// The node's value, as kubectl reads it; `None` where kubectl would refuse it.
    pub fn value(self) -> Option<Value> {
        self.node.value().ok()
    }

    /// See [`Node::items`].
    pub fn items(self) -> impl Iterator<Item = Field<'a>> {
        self.node.items().map(move |node| self.with(node))
    }

    /// See [`Node::entries`].
    pub fn entries(self) -> impl Iterator<Item = (std::borrow::Cow<'a, str>, Field<'a>)> {
        self.node.entries().into_iter().map(move |(key, node)| (key, self.with(node)))
    }

    /// The text of the string at `path`, whatever its type; "" where there is none.
    pub fn text_at(self, path: &[&str]) -> &'a str {
        self.node.at(path).and_then(Node::text).unwrap_or_default()
    }

    /// The node's name, to change it.
    pub fn id(self) -> NodeId {
        NodeId { file: self.file, document: self.document, node: self.node.into() }
    }

    /// The path to the node with list items by their `name`, where they have one.
    pub fn named_path(self) -> String {
        let mut at = self.node.document().root();
        let mut out = String::new();
        for part in self.node.path() {
            let next = at.pointer(std::slice::from_ref(&part));
            let name = next.filter(|_| at.kind().is_sequence()).and_then(|item| item.get("name")?.as_str());
            out.push('/');
            out.push_str(name.unwrap_or(&part));
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        out
    }

    /// Where the node stands.
    pub fn loc(self) -> Loc {
        Loc { file: self.file, span: self.node.span() }
    }

    /// Where a range of a scalar's value stands; the whole scalar where it is not written in one stretch.
    pub fn loc_of(self, range: std::ops::Range<usize>) -> Loc {
        self.node.source_span(range).map_or_else(|| self.loc(), |span| Loc { file: self.file, span })
    }

    /// Where the whole entry stands: key and value.
    pub fn entry_loc(self) -> Loc {
        Loc { file: self.file, span: self.node.entry_span() }
    }
}
