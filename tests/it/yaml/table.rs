//! Edge cases of single edits, one line each: what stands there, what is done, what stands there afterwards.

use libtest_mimic::Trial;
use meshfix::yaml::{self, Plan};
use serde_json::json;

use super::support::{At, Fault, edit, insert, ordered, push, remove, set, splice};

/// Collects the rows that are not as they should be.
#[derive(Default)]
struct Table {
    faults: Vec<String>,
}

impl Table {
    fn check(&mut self, name: &str, before: &str, ops: impl Into<Ops>, after: &str) {
        self.check_in(name, before, 0, ops, after);
    }

    fn check_in(&mut self, name: &str, before: &str, index: usize, ops: impl Into<Ops>, after: &str) {
        match edit(before, index, &ops.into().0) {
            Ok(got) if got == after => {}
            Ok(got) => self.faults.push(format!("{name}: {got:?} instead of {after:?}")),
            Err(fault) => self.faults.push(format!("{name}: {fault:?}")),
        }
    }

    fn refused(&mut self, name: &str, before: &str, ops: impl Into<Ops>, refusal: &str) {
        match edit(before, 0, &ops.into().0) {
            Err(Fault::Refused(got)) if got.name() == refusal => {}
            other => self.faults.push(format!("{name}: {other:?} instead of {refusal}")),
        }
    }

    fn unreadable(&mut self, name: &str, text: &str) {
        match yaml::parse_text(text) {
            Err(_) => {}
            Ok(doc) => self.faults.push(format!("{name}: {} nodes", doc.map_or(0, |doc| doc.len()))),
        }
    }
}

struct Ops(Vec<At>);

impl From<At> for Ops {
    fn from(op: At) -> Self {
        Ops(vec![op])
    }
}

impl<const N: usize> From<[At; N]> for Ops {
    fn from(ops: [At; N]) -> Self {
        Ops(ops.into())
    }
}

pub(super) fn trials() -> Vec<Trial> {
    let table = |name: &str, run: fn(&mut Table)| {
        super::support::trial(format!("yaml::table::{name}"), move || {
            let mut table = Table::default();
            run(&mut table);
            table.faults
        })
    };
    vec![
        table("scalars", scalars),
        table("block_scalars", block_scalars),
        table("insertions", insertions),
        table("parents", parents),
        table("sequences", sequences),
        table("flow", flow),
        table("removals", removals),
        table("comments", comments),
        table("anchors", anchors),
        table("line_ends", line_ends),
        table("together", together),
        table("splices", splices),
        table("embedded", embedded),
        table("refusals", refusals),
        table("documents", documents),
    ]
}

fn scalars(t: &mut Table) {
    t.check(
        "list item with a colon",
        "- --admin=http://x:15000\n",
        set("/0", "--admin=http://x:18000"),
        "- --admin=http://x:18000\n",
    );
    t.check("no last newline", "a: 1\nb: 2", set("/b", 3), "a: 1\nb: 3");
    t.check("comment stays", "a: 1 # one\n", set("/a", 2), "a: 2 # one\n");
    t.check("a whole float", "a: x\n", set("/a", 0.0), "a: 0.0\n");
    t.check("a whole float in a list", "a:\n- 1\n", push("/a", 665.0), "a:\n- 1\n- 665.0\n");
    t.check("comment behind an empty item at the end", "- # ", set("/0", 1), "- 1 # ");
    t.check("comments below an empty item at the end", "- # a\n# b", push("", 1), "- # a\n- 1\n# b");
    t.check("an item for the last empty one", "a:\n- 1\n- # none", push("/a", 2), "a:\n- 1\n- # none\n- 2");
    t.check("single quotes stay", "a: 'x'\n", set("/a", "it's"), "a: 'it''s'\n");
    t.check("single quotes give way", "a: 'x'\n", set("/a", "a\nb"), "a: \"a\\nb\"\n");
    t.check("double quotes stay", "a: \"x\"\n", set("/a", "y"), "a: \"y\"\n");
    t.check("plain gets quotes", "a: x\n", set("/a", "yes"), "a: \"yes\"\n");
    t.check("type change drops quotes", "a: \"8080\"\n", set("/a", 8080), "a: 8080\n");
    t.check("number to string", "a: 8080\n", set("/a", "8080"), "a: \"8080\"\n");
    t.check("empty value", "a:\nb: 1\n", set("/a", "x"), "a: x\nb: 1\n");
    t.check("empty value with comment", "a: # c\nb: 1\n", set("/a", "x"), "a: x # c\nb: 1\n");
    t.check("empty item", "-\n- b\n", set("/0", "x"), "- x\n- b\n");
    t.check("multi-line plain", "a: one\n  two\n  three # c\nb: 1\n", set("/a", "x"), "a: x # c\nb: 1\n");
    t.check("multi-line quoted", "a: \"one\n  two\"\nb: 1\n", set("/a", "x"), "a: \"x\"\nb: 1\n");
    t.check("quoted in the first column", "a: \"one\ntwo\"\nb: 1\n", set("/b", 2), "a: \"one\ntwo\"\nb: 2\n");
    t.check("tab behind the colon", "a:\t1\n", set("/a", 2), "a:\t2\n");
    t.check(
        "unicode before",
        "# h\u{e9}llo \u{2713}\nn\u{e4}me: 1\nb: x\n",
        set("/b", "w"),
        "# h\u{e9}llo \u{2713}\nn\u{e4}me: 1\nb: w\n",
    );
    t.check(
        "surrogate escapes",
        "{\"a\": \"\\ud83d\\ude00\", \"b\": 1}\n",
        set("/b", 2),
        "{\"a\": \"\\ud83d\\ude00\", \"b\": 2}\n",
    );
    t.check("last of a key that stands twice", "a: 1\na: 2\n", set("/a", 3), "a: 1\na: 3\n");
    t.check(
        "numeric key",
        "portLevelMtls: {8080: {mode: STRICT}}\n",
        set("/portLevelMtls/8080/mode", "PERMISSIVE"),
        "portLevelMtls: {8080: {mode: PERMISSIVE}}\n",
    );
    t.check("boolean key", "on: {push: 1}\n", set("/true/push", 2), "on: {push: 2}\n");
    t.check("octal", "mode: 0755\n", set("/mode", 420), "mode: 420\n");
    t.check("explicit key", "? a\n: b\n", set("/a", "c"), "? a\n: c\n");
    t.check("value below its key", "a:\n  x\n", set("/a", "w"), "a:\n  w\n");
    t.check("item below its dash", "-\n  x\n", set("/0", "w"), "-\n  w\n");
    t.check("scalar document", "x\n", set("", "w"), "w\n");
    t.check("scalar on the marker's line", "--- x\n", set("", "w"), "--- w\n");
    t.check("directive", "%YAML 1.1\n---\na: 1\n", set("/a", 2), "%YAML 1.1\n---\na: 2\n");
    t.check("set to a mapping", "a: 1 # c\nb: 2\n", set("/a", json!({"x": 1})), "a: # c\n  x: 1\nb: 2\n");
    t.check("mapping to a scalar", "a:\n  b: 1\nc: 2\n", set("/a", 1), "a: 1\nc: 2\n");
    t.check("sequence to empty", "a:\n- b\nc: 2\n", set("/a", json!([])), "a: []\nc: 2\n");
}

