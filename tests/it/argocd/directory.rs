//! A folder of plain manifests.

use std::fs;
use std::os::unix::fs::symlink;

use libtest_mimic::Trial;
use serde_json::json;

use super::host::{App, documents, names};
use super::{configuration, trial};
use crate::cli::manifests::{BANK, CLEAN, SAFE, host, left_over};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("directory_is_fixed_and_told_on_stderr", fixed),
        trial("directory_is_read_as_argo_cd_reads_it", as_argo_cd_reads_it),
        trial("directory_keeps_every_value_of_files_that_it_joins", values_are_kept),
        trial("directory_comes_out_as_it_went_in_without_rules", identity),
        trial("directory_with_a_broken_manifest_is_an_error_with_its_line", broken),
        trial("directory_with_what_it_can_not_render_is_an_error", unreadable),
        trial("directory_without_manifests_is_an_error_unless_it_may_be", empty),
        trial("directory_gets_the_new_resources_too", created),
        trial("directory_has_the_scopes_and_paths_of_its_repository", paths),
        trial("findings_fail_the_sync_only_on_request", fail_on),
        trial("a_proof_that_fails_is_70_without_an_answer", sabotage),
        trial("a_rule_that_renames_a_resource_is_refused", renamed),
    ]
}

fn fixed() {
    let app = App::at("apps/shop", &[("apps/shop/bank.yaml", BANK), ("apps/shop/zoo.yaml", SAFE)]);
    let answer = app.call("generate");
    assert_eq!(names(&answer.manifests()), ["Deployment/ledger", "Pod/teller", "Deployment/oven", "StatefulSet/flour"]);
    let bank = BANK.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\"");
    let zoo = SAFE.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\"");
    assert_eq!(answer.out, format!("{bank}---\n{zoo}"));
    let answer = answer.says("error host-network: Pod/teller").says("needs `unsafe: true`");
    assert!(answer.err.lines().filter(|line| line.contains("host-network")).count() == 1, "{}", answer.err);
    // The second run is empty: what Argo CD would get from the fixed files is the same.
    let again = App::at("apps/shop", &[("apps/shop/bank.yaml", &bank), ("apps/shop/zoo.yaml", &zoo)]);
    assert_eq!(again.call("generate").out, answer.out);
}

