//! Replaces a value, keeping as much of its style as the new value can have.

use serde_json::Value;

use super::Renderer;
use super::slot::Slot;
use crate::text::Edit;
use crate::yaml::emit::{self, Style};
use crate::yaml::plan::Refusal;
use crate::yaml::scalar::{Place, double_quoted, is_safe_plain, single_quoted};
use crate::yaml::tree::{Kind, NONE};

impl Renderer<'_> {
    pub(super) fn set(&mut self, node: u32, value: &Value) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let raw = doc.raw(node);
        let flow = self.layout.in_flow(node) || self.layout.json;
        let is_collection = value.as_object().is_some_and(|map| !map.is_empty())
            || value.as_array().is_some_and(|items| !items.is_empty());
        if matches!(raw.kind, Kind::BlockMapping | Kind::BlockSequence) {
            return self.replace_block(node, value, is_collection);
        }
        if flow && (raw.kind.is_flow() || is_collection) {
            let style = self.flow_style(raw.parent);
            return self.fill_inline(node, &emit::inline(value, style, Place::Flow));
        }
        if is_collection {
            if matches!(raw.kind, Kind::Literal | Kind::Folded) {
                return self.replace_block_scalar(node, value);
            }
            return self.fill(node, value, None);
        }
        let place = if flow { Place::Flow } else { Place::Block };
        match raw.kind {
            Kind::Literal | Kind::Folded => self.set_block_scalar(node, value),
            kind => {
                let text = self.scalar_text(kind, value, place);
                self.fill_inline(node, &text)
            }
        }
    }

    /// A scalar in the quotes that `kind` has, if it can have them.
    fn scalar_text(&self, kind: Kind, value: &Value, place: Place) -> String {
        let Value::String(text) = value else {
            return emit::inline(value, Style { json: self.layout.json, ..Style::default() }, place);
        };
        let single = || single_quoted(text).unwrap_or_else(|| double_quoted(text));
        match kind {
            _ if self.layout.json => double_quoted(text),
            Kind::SingleQuoted => single(),
            Kind::DoubleQuoted => double_quoted(text),
            _ if is_safe_plain(text, place) => text.clone(),
            _ => double_quoted(text),
        }
    }

    fn set_block_scalar(&mut self, node: u32, value: &Value) -> Result<(), Refusal> {
        let raw = self.layout.doc.raw(node);
        let (start, end) = (raw.span.start as usize, raw.span.end as usize);
        let header = self.block_header(node);
        let text = self.layout.text();
        let inline = match value {
            Value::String(new) => {
                let at_end_of_text = end == text.len();
                let plain_lines = new.lines().all(|line| line.is_empty() || !line.trim().is_empty());
                let fits = !new.is_empty()
                    && plain_lines
                    && !new.starts_with([' ', '\t', '\n'])
                    && !new.contains('\r')
                    && single_quoted(&new.replace('\n', " ")).is_some()
                    && !new.ends_with("\n\n")
                    && !(at_end_of_text && new.ends_with('\n'));
                (!fits).then(|| double_quoted(new))
            }
            other => Some(emit::inline(other, Style::default(), Place::Block)),
        };
        if let Some(inline) = inline {
            // A comment on the header's line stays behind the new value.
            let header_line = self.layout.line_end(header.end as usize).map_or(end, |line| line.content.min(end));
            self.push(Edit::replace(start, header.end as usize, inline), 0);
            if header_line < end {
                self.push(Edit::delete(header_line, end), 0);
            }
            return Ok(());
        }
        let Value::String(new) = value else { return Ok(()) };
        let Some(first) = self.layout.line_end(header.end as usize) else {
            return Err(self.layout_refusal("the block scalar's header is unusual", node));
        };
        let body_start = first.next_line.min(end.max(first.content));
        let indent = text.get(body_start..end).into_iter().flat_map(str::lines).find(|line| !line.trim().is_empty());
        let indent = match indent {
            Some(line) => line.len() - line.trim_start_matches(' ').len(),
            None => self.parent_column(node) + 2,
        };
        self.push(Edit::replace(header.start as usize, header.end as usize, emit::literal_header(new)), 0);
        let ending = self.layout.line_ending(start);
        let body = emit::literal_body(new, indent).join(ending);
        if body_start >= end {
            self.push(Edit::insert(first.content, format!("{ending}{body}")), 0);
        } else {
            self.push(Edit::replace(body_start, end, body), 0);
        }
        Ok(())
    }

    /// A block scalar that becomes a collection: the lines of its body become those of the collection.
    fn replace_block_scalar(&mut self, node: u32, value: &Value) -> Result<(), Refusal> {
        let style = self.layout.style(node);
        let span = self.layout.doc.raw(node).span;
        let header = self.block_header(node);
        let lines = self.block_lines(value, style).unwrap_or_default();
        let first = self.layout.line_end(header.end as usize);
        let first = first.ok_or_else(|| self.layout_refusal("the block scalar's header is unusual", node))?;
        let pad = match self.slot(node)? {
            Slot::Entry { at, column } => {
                self.push(Edit::delete(at, header.end as usize), 0);
                column + if value.is_array() { style.dash } else { style.step }
            }
            Slot::Item { column, .. } if first.content == header.end as usize => {
                let ending = self.layout.line_ending(header.end as usize);
                let text = emit::joined(&lines, ending, &" ".repeat(column + 2));
                self.push(Edit::replace(span.start as usize, span.end as usize, text), 0);
                return Ok(());
            }
            _ => return Err(self.layout_refusal("a block scalar can't become a collection here", node)),
        };
        let ending = self.layout.line_ending(header.end as usize);
        let body: Vec<String> = emit::indented(lines, pad);
        let body_start = first.next_line.min(span.end as usize);
        if body_start > header.end as usize && first.next_line <= span.end as usize {
            self.push(Edit::replace(body_start, span.end as usize, body.join(ending)), 0);
        } else {
            self.push(Edit::insert(first.content, format!("{ending}{}", body.join(ending))), 0);
        }
        Ok(())
    }

    fn parent_column(&self, node: u32) -> usize {
        let parent = self.layout.doc.raw(node).parent;
        if parent == NONE { 0 } else { self.layout.column(self.layout.doc.raw(parent).span.start as usize) }
    }

    /// Replaces a collection in block style: everything from behind its `:` or `-` to its end.
    fn replace_block(&mut self, node: u32, value: &Value, is_collection: bool) -> Result<(), Refusal> {
        let style = self.layout.style(node);
        let start = self.first_entry_start(node);
        let end = self.layout.end(node);
        let lines = if is_collection { self.block_lines(value, style) } else { None };
        let inline = emit::inline(value, style, Place::Block);
        if let Slot::Entry { at, column } = self.slot(node)?
            && let Some(key_line) = self.layout.line_end(at)
        {
            let last = self
                .layout
                .line_end(end)
                .ok_or_else(|| self.layout_refusal("more content follows on the line", node))?;
            let depth = self.layout.depth(node);
            match lines {
                Some(lines) => {
                    let step = if value.is_array() { style.dash } else { style.step };
                    let ending = self.layout.line_ending(at);
                    let body = emit::indented(lines, column + step);
                    self.push_removal(Edit::replace(key_line.next_line, last.content, body.join(ending)), depth);
                }
                None => {
                    self.push(Edit::insert(at, format!(" {inline}")), depth);
                    self.delete_lines(key_line.next_line, last, node);
                }
            }
            return Ok(());
        }
        let text = match lines {
            Some(lines) => {
                let pad = self.indentation(start)?;
                emit::joined(&lines, self.layout.line_ending(start), &pad)
            }
            None => inline,
        };
        self.push_removal(Edit::replace(start, end, text), 0);
        Ok(())
    }
}
