//! Turns a plan into byte edits and into the RFC 6902 operations that say the same.

mod collection;
mod flow;
mod removal;
mod scalar_set;
mod slot;

use std::collections::BTreeMap;

use json_patch::Patch;
use serde_json::{Value, json};

use super::layout::{Layout, LineEnd};
use super::plan::{Plan, Refusal, Target};
use super::tree::{Kind, NONE, Paths, pointer};
use crate::text::{Edit, EditSet, Span};

/// What a plan comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    /// The edits of the whole text that the document is part of.
    pub edits: EditSet,
    /// The same as RFC 6902 operations on the document's value, valid in order.
    pub patch: Patch,
    /// Comments that go with the entries, items and collections that they belong to, first to last.
    pub dropped: Vec<Span>,
}

/// Collects edits; insertions at one place are ordered from the inside out.
struct Renderer<'a> {
    layout: Layout<'a>,
    edits: Vec<(Edit, usize)>,
    dropped: Vec<Span>,
    /// Start of a deletion that reaches the end of a text without final line break.
    tail: Option<usize>,
    targets: &'a BTreeMap<u32, Target>,
}

impl Plan<'_> {
    /// Renders all admitted operations together.
    ///
    /// # Errors
    /// When the layout is one that no honest edit is known for.
    pub fn render(&self) -> Result<Rendering, Refusal> {
        let mut renderer = Renderer::new(self.layout.clone(), &self.targets);
        let mut removed: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (node, target) in &self.targets {
            if target.removed {
                removed.entry(self.layout.doc.raw(*node).parent).or_default().push(*node);
            }
        }
        for (node, target) in &self.targets {
            if !self.all_removed(*node, removed.get(node)) {
                renderer.target(*node, target)?;
            }
        }
        for (parent, nodes) in &removed {
            renderer.removals(*parent, nodes, self.targets.get(parent).and_then(Target::content))?;
        }
        let mut dropped = std::mem::take(&mut renderer.dropped);
        dropped.sort_unstable();
        Ok(Rendering { edits: renderer.finish()?, patch: self.patch(), dropped })
    }

    /// Renders one target alone, to learn of a refusal before it is admitted.
    pub(super) fn try_render(&self, node: u32, target: &Target) -> Result<(), Refusal> {
        let targets = BTreeMap::new();
        let mut renderer = Renderer::new(self.layout.clone(), &targets);
        if target.removed {
            return renderer.check_removal(node);
        }
        renderer.target(node, target)?;
        renderer.finish().map(|_| ())
    }

    /// True when a collection loses all that it has.
    fn all_removed(&self, collection: u32, removed: Option<&Vec<u32>>) -> bool {
        let doc = self.layout.doc;
        let each = if doc.raw(collection).kind.is_mapping() { 2 } else { 1 };
        removed.is_some_and(|removed| doc.children(collection).count() == removed.len() * each)
    }

    /// Sets and additions to mappings first, then pushes, then whatever moves indices, from the end backwards.
    fn patch(&self) -> Patch {
        let doc = self.layout.doc;
        let mut paths = Paths::new(doc);
        let (mut sets, mut pushes, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        for (node, target) in &self.targets {
            let path = paths.of(*node);
            let at = |last: &[&str]| {
                let mut path = path.clone();
                path.extend(last.iter().map(|part| (*part).to_owned()));
                pointer(&path)
            };
            if let Some(value) = &target.set {
                sets.push(json!({"op": "replace", "path": at(&[]), "value": value}));
            }
            if !target.splices.is_empty() {
                let value = super::splice::spliced(doc.decoded(*node), &target.splices);
                sets.push(json!({"op": "replace", "path": at(&[]), "value": value}));
            }
            if target.removed {
                let operation = json!({"op": "remove", "path": at(&[])});
                let parent = doc.raw(*node).parent;
                if parent != NONE && doc.raw(parent).kind.is_sequence() {
                    moves.push((*node, operation));
                } else {
                    sets.push(operation);
                }
            }
            if !target.keys.is_empty() {
                let raw = doc.raw(*node);
                if raw.kind.is_scalar() {
                    let map: serde_json::Map<_, _> =
                        target.keys.iter().map(|key| (key.name.clone(), key.value.clone())).collect();
                    sets.push(json!({"op": "replace", "path": at(&[]), "value": map}));
                } else {
                    for key in &target.keys {
                        sets.push(json!({"op": "add", "path": at(&[&key.name]), "value": key.value}));
                    }
                }
            }
            let children: Vec<u32> = if target.items.is_empty() { Vec::new() } else { doc.children(*node).collect() };
            for (index, values) in target.items.iter().rev() {
                for value in values {
                    if *index >= children.len() {
                        pushes.push(json!({"op": "add", "path": at(&["-"]), "value": value}));
                    }
                }
                for value in values.iter().rev() {
                    if let Some(child) = children.get(*index) {
                        moves.push((*child, json!({"op": "add", "path": at(&[&index.to_string()]), "value": value})));
                    }
                }
            }
        }
        // A removal and an insertion at one index: the removal first, so that the insertion stands in its place.
        moves.sort_by_key(|(node, operation)| (std::cmp::Reverse(*node), operation["op"] == "add"));
        let operations = sets.into_iter().chain(pushes).chain(moves.into_iter().map(|(_, operation)| operation));
        serde_json::from_value(as_read(Value::Array(operations.collect()))).unwrap_or_default()
    }
}

