//! New entries of mappings and new items of sequences.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Renderer;
use crate::text::Edit;
use crate::yaml::emit;
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
        let mut groups: BTreeMap<usize, Vec<&NewKey>> = BTreeMap::new();
        for key in keys {
            groups.entry(self.anchor_entry(&entries, key)).or_default().push(key);
        }
        for (entry, mut keys) in groups {
            keys.sort_by_key(|key| key.order.iter().position(|name| *name == key.name).unwrap_or(usize::MAX));
            let (name, value) = entries[entry];
            let end = self.layout.entry_end(name, value);
            let style = self.layout.style_before(style, end, indentation.len());
            let lines: Vec<String> =
                keys.iter().flat_map(|key| emit::entry_lines(&key.name, &key.value, style)).collect();
            self.lines_after(end, &lines, &indentation, self.layout.depth(mapping), value)?;
        }
        Ok(())
    }

    /// The entry that a new key stands behind: the last one that comes before it in the usual order.
    fn anchor_entry(&self, entries: &[(u32, u32)], key: &NewKey) -> usize {
        let last = entries.len() - 1;
        let Some(rank) = key.order.iter().position(|name| *name == key.name) else { return last };
        let before = &key.order[..rank];
        let is_before = |(name, _): &(u32, u32)| before.contains(&&*self.layout.doc.key_name(*name));
        entries.iter().rposition(is_before).unwrap_or(last)
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
        let dashes = self.layout.dashes(sequence).ok_or_else(|| self.layout_refusal("an item has no `-`", sequence))?;
        let (Some(first), Some(last)) = (dashes.first(), children.last()) else { return Ok(()) };
        let indentation = self.indentation(*first)?;
        let mut style = self.layout.style(sequence);
        style.dash = self.own_dash_offset(sequence).unwrap_or(style.dash);
        let depth = self.layout.depth(sequence);
        for (index, values) in items {
            let end = match index.min(&children.len()).checked_sub(1) {
                Some(previous) => self.layout.end(children[previous]),
                None => self.layout.end(*last),
            };
            let style = self.layout.style_before(style, end, indentation.len());
            let lines: Vec<String> = values.iter().flat_map(|value| emit::item_lines(value, style)).collect();
            if *index >= children.len() {
                let end = self.layout.end(*last).max(dashes[dashes.len() - 1] + 1);
                self.lines_after(end, &lines, &indentation, depth, *last)?;
            } else if *index > 0 {
                let previous = children[*index - 1];
                let end = self.layout.end(previous).max(dashes[*index - 1] + 1);
                self.lines_after(end, &lines, &indentation, depth, previous)?;
            } else {
                let ending = self.layout.line_ending(*first);
                let text: String = lines.iter().map(|line| format!("{line}{ending}{indentation}")).collect();
                if self.layout.is_first_on_line(*first) {
                    // Comments above the first item stay with it.
                    let at = self.layout.owned_comments_start(*first);
                    let whole: String = lines.iter().map(|line| format!("{indentation}{line}{ending}")).collect();
                    self.push(Edit::insert(at, whole), depth);
                } else {
                    self.push(Edit::insert(*first, text), depth);
                }
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
