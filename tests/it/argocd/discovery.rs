//! What is ours, and which parameters there are.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::host::App;
use super::{configuration, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("discover_prints_a_word_only_where_somebody_asks_for_it", words),
        trial("discover_is_no_error_whatever_lies_there", never_an_error),
        trial("discover_sees_no_configuration_outside_the_copy", outside),
        trial("parameters_are_those_of_the_source_with_what_holds_here", announced),
        trial("parameters_are_shown_where_the_configuration_is_wrong", announced_anyway),
    ]
}

const CHART: (&str, &str) = ("apps/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
const KUSTOMIZATION: (&str, &str) = ("apps/shop/kustomization.yaml", "resources: [a.yaml]\n");
const ASKED: &str = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n";

fn words() {
    let annotated = |word: &str| format!("{}annotations: {{meshfix.dev/argocd: {word}}}\n", CHART.1);
    let kustomization = "metadata:\n  annotations:\n    meshfix.dev/argocd: enabled\nresources: []\n";
    let (enabled, disabled) = (annotated("enabled"), annotated("\"disabled\""));
    for (files, word) in [
        (&[][..], ""),
        (&[CHART], ""),
        (&[CHART, ("meshfix.yaml", ASKED)], "helm\n"),
        (&[KUSTOMIZATION, ("apps/meshfix.yaml", ASKED)], "kustomize\n"),
        (&[("apps/shop/meshfix.yaml", ASKED)], "directory\n"),
        (&[("apps/shop/deep/meshfix.yaml", ASKED), ("apps/other/meshfix.yaml", ASKED)], ""),
        (&[("apps/shop/Chart.yaml", enabled.as_str())], "helm\n"),
        (&[("apps/shop/Chart.yaml", disabled.as_str()), ("meshfix.yaml", ASKED)], ""),
        (&[("apps/shop/kustomization.yml", kustomization)], "kustomize\n"),
        (&[("apps/shop/Kustomization", kustomization)], "kustomize\n"),
        // As for Argo CD, a kustomization beside a chart renders it.
        (&[CHART, KUSTOMIZATION, ("meshfix.yaml", ASKED)], "kustomize\n"),
    ] {
        let answer = App::at("apps/shop", files).call("discover");
        assert_eq!((answer.out.as_str(), answer.err.as_str(), answer.code), (word, "", Some(0)), "{files:?}");
    }
    let app = |word: &str| App::at("apps/shop", &[("meshfix.yaml", ASKED)]).with("ARGOCD_ENV_MESHFIX", word);
    app("disabled").call("discover").prints("");
    app("off").call("discover").prints("").says("`enabled` or `disabled`, not `off`");
    App::at("apps/shop", &[]).with("ARGOCD_ENV_MESHFIX", "enabled").call("discover").prints("directory\n");
    // Parameters that can mean no other plugin. The words of many plugins do not do, and one that is not ours undoes it.
    for (names, word) in [
        (&["unsafe", "values-files"][..], "directory\n"),
        (&["rules"], "directory\n"),
        (&["values-files", "helm-parameters"], ""),
        (&["mode", "type"], ""),
        (&["rules", "password-file"], ""),
        (&[], ""),
    ] {
        let parameters = names.iter().map(|name| json!({"name": name})).collect();
        App::at("apps/shop", &[]).parameters(Value::Array(parameters)).call("discover").prints(word);
    }
}

fn never_an_error() {
    let broken = "annotations: {meshfix.dev/argocd: [\n";
    for files in [
        &[("apps/shop/Chart.yaml", broken)][..],
        &[("apps/shop/Chart.yaml", "meshfix.dev/argocd")],
        &[("apps/shop/Chart.yaml", "annotations: {meshfix.dev/argocd: {a: b}}")],
    ] {
        App::at("apps/shop", files).call("discover").prints("");
    }
    // What is wrong with the configuration or the parameters is for the one who asked: `generate` says it.
    let app = App::at("apps/shop", &[("meshfix.yaml", "spec: [")]).with("ARGOCD_APP_PARAMETERS", "{");
    app.call("discover").prints("directory\n");
    assert!(app.call("generate").error(2).contains("ARGOCD_APP_PARAMETERS is no JSON"));
}

fn outside() {
    // Argo CD may send less than the repository: then the copy starts further down.
    let files = [("meshfix.yaml", ASKED), ("copy/shop/a.yaml", "kind: Namespace\n")];
    let app = App::at("copy/shop", &files).with("ARGOCD_APP_SOURCE_PATH", "apps/shop");
    app.call("discover").prints("");
    let app = App::at("copy", &files).with("ARGOCD_APP_SOURCE_PATH", ".");
    app.call("discover").prints("");
    // Outside Argo CD, the repository is known by its `.git`.
    let app = App::at("copy/shop", &[("meshfix.yaml", ASKED), ("copy/.git/HEAD", "")]);
    app.with("ARGOCD_APP_SOURCE_PATH", "").call("discover").prints("");
    let app = App::at("copy/shop", &[("meshfix.yaml", ASKED), (".git/HEAD", "")]);
    app.with("ARGOCD_APP_SOURCE_PATH", "").call("discover").prints("directory\n");
}

#[track_caller]
fn parameters(app: &App) -> Vec<Value> {
    let answer = app.call("parameters");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    serde_json::from_str(&answer.out).expect("a list")
}

fn find<'a>(parameters: &'a [Value], name: &str) -> &'a Value {
    parameters.iter().find(|one| one["name"] == name).unwrap_or(&Value::Null)
}

