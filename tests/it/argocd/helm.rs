//! Charts, with a script in Helm's place, and with the real Helm 3 and 4.

use std::fs;
use std::os::unix::fs::symlink;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::host::{App, names};
use super::trial;
use crate::cli::manifests::BANK;
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("helm_is_called_as_argo_cd_calls_it", called),
        trial("helm_gets_parameters_and_values", parameters),
        trial("helm_has_nothing_to_read_and_the_same_environment", environment),
        trial("helm_gets_folders_to_write_to_where_home_has_none", no_home),
        trial("helm_that_prints_nothing_is_an_error_unless_it_may", empty),
        trial("helm_that_prints_lists_of_nothing_is_an_error", lists),
        trial("the_name_of_a_release_is_no_flag", releases),
        trial("values_files_that_helm_would_split_are_refused", split_paths),
        trial("links_of_a_chart_that_lead_out_are_refused", links),
        trial("helm_that_quotes_values_is_told_without_them", secrets),
        trial("helm_that_fails_is_told_in_one_line_without_manifests_and_secrets", failing),
        trial("helm_that_is_not_there_is_told", missing),
        trial("helm_that_prints_no_text_is_told", not_text),
        trial("values_files_that_lead_out_are_refused", escaping),
        trial("a_rendered_stream_comes_out_as_it_went_in_without_rules", identity),
        trial("real_helm_renders_what_argo_cd_renders", real),
        trial("real_helm_tells_what_is_wrong_with_a_chart", real_failures),
    ]
}

/// Prints a stream and writes down how it was called.
const PRINT: &str = "printf '%s\\n' \"$@\" >>\"$LOG\"\ncat \"$(dirname \"$0\")/stream.yaml\"";

fn chart() -> Vec<(&'static str, &'static str)> {
    vec![("apps/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")]
}

/// A chart whose Helm prints this stream.
fn printing(stream: &str, files: &[(&str, &str)]) -> App {
    let all: Vec<(&str, &str)> = chart().into_iter().chain(files.iter().copied()).collect();
    let app = App::at("apps/shop", &all).program("helm", PRINT);
    fs::write(app.world.outside("bin").join("stream.yaml"), stream).expect("written");
    app
}

#[track_caller]
fn arguments(app: &App) -> Vec<String> {
    app.call("generate").manifests();
    app.logged().lines().map(str::to_owned).collect()
}

fn called() {
    let app =
        printing(BANK, &[]).with("KUBE_VERSION", "1.33.2").with("KUBE_API_VERSIONS", "v1, apps/v1,,a.example/v1/Tree");
    let expected = "template --namespace market --kube-version 1.33.2 --include-crds --api-versions v1 --api-versions apps/v1 --api-versions a.example/v1/Tree -- shop .";
    assert_eq!(arguments(&app).join(" "), expected);
    // An Application of another namespace has it in its name, and no release may.
    let apart = arguments(&printing(BANK, &[]).with("ARGOCD_APP_NAME", "team-a_shop"));
    assert_eq!(apart.join(" "), "template --namespace market --include-crds -- shop .");
    let bare = printing(BANK, &[]).with("ARGOCD_APP_NAME", "").with("ARGOCD_APP_NAMESPACE", "");
    assert_eq!(arguments(&bare), ["template", "--include-crds", "--", "."]);
    let answer = printing(BANK, &[]).call("generate");
    assert_eq!(answer.out, BANK.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\""));
    answer.says("error host-network: Pod/teller");
}

