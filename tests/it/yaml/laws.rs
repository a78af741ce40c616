//! Laws that hold for every document and edit, tried on generated YAML in all its styles.

use std::fmt::Write as _;

use libtest_mimic::{Failed, Trial};
use meshfix::yaml::{self, Document, Kind, Node, NodeRef, Op, Plan, Rendering, Via};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use super::campaign;
use super::support::{self, Fault, Random};

/// A value and how it is written.
#[derive(Debug, Clone)]
enum Styled {
    Scalar(String, u8),
    Mapping(Vec<(Styled, u8)>, bool),
    Sequence(Vec<(Styled, u8)>, bool),
}

/// A document and what its text has beside values.
#[derive(Debug, Clone)]
struct Sample {
    top: Styled,
    step: usize,
    wide: bool,
    crlf: bool,
    mark: bool,
    ended: bool,
    marker: bool,
    anchors: bool,
    json: bool,
}

fn styled() -> impl Strategy<Value = Styled> {
    let text = prop_oneof![
        4 => "[a-z][a-z0-9/.]{0,8}",
        1 => "[a-z :#'\"\\\\,\\[\\]{}&*!|>%@-]{0,10}",
        1 => "[a-z ]{1,5}\n[a-z ]{1,5}\n?",
        1 => Just("15021".to_owned()),
        1 => Just("yes".to_owned()),
        1 => "[\u{e9}\u{4e00}\u{1f600}a]{1,4}",
    ];
    let leaf = (text, 0..6u8).prop_map(|(text, style)| Styled::Scalar(text, style));
    leaf.prop_recursive(4, 40, 5, |inner| {
        let children = prop::collection::vec((inner, 0..16u8), 0..5);
        let flow = prop_oneof![3 => Just(false), 1 => Just(true)];
        (children, flow, any::<bool>()).prop_map(|(children, flow, mapping)| match mapping {
            true => Styled::Mapping(children, flow),
            false => Styled::Sequence(children, flow),
        })
    })
}

fn sample() -> impl Strategy<Value = Sample> {
    let top = prop::collection::vec((styled(), 0..16u8), 1..5).prop_map(|children| Styled::Mapping(children, false));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..8u8);
    (top, prop_oneof![Just(2usize), Just(4)], flags).prop_map(|(top, step, flags)| {
        let (wide, crlf, mark, ended, marker, anchors, json) = flags;
        Sample { top, step, wide, crlf, mark, ended, marker, anchors, json: json == 0 }
    })
}

impl Sample {
    fn text(&self) -> String {
        let mut out = String::new();
        if self.json {
            out = serde_json::to_string_pretty(&value_of(&self.top)).unwrap_or_default();
            out.push('\n');
        } else {
            if self.marker {
                out.push_str("---\n");
            }
            if self.anchors {
                out.push_str("base: &base # shared\n  p: 1\n  q: &word text\nuse: *base\nword: *word\nmerged:\n  <<: *base\n  r: 2\n");
            }
            self.block(&self.top, 0, &mut out);
        }
        if !self.ended {
            out.truncate(out.trim_end_matches('\n').len());
        }
        if self.crlf {
            out = out.replace('\n', "\r\n");
        }
        if self.mark { format!("\u{feff}{out}") } else { out }
    }

    /// The lines of a collection, or of a scalar, at `column`; the first one without indentation.
    fn block(&self, node: &Styled, column: usize, out: &mut String) {
        let pad = " ".repeat(column);
        match node {
            Styled::Mapping(children, false) if !children.is_empty() => {
                for (i, (child, trivia)) in children.iter().enumerate() {
                    comment(*trivia, &pad, i, out);
                    let _ = write!(out, "{}key{i}:", if starts_line(out) { pad.as_str() } else { "" });
                    let dashes = if self.wide { column + self.step } else { column };
                    let below = if matches!(child, Styled::Sequence(..)) { dashes } else { column + self.step };
                    self.value(child, below, *trivia, out);
                }
            }
            Styled::Sequence(children, false) if !children.is_empty() => {
                for (i, (child, trivia)) in children.iter().enumerate() {
                    comment(*trivia, &pad, i, out);
                    let _ = write!(out, "{}-", if starts_line(out) { pad.as_str() } else { "" });
                    match child {
                        Styled::Mapping(inner, false) | Styled::Sequence(inner, false)
                            if inner.first().is_some_and(|(_, trivia)| trivia % 8 > 1) =>
                        {
                            out.push(' ');
                            self.block(child, column + 2, out);
                        }
                        _ => self.value(child, column + 2, *trivia, out),
                    }
                }
            }
            _ => self.value(node, column, 9, out),
        }
    }

