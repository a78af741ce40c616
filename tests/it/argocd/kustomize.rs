//! Kustomizations, with a script in kustomize's place, and with the real one.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;

use super::host::{App, names};
use super::trial;
use crate::cli::manifests::{BANK, CLEAN};
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("kustomize_is_called_with_what_an_application_may_say", called),
        trial("kustomize_gets_no_option_that_runs_programs_or_reads_outside", refused),
        trial("kustomize_gets_one_argument_for_each_option", one_argument),
        trial("kubectl_stands_in_for_kustomize", kubectl),
        trial("kustomize_that_fails_or_prints_nothing_is_an_error", failing),
        trial("kustomize_that_quotes_literals_is_told_without_them", literals),
        trial("real_kustomize_builds_an_overlay", real),
        trial("real_kustomize_runs_no_program_of_the_repository", injections),
    ]
}

const FILES: &[(&str, &str)] = &[
    ("base/kustomization.yaml", "resources: [bank.yaml]\n"),
    ("base/bank.yaml", BANK),
    ("east/kustomization.yaml", "resources: [../base]\nnamePrefix: east-\n"),
];

fn printing(stream: &str) -> App {
    let script = "printf '%s\\n' \"$(basename \"$0\")\" \"$@\" >>\"$LOG\"\ncat \"$(dirname \"$0\")/stream.yaml\"";
    let app = App::at("east", FILES).program("kustomize", script);
    fs::write(app.world.outside("bin").join("stream.yaml"), stream).expect("written");
    app
}

#[track_caller]
fn arguments(app: &App) -> String {
    app.call("generate").manifests();
    app.logged().lines().collect::<Vec<_>>().join(" ")
}

fn called() {
    assert_eq!(arguments(&printing(CLEAN)), "kustomize build .");
    let app =
        printing(CLEAN).with("MESHFIX_KUSTOMIZE_OPTIONS", " --enable-helm  --load-restrictor=LoadRestrictionsNone ");
    let app =
        app.parameters(json!([{"name": "kustomize-options", "array": ["--reorder=none", "--enable-managedby-label", "--helm-kube-version=1.33"]}]));
    assert_eq!(
        arguments(&app),
        "kustomize build . --enable-helm --load-restrictor=LoadRestrictionsNone --reorder=none --enable-managedby-label --helm-kube-version=1.33"
    );
    printing(BANK).call("generate").says("error host-network: Pod/teller");
}

fn refused() {
    for (option, says) in [
        (
            "--load-restrictor=LoadRestrictionsNone",
            "`--load-restrictor` is not for an Application to give: it lets a kustomization read files outside its folder",
        ),
        ("--load-restrictor LoadRestrictionsNone", "`--load-restrictor` is not"),
        ("--enable-helm", "`--enable-helm` is not"),
        ("--enable-exec", "`--enable-exec` is not"),
        ("--enable-alpha-plugins", "`--enable-alpha-plugins` is not"),
        ("--helm-command=./evil", "`--helm-command` is not"),
        ("--output=x", "`--output` is not"),
        ("-o", "`-o` is none of --reorder,"),
        ("-ofile", "`-ofile` is none of --reorder,"),
        ("../other", "`../other` is none of --reorder,"),
        ("--reorder-x", "`--reorder-x` is none of --reorder,"),
        ("", "`` is none of --reorder,"),
    ] {
        let app = printing(CLEAN).parameters(json!([{"name": "kustomize-options", "array": [option]}]));
        let answer = app.call("generate");
        let error = answer.error(2);
        assert!(error.contains(says) && error.contains("MESHFIX_KUSTOMIZE_OPTIONS"), "{option}: {error}");
        assert_eq!(app.logged(), "", "nothing was run");
    }
    // The operator's variable can't come from an Application.
    let app = printing(CLEAN).with("ARGOCD_ENV_MESHFIX_KUSTOMIZE_OPTIONS", "--enable-exec");
    assert_eq!(arguments(&app), "kustomize build .");
}

/// What is split at a space, or takes the next argument for its value, could bring in what is refused.
fn one_argument() {
    let app = |options: &[&str]| printing(CLEAN).parameters(json!([{"name": "kustomize-options", "array": options}]));
    for option in [
        "--reorder=none --enable-exec",
        "--reorder none --enable-exec",
        "--reorder\tnone",
        "--reorder=none\n--enable-exec",
        "--reorder=none ",
        "--reorder",
        "--enable-managedby-label --enable-exec",
        "--enable-managedby-label=true",
    ] {
        let app = app(&["--reorder=none", option]);
        let answer = app.call("generate");
        let error = answer.error(2);
        assert!(error.contains("must be written as `--"), "{option}: {error}");
        assert_eq!(app.logged(), "", "nothing was run");
    }
    let answer = app(&["--enable-exec\tx"]).call("generate");
    assert!(answer.error(2).contains("`--enable-exec` is not"), "{}", answer.err);
    assert_eq!(arguments(&app(&["--reorder=a=b"])), "kustomize build . --reorder=a=b");
}