fn block_scalars(t: &mut Table) {
    t.check("literal stays literal", "a: |\n  x\n  y\nb: 1\n", set("/a", "z\n"), "a: |\n  z\nb: 1\n");
    t.check("literal loses its line feed", "a: |\n  x\nb: 1\n", set("/a", "z"), "a: |-\n  z\nb: 1\n");
    t.check("literal to number", "a: |\n  x\nb: 1\n", set("/a", 1), "a: 1\nb: 1\n");
    t.check("literal that can't be one", "a: |\n  x\nb: 1\n", set("/a", " x"), "a: \" x\"\nb: 1\n");
    t.check("insert behind an unended literal", "a: |\n  x", insert("/b", 1), "a: |-\n  x\nb: 1");
    t.check("insert behind an unended folded", "a: >\n  x", insert("/b", 1), "a: >-\n  x\nb: 1");
    t.check("insert behind a stripped literal", "a: |-\n  x", insert("/b", 1), "a: |-\n  x\nb: 1");
    t.check("insert behind an indented literal", "a: |2\n   x", insert("/b", 1), "a: |2-\n   x\nb: 1");
    t.check("insert behind an ended literal", "a: |\n  x\n", insert("/b", 1), "a: |\n  x\nb: 1\n");
    t.check("insert behind a kept literal", "a: |+\n  x\n\n", insert("/b", 1), "a: |+\n  x\n\nb: 1\n");
    t.check("push behind an unended literal", "- |\n  x", push("", "y"), "- |-\n  x\n- \"y\"");
    t.check("remove behind a literal", "a: |\n  x\nb: 1", remove("/b"), "a: |\n  x\n");
    t.check("new text with lines", "a: 1\n", insert("/b", "x\ny\n"), "a: 1\nb: |\n  x\n  y\n");
    t.check("new text with lines at the end", "a: 1", insert("/b", "x\ny\n"), "a: 1\nb: \"x\\ny\\n\"");
    t.check(
        "literal before a deeper comment",
        "a: 1\n   # deep\n",
        insert("/b", "x\ny"),
        "a: 1\nb: \"x\\ny\"\n   # deep\n",
    );
    t.check("literal to mapping", "a: |\n  x\nb: 1\n", set("/a", json!({"c": 1})), "a:\n  c: 1\nb: 1\n");
}

