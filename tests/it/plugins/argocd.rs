//! Argo CD's real plugin server with the shipped `plugin.yaml`, asked over its socket as Argo CD's repo server asks it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::argocd_server::{Plugin, names};
use super::support::{SABOTAGE, nothing_is_deleted, text, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("argocd::finds_what_asks_for_it", discovery),
        trial("argocd::reads_a_directory", directory),
        trial("argocd::renders_a_chart_with_helm_3", || chart("helm3")),
        trial("argocd::renders_a_chart_with_helm_4", || chart("helm4")),
        trial("argocd::gets_the_charts_that_a_chart_depends_on", dependencies),
        trial("argocd::builds_a_kustomization", kustomization),
        trial("argocd::takes_the_parameters_of_the_shipped_application", application),
        trial("argocd::announces_parameters_that_it_takes", announcement),
        trial("argocd::tells_what_is_left_in_its_log_and_fails_only_on_request", findings),
        trial("argocd::gives_no_answer_when_anything_is_wrong", failures),
        trial("argocd::refuses_to_be_empty", empty),
        trial("argocd::ends_programs_before_argo_cd_ends_it", deadline),
        trial("argocd::leaves_nothing_behind_when_argo_cd_ends_it", ended),
    ]
}

/// `kind/name` with the DNS policy and the labels of its pods.
fn told(manifests: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut all: Vec<String> = manifests
        .iter()
        .map(|one| {
            let pod = if one["kind"] == "Pod" { one } else { &one["spec"]["template"] };
            let labels = &pod["metadata"]["labels"];
            let (kind, name) = (text(&one["kind"]), text(&one["metadata"]["name"]));
            format!(
                "{kind}/{name} {} {} {}",
                text(&pod["spec"]["dnsPolicy"]),
                text(&labels["app"]),
                text(&labels["version"])
            )
        })
        .collect();
    all.sort();
    all
}

const OPT_IN: &str = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n";

fn discovery() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("kustomize/base", "plain");
    plugin.copy("kustomize/base", "asks");
    plugin.write("asks/meshfix.yaml", OPT_IN);
    plugin.copy("kustomize/base", "team/deep/app");
    plugin.write("team/meshfix.yaml", OPT_IN);
    plugin.copy("helm/example", "chart");
    plugin.copy("helm/example", "annotated");
    let chart = text("helm/example/Chart.yaml") + "annotations: {meshfix.dev/argocd: enabled}\n";
    plugin.write("annotated/Chart.yaml", chart);
    plugin.write("broken/a.yaml", "kind: [\n");
    let enabled = &[("ARGOCD_ENV_MESHFIX", "enabled")][..];
    for (folder, environment, is_found) in [
        ("plain", &[][..], false),
        ("plain", enabled, true),
        ("asks", &[], true),
        ("asks", &[("ARGOCD_ENV_MESHFIX", "disabled")], false),
        ("team/deep/app", &[], true),
        ("chart", &[], false),
        ("annotated", &[], true),
        ("broken", &[], false),
        ("broken", enabled, true),
    ] {
        let answer = plugin.ask("MatchRepository", folder, environment).expect("an answer");
        // What is false is left out.
        assert_eq!(answer["isSupported"] == true, is_found, "{folder}: {answer}");
        assert_eq!(answer["isDiscoveryEnabled"], true);
    }
}

const NONE: &str = r#"[{"name": "rules", "array": ["none"]}]"#;

fn none() -> Value {
    serde_json::from_str(NONE).expect("JSON")
}

fn unsafe_fixes() -> Value {
    json!([{"name": "unsafe", "string": "true"}])
}

