//! Places on lines that count differently in characters, UTF-16 and bytes.

use libtest_mimic::Trial;
use serde_json::Value;

use super::apply::{self, Columns, Texts, offset};
use super::trial;
use super::world::pod;
use crate::cli::support::World;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("columns_of_wide_characters", wide),
        trial("columns_with_carriage_returns_and_tabs", crlf),
        trial("columns_behind_a_byte_order_mark", mark),
        trial("a_place_of_several_lines_is_its_first_one", several_lines),
        trial("a_suggestion_at_the_end_of_a_file_is_on_a_line", end_of_file),
    ]
}

/// The first result or diagnostic for `hostNetwork` of a file with this text.
fn first(text: &str, format: &str) -> Value {
    let world = World::with(&[("a.yaml", text)]);
    let ran = world.run(&["--select=host-network", "--unsafe", "--format", format, "."]).with(1);
    let report: Value = serde_json::from_str(&ran.out()).expect("JSON");
    let list = if format == "sarif" { &report["runs"][0]["results"] } else { &report["diagnostics"] };
    list[0].clone()
}

/// Both formats mark the value, and both suggestions make the text `after`.
#[track_caller]
fn marks(text: &str, after: &str, sarif: [u64; 4], rdjson: [u64; 4]) {
    let result = first(text, "sarif");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    let found =
        ["startLine", "startColumn", "endLine", "endColumn"].map(|name| region[name].as_u64().expect("a number"));
    assert_eq!(found, sarif, "SARIF: {region}");
    let diagnostic = first(text, "rdjson");
    let range = &diagnostic["location"]["range"];
    let found = [("start", "line"), ("start", "column"), ("end", "line"), ("end", "column")];
    let found = found.map(|(end, part)| range[end][part].as_u64().expect("a number"));
    assert_eq!(found, rdjson, "rdjson: {range}");
    for (columns, [line, start, _, end]) in [(Columns::Utf16, sarif), (Columns::Bytes, rdjson)] {
        let at = |column: u64| offset(text, line as usize, column as usize, columns);
        assert_eq!(&text[at(start)..at(end)], "true");
    }
    let mut texts: Texts = [("a.yaml".to_owned(), text.to_owned())].into();
    apply::sarif(&result["fixes"][0], &mut texts);
    assert_eq!(texts["a.yaml"], after, "SARIF");
    let mut other = text.to_owned();
    apply::rdjson(&diagnostic["suggestions"][0], &mut other);
    assert_eq!(other, after, "rdjson");
}

fn wide() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostname: \"é🛥€\", hostNetwork: true, containers: []}\n";
    let after = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostname: \"é🛥€\", containers: []}\n";
    // é, 🛥 and € are three characters, four units and nine bytes.
    marks(text, after, [4, 39, 4, 43], [4, 44, 4, 48]);
}

fn crlf() {
    let text =
        "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: a}\r\nspec:\r\n  hostNetwork:\ttrue\r\n  containers: []\r\n";
    let after = "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: a}\r\nspec:\r\n  containers: []\r\n";
    marks(text, after, [5, 16, 5, 20], [5, 16, 5, 20]);
}

fn mark() {
    let text = "\u{feff}{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"ü\"}, \"spec\": {\"hostNetwork\": true, \"containers\": []}}";
    let after = "\u{feff}{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"ü\"}, \"spec\": {\"containers\": []}}";
    // The mark is three bytes and no character.
    marks(text, after, [1, 88, 1, 92], [1, 92, 1, 96]);
}

fn several_lines() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {}\n    spec:\n      containers:\n        - name: a\n          image: x\n          ports:\n            - containerPort: 8080\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n    - port: 80\n      targetPort: 8080\n";
    let text = text
        .replace("metadata: {}\n", "metadata:\n      labels:\n        tier: é\n        zone: b\n")
        .replace("spec:\n  ports", "spec:\n  selector: {tier: é}\n  ports");
    let world = World::with(&[("a.yaml", &text)]);
    let mut seen = 0;
    for format in ["sarif", "rdjson"] {
        let ran = world.run(&["--select=app-label", "--unsafe", "--format", format, "."]);
        let report: Value = serde_json::from_str(&ran.out()).expect("JSON");
        if format == "sarif" {
            let region = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
            assert_eq!((&region["startLine"], &region["endLine"]), (&8.into(), &8.into()), "{region}");
            assert_eq!((&region["startColumn"], &region["endColumn"]), (&9.into(), &16.into()), "{region}");
        } else {
            let range = &report["diagnostics"][0]["location"]["range"];
            assert_eq!(range["end"], serde_json::json!({"line": 8, "column": 17}), "{range}");
        }
        seen += 1;
    }
    assert_eq!(seen, 2);
}

fn end_of_file() {
    let text = pod("a").replace("  hostNetwork: true\n", "") + "  hostNetwork: true\n";
    for text in [text.clone(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
        let suggestion = first(&text, "rdjson")["suggestions"][0].clone();
        let lines = text.lines().count() as u64;
        assert!(suggestion["range"]["end"]["line"].as_u64().expect("a line") <= lines, "{suggestion} of {lines} lines");
        let mut after = text.clone();
        apply::rdjson(&suggestion, &mut after);
        assert_eq!(
            after,
            text.replace("  hostNetwork: true\r\n", "")
                .replace("  hostNetwork: true\n", "")
                .replace("\n  hostNetwork: true", "")
        );
    }
}
