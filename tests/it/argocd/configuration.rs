//! The parameters of an Application, and the configuration of its repository.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::host::App;
use super::{configuration, trial};
use crate::cli::manifests::{BANK, CLEAN};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("parameters_choose_what_is_done", chosen),
        trial("parameters_go_over_the_configuration_key_by_key", over),
        trial("parameters_that_say_nothing_are_none", nothing),
        trial("parameters_that_are_not_understood_are_errors", wrong),
        trial("parameters_that_are_no_text_are_an_error", no_text),
        trial("the_configuration_is_the_nearest_in_the_copy", nearest),
        trial("the_type_may_be_said", said_type),
    ]
}

fn bank(parameters: Value) -> App {
    App::at("shop", &[("shop/bank.yaml", BANK)]).parameters(parameters)
}

fn chosen() {
    let out = |parameters: Value| bank(parameters).call("generate").out;
    assert!(out(json!([{"name": "rules", "array": ["dns-ndots"]}])).contains("ClusterFirstWithHostNet"));
    assert!(out(json!([{"name": "ignore", "array": ["dns-policy"]}])).contains("ClusterFirstWithHostNet"));
    assert!(!out(json!([{"name": "unsafe", "string": "true"}])).contains("hostNetwork"));
    let options = json!([{"name": "options", "map": {"unsafe": "true", "rules.proxy-uid.replacement": "20000"}}]);
    assert!(out(options).contains("runAsUser: 20000"));
    let checked = bank(json!([{"name": "mode", "string": "check"}])).call("generate").prints(BANK);
    checked.says("error dns-policy: Deployment/ledger");
}

fn over() {
    let spec = "  unsafe: true\n  ignore: [host-network]\n  rules:\n    proxy-uid: {replacement: 20000}\n    dns-ndots: {explicit: true}\n";
    let out = |parameters: Value| {
        let app = App::at("shop", &[("shop/bank.yaml", BANK), ("meshfix.yaml", &configuration(spec))]);
        let answer = app.parameters(parameters).call("generate");
        answer.manifests();
        answer.out
    };
    let file = out(json!(null));
    assert!(file.contains("20000") && file.contains("hostNetwork: true"), "{file}");
    let safe = out(json!([{"name": "unsafe", "string": "false"}]));
    assert!(safe.contains("1337") && safe.contains("ClusterFirst #"), "{safe}");
    let other = out(json!([{"name": "options", "map": {"rules.proxy-uid.replacement": "30000"}}]));
    assert!(other.contains("30000") && other.contains("ndots"), "{other}");
    // As `--select`, `rules` takes the place of `select` and `ignore`.
    let selected = out(json!([{"name": "rules", "array": ["host-network"]}]));
    assert!(!selected.contains("hostNetwork") && selected.contains("1337"), "{selected}");
    let ignored = out(json!([{"name": "ignore", "array": ["proxy-uid"]}]));
    assert!(ignored.contains("hostNetwork: true") && ignored.contains("1337"), "{ignored}");
}

fn nothing() {
    let expected = bank(json!([])).call("generate").out;
    for parameters in [
        "null",
        "",
        " ",
        "[]",
        "[null]",
        r#"[{"name": "rules", "array": null}, {"name": "options", "map": null}, {"name": "mode", "string": null}]"#,
        r#"[{"name": "rules", "array": []}, {"name": "options", "map": {}}, {"name": "mode", "string": ""}]"#,
        r#"[{"name": "rules"}, {"name": "unsafe", "string": "", "array": null, "map": null}, {"name": "unsafe"}]"#,
    ] {
        let app = bank(json!([])).with("ARGOCD_APP_PARAMETERS", parameters);
        app.call("generate").prints(&expected);
    }
}