fn insertions(t: &mut Table) {
    const ORDER: &[&str] = &["name", "port", "targetPort", "protocol"];
    t.check("at the end", "m:\n  a: 1\n", insert("/m/b", 2), "m:\n  a: 1\n  b: 2\n");
    t.check("behind the trailing comment", "m:\n  a: 1 # one\n", insert("/m/b", 2), "m:\n  a: 1 # one\n  b: 2\n");
    t.check("before blank lines", "m:\n  a: 1\n\n\nn: 1\n", insert("/m/b", 2), "m:\n  a: 1\n  b: 2\n\n\nn: 1\n");
    t.check(
        "before the next node's comment",
        "m:\n  a: 1\n# about n\nn: 1\n",
        insert("/m/b", 2),
        "m:\n  a: 1\n  b: 2\n# about n\nn: 1\n",
    );
    t.check(
        "in order",
        "- name: a\n  protocol: TCP\n",
        ordered("/0/port", 80, ORDER),
        "- name: a\n  port: 80\n  protocol: TCP\n",
    );
    t.check(
        "two at one place, in order",
        "- name: a\n  x: 1\n",
        [ordered("/0/targetPort", 81, ORDER), ordered("/0/port", 80, ORDER)],
        "- name: a\n  port: 80\n  targetPort: 81\n  x: 1\n",
    );
    t.check(
        "in order, in front of all",
        "a:\n  # about x\n  port: 1\n",
        ordered("/a/name", "b", ORDER),
        "a:\n  name: b\n  # about x\n  port: 1\n",
    );
    t.check(
        "in order, but no line starts there",
        "- port: 1\n",
        ordered("/0/name", "b", ORDER),
        "- port: 1\n  name: b\n",
    );
    t.check("in order, beside others", "- x: 1\n", ordered("/0/name", "b", ORDER), "- x: 1\n  name: b\n");
    t.check("a line with its break", "a: 1\n", insert("/b", "x: 2\n"), "a: 1\nb: |\n  x: 2\n");
    t.check("below a dash", "- a: 1\n", insert("/0/b", 2), "- a: 1\n  b: 2\n");
    t.check("below a wide dash", "-   a: 1\n", insert("/0/b", 2), "-   a: 1\n    b: 2\n");
    t.check("below nested dashes", "- - a: 1\n", insert("/0/0/b", 2), "- - a: 1\n    b: 2\n");
    t.check("missing parents", "a: 1\n", insert("/b/c/d", 2), "a: 1\nb:\n  c:\n    d: 2\n");
    t.check(
        "missing parents, wide step",
        "a:\n    b: 1\n",
        insert("/a/c/d", 2),
        "a:\n    b: 1\n    c:\n        d: 2\n",
    );
    t.check("quoted key", "a: 1\n", insert("/yes", 2), "a: 1\n\"yes\": 2\n");
    t.check("key with a slash", "a: 1\n", insert("/app.kubernetes.io~1name", "x"), "a: 1\napp.kubernetes.io/name: x\n");
    t.check("compact sequence last", "a:\n- x\n", insert("/b", 2), "a:\n- x\nb: 2\n");
    t.check("empty value last", "a:\nb:\n", insert("/c", 2), "a:\nb:\nc: 2\n");
    t.check("empty document behind a marker", "---\n", insert("/a", 1), "---\na: 1\n");
    t.check("comment in the marker's line", "--- # c\na: 1\n", insert("/b", 2), "--- # c\na: 1\nb: 2\n");
    t.check("before the end marker", "a: 1\n...\n", insert("/b", 2), "a: 1\nb: 2\n...\n");
    t.check_in(
        "in the second document",
        "a: 1\n---\nb: 1\n---\nc: 1\n",
        1,
        insert("/d", 2),
        "a: 1\n---\nb: 1\nd: 2\n---\nc: 1\n",
    );
    t.check("explicit key", "? a\n: 1\n", insert("/b", 2), "? a\n: 1\nb: 2\n");
    t.check("at an index that exists", "- a\n- b\n", insert("/1", "x"), "- a\n- x\n- b\n");
    t.check("at the first index", "# first\n- a\n", insert("/0", "x"), "- x\n# first\n- a\n");
    t.check(
        "of several lines at an index",
        "l:\n  - a: 1\n    b: 2\n",
        insert("/l/0", json!({"c": 1, "d": 2})),
        "l:\n  - c: 1\n    d: 2\n  - a: 1\n    b: 2\n",
    );
}

fn parents(t: &mut Table) {
    t.check("empty", "labels:\n", insert("/labels/a", 1), "labels:\n  a: 1\n");
    t.check("empty with comment", "labels: # none\nb: 1\n", insert("/labels/a", 1), "labels: # none\n  a: 1\nb: 1\n");
    t.check("empty at the end of the text", "labels:", insert("/labels/a", 1), "labels:\n  a: 1");
    t.check("null", "labels: null\n", insert("/labels/a", 1), "labels:\n  a: 1\n");
    t.check("null with comment", "labels: null # none\n", insert("/labels/a", 1), "labels: # none\n  a: 1\n");
    t.check("tilde", "labels: ~\n", insert("/labels/a", 1), "labels:\n  a: 1\n");
    t.check("braces", "labels: {}\n", insert("/labels/a", 1), "labels:\n  a: 1\n");
    t.check(
        "braces with blank and comment",
        "labels: { } # none\n",
        insert("/labels/a", 1),
        "labels: # none\n  a: 1\n",
    );
    t.check("braces as item", "- {}\n", insert("/0/a", 1), "- a: 1\n");
    t.check("braces as document: JSON as far as one can see", "{}\n", insert("/a", 1), "{\"a\": 1}\n");
    t.check("brackets", "list: []\n", push("/list", "x"), "list:\n- x\n");
    t.check("brackets, wide neighbours", "a:\n  - b\nlist: []\n", push("/list", "x"), "a:\n  - b\nlist:\n  - x\n");
    t.check("item in the quotes of the others", "- 'a'\n- 'b'\n", push("", "it's"), "- 'a'\n- 'b'\n- 'it''s'\n");
    t.check("item in a row, in the quotes of the others", "[\"a\"]\n", push("", "b"), "[\"a\", \"b\"]\n");
    t.check("item among others of several kinds", "[\"a\", b]\n", push("", "c"), "[\"a\", b, c]\n");
    t.check("missing list", "a: 1\n", push("/list", json!({"k": 1, "m": 2})), "a: 1\nlist:\n- k: 1\n  m: 2\n");
    t.check("null list", "list:\n", push("/list", "x"), "list:\n- x\n");
    t.check("braces in flow", "{a: {}}\n", insert("/a/b", 1), "{a: {b: 1}}\n");
    t.check("JSON braces", "{\n  \"a\": {}\n}\n", insert("/a/b", 1), "{\n  \"a\": {\"b\": 1}\n}\n");
    t.refused("scalar", "labels: x\n", insert("/labels/a", 1), "shape");
}

