//! The shipped files that no host of this folder reads: they fit the schemas of those that do, agree with each other,
//! and their scripts run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::Value;

use super::support::{Host, shipped, text, trial, word};
use crate::cli::manifests::{CLEAN, SAFE};
use crate::cli::support::{Ran, finish};
use crate::crds::Crds;
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("packaging::files_fit_their_schemas", schemas),
        trial("packaging::the_application_is_one_for_argo_cd", application),
        trial("packaging::the_sidecar_fits_argo_cds_own_deployment", sidecar),
        trial("packaging::dockerfiles_are_read_and_their_images_agree", images),
        trial("packaging::the_image_is_built_from_all_that_the_program_needs", context),
        trial("packaging::versions_are_those_of_the_program", versions),
        trial("packaging::the_action_annotates_sums_up_and_keeps_the_exit_code", action),
        trial("packaging::the_action_builds_only_what_is_not_there", install),
        trial("packaging::the_gitlab_job_writes_its_reports", gitlab),
    ]
}

fn root(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// A text of the repository's root.
fn read(name: &str) -> String {
    fs::read_to_string(root(name)).expect("it is shipped")
}

fn schemas() {
    let Some(host) = Host::new(["check-jsonschema", "pre-commit", "helm4"]) else { return };
    for (schema, file) in [
        ("vendor.github-actions", root("action.yml")),
        ("vendor.github-workflows", word("github/workflow.yml")),
        ("vendor.gitlab-ci", word("gitlab/meshfix.gitlab-ci.yml")),
    ] {
        host.run(&["check-jsonschema", "--builtin-schema", schema, &file]).with(0);
        // A schema that takes anything would prove nothing.
        host.world.write("other.yml", read_and_break(&file));
        host.run(&["check-jsonschema", "--builtin-schema", schema, "other.yml"]).with(1);
    }
    host.run(&["pre-commit", "validate-manifest", &root(".pre-commit-hooks.yaml")]).with(0);
    host.run(&["pre-commit", "validate-config", &word("pre-commit/local.yaml")]).with(0);
    host.run(&["helm4", "lint", &word("helm/example")]).with(0).prints("0 chart(s) failed");
}

/// The file with a word at its first key that nobody knows.
fn read_and_break(file: &str) -> String {
    let text = fs::read_to_string(file).expect("it is shipped");
    let text = text.replace("using: composite", "using: compost").replace("runs-on: ubuntu-latest", "runs: on");
    text.replace("stage: test", "stage: {test: 1}")
}

fn application() {
    let Some([crd]) = programs::find("plugins::packaging", ["schemas/argocd-application.yaml"]) else { return };
    let crd = yaml(&fs::read_to_string(crd).expect("readable"));
    let crds = Crds::new([crd].into_iter()).expect("all words of the schema are known");
    let shipped = yaml(&text("argocd/application.yaml"));
    let checked = crds.check(&shipped);
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    let mut wrong = shipped;
    wrong["spec"]["source"]["plugin"]["parameters"][0]["text"] = "true".into();
    assert!(!crds.check(&wrong).faults.is_empty(), "an unknown field is seen");
}

fn sidecar() {
    let Some([deployment]) = programs::find("plugins::packaging", ["schemas/argocd-repo-server.yaml"]) else { return };
    let Some(host) = Host::new(["kubectl"]) else { return };
    let deployment = deployment.display().to_string();
    let patch = word("argocd/repo-server-patch.yaml");
    let out = host
        .run(&["kubectl", "patch", "--local", "-f", &deployment, "--patch-file", &patch, "-o", "json"])
        .with(0)
        .out();
    let before = yaml(&fs::read_to_string(&deployment).expect("readable"));
    let after: Value = serde_json::from_str(&out).expect("JSON");
    let pod = |deployment: &Value, list: &str| {
        deployment["spec"]["template"]["spec"][list].as_array().cloned().unwrap_or_default()
    };
    let names = |list: &[Value]| -> BTreeSet<String> {
        list.iter().filter_map(|one| one["name"].as_str()).map(str::to_owned).collect()
    };
    let (containers, volumes) = (pod(&after, "containers"), names(&pod(&after, "volumes")));
    let sidecar = containers.iter().find(|container| container["name"] == "meshfix").expect("the sidecar");
    let mounts = names(sidecar["volumeMounts"].as_array().expect("mounts"));
    assert!(mounts.is_subset(&volumes), "{mounts:?} of {volumes:?}");
    // All that was there stays, and what Argo CD lays out for its sidecars is where they look for it.
    for list in ["containers", "initContainers", "volumes"] {
        assert!(names(&pod(&before, list)).is_subset(&names(&pod(&after, list))), "{list}");
    }
    assert_eq!(containers.len(), pod(&before, "containers").len() + 1);
    let own = |container: &Value, name: &str| -> Option<String> {
        let mut mounts = container["volumeMounts"].as_array()?.iter();
        Some(mounts.find(|mount| mount["name"] == name)?["mountPath"].as_str()?.to_owned())
    };
    let init = pod(&after, "initContainers");
    let copied = init.iter().find_map(|container| own(container, "var-files")).expect("the server is copied");
    assert_eq!(own(sidecar, "var-files"), Some(copied.clone()));
    assert_eq!(sidecar["command"], serde_json::json!([format!("{copied}/argocd-cmp-server")]));
    let server = containers.iter().find(|container| container["name"] == "argocd-repo-server").expect("the server");
    assert_eq!(own(server, "plugins"), own(sidecar, "plugins"));
    assert_eq!(sidecar["securityContext"]["runAsUser"], 999);
}

fn images() {
    let Some(host) = Host::new(["dockerfile-parse"]) else { return };
    let says = host.run(&["dockerfile-parse", &word("docker/Dockerfile"), &word("argocd/Dockerfile")]).with(0).out();
    for stage in ["\"build\"", "\"ci\"", "\"function\" from scratch", "from ${ARGOCD_IMAGE}"] {
        assert!(says.contains(&format!("stage {stage}")) || says.contains(stage), "{stage} is not in\n{says}");
    }
    host.world.write("Dockerfile", text("docker/Dockerfile").replace("WORKDIR /source", "WORKPLACE /source"));
    assert_eq!(host.run(&["dockerfile-parse", "Dockerfile"]).code, Some(1));
    let docker = text("docker/Dockerfile");
    // Alone, and as a user by number without rights: kustomize gives no arguments and sees no names.
    assert!(docker.ends_with("USER 65534:65534\n# Hosts give a function no arguments: alone, this reads a ResourceList.\nENTRYPOINT [\"meshfix\"]\n"));
    let argocd = text("argocd/Dockerfile");
    let patch = yaml(&text("argocd/repo-server-patch.yaml"));
    let command = &patch["spec"]["template"]["spec"]["containers"][0]["command"];
    assert!(argocd.ends_with(&format!("USER 999\n# Argo CD puts its plugin server there; repo-server-patch.yaml mounts it.\nENTRYPOINT {command}\n")), "{command}");
    let copied: Vec<&str> = argocd
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .collect();
    assert_eq!(copied, ["plugin.yaml /home/argocd/cmp-server/config/plugin.yaml"]);
    assert!(shipped("argocd/plugin.yaml").is_file());
}

/// The image's build sees no more than `.dockerignore` lets in.
fn context() {
    let ignored = read(".dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("*"), "nothing but what is named");
    let named: Vec<&str> = lines.map(|line| line.strip_prefix('!').expect("a name that is let in")).collect();
    let is_in = |name: &str| {
        named.iter().any(|named| match named.split_once("/**/") {
            Some((folder, file)) => name.starts_with(&format!("{folder}/")) && name.ends_with(&format!("/{file}")),
            None => name == *named || name.starts_with(&format!("{named}/")),
        })
    };
    let (mut included, mut outside) = (0, Vec::new());
    for room in ["src", "transforms"] {
        for path in files(Path::new(&root(room))) {
            let source = fs::read_to_string(&path).expect("UTF-8");
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            for part in code.split("include_str!(\"").skip(1) {
                let target = path.with_file_name("").join(part.split('"').next().expect("a name"));
                let target = fs::canonicalize(target).expect("it is there");
                let target = target
                    .strip_prefix(fs::canonicalize(root("")).expect("a path"))
                    .expect("inside")
                    .display()
                    .to_string();
                included += 1;
                if !is_in(&target) {
                    outside.push(target);
                }
            }
        }
    }
    assert!(included > 20 && outside.is_empty(), "{included} included; not in the image's build: {outside:?}");
    assert!(["Cargo.toml", "Cargo.lock", "src/main.rs"].into_iter().all(is_in));
    assert!(!is_in("tests/it/main.rs") && !is_in("target/debug/meshfix"));
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

fn versions() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(yaml(&text("helm/plugin.yaml"))["version"], version);
    let mut seen = 0;
    for path in files(&shipped("")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for part in text.split("meshfix:").skip(1).filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            let tag = part.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').next().unwrap_or_default();
            assert_eq!(tag, version, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen} images are named");
}

/// A step of `action.yml` as a runner does it: inputs are put into its environment, and `run` goes to bash.
fn step(host: &Host, number: usize, inputs: &[(&str, &str)], environment: &[(&str, &str)]) -> Ran {
    let action = yaml(&read("action.yml"));
    let step = &action["runs"]["steps"][number];
    let script = step["run"].as_str().expect("a script");
    assert!(step["shell"] == "bash" && !script.contains("${{"), "no input may become a command");
    let mut command = host.command(&["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.env("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR")).env("RUNNER_TEMP", host.world.outside("temporary"));
    for name in ["GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
        command.env(name, host.world.outside(name));
    }
    for (name, value) in step["env"].as_object().into_iter().flatten() {
        let input =
            value.as_str().and_then(|value| value.strip_prefix("${{ inputs.")?.strip_suffix(" }}")).expect("an input");
        let default = action["inputs"][input]["default"].as_str().expect("an input that is declared");
        let given = inputs.iter().find(|(name, _)| *name == input).map_or(default, |(_, value)| value);
        command.env(name, given);
    }
    finish(command.envs(environment.iter().copied()), b"")
}

fn action() {
    let host = Host::bare();
    host.world.write("deploy/oven.yaml", SAFE);
    host.world.write("clean ones/shelf.yaml", CLEAN);
    let told = |name: &str| {
        let text = fs::read_to_string(host.world.outside(name)).unwrap_or_default();
        _ = fs::remove_file(host.world.outside(name));
        text
    };
    // By default everything is read, annotated and summed up.
    let ran = step(&host, 1, &[], &[]).with(1);
    assert!(
        ran.out().contains("::error title=meshfix") && ran.out().contains("file=deploy/oven.yaml,line=8"),
        "{}",
        ran.out()
    );
    assert_eq!(told("GITHUB_OUTPUT"), "exit-code=1\n");
    assert!(told("GITHUB_STEP_SUMMARY").contains("dns-policy"));
    // Paths keep their blanks, arguments are words, and neither is ever a command.
    let inputs = [
        ("paths", "clean ones\n\nclean ones/shelf.yaml\n"),
        ("arguments", "--unsafe\n --fail-on warning"),
        ("sarif", "report.sarif"),
    ];
    step(&host, 1, &inputs, &[]).with(0);
    assert_eq!(told("GITHUB_OUTPUT"), "exit-code=0\nsarif=report.sarif\n");
    let sarif: Value = serde_json::from_str(&host.world.read("report.sarif")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let inputs = [("paths", "$(touch gone)\n`touch gone`"), ("arguments", "$(touch gone) * ;touch gone")];
    step(&host, 1, &inputs, &[]).with(2);
    assert!(!host.world.path("gone").exists());
    assert_eq!(told("GITHUB_OUTPUT"), "exit-code=2\n");
    told("GITHUB_STEP_SUMMARY");
    step(&host, 1, &[("summary", "false"), ("arguments", "--exit-zero")], &[]).with(0).prints("::error");
    assert!(!host.world.outside("GITHUB_STEP_SUMMARY").exists() && told("GITHUB_OUTPUT") == "exit-code=0\n");
    // A defect is no finding.
    step(&host, 1, &[], &[super::support::SABOTAGE]).with(70);
    assert_eq!(told("GITHUB_OUTPUT"), "exit-code=70\n");
    assert_eq!(host.world.read("deploy/oven.yaml"), SAFE);
    let outputs: Vec<String> =
        yaml(&read("action.yml"))["outputs"].as_object().expect("outputs").keys().cloned().collect();
    assert_eq!(outputs, ["exit-code", "sarif"]);
}

fn install() {
    let host = Host::bare();
    step(&host, 0, &[], &[]).with(0).prints("is there already");
    assert!(!host.world.outside("GITHUB_PATH").exists());
    // Without one, this very source is built where the next step finds it.
    let tools = host.world.outside("tools");
    fs::create_dir(&tools).expect("a folder");
    host.relink(Path::new("/nowhere"), "meshfix");
    for tool in ["bash", "dirname"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").expect("a path"))
            .map(|folder| folder.join(tool))
            .find(|path| path.is_file());
        std::os::unix::fs::symlink(found.expect("it is there"), tools.join(tool)).expect("a link");
    }
    let path = tools.to_str().expect("UTF-8");
    step(&host, 0, &[], &[("PATH", path)]).with(2).prints("::error title=meshfix::neither meshfix nor cargo");
    host.script("cargo", "#!/bin/sh\necho \"in $PWD: $*\"\n");
    let path = format!("{}:{path}", host.world.outside("programs").display());
    let built = host.world.outside("temporary/meshfix").display().to_string();
    let ran = step(&host, 0, &[], &[("PATH", &path)]).with(0);
    assert_eq!(ran.out(), format!("in {}: install --locked --path . --root {built}\n", env!("CARGO_MANIFEST_DIR")));
    assert_eq!(fs::read_to_string(host.world.outside("GITHUB_PATH")).expect("written"), format!("{built}/bin\n"));
}

fn gitlab() {
    let host = Host::bare();
    host.world.write("deploy/oven.yaml", SAFE);
    host.world.write("base/shelf.yaml", CLEAN);
    let job = &yaml(&text("gitlab/meshfix.gitlab-ci.yml"))["meshfix"];
    let script = job["script"][0].as_str().expect("a script");
    let reports = job["artifacts"]["reports"].as_object().expect("reports");
    for (paths, code, findings) in [(".", 1, true), ("base", 0, false), ("base deploy", 1, true)] {
        host.run_with(("MESHFIX_PATHS", paths), &["sh", "-ec", script]).with(code);
        for (kind, name) in reports {
            let report = host.world.read(name.as_str().expect("a name"));
            assert_eq!(report.contains("dns-policy"), findings, "{kind} of {paths}:\n{report}");
            fs::remove_file(host.world.path(name.as_str().expect("a name"))).expect("removed");
        }
    }
    assert_eq!(job["variables"]["MESHFIX_PATHS"], ".");
    assert_eq!(job["artifacts"]["when"], "always", "a job that found something has failed");
}
