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
use super::tree::{Kind, NONE, pointer};
use crate::text::{Edit, EditSet, Span};

/// What a plan comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    /// The edits of the whole text that the document is part of.
    pub edits: EditSet,
    /// The same as RFC 6902 operations on the document's value, valid in order.
    pub patch: Patch,
}

/// Collects edits; insertions at one place are ordered from the inside out.
struct Renderer<'a> {
    layout: Layout<'a>,
    edits: Vec<(Edit, usize)>,
}

impl Plan<'_> {
    /// Renders all admitted operations together.
    ///
    /// # Errors
    /// When the layout is one that no honest edit is known for.
    pub fn render(&self) -> Result<Rendering, Refusal> {
        let mut renderer = Renderer { layout: self.layout, edits: Vec::new() };
        let mut removed: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (node, target) in &self.targets {
            if target.removed {
                removed.entry(self.layout.doc.raw(*node).parent).or_default().push(*node);
            }
        }
        for (node, target) in &self.targets {
            if !target.keys.is_empty() && self.all_removed(*node, removed.get(node)) {
                continue;
            }
            renderer.target(*node, target)?;
        }
        for (parent, nodes) in &removed {
            let keys = self.targets.get(parent).map(|target| target.keys.as_slice()).unwrap_or_default();
            renderer.removals(*parent, nodes, keys)?;
        }
        Ok(Rendering { edits: renderer.finish()?, patch: self.patch() })
    }

    /// Renders one target alone, to learn of a refusal before it is admitted.
    pub(super) fn try_render(&self, node: u32, target: &Target) -> Result<(), Refusal> {
        let mut renderer = Renderer { layout: self.layout, edits: Vec::new() };
        if target.removed {
            renderer.removals(self.layout.doc.raw(node).parent, &[node], &[])?;
        } else {
            renderer.target(node, target)?;
        }
        renderer.finish().map(|_| ())
    }

    fn all_removed(&self, mapping: u32, removed: Option<&Vec<u32>>) -> bool {
        let doc = self.layout.doc;
        removed.is_some_and(|removed| {
            doc.raw(mapping).kind.is_mapping() && doc.raw_entries(mapping).count() == removed.len()
        })
    }

    /// Sets and additions to mappings first, then pushes, then whatever moves indices, from the end backwards.
    fn patch(&self) -> Patch {
        let doc = self.layout.doc;
        let (mut sets, mut pushes, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        for (node, target) in &self.targets {
            let path = doc.path(*node);
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
            let children: Vec<u32> = doc.children(*node).collect();
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
        serde_json::from_value(Value::Array(operations.collect())).unwrap_or_default()
    }
}

impl Renderer<'_> {
    fn target(&mut self, node: u32, target: &Target) -> Result<(), Refusal> {
        if let Some(value) = &target.set {
            self.set(node, value)?;
        }
        if !target.splices.is_empty() {
            for (range, text) in &target.splices {
                let edit = super::splice::edit(self.layout.doc, node, range.clone(), text)?;
                self.edits.push((edit, 0));
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
        let mut set = EditSet::default();
        for (edit, _) in self.edits {
            let at = edit.span;
            set.insert(edit).map_err(|_| Refusal::Layout { why: "two edits meet here", at })?;
        }
        Ok(set)
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
            self.strip_last_block_scalar(leaf, end);
        }
        self.push(Edit::insert(end.next_line, text), depth);
        Ok(())
    }

    /// A block scalar that ends the text without a line break has no final line feed for kubectl; once
    /// a line follows, only `|-` keeps it so.
    fn strip_last_block_scalar(&mut self, leaf: u32, end: LineEnd) {
        let doc = self.layout.doc;
        let last = self.last_leaf(leaf);
        let raw = doc.raw(last);
        if !matches!(raw.kind, Kind::Literal | Kind::Folded) || raw.span.end as usize != end.content {
            return;
        }
        let header = self.block_header(last);
        let text = &self.layout.text()[header.range()];
        if !text.contains('-') {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let new = format!("{}{digits}-", &text[..1]);
            self.push(Edit::replace(header.start as usize, header.end as usize, new), 0);
        }
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