    /// What stands behind a `:` or `-`, to the end of its last line.
    fn value(&self, node: &Styled, below: usize, trivia: u8, out: &mut String) {
        let tail = if trivia / 8 == 1 { " # behind\n" } else { "\n" };
        match node {
            Styled::Mapping(children, false) | Styled::Sequence(children, false) if !children.is_empty() => {
                out.push_str(tail);
                self.block(node, below, out);
            }
            Styled::Scalar(text, style @ 4..)
                if text.contains('\n') && !text.starts_with([' ', '\n']) && is_plain_lines(text) =>
            {
                let header = if text.ends_with('\n') { "|" } else { "|-" };
                let _ = write!(out, " {header}{tail}");
                for line in text.trim_end_matches('\n').split('\n') {
                    let _ = writeln!(out, "{}{line}", " ".repeat(below.max(1)));
                }
                let _ = style;
            }
            Styled::Scalar(text, 3) if is_words(text) => {
                let _ = writeln!(out, " >-{tail}{}{text}", " ".repeat(below.max(1)));
            }
            _ => {
                let _ = write!(out, " {}{tail}", flow(node));
            }
        }
    }
}

fn starts_line(out: &str) -> bool {
    out.is_empty() || out.ends_with('\n')
}

fn is_plain_lines(text: &str) -> bool {
    text.lines().all(|line| !line.trim().is_empty() && !line.ends_with(' '))
}