fn sequences(t: &mut Table) {
    t.check("compact", "a:\n- x\n", push("/a", "z"), "a:\n- x\n- z\n");
    t.check("wide", "a:\n  - x\n", push("/a", "z"), "a:\n  - x\n  - z\n");
    t.check(
        "both in one document",
        "a:\n  - x\nb:\n- x\n",
        [push("/a", "z"), push("/b", "z")],
        "a:\n  - x\n  - z\nb:\n- x\n- z\n",
    );
    t.check(
        "wide blanks behind the dash",
        "a:\n-   x: 1\n",
        push("/a", json!({"x": 2, "w": 3})),
        "a:\n-   x: 1\n- x: 2\n  w: 3\n",
    );
    t.check("nested", "- - a\n  - b\n", push("/0", "c"), "- - a\n  - b\n  - c\n");
    t.check(
        "several pushes",
        "resources:\n- a\n",
        [push("/resources", "b"), push("/resources", "c"), push("/resources", "b")],
        "resources:\n- a\n- b\n- c\n",
    );
    t.check("behind a comment", "a:\n- x # last\n\nb: 1\n", push("/a", "z"), "a:\n- x # last\n- z\n\nb: 1\n");
    t.check("behind an empty item", "a:\n- x\n-\n", push("/a", "z"), "a:\n- x\n-\n- z\n");
    t.check("dash under a dash", "a:\n- - x\n", push("/a", "z"), "a:\n- - x\n- z\n");
    t.check("sequence of sequences", "a:\n- - x\n", push("/a/0", "z"), "a:\n- - x\n  - z\n");
}

fn flow(t: &mut Table) {
    t.check("entry", "a: {b: 1}\n", insert("/a/c", 2), "a: {b: 1, c: 2}\n");
    t.check("entry with padding", "a: { b: 1 }\n", insert("/a/c", 2), "a: { b: 1, c: 2 }\n");
    t.check("item", "a: [x]\n", push("/a", "z"), "a: [x, z]\n");
    t.check("item with trailing comma", "a: [x,]\n", push("/a", "z"), "a: [x, z,]\n");
    t.check("item at an index", "a: [x, w]\n", insert("/a/1", "z"), "a: [x, z, w]\n");
    t.check("lines", "a: [\n  x,\n  w\n]\n", push("/a", "z"), "a: [\n  x,\n  w,\n  z\n]\n");
    t.check("lines with trailing comma", "a: [\n  x,\n  w,\n]\n", push("/a", "z"), "a: [\n  x,\n  w,\n  z,\n]\n");
    t.check("lines with comment", "a: [\n  x # last\n]\n", push("/a", "z"), "a: [\n  x, # last\n  z\n]\n");
    t.check("key without value", "a: {b}\n", insert("/a/c", 2), "a: {b, c: 2}\n");
    t.check("string that flow must quote", "a: [x]\n", push("/a", "b,c"), "a: [x, \"b,c\"]\n");
    t.check("JSON", "{\"a\":1}\n", insert("/b", "x"), "{\"a\":1,\"b\":\"x\"}\n");
    t.check(
        "JSON lines",
        "{\n  \"a\": 1\n}\n",
        insert("/b", json!({"c": [1]})),
        "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": [\n      1\n    ]\n  }\n}\n",
    );
    let lines = "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ]\n}\n";
    t.check(
        "JSON lines, a new entry for the last one",
        lines,
        [remove("/b"), insert("/c", 3)],
        "{\n  \"a\": 1,\n  \"c\": 3\n}\n",
    );
    t.check(
        "JSON lines, new items for the last one",
        lines,
        [remove("/b/1"), push("/b", 3), push("/b", 4)],
        "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    3,\n    4\n  ]\n}\n",
    );
    t.check(
        "lines in braces with a last comma, a new entry for the last one",
        "a: {\n  b: 1,\n  c: 2, # two\n}\n",
        [remove("/a/c"), insert("/a/d", 3)],
        "a: {\n  b: 1,\n  d: 3,\n}\n",
    );
    t.check("JSON with tabs", "{\n\t\"a\": 1\n}\n", insert("/b", 2), "{\n\t\"a\": 1,\n\t\"b\": 2\n}\n");
    t.check("remove an entry", "a: {b: 1, c: 2}\n", remove("/a/b"), "a: {c: 2}\n");
    t.check("remove the last entry", "a: {b: 1, c: 2}\n", remove("/a/c"), "a: {b: 1}\n");
    t.check("remove the only entry", "a: {b: 1}\n", remove("/a/b"), "a: {}\n");
    t.check("remove a line", "a: [\n  x,\n  w\n]\n", remove("/a/1"), "a: [\n  x\n]\n");
    t.check("remove the first line", "a: [\n  x,\n  w\n]\n", remove("/a/0"), "a: [\n  w\n]\n");
    t.check("address that ends in colons", "a: [1.2.3.4]\nb: 1\n", set("/b", 2), "a: [1.2.3.4]\nb: 2\n");
}