fn parameters() {
    let files = [("apps/shop/values-east.yaml", ""), ("apps/common.yaml", "")];
    let app = printing(BANK, &files).parameters(json!([
        {"name": "values-files", "array": ["values-east.yaml", "../common.yaml"]},
        {"name": "helm-parameters", "map": {"image.tag": "1,2", "list": "{a,b}", "-x": "y"}},
        {"name": "helm-string-parameters", "map": {"zip": "01234"}},
        {"name": "release-name", "string": "market"},
    ]));
    let path = |name: &str| app.world.path(name).display().to_string();
    assert_eq!(
        arguments(&app),
        [
            "template",
            "--namespace",
            "market",
            "--include-crds",
            "--values",
            &path("apps/shop/values-east.yaml"),
            "--values",
            &path("apps/common.yaml"),
            "--set",
            "-x=y",
            "--set",
            "image.tag=1\\,2",
            "--set",
            "list={a,b}",
            "--set-string",
            "zip=01234",
            "--",
            "market",
            ".",
        ]
    );
    // Values may hold secrets: no file has them.
    let script =
        "while [ \"$1\" != --values ]; do shift; done\necho \"$2\" >\"$LOG\"\ncat >>\"$LOG\"\necho 'kind: Namespace'";
    let app = App::at("apps/shop", &chart()).program("helm", script);
    let app = app.parameters(json!([{"name": "values", "string": "password: s3cret\n"}]));
    assert_eq!(arguments(&app), ["-", "password: s3cret"]);
    assert!(app.left_behind().is_empty());
}

fn environment() {
    let script = "printf '%s|%s|%s\\n' \"$(cat)\" \"$ARGOCD_ENV_REGION\" \"$(pwd)\" >\"$LOG\"\necho 'kind: Namespace'";
    let app = App::at("apps/shop", &chart()).program("helm", script).with("ARGOCD_ENV_REGION", "east");
    let expected = format!("|east|{}", app.world.path("apps/shop").display());
    assert_eq!(arguments(&app), [expected]);
}

