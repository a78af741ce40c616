//! Random edits of real manifests. Each result is proven, read by a third parser, and touches no line
//! that it need not touch; or the edit is refused by name, which must stay rare.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Trial;
use meshfix::yaml::{self, Document, Kind, Node, NodeRef, Op, Plan, Rendering, Via};
use serde_json::{Value, json};

use super::support::{self, Fault, Random};

/// Most nodes that are looked at in one document; more say nothing new.
const NODES: usize = 20_000;

pub(super) fn trials() -> Vec<Trial> {
    let Some(folder) = crate::shared::folder() else {
        crate::shared::skip("the edit campaign");
        return Vec::new();
    };
    let edits = std::env::var("MESHFIX_CAMPAIGN").ok().and_then(|number| number.parse().ok()).unwrap_or(20_000);
    vec![support::trial("yaml::campaign", move || run(&folder.join("corpus/dev"), edits))]
}

/// What happened, by kind of edit and by refusal.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<(&'static str, String), usize>,
    /// Edits in documents without anchors, and the refusals among them.
    plain: (usize, usize),
    one_reader: usize,
    third_opinions: usize,
    faults: Vec<String>,
    refusals: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.plain.0 += other.plain.0;
        self.plain.1 += other.plain.1;
        self.one_reader += other.one_reader;
        self.third_opinions += other.third_opinions;
        self.faults.extend(other.faults);
        self.refusals.extend(other.refusals);
    }

    fn count(&mut self, kind: &'static str, outcome: &str) {
        *self.counts.entry((kind, outcome.to_owned())).or_default() += 1;
    }
}

#[allow(clippy::print_stderr, reason = "the counts are the result")]
fn run(corpus: &Path, edits: usize) -> Vec<String> {
    let files = manifests(corpus);
    if files.is_empty() {
        return vec![format!("{}: no manifests", corpus.display())];
    }
    let per_file = edits.div_ceil(files.len()) + 1;
    // Every n-th file when there are more files than edits to go round.
    let budget = AtomicUsize::new(edits);
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut tally = Tally::default();
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if budget.load(Ordering::Relaxed) == 0 {
                            break;
                        }
                        let done = one_file(corpus, file, per_file, &mut tally);
                        let _ = budget
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(done)));
                    }
                    tally
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => tally.add(part),
                Err(_) => tally.faults.push("a worker panicked".to_owned()),
            }
        }
    });
    let mut table = String::new();
    for ((kind, outcome), count) in &tally.counts {
        let _ = writeln!(table, "{kind:24} {outcome:20} {count}");
    }
    let (plain, refused) = tally.plain;
    let _ = writeln!(table, "documents without anchors: {plain} edits, {refused} refused");
    let _ = writeln!(table, "seen by one reader only: {}; third opinions: {}", tally.one_reader, tally.third_opinions);
    for refusal in tally.refusals.iter().take(60) {
        let _ = writeln!(table, "{refusal}");
    }
    eprintln!("{table}");
    if refused * 1_000 > plain {
        tally.faults.push(format!("{refused} of {plain} edits refused, more than one in a thousand"));
    }
    tally.faults
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json") {
                found.push(path);
            }
        }
    }
    // A fixed order that mixes the repositories.
    found.sort_by_cached_key(|path| Random::named(&path.strip_prefix(folder).unwrap_or(path).to_string_lossy()).next());
    found
}

/// Edits one file up to `limit` times, each time from its original text. Gives how often.
fn one_file(corpus: &Path, path: &Path, limit: usize, tally: &mut Tally) -> usize {
    let Ok(text) = fs::read_to_string(path) else { return 0 };
    let name = path.strip_prefix(corpus).unwrap_or(path).to_string_lossy().into_owned();
    let text: Arc<str> = text.into();
    let slices = yaml::slices(&text);
    let mut random = Random::named(&name);
    let documents: Vec<Document> = slices
        .iter()
        .filter_map(|slice| yaml::parse(&text, *slice).ok()?)
        .filter(|doc| yaml::value(doc).is_ok())
        .collect();
    let mut done = 0;
    for i in 0..limit {
        let Some(doc) = random.pick(&documents) else { return done };
        let nodes = nodes(doc);
        let Some((kind, ops)) = draw(&mut random, &nodes) else { continue };
        if let Some(fault) = one_edit(doc, kind, &ops, tally) {
            tally.faults.push(format!("{name} document at {} edit {i}: {kind}: {fault}\n  {ops:?}", doc.slice().start));
        }
        done += 1;
    }
    done
}