fn removals(t: &mut Table) {
    t.check("entry", "a: 1\nb: 2\nc: 3\n", remove("/b"), "a: 1\nc: 3\n");
    t.check("entry with lines", "a:\n  b: 1\n  c:\n  - d\ne: 1\n", remove("/a"), "e: 1\n");
    t.check("first behind a dash", "- a: 1\n  b: 2\n", remove("/0/a"), "- b: 2\n");
    t.check("first two behind a dash", "- a: 1\n  b: 2\n  c: 3\n", [remove("/0/a"), remove("/0/b")], "- c: 3\n");
    t.check("last of a mapping", "a:\n  b: 1\nc: 2\n", remove("/a/b"), "a: {}\nc: 2\n");
    t.check("last of a sequence", "a:\n- b\nc: 2\n", remove("/a/0"), "a: []\nc: 2\n");
    t.check("last of a document", "a: 1\n", remove("/a"), "{}\n");
    t.check("only entry behind a dash", "- a: 1\n- b\n", remove("/0/a"), "- {}\n- b\n");
    t.check("at the end without newline", "a: 1\nb: 2", remove("/b"), "a: 1");
    t.check("all but the first, without newline", "a: 1\nb: 2\nc: 3", [remove("/b"), remove("/c")], "a: 1");
    t.check("literal", "a: |\n  x\n\n  y\nb: 1\n", remove("/a"), "b: 1\n");
    t.check("kept literal and what follows it", "a: |+\n  x\nb: 1\n\nc: 2\n", remove("/b"), "a: |+\n  x\nc: 2\n");
    t.check("item of several", "- a\n- b\n- c\n", remove("/1"), "- a\n- c\n");
    t.check("nested items", "- - a\n  - b\n", remove("/0/0"), "- - b\n");
    t.check("explicit key", "? a\n: 1\nb: 2\n", remove("/a"), "b: 2\n");
    t.check("empty value", "a:\nb: 2\n", remove("/a"), "b: 2\n");
    t.check("remove, then another comes", "a:\n- b\n", [remove("/a/0"), push("/a", "c")], "a:\n- c\n");
    t.check("the last goes, another key comes", "a: 1\nb: 2", [remove("/b"), insert("/c", 3)], "a: 1\nc: 3");
}

fn comments(t: &mut Table) {
    t.check("above goes", "a: 1\n# about b\nb: 2\nc: 3\n", remove("/b"), "a: 1\nc: 3\n");
    t.check("trailing goes", "a: 1\nb: 2 # two\nc: 3\n", remove("/b"), "a: 1\nc: 3\n");
    t.check("set apart stays", "a: 1\n# section\n\nb: 2\nc: 3\n", remove("/b"), "a: 1\n# section\n\nc: 3\n");
    t.check(
        "other column stays",
        "a:\n  x: 1\n  # under a\nb: 2\nc: 3\n",
        remove("/b"),
        "a:\n  x: 1\n  # under a\nc: 3\n",
    );
    t.check("inner goes", "a: 1\nb:\n  c: 2\n  # d: 3\ne: 4\n", remove("/b"), "a: 1\ne: 4\n");
    t.check(
        "marker stays",
        "# yaml-language-server: $schema=x\na: 1\nb: 2\n",
        remove("/a"),
        "# yaml-language-server: $schema=x\nb: 2\n",
    );
    t.check("setter stays", "a: 1\nb: 2 # kpt-set: ${b}\n", remove("/a"), "b: 2 # kpt-set: ${b}\n");
    t.check("next one's stays", "a: 1\nb: 2\n# about c\nc: 3\n", remove("/b"), "a: 1\n# about c\nc: 3\n");
    let long: String = (0..1_000).map(|i| format!("# line {i}\n")).collect();
    t.check("a thousand lines above", &format!("x: 1\n{long}a: 1\nb: 2\n"), remove("/a"), "x: 1\nb: 2\n");
    t.check("a thousand lines below", &format!("a: 1\n{long}"), insert("/b", 2), &format!("a: 1\nb: 2\n{long}"));
    let inner: String = (0..200).map(|i| format!("  # line {i}\n")).collect();
    t.check(
        "200 lines before a child",
        &format!("a:\n{inner}  b: 1\n"),
        set("/a/b", 2),
        &format!("a:\n{inner}  b: 2\n"),
    );
    t.check(
        "200 lines before a child, insert",
        &format!("a:\n{inner}  b: 1\n"),
        insert("/a/c", 2),
        &format!("a:\n{inner}  b: 1\n  c: 2\n"),
    );
    t.check("hash inside", "a: x#y # c\n", set("/a", "z#w"), "a: z#w # c\n");
    t.check("behind an opening bracket", "a: [ # c\n  x\n]\n", push("/a", "z"), "a: [ # c\n  x,\n  z\n]\n");
    t.check("behind a dash", "- # c\n  a: 1\n", insert("/0/b", 2), "- # c\n  a: 1\n  b: 2\n");
    t.check("between key and value", "a:\n  # c\n  - x\n", push("/a", "z"), "a:\n  # c\n  - x\n  - z\n");
}

