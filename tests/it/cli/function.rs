//! `meshfix fn`: a ResourceList comes back whole, with results, however the host configures and calls it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::support::{Ran, World, finish, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("function_fixes_in_place_and_tells_results", fixes),
        trial("function_select_none_is_the_identity", identity),
        trial("function_reads_each_kind_of_configuration", configurations),
        trial("function_refuses_configurations_that_it_does_not_understand", bad_configurations),
        trial("function_prints_nothing_for_what_is_no_resource_list", bad_lists),
        trial("function_takes_an_empty_list", empty_list),
        trial("function_fails_on_findings_only_on_request_and_prints_the_list", fails_on_request),
        trial("function_prints_nothing_when_a_proof_fails", sabotage),
        trial("function_is_called_by_names_and_without_arguments", names),
        trial("function_leaves_what_is_local_to_functions", local),
        trial("function_keeps_folders_apart", folders),
        trial("function_check_mode_changes_nothing", check_mode),
        trial("function_adds_to_results_that_are_there", earlier_results),
        trial("function_reads_json", json_list),
        trial("function_writes_reports_beside_the_list", reports),
        trial("function_never_answers_with_something_else", nothing_else),
        trial("function_called_with_flags_alone_is_refused", flags_alone),
        trial("output_never_replaces_an_input", own_output),
        trial("legacy_plugin_takes_its_configuration_from_a_file", legacy_plugin),
        trial("legacy_plugin_prints_nothing_for_nothing", legacy_generator),
    ]
}

/// Items as kpt gives them, in odd styles; the pod and its Service disagree about a label, and a Secret lies between.
const ITEMS: &str = r#"items:
# in front of the first
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name:   barn          # odd blanks
    annotations: {team: "hay", config.kubernetes.io/path: farm/barn.yaml, internal.config.kubernetes.io/path: 'farm/barn.yaml', config.kubernetes.io/index: '0', internal.config.kubernetes.io/index: '0', config.k8s.io/id: '1', internal.config.kubernetes.io/id: "1"}
  spec:
    selector:
        matchLabels: {stall: "7"}
    template:
      metadata:
        labels: {stall: "7"}   # the only label
      spec:
        dnsPolicy: Default
        containers: [{name: cow, image: 'farm/cow:1'}]
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: van, annotations: {config.kubernetes.io/path: farm/van.yaml, config.kubernetes.io/index: '0'}}, spec: {template: {spec: {hostNetwork: true, containers: []}}}}
- apiVersion: v1
  kind: Service
  metadata:
    annotations:
      config.kubernetes.io/path: farm/barn.yaml
      config.kubernetes.io/index: '2'
    name: barn
  spec:
    selector: {stall: "7"}
    ports: [{port: 80, appProtocol: http}]
- {apiVersion: v1, kind: Secret, metadata: {name: hay}, stringData: {a: hidden-straw}}
"#;

fn list(configuration: &str) -> String {
    format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{configuration}{ITEMS}")
}

fn ours(spec: &str) -> String {
    let annotations = "annotations: {config.kubernetes.io/local-config: 'true'}";
    format!(
        "functionConfig:\n  apiVersion: meshfix.dev/v1alpha1\n  kind: MeshFix\n  metadata: {{name: mesh, {annotations}}}\n  spec: {spec}\n"
    )
}

fn data(entries: &str) -> String {
    format!(
        "functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: function-input}}\n  data: {entries}\n"
    )
}

/// The answer without its results, and them.
#[track_caller]
fn parted(ran: &Ran) -> (String, Vec<Value>) {
    let out = ran.out();
    let value: Value = serde_yaml::from_str(&out).expect("YAML");
    let results = value["results"].as_array().cloned().unwrap_or_default();
    let list = out.split_once("results:\n").map_or(out.as_str(), |(list, _)| list);
    (list.to_owned(), results)
}

fn of_rule<'r>(results: &'r [Value], rule: &str) -> &'r Value {
    results.iter().find(|result| result["tags"]["rule"] == rule).expect("a result of the rule")
}