fn no_home() {
    let script = "env | grep ^HELM_ | sort | cut -d= -f1 >\"$LOG\"\n[ -z \"$HELM_CACHE_HOME\" ] || mkdir -p \"$HELM_CACHE_HOME\" || exit 3\necho 'kind: Namespace'";
    let app = || App::at("apps/shop", &chart()).program("helm", script);
    assert_eq!(arguments(&app()), [""; 0]);
    for home in ["/nowhere", "/etc/passwd", ""] {
        let app = app().with("HOME", home);
        assert_eq!(arguments(&app), ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"], "{home}");
        assert!(app.left_behind().is_empty());
        // What somebody has set stays.
        let app = app.with("HELM_CACHE_HOME", &app_path()).with("XDG_DATA_HOME", &app_path());
        assert_eq!(arguments(&app), ["HELM_CACHE_HOME", "HELM_CONFIG_HOME"], "{home}");
    }
}

fn app_path() -> String {
    std::env::temp_dir().display().to_string()
}

fn empty() {
    for stream in ["", "\n", "# nothing\n", "---\n# Source: a\n---\n", "---\nnull\n...\n", "\u{feff}---\r\n"]
        .into_iter()
        .chain(NO_RESOURCE.iter().copied())
    {
        let answer = printing(stream, &[]).call("generate");
        let says = answer.error(2);
        assert!(says.contains("`helm template` printed no manifest") && says.contains("`allow-empty`"), "{says}");
        let app = printing(stream, &[]).parameters(json!([{"name": "allow-empty", "string": "true"}]));
        app.call("generate").prints(stream);
    }
}

/// Texts that Argo CD takes for no resource at all.
const NO_RESOURCE: &[&str] = &[
    "apiVersion: v1\nkind: List\nitems: []\n",
    "apiVersion: v1\nkind: List\nitems:\n",
    "kind: List\nitems: [{}, null, {kind: List, items: []}]\n",
    "{}\n",
    "--- !!null\n",
    "--- # c\n",
    "--- {} # c\n---\n~\n",
];

fn lists() {
    for stream in NO_RESOURCE {
        assert!(printing(stream, &[]).call("generate").error(2).contains("printed no manifest"), "{stream}");
    }
    for stream in ["kind: List\nitems: [{kind: Namespace}]\n", "{}\n---\nkind: Namespace\n", "kind: X\nbad: {{ x\n"] {
        let app = printing(stream, &[]).parameters(json!([{"name": "rules", "array": ["none"]}]));
        app.call("generate").prints(stream);
    }
}

fn releases() {
    let long = "a".repeat(54);
    for name in ["--post-renderer=./evil.sh", "--set-file=a=b", "-o", "Shop", "a b", "a-", ".a", "a/b", &long] {
        let app = printing(BANK, &[]).parameters(json!([{"name": "release-name", "string": name}]));
        let answer = app.call("generate");
        let expected = "error: the Application's parameters: `release-name` must be at most 53 lowercase letters";
        assert!(
            answer.error(2).starts_with(expected) && answer.err.contains(&format!("not `{name}`")),
            "{}",
            answer.err
        );
        assert_eq!(app.logged(), "", "nothing was run");
    }
    for name in ["team_", "team_--debug", &long] {
        let app = printing(BANK, &[]).with("ARGOCD_APP_NAME", name);
        let answer = app.call("generate");
        let says = answer.error(2);
        assert!(says.starts_with("error: ARGOCD_APP_NAME gives `") && says.contains("`release-name`"), "{says}");
        assert_eq!(app.logged(), "", "nothing was run");
    }
    let app = printing(BANK, &[]).parameters(json!([{"name": "release-name", "string": &long[1..]}]));
    assert_eq!(arguments(&app.with("ARGOCD_APP_NAME", "team_")).iter().rev().nth(1), Some(&long[1..].to_owned()));
}

fn split_paths() {
    for name in ["x,/etc/passwd", "\"x\"", "x\ny"] {
        let app = || {
            let app = printing(BANK, &[(&format!("apps/shop/{name}"), "a: b\n")]);
            symlink(name, app.world.path("apps/shop/plain.yaml")).expect("a link");
            app
        };
        for file in [name, "plain.yaml"] {
            let app = app().parameters(json!([{"name": "values-files", "array": [file]}]));
            let answer = app.call("generate");
            assert!(answer.error(2).contains("Helm would take its path for several"), "{}", answer.err);
            assert_eq!(app.logged(), "", "nothing was run");
        }
    }
}

fn links() {
    let app = || printing(BANK, &[("apps/other/x.yaml", ""), ("apps/shop/templates/a.yaml", "")]);
    for (link, target) in [
        ("apps/shop/token", "/etc/passwd"),
        ("apps/shop/templates/deep", "../../../.."),
        ("apps/other/behind", "/etc"),
        ("apps/shop/Chart.lock", "/nowhere/new"),
    ] {
        let app = app();
        symlink("../other", app.world.path("apps/shop/folder")).expect("a link");
        symlink(target, app.world.path(link)).expect("a link");
        let name = link.replace("apps/other", "apps/shop/folder");
        let answer = app.call("generate");
        let expected = format!("error: {name}: it is a symbolic link that leads out of the repository or to nothing;");
        assert!(answer.error(2).starts_with(&expected), "{}", answer.err);
        assert_eq!(app.logged(), "", "nothing was run");
    }
    let app = app();
    symlink("../other", app.world.path("apps/shop/folder")).expect("a link");
    symlink(".", app.world.path("apps/shop/itself")).expect("a link");
    app.call("generate").manifests();
}

/// What Helm quotes of values and parameters, in all its forms.
fn secrets() {
    let script = "cat >/dev/null\nprintf 'Error: first-part\\nsecond-part: %s and %s and in-line and hunter2z and %s\\n' 'first-part\\nsecond-part' 'a1b2,c3d4' 'say \\\"so\\\" twice' >&2\nexit 1";
    let app = App::at("apps/shop", &chart()).program("helm", script);
    let app = app.parameters(json!([
        {"name": "helm-parameters", "map": {"a": "first-part\nsecond-part", "b": "a1b2\\,c3d4"}},
        {"name": "helm-string-parameters", "map": {"c": "say \"so\" twice"}},
        {"name": "values", "string": "a: {b: [in-line]}\nc: hunter2z\n"},
    ]));
    assert_eq!(
        app.call("generate").error(2),
        "error: `helm template` failed (exit code 1): Error: ***: *** and *** and *** and *** and ***; run it in the \
         application's folder to see all of it"
    );
    let app = App::at("apps/shop", &chart()).program("helm", "echo 'Error: near hunter2z' >&2; exit 1");
    let app = app.parameters(json!([{"name": "values", "string": "a: [\nb: \"hunter2z\"\n"}]));
    assert!(app.call("generate").error(2).contains("Error: near ***;"));
    let app = app.parameters(json!([{"name": "values", "string": "a: {\n- 'hunter2z'\n"}]));
    assert!(app.call("generate").error(2).contains("Error: near ***;"));
}

fn failing() {
    let script = "echo 'kind: Secret'\necho 'data: {a: bWFuaWZlc3Q=}'\nprintf 'WARNING: old\\nError: parse error in %s/templates/a.yaml near ocean-blue\\n\\nUse --debug flag\\n' \"$(pwd)\" >&2\nexit 7";
    let app = App::at("apps/shop", &chart()).program("helm", script);
    let app = app.parameters(json!([{"name": "helm-parameters", "map": {"colour": "ocean-blue"}}]));
    let answer = app.call("generate");
    assert_eq!(
        answer.error(2),
        "error: `helm template` failed (exit code 7): Error: parse error in apps/shop/templates/a.yaml near ***; Use \
         --debug flag; run it in the application's folder to see all of it"
    );
    assert!(app.left_behind().is_empty());
    let app = App::at("apps/shop", &chart()).program("helm", "kill -9 $$");
    assert!(app.call("generate").error(2).contains("`helm template` failed (signal 9): it said nothing"));
    // A long message and an odd one stay one short line.
    let app =
        App::at("apps/shop", &chart()).program("helm", "printf 'Error: \\033[31m'; printf '%05000d end' 0 >&2; exit 1");
    let answer = app.call("generate");
    let says = answer.error(2);
    assert!(says.len() < 1000 && says.contains(" … 0") && says.contains("end;"), "{says}");
}

fn missing() {
    let answer = App::at("apps/shop", &chart()).alone().call("generate");
    assert_eq!(answer.error(2), "error: `helm` is not on the PATH; the image of the plugin's sidecar must have it");
    let app = App::at("apps/shop", &chart()).program("helm", "");
    fs::set_permissions(app.world.outside("bin/helm"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("set");
    assert!(app.alone().call("generate").error(2).starts_with("error: `helm` can't be started: permission denied"));
}

fn not_text() {
    let app = App::at("apps/shop", &chart()).program("helm", "printf 'kind: \\377'");
    assert!(app.call("generate").error(2).contains("`helm template` printed text that is not UTF-8 (byte 6)"));
}

fn escaping() {
    let app = |file: &str| {
        let app = printing(BANK, &[("apps/shop/values.yaml", ""), ("apps/other/x.yaml", "")]);
        fs::write(app.world.outside("secret.yaml"), "password: s3cret\n").expect("written");
        symlink("../other", app.world.path("apps/shop/folder")).expect("a link");
        if file.starts_with('.') || file.starts_with("folder") {
            return app;
        }
        symlink("../../../secret.yaml", app.world.path("apps/shop/link.yaml")).expect("a link");
        symlink("../../..", app.world.path("apps/shop/out")).expect("a link");
        app
    };
    let call = |file: &str| app(file).parameters(json!([{"name": "values-files", "array": [file]}])).call("generate");
    for (file, why) in [
        ("../../../secret.yaml", "it leads out of the repository"),
        ("../../../../../../../etc/passwd", "it leads out of the repository"),
        ("../../../nowhere.yaml", "it leads out of the repository"),
        ("values/../../../../secret.yaml", "it leads out of the repository"),
        ("link.yaml", "it leads out of the repository"),
        ("out/secret.yaml", "it leads out of the repository"),
        ("/etc/passwd", "it must be a path from the application's folder"),
        ("https://values.example/x.yaml", "it is a URL, and only files of the repository are read"),
        ("file:///etc/passwd", "it is a URL, and only files of the repository are read"),
        ("..", "it is no file"),
        ("gone.yaml", "no such file or directory"),
    ] {
        let answer = call(file);
        let expected = format!("error: the Application's parameters: `values-files`: `{file}`: {why}");
        assert_eq!(answer.error(2), expected);
    }
    call("folder/x.yaml").manifests();
    call("./values.yaml").manifests();
    call("../../apps/shop/values.yaml").manifests();
}

fn identity() {
    for stream in [
        BANK,
        "---\n# Source: shop/templates/a.yaml\nkind: Pod\r\nmetadata:  {name: a}\n---\n---\n",
        "kind: X\nbad: {{ x\n",
    ] {
        let app = printing(stream, &[]).parameters(json!([{"name": "rules", "array": ["none"]}]));
        app.call("generate").prints(stream);
    }
}

/// A chart with all that Argo CD's own call decides: hooks, CRDs, capabilities, values of three kinds.
const CHART: &[(&str, &str)] = &[
    ("meshfix.yaml", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n"),
    ("apps/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("apps/shop/values.yaml", "policy: Default\nport: 80\n"),
    ("apps/shop/values-east.yaml", "policy: ClusterFirstWithHostNet\nport: 81\n"),
    (
        "apps/shop/crds/tree.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: trees.a.example}\nspec: {group: a.example, names: {kind: Tree, plural: trees}, scope: Cluster, versions: []}\n",
    ),
    (
        "apps/shop/templates/all.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\nspec:\n  template:\n    metadata: {labels: {app: shop, kube: {{ .Capabilities.KubeVersion.Version | quote }}}}\n    spec:\n      dnsPolicy: {{ .Values.policy }} # as values say\n      containers: [{name: a, image: \"a:{{ .Values.tag }}\", ports: [{containerPort: {{ .Values.port }}}]}]\n{{- if .Capabilities.APIVersions.Has \"a.example/v1/Tree\" }}\n---\napiVersion: a.example/v1\nkind: Tree\nmetadata: {name: oak}\n{{- end }}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n",
    ),
];

fn real() {
    let Some(helms) = programs::find("the Argo CD plugin", ["helm3", "helm4"]) else { return };
    for helm in helms {
        let app = App::at("apps/shop", CHART).real("helm", &helm).with("KUBE_VERSION", "1.33.2");
        let app = app.with("KUBE_API_VERSIONS", "v1,apps/v1,a.example/v1/Tree").with("ARGOCD_APP_NAME", "team_shop");
        let app = app.parameters(json!([
            {"name": "values-files", "array": ["values-east.yaml"]},
            {"name": "values", "string": "port: 82\n"},
            {"name": "helm-string-parameters", "map": {"tag": "01"}},
        ]));
        app.call("discover").prints("helm\n");
        app.call("init").prints("");
        let answer = app.call("generate");
        let manifests = answer.manifests();
        let found = names(&manifests);
        assert_eq!(
            found,
            ["CustomResourceDefinition/trees.a.example", "Deployment/shop", "Tree/oak", "Job/hook"],
            "{helm:?}"
        );
        let pod = &manifests[1]["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"]["kube"], "v1.33.2");
        assert_eq!(pod["spec"]["dnsPolicy"], "ClusterFirst", "fixed");
        assert_eq!(pod["spec"]["containers"][0]["image"], "a:01");
        assert_eq!(pod["spec"]["containers"][0]["ports"][0]["containerPort"], Value::from(82));
        assert!(answer.out.contains("dnsPolicy: ClusterFirst # as values say"), "comments stay: {}", answer.out);
        assert_eq!(manifests[1]["metadata"]["namespace"], "market");
        assert!(app.left_behind().is_empty());
    }
}

fn real_failures() {
    let Some(helms) = programs::find("the Argo CD plugin", ["helm3", "helm4"]) else { return };
    for helm in helms {
        for (name, text, says) in [
            ("apps/shop/templates/bad.yaml", "{{ fail \"no region\" }}", "no region"),
            ("apps/shop/templates/bad.yaml", "a: [\nkind: X\n", "YAML parse error on shop/templates/bad.yaml"),
            ("apps/shop/Chart.yaml", "name: [", "Chart.yaml"),
            (
                "apps/shop/Chart.yaml",
                "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: gone, version: 1.0.0}]\n",
                "missing in charts/",
            ),
        ] {
            let files: Vec<(&str, &str)> = CHART.iter().copied().chain([(name, text)]).collect();
            let answer = App::at("apps/shop", &files).real("helm", &helm).call("generate");
            let error = answer.error(2);
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
        // All templates switched off.
        let files: Vec<(&str, &str)> = CHART
            .iter()
            .copied()
            .chain([
                ("apps/shop/templates/all.yaml", "{{ if .Values.on }}\nkind: X\n{{ end }}\n"),
                ("apps/shop/crds/tree.yaml", ""),
            ])
            .collect();
        let answer = App::at("apps/shop", &files).real("helm", &helm).call("generate");
        assert!(answer.error(2).contains("`helm template` printed no manifest"), "{}", answer.err);
    }
}
