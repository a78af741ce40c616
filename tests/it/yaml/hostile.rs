//! Input made to break readers, and edits made to lie: time stays linear, and the proof sees through them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use meshfix::text::{Edit, EditSet, Span};
use meshfix::yaml::{self, Disproof, Document, NodeRef, Op, Plan, Rendering};
use serde_json::{Value, json};

use super::support;

/// Far above what any machine needs; quadratic time is far above it.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn trials() -> Vec<Trial> {
    let timed = |name: &str, run: fn() -> Vec<String>| {
        support::trial(format!("yaml::hostile::{name}"), move || {
            let start = Instant::now();
            let mut faults = run();
            let time = start.elapsed();
            if time > LIMIT {
                faults.push(format!("took {time:?}"));
            }
            faults
        })
    };
    vec![
        timed("nesting", nesting),
        timed("alias_bomb", alias_bomb),
        timed("alias_chain", alias_chain),
        timed("many_aliases", many_aliases),
        timed("half_a_million_keys", half_a_million_keys),
        timed("huge_block_scalar", huge_block_scalar),
        timed("one_line", one_line),
        timed("bytes", bytes),
        timed("many_sets", many_sets),
        timed("many_inserts", many_inserts),
        timed("many_removals", many_removals),
        timed("many_new_keys", many_new_keys),
        timed("many_pushes", many_pushes),
        timed("many_documents", many_documents),
        timed("lies", lies),
    ]
}

fn read(text: &str) -> Result<Document, String> {
    match yaml::parse_text(text) {
        Ok(Some(doc)) => Ok(doc),
        Ok(None) => Err("no document".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn nesting() -> Vec<String> {
    let mut faults = Vec::new();
    let deep: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let flow = format!("{}1{}", "{a: ".repeat(50_000), "}".repeat(50_000));
    for text in ["- ".repeat(100_000), "? ".repeat(100_000), "[".repeat(100_000), "{".repeat(100_000), deep, flow] {
        if read(&text).is_ok() {
            faults.push(format!("{:?} is read", &text[..20]));
        }
        // The second reader alone has no bound on depth, so it must not need the stack.
        let _ = yaml::second_value(&text);
    }
    // As deep as is read can be edited.
    let text = format!("{}x\n", "- ".repeat(120));
    match support::edit(&text, 0, &[support::set(&"/0".repeat(120), 1)]) {
        Ok(after) if after.ends_with("- 1\n") => {}
        other => faults.push(format!("{other:?}")),
    }
    faults
}

fn refused_value(doc: &Document) -> Vec<String> {
    let denial = Plan::new(doc).admit(&[(doc.root().into(), Op::Set(json!(1)))]);
    match (yaml::value(doc), denial) {
        (Err(_), Err(_)) => Vec::new(),
        (value, denial) => vec![format!("value is there: {}, edit: {denial:?}", value.is_ok())],
    }
}

fn alias_bomb() -> Vec<String> {
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, last) in ('b'..='i').zip('a'..) {
        text += &format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 9].join(","));
    }
    let mut faults = read(&text).map_or_else(|error| vec![error], |doc| refused_value(&doc));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 100_000].join(","));
    faults.extend(read(&long).map_or_else(|error| vec![error], |doc| refused_value(&doc)));
    // Merges that multiply.
    let mut text = "a0: &a0 {x: 1}\n".to_owned();
    for i in 1..60 {
        text += &format!("a{i}: &a{i} {{<<: [{}]}}\n", vec![format!("*a{}", i - 1); 9].join(","));
    }
    match read(&text) {
        Ok(doc) => {
            faults.extend(refused_value(&doc));
            let top = doc.root().get("a59");
            if top.is_none_or(|top| top.get("y").is_some() || top.entries().len() > 1) {
                faults.push("the merged view is wrong".to_owned());
            }
        }
        Err(error) => faults.push(error),
    }
    faults
}

fn alias_chain() -> Vec<String> {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for i in 1..50_000 {
        text += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
    }
    read(&text).map_or_else(|error| vec![error], |doc| refused_value(&doc))
}

fn many_aliases() -> Vec<String> {
    let mut text = String::new();
    for i in 0..50_000 {
        text += &format!("a{i}: &a{i} x\nb{i}: *a{i}\n");
    }
    text += "z:\n";
    for i in 0..50_000 {
        text += &format!("- *a{i}\n");
    }
    let doc = match read(&text) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let ops: Vec<(NodeRef, Op)> = items(&doc, "z").into_iter().take(10_000).map(|at| (at, Op::Set(json!(1)))).collect();
    one_by_one(&doc, &ops)
}