/// The nodes as a rule sees them: keys left out, aliases followed.
pub(super) fn nodes(doc: &Document) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    let mut open = vec![doc.root()];
    while let Some(node) = open.pop() {
        if nodes.len() >= NODES {
            break;
        }
        nodes.push(node);
        if node.kind().is_mapping() {
            open.extend(node.entries().into_iter().map(|(_, node)| node));
        } else {
            open.extend(node.items());
        }
    }
    nodes
}

const ORDER: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "spec",
    "data",
    "type",
    "selector",
    "ports",
    "replicas",
    "template",
    "image",
    "command",
    "args",
    "env",
    "resources",
];

pub(super) fn scalar(random: &mut Random) -> Value {
    const STRINGS: &[&str] = &[
        "istio",
        "app.kubernetes.io/name",
        "http://x:15000/?q=1",
        "",
        " leading",
        "trailing ",
        "yes",
        "null",
        "0123",
        "1e3",
        "a: b",
        "a #b",
        "- x",
        "it's",
        "say \"hi\"",
        "back\\slash",
        "tab\there",
        "naïve 数据 🙂",
        "*star",
        "two\nlines",
        "three\nlines\nend\n",
        "kept\n\n",
        "\n",
        "{{ .Values.x }}",
        "[a, b]",
        "%x",
        "@x",
        "a,b]}",
        "<<",
        "2024-01-01",
        "line with trailing space \nnext",
        "\u{7}bell",
        "--flag=x",
        "---",
        "trailing:",
    ];
    match random.below(8) {
        0 => json!(random.below(70_000)),
        1 => json!(-7),
        2 => json!(random.below(2) == 0),
        3 => json!(1.5),
        4 if random.below(4) == 0 => Value::Null,
        _ => json!(random.pick(STRINGS)),
    }
}

fn anything(random: &mut Random) -> Value {
    match random.below(10) {
        0 => json!({"name": "meshfix", "value": scalar(random)}),
        1 => json!({"requests": {"cpu": "100m", "list": [1, {"a": scalar(random), "b": []}, [2, 3]]}}),
        2 => json!(["NET_RAW", scalar(random)]),
        3 => json!({}),
        4 => json!([]),
        5 => json!([{"name": "x", "ports": [{"port": 80}]}, ["nested", ["deeper"]]]),
        _ => scalar(random),
    }
}

