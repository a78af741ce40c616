//! Helm 3 and Helm 4 with meshfix as their post-renderer, and `helm template | meshfix -`.

use std::fs;

use libtest_mimic::Trial;
use serde_json::Value;

use super::support::{Host, SABOTAGE, nothing_is_deleted, resources, trial, word};
use crate::cli::support::Ran;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("helm::no_rule_changes_no_byte", identity),
        trial("helm::every_way_fixes_the_example", example),
        trial("helm::tests_and_hooks_keep_what_helm_runs_them_by", hooks),
        trial("helm::findings_name_the_template", files),
        trial("helm::nothing_is_printed_when_meshfix_fails", failures),
        trial("helm::a_chart_that_renders_nothing", empty),
        trial("helm::new_resources_come_behind_what_is_there", new_resources),
    ]
}

/// A way from a chart to fixed manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Helm3,
    Helm4,
    Pipe,
}

const WAYS: [Way; 3] = [Way::Helm3, Way::Helm4, Way::Pipe];

/// Both Helms, each by its own name and with folders of its own, the shipped plugin in Helm 4, and beside it one that
/// changes nothing.
fn host() -> Option<Host> {
    let host = Host::new(["helm3", "helm4"])?;
    fs::create_dir_all(host.home().join("copy")).expect("a folder");
    let copy = "apiVersion: v1\ntype: postrenderer/v1\nname: copy\nversion: 0.1.0\nruntime: subprocess\nruntimeConfig:\n  platformCommand:\n    - command: cat\n";
    fs::write(host.home().join("copy/plugin.yaml"), copy).expect("written");
    for plugin in [word("helm"), host.home().join("copy").display().to_string()] {
        helm(&host, &["helm4", "plugin", "install", &plugin], None).with(0);
    }
    host.copy("helm/example", "example");
    Some(host)
}

fn helm(host: &Host, words: &[&str], environment: Option<(&str, &str)>) -> Ran {
    let mut command = host.command(words);
    let folder = host.home().join(words[0]);
    for name in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{name}_HOME"), folder.join(name));
    }
    crate::cli::support::finish(command.envs(environment), b"")
}

/// Renders a chart through meshfix with these arguments.
fn render(host: &Host, way: Way, chart: &str, arguments: &[&str], environment: Option<(&str, &str)>) -> Ran {
    match way {
        Way::Helm3 => {
            let arguments = ["-"].iter().chain(arguments).flat_map(|argument| ["--post-renderer-args", argument]);
            let words: Vec<&str> = ["helm3", "template", "north", chart, "--post-renderer", "meshfix"]
                .into_iter()
                .chain(arguments)
                .collect();
            helm(host, &words, environment)
        }
        Way::Helm4 => {
            let arguments: Vec<String> =
                arguments.iter().map(|argument| format!("--post-renderer-args={argument}")).collect();
            let words = ["helm4", "template", "north", chart, "--post-renderer", "meshfix"];
            helm(host, &words.into_iter().chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>(), environment)
        }
        Way::Pipe => {
            let script = format!("helm3 template north {chart} | meshfix - {}", arguments.join(" "));
            helm(host, &["sh", "-c", &script], environment)
        }
    }
}

/// What the same way gives without meshfix.
#[track_caller]
fn plain(host: &Host, way: Way, chart: &str) -> String {
    let words: &[&str] = match way {
        Way::Helm3 => &["helm3", "template", "north", chart, "--post-renderer", "cat"],
        Way::Helm4 => &["helm4", "template", "north", chart, "--post-renderer", "copy"],
        Way::Pipe => &["helm3", "template", "north", chart],
    };
    helm(host, words, None).with(0).out()
}

const CHART: &str = "apiVersion: v2\nname: NAME\nversion: 0.1.0\n";