impl<'a> Renderer<'a> {
    fn new(layout: Layout<'a>, targets: &'a BTreeMap<u32, Target>) -> Self {
        Renderer { layout, edits: Vec::new(), dropped: Vec::new(), tail: None, targets }
    }

    fn target(&mut self, node: u32, target: &Target) -> Result<(), Refusal> {
        if let Some(value) = &target.set {
            self.set(node, value)?;
        }
        if !target.splices.is_empty() {
            for (range, text) in &target.splices {
                let edit = super::splice::edit(self.layout.doc, node, range.clone(), text)?;
                // Inside the scalar, so in front of all that follows it.
                self.push(edit, usize::MAX);
            }
        }
        if !target.keys.is_empty() {
            self.keys(node, &target.keys)?;
        }
        if !target.items.is_empty() {
            self.items(node, &target.items)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<EditSet, Refusal> {
        // Deeper insertions first, so that what ends a nested block stands before its parent's next line.
        self.edits.sort_by_key(|(edit, depth)| (edit.span.start, edit.span.end, std::cmp::Reverse(*depth)));
        let unended = self.tail.and_then(|start| self.keep_unended(start));
        let mut set = EditSet::default();
        for (edit, _) in self.edits {
            let at = edit.span;
            set.insert(edit).map_err(|_| Refusal::Layout { why: "two edits meet here", at })?;
        }
        if let Some(edit) = unended {
            let at = edit.span;
            set.insert(edit).map_err(|_| Refusal::Layout { why: "two edits meet here", at })?;
        }
        Ok(set)
    }

    /// A text without final line break that loses its last lines, from `start` on, loses the break in front
    /// of them too; unless a new line ends the text instead, with a break of its own.
    fn keep_unended(&self, start: usize) -> Option<Edit> {
        let text = self.layout.text();
        let floor = self.layout.doc.slice().start as usize;
        let mut start = start;
        for (edit, _) in
            self.edits.iter().rev().filter(|(edit, _)| (edit.span.start as usize) < self.layout.text().len())
        {
            let end = edit.span.end as usize;
            if !edit.new.is_empty() && end == start {
                return None;
            }
            // The lines in front go as well.
            if edit.new.is_empty() && end == start {
                start = edit.span.start as usize;
            } else if end < start {
                break;
            }
        }
        let shorter = text[floor..start].strip_suffix('\n')?;
        let shorter = floor + shorter.strip_suffix('\r').unwrap_or(shorter).len();
        Some(Edit::delete(shorter, start))
    }

    /// Adds an edit that takes a whole entry, item or collection away, and the comments in it.
    fn push_removal(&mut self, edit: Edit, depth: usize) {
        let comments = &self.layout.doc.comments;
        let from = comments.partition_point(|comment| comment.start < edit.span.start);
        self.dropped.extend(comments[from..].iter().take_while(|comment| comment.end <= edit.span.end));
        self.push(edit, depth);
    }

    fn push(&mut self, edit: Edit, depth: usize) {
        self.edits.push((edit, depth));
    }

    fn layout_refusal(&self, why: &'static str, node: u32) -> Refusal {
        Refusal::Layout { why, at: self.layout.doc.raw(node).span }
    }

    /// The indentation for a line that starts in the column of `at`.
    fn indentation(&self, at: usize) -> Result<String, Refusal> {
        let lead = self.layout.lead(at);
        if lead.contains('\t') {
            return Err(Refusal::Tab { at: Span::new(self.layout.line_start(at), at) });
        }
        Ok(" ".repeat(lead.chars().count()))
    }

    /// Adds whole lines behind the line on which the content up to `content_end` ends.
    /// `leaf` is the node whose content that is.
    fn lines_after(
        &mut self,
        content_end: usize,
        lines: &[String],
        indentation: &str,
        depth: usize,
        leaf: u32,
    ) -> Result<(), Refusal> {
        let Some(end) = self.layout.line_end(content_end) else {
            return Err(self.layout_refusal("more content follows on the line", leaf));
        };
        let ending = self.layout.line_ending(content_end);
        let mut text = String::new();
        let at_end_of_text = end.next_line == end.content;
        for line in lines {
            if at_end_of_text {
                text.push_str(ending);
            }
            if !line.is_empty() {
                text.push_str(indentation);
                text.push_str(line);
            }
            if !at_end_of_text {
                text.push_str(ending);
            }
        }
        if at_end_of_text {
            self.keep_last_block_scalar(leaf, end)?;
        }
        self.push(Edit::insert(end.next_line, text), depth);
        Ok(())
    }

    /// A block scalar that ends the text without a line break has no final line feed for kubectl, which
    /// is not so any more when a line follows: its chomping must say what its value has.
    fn keep_last_block_scalar(&mut self, leaf: u32, end: LineEnd) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let last = self.last_leaf(leaf);
        let raw = doc.raw(last);
        let is_block_scalar = matches!(raw.kind, Kind::Literal | Kind::Folded);
        if !is_block_scalar || (raw.span.end as usize) < end.content || self.is_replaced(last) {
            return Ok(());
        }
        let value = doc.decoded(last);
        let chomping = match value.len() - value.trim_end_matches('\n').len() {
            0 => "-",
            1 => "",
            _ => return Err(self.layout_refusal("a block scalar with blank lines ends the text", last)),
        };
        let header = self.block_header(last);
        let text = &self.layout.text()[header.range()];
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let new = format!("{}{digits}{chomping}", &text[..1]);
        if new != text && !text.contains('-') {
            self.push(Edit::replace(header.start as usize, header.end as usize, new), 0);
        }
        Ok(())
    }

    /// True when the node, or one above it, goes or gets a new value.
    fn is_replaced(&self, node: u32) -> bool {
        let replaced = |at: &u32| self.targets.get(at).is_some_and(|target| target.removed || target.set.is_some());
        std::iter::successors(Some(node), |at| Some(self.layout.doc.raw(*at).parent).filter(|at| *at != NONE))
            .any(|at| replaced(&at))
    }

    /// `|` or `>` with its indicators.
    fn block_header(&self, node: u32) -> Span {
        let start = self.layout.doc.raw(node).span.start as usize;
        let text = self.layout.text();
        let length = text[start..].bytes().take_while(|b| matches!(b, b'|' | b'>' | b'+' | b'-' | b'0'..=b'9')).count();
        Span::new(start, start + length)
    }

    /// The last node inside `node`.
    fn last_leaf(&self, node: u32) -> u32 {
        self.layout.doc.raw(node).next - 1
    }
}

/// Values as they are read back: kubectl reads a float without a fraction as an integer.
fn as_read(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            super::scalar::plain_value(&number.to_string()).unwrap_or(Value::Number(number))
        }
        Value::Array(items) => items.into_iter().map(as_read).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, as_read(value))).collect(),
        other => other,
    }
}