fn fixes() {
    let ran = World::new().stream(&["fn"], list("")).with(0);
    let (fixed, results) = parted(&ran);
    let expected =
        list("").replace("labels: {stall: \"7\"}   # the", "labels: {stall: \"7\", app: barn, version: v1}   # the");
    assert_eq!(fixed, expected);
    assert_eq!(
        of_rule(&results, "host-network"),
        &json!({
            "message": "pod runs in the node's network; the fix needs `unsafe: true`: remove `hostNetwork`",
            "severity": "error",
            "resourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "van"},
            "field": {"path": "spec.template.spec.hostNetwork", "currentValue": true},
            "file": {"path": "farm/van.yaml", "index": 0},
            "tags": {"rule": "host-network", "fix": "unsafe"},
        })
    );
    let done = of_rule(&results, "app-label");
    assert_eq!((&done["severity"], &done["tags"]["fix"]), (&json!("info"), &json!("applied")));
    let unsafe_fix = of_rule(&results, "dns-policy");
    assert_eq!(unsafe_fix["field"]["proposedValue"], "ClusterFirst", "{unsafe_fix}");
    // Every result that is left stands on one line of standard error.
    let ran = ran.says("error host-network: Deployment/van in farm/van.yaml: pod runs in the node's network");
    assert!(!ran.err.contains("hidden-straw") && ran.out().matches("hidden-straw").count() == 1);
    // The second run finds nothing more to do.
    let again = World::new().stream(&["fn"], &fixed).with(0);
    assert_eq!(parted(&again).0, fixed);
}

fn identity() {
    let crlf = list("").replace('\n', "\r\n");
    let no_end = list("").trim_end().to_owned();
    for text in [list(""), list(&ours("{}")), crlf, no_end, format!("\u{feff}{}", list(""))] {
        for args in [&["fn", "--select", "none"][..], &["--select", "none", "-"]] {
            assert_eq!(World::new().stream(args, &text).with(0).out(), text);
        }
    }
    for configuration in [ours("{select: [none]}"), data("{select: none}")] {
        let text = list(&configuration);
        assert_eq!(World::new().stream(&["fn"], &text).with(0).out(), text);
    }
    let text = list(&ours("{select: [dns-ndots], rules: {}}"));
    assert_eq!(World::new().stream(&["fn"], &text).with(0).out(), text, "a rule that finds nothing");
}

