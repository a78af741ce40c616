//! New entries and items in flow collections and JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Renderer;
use crate::text::Edit;
use crate::yaml::emit::{self, Style};
use crate::yaml::plan::{NewKey, Refusal};
use crate::yaml::scalar::Place;
use crate::yaml::tree::Kind;

impl Renderer<'_> {
    /// The style of new text in the flow collection `node`: spaces behind `:` as its entries have them.
    pub(super) fn flow_style(&self, node: u32) -> Style {
        let doc = self.layout.doc;
        let mut style = Style { json: self.layout.json, ..Style::default() };
        if self.layout.json {
            let tight = |(key, value): (u32, u32)| {
                let colon = self.layout.colon(key)?;
                Some(doc.full_start(value) as usize == colon + 1)
            };
            let mut at = Some(node).filter(|node| *node != crate::yaml::tree::NONE);
            while let Some(node) = at {
                if doc.raw(node).kind == Kind::FlowMapping
                    && let Some(is_tight) = doc.raw_entries(node).find_map(tight)
                {
                    style.spaced = !is_tight;
                    break;
                }
                at = Some(doc.raw(node).parent).filter(|parent| *parent != crate::yaml::tree::NONE);
            }
            style.step = self.json_step();
        }
        style
    }

    /// Columns of one level of pretty-printed JSON.
    fn json_step(&self) -> usize {
        let doc = self.layout.doc;
        let first = doc.children(0).next().map(|child| doc.raw(child).span.start as usize);
        match first {
            Some(at) if self.layout.is_first_on_line(at) => self.layout.column(at).clamp(1, 8),
            _ => 2,
        }
    }

    pub(super) fn flow_keys(&mut self, mapping: u32, keys: &[NewKey]) -> Result<(), Refusal> {
        let style = self.flow_style(mapping);
        let multi_line = self.last_child_line(mapping).is_some();
        let texts = keys.iter().map(|key| {
            let name = emit::key(&key.name, style, Place::Flow);
            let mut value = if multi_line && self.layout.json {
                emit::pretty(&key.value, style, Place::Flow)
            } else {
                vec![emit::inline(&key.value, style, Place::Flow)]
            };
            value[0] = format!("{name}:{}{}", if style.spaced { " " } else { "" }, value[0]);
            value
        });
        let texts: Vec<Vec<String>> = texts.collect();
        self.flow_append(mapping, &texts, style)
    }

    pub(super) fn flow_items(&mut self, sequence: u32, items: &BTreeMap<usize, Vec<Value>>) -> Result<(), Refusal> {
        let doc = self.layout.doc;
        let style = Style { quotes: self.layout.item_quotes(sequence), ..self.flow_style(sequence) };
        let children: Vec<u32> = doc.children(sequence).collect();
        let multi_line = self.last_child_line(sequence).is_some();
        let mut appended = Vec::new();
        for (index, values) in items {
            let texts: Vec<Vec<String>> = values
                .iter()
                .map(|value| {
                    if multi_line && self.layout.json {
                        emit::pretty(value, style, Place::Flow)
                    } else {
                        vec![emit::item(value, style, Place::Flow)]
                    }
                })
                .collect();
            let Some(child) = children.iter().skip(*index).find(|child| !self.is_removed(**child)) else {
                appended.extend(texts);
                continue;
            };
            let at = self.full_flow_start(*child);
            let gap = match self.layout.is_first_on_line(at) {
                true => format!("{}{}", self.layout.line_ending(at), self.layout.lead(at)),
                false if style.spaced => " ".to_owned(),
                false => String::new(),
            };
            let join =
                |lines: &Vec<String>| lines.join(&format!("{}{}", self.layout.line_ending(at), self.layout.lead(at)));
            let text: String = texts.iter().map(|lines| format!("{},{gap}", join(lines))).collect();
            self.push(Edit::insert(at, text), self.layout.depth(sequence));
        }
        if appended.is_empty() { Ok(()) } else { self.flow_append(sequence, &appended, style) }
    }

    /// True when something new stands at the end of a flow collection.
    pub(super) fn appends(&self, collection: u32) -> bool {
        let Some(target) = self.targets.get(&collection) else { return false };
        let children: Vec<u32> = self.layout.doc.children(collection).collect();
        let is_end = |index: &usize| children.iter().skip(*index).all(|child| self.is_removed(*child));
        !target.keys.is_empty() || target.items.keys().any(is_end)
    }

    /// Where the lines of the last entries end, if those go as whole lines.
    fn last_lines_removed(&self, collection: u32) -> Option<usize> {
        let doc = self.layout.doc;
        let entries = self.flow_entries(collection);
        let nodes: Vec<u32> = if doc.raw(collection).kind.is_mapping() {
            doc.raw_entries(collection).map(|(_, value)| value).collect()
        } else {
            doc.children(collection).collect()
        };
        let gone = nodes.iter().rev().take_while(|node| self.is_removed(**node)).count();
        let (first, last) = (entries.get(entries.len() - gone)?, entries.last()?);
        self.whole_lines(collection, first.0, last.1)
    }

    /// Where the last line of the entries from `start` to `end` ends, if they fill whole lines.
    pub(super) fn whole_lines(&self, collection: u32, start: usize, end: usize) -> Option<usize> {
        let span = self.layout.doc.raw(collection).span;
        let close = span.end as usize - 1;
        let line = self.layout.line_end(self.comma_behind(end).unwrap_or(end))?;
        let is_whole = self.layout.is_first_on_line(start)
            && self.layout.line_start(start) > span.start as usize
            && line.next_line <= close;
        is_whole.then_some(line.next_line)
    }

    /// The place behind the comma that follows an entry which ends at `end`.
    pub(super) fn comma_behind(&self, end: usize) -> Option<usize> {
        let behind = self.layout.skip_trivia(end);
        (self.layout.text().as_bytes().get(behind) == Some(&b',')).then_some(behind + 1)
    }

    /// Start of a flow item; a pair without braces starts with its key.
    fn full_flow_start(&self, child: u32) -> usize {
        self.layout.doc.full_start(child) as usize
    }

    /// The indentation of the last entry when it stands first on its own line.
    fn last_child_line(&self, collection: u32) -> Option<String> {
        let doc = self.layout.doc;
        let last = self.flow_entries(collection).last().map(|(start, _)| *start)?;
        let opened = doc.raw(collection).span.start as usize;
        let own_line = self.layout.is_first_on_line(last) && self.layout.line_start(last) > opened;
        own_line.then(|| self.layout.lead(last).to_owned())
    }

    /// Start and end of each entry or item of a flow collection.
    pub(super) fn flow_entries(&self, collection: u32) -> Vec<(usize, usize)> {
        let doc = self.layout.doc;
        if doc.raw(collection).kind.is_mapping() {
            doc.raw_entries(collection)
                .map(|(key, value)| (self.layout.entry_start(key), self.layout.entry_end(key, value)))
                .collect()
        } else {
            doc.children(collection).map(|child| (self.full_flow_start(child), self.layout.end(child))).collect()
        }
    }

    fn flow_append(&mut self, collection: u32, texts: &[Vec<String>], style: Style) -> Result<(), Refusal> {
        let raw = self.layout.doc.raw(collection);
        let text = self.layout.text();
        let depth = self.layout.depth(collection);
        let close = raw.span.end as usize - 1;
        let is_closed = matches!(text.as_bytes().get(close), Some(b'}' | b']'));
        if !is_closed {
            return Err(self.layout_refusal("the pair has no braces", collection));
        }
        let comma = if style.spaced { ", " } else { "," };
        let Some((_, last_end)) = self.flow_entries(collection).last().copied() else {
            let lines: Vec<String> = texts.iter().map(|lines| lines.join("")).collect();
            self.push(Edit::replace(raw.span.start as usize + 1, close, lines.join(comma)), depth);
            return Ok(());
        };
        let trailing_comma = self.comma_behind(last_end);
        let Some(indentation) = self.last_child_line(collection) else {
            let flat: Vec<String> = texts.iter().map(|lines| lines.join(" ")).collect();
            match trailing_comma {
                Some(at) => self.push(Edit::insert(at, format!(" {},", flat.join(comma))), depth),
                None => self.push(Edit::insert(last_end, format!("{comma}{}", flat.join(comma))), depth),
            }
            return Ok(());
        };
        let ending = self.layout.line_ending(last_end);
        let new_line = format!("{ending}{indentation}");
        let entries: Vec<String> = texts.iter().map(|lines| lines.join(&new_line)).collect();
        if let Some(at) = self.last_lines_removed(collection) {
            // The new entries take the place of those lines, behind the comma in front of them.
            let end = if trailing_comma.is_some() { "," } else { "" };
            let body = entries.join(&format!(",{new_line}"));
            self.push(Edit::insert(at, format!("{indentation}{body}{end}{ending}")), depth);
            return Ok(());
        }
        let body = entries.iter().map(|entry| format!("{new_line}{entry}")).collect::<Vec<_>>().join(",");
        match trailing_comma {
            Some(at) => {
                let at = self.layout.line_end(at).map_or(at, |end| end.content);
                self.push(Edit::insert(at, format!("{body},")), depth);
            }
            None => match self.layout.line_end(last_end) {
                Some(end) if end.content > last_end => {
                    self.push(Edit::insert(last_end, ","), depth);
                    self.push(Edit::insert(end.content, body), depth);
                }
                _ => self.push(Edit::insert(last_end, format!(",{body}")), depth),
            },
        }
        Ok(())
    }
}