fn directory() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.write("app/orders.yaml", text("kustomize/base/orders.yaml"));
    plugin.write("app/deep/billing.yml", text("kpt/package/billing.yaml"));
    plugin.write("app/map.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map"}}"#);
    plugin.write("app/README.md", "kind: Nothing\n");
    plugin.write("meshfix.yaml", OPT_IN);
    let plain = plugin.generate("app", &none()).expect("an answer");
    assert_eq!(names(&plain).len(), 5);
    let fixed = plugin.generate("app", &json!([])).expect("an answer");
    assert_eq!(names(&fixed), names(&plain));
    let shown = [
        "ConfigMap/map - - -",
        "Deployment/billing Default billing v1",
        "Deployment/orders Default orders v1",
        "Service/billing - - -",
        "Service/orders - - -",
    ];
    assert_eq!(told(&fixed), shown);
    let all = plugin.generate("app", &unsafe_fixes()).expect("an answer");
    assert_eq!(told(&all), shown.map(|line| line.replace(" Default ", " ClusterFirst ")));
    // New resources come along, and nothing goes.
    plugin.write(
        "app/orders.yaml",
        text("kustomize/base/orders.yaml").replace(
            "  selector:\n    tier: orders\n  ports",
            "  type: NodePort\n  selector:\n    tier: orders\n  ports",
        ),
    );
    plugin.write("meshfix.yaml", format!("{OPT_IN}spec:\n  rules:\n    exposed-service: {{hostTemplate: \"{{service}}.example.com\", gatewaySelector: {{istio: ingress}}}}\n"));
    let exposed = plugin.generate("app", &unsafe_fixes()).expect("an answer");
    nothing_is_deleted(&names(&plain), &names(&exposed));
    assert_eq!(exposed.len(), plain.len() + 2, "{:?}", names(&exposed));
}

fn chart(helm: &str) {
    let Some(plugin) = Plugin::start(helm) else { return };
    plugin.copy("helm/example", "charts/parcels");
    plugin.write("charts/parcels/values-production.yaml", "image: parcels:4.0\n");
    plugin.write("charts/parcels/templates/seen.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n  kubernetes: {{ .Capabilities.KubeVersion.Version }}\n  tools: {{ .Capabilities.APIVersions.Has \"example.com/v1/Tool\" | quote }}\n  namespace: {{ .Release.Namespace }}\n  more: {{ .Values.more | quote }}\n");
    let plain = plugin.generate("charts/parcels", &none()).expect("an answer");
    let fixed = plugin.generate("charts/parcels", &unsafe_fixes()).expect("an answer");
    assert_eq!(names(&fixed), names(&plain));
    // Argo CD runs hooks itself, and a test is none of ours.
    let shown = [
        "ConfigMap/seen - - -",
        "Deployment/north-parcels ClusterFirst north-parcels v1",
        "Job/north-migrate ClusterFirst - -",
        "Pod/north-reachable Default - -",
        "Service/north-parcels - - -",
    ];
    assert_eq!(told(&fixed), shown, "{helm}");
    let parameters = json!([
        {"name": "values-files", "array": ["values-production.yaml"]},
        {"name": "helm-parameters", "map": {"more": "1, 2"}},
    ]);
    let given = plugin.generate("charts/parcels", &parameters).expect("an answer");
    let find =
        |manifests: &[Value], kind: &str| manifests.iter().find(|one| one["kind"] == kind).expect("a resource").clone();
    assert_eq!(find(&given, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"], "parcels:4.0");
    let seen = json!({"kubernetes": "v1.33.2", "tools": "true", "namespace": "shop", "more": "1, 2"});
    assert_eq!(find(&given, "ConfigMap")["data"], seen, "{helm}");
}

fn dependencies() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("helm/example", "charts/parcels");
    plugin.write("charts/all/Chart.yaml", "apiVersion: v2\nname: all\nversion: 0.1.0\ndependencies:\n  - {name: parcels, version: 0.1.0, repository: \"file://../parcels\"}\n");
    let manifests = plugin.generate("charts/all", &json!([])).expect("an answer");
    assert_eq!(manifests.len(), 4, "{:?}", names(&manifests));
    assert!(!plugin.host.world.path("repository/charts/all/charts").exists(), "only the copy is written to");
}

fn kustomization() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("kustomize", "k");
    plugin.write("k/north/kustomization.yaml", "namePrefix: north-\nnamespace: shop\nresources: [../base]\n");
    let plain = plugin.generate("k/north", &none()).expect("an answer");
    let fixed = plugin.generate("k/north", &unsafe_fixes()).expect("an answer");
    assert_eq!(names(&fixed), names(&plain));
    assert_eq!(told(&fixed), ["Deployment/north-orders ClusterFirst north-orders v1", "Service/north-orders - - -"]);
    // A repository runs no program of its choice in the sidecar.
    let error = plugin.generate("k/exec", &json!([])).expect_err("a refusal");
    assert!(error.contains("external plugins disabled"), "{error}");
}