fn announced() {
    let spec =
        configuration("  unsafe: true\n  failOn: warning\n  select: [dns-policy]\n  mode: check\n  profile: istio\n");
    let files =
        [CHART, ("meshfix.yaml", spec.as_str()), ("apps/shop/values-east.yaml", ""), ("apps/shop/values.yaml", "")];
    let helm = parameters(&App::at("apps/shop", &files));
    for (name, field, value) in [
        ("mode", "string", json!("check")),
        ("rules", "array", json!(["dns-policy"])),
        ("ignore", "array", json!([])),
        ("unsafe", "string", json!("true")),
        ("fail-on", "string", json!("warning")),
        ("profile", "string", json!("istio")),
        ("options", "map", json!({})),
        ("type", "string", json!("helm")),
        ("allow-empty", "string", json!("false")),
        ("values-files", "array", json!([])),
        ("helm-parameters", "map", json!({})),
    ] {
        assert_eq!(find(&helm, name)[field], value, "{name}");
    }
    let files = find(&helm, "values-files")["tooltip"].as_str().expect("a tooltip");
    assert!(files.ends_with("; here: values-east.yaml"), "{files}");
    assert!(find(&helm, "kustomize-options").is_null());
    let kustomize = parameters(&App::at("apps/shop", &[KUSTOMIZATION]));
    assert_eq!(find(&kustomize, "kustomize-options")["collectionType"], "array");
    assert_eq!(
        (find(&kustomize, "unsafe")["string"].as_str(), find(&kustomize, "values-files")),
        (Some("false"), &Value::Null)
    );
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/argocd.md")).expect("the page");
    for one in helm.iter().chain(&kustomize) {
        let row = format!(
            "| `{}` | {} |",
            one["name"].as_str().expect("a name"),
            one["collectionType"].as_str().unwrap_or("string")
        );
        assert!(page.contains(&row), "docs/argocd.md has no row `{row}`");
    }
    // Each is one that `generate` takes.
    let names: Vec<Value> = helm.iter().chain(&kustomize).map(|one| json!({"name": one["name"]})).collect();
    let manifest = ("apps/shop/a.yaml", "kind: Namespace\nmetadata: {name: a}\n");
    App::at("apps/shop", &[manifest]).parameters(json!(names[..9])).call("generate").manifests();
}

fn announced_anyway() {
    let app = App::at("apps/shop", &[("meshfix.yaml", &configuration("  unsave: true\n"))]);
    assert_eq!(find(&parameters(&app), "unsafe")["string"], "false");
    app.call("parameters").says("meshfix.yaml:4:3: there is no key `unsave`");
}