fn half_a_million_keys() -> Vec<String> {
    let keys = |count: usize| -> String { (0..count).map(|i| format!("key{i}: value{i}\n")).collect() };
    let doc = match read(&keys(500_000)) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let Some(last) = doc.root().get("key499999") else { return vec!["the last key is not there".to_owned()] };
    let mut plan = Plan::new(&doc);
    let insert = Op::Insert { path: vec!["new".to_owned()], value: json!(1), order: &[] };
    let admitted = plan.admit(&[(last.into(), Op::Set(json!("x"))), (doc.root().into(), insert)]);
    let edits = plan.render().map(|rendering| rendering.edits.edits().len()).unwrap_or_default();
    let mut faults = Vec::new();
    if admitted != Ok(()) || edits != 2 {
        faults.push(format!("{admitted:?}, {edits} edits"));
    }
    match support::edit(&keys(100_000), 0, &[support::set("/key99999", "x"), support::insert("/new", 1)]) {
        Ok(after) if after.ends_with("key99999: x\nnew: 1\n") => {}
        Ok(_) => faults.push("another text".to_owned()),
        Err(fault) => faults.push(format!("{fault:?}")),
    }
    faults
}

fn huge_block_scalar() -> Vec<String> {
    let text = format!("a: |\n{}b: 1\n", "  some text that goes on for a line\n".repeat(16 * 1024 * 1024 / 36));
    let mut faults = Vec::new();
    for op in [support::set("/b", 2), support::splice(&text, "/a", "goes", "went")] {
        if let Err(fault) = support::edit(&text, 0, &[op]) {
            faults.push(format!("{fault:?}").chars().take(200).collect());
        }
    }
    faults
}

fn one_line() -> Vec<String> {
    let items: Vec<String> = (0..30_000).map(|i| format!("{{\"name\":\"n{i}\",\"list\":[1,2]}}")).collect();
    let text = format!("{{\"items\":[{}]}}\n", items.join(","));
    let doc = match read(&text) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let nodes = doc.root().get("items").map(|list| list.items().take(10_000).collect::<Vec<_>>()).unwrap_or_default();
    let mut ops: Vec<(NodeRef, Op)> = Vec::new();
    for (i, node) in nodes.into_iter().enumerate() {
        match (i % 4, node.get("name"), node.get("list")) {
            (0, Some(name), _) => ops.push((name.into(), Op::Set(json!("x")))),
            (1, _, Some(list)) => ops.push((list.into(), Op::Push { path: vec![], value: json!(3) })),
            (2, ..) => {
                ops.push((node.into(), Op::Insert { path: vec!["new".to_owned()], value: json!({"a": 1}), order: &[] }))
            }
            (_, Some(name), _) => ops.push((name.into(), Op::Remove)),
            _ => {}
        }
    }
    one_by_one(&doc, &ops)
}

fn bytes() -> Vec<String> {
    let mut faults = Vec::new();
    for text in ["a: x\0y\n", "a: \"\0\"\n", "a: \u{1b}[31m\n", "\u{7}"] {
        if read(text).is_ok() {
            faults.push(format!("{text:?} is read"));
        }
    }
    // Read, as every parser reads it, and never edited.
    for text in ["a: 1\rb: 2\r", "a: 1\r\nb: 2\r", "a: \"x\u{2029}\"\nb: 1\n"] {
        match read(text) {
            Ok(doc) if Plan::new(&doc).admit(&[(doc.root().into(), Op::Set(json!(1)))]).is_err() => {}
            Ok(_) => faults.push(format!("{text:?} is edited")),
            Err(_) => {}
        }
    }
    // No byte panics, alone or in a place.
    for c in (0..0x300u32).chain([0x2028, 0xfeff, 0xfffe, 0x1_f600, 0x10_ffff]).filter_map(char::from_u32) {
        for text in [
            format!("{c}"),
            format!("a: {c}\n"),
            format!("{c}: a\n- {c}"),
            format!("[{c}, \"{c}\", '{c}']"),
            format!("|{c}\n x"),
        ] {
            if let Ok(Some(doc)) = yaml::parse_text(&text) {
                let _ = (yaml::value(&doc), yaml::events(&doc), yaml::second_value(&text));
                if let Ok(after) = support::edit(&text, 0, &[support::set("", json!({"k": "v"}))]) {
                    let _ = read(&after);
                }
            }
        }
    }
    faults
}

fn items(doc: &Document, key: &str) -> Vec<NodeRef> {
    doc.root().get(key).map(|list| list.items().map(NodeRef::from).collect()).unwrap_or_default()
}