/// An example that is refused would be worse than none.
fn application() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    let application: Value = serde_yaml::from_str(&text("argocd/application.yaml")).expect("YAML");
    let source = &application["spec"]["source"];
    let folder = source["path"].as_str().expect("a path");
    plugin.copy("helm/example", folder);
    let parameters = &source["plugin"]["parameters"];
    let error = plugin.generate(folder, parameters).expect_err("the values file is not there yet");
    assert!(error.contains("values-production.yaml"), "{error}");
    plugin.write(&format!("{folder}/values-production.yaml"), "image: parcels:4.0\n");
    let manifests = plugin.generate(folder, parameters).expect("an answer");
    assert!(told(&manifests).iter().any(|line| line.starts_with("Deployment/north-parcels ClusterFirst")));
    let config: Value = serde_yaml::from_str(&text("argocd/plugin.yaml")).expect("YAML");
    assert_eq!(config["metadata"]["name"], source["plugin"]["name"]);
}

fn announcement() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("helm/example", "chart");
    plugin.copy("kustomize/base", "kustomization");
    plugin.write("folder/orders.yaml", text("kustomize/base/orders.yaml"));
    for folder in ["chart", "kustomization", "folder"] {
        let answer = plugin.ask("GetParametersAnnouncement", folder, &[]).expect("an answer");
        let announced = answer["parameterAnnouncements"].as_array().expect("a list").clone();
        assert!(announced.len() > 5, "{folder}: {announced:?}");
        // Argo CD's user interface sends back what it shows, with a value of the announced type.
        for one in &announced {
            let name = one["name"].as_str().expect("a name");
            assert!(one["title"].is_string() && one["tooltip"].is_string(), "{one}");
            let type_ = one["collectionType"].as_str().unwrap_or("string");
            let mut parameter = json!({"name": name});
            parameter[type_] = one.get(type_).cloned().unwrap_or_else(|| match type_ {
                "array" => json!([]),
                "map" => json!({}),
                _ => json!(""),
            });
            let manifests = plugin.generate(folder, &json!([parameter]));
            assert!(manifests.as_ref().is_ok_and(|all| all.len() >= 2), "{folder}: {parameter}: {manifests:?}");
        }
    }
}

fn findings() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("helm/example", "chart");
    assert_eq!(plugin.generate("chart", &json!([])).expect("an answer").len(), 4);
    let line = "error dns-policy: Deployment/north-parcels in parcels/templates/parcels.yaml";
    assert!(plugin.logged().contains(line), "{}", plugin.logged());
    let fail = json!([{"name": "fail-on", "string": "error"}]);
    let error = plugin.generate("chart", &fail).expect_err("a failure");
    assert!(error.contains("`meshfix argocd generate` failed exit status") && error.contains(line), "{error}");
    let both = json!([{"name": "fail-on", "string": "error"}, {"name": "unsafe", "string": "true"}, {"name": "ignore", "array": ["dns-policy"]}]);
    assert_eq!(plugin.generate("chart", &both).expect("an answer").len(), 4);
    let check = json!([{"name": "mode", "string": "check"}, {"name": "unsafe", "string": "true"}]);
    let checked = plugin.generate("chart", &check).expect("an answer");
    assert_eq!(checked, plugin.generate("chart", &none()).expect("an answer"));
}

