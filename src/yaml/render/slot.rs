//! The place of a value: behind a `:`, behind a `-`, or at the top of the document.

use serde_json::Value;

use super::Renderer;
use crate::text::Edit;
use crate::yaml::emit::{self, Style};
use crate::yaml::plan::Refusal;
use crate::yaml::scalar::Place;
use crate::yaml::tree::{Kind, NONE};

/// Where a value in block context stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// Behind the `:` of an entry whose key starts in `column`.
    Entry {
        /// Behind the `:` and the value's anchor.
        at: usize,
        column: usize,
    },
    /// Behind the `-` in `column`.
    Item { at: usize, column: usize },
    /// The top of the document.
    Top,
}

impl Renderer<'_> {
    pub(super) fn slot(&self, node: u32) -> Result<Slot, Refusal> {
        let doc = self.layout.doc;
        let parent = doc.raw(node).parent;
        if parent == NONE {
            return Ok(Slot::Top);
        }
        let behind_props = doc.props_of(node).map_or(0, |props| props.end() as usize);
        if let Some(key) = doc.key_of(node) {
            let colon = self.layout.colon(key).ok_or_else(|| self.layout_refusal("the key has no `:`", key))?;
            let start = self.layout.entry_start(key);
            return Ok(Slot::Entry { at: (colon + 1).max(behind_props), column: self.layout.column(start) });
        }
        let dash = self.dash(parent, node)?;
        Ok(Slot::Item { at: (dash + 1).max(behind_props), column: self.layout.column(dash) })
    }

    /// The `-` of a block sequence item.
    pub(super) fn dash(&self, sequence: u32, item: u32) -> Result<usize, Refusal> {
        self.layout.dash(sequence, item).ok_or_else(|| self.layout_refusal("the item has no `-`", item))
    }

    /// Puts a new value in the place of one that stands on its key's line: a scalar, an alias, nothing at
    /// all, or a flow collection. `lead` are lines that come first, such as a merge key.
    pub(super) fn fill(&mut self, node: u32, value: &Value, lead: Option<String>) -> Result<(), Refusal> {
        let style = self.layout.style(node);
        let span = self.layout.doc.raw(node).span;
        let slot = self.slot(node)?;
        let Some(mut lines) = self.block_lines(value, style) else {
            return self.fill_inline(node, &emit::inline(value, style, Place::Block));
        };
        if let Some(lead) = lead {
            lines.insert(0, lead);
        }
        let depth = self.layout.depth(node);
        match slot {
            Slot::Entry { at, column } => {
                let step = if value.is_array() { style.dash } else { style.step };
                self.push(Edit::delete(at, (span.end as usize).max(at)), depth);
                self.check_tab(node, at)?;
                self.lines_after((span.end as usize).max(at), &lines, &" ".repeat(column + step), depth, node)
            }
            Slot::Item { at, column } => {
                let empty = self.layout.doc.raw(node).kind == Kind::Empty;
                let start = if empty { at } else { span.start as usize };
                let inside = if empty { column + 2 } else { self.layout.column(start) };
                self.check_tab(node, at)?;
                let first = format!("{}{}", if empty { " " } else { "" }, lines[0]);
                self.push(Edit::replace(start, (span.end as usize).max(start), first), depth);
                if lines.len() > 1 {
                    let end = (span.end as usize).max(at);
                    self.lines_after(end, &lines[1..], &" ".repeat(inside), depth, node)?;
                }
                Ok(())
            }
            Slot::Top => {
                let start = span.start as usize;
                let ending = self.layout.line_ending(start);
                if self.layout.is_first_on_line(start) {
                    self.push(Edit::replace(start, span.end as usize, lines.join(ending)), depth);
                    return Ok(());
                }
                // On the line of `---`: what it becomes stands on the lines below.
                let marker = self.layout.doc.explicit_start.map_or(start, |marker| marker.end as usize);
                self.push(Edit::delete(marker, span.end as usize), depth);
                self.lines_after(span.end as usize, &lines, "", depth, node)
            }
        }
    }

    /// Puts `text` in the place of a value on its key's line.
    pub(super) fn fill_inline(&mut self, node: u32, text: &str) -> Result<(), Refusal> {
        let raw = self.layout.doc.raw(node);
        let (start, end) = (raw.span.start as usize, raw.span.end as usize);
        if raw.kind != Kind::Empty {
            self.push(Edit::replace(start, end, text), 0);
            return Ok(());
        }
        let at = if self.layout.in_flow(node) {
            self.flow_value_start(node)?
        } else {
            match self.slot(node)? {
                Slot::Entry { at, .. } | Slot::Item { at, .. } => at,
                Slot::Top => start,
            }
        };
        self.push(Edit::insert(at, format!(" {text}")), self.layout.depth(node));
        Ok(())
    }

    fn flow_value_start(&self, node: u32) -> Result<usize, Refusal> {
        let doc = self.layout.doc;
        let key = doc.key_of(node).ok_or_else(|| self.layout_refusal("the value is empty", node))?;
        let colon = self.layout.colon(key).ok_or_else(|| self.layout_refusal("the key has no `:`", key))?;
        Ok(self.layout.end(node).max(colon + 1))
    }

    /// The lines of a collection in block style, relative to its column; `None` for what stands on one line.
    pub(super) fn block_lines(&self, value: &Value, style: Style) -> Option<Vec<String>> {
        match value {
            Value::Object(map) if !map.is_empty() => Some(emit::mapping_lines(map, style)),
            Value::Array(items) if !items.is_empty() => {
                Some(items.iter().flat_map(|item| emit::item_lines(item, style)).collect())
            }
            _ => None,
        }
    }

    fn check_tab(&self, _node: u32, at: usize) -> Result<(), Refusal> {
        let lead = self.layout.lead(at);
        let indentation = lead.len() - lead.trim_start_matches([' ', '\t']).len();
        if lead[..indentation].contains('\t') {
            let start = self.layout.line_start(at);
            return Err(Refusal::Tab { at: crate::text::Span::new(start, start + indentation) });
        }
        Ok(())
    }
}