/// A chart with another in it, a hook of each, and names that only rendering gives.
fn with_subchart(host: &Host) {
    let write = |name: &str, text: &str| host.world.write(format!("yard/{name}"), text);
    write("Chart.yaml", &CHART.replace("NAME", "yard"));
    write("values.yaml", "shed: {tools: 3}\nport: 8080\n");
    write("charts/shed/Chart.yaml", &CHART.replace("NAME", "shed"));
    write("charts/shed/values.yaml", "tools: 1\n");
    write("charts/shed/templates/shed.yaml", &workload("shed", "replicas: {{ .Values.tools }}"));
    write("charts/shed/templates/job.yaml", &hook("shed-seed", "post-install,post-upgrade", "shed"));
    write(
        "templates/yard.yaml",
        &workload("yard", "{{- if .Values.port }}\n  minReadySeconds: {{ .Values.port }}\n  {{- end }}"),
    );
    write("templates/seed.yaml", &hook("yard-seed", "pre-install", "yard"));
    write("templates/check.yaml", &hook("yard-check", "test", "yard"));
    write("templates/NOTES.txt", "kind: Nothing\n");
    write(
        "crds/tool.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: tools.example.com}\n",
    );
}

/// A Deployment that breaks two rules, one of them safely, and its Service.
fn workload(name: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ .Release.Name }}}}-{name}\nspec:\n  {more}\n  selector: {{matchLabels: {{tier: {name}}}}}\n  template:\n    metadata: {{labels: {{tier: {name}}}}}\n    spec:\n      dnsPolicy: Default # {name}\n      containers: [{{name: {name}, image: '{name}:1'}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {{{{ .Release.Name }}}}-{name}}}\nspec: {{selector: {{tier: {name}}}, ports: [{{name: http, port: 80}}]}}\n"
    )
}

/// A Job that Helm runs; its pod carries the label that the Service selects.
fn hook(name: &str, hook: &str, tier: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{\"helm.sh/hook\": \"{hook}\", 'helm.sh/hook-weight': \"-5\"}}\nspec:\n  template:\n    metadata: {{labels: {{tier: {tier}}}}}\n    spec:\n      dnsPolicy: Default\n      restartPolicy: Never\n      containers: [{{name: {name}, image: '{name}:1'}}]\n"
    )
}

/// Texts that are easily lost: comments everywhere, empty documents, block scalars with `---` in them, odd quotes, line
/// endings of another system, Lists and JSON.
fn odd(host: &Host) {
    host.world.write("odd/Chart.yaml", CHART.replace("NAME", "odd"));
    host.world.write("odd/templates/a.yaml", "---\n\n# only a comment\n---\n# in front\n\napiVersion: v1\nkind: ConfigMap # behind\nmetadata:\n    name:   \"odd\"\ndata:\n    a: |+\n        --- no marker\n        text\n\n    b: >-\n        folded\n        text\n    'c d': \"\\u00e9 \\t 0x1F\"\n    yes: 'on'\n# at the end\n---\n");
    host.world.write(
        "odd/templates/crlf.yaml",
        "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: crlf}\r\ndata:\r\n  a: 'b'\r\n",
    );
    host.world.write("odd/templates/list.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n-   apiVersion: v1\n    kind: Secret\n    metadata: {name: two}\n    stringData: {a: hidden-straw}\n");
    host.world.write("odd/templates/json.yaml", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"json\"}, \"data\": {\"a\": \"b\\n\"}}");
    host.world.write("odd/templates/_helpers.tpl", "{{- define \"x\" }}x{{ end }}\n");
}

/// Many files, so that order and separators count.
fn long(host: &Host) {
    host.world.write("long/Chart.yaml", CHART.replace("NAME", "long"));
    host.world.write("long/templates/all.yaml", "{{- range $i := until 120 }}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s{{ $i }}\nspec:\n  type: {{ if mod $i 3 }}ClusterIP{{ else }}NodePort{{ end }}\n  ports: [{port: {{ add 8000 $i }}}]\n{{- end }}\n");
    for number in 0..20 {
        host.world.write(format!("long/templates/{number}.yaml"), workload(&format!("w{number}"), "replicas: 2"));
    }
}

fn identity() {
    let Some(host) = host() else { return };
    with_subchart(&host);
    odd(&host);
    long(&host);
    for chart in ["example", "yard", "odd", "long"] {
        for way in WAYS {
            let plain = plain(&host, way, chart);
            assert!(resources(&plain).len() > 1, "{chart}");
            let out = render(&host, way, chart, &["--select=none"], None).with(0);
            assert!(out.out() == plain, "{way:?} {chart}:\n{}\nis not\n{plain}", out.out());
            let all = render(&host, way, chart, &["--unsafe"], None).with(0).out();
            nothing_is_deleted(&resources(&plain), &resources(&all));
        }
    }
}