fn failures() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.copy("helm/example", "chart");
    plugin.copy("helm/example", "values");
    plugin.write(
        "values/templates/parcels.yaml",
        text("helm/example/templates/parcels.yaml") + "{{ fail .Values.secret }}\n",
    );
    plugin.write("values/values.yaml", "image: a\nsecret: need more values\n");
    plugin.write("unclosed/templates/a.yaml", "kind: Pod\nspec: [\n");
    plugin.write("unclosed/Chart.yaml", text("helm/example/Chart.yaml"));
    plugin.write("broken/a.yaml", text("kustomize/base/orders.yaml"));
    plugin.write("broken/b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: [\n");
    plugin.write("gone/kustomization.yaml", "resources: [gone.yaml]\n");
    plugin.copy("helm/example", "mistyped");
    plugin.write("mistyped/meshfix.yaml", format!("{OPT_IN}spec: {{unsave: true}}\n"));
    for (folder, parameters, says) in [
        ("values", json!([]), "need more values"),
        ("unclosed", json!([]), "a.yaml"),
        ("broken", json!([]), "b.yaml:4:7: "),
        ("gone", json!([]), "gone.yaml"),
        ("mistyped", json!([]), "did you mean `unsafe`?"),
        ("chart", json!([{"name": "unsave", "string": "true"}]), "`unsave`"),
        ("chart", json!([{"name": "unsafe", "array": ["true"]}]), "`unsafe`"),
        (
            "chart",
            json!([{"name": "values-files", "array": ["../values/values.yaml", "../../../etc/hostname"]}]),
            "../../../etc/hostname",
        ),
        (
            "chart",
            json!([{"name": "values-files", "array": ["https://values.example/a.yaml"]}]),
            "https://values.example/a.yaml",
        ),
        ("chart", json!([{"name": "rules", "array": ["dns-polcy"]}]), "did you mean `dns-policy`?"),
        ("chart", json!([{"name": "type", "string": "jsonnet"}]), "jsonnet"),
    ] {
        let error = plugin.generate(folder, &parameters).expect_err(folder);
        assert!(error.contains(says), "{folder} {parameters}: {error}");
        // Argo CD keeps and shows it: final, short, with no path of the copy.
        assert!(error.contains("failed exit status 2: error: ") && error.len() < 900, "{error}");
        assert!(!error.contains("_cmp_server"), "{error}");
    }
    let error = plugin.ask("GenerateManifest", "chart", &[SABOTAGE]).expect_err("a defect");
    assert!(
        error.contains("failed exit status 70: error: ") && error.matches("this is a defect of meshfix").count() == 1,
        "{error}"
    );
    // The next request is not the worse for it.
    assert_eq!(plugin.generate("chart", &json!([])).expect("an answer").len(), 4);
}

fn empty() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    plugin.write("folder/README.md", "nothing\n");
    plugin.write("chart/Chart.yaml", text("helm/example/Chart.yaml"));
    plugin.write("chart/templates/a.yaml", "{{- if .Values.never }}\nkind: Pod\n{{- end }}\n");
    plugin.write("kustomization/kustomization.yaml", "configMapGenerator: []\nnamePrefix: a-\n");
    for folder in ["folder", "chart", "kustomization"] {
        let error = plugin.generate(folder, &json!([])).expect_err(folder);
        assert!(error.contains("`allow-empty`"), "{folder}: {error}");
        let allowed = plugin.generate(folder, &json!([{"name": "allow-empty", "string": "true"}]));
        assert_eq!(allowed.expect(folder), Vec::<Value>::new());
    }
}

/// Starts another one, and ends with neither of the usual signals; both are written down.
fn hang(plugin: &Plugin) {
    let ids = plugin.host.world.outside("ids");
    let script = format!(
        "#!/bin/sh\ntrap '' TERM INT HUP\nsleep 300 &\necho $$ $! >>'{}'\nwhile :; do sleep 300; done\n",
        ids.display()
    );
    plugin.host.script("kustomize", &script);
    plugin.write("app/kustomization.yaml", "resources: [a.yaml]\n");
}

fn nothing_runs(plugin: &Plugin) {
    let ids = fs::read_to_string(plugin.host.world.outside("ids")).expect("it was started");
    let runs = |id: &str| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    };
    // The system may take its time on a busy machine.
    let start = Instant::now();
    while ids.split_whitespace().any(runs) {
        assert!(start.elapsed() < Duration::from_secs(20), "still running: {ids}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn deadline() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    hang(&plugin);
    let error = plugin.ask("GenerateManifest", "app", &[("ARGOCD_EXEC_TIMEOUT", "2s")]).expect_err("a deadline");
    assert!(error.contains("failed exit status 2: error: `kustomize build` was not done after 1.8 s"), "{error}");
    nothing_runs(&plugin);
}

fn ended() {
    let Some(plugin) = Plugin::start("helm4") else { return };
    hang(&plugin);
    let start = Instant::now();
    let error = plugin.ask_within("3s", "GenerateManifest", "app", &[]).expect_err("a deadline");
    assert!(start.elapsed() < Duration::from_secs(30), "{error}");
    nothing_runs(&plugin);
    // The copy of the repository goes with it.
    let copies = || fs::read_dir(plugin.host.world.outside("work/_cmp_server")).map_or(0, Iterator::count);
    while copies() > 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "{} copies are left", copies());
        thread::sleep(Duration::from_millis(20));
    }
}
