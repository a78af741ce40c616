//! The hooks for pre-commit: as they are shipped, but with the program that is there; in CI built from source too.

use std::fs;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::support::{Host, SABOTAGE, text, trial};
use crate::cli::manifests::{CLEAN, SAFE, host as on_host};
use crate::cli::support::{Ran, finish, finish_within};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("pre_commit::the_local_hooks_are_those_of_the_repository", local),
        trial("pre_commit::what_is_fixed_fails_once", fixes),
        trial("pre_commit::what_is_left_fails", left),
        trial("pre_commit::one_run_sees_the_whole_repository", whole_repository),
        trial("pre_commit::builds_the_hook_from_source", from_source),
    ]
}

/// The hooks of `.pre-commit-hooks.yaml`, run by the program that is there.
fn hooks() -> Vec<Value> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    let mut hooks: Vec<Value> =
        serde_yaml::from_str(&fs::read_to_string(shipped).expect("it is shipped")).expect("YAML");
    for hook in &mut hooks {
        assert_eq!(hook["language"], "rust");
        hook["language"] = "system".into();
    }
    hooks
}

/// A repository with these files and both hooks with these arguments, all of it staged.
fn repository(arguments: &[&str], files: &[(&str, &str)]) -> Option<Host> {
    let host = Host::new(["pre-commit"])?;
    let mut hooks = hooks();
    hooks.iter_mut().filter(|_| !arguments.is_empty()).for_each(|hook| hook["args"] = json!(arguments));
    host.world.write(".pre-commit-config.yaml", json!({"repos": [{"repo": "local", "hooks": hooks}]}).to_string());
    files.iter().for_each(|(name, text)| host.world.write(name, text));
    host.shell("git init -q . && git add .").with(0);
    Some(host)
}

#[track_caller]
fn run(host: &Host, hook: &str) -> Ran {
    host.run(&["pre-commit", "run", "--all-files", hook])
}

/// `local.yaml` is the same hooks; checking is for those who ask for it.
fn local() {
    let local: Value = serde_yaml::from_str(&text("pre-commit/local.yaml")).expect("YAML");
    let mut hooks = hooks();
    for hook in &mut hooks {
        let hook = hook.as_object_mut().expect("a hook");
        hook.remove("description");
        hook.remove("minimum_pre_commit_version");
    }
    hooks[1]["stages"] = json!(["manual"]);
    assert_eq!(local["repos"], json!([{"repo": "local", "hooks": hooks}]));
}

fn fixes() {
    let Some(host) = repository(&[], &[("deploy/oven.yaml", SAFE), ("README.md", "bread\n")]) else { return };
    let ran = run(&host, "meshfix-check").with(1).prints("Failed").prints("deploy/oven.yaml:8:18  dns-policy");
    assert!(!ran.out().contains("files were modified") && host.world.read("deploy/oven.yaml") == SAFE);
    run(&host, "meshfix").with(1).prints("Failed").prints("- files were modified by this hook");
    let fixed = SAFE.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\"");
    assert_eq!(host.world.read("deploy/oven.yaml"), fixed);
    run(&host, "meshfix").with(0).prints("Passed");
    run(&host, "meshfix-check").with(0).prints("Passed");
    // Without a manifest among what is staged there is nothing to run for.
    host.shell("git rm -qf --cached -r . && git add README.md").with(0);
    run(&host, "meshfix").with(0).prints("(no files to check)Skipped");
}

