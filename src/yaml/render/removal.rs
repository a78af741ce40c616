//! Entries and items that go, with the comments that belong to them and no others.

use serde_json::Value;

use super::Renderer;
use super::slot::Slot;
use crate::text::Edit;
use crate::yaml::emit;
use crate::yaml::layout::LineEnd;
use crate::yaml::plan::Refusal;
use crate::yaml::scalar::Place;
use crate::yaml::tree::Kind;

impl Renderer<'_> {
    /// Removes `nodes` (values or items, in order) from `parent`. `content` is what stands there instead
    /// if it loses all that it has.
    pub(super) fn removals(&mut self, parent: u32, nodes: &[u32], content: Option<Value>) -> Result<(), Refusal> {
        let entries = self.entries(parent)?;
        let removed: Vec<bool> = entries.iter().map(|(node, _, _)| nodes.binary_search(node).is_ok()).collect();
        if self.layout.doc.raw(parent).kind.is_flow() {
            return self.flow_removals(parent, &entries, &removed, content);
        }
        if removed.iter().all(|gone| *gone) {
            return self.remove_all(parent, &entries, content);
        }
        for (first, last) in runs(&removed) {
            let start = entries[first].1;
            let end = self
                .layout
                .line_end(entries[last].2)
                .ok_or_else(|| self.layout_refusal("more content follows on the line", entries[last].0))?;
            let end = self.with_inner_comments(end, self.layout.column(start));
            if self.layout.is_first_on_line(start) {
                self.delete_lines(self.layout.owned_comments_start(start), end, self.node_before(entries[first].0));
            } else {
                // The entry stands behind a `-`: what follows moves up to it.
                let text = self.layout.text();
                let rest = &text[end.next_line..];
                let next = end.next_line + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len());
                self.push_removal(Edit::delete(start, next), 0);
            }
        }
        Ok(())
    }

    /// Each entry: the node that is removed, its start and its end.
    fn entries(&self, parent: u32) -> Result<Vec<(u32, usize, usize)>, Refusal> {
        let doc = self.layout.doc;
        if doc.raw(parent).kind.is_mapping() {
            let entry = |(key, value)| (value, self.layout.entry_start(key), self.layout.entry_end(key, value));
            return Ok(doc.raw_entries(parent).map(entry).collect());
        }
        if doc.raw(parent).kind == Kind::FlowSequence {
            let spans = self.flow_entries(parent);
            return Ok(doc.children(parent).zip(spans).map(|(child, (start, end))| (child, start, end)).collect());
        }
        let item = |child| {
            let dash = self.dash(parent, child)?;
            Ok((child, dash, self.layout.end(child).max(dash + 1)))
        };
        doc.children(parent).map(item).collect()
    }

    /// Whether one entry can go; the rest is seen when all removals are known.
    pub(super) fn check_removal(&self, node: u32) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let parent = doc.raw(node).parent;
        if doc.raw(parent).kind.is_flow() {
            let close = doc.raw(parent).span.end as usize - 1;
            let closed = matches!(self.layout.text().as_bytes().get(close), Some(b'}' | b']'));
            return if closed { Ok(()) } else { Err(self.layout_refusal("the pair has no braces", parent)) };
        }
        let end = match doc.key_of(node) {
            Some(key) => self.layout.entry_end(key, node),
            None => self.layout.end(node).max(self.dash(parent, node)? + 1),
        };
        let refuse = || self.layout_refusal("more content follows on the line", node);
        self.layout.line_end(end).map(|_| ()).ok_or_else(refuse)
    }

    /// Where the first entry of a block collection starts, `?` and `-` included.
    pub(super) fn first_entry_start(&self, node: u32) -> usize {
        let doc = self.layout.doc;
        let start = doc.raw(node).span.start as usize;
        if doc.raw(node).kind.is_mapping() { self.layout.entry_start(node + 1) } else { start }
    }

    /// The node in front of an entry's value in document order, its key left out.
    fn node_before(&self, node: u32) -> u32 {
        let first = self.layout.doc.key_of(node).unwrap_or(node);
        first.saturating_sub(1)
    }

    fn remove_all(
        &mut self,
        parent: u32,
        entries: &[(u32, usize, usize)],
        content: Option<Value>,
    ) -> Result<(), Refusal> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        let depth = self.layout.depth(parent);
        let style = self.layout.style(parent);
        if let Some(lines) = content.and_then(|content| self.block_lines(&content, style)) {
            let indentation = self.indentation(first.1)?;
            let text = emit::joined(&lines, self.layout.line_ending(first.1), &indentation);
            self.push_removal(Edit::replace(first.1, last.2, text), depth);
            return Ok(());
        }
        let empty = if self.layout.doc.raw(parent).kind.is_mapping() { "{}" } else { "[]" };
        if let Slot::Entry { at, .. } = self.slot(parent)?
            && self.layout.is_first_on_line(first.1)
        {
            let end = self
                .layout
                .line_end(last.2)
                .ok_or_else(|| self.layout_refusal("more content follows on the line", last.0))?;
            self.push(Edit::insert(at, format!(" {empty}")), depth);
            self.delete_lines(self.layout.owned_comments_start(first.1), end, parent);
            return Ok(());
        }
        self.push_removal(Edit::replace(first.1, last.2, empty), depth);
        Ok(())
    }

    /// Deletes whole lines. At the end of a text without final line break, the break in front goes, so
    /// that the text still has none; unless a block scalar stands there, whose value the break is part of.
    pub(super) fn delete_lines(&mut self, start: usize, end: LineEnd, before: u32) {
        let text = self.layout.text();
        let raw = self.layout.doc.raw(before);
        let behind_block_scalar =
            matches!(raw.kind, Kind::Literal | Kind::Folded) && raw.span.end as usize >= text[..start].trim_end().len();
        let mut to = end.next_line;
        if behind_block_scalar && text[self.block_header(before).range()].contains('+') {
            // Blank lines that follow would become part of a scalar that keeps them.
            let blanks = text[to..].len() - text[to..].trim_start_matches([' ', '\t', '\r', '\n']).len();
            to = if to + blanks == text.len() { text.len() } else { self.layout.line_start(to + blanks).max(to) };
        }
        let ends_value = behind_block_scalar && !text[self.block_header(before).range()].contains('-');
        if to == text.len() && !text.ends_with('\n') && !ends_value {
            self.tail = Some(start);
        }
        self.push_removal(Edit::delete(start, to), 0);
    }

    /// The end of what goes with an entry in `column`: the comments below it that are indented deeper, too.
    fn with_inner_comments(&self, end: LineEnd, column: usize) -> LineEnd {
        let text = self.layout.text();
        let mut end = end;
        loop {
            let rest = &text[end.next_line..];
            let next = end.next_line + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len());
            match self.layout.comment_at(next).and_then(|_| self.layout.line_end(next)) {
                Some(line) if self.layout.column(next) > column => end = line,
                _ => return end,
            }
        }
    }

    fn flow_removals(
        &mut self,
        parent: u32,
        entries: &[(u32, usize, usize)],
        removed: &[bool],
        content: Option<Value>,
    ) -> Result<(), Refusal> {
        let raw = self.layout.doc.raw(parent);
        let text = self.layout.text();
        let depth = self.layout.depth(parent);
        let close = raw.span.end as usize - 1;
        if !matches!(text.as_bytes().get(close), Some(b'}' | b']')) {
            return Err(self.layout_refusal("the pair has no braces", parent));
        }
        if removed.iter().all(|gone| *gone) {
            let style = self.flow_style(parent);
            let inside = content.map(|content| emit::inline(&content, style, Place::Flow));
            let inside = inside.as_deref().map_or("", |text| &text[1..text.len() - 1]);
            self.push_removal(Edit::replace(raw.span.start as usize + 1, close, inside), depth);
            return Ok(());
        }
        for (first, last) in runs(removed) {
            let (start, end) = (entries[first].1, entries[last].2);
            let next = entries.get(last + 1);
            let previous = first.checked_sub(1).map(|previous| entries[previous].2);
            if let Some(next_line) = self.whole_lines(parent, start, end) {
                self.push_removal(Edit::delete(self.layout.owned_comments_start(start), next_line), 0);
                let is_last = next.is_none() && self.comma_behind(end).is_none() && !self.appends(parent);
                if let Some(comma) = previous.filter(|_| is_last).and_then(|previous| self.comma_behind(previous)) {
                    self.push(Edit::delete(comma - 1, comma), 0);
                }
                continue;
            }
            match (next, previous) {
                (Some(next), _) => self.push_removal(Edit::delete(start, next.1), 0),
                (None, Some(previous)) => self.push_removal(Edit::delete(previous, end), 0),
                (None, None) => {}
            }
        }
        Ok(())
    }
}

/// The stretches of neighbours that are removed: first and last index of each.
fn runs(removed: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (i, _) in removed.iter().enumerate().filter(|(_, gone)| **gone) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == i => *last = i,
            _ => runs.push((i, i)),
        }
    }
    runs
}
