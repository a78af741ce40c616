//! What has no lines in a repository, and what no suggestion may show.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::trial;
use super::world::pod;
use crate::cli::support::World;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("a_stream_gives_files_without_lines", stream),
        trial("a_function_that_checks_suggests_nothing", function),
        trial("no_suggestion_goes_over_a_secret", secret),
    ]
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn stream() {
    let world = World::new();
    // What stays open: nobody asked for unsafe fixes.
    let input = format!("---\n# Source: shop/templates/till.yaml\n{}---\n{}", pod("till"), pod("till2"));
    let run = |format: &str| world.stream(&["--select=host-network", "--format", format, "-"], &input).with(0).out();
    let sarif = json_of(&run("sarif"));
    let place = |i: usize| sarif["runs"][0]["results"][i]["locations"][0]["physicalLocation"].clone();
    let start = json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1});
    assert_eq!(place(0), json!({"artifactLocation": {"uri": "shop/templates/till.yaml"}, "region": start}));
    assert_eq!(place(1)["artifactLocation"]["uri"], "%3Cstdin%3E");
    assert_eq!(place(1)["region"]["startLine"], 14);
    let rdjson = json_of(&run("rdjson"));
    assert_eq!(rdjson["diagnostics"][0]["location"], json!({"path": "shop/templates/till.yaml"}));
    assert_eq!(rdjson["diagnostics"][1]["location"]["range"]["start"], json!({"line": 14, "column": 16}));
    let gitlab = json_of(&run("gitlab"));
    assert_eq!(gitlab[0]["location"]["path"], "shop/templates/till.yaml");
    assert_eq!(gitlab[0]["location"]["positions"]["begin"]["line"], 1);
    let github = run("github");
    let first = github.lines().next().expect("a command");
    let head = "::error title=meshfix (host-network),file=shop/templates/till.yaml::shop/templates/till.yaml (line 7 of the stream): ";
    assert!(first.starts_with(head), "{first}");
    assert!(run("junit").contains("<testsuite name=\"shop/templates/till.yaml\" tests=\"1\""));
    assert!(run("markdown").contains("| <code>shop/templates/till.yaml</code> |"));
}

fn function() {
    let world = World::new();
    let item = pod("till").replace('\n', "\n  ");
    let list = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  apiVersion: meshfix.dev/v1alpha1\n  kind: MeshFix\n  metadata: {{name: m}}\n  spec: {{mode: check, unsafe: true, select: [host-network]}}\nitems:\n- {}\n",
        item.trim_end()
    );
    for format in ["sarif", "rdjson"] {
        let ran = world.stream(&["fn", "--format", format, "-o", "report"], &list).with(0);
        assert!(ran.out().contains("hostNetwork: true"), "nothing is changed: {}", ran.out());
        let report = world.read("report");
        assert!(report.contains("host-network"), "{report}");
        assert!(!report.contains("\"fixes\"") && !report.contains("\"suggestions\""), "{report}");
    }
}

fn secret() {
    let (deployment, service) = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: till}\nspec:\n  template:\n    metadata: {labels: {app: till}}\n    spec:\n      containers:\n        - name: till\n          image: x\n          env: [{name: SERVER_PORT, value: \"15020\"}]\n          ports: [{containerPort: 15020}]\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: till}\nspec:\n  selector: {app: till}\n  ports: [{port: 80, targetPort: 15020}]\n",
    );
    let between = |middle: &str| {
        let world = World::with(&[("till.yaml", &format!("{deployment}---\n{middle}---\n{service}"))]);
        let run = |format: &str| world.run(&["--select=reserved-port", "--format", format, "."]).with(1).out();
        (run("sarif"), run("rdjson"))
    };
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: till}\ndata: {word: CANARY}\n";
    let (sarif, rdjson) = between(config);
    let replacements = |sarif: &str| {
        let fix = json_of(sarif)["runs"][0]["results"][0]["fixes"][0].clone();
        fix["artifactChanges"][0]["replacements"].as_array().map(Vec::len)
    };
    assert_eq!(replacements(&sarif), Some(3));
    assert!(rdjson.contains("CANARY"), "one replacement goes over what stands between: {rdjson}");
    let (sarif, rdjson) = between(&config.replace("ConfigMap", "Secret").replace("data:", "stringData:"));
    assert_eq!(replacements(&sarif), Some(3), "edits that show nothing stay");
    assert!(!sarif.contains("CANARY") && !rdjson.contains("CANARY"), "{rdjson}");
    assert!(!rdjson.contains("suggestions"), "{rdjson}");
}
