//! `--format json`: the schema holds, `changes` lead from the old value to the new one, and a fingerprint
//! names a finding from run to run.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Trial;
use meshfix::yaml;
use serde_json::Value;

use super::manifests::{BANK, CHOSEN, CLEAN, SAFE, host, left_over};
use super::schema::validate;
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("json_validates_against_the_schema", validates),
        trial("json_schema_refuses_what_it_must", schema_refuses),
        trial("json_changes_lead_to_the_written_value", changes_lead),
        trial("json_counts_add_up", counts),
        trial("json_fingerprints_stay_when_lines_move", fingerprints),
        trial("json_positions_are_those_of_the_text_on_disk", positions),
        trial("json_of_a_stream", stream),
    ]
}

/// The report of a run, valid by the schema.
#[track_caller]
pub(crate) fn report(text: &str) -> Value {
    let report: Value = serde_json::from_str(text).expect("JSON");
    let schema = schema();
    let mut faults = Vec::new();
    validate(&schema, &schema, &report, "", &mut faults);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    report
}

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON")
}

/// A tree with everything a report can hold.
fn everything() -> World {
    let world = World::with(&[
        ("bank.yaml", BANK),
        ("bakery.yaml", SAFE),
        ("shelf.yaml", CLEAN),
        ("broken.yaml", "kind: Pod\nspec: [\n---\nkind: Pod\nspec: {{ .Values.x }}\n"),
        ("alias.yaml", &shared_anchor()),
        (
            "agent.yaml",
            "kind: DaemonSet\napiVersion: apps/v1\nmetadata: {name: agent}\nspec: {template: {spec: {hostNetwork: true, hostPID: true, containers: []}}}\n",
        ),
        (
            "ports.yaml",
            "kind: Pod\napiVersion: v1\nmetadata: {name: p, namespace: till}\nspec:\n  hostNetwork: true\n  containers:\n    - name: p\n      ports:\n        - {containerPort: 80, hostPort: 80}\n",
        ),
    ]);
    world.write("utf16.yaml", [0xff, 0xfe, b'k', 0]);
    world
}

/// A value that stands under an anchor which something else uses too: no honest edit.
fn shared_anchor() -> String {
    left_over("stage")
        .replace("ClusterFirstWithHostNet", "&policy ClusterFirstWithHostNet")
        .replace("image: shop/stage:1", "image: shop/stage:1, args: [*policy]")
}

fn validates() {
    let world = everything();
    for mode in [&[][..], &["--unsafe"], &["--check"], &["--profile", "istio"], &["--select", "none"], &["-q"]] {
        let ran = world.run(&[mode, &["--format", "json", "--exit-zero", "."]].concat()).with(0);
        let report = report(&ran.out());
        let none = mode.contains(&"none");
        assert_eq!(report["findings"].as_array().expect("findings").is_empty(), none);
        assert_eq!(report["skipped"].as_array().expect("skipped").len(), 3, "{:#}", report["skipped"]);
    }
    report(&world.run(&["--format", "json", "--write", "--unsafe", "."]).out());
}

fn schema_refuses() {
    let schema = schema();
    let good = report(&everything().run(&[CHOSEN, "--format", "json", "."]).out());
    let spoil: &[(&str, Value)] = &[
        ("/version", 2.into()),
        ("/findings/0/level", "fatal".into()),
        ("/findings/0/line", 0.into()),
        ("/findings/0/path", "spec/x".into()),
        ("/findings/0/fingerprint", "b55c".into()),
        ("/findings/1/fix/applied", "yes".into()),
        ("/changes/0/operations", Value::Array(Vec::new())),
        ("/summary/files", Value::Null),
        ("/summary", serde_json::json!({})),
    ];
    for (pointer, wrong) in spoil {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect(pointer) = wrong.clone();
        let mut faults = Vec::new();
        validate(&schema, &schema, &bad, "", &mut faults);
        assert!(!faults.is_empty(), "{pointer}");
    }
}

/// The values of a text's documents.
fn values(text: &str) -> Vec<Option<Value>> {
    let text: Arc<str> = text.into();
    let read = |slice| yaml::parse(&text, slice).ok().flatten().and_then(|doc| yaml::value(&doc).ok());
    yaml::slices(&text).into_iter().map(read).collect()
}