fn wrong() {
    for (parameters, says) in [
        (json!([{"name": "ruels", "array": ["none"]}]), "there is no parameter `ruels`; did you mean `rules`?"),
        (json!([{"name": "zebra", "string": "x"}]), "there is no parameter `zebra`; there are mode, rules,"),
        (json!([{"string": "x"}]), "a parameter has no `name`"),
        (
            json!([{"name": "rules", "string": "dns-ndots"}]),
            "`rules` is set as `string`, and it takes an array of strings",
        ),
        (json!([{"name": "mode", "array": ["fix"]}]), "`mode` is set as `array`, and it takes a string"),
        (
            json!([{"name": "mode", "map": {}, "string": "fix"}]),
            "`mode` has both `string` and `map`; it takes `string` alone",
        ),
        (
            json!([{"name": "unsafe", "string": true}]),
            "`unsafe` holds more than strings; it takes a string that is true or false",
        ),
        (json!([{"name": "options", "map": {"unsafe": true}}]), "`options` holds more than strings"),
        (json!([{"name": "unsafe", "string": "yes"}]), "`unsafe` must be `true` or `false`, not `yes`"),
        (
            json!([{"name": "type", "string": "jsonnet"}]),
            "`type` must be `helm` or `kustomize` or `directory`, not `jsonnet`",
        ),
        (json!([{"name": "mode", "string": "fxi"}]), "`mode` must be"),
        (json!([{"name": "fail-on", "string": "fatal"}]), "`failOn` must be"),
        (json!([{"name": "rules", "array": ["dns-ndot"]}]), "there is no rule `dns-ndot`; did you mean `dns-ndots`?"),
        (json!([{"name": "options", "map": {"rules.dns-ndots.explizit": "true"}}]), "did you mean `explicit`?"),
        (
            json!([{"name": "mode", "string": "fix"}, {"name": "mode", "string": "check"}]),
            "`mode` stands twice; keep one",
        ),
        (
            json!([{"name": "unsafe", "string": "true"}, {"name": "options", "map": {"unsafe": "false"}}]),
            "`options` has `unsafe`, and `unsafe` is set too",
        ),
        (json!({"name": "mode"}), "ARGOCD_APP_PARAMETERS is no list of parameters"),
    ] {
        let answer = bank(parameters.clone()).call("generate");
        assert!(answer.error(2).contains(says), "{parameters}: {}", answer.err);
        assert_eq!(answer.err.lines().count(), 1, "{}", answer.err);
        if parameters.is_array() {
            assert!(answer.err.starts_with("error: the Application's parameters: "), "{}", answer.err);
        }
    }
    let answer = bank(json!([{"name": "a"}, {"name": "b"}])).call("generate");
    assert_eq!(answer.error(2).lines().count(), 2, "each has its line: {}", answer.err);
}

fn no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let app = bank(json!(null));
    let mut command = app.world.command(&["argocd", "generate"]);
    command.env("ARGOCD_APP_PARAMETERS", std::ffi::OsStr::from_bytes(b"[{\"name\": \"\xff\"}]"));
    let output = command.current_dir(app.world.path("shop")).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.starts_with("error: ARGOCD_APP_PARAMETERS is not UTF-8"), "{said}");
}

fn nearest() {
    let (near, far) = (configuration("  select: [dns-ndots]\n"), configuration("  unsafe: true\n"));
    let files = [("apps/shop/a.yaml", BANK), ("apps/meshfix.yaml", &near), ("meshfix.yaml", &far)];
    let out = App::at("apps/shop", &files).call("generate").out;
    assert!(out.contains("WithHostNet") && out.contains("\"5\"") && out.contains("1337"), "{out}");
    // Only what Argo CD sent is the repository.
    let files = [("copy/shop/a.yaml", CLEAN), ("meshfix.yaml", "this is no configuration")];
    App::at("copy/shop", &files).with("ARGOCD_APP_SOURCE_PATH", "apps/shop").call("generate").prints(CLEAN);
    let answer = App::at("copy/shop", &files).call("generate");
    assert!(answer.error(2).starts_with("error: meshfix.yaml:1:1: "), "{}", answer.err);
    let app = App::at("apps/shop", &[("apps/shop/a.yaml", CLEAN)]);
    std::fs::write(app.world.outside("meshfix.yaml"), &far).expect("written");
    std::os::unix::fs::symlink("../../meshfix.yaml", app.world.path("apps/meshfix.yaml")).expect("a link");
    assert!(app.call("generate").error(2).contains("apps/meshfix.yaml: it is a symbolic link that leads out"));
}

fn said_type() {
    let files = [("shop/a.yaml", CLEAN), ("shop/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n")];
    let app = App::at("shop", &files).program("helm", "echo called >>\"$LOG\"; exit 3");
    let app = app.parameters(json!([{"name": "type", "string": "directory"}]));
    app.call("generate").prints(CLEAN);
    app.call("init").prints("");
    assert_eq!(app.logged(), "");
}