fn kubectl() {
    let app = App::at("east", FILES).program("kubectl", "echo \"$@\" >>\"$LOG\"\necho 'kind: Namespace'").alone();
    assert_eq!(arguments(&app), "kustomize .");
    let answer = App::at("east", FILES).alone().call("generate");
    assert!(answer.error(2).starts_with("error: neither `kustomize` nor `kubectl` is on the PATH;"), "{}", answer.err);
    let answer = App::at("east", FILES).program("kubectl", "echo 'error: no' >&2; exit 1").alone().call("generate");
    assert!(
        answer.error(2).starts_with("error: `kubectl kustomize` failed (exit code 1): error: no;"),
        "{}",
        answer.err
    );
}

fn failing() {
    let answer = printing("# nothing\n").call("generate");
    assert!(answer.error(2).contains("`kustomize build` printed no manifest"), "{}", answer.err);
    let script =
        "echo 'kind: Secret'; printf 'Error: config: `\\nliterals: [password=s3cret]\\n`: no such file\\n' >&2; exit 1";
    let answer = App::at("east", FILES).program("kustomize", script).call("generate");
    let expected = "error: `kustomize build` failed (exit code 1): Error: config: ` … `: no such file;";
    assert!(answer.error(2).starts_with(expected), "{}", answer.err);
}

fn literals() {
    for (said, told) in [
        ("Error: literal sources [token hunter2z]: no =", "Error: literal sources […;"),
        ("Error: invalid literal source hunter2z, expected key=value", "Error: invalid literal source …;"),
        ("Error: unable to parse patch from [hunter2z\\nhunter2z]", "Error: unable to parse patch from […;"),
    ] {
        let script = format!("printf '{said}\\n' >&2; exit 1");
        let answer = App::at("east", FILES).program("kustomize", &script).call("generate");
        assert!(answer.error(2).contains(told) && !answer.err.contains("hunter2z"), "{}", answer.err);
    }
    let Some([kustomize]) = programs::find("the Argo CD plugin", ["kustomize"]) else { return };
    for text in ["secretGenerator: [{name: a, literals: [hunter2z]}]\n", "patches: [{patch: \"hunter2z: [\"}]\n"] {
        let answer =
            App::at("east", &[("east/kustomization.yaml", text)]).real("kustomize", &kustomize).call("generate");
        assert!(!answer.error(2).contains("hunter2z"), "{}", answer.err);
    }
}

fn real() {
    let Some([kustomize]) = programs::find("the Argo CD plugin", ["kustomize"]) else { return };
    let app =
        App::at("east", FILES).real("kustomize", &kustomize).parameters(json!([{"name": "unsafe", "string": "true"}]));
    let answer = app.call("generate");
    let mut found = names(&answer.manifests());
    found.sort();
    assert_eq!(found, ["Deployment/east-ledger", "Pod/east-teller"]);
    assert!(!answer.out.contains("hostNetwork") && !answer.out.contains("1337"), "{}", answer.out);
    let files: Vec<(&str, &str)> =
        FILES.iter().copied().chain([("east/kustomization.yaml", "resources: [../gone]\n")]).collect();
    let answer = App::at("east", &files).real("kustomize", &kustomize).call("generate");
    assert!(answer.error(2).contains("gone") && answer.err.lines().count() == 1, "{}", answer.err);
    let files: Vec<(&str, &str)> = FILES
        .iter()
        .copied()
        .chain([("east/kustomization.yaml", "configMapGenerator: [{name: a, files: [../../outside]}]\n")])
        .collect();
    let app = App::at("east", &files).real("kustomize", &kustomize);
    fs::write(app.world.outside("outside"), "s3cret").expect("written");
    let answer = app.call("generate");
    assert!(answer.code == Some(2) && answer.out.is_empty() && !answer.err.contains("s3cret"), "{answer:?}");
}

/// The two known ways from a kustomization to a program: git's options in a reference, and Helm's.
fn injections() {
    let Some([kustomize]) = programs::find("the Argo CD plugin", ["kustomize"]) else { return };
    let app = App::at("east", FILES).real("kustomize", &kustomize).program("evil", "touch \"$LOG\"; exit 1");
    let evil = app.world.outside("bin").join("evil");
    let base = app.world.outside("base");
    let git = |arguments: &[&str], folder: &Path| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@a.example", "-c", "init.defaultBranch=main"];
        let status = Command::new("git").args(identity).args(arguments).current_dir(folder).status().expect("git runs");
        assert!(status.success(), "git {arguments:?}");
    };
    fs::create_dir(&base).expect("a folder");
    fs::write(base.join("kustomization.yaml"), "namePrefix: a-\n").expect("written");
    git(&["init", "-q"], &base);
    git(&["add", "."], &base);
    git(&["commit", "-q", "-m", "a"], &base);
    let remote = format!("resources: [\"file://{}?ref=--upload-pack={}\"]\n", base.display(), evil.display());
    app.world.write("east/kustomization.yaml", remote);
    let answer = app.call("generate");
    assert_eq!((answer.code, app.logged_at_all()), (Some(2), false), "{}", answer.err);
    let chart = format!("helmCharts: [{{name: a, releaseName: \"--post-renderer={}\"}}]\n", evil.display());
    app.world.write("east/kustomization.yaml", chart);
    let answer = app.call("generate");
    assert_eq!((answer.code, app.logged_at_all()), (Some(2), false), "{}", answer.err);
}