fn anchors(t: &mut Table) {
    t.check("scalar alias becomes a value", "p: &a 1\nq: *a\n", set("/q", 2), "p: &a 1\nq: 2\n");
    t.check(
        "mapping alias is merged",
        "p: &a\n  x: 1\nq: *a\n",
        insert("/q/z", 2),
        "p: &a\n  x: 1\nq:\n  <<: *a\n  z: 2\n",
    );
    t.check(
        "mapping alias in flow",
        "p: &a {x: 1}\nq: {r: *a}\n",
        insert("/q/r/z", 2),
        "p: &a {x: 1}\nq: {r: {<<: *a, z: 2}}\n",
    );
    t.check(
        "merged key is overridden",
        "p: &a\n  x: 1\nq:\n  <<: *a\n  w: 1\n",
        set("/q/x", 2),
        "p: &a\n  x: 1\nq:\n  <<: *a\n  w: 1\n  x: 2\n",
    );
    t.check(
        "new key beside a merge",
        "p: &a\n  x: 1\nq:\n  <<: *a\n",
        insert("/q/z", 2),
        "p: &a\n  x: 1\nq:\n  <<: *a\n  z: 2\n",
    );
    t.check("alias removed", "p: &a 1\nq: *a\nr: 1\n", remove("/q"), "p: &a 1\nr: 1\n");
    t.check("unused anchor", "p: &a 1\n", set("/p", 2), "p: &a 2\n");
    t.check("unused anchor, insert", "p: &a\n  x: 1\n", insert("/p/z", 2), "p: &a\n  x: 1\n  z: 2\n");
    t.check("redefined anchor", "p: &a 1\nq: *a\nr: &a 2\ns: *a\n", set("/s", 3), "p: &a 1\nq: *a\nr: &a 2\ns: 3\n");
    t.check("alias item", "- &a x\n- *a\n", set("/1", "z"), "- &a x\n- z\n");
    t.check("beside an anchor", "p: &a 1\nq: *a\nr: 1\n", set("/r", 2), "p: &a 1\nq: *a\nr: 2\n");
    t.refused("anchored scalar", "p: &a 15000\nq: *a\n", set("/p", 18000), "anchor");
    t.refused("inside an anchor", "p: &a\n  x: 1\nq: *a\n", set("/p/x", 2), "anchor");
    t.refused("insert into an anchor", "p: &a\n  x: 1\nq: *a\n", insert("/p/z", 2), "anchor");
    t.refused("remove an anchor", "p: &a 1\nq: *a\n", remove("/p"), "anchor");
    t.refused("remove around an anchor", "p:\n  o: &a 1\nq: *a\n", remove("/p"), "anchor");
    t.refused("inside an alias", "p: &a\n  x: 1\nq: *a\n", set("/q/x", 2), "alias");
    t.refused("deep inside an alias", "p: &a\n  x:\n    w: 1\nq: *a\n", set("/q/x/w", 2), "alias");
    t.refused("remove what is merged", "p: &a\n  x: 1\nq:\n  <<: *a\n", remove("/q/x"), "merge");
    t.refused("remove what hides a merge", "p: &a\n  x: 1\nq:\n  <<: *a\n  x: 2\n", remove("/q/x"), "merge");
    t.refused("push to an aliased list", "p: &a\n- x\nq: *a\n", push("/q", "z"), "alias");
}

fn line_ends(t: &mut Table) {
    t.check("crlf", "m:\r\n  a: 1\r\n", insert("/m/b", 2), "m:\r\n  a: 1\r\n  b: 2\r\n");
    t.check("crlf, missing parents", "a: 1\r\n", insert("/b/c", 2), "a: 1\r\nb:\r\n  c: 2\r\n");
    t.check("crlf, empty parent", "a:\r\nb: 1\r\n", insert("/a/c", 2), "a:\r\n  c: 2\r\nb: 1\r\n");
    t.check("crlf, literal", "a: |\r\n  x\r\nb: 1\r\n", set("/a", "z\nw\n"), "a: |\r\n  z\r\n  w\r\nb: 1\r\n");
    t.check("crlf, remove", "a: 1\r\nb: 2\r\n", remove("/a"), "b: 2\r\n");
    t.check("crlf, remove the last without newline", "a: 1\r\nb: 2", remove("/b"), "a: 1");
    t.check("crlf, push", "a:\r\n- x\r\n", push("/a", json!({"k": 1, "m": 2})), "a:\r\n- x\r\n- k: 1\r\n  m: 2\r\n");
    t.check("crlf, flow lines", "a: [\r\n  x\r\n]\r\n", push("/a", "z"), "a: [\r\n  x,\r\n  z\r\n]\r\n");
    t.check("mixed: as the neighbour", "a: 1\r\nb:\n  c: 1\n", insert("/b/d", 2), "a: 1\r\nb:\n  c: 1\n  d: 2\n");
    t.check("byte order mark", "\u{feff}a: 1\n", insert("/b", 2), "\u{feff}a: 1\nb: 2\n");
    t.check("byte order mark, remove the first", "\u{feff}a: 1\nb: 2\n", remove("/a"), "\u{feff}b: 2\n");
    t.check("trailing blanks", "a: 1  \nb: 2\t\n", insert("/c", 3), "a: 1  \nb: 2\t\nc: 3\n");
    t.check("tab before a comment", "a: 1\t# c\n", insert("/b", 2), "a: 1\t# c\nb: 2\n");
    t.refused("lone carriage return", "a: 1\rb: 2\n", set("/a", 3), "line-break");
    t.refused("next line", "a: \"x\u{85}y\"\nb: 1\n", set("/b", 2), "line-break");
    t.refused("line separator", "a: x\u{2028}y\nb: 1\n", set("/b", 2), "line-break");
}

fn together(t: &mut Table) {
    t.check(
        "two into one mapping",
        "m:\n  a: 1\nn: 1\n",
        [insert("/m/b", 2), insert("/m/c", 3)],
        "m:\n  a: 1\n  b: 2\n  c: 3\nn: 1\n",
    );
    t.check(
        "one missing parent for two",
        "a: 1\n",
        [insert("/m/b", 2), insert("/m/c", 3)],
        "a: 1\nm:\n  b: 2\n  c: 3\n",
    );
    t.check("the same twice", "a: 1\n", [insert("/b", 2), insert("/b", 2)], "a: 1\nb: 2\n");
    t.check(
        "inner and outer at one place",
        "m:\n  a: 1",
        [insert("/k", 1), insert("/m/b", 2)],
        "m:\n  a: 1\n  b: 2\nk: 1",
    );
    t.check("set and insert", "a: 1\nb: |\n  x", [set("/b", "y"), insert("/c", 1)], "a: 1\nb: |-\n  y\nc: 1");
    t.check(
        "remove and insert in order",
        "- name: a\n  port: 1\n",
        [remove("/0/name"), ordered("/0/targetPort", 2, &["name", "targetPort", "port"])],
        "- targetPort: 2\n  port: 1\n",
    );
    t.check(
        "remove and insert items",
        "- a\n- b\n- c\n",
        [remove("/0"), insert("/1", "x"), remove("/2"), push("", "z")],
        "- x\n- b\n- z\n",
    );
    for ops in [
        [set("/a", 1), set("/a", 2)],
        [insert("/b", 1), insert("/b", 2)],
        [remove("/m"), set("/m/x", 2)],
        [set("/m/x", 2), set("/m", 1)],
    ] {
        match edit("a: 0\nm:\n  x: 1\n", 0, &ops) {
            Err(Fault::Conflict) => {}
            other => t.faults.push(format!("{ops:?}: {other:?} instead of a conflict")),
        }
    }
}