fn is_words(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

fn comment(trivia: u8, pad: &str, i: usize, out: &mut String) {
    if starts_line(out) {
        match trivia % 8 {
            0 => {
                let _ = writeln!(out, "{pad}# about {i}");
            }
            1 => out.push('\n'),
            _ => {}
        }
    }
}

fn flow(node: &Styled) -> String {
    match node {
        Styled::Scalar(text, style) => match style {
            1 if !text.contains('\n') => format!("'{}'", text.replace('\'', "''")),
            0 | 3 if yaml::is_safe_plain(text, yaml::Place::Flow) => text.clone(),
            _ => yaml::double_quoted(text),
        },
        Styled::Mapping(children, _) => {
            let entries: Vec<String> =
                children.iter().enumerate().map(|(i, (node, _))| format!("key{i}: {}", flow(node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Styled::Sequence(children, _) => {
            format!("[{}]", children.iter().map(|(node, _)| flow(node)).collect::<Vec<_>>().join(", "))
        }
    }
}

fn value_of(node: &Styled) -> Value {
    match node {
        Styled::Scalar(text, _) => json!(text),
        Styled::Mapping(children, _) => {
            children.iter().enumerate().map(|(i, (node, _))| (format!("key{i}"), value_of(node))).collect()
        }
        Styled::Sequence(children, _) => children.iter().map(|(node, _)| value_of(node)).collect(),
    }
}

type Law = fn(&Sample, &str, &Document, &mut Random) -> Result<(), String>;

pub(super) fn trials() -> Vec<Trial> {
    let laws: [(&str, Law); 13] = [
        ("p01_no_edit_no_change", no_edit),
        ("p02_value_is_patched", patched),
        ("p03_other_events_stay", other_events),
        ("p04_only_lines_that_must", only_lines),
        ("p05_twice_is_once", idempotent),
        ("p06_insert_and_remove_is_nothing", there_and_back),
        ("p07_line_ends_stay", line_ends),
        ("p08_in_a_stream_as_alone", in_a_stream),
        ("p09_every_byte_is_known", every_byte),
        ("p10_order_does_not_matter", commutes),
        ("p12_strings_read_back", strings),
        ("p13_alias_changes_alone", aliases),
        ("p14_comments_go_with_their_own", own_comments),
    ];
    let mut trials: Vec<Trial> =
        laws.into_iter().map(|(name, law)| Trial::test(format!("yaml::laws::{name}"), move || hold(law))).collect();
    trials.push(support::trial("yaml::laws::p11_types_are_kubectls", golden));
    trials
}

fn hold(law: Law) -> Result<(), Failed> {
    let config = Config { cases: 400, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let run = |(sample, seed): (Sample, u64)| {
        let text = sample.text();
        let doc =
            support::document(&text, 0).map_err(|fault| TestCaseError::fail(format!("{fault:?} in\n{text:?}")))?;
        law(&sample, &text, &doc, &mut Random(seed))
            .map_err(|fault| TestCaseError::fail(format!("{fault} in\n{text:?}")))
    };
    runner.run(&(sample(), any::<u64>()), run).map_err(|error| Failed::from(error.to_string()))
}

fn rendered(doc: &Document, ops: &[(NodeRef, Op)]) -> Option<Rendering> {
    let mut plan = Plan::new(doc);
    plan.admit(ops).ok()?;
    plan.render().ok()
}

/// Draws an edit, does it and proves it; `None` where it is refused.
fn drawn<'a>(doc: &'a Document, random: &mut Random) -> Result<Option<(campaign::Draw, Rendering, String)>, String> {
    let nodes: Vec<Node<'a>> = campaign::nodes(doc);
    let Some(draw) = campaign::draw(random, &nodes).filter(|(kind, _)| *kind != "batch") else { return Ok(None) };
    let Some(rendering) = rendered(doc, &draw.1) else { return Ok(None) };
    match support::prove(doc, &rendering) {
        Ok((after, _)) => Ok(Some((draw, rendering, after))),
        Err(Fault::Disproved(disproof, after)) => Err(format!("{draw:?}: {disproof}: {after:?}")),
        Err(fault) => Err(format!("{draw:?}: {fault:?}")),
    }
}

fn no_edit(sample: &Sample, text: &str, doc: &Document, _: &mut Random) -> Result<(), String> {
    let rendering = Plan::new(doc).render().map_err(|refusal| refusal.to_string())?;
    if rendering.edits.apply(text) != text || !rendering.patch.0.is_empty() {
        return Err("changed".to_owned());
    }
    if !sample.anchors || sample.json {
        // The generator knows the value; a literal that ends an unended text has lost its line feed.
        let got = yaml::value(doc).map_err(|error| error.to_string())?;
        let wanted = value_of(&sample.top);
        if sample.ended && !typed_alike(&got, &wanted) {
            return Err(format!("{got} instead of {wanted}"));
        }
    }
    Ok(())
}

/// The generator writes plain words only where they are strings.
fn typed_alike(got: &Value, wanted: &Value) -> bool {
    got == wanted
}

fn patched(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    (0..8).try_for_each(|_| drawn(doc, random).map(|_| ()))
}

fn other_events(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let Some(((kind, ops), _, after)) = drawn(doc, random)? else { return Ok(()) };
    let (old, new) = (yaml::events(doc), support::document(&after, 0).map(|doc| yaml::events(&doc)));
    let new = new.map_err(|fault| format!("{fault:?}"))?;
    let is_scalar = matches!(&ops[0].1, Op::Set(value) if !value.is_object() && !value.is_array()) || kind == "splice";
    let node = doc.node(ops[0].0.node, ops[0].0.via).ok_or("no node")?;
    if is_scalar && node.kind().is_scalar() && node.via() == Via::Here {
        let changed = old.iter().zip(&new).filter(|(a, b)| a != b).count();
        // A block scalar in front may get another header, which events do not show.
        if old.len() != new.len() || changed > 1 {
            return Err(format!("{ops:?}: {changed} events changed"));
        }
    }
    if matches!(kind, "push" | "insert" | "push, no parent") && node.kind() == Kind::BlockMapping {
        let mut rest = new.iter();
        if !old.iter().all(|event| rest.any(|have| have == event)) {
            return Err(format!("{ops:?}: an event is gone"));
        }
    }
    Ok(())
}

fn only_lines(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let Some(((kind, ops), _, after)) = drawn(doc, random)? else { return Ok(()) };
    campaign::lines(doc, kind, &ops, &after).map_or(Ok(()), |fault| Err(format!("{ops:?}: {fault}: {after:?}")))
}

fn idempotent(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let nodes = campaign::nodes(doc);
    let Some(node) = random.pick(&nodes).copied() else { return Ok(()) };
    let value = campaign::scalar(random);
    let path = node.json_pointer();
    let op = (path.clone(), Op::Set(value.clone()));
    let Ok(once) = support::edit(doc.text(), 0, std::slice::from_ref(&op)) else { return Ok(()) };
    let there = support::document(&once, 0).map_err(|fault| format!("{fault:?}"))?;
    let Some(_) = there.root().pointer(&support::parts(&path)) else { return Err(format!("{path} is gone")) };
    let twice = support::edit(&once, 0, &[op]).map_err(|fault| format!("again: {fault:?}"))?;
    if twice == once { Ok(()) } else { Err(format!("set {path} to {value}: {once:?}, then {twice:?}")) }
}

fn there_and_back(_: &Sample, text: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let nodes: Vec<Node<'_>> = campaign::nodes(doc)
        .into_iter()
        .filter(|node| node.kind().is_mapping() && !node.entries().is_empty())
        .collect();
    let Some(node) = random.pick(&nodes).copied().filter(|node| node.via() == Via::Here) else { return Ok(()) };
    let pointer = format!("{}/zz-meshfix", node.json_pointer());
    let value = campaign::scalar(random);
    let Ok(with) = support::edit(text, 0, &[support::insert(&pointer, value)]) else { return Ok(()) };
    let without = support::edit(&with, 0, &[support::remove(&pointer)]).map_err(|fault| format!("back: {fault:?}"))?;
    // A block scalar that ended the text keeps the `-` that it needed.
    let unended = !text.ends_with('\n')
        && without.replace("|-", "|").replace(">-", ">") == text.replace("|-", "|").replace(">-", ">");
    if without == text || unended { Ok(()) } else { Err(format!("{pointer}: {with:?}, then {without:?}")) }
}

fn line_ends(sample: &Sample, text: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let Some(((_, ops), _, after)) = drawn(doc, random)? else { return Ok(()) };
    let breaks = after.matches('\n').count();
    let crlf = after.matches("\r\n").count();
    let has_breaks = text.contains('\n');
    let same = !has_breaks || if sample.crlf { breaks == crlf } else { crlf == 0 };
    if !same {
        return Err(format!("{ops:?}: line breaks: {after:?}"));
    }
    if after.starts_with('\u{feff}') != sample.mark {
        return Err(format!("{ops:?}: the mark: {after:?}"));
    }
    // A block scalar keeps the line break that is part of its value.
    let last_is_literal = text.contains('|');
    if after.ends_with('\n') != text.ends_with('\n') && !last_is_literal {
        return Err(format!("{ops:?}: the final line break: {after:?}"));
    }
    Ok(())
}

fn in_a_stream(sample: &Sample, text: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    if sample.mark || !sample.marker || sample.json || !sample.ended {
        return Ok(());
    }
    let Some(((_, ops), _, alone)) = drawn(doc, random)? else { return Ok(()) };
    let ending = if sample.crlf { "\r\n" } else { "\n" };
    let (head, tail) = (format!("first:{ending}    - 1{ending}"), format!("---{ending}last: 1{ending}"));
    let stream = format!("{head}{text}{tail}");
    let second = support::document(&stream, 1).map_err(|fault| format!("{fault:?}"))?;
    let rendering = rendered(&second, &ops).ok_or("refused in the stream")?;
    let (after, _) = support::prove(&second, &rendering).map_err(|fault| format!("{ops:?}: {fault:?}"))?;
    if after == format!("{head}{alone}{tail}") {
        Ok(())
    } else {
        Err(format!("{ops:?}: {alone:?} alone, {after:?} in the stream"))
    }
}

fn every_byte(_: &Sample, text: &str, doc: &Document, _: &mut Random) -> Result<(), String> {
    let mut known = vec![false; text.len()];
    let leaves = (0..doc.len() as u32)
        .filter_map(|id| doc.node(id, Via::Here))
        .filter(|node| node.kind().is_scalar() || node.kind() == Kind::Alias);
    let mut last = 0;
    for span in leaves.map(Node::span).chain(doc.comments().iter().copied()) {
        known[span.range()].fill(true);
        if !text.is_char_boundary(span.start as usize) || !text.is_char_boundary(span.end as usize) {
            return Err(format!("{span:?} cuts a character"));
        }
        last = last.max(span.end);
    }
    let unknown: String = text.char_indices().filter(|(at, _)| !known[*at]).map(|(_, c)| c).collect();
    let mut unknown = unknown.trim_start_matches('\u{feff}').to_owned();
    for anchor in ["&base", "&word"] {
        unknown = unknown.replace(anchor, "");
    }
    match unknown.chars().find(|c| !" \t\r\n-?:,[]{}.%".contains(*c)) {
        Some(c) => Err(format!("{c:?} belongs to nothing")),
        None => Ok(()),
    }
}

fn commutes(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let nodes = campaign::nodes(doc);
    let draws: Vec<_> =
        (0..2).filter_map(|_| campaign::draw(random, &nodes)).filter(|(kind, _)| *kind != "batch").collect();
    let [(_, one), (_, two)] = draws.as_slice() else { return Ok(()) };
    let both = |first: &[(NodeRef, Op)], second: &[(NodeRef, Op)]| {
        let mut plan = Plan::new(doc);
        plan.admit(first).ok()?;
        plan.admit(second).ok()?;
        let rendering = plan.render().ok()?;
        Some(support::prove(doc, &rendering).map(|(after, _)| after).map_err(|fault| format!("{fault:?}")))
    };
    // Additions to one place stand in the order in which they came.
    let meet = |(at, _): &(NodeRef, Op)| at.via != Via::Here || two.iter().any(|(other, _)| at.node == other.node);
    if one.iter().any(meet) || two.iter().any(|(at, _)| at.via != Via::Here) {
        return Ok(());
    }
    match (both(one, two), both(two, one)) {
        (Some(Err(fault)), _) | (_, Some(Err(fault))) => Err(format!("{one:?} and {two:?}: {fault}")),
        (Some(a), Some(b)) if a != b => Err(format!("{one:?} and {two:?}: {a:?} or {b:?}")),
        _ => Ok(()),
    }
}

fn strings(_: &Sample, _: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    const PARTS: &[&str] = &[
        "a",
        " ",
        "\n",
        ":",
        "#",
        "- ",
        "'",
        "\"",
        "\\",
        "{",
        "]",
        ",",
        "yes",
        "0",
        "1e3",
        "\t",
        "\u{e9}",
        "\u{1f600}",
        "\u{85}",
        "\u{feff}",
        "\u{7f}",
        "|",
        "&",
        "*",
        "!",
        "%",
        "@",
        "`",
        "?",
        "=",
        "<<",
        "~",
        "---",
        "...",
    ];
    let new: String = (0..1 + random.below(5)).filter_map(|_| random.pick(PARTS)).copied().collect();
    let nodes: Vec<Node<'_>> = campaign::nodes(doc).into_iter().filter(|node| node.kind().is_scalar()).collect();
    let Some(node) = random.pick(&nodes).copied().filter(|node| node.via() == Via::Here) else { return Ok(()) };
    let pointer = node.json_pointer();
    let Ok(after) = support::edit(doc.text(), 0, &[support::set(&pointer, new.as_str())]) else { return Ok(()) };
    let read = |value: Option<&Value>, reader: &str| match value {
        Some(Value::String(have)) if *have == new => Ok(()),
        other => Err(format!("{reader} reads {other:?} instead of {new:?} in {after:?}")),
    };
    let text = after.trim_start_matches('\u{feff}');
    let ours = support::document(&after, 0).map_err(|fault| format!("{fault:?}"))?;
    read(yaml::value(&ours).ok().as_ref().and_then(|value| value.pointer(&pointer)), "the first reader")?;
    if let Ok(Some(Ok(value))) = yaml::second_value(text) {
        read(value.pointer(&pointer), "the second reader")?;
    }
    // libyaml has no escape for what JSON calls a surrogate pair, and none is written.
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) => read(value.pointer(&pointer), "serde_yaml"),
        Err(error) if serde_yaml::from_str::<Value>(doc.text().trim_start_matches('\u{feff}')).is_ok() => {
            Err(format!("serde_yaml: {error} in {after:?}"))
        }
        Err(_) => Ok(()),
    }
}

fn aliases(sample: &Sample, text: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    if !sample.anchors || sample.json {
        return Ok(());
    }
    let before = yaml::value(doc).map_err(|error| error.to_string())?;
    let value = campaign::scalar(random);
    let ops = [
        support::set("/word", value.clone()),
        support::insert("/use/new", value.clone()),
        support::set("/merged/p", value.clone()),
        support::insert("/merged/new", value.clone()),
    ];
    for op in ops {
        let after = support::edit(text, 0, std::slice::from_ref(&op)).map_err(|fault| format!("{op:?}: {fault:?}"))?;
        let after = support::document(&after, 0).ok().and_then(|doc| yaml::value(&doc).ok()).ok_or("unreadable")?;
        let changed = ["base", "use", "word", "merged"].iter().filter(|key| before[**key] != after[**key]).count();
        let rest = after
            .as_object()
            .is_some_and(|map| map.iter().all(|(key, value)| !key.starts_with("key") || before[key] == *value));
        if changed > 1 || !rest || before["base"] != after["base"] {
            return Err(format!("{op:?}: {changed} values changed"));
        }
    }
    let refused =
        [support::set("/base/q", 1), support::set("/use/p", 1), support::remove("/merged/p"), support::remove("/base")];
    for op in refused {
        match support::edit(text, 0, std::slice::from_ref(&op)) {
            Err(Fault::Refused(_)) => {}
            other => return Err(format!("{op:?}: {other:?} instead of a refusal")),
        }
    }
    Ok(())
}

fn own_comments(sample: &Sample, text: &str, doc: &Document, random: &mut Random) -> Result<(), String> {
    let Styled::Mapping(children, _) = &sample.top else { return Ok(()) };
    if sample.json || children.len() < 2 {
        return Ok(());
    }
    let i = random.below(children.len());
    let key = format!("key{i}");
    let Ok(after) = support::edit(text, 0, &[support::remove(&format!("/{key}"))]) else { return Ok(()) };
    let Some(node) = doc.root().get(&key) else { return Ok(()) };
    let entry = node.entry_span();
    let comments = doc.comments();
    let inside = comments.iter().filter(|comment| entry.contains(**comment)).count();
    let line_end = text[entry.end as usize..].find('\n').map_or(text.len(), |i| entry.end as usize + i);
    let behind =
        comments.iter().filter(|comment| comment.start >= entry.end && comment.end as usize <= line_end).count();
    let above = usize::from(children[i].1 % 8 == 0);
    let left = support::document(&after, 0).map(|doc| doc.comments().len()).map_err(|fault| format!("{fault:?}"))?;
    let gone = comments.len() - left;
    if gone == inside + behind + above {
        Ok(())
    } else {
        Err(format!("{gone} comments went with {key}, not {inside} inside, {behind} behind, {above} above: {after:?}"))
    }
}

/// The table that the real sigs.k8s.io/yaml made, read through whole documents.
fn golden() -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../golden/scalars.json")).expect("valid JSON");
    let mut checked = 0;
    let mut faults = Vec::new();
    for row in &rows {
        let Some(text) = row["text"].as_str() else { continue };
        let Ok(Some(doc)) = yaml::parse_text(&format!("k: {text}\n")) else { continue };
        let node = doc.root().get("k");
        if node.is_none_or(|node| node.kind() != Kind::Plain || node.text() != Some(text)) {
            continue;
        }
        checked += 1;
        let ours = yaml::value(&doc).ok().map(|value| value["k"].clone());
        let close = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= a.abs() * f64::EPSILON * 2.0,
            _ => a == b,
        };
        let same = match (&ours, row.get("v2")) {
            (Some(ours), Some(theirs)) => close(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        if !same {
            faults.push(format!("{text:?}: {ours:?} instead of {:?}", row.get("v2")));
        }
    }
    if checked < 1_000 {
        faults.push(format!("only {checked} rows checked"));
    }
    faults
}