fn changes_lead() {
    for flags in [&["--format", "json"][..], &["--format", "json", "--unsafe"]] {
        let world = everything();
        let before: BTreeMap<_, _> = world.files();
        let report = report(&world.run(&[flags, &["."]].concat()).with(1).out());
        let changes = report["changes"].as_array().expect("changes");
        assert!(changes.len() >= 3, "{changes:#?}");
        let mut expected: BTreeMap<String, Vec<Option<Value>>> = BTreeMap::new();
        for change in changes {
            let name = change["file"].as_str().expect("a file").to_owned();
            let text = std::str::from_utf8(&before[std::path::Path::new(&name)]).expect("text");
            let values = expected.entry(name).or_insert_with(|| values(text));
            let document = change["document"].as_u64().expect("a document") as usize;
            let patch: json_patch::Patch = serde_json::from_value(change["operations"].clone()).expect("a patch");
            let value = values[document].as_mut().expect("a value");
            json_patch::patch(value, &patch).expect("the patch applies");
        }
        world.run(&[&flags[2..], &["--write", "-q", "."]].concat());
        for (name, expected) in &expected {
            assert_eq!(&values(&world.read(name)), expected, "{name}");
            assert_ne!(world.read(name).as_bytes(), before[std::path::Path::new(name)], "{name}");
        }
        for (name, text) in &world.files() {
            let name = name.to_str().expect("UTF-8");
            assert_eq!(expected.contains_key(name), text != &before[std::path::Path::new(name)], "{name}");
        }
    }
}

fn counts() {
    let report = report(&everything().run(&["--format", "json", "."]).with(1).out());
    let number = |name: &str| report["summary"][name].as_u64().expect(name);
    let parts = ["applied", "needsUnsafe", "refused", "manual"].map(number);
    assert_eq!(parts.iter().sum::<u64>(), number("findings"), "{:#}", report["summary"]);
    assert!(parts.iter().all(|part| *part > 0), "each kind is there: {:#}", report["summary"]);
    assert_eq!(number("findings"), report["findings"].as_array().expect("findings").len() as u64);
    let findings = report["findings"].as_array().expect("findings");
    let refused = findings.iter().find(|finding| !finding["refusal"].is_null()).expect("a refusal");
    assert_eq!(refused["file"], "alias.yaml");
    assert_eq!(refused["fix"]["applied"], false);
}

fn fingerprints() {
    let prints = |text: &str| {
        let world = World::with(&[("bank.yaml", text), ("other.yaml", &host("van"))]);
        let report = report(&world.run(&[CHOSEN, "--format", "json", "."]).with(1).out());
        let findings = report["findings"].as_array().expect("findings").iter();
        findings
            .map(|finding| {
                let part = |name: &str| finding[name].as_str().expect(name).to_owned();
                (part("file") + &part("rule"), part("fingerprint"))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let own = prints(BANK);
    assert_eq!(own.len(), 5);
    assert_eq!(own.values().collect::<std::collections::BTreeSet<_>>().len(), 5, "all differ");
    let moved = format!("{}---\n# more above\n\n{}", left_over("first").replace("WithHostNet", ""), BANK);
    assert_eq!(prints(&moved), own);
    // A list item in front, and another value.
    let item = BANK.replace(
        "          - {name: ndots, value: 5}",
        "          - {name: single}\n          - {name: ndots, value: 2}",
    );
    assert_eq!(prints(&item), own);
    let renamed = prints(&BANK.replace("name: teller", "name: cashier"));
    let same = own.iter().filter(|(key, print)| renamed.get(*key) == Some(*print)).count();
    assert_eq!(same, 4, "all but the teller's");
}

fn positions() {
    let world = World::with(&[("bank.yaml", &BANK.replace("---\n", "---\n# a word\n"))]);
    let at = |report: &Value, rule: &str| {
        let findings = report["findings"].as_array().expect("findings").iter();
        let found = findings.filter(|finding| finding["rule"] == rule).collect::<Vec<_>>();
        found.iter().map(|finding| finding["line"].as_u64().expect("a line")).collect::<Vec<_>>()
    };
    let before = report(&world.run(&["--unsafe", "--format", "json", "."]).out());
    assert_eq!((at(&before, "proxy-uid"), at(&before, "host-network")), (vec![17], vec![25]));
    let after = report(&world.run(&["--unsafe", "--write", "--format", "json", "."]).with(0).out());
    let line = world.read("bank.yaml").lines().position(|line| line.contains("runAsUser")).expect("there") as u64 + 1;
    assert_eq!((at(&after, "proxy-uid"), line), (vec![17], 17));
}

fn stream() {
    let world = World::new();
    let input = format!("{BANK}---\nkind: Pod\nspec: [\n");
    let report = report(&world.stream(&["--format", "json", "-"], input).with(0).out());
    assert_eq!(report["findings"][0]["file"], "<stdin>");
    assert_eq!(report["changes"].as_array().expect("changes").len(), 1);
    assert!(report["skipped"][0]["line"].as_u64().is_some_and(|line| line >= 28), "{:#}", report["skipped"]);
}