/// Admits each operation as a change of its own, renders all and proves them.
fn one_by_one(doc: &Document, ops: &[(NodeRef, Op)]) -> Vec<String> {
    let start = Instant::now();
    let mut plan = Plan::new(doc);
    for op in ops {
        if let Err(denial) = plan.admit(std::slice::from_ref(op)) {
            return vec![format!("{denial:?}")];
        }
    }
    let admitted = start.elapsed();
    let rendering = match plan.render() {
        Ok(rendering) => rendering,
        Err(refusal) => return vec![refusal.to_string()],
    };
    let rendered = start.elapsed();
    let proof = support::prove(doc, &rendering);
    let mut faults: Vec<String> =
        proof.err().map(|fault| format!("{fault:?}").chars().take(300).collect()).into_iter().collect();
    // Admission and rendering are bound apart from reading, which is more work by its nature.
    if rendered > Duration::from_secs(3) {
        faults.push(format!("admitted in {admitted:?}, rendered in {:?}", rendered - admitted));
    }
    if std::env::var_os("MESHFIX_TIMES").is_some() {
        show(&format!(
            "{} operations: admitted {admitted:?}, rendered {rendered:?}, proven {:?}",
            ops.len(),
            start.elapsed()
        ));
    }
    faults
}

#[allow(clippy::print_stderr, reason = "times are asked for")]
fn show(line: &str) {
    eprintln!("{line}");
}

/// Ten thousand containers, each with a few fields.
fn containers() -> String {
    let item = |i: usize| {
        format!("- name: n{i}\n  image: x\n  args:\n  - a\n  env: [b]\n  # about ports\n  ports:\n    p: {i}\n")
    };
    format!("items:\n{}", (0..10_000).map(item).collect::<String>())
}