fn as_argo_cd_reads_it() {
    let one = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let texts: Vec<(&str, String)> = vec![
        ("shop/.gitignore", "b.yaml\n".to_owned()),
        ("shop/b.yaml", one("ignored-by-git")),
        ("shop/a/z.yml", one("deep")),
        ("shop/a.yaml", one("first")),
        ("shop/.hidden/x.yaml", one("hidden")),
        ("shop/c.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}"#.to_owned()),
        (
            "shop/d.json",
            "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"tabs\"}\n}"
                .to_owned(),
        ),
        ("shop/e.YAML", one("other-ending")),
        ("shop/f.txt", one("text")),
        ("shop/left-out.yaml", format!("# +argocd:skip-file-rendering\n{}", one("left-out"))),
        ("shop/values.yaml", "replicas: 3\n".to_owned()),
        ("shop/notes.yaml", "{{ not yaml\n".to_owned()),
        ("shop/comment.yaml", "# nothing\n---\n# more\n".to_owned()),
        (
            "shop/list.yaml",
            format!("apiVersion: v1\nkind: List\nitems:\n- {}", one("in-a-list").trim_end().replace('\n', "\n  ")),
        ),
        ("meshfix.yaml", configuration("  unsafe: false\n")),
        ("shop/meshfix.yaml", configuration("  unsafe: false\n")),
        ("other/x.yaml", one("other")),
    ];
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let app = App::at("shop", &files);
    symlink("../other/x.yaml", app.world.path("shop/x.yaml")).expect("a link");
    symlink("../other", app.world.path("shop/y")).expect("a link");
    symlink("nowhere", app.world.path("shop/z.yaml")).expect("a link");
    let answer = app.call("generate");
    // The order is that of the names, as Argo CD walks.
    let expected = ["hidden", "deep", "first", "ignored-by-git", "json", "tabs", "?", "other"];
    let found: Vec<String> = names(&answer.manifests());
    let found: Vec<&str> = found.iter().map(|name| name.rsplit('/').next().expect("a name")).collect();
    assert_eq!(found, expected, "{}", answer.out);
    let answer =
        answer.says("skipped values.yaml: it holds no Kubernetes resource").says("skipped z.yaml: the symbolic link");
    let answer = answer.says("skipped left-out.yaml: it has `+argocd").says("skipped notes.yaml");
    assert!(!answer.err.contains("comment.yaml") && !answer.err.contains("meshfix.yaml"), "{}", answer.err);
}

/// Files end in all ways, and none changes a value when another follows.
fn values_are_kept() {
    let ends = [
        ("plain", "data: {a: b}"),
        ("clip", "data:\n  a: |\n    text"),
        ("clip-ended", "data:\n  a: |\n    text\n"),
        ("keep", "data:\n  a: |+\n    text"),
        ("keep-ended", "data:\n  a: |+\n    text\n\n"),
        ("strip", "data:\n  a: |-\n    text"),
        ("folded", "data:\n  a: >2\n      text"),
        ("blanks", "data:\n  a: |\n    text\n  "),
        ("comment", "data:\n  a: |\n    text\n# end"),
        ("end-marker", "data: {a: b}\n..."),
        ("start-marker", "---\ndata: {a: b}\n---\n"),
        ("crlf", "data:\r\n  a: |\r\n    text\r\n    more"),
        ("mark", "\u{feff}data: {a: b}\n"),
        ("json", "{\"data\": {\"a\": \"b\"}"),
    ];
    let texts: Vec<(String, String)> = ends
        .iter()
        .map(|(name, text)| {
            let head = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
            let text = match (text.strip_prefix("---\n"), text.strip_prefix('\u{feff}'), text.strip_prefix('{')) {
                (Some(rest), _, _) => format!("---\n{head}{rest}"),
                (_, Some(rest), _) => format!("\u{feff}{head}{rest}"),
                (_, _, Some(rest)) => format!(
                    "{{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {{\"name\": \"json\"}}, {rest}}}"
                ),
                _ => format!("{head}{text}"),
            };
            (format!("shop/{name}.yaml"), text)
        })
        .collect();
    let mut texts = texts;
    texts.sort();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let out = App::at("shop", &files).call("generate");
    let apart: Vec<_> = texts.iter().flat_map(|(_, text)| values(text)).collect();
    assert_eq!(apart.len(), ends.len());
    assert_eq!(values(&out.out), apart, "{}", out.out);
    out.manifests();
}

/// Values as kubectl reads them: a block scalar that ends a text without a line break has none.
fn values(text: &str) -> Vec<serde_json::Value> {
    let whole: std::sync::Arc<str> = text.into();
    let read = |slice| {
        meshfix::yaml::parse(&whole, slice)
            .expect("YAML")
            .map(|document| meshfix::yaml::value(&document).expect("a value"))
    };
    meshfix::yaml::slices(&whole).into_iter().filter_map(read).filter(|value| !value.is_null()).collect()
}

fn identity() {
    for text in [BANK, CLEAN, "\n# c\nkind: Pod\nmetadata: {name: a} # x\n", "kind: Pod\r\nmetadata: {name: a}\r\n"] {
        let app = App::at("shop", &[("shop/a.yaml", text)]);
        let app = app.parameters(json!([{"name": "rules", "array": ["none"]}, {"name": "unsafe", "string": "true"}]));
        app.call("generate").prints(text);
    }
}

fn broken() {
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: [\n";
    let second = format!("{CLEAN}---\nkind: ConfigMap\nmetadata: {{name: a\n");
    let no_kind = format!("{CLEAN}---\nreplicas: 1\n");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-x\n";
    for (text, says) in [
        (bad, "a/b.yaml:5:"),
        (&second, "a/b.yaml:21:11: not valid YAML"),
        (&no_kind, "a/b.yaml:20:1: this is no Kubernetes resource: it has no `kind`"),
        (template, "a/b.yaml:4:"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: {{ name }}\n",
            "a/b.yaml:5:7: a mapping key must be",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, b: .inf}\n", "a/b.yaml:3:"),
        ("apiVersion: v1\nmetadata: {name: a}\nspec: {kind: x}\n", "a/b.yaml:1:1: this is no Kubernetes resource"),
    ] {
        let app = App::at("shop", &[("shop/a/b.yaml", text), ("shop/c.yaml", BANK)]);
        let answer = app.call("generate");
        assert!(answer.error(2).starts_with(&format!("error: {says}")), "{}", answer.err);
        assert_eq!(answer.err.lines().count(), 1, "{}", answer.err);
    }
}

fn unreadable() {
    let app = App::at("shop", &[("shop/a.yaml", CLEAN), ("shop/b.jsonnet", "{}")]);
    assert!(app.call("generate").error(2).contains("b.jsonnet: Jsonnet is not rendered here"));
    let app = App::at("shop", &[("shop/a.yaml", CLEAN)]);
    app.world.write("shop/b.yaml", BANK.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    assert!(app.call("generate").error(2).contains("b.yaml: it is UTF-16"));
    let app = App::at("shop", &[("shop/a.yaml", CLEAN)]);
    fs::write(app.world.outside("secret.yaml"), "kind: ConfigMap\npassword: s3cret\n").expect("written");
    symlink("../../secret.yaml", app.world.path("shop/b.yaml")).expect("a link");
    let answer = app.call("generate");
    assert!(answer.error(2).contains("b.yaml: the symbolic link leads out of the repository"), "{}", answer.err);
    assert!(!answer.err.contains("s3cret"));
}

fn empty() {
    for files in
        [&[][..], &[("shop/values.yaml", "a: 1\n")], &[("shop/a.yaml", "# nothing\n---\n")], &[("other/a.yaml", CLEAN)]]
    {
        let answer = App::at("shop", files).call("generate");
        let says = answer.error(2);
        assert!(says.contains("no manifest in this folder") && says.contains("`allow-empty`"), "{says}");
        let app = App::at("shop", files).parameters(json!([{"name": "allow-empty", "string": "true"}]));
        app.call("generate").prints("");
    }
}

fn created() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: till, annotations: {meshfix.dev/host: till.example.com}}\nspec:\n  type: NodePort\n  selector: {app: till}\n  ports:\n    - {name: http, port: 80, appProtocol: http, nodePort: 30080}\n";
    let files = [
        ("shop/deep/till.yaml", service),
        ("shop/z.yaml", CLEAN),
        (
            "meshfix.yaml",
            &configuration(
                "  unsafe: true\n  rules:\n    exposed-service:\n      gatewaySelector: {istio: ingressgateway}\n      gatewayPodNamespace: istio-system\n",
            ),
        ),
    ];
    let app = App::at("shop", &files).parameters(json!([{"name": "rules", "array": ["exposed-service"]}]));
    let answer = app.call("generate");
    let found = names(&answer.manifests());
    assert_eq!(found[..3], ["Service/till", "Service/shelf", "Deployment/shelf"], "{}", answer.out);
    assert!(found[3..].iter().any(|name| name.starts_with("VirtualService/")), "{found:?} {}", answer.err);
    assert!(found[3..].iter().any(|name| name.starts_with("Gateway/")), "{found:?}");
    assert!(
        !app.world
            .path("shop/deep")
            .read_dir()
            .expect("a folder")
            .any(|entry| entry.expect("an entry").file_name() != "till.yaml")
    );
}

fn paths() {
    let spec = "  ignores:\n    - {rules: [dns-policy], paths: [apps/shop/east/*], reason: measured}\n";
    let files = [
        ("apps/shop/east/a.yaml", &*left_over("a")),
        ("apps/shop/west/b.yaml", &left_over("b")),
        ("meshfix.yaml", &configuration(spec)),
    ];
    let out = App::at("apps/shop", &files).call("generate").out;
    assert!(
        out.matches("ClusterFirstWithHostNet").count() == 1 && out.find("WithHostNet") < out.find("name: b"),
        "{out}"
    );
}

fn fail_on() {
    for (files, parameters) in [
        (vec![], json!([{"name": "fail-on", "string": "error"}])),
        (vec![("meshfix.yaml", configuration("  failOn: warning\n"))], json!([])),
    ] {
        let van = host("van");
        let mut all = vec![("shop/van.yaml", van.as_str())];
        all.extend(files.iter().map(|(name, text)| (*name, text.as_str())));
        let answer = App::at("shop", &all).parameters(parameters).call("generate");
        assert_eq!(answer.code, Some(1), "{}", answer.err);
        assert_eq!(names(&documents(&answer.out)), ["Deployment/van"], "the answer is whole");
        let answer = answer.says("error host-network: Deployment/van").says("and `fail-on` lets none of them pass");
        assert_eq!(answer.err.lines().filter(|line| line.starts_with("error: ")).count(), 1);
    }
    let app = App::at("shop", &[("shop/a.yaml", SAFE)]).parameters(json!([{"name": "fail-on", "string": "error"}]));
    app.call("generate").manifests();
}

fn sabotage() {
    if !cfg!(debug_assertions) {
        return;
    }
    let app = App::at("shop", &[("shop/a.yaml", SAFE)]).with("MESHFIX_TEST_SABOTAGE", "1");
    let answer = app.call("generate");
    assert!(answer.error(70).contains("this is a defect of meshfix"), "{}", answer.err);
}

fn renamed() {
    let spec = "  unsafe: true\n  transforms:\n    - id: short-name\n      message: the name is long\n      target: {kind: ConfigMap, name: long}\n      patch: [{op: replace, path: /metadata/name, value: short}]\n";
    let files = [
        ("meshfix.yaml", configuration(spec)),
        ("shop/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: long}\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let answer = App::at("shop", &files).call("generate");
    assert!(
        answer.error(2).contains("a.yaml: ConfigMap/long would be gone, and Argo CD would delete it"),
        "{}",
        answer.err
    );
}