fn splices(t: &mut Table) {
    let mut row = |name: &str, before: &str, at: &str, old: &str, new: &str, after: &str| {
        t.check(name, before, splice(before, at, old, new), after);
    };
    row("literal, a line in front of a blank one", "a: |\n\n  x\n", "/a", "", "y\n", "a: |\n  y\n\n  x\n");
    row("plain", "a: http://x:15000/y\n", "/a", "15000", "18000", "a: http://x:18000/y\n");
    row("double quotes", "a: \"x \\\"15000\\\"\"\n", "/a", "15000", "18\"0", "a: \"x \\\"18\\\"0\\\"\"\n");
    row("single quotes", "a: 'it''s 15000'\n", "/a", "15000", "x'y", "a: 'it''s x''y'\n");
    row("literal", "a: |\n  x 15000\n  y\n", "/a", "15000", "18000", "a: |\n  x 18000\n  y\n");
    row("literal, line removed", "a: |\n  x\n  y\n  z\nb: 1\n", "/a", "y\n", "", "a: |\n  x\n  z\nb: 1\n");
    row("literal, first line removed", "a: |\n  x\n  y\nb: 1\n", "/a", "x\n", "", "a: |\n  y\nb: 1\n");
    row("literal, last line removed", "a: |\n  x\n  y\nb: 1\n", "/a", "y\n", "", "a: |\n  x\nb: 1\n");
    row("literal, line added", "a: |\n  x\n  y\nb: 1\n", "/a", "y\n", "y\nz\n", "a: |\n  x\n  y\n  z\nb: 1\n");
    row("literal, lines joined", "a: |\n  x\n  y\nb: 1\n", "/a", "x\n", "x ", "a: |\n  x y\nb: 1\n");
    row("literal, line split", "a: |\n  xy\nb: 1\n", "/a", "x", "x\n", "a: |\n  x\n  y\nb: 1\n");
    row("literal in crlf", "a: |\r\n  x\r\n  y\r\n", "/a", "y\n", "z\nw\n", "a: |\r\n  x\r\n  z\r\n  w\r\n");
    row("escape as a whole", "a: \"x\\ty\"\n", "/a", "\t", "-", "a: \"x-y\"\n");
    t.refused("folded", "a: >\n  x 15000\n  y\n", splice("a: x 15000 y", "/a", "15000", "1"), "embedded");
    t.refused("across a fold", "a: x\n  y\n", splice("a: x y\n", "/a", "x y", "z"), "embedded");
    t.refused("plain that would need quotes", "a: x y\n", splice("a: x y\n", "/a", "x", "x: "), "embedded");
}

fn embedded(t: &mut Table) {
    let mut row = |name: &str, text: &str, op: At, after: &str| {
        let doc = super::support::document(text, 0).expect("readable");
        let node = doc.root().get("config").expect("there");
        let inner = node.embedded().expect("a document");
        let at = match op.0.as_str() {
            "" => inner.document().root(),
            pointer => inner.document().root().pointer(&super::support::parts(pointer)).expect("there"),
        };
        let got = inner.splices(&[(at.into(), op.1)]).map_err(|refusal| refusal.to_string()).and_then(|ops| {
            let mut plan = Plan::new(&doc);
            plan.admit(&ops).map_err(|denial| format!("{denial:?}"))?;
            let rendering = plan.render().map_err(|refusal| refusal.to_string())?;
            super::support::prove(&doc, &rendering).map(|(text, _)| text).map_err(|fault| format!("{fault:?}"))
        });
        if got.as_deref() != Ok(after) {
            t.faults.push(format!("{name}: {got:?} instead of {after:?}"));
        }
    };
    row("set", "config: |\n  a: 1\n  b: 2\nz: 1\n", set("/a", 3), "config: |\n  a: 3\n  b: 2\nz: 1\n");
    row(
        "insert",
        "config: |\n  a: 1\n  b:\n    c: 2\nz: 1\n",
        insert("/b/d", 3),
        "config: |\n  a: 1\n  b:\n    c: 2\n    d: 3\nz: 1\n",
    );
    row("remove the last", "config: |\n  a: 1\n  b: 2\nz: 1\n", remove("/b"), "config: |\n  a: 1\nz: 1\n");
    row("remove the first", "config: |\n  a: 1\n  b: 2\nz: 1\n", remove("/a"), "config: |\n  b: 2\nz: 1\n");
    row("insert, stripped", "config: |-\n  a: 1\nz: 1\n", insert("/b", 2), "config: |-\n  a: 1\n  b: 2\nz: 1\n");
    row("double quotes", "config: \"a: 1\\nb: 2\\n\"\n", set("/a", "x y"), "config: \"a: x y\\nb: 2\\n\"\n");
    row(
        "JSON in single quotes",
        "config: '{\"a\": {\"b\": 1}}'\n",
        insert("/a/c", "x"),
        "config: '{\"a\": {\"b\": 1, \"c\": \"x\"}}'\n",
    );
}

