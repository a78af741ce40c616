//! New entries of mappings and new items of sequences.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Renderer;
use crate::text::Edit;
use crate::yaml::emit::{self, Style};
use crate::yaml::plan::{NewKey, Refusal};
use crate::yaml::tree::Kind;

impl Renderer<'_> {
    pub(super) fn keys(&mut self, node: u32, keys: &[NewKey]) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let raw = doc.raw(node);
        let value =
            || Value::Object(keys.iter().map(|key| (key.name.clone(), key.value.clone())).collect::<Map<_, _>>());
        match raw.kind {
            Kind::Alias => {
                let alias = &self.layout.text()[raw.span.range()];
                if self.layout.in_flow(node) {
                    let style = self.flow_style(raw.parent);
                    let entries = emit::inline(&value(), style, crate::yaml::scalar::Place::Flow);
                    self.fill_inline(node, &format!("{{<<: {alias}, {}", &entries[1..]))
                } else {
                    self.fill(node, &value(), Some(format!("<<: {alias}")))
                }
            }
            Kind::BlockMapping => self.block_keys(node, keys),
            Kind::FlowMapping if raw.next == node + 1 && !self.layout.in_flow(node) && !self.layout.json => {
                self.fill(node, &value(), None)
            }
            Kind::FlowMapping => self.flow_keys(node, keys),
            _ if self.layout.in_flow(node) || self.layout.json => self.set(node, &value()),
            _ => self.fill(node, &value(), None),
        }
    }

    fn block_keys(&mut self, mapping: u32, keys: &[NewKey]) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let entries: Vec<(u32, u32)> = doc.raw_entries(mapping).collect();
        let Some((first, _)) = entries.first() else { return Ok(()) };
        let indentation = self.indentation(self.layout.entry_start(*first))?;
        let style = self.layout.style(mapping);
        let mut groups: BTreeMap<Option<usize>, Vec<&NewKey>> = BTreeMap::new();
        for key in keys {
            let behind = self.anchor_entry(&entries, key);
            let behind = behind.and_then(|entry| self.kept_before(entry, entries.len(), |i| entries[i].1));
            groups.entry(behind).or_default().push(key);
        }
        let depth = self.layout.depth(mapping);
        for (behind, mut keys) in groups {
            keys.sort_by_key(|key| key.order.iter().position(|name| *name == key.name).unwrap_or(usize::MAX));
            let lines = |style| keys.iter().flat_map(|key| emit::entry_lines(&key.name, &key.value, style)).collect();
            match behind {
                Some(entry) => {
                    let (name, value) = entries[entry];
                    let end = self.layout.entry_end(name, value);
                    let style = self.layout.style_before(style, end, indentation.len());
                    let lines: Vec<String> = lines(style);
                    self.lines_after(end, &lines, &indentation, depth, value)?;
                }
                None => {
                    let next = entries.iter().position(|(_, value)| !self.is_removed(*value));
                    let Some(next) = next else { return Ok(()) };
                    let start = self.layout.entry_start(entries[next].0);
                    let lines: Vec<String> = lines(Style { broken: true, literals: true, ..style });
                    if next == 0 && self.layout.is_first_on_line(start) {
                        self.whole_lines_before(start, lines, &indentation, depth);
                    } else {
                        self.lines_before(start, &lines, &indentation, depth);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_removed(&self, node: u32) -> bool {
        self.targets.get(&node).is_some_and(|target| target.removed)
    }

    /// The last child up to `index` behind which lines can stand: one that stays, or the very last one at the
    /// end of a text without line break, whose place they take. `None` when all up to there go.
    fn kept_before(&self, index: usize, length: usize, child: impl Fn(usize) -> u32) -> Option<usize> {
        let kept = (0..=index).rev().find(|i| !self.is_removed(child(*i)));
        let end = self.layout.line_end(self.layout.end(child(index)));
        let ends_text = index + 1 == length && end.is_some_and(|end| end.next_line == end.content);
        if kept.is_some() && ends_text { Some(index) } else { kept }
    }

    /// Puts lines in front of an entry or item that starts at `at`, whatever stands on its line before it.
    fn lines_before(&mut self, at: usize, lines: &[String], indentation: &str, depth: usize) {
        let ending = self.layout.line_ending(at);
        let text = emit::joined(lines, ending, indentation);
        self.push(Edit::insert(at, format!("{text}{ending}{indentation}")), depth);
    }

    /// Puts lines in front of the first entry or item, whose line starts with it. Comments above it stay with it.
    fn whole_lines_before(&mut self, first: usize, lines: Vec<String>, indentation: &str, depth: usize) {
        let at = self.layout.owned_comments_start(first);
        let ending = self.layout.line_ending(first);
        let whole = emit::indented(lines, indentation.len()).join(ending);
        self.push(Edit::insert(at, format!("{whole}{ending}")), depth);
    }

    /// The entry that a new key stands behind: the last one that comes before it in the usual order, else the last
    /// one of all; `None` where it comes before one that is there, behind none, and lines can stand above them all.
    fn anchor_entry(&self, entries: &[(u32, u32)], key: &NewKey) -> Option<usize> {
        let last = entries.len() - 1;
        let Some(rank) = key.order.iter().position(|name| *name == key.name) else { return Some(last) };
        let (before, after) = (&key.order[..rank], &key.order[rank + 1..]);
        let is_one_of = |names: &[&str], entry: &(u32, u32)| names.contains(&&*self.layout.doc.key_name(entry.0));
        let behind = entries.iter().rposition(|entry| is_one_of(before, entry));
        let starts_line = || self.layout.is_first_on_line(self.layout.entry_start(entries[0].0));
        let comes_first = || starts_line() && entries.iter().any(|entry| is_one_of(after, entry));
        behind.or_else(|| (!comes_first()).then_some(last))
    }

    pub(super) fn items(&mut self, sequence: u32, items: &BTreeMap<usize, Vec<Value>>) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let raw = doc.raw(sequence);
        let children: Vec<u32> = doc.children(sequence).collect();
        if raw.kind == Kind::FlowSequence {
            if children.is_empty() && !self.layout.in_flow(sequence) && !self.layout.json {
                let all = items.values().flatten().cloned().collect();
                return self.fill(sequence, &Value::Array(all), None);
            }
            return self.flow_items(sequence, items);
        }
        let Some(first) = children.first() else { return Ok(()) };
        let first = self.dash(sequence, *first)?;
        let indentation = self.indentation(first)?;
        let mut style = self.layout.style(sequence);
        style.dash = self.own_dash_offset(sequence).unwrap_or(style.dash);
        style.quotes = self.layout.item_quotes(sequence);
        let depth = self.layout.depth(sequence);
        for (index, values) in items {
            let lines = |style| values.iter().flat_map(|value| emit::item_lines(value, style)).collect();
            let behind = match index.min(&children.len()).checked_sub(1) {
                Some(previous) => self.kept_before(previous, children.len(), |i| children[i]),
                None => None,
            };
            if let Some(previous) = behind {
                let end = self.layout.end(children[previous]).max(self.dash(sequence, children[previous])? + 1);
                let style = self.layout.style_before(style, end, indentation.len());
                let lines: Vec<String> = lines(style);
                self.lines_after(end, &lines, &indentation, depth, children[previous])?;
                continue;
            }
            let Some(next) = children.iter().position(|child| !self.is_removed(*child)) else { return Ok(()) };
            let lines: Vec<String> = lines(Style { broken: true, literals: true, ..style });
            if next == 0 && self.layout.is_first_on_line(first) {
                self.whole_lines_before(first, lines, &indentation, depth);
            } else {
                let at = self.dash(sequence, children[next])?;
                self.lines_before(at, &lines, &indentation, depth);
            }
        }
        Ok(())
    }

    fn own_dash_offset(&self, sequence: u32) -> Option<usize> {
        let key = self.layout.doc.key_of(sequence)?;
        let dash = self.layout.column(self.layout.doc.raw(sequence).span.start as usize);
        dash.checked_sub(self.layout.column(self.layout.entry_start(key)))
    }
}