fn left() {
    let manual = on_host("van");
    for (arguments, files, environment, code, says) in [
        (&[][..], &[("van.yaml", manual.as_str())][..], None, 1, "van.yaml:8:20  host-network"),
        (&["--exit-zero"], &[("van.yaml", &manual)], None, 0, ""),
        (&["--fail-on=warning", "--ignore=host-network"], &[("van.yaml", &manual)], None, 0, ""),
        (&["deploy"], &[("van.yaml", &manual), ("deploy/clean.yaml", CLEAN)], None, 0, ""),
        (&["--unsave"], &[("van.yaml", &manual)], None, 1, "exit code: 2"),
        (&["gone"], &[("van.yaml", &manual)], None, 1, "gone: no such file"),
        (&[], &[("oven.yaml", SAFE)], Some(SABOTAGE), 1, "this is a defect of meshfix"),
        // What can't be read is told and keeps nothing else from passing.
        (&[], &[("broken.yaml", "kind: Pod\nspec: [\n"), ("empty.yaml", "")], None, 0, ""),
        (&[], &[("broken.yaml", "kind: Pod\nspec: [\n"), ("van.yaml", &manual)], None, 1, "skipped broken.yaml:2:7"),
    ] {
        let Some(host) = repository(arguments, files) else { return };
        let before = host.world.files();
        let mut command = host.command(&["pre-commit", "run", "--all-files", "meshfix"]);
        finish(command.envs(environment), b"").with(code).prints(says).prints(if code == 0 {
            "Passed"
        } else {
            "Failed"
        });
        let files = |files: std::collections::BTreeMap<_, _>| -> Vec<(std::path::PathBuf, Vec<u8>)> {
            files.into_iter().filter(|(name, _): &(std::path::PathBuf, _)| !name.starts_with(".git")).collect()
        };
        assert_eq!(files(host.world.files()), files(before), "{arguments:?}");
    }
}

/// A Deployment and its Service in two files, of which only one is staged; and so many files that pre-commit would call
/// a hook for them more than once.
fn whole_repository() {
    let Some(host) = repository(&[], &[]) else { return };
    let labels = "{app: till, version: v1}";
    host.world.write("till.yaml", format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: till}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: {labels}}}\n    spec:\n      containers:\n        - name: till\n          image: till:1\n          env: [{{name: SERVER_PORT, value: '15001'}}]\n          ports: [{{containerPort: 15001}}]\n"));
    host.world.write("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: till}\nspec:\n  selector: {app: till}\n  ports: [{name: http, port: 80, targetPort: 15001}]\n");
    (0..400).for_each(|number| host.world.write(format!("many/{}-{number}.yaml", "x".repeat(200)), "kind: Other\n"));
    host.shell("git add . && git -c user.name=x -c user.email=x@example.com commit -qm x").with(0);
    let calls = host.world.outside("calls");
    let (program, calls_name) = (env!("CARGO_BIN_EXE_meshfix"), calls.display());
    host.script("meshfix", &format!("#!/bin/sh\necho \"$*\" >>'{calls_name}'\nexec '{program}' \"$@\"\n"));
    host.run(&["pre-commit", "run", "--all-files", "meshfix"]).with(1).prints("files were modified");
    assert_eq!(fs::read_to_string(&calls).expect("calls"), "--write\n");
    for name in ["till.yaml", "service.yaml"] {
        assert!(!host.world.read(name).contains("15001") && host.world.read(name).contains("18001"), "{name}");
    }
    host.shell("git checkout -q . && echo >>till.yaml && git add till.yaml").with(0);
    host.run(&["pre-commit", "run", "meshfix"]).with(1).prints("files were modified");
    assert!(host.world.read("service.yaml").contains("18001"), "a file that is not staged is fixed too");
}

/// As a user's repository gets it: a clone of this one, built by pre-commit. It takes minutes, and crates.io.
fn from_source() {
    if std::env::var_os("CI").is_none() {
        return;
    }
    let Some(host) = repository(&[], &[("oven.yaml", SAFE)]) else { return };
    let home = std::env::var("HOME").expect("a home");
    let of_rust = |name: &str, folder: &str| std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"));
    for (code, says) in [(1, "files were modified by this hook"), (0, "Passed")] {
        let mut command =
            host.command(&["pre-commit", "try-repo", env!("CARGO_MANIFEST_DIR"), "meshfix", "--all-files"]);
        command
            .env("CARGO_HOME", of_rust("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", of_rust("RUSTUP_HOME", ".rustup"));
        // The next clone of this repository builds only what changed, and what is built need not be fast.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("pre-commit"));
        for (name, value) in [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "256")] {
            command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        command.env_remove("HTTP_PROXY").env_remove("HTTPS_PROXY");
        finish_within(Duration::from_secs(1200), &mut command, b"").with(code).prints(says);
    }
    assert!(host.world.read("oven.yaml").contains("value: \"5\""));
}