fn configurations() {
    for configuration in
        [ours("{unsafe: true, select: [host-network]}"), data("{unsafe: 'true', select: 'host-network'}")]
    {
        let ran = World::new().stream(&["fn"], list(&configuration)).with(0);
        let (fixed, results) = parted(&ran);
        assert!(!fixed.contains("hostNetwork") && fixed.contains("labels: {stall: \"7\"}   #"), "{fixed}");
        assert_eq!(of_rule(&results, "host-network")["tags"]["fix"], "applied");
    }
    // What kpt sends when nobody configures anything, and what kustomize never does.
    for configuration in [data("{}"), "functionConfig: null\n".to_owned(), String::new()] {
        let world = World::with(&[(
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec: {unsafe: true, select: [host-network]}\n",
        )]);
        let ran = world.stream(&["fn", "-v"], list(&configuration)).with(0).says("configuration: meshfix.yaml");
        assert!(!parted(&ran).0.contains("hostNetwork"), "{}", ran.out());
    }
    // A configuration in the list is the whole configuration; flags win over it.
    let world =
        World::with(&[("meshfix.yaml", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec: {unsafe: true}\n")]);
    let text = list(&ours("{select: [host-network]}"));
    world.stream(&["fn"], &text).with(0).prints("hostNetwork: true");
    assert!(!parted(&world.stream(&["fn", "--unsafe"], &text).with(0)).0.contains("hostNetwork"));
}

fn bad_configurations() {
    let cases = [
        (ours("{unsave: true}"), "functionConfig: there is no key `unsave` in `spec`; did you mean `unsafe`?"),
        (ours("{failOn: high}"), "functionConfig: `failOn` must be"),
        (data("{unsafe: 'yes'}"), "functionConfig: `unsafe` must be true or false, not the string \"yes\""),
        (data("{rules.dns-ndot.explicit: 'true'}"), "did you mean `dns-ndots`?"),
        (data("{select: [a]}"), "functionConfig: `data.select` must be a string; write lists with commas"),
        (
            "functionConfig: {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {key: hidden}}\n"
                .to_owned(),
            "functionConfig: a `Secret` of `v1` does not configure meshfix",
        ),
        (ours("{}").replace("v1alpha1", "v9"), "`apiVersion` must be `meshfix.dev/v1alpha1`"),
    ];
    for (configuration, says) in cases {
        let ran = World::new().stream(&["fn"], list(&configuration)).with(2).says(says);
        assert!(ran.bytes.is_empty() && !ran.err.contains("hidden"), "{}", ran.err);
    }
    let world = World::with(&[("own.yaml", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n")]);
    let ran = world.stream(&["fn", "--config", "own.yaml"], list(&ours("{}"))).with(2);
    ran.says("`--config own.yaml` and functionConfig both configure this run");
}

fn bad_lists() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    let cases = [
        (pod.to_owned(), "standard input:1:1: this is no ResourceList"),
        ("just text\n".to_owned(), "standard input is no ResourceList"),
        (String::new(), "standard input is empty"),
        (
            list("").replace("- apiVersion: v1\n  kind: Service", "- apiVersion: v1\n kind: Service"),
            "standard input:21:2: not valid YAML",
        ),
        (format!("{}---\n{pod}", list("")), "this is no ResourceList"),
        (format!("{0}---\n{0}", list("")), "standard input has several documents"),
        (
            list("").replace("config.kubernetes.io/v1\nkind: R", "v1\nkind: R"),
            "must be `config.kubernetes.io/v1`, not `v1`",
        ),
        (
            "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: {}\n".to_owned(),
            "3:8: `items` must be a list",
        ),
        (format!("{}- {{{{ more }}}}\n", list("")), "template text"),
    ];
    for (text, says) in cases {
        let ran = World::new().stream(&["fn"], &text).with(2).says(says);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
}

fn empty_list() {
    for items in ["items: []\n", "items:\n", ""] {
        let text = format!("apiVersion: config.kubernetes.io/v1beta1\nkind: ResourceList\n{items}");
        assert_eq!(World::new().stream(&["fn"], &text).with(0).out(), text);
    }
}

fn fails_on_request() {
    for (configuration, args, code) in [
        (ours("{failOn: error}"), &["fn"][..], 1),
        (data("{failOn: warning}"), &["fn"], 1),
        (ours("{}"), &["fn", "--fail-on", "error"], 1),
        (ours("{failOn: error}"), &["fn", "--exit-zero"], 0),
        (ours("{failOn: error, unsafe: true}"), &["fn"], 0),
    ] {
        let ran = World::new().stream(args, list(&configuration)).with(code);
        // kpt shows the results of a function that failed, so the list is complete.
        let value: Value = serde_yaml::from_str(&ran.out()).expect("YAML");
        assert_eq!(value["items"].as_array().map(Vec::len), Some(4));
        assert!(parted(&ran).1.len() > 6);
    }
}

fn sabotage() {
    let world = World::new();
    let mut command = world.command(&["fn"]);
    let ran = finish(command.env("MESHFIX_TEST_SABOTAGE", "1"), list("").as_bytes()).with(70);
    assert!(ran.bytes.is_empty(), "{}", ran.out());
    ran.says("this is a defect of meshfix");
}

fn names() {
    let expected = World::new().stream(&["fn"], list("")).with(0).out();
    assert_eq!(World::new().stream(&[], list("")).with(0).out(), expected, "no argument");
    assert_eq!(World::new().stream(&["-"], list("")).with(0).out(), expected, "a stream by its content");
    let world = World::new();
    let name = world.path("meshfix-fn");
    symlink(env!("CARGO_BIN_EXE_meshfix"), &name).expect("a link");
    assert_eq!(finish(&mut world.clean(name.to_str().expect("UTF-8")), list("").as_bytes()).with(0).out(), expected);
    let name = world.path("kubectl-meshfix");
    symlink(env!("CARGO_BIN_EXE_meshfix"), &name).expect("a link");
    let help = finish(world.clean(name.to_str().expect("UTF-8")).arg("-h"), b"").with(0);
    help.prints("Usage: kubectl meshfix");
}

fn local() {
    let item = |kind: &str, extra: &str| {
        format!(
            "- apiVersion: apps/v1\n  kind: {kind}\n  metadata:\n    name: x\n    annotations: {{config.kubernetes.io/local-config: \"true\"}}\n  spec: {{template: {{spec: {{hostNetwork: true{extra}}}}}}}\n"
        )
    };
    let kptfile = "- {apiVersion: kpt.dev/v1, kind: Kptfile, metadata: {name: farm}, pipeline: {mutators: []}}\n";
    let text = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{}{kptfile}",
        item("Deployment", ", containers: []")
    );
    assert_eq!(World::new().stream(&["fn", "--unsafe"], &text).with(0).out(), text);
}

/// Two folders hold the same names: what is one application in each of them stays so.
fn folders() {
    let item = |folder: &str, kind: &str, spec: &str| {
        format!(
            "- apiVersion: {}\n  kind: {kind}\n  metadata: {{name: till, annotations: {{config.kubernetes.io/path: {folder}/till.yaml}}}}\n  spec: {spec}\n",
            if kind == "Service" { "v1" } else { "apps/v1" }
        )
    };
    let labels = "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: c}]}}}";
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n";
    let one = format!(
        "{head}{}{}{}",
        item("one", "Deployment", labels),
        item("one", "Service", "{selector: {a: b}, ports: [{port: 1, appProtocol: tcp}]}"),
        item("two", "Deployment", labels)
    );
    let (fixed, _) = parted(&World::new().stream(&["fn", "--select", "app-label"], &one).with(0));
    assert_eq!(fixed.matches("app: till").count(), 1, "the other folder has no Service of its own:\n{fixed}");
    let flat = one.replace("two/till.yaml", "one/till.yaml");
    let (fixed, _) = parted(&World::new().stream(&["fn", "--select", "app-label"], &flat).with(0));
    assert_eq!(fixed.matches("app: till").count(), 2, "{fixed}");
}

fn check_mode() {
    let text = list(&ours("{mode: check, unsafe: true}"));
    let ran = World::new().stream(&["fn"], &text).with(0).says("host-network");
    let (same, results) = parted(&ran);
    assert_eq!(same, text);
    assert_eq!(of_rule(&results, "host-network")["severity"], "error");
    assert_eq!(of_rule(&results, "dns-policy")["field"]["proposedValue"], "ClusterFirst");
    World::new().stream(&["fn"], list(&ours("{mode: check, unsafe: true, failOn: error}"))).with(1);
}

fn earlier_results() {
    let text = format!("{}results:\n- message: from another function\n  severity: info\n", list(""));
    let ran = World::new().stream(&["fn"], &text).with(0);
    let results = parted(&ran).1;
    assert_eq!(results[0]["message"], "from another function");
    assert!(results.len() > 6);
    for none in ["results:\n", "results: null\n", "results: []\n"] {
        let ran = World::new().stream(&["fn"], format!("{}{none}", list(""))).with(0);
        let value: Value = serde_yaml::from_str(&ran.out()).expect("YAML");
        assert!(value["results"].as_array().is_some_and(|results| results.len() > 6), "{none}");
    }
    let ran =
        World::new().stream(&["fn"], format!("{}results: {{}}\n", list(""))).with(2).says("`results` must be a list");
    assert!(ran.bytes.is_empty());
}

/// Whatever else stood on standard output, kustomize and kpt would delete what they sent.
fn nothing_else() {
    for args in [&["fn", "-o", "x.yaml"][..], &["fn", "--format", "json"], &["--format", "sarif", "-"]] {
        let world = World::new();
        let ran = world.stream(args, list("")).with(2).says("standard output is the list for its host");
        assert!(ran.bytes.is_empty() && world.files().is_empty());
    }
}

fn flags_alone() {
    let world = World::with(&[("van.yaml", STREAM)]);
    for args in [&["--unsafe"][..], &["--fail-on", "error"], &["-q"], &["--write", "--unsafe"], &["--check"]] {
        let ran = world.stream(args, list("")).with(2).says("no PATH says what to read: `-` reads it");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
        assert_eq!(world.read("van.yaml"), STREAM);
    }
    // Nobody sends anything: the flags are for the files here.
    world.run(&["--check"]).with(1);
}

fn own_output() {
    let world = World::with(&[("van.yaml", STREAM)]);
    symlink("van.yaml", world.path("link.yaml")).expect("a link");
    for file in ["van.yaml", "link.yaml"] {
        for args in [
            &[".", "-o"][..],
            &["--write", ".", "--format", "json", "-o"],
            &["export", "--as", "json-patch", ".", "-o"],
        ] {
            world.run(&[args, &[file]].concat()).with(2).says("is one of the manifests that are read");
            assert_eq!(world.read("van.yaml"), STREAM);
        }
    }
}

fn json_list() {
    let mut value: Value = serde_yaml::from_str(&list("")).expect("YAML");
    // On one line with a Secret nothing is edited.
    value["items"].as_array_mut().expect("items").retain(|item| item["kind"] != "Secret");
    for text in [value.to_string(), format!("{value:#}\n")] {
        let out = World::new().stream(&["fn"], &text).with(0).out();
        let fixed: Value = serde_json::from_str(&out).expect("it is still JSON");
        assert_eq!(fixed["items"][0]["spec"]["template"]["metadata"]["labels"]["app"], "barn");
        assert!(fixed["results"].as_array().is_some_and(|results| results.len() > 2));
    }
}

fn reports() {
    let world = World::new();
    let expected = world.stream(&["fn"], list("")).with(0).out();
    let ran = world.stream(&["fn", "--format", "json", "-o", "report.json"], list("")).with(0);
    assert_eq!(ran.out(), expected);
    let report: Value = serde_json::from_str(&world.read("report.json")).expect("JSON");
    let finding = &report["findings"][0];
    assert_eq!((&finding["file"], &finding["line"]), (&json!("farm/barn.yaml"), &Value::Null));
    assert!(finding["stream"]["line"].as_u64().is_some_and(|line| line > 3), "{finding}");
}

fn plugin(world: &World) -> Command {
    let folder = world.path("meshfix.dev/v1alpha1/meshfix");
    fs::create_dir_all(&folder).expect("a folder");
    let name = folder.join("MeshFix");
    if !name.exists() {
        symlink(env!("CARGO_BIN_EXE_meshfix"), &name).expect("a link");
    }
    world.clean(name.to_str().expect("UTF-8"))
}

const STREAM: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: van\n  annotations: {kustomize.config.k8s.io/id: \"kind: Pod\"}\nspec:\n  hostNetwork: true\n  containers: []\n---\napiVersion: v1\nkind: Service\nmetadata: {name: van}\n";

fn legacy_plugin() {
    let head = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nmetadata: {name: mesh}\nargsOneLiner: --select host-network\n";
    let world =
        World::with(&[("config", &format!("{head}spec: {{unsafe: true}}\n")), ("bad", &format!("{head}spek: 1\n"))]);
    let ran = finish(plugin(&world).args(["config", "--select", "host-network"]), STREAM.as_bytes()).with(0);
    assert_eq!(ran.out(), STREAM.replace("  hostNetwork: true\n", ""));
    let ran = finish(plugin(&world).arg("bad"), STREAM.as_bytes()).with(2);
    assert!(ran.bytes.is_empty());
    ran.says("there is no key `spek`; did you mean `spec`?");
    finish(plugin(&world).arg("gone"), STREAM.as_bytes()).with(2).says("gone: no such file");
}

/// kustomize calls a generator with an empty input; an empty answer to a transformer would delete everything.
fn legacy_generator() {
    let world = World::with(&[("config", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nmetadata: {name: mesh}\n")]);
    let ran = finish(plugin(&world).arg("config"), b"").with(2);
    assert!(ran.bytes.is_empty());
}