fn example() {
    let Some(host) = host() else { return };
    for way in WAYS {
        let plain = plain(&host, way, "example");
        let labels = "        tier: parcels # what the Service selects\n";
        let labelled = plain.replace(labels, &format!("{labels}        app: north-parcels\n        version: v1\n"));
        assert_ne!(labelled, plain);
        let ran = render(&host, way, "example", &[], None).with(0);
        assert_eq!(ran.out(), labelled, "{way:?}");
        // A hook is fixed too, but for its labels, where it reaches meshfix; a test never is.
        let (release, hooks) = labelled.split_once("kind: Pod").expect("the test comes behind the release");
        let release = release.replace("dnsPolicy: Default", "dnsPolicy: ClusterFirst");
        let is_hook_fixed = way != Way::Helm3;
        let job = "      dnsPolicy: Default";
        assert_eq!(hooks.matches(job).count(), 1, "the Job's pod stands deeper than the test's");
        let hooks = if is_hook_fixed { hooks.replace(job, "      dnsPolicy: ClusterFirst") } else { hooks.to_owned() };
        let fixed = format!("{release}kind: Pod{hooks}");
        assert_eq!(render(&host, way, "example", &["--unsafe"], None).with(0).out(), fixed, "{way:?}");
    }
}

fn hooks() {
    let Some(host) = host() else { return };
    with_subchart(&host);
    let documents = |text: &str| -> Vec<Value> {
        serde_yaml::Deserializer::from_str(text)
            .map(|document| serde::Deserialize::deserialize(document).expect("YAML"))
            .filter(|document: &Value| !document.is_null())
            .collect()
    };
    for way in [Way::Helm4, Way::Pipe] {
        let (before, after) =
            (plain(&host, way, "yard"), render(&host, way, "yard", &["--unsafe"], None).with(0).out());
        let (before, after) = (documents(&before), documents(&after));
        assert_eq!(before.len(), after.len());
        let mut seen = 0;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before["metadata"], after["metadata"], "names and annotations stay");
            let hook = before["metadata"]["annotations"]["helm.sh/hook"].as_str();
            let (was, is) = (&before["spec"]["template"], &after["spec"]["template"]);
            match hook {
                Some("test") => assert_eq!(before, after),
                // A Service must not begin to send requests to a Job.
                Some(_) => {
                    assert_eq!(was["metadata"], is["metadata"], "{after:#}");
                    assert_eq!(is["spec"]["dnsPolicy"], "ClusterFirst");
                }
                None if before["kind"] == "Deployment" => {
                    assert!(is["metadata"]["labels"]["app"].is_string(), "{after:#}")
                }
                None => {}
            }
            seen += usize::from(hook.is_some());
        }
        assert_eq!(seen, 3);
    }
}

fn files() {
    let Some(host) = host() else { return };
    with_subchart(&host);
    let finding = |way| {
        let report = host.world.path("report.json").display().to_string();
        let output = ["--format=json".to_owned(), format!("-o{report}")];
        let ran = render(&host, way, "yard", &output.each_ref().map(String::as_str), None).with(0);
        assert_eq!(ran.out(), render(&host, way, "yard", &[], None).with(0).out(), "{way:?}");
        let report: Value = serde_json::from_str(&host.world.read("report.json")).expect("JSON");
        fs::remove_file(host.world.path("report.json")).expect("removed");
        report["findings"].as_array().expect("findings").clone()
    };
    for way in WAYS {
        let findings = finding(way);
        let of = |name: &str| {
            findings.iter().find(|found| found["resource"]["name"] == name && found["rule"] == "dns-policy")
        };
        for (name, file) in [
            ("north-yard", "yard/templates/yard.yaml"),
            ("north-shed", "yard/charts/shed/templates/shed.yaml"),
            ("yard-check", "yard/templates/check.yaml"),
            ("shed-seed", "yard/charts/shed/templates/job.yaml"),
        ] {
            let Some(found) = of(name) else {
                assert!(way == Way::Helm3 && !name.starts_with("north"), "{way:?}: nothing of {name}");
                continue;
            };
            assert_eq!((&found["file"], &found["line"]), (&file.into(), &Value::Null), "{way:?}");
            assert!(found["stream"]["line"].as_u64().is_some_and(|line| line > 3), "{found}");
        }
    }
    // Where standard error is seen, it says the same.
    render(&host, Way::Pipe, "yard", &[], None).says("yard/charts/shed/templates/shed.yaml (line ").says("dns-policy");
    let ran = render(&host, Way::Helm3, "yard", &["--fail-on", "error"], None).with(1);
    ran.says("yard/charts/shed/templates/shed.yaml (line ").says("dns-policy");
}