fn refusals(t: &mut Table) {
    t.refused("tag", "a: !vault x\n", set("/a", 1), "tag");
    t.refused("binary", "a: !!binary aGVsbG8=\n", set("/a", "x"), "tag");
    t.refused("template read as YAML", "a: {{ x }}\nb: 1\n", set("/b", 2), "template");
    t.refused("key that stands twice", "a: 1\na: 2\n", remove("/a"), "duplicate-key");
    t.refused("infinity", "a: .inf\nb: 1\n", set("/b", 2), "value");
    t.refused("null key", "~: 1\nb: 1\n", set("/b", 2), "value");
    t.refused("mapping as key", "? {a: 1}\n: 2\nb: 1\n", set("/b", 2), "value");
    t.refused("the top", "a: 1\n", remove(""), "layout");
    t.unreadable("tab as indentation", "a:\n\tb: 1\n");
    t.unreadable("version 2", "%YAML 2.0\n---\na: 1\n");
    t.unreadable("NUL", "a: \"x\0y\"\n");
    t.unreadable("bell", "a: x\u{7}\n");
    t.unreadable("alias in its own anchor", "a: &a [*a]\n");
    t.unreadable("unknown alias", "a: *b\n");
    t.unreadable("second document", "a: 1\n--- b\n");
}

fn documents(t: &mut Table) {
    let mut row = |name: &str, got: String, after: &str| {
        if got != after {
            t.faults.push(format!("{name}: {got:?} instead of {after:?}"));
        }
    };
    let append = |text: &str, new: &str| yaml::append_document(text, new).apply(text);
    row("append", append("a: 1\n", "b: 2\n"), "a: 1\n---\nb: 2\n");
    row("append to unended", append("a: 1", "b: 2\n"), "a: 1\n---\nb: 2");
    row("append behind an unended literal", append("a: |\n  x", "b: 2\n"), "a: |-\n  x\n---\nb: 2");
    row("append behind an unended kept literal", append("a: |+\n  x", "b: 2\n"), "a: |-\n  x\n---\nb: 2");
    row("append behind an unended blank line", append("a: |+\n  x\n\n  ", "b: 2\n"), "a: |+\n  x\n\n---\nb: 2");
    row("append a literal to unended", append("a: 1", "b: |\n  x\n"), "a: 1\n---\nb: |\n  x\n");
    row("append to nothing", append("", "b: 2\n"), "b: 2\n");
    row("append behind an end", append("a: 1\n...\n", "b: 2\n"), "a: 1\n...\n---\nb: 2\n");
    row("append behind an open marker", append("a: 1\n---\n", "b: 2\n"), "a: 1\n---\nb: 2\n");
    row("append in crlf", append("a: 1\r\n", "b: 2\n"), "a: 1\r\n---\r\nb: 2\r\n");
    let with = |text: &str, edit: Option<meshfix::text::Edit>| {
        let mut set = meshfix::text::EditSet::default();
        edit.into_iter().try_for_each(|edit| set.insert(edit)).expect("one edit");
        set.apply(text)
    };
    let insert =
        |text: &str, index: usize| with(text, Some(yaml::insert_document(text, yaml::slices(text)[index], "z: 0\n")));
    row("insert first", insert("a: 1\n", 0), "z: 0\n---\na: 1\n");
    row("insert before a marker", insert("---\na: 1\n", 0), "---\nz: 0\n---\na: 1\n");
    row("insert behind a licence", insert("# licence\n---\na: 1\n", 0), "# licence\n---\nz: 0\n---\na: 1\n");
    row("insert before directives", insert("%YAML 1.1\n---\na: 1\n", 0), "---\nz: 0\n...\n%YAML 1.1\n---\na: 1\n");
    row("insert second", insert("a: 1\n---\nb: 2\n", 1), "a: 1\n---\nz: 0\n---\nb: 2\n");
    row("insert behind an end", insert("a: 1\n...\nb: 2\n", 1), "a: 1\n...\nz: 0\n---\nb: 2\n");
    row("insert behind a mark", insert("\u{feff}a: 1\n", 0), "\u{feff}z: 0\n---\na: 1\n");
    let remove = |text: &str, index: usize| with(text, yaml::remove_document(text, &yaml::slices(text), index));
    row("remove first", remove("a: 1\n---\nb: 2\n", 0), "b: 2\n");
    row("remove first with marker", remove("---\na: 1\n---\nb: 2\n", 0), "---\nb: 2\n");
    row("remove first under a licence", remove("# licence\n\na: 1\n---\nb: 2\n", 0), "# licence\n\nb: 2\n");
    row(
        "remove first under a licence and marker",
        remove("# licence\n---\na: 1\n---\nb: 2\n", 0),
        "# licence\n---\nb: 2\n",
    );
    row("remove first with its comment", remove("# about a\na: 1\n---\nb: 2\n", 0), "b: 2\n");
    row("remove first before a comment", remove("a: 1\n--- # b\nb: 2\n", 0), "--- # b\nb: 2\n");
    row("remove middle", remove("a: 1\n---\nb: 2\n---\nc: 3\n", 1), "a: 1\n---\nc: 3\n");
    row("remove last", remove("a: 1\n---\nb: 2\n", 1), "a: 1\n");
    row("remove last unended", remove("a: 1\n---\nb: 2", 1), "a: 1");
    row("remove last unended behind a literal", remove("a: |\n  x\n---\nb: 2", 1), "a: |\n  x\n");
    row("remove last in crlf", remove("a: 1\r\n---\r\nb: 2", 1), "a: 1");
}