fn with_containers(op: impl Fn(usize, meshfix::yaml::Node<'_>) -> Option<(NodeRef, Op)>) -> Vec<String> {
    let text = containers();
    let doc = match read(&text) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let Some(list) = doc.root().get("items") else { return vec!["no items".to_owned()] };
    let ops: Vec<_> = list.items().enumerate().filter_map(|(i, node)| op(i, node)).collect();
    let mut faults = one_by_one(&doc, &ops);
    let mut plan = Plan::new(&doc);
    let start = Instant::now();
    if plan.admit(&ops).is_err() {
        faults.push("not admitted together".to_owned());
    }
    if start.elapsed() > Duration::from_secs(3) {
        faults.push(format!("admitted together in {:?}", start.elapsed()));
    }
    faults
}

fn many_sets() -> Vec<String> {
    with_containers(|_, node| Some((node.get("image")?.into(), Op::Set(json!("y/z")))))
}

fn many_inserts() -> Vec<String> {
    with_containers(|i, node| {
        let path =
            if i.is_multiple_of(2) { vec!["new".to_owned()] } else { vec!["new".to_owned(), "below".to_owned()] };
        Some((node.into(), Op::Insert { path, value: json!({"a": ["b"]}), order: &["name", "new", "image"] }))
    })
}

fn many_removals() -> Vec<String> {
    let mut faults = with_containers(|i, node| {
        Some((if i.is_multiple_of(2) { node } else { node.get("ports")? }.into(), Op::Remove))
    });
    faults.extend(with_containers(|_, node| Some((node.into(), Op::Remove))));
    let text: String = (0..10_000).map(|i| format!("key{i}: {i}\n")).collect();
    match read(&format!("{text}last: 1")) {
        Ok(doc) => {
            let ops: Vec<_> = doc.root().entries().into_iter().map(|(_, node)| (node.into(), Op::Remove)).collect();
            faults.extend(one_by_one(&doc, &ops));
            let most: Vec<_> = ops.into_iter().skip(1).collect();
            faults.extend(one_by_one(&doc, &most));
        }
        Err(error) => faults.push(error),
    }
    faults
}

fn many_new_keys() -> Vec<String> {
    let doc = match read("a: 1\nb: {c: 1}\n") {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let op = |i: usize| {
        let path = if i.is_multiple_of(2) { vec![format!("k{i}")] } else { vec!["b".to_owned(), format!("k{i}")] };
        (NodeRef::from(doc.root()), Op::Insert { path, value: json!(i), order: &[] })
    };
    one_by_one(&doc, &(0..10_000).map(op).collect::<Vec<_>>())
}

fn many_pushes() -> Vec<String> {
    let text = containers();
    let doc = match read(&text) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let Some(list) = doc.root().get("items") else { return vec!["no items".to_owned()] };
    let op = |i: usize| (NodeRef::from(list), Op::Push { path: vec![], value: json!({"name": i}) });
    let mut faults = one_by_one(&doc, &(0..2_000).map(op).collect::<Vec<_>>());
    faults.extend(with_containers(|_, node| {
        Some((node.get("args")?.into(), Op::Push { path: vec![], value: json!("b") }))
    }));
    faults
}

fn many_documents() -> Vec<String> {
    let text: Arc<str> = "a: 1\n---\n".repeat(50_000).into();
    let slices = yaml::slices(&text);
    let read = slices.iter().filter(|slice| matches!(yaml::parse(&text, **slice), Ok(Some(_)))).count();
    if read == 50_001 && slices.len() == 50_001 { Vec::new() } else { vec![format!("{read} of {}", slices.len())] }
}

/// Renderings that no plan made: each says one thing and does another.
fn lies() -> Vec<String> {
    let before = "# head\na: 1 # one\nb: 2\nc: \"x # y\"\n";
    let doc = match read(before) {
        Ok(doc) => doc,
        Err(error) => return vec![error],
    };
    let at = |piece: &str| before.find(piece).unwrap_or(0);
    let replace = |piece: &str, new: &str| Edit::replace(at(piece), at(piece) + piece.len(), new);
    let set = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let mut faults = Vec::new();
    let mut row = |name: &str, edits: Vec<Edit>, patch: Value, after: Option<&str>, wanted: fn(&Disproof) -> bool| {
        let mut set = EditSet::default();
        for edit in edits {
            set.insert(edit).expect("apart");
        }
        let applied = set.apply(before);
        let rendering =
            Rendering { edits: set, patch: serde_json::from_value(patch).expect("a patch"), dropped: Vec::new() };
        let after: Arc<str> = after.map_or(applied, str::to_owned).into();
        match yaml::prove(&doc, &rendering, &after, Span::new(0, after.len())) {
            Err(disproof) if wanted(&disproof) => {}
            other => faults.push(format!("{name}: {other:?}")),
        }
    };
    let value = |disproof: &Disproof| matches!(disproof, Disproof::Value { .. });
    row("another value", vec![replace("1", "3")], set("/a", json!(2)), None, value);
    row("another type", vec![replace("1", "\"2\"")], set("/a", json!(2)), None, value);
    row("another place", vec![replace("2", "9")], set("/a", json!(9)), None, value);
    row("nothing", vec![], set("/a", json!(2)), None, value);
    row("an empty patch", vec![replace("1", "2")], json!([]), None, value);
    row("one thing more", vec![replace("1", "2"), replace("b: 2", "b: 3")], set("/a", json!(2)), None, value);
    row("a key twice", vec![Edit::insert(at("b:"), "a: 2\n")], json!([]), None, value);
    row("a boolean that looks like a string", vec![replace("1", "yes")], set("/a", json!("yes")), None, value);
    row("a path that is not there", vec![], set("/z", json!(1)), None, |d| matches!(d, Disproof::Patch(_)));
    row("no YAML", vec![replace("1", "[")], set("/a", json!(2)), None, |d| matches!(d, Disproof::Unreadable(_)));
    row("nothing left", vec![Edit::delete(0, before.len())], json!([]), None, |d| matches!(d, Disproof::Unreadable(_)));
    let comments = |disproof: &Disproof| matches!(disproof, Disproof::Comments);
    row("a comment cut short", vec![replace(" one", "")], json!([]), None, comments);
    row(
        "a comment lost to a string",
        vec![replace("1 # one", "\"1 # one\"")],
        set("/a", json!("1 # one")),
        None,
        comments,
    );
    row("a comment made", vec![replace("b: 2", "b: 2 # new")], json!([]), None, comments);
    row("a comment that was a string", vec![replace("\"x # y\"", "x # y")], set("/c", json!("x")), None, comments);
    let bytes = |disproof: &Disproof| matches!(disproof, Disproof::Bytes);
    row(
        "other bytes",
        vec![replace("1", "2")],
        set("/a", json!(2)),
        Some("# head\na: 2 # one\nb:  2\nc: \"x # y\"\n"),
        bytes,
    );
    row(
        "another comment",
        vec![replace("1", "2")],
        set("/a", json!(2)),
        Some("# Head\na: 2 # one\nb: 2\nc: \"x # y\"\n"),
        bytes,
    );
    row("an edit left out", vec![replace("1", "2")], set("/a", json!(2)), Some(before), bytes);
    row(
        "text behind",
        vec![replace("1", "2")],
        set("/a", json!(2)),
        Some("# head\na: 2 # one\nb: 2\nc: \"x # y\"\n\n"),
        bytes,
    );
    faults
}