fn failures() {
    let Some(host) = host() else { return };
    let broken = CHART.replace("NAME", "broken");
    host.world.write("broken/Chart.yaml", broken);
    host.world.write("broken/templates/a.yaml", "kind: Pod\nspec: [\n");
    for way in WAYS {
        for (arguments, environment, code, says) in [
            (&["--fail-on=error"][..], None, 1, "dns-policy"),
            (&[], Some(SABOTAGE), 70, "this is a defect of meshfix"),
            (&["--unsave"], None, 2, "--unsave"),
            (&["--select=dns-polcy"], None, 2, "did you mean `dns-policy`?"),
        ] {
            let ran = render(&host, way, "example", arguments, environment);
            match way {
                Way::Helm3 => _ = ran.with(1).says(says).says(&format!("exit status {code}")).nothing(),
                // Helm 4 keeps to itself what a post-renderer says.
                Way::Helm4 => _ = ran.with(1).says("exited with error").nothing(),
                // A pipe shows what there is, and its reader asks for the code.
                Way::Pipe if code == 1 => _ = ran.with(1).says(says).prints("north-parcels"),
                Way::Pipe => _ = ran.with(code).says(says).nothing(),
            }
        }
        let ran = render(&host, way, "broken", &[], None);
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
        ran.says("broken/templates/a.yaml").nothing();
    }
}

/// Helm 3 keeps hooks to itself, so a chart of nothing else comes to its post-renderer as nothing.
fn empty() {
    let Some(host) = host() else { return };
    host.world.write("empty/Chart.yaml", CHART.replace("NAME", "empty"));
    host.world.write("empty/templates/a.yaml", "{{- if .Values.never }}\nkind: Pod\n{{- end }}\n");
    host.world.write("hooks/Chart.yaml", CHART.replace("NAME", "hooks"));
    host.world.write("hooks/templates/a.yaml", hook("seed", "pre-install", "seed"));
    for way in WAYS {
        let ran = render(&host, way, "empty", &[], None).nothing();
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
        let says = if way == Way::Helm4 { "exited with error" } else { "standard input is empty" };
        ran.says(says);
        let ran = render(&host, way, "hooks", &[], None);
        match way {
            Way::Helm3 => _ = ran.with(1).says("standard input is empty").nothing(),
            Way::Helm4 | Way::Pipe => _ = ran.with(0).prints("name: seed"),
        }
    }
}

fn new_resources() {
    let Some(host) = host() else { return };
    let template = host.world.read("example/templates/parcels.yaml");
    host.world.write(
        "example/templates/parcels.yaml",
        template.replace(
            "spec:\n  selector:\n    tier: parcels\n  ports",
            "spec:\n  type: NodePort\n  selector:\n    tier: parcels\n  ports",
        ),
    );
    host.world.write("meshfix.yaml", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  unsafe: true\n  rules:\n    exposed-service: {hostTemplate: \"{service}.example.com\", gatewaySelector: {istio: ingress}}\n");
    for way in WAYS {
        let (before, after) =
            (resources(&plain(&host, way, "example")), render(&host, way, "example", &[], None).with(0).out());
        assert!(after.contains("type: ClusterIP") && !after.contains("postrenderer.helm.sh"), "{way:?}\n{after}");
        let after = resources(&after);
        nothing_is_deleted(&before, &after);
        let new: Vec<_> = after
            .keys()
            .filter(|name| !before.contains_key(*name))
            .map(|(kind, _, name)| format!("{kind}/{name}"))
            .collect();
        assert_eq!(new, ["Gateway/north-parcels-gateway", "VirtualService/north-parcels-external"], "{way:?}");
    }
}