pub(super) type Draw = (&'static str, Vec<(NodeRef, Op)>);

pub(super) fn draw(random: &mut Random, nodes: &[Node<'_>]) -> Option<Draw> {
    match random.below(100) {
        0..10 => {
            let mut ops = Vec::new();
            for _ in 0..2 + random.below(5) {
                ops.extend(draw_one(random, nodes).map(|(_, ops)| ops).into_iter().flatten());
            }
            Some(("batch", ops)).filter(|(_, ops)| !ops.is_empty())
        }
        _ => draw_one(random, nodes),
    }
}

/// Some node of the wanted sort.
fn find<'a>(random: &mut Random, nodes: &[Node<'a>], wanted: fn(Node<'a>) -> bool) -> Option<Node<'a>> {
    (0..40).find_map(|_| random.pick(nodes).copied().filter(|node| wanted(*node)))
}

/// True where a tag stands in or at the node: such values are refused by design.
fn has_tag(node: Node<'_>) -> bool {
    node.document().text()[node.entry_span().range()].contains('!')
}

fn is_top(node: Node<'_>) -> bool {
    node.id() == 0 && node.via() == Via::Here
}

fn draw_one(random: &mut Random, nodes: &[Node<'_>]) -> Option<Draw> {
    let one = |name, node: Node<'_>, op| Some((name, vec![(node.into(), op)]));
    match random.below(12) {
        0..=2 => {
            let node = find(random, nodes, |node| node.kind().is_scalar() && !has_tag(node))?;
            one("set scalar", node, Op::Set(scalar(random)))
        }
        3 => {
            let node = find(random, nodes, |node| !has_tag(node))?;
            one("set anything", node, Op::Set(anything(random)))
        }
        4 | 5 => {
            let node = find(random, nodes, |node| node.kind().is_mapping() || node.is_null() && !has_tag(node))?;
            let first = *random.pick(&["zz-meshfix", "image", "namespace", "on", "a b"])?;
            if node.get(first).is_some() {
                return None;
            }
            let below = ["below", "x/y~z"].into_iter().take(random.below(3));
            let path = std::iter::once(first).chain(below).map(str::to_owned).collect();
            let order = if random.below(2) == 0 { ORDER } else { &[] };
            one("insert", node, Op::Insert { path, value: anything(random), order })
        }
        6 => {
            let node = find(random, nodes, |node| node.kind().is_sequence())?;
            one("push", node, Op::Push { path: vec![], value: anything(random) })
        }
        7 => {
            let node = find(random, nodes, |node| node.kind().is_sequence())?;
            let index = random.below(node.items().count() + 1).to_string();
            one("insert item", node, Op::Insert { path: vec![index], value: anything(random), order: &[] })
        }
        8 => {
            let node = find(random, nodes, |node| !is_top(node))?;
            one("remove", node, Op::Remove)
        }
        9 => {
            let node = find(random, nodes, |node| !node.kind().is_scalar())?;
            let children: Vec<Node<'_>> = match node.kind().is_mapping() {
                true => node.entries().into_iter().map(|(_, node)| node).collect(),
                false => node.items().collect(),
            };
            let share = 1 + random.below(3);
            let gone: Vec<_> = children.into_iter().filter(|_| random.below(3) < share).collect();
            let ops: Vec<_> = gone.into_iter().map(|node| (NodeRef::from(node), Op::Remove)).collect();
            (!ops.is_empty()).then_some(("remove several", ops))
        }
        10 => {
            let node = find(random, nodes, |node| node.as_str().is_some() && !has_tag(node))?;
            let range = range(random, node.as_str()?);
            let text = *random.pick(&["", "x", "15021", "new text", "a:b", "\"q\"", "it's", "é", "\\", "# no"])?;
            one("splice", node, Op::Splice { range, text: text.to_owned() })
        }
        _ => {
            let node = find(random, nodes, |node| node.kind().is_mapping())?;
            one("push, no parent", node, Op::Push { path: vec!["zz-list".to_owned()], value: anything(random) })
        }
    }
}

/// A short range of `text`, between characters.
fn range(random: &mut Random, text: &str) -> Range<usize> {
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(random.below(text.len() + 1));
    let length = random.below(12).min(text.len() - start);
    start..boundary(start + length).max(start)
}

/// Does one edit and counts it; gives what is wrong with it.
fn one_edit(doc: &Document, kind: &'static str, ops: &[(NodeRef, Op)], tally: &mut Tally) -> Option<String> {
    let mut plan = Plan::new(doc);
    let mut refused = None;
    let changes: Vec<&[(NodeRef, Op)]> = if kind == "batch" { ops.chunks(1).collect() } else { vec![ops] };
    for change in changes {
        match plan.admit(change).map_err(Fault::from) {
            Ok(()) => {}
            Err(Fault::Refused(refusal)) => refused = Some(refusal),
            Err(_) => tally.count(kind, "conflict"),
        }
    }
    let rendering = match plan.render() {
        Ok(rendering) => Some(rendering),
        Err(refusal) => {
            refused = Some(refusal);
            None
        }
    };
    // Text that is folded or escaped where the range is drawn at random says nothing about the layer.
    let by_design = refused.as_ref().is_some_and(|refusal| refusal.name() == "embedded");
    if !doc.has_anchors() && !by_design {
        tally.plain.0 += 1;
        tally.plain.1 += usize::from(refused.is_some());
    }
    if let Some(refusal) = refused {
        tally.count(kind, refusal.name());
        if !doc.has_anchors() && !by_design {
            let line = meshfix::text::line_at(doc.text(), refusal.at().start as usize);
            tally.refusals.push(format!("{kind}: {refusal}: {:?} {ops:?}", &doc.text()[line.range()]));
        }
        if kind != "batch" {
            return None;
        }
    }
    let rendering = rendering.filter(|rendering| !rendering.edits.is_empty() || !rendering.patch.0.is_empty())?;
    tally.count(kind, "done");
    let (after, readers) = match support::prove(doc, &rendering) {
        Ok(done) => done,
        Err(Fault::Disproved(disproof, after)) => {
            return Some(format!("{disproof}\n{}", excerpt(doc, &rendering, &after)));
        }
        Err(fault) => return Some(format!("{fault:?}")),
    };
    tally.one_reader += usize::from(readers == 1);
    let slice = support::slice_after(doc, &rendering);
    if !yaml::slices(&after).contains(&slice) {
        return Some(format!("the stream is split in another way\n{}", excerpt(doc, &rendering, &after)));
    }
    let fault = third_opinion(doc, &rendering, &after[slice.range()], tally).or_else(|| lines(doc, kind, ops, &after));
    fault.map(|fault| format!("{fault}\n{}", excerpt(doc, &rendering, &after)))
}

/// The part of the text that changed, before and after.
fn excerpt(doc: &Document, rendering: &Rendering, after: &str) -> String {
    let edits = rendering.edits.edits();
    let (Some(first), Some(last)) = (edits.first(), edits.last()) else { return String::new() };
    let text = doc.text();
    let back = |at: usize| text[..at].rmatch_indices('\n').nth(2).map_or(0, |(i, _)| i + 1);
    let forth = |text: &str, at: usize| text[at..].match_indices('\n').nth(2).map_or(text.len(), |(i, _)| at + i + 1);
    let start = back(first.span.start as usize);
    let end = forth(text, last.span.end as usize);
    let shown = |text: &str| text.chars().take(2_000).collect::<String>();
    let kept = text.len() - end;
    format!("--- before\n{}\n--- after\n{}", shown(&text[start..end]), shown(&after[start..after.len() - kept]))
}

/// `serde_yaml` must see the same change, where it reads the original and types it as kubectl does.
fn third_opinion(doc: &Document, rendering: &Rendering, after: &str, tally: &mut Tally) -> Option<String> {
    let read = |text: &str| serde_yaml::from_str::<Value>(text.trim_start_matches('\u{feff}'));
    let mut before = read(&doc.text()[doc.slice().range()]).ok()?;
    json_patch::patch(&mut before, &rendering.patch.0).ok()?;
    tally.third_opinions += 1;
    let after = match read(after) {
        Ok(after) => after,
        Err(error) => return Some(format!("serde_yaml refuses the result: {error}")),
    };
    // Where ours and theirs differ on a key (`on`), a patched path may be new to them.
    let at_typed_key =
        rendering.patch.0.iter().any(|operation| {
            operation.path().tokens().any(|token| matches!(token.decoded().as_ref(), "true" | "false"))
        });
    let at_merge = doc.has_anchors();
    (before != after && !at_typed_key && !at_merge).then(|| "serde_yaml sees another change".to_owned())
}

/// The first line that changed, and how many went and came.
fn changed_lines(before: &str, after: &str) -> (usize, usize, usize) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if old.is_empty() || new.is_empty() {
        return (head, old.len(), new.len());
    }
    let changes = similar::TextDiff::from_slices(old, new);
    let (mut removed, mut added) = (0, 0);
    for change in changes.iter_all_changes() {
        match change.tag() {
            similar::ChangeTag::Delete => removed += 1,
            similar::ChangeTag::Insert => added += 1,
            similar::ChangeTag::Equal => {}
        }
    }
    (head, removed, added)
}

/// No line changes that need not change.
pub(super) fn lines(doc: &Document, kind: &str, ops: &[(NodeRef, Op)], after: &str) -> Option<String> {
    let [(at, op)] = ops else { return None };
    let node = doc.node(at.node, at.via)?;
    let (head, removed, added) = changed_lines(doc.text(), after);
    let line_of = |at: u32| doc.text()[..at as usize].matches('\n').count();
    let at_end = doc.slice().end as usize == doc.text().len() && !doc.text().ends_with('\n');
    match op {
        Op::Set(value) if node.kind().is_scalar() && !value.is_object() && !value.is_array() => {
            let span = node.span();
            let (first, last) = (line_of(span.start), line_of(span.end));
            let outside = removed > 0 && (head < first || head + removed > last + 1) || removed == 0 && added > 0;
            (outside && node.via() == Via::Here).then(|| format!("lines {head}..{} changed", head + removed))
        }
        Op::Insert { .. } | Op::Push { .. } => {
            let block = matches!(node.kind(), Kind::BlockMapping | Kind::BlockSequence | Kind::Empty);
            (block && removed > 0 && !at_end && node.via() == Via::Here)
                .then(|| format!("{removed} lines removed by {kind}"))
        }
        Op::Remove if node.via() == Via::Here => (added > 1).then(|| format!("{added} lines added by {kind}")),
        _ => None,
    }
}
