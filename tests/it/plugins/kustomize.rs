//! `kustomize build` and `kubectl kustomize` with meshfix as a program, a container and a legacy plugin.

use std::fs;

use libtest_mimic::Trial;

use super::support::{Host, SABOTAGE, nothing_is_deleted, resources, text, trial, word};
use crate::cli::support::Ran;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("kustomize::every_way_does_the_same", every_way),
        trial("kustomize::missing_flags_are_seen_by_what_the_readme_advises", missing_flags),
        trial("kustomize::an_empty_kustomization_stays_empty", empty),
        trial("kustomize::a_broken_file_is_an_error_without_an_answer", broken),
        trial("kustomize::findings_name_the_files_that_kustomize_knows", origins),
        trial("kustomize::new_resources_come_last_and_names_stay", new_resources),
        trial("kustomize::a_validator_can_be_no_function", validator),
    ]
}

/// A way to run meshfix: the command, and the shipped overlay.
struct Way {
    command: &'static [&'static str],
    overlay: &'static str,
}

const WAYS: [Way; 5] = [
    Way { command: &["kustomize", "build", "--enable-alpha-plugins", "--enable-exec"], overlay: "exec" },
    Way { command: &["kustomize", "build", "--enable-alpha-plugins"], overlay: "container" },
    Way { command: &["kubectl", "kustomize", "--enable-alpha-plugins"], overlay: "container" },
    Way { command: &["kustomize", "build", "--enable-alpha-plugins"], overlay: "legacy" },
    Way { command: &["kubectl", "kustomize", "--enable-alpha-plugins"], overlay: "legacy" },
];

/// A container engine as far as kustomize uses one: no folder of the caller, no environment but what it is given, no
/// arguments for the function. Any other call is refused.
const ENGINE: &str = r#"#!/bin/sh
expected='run --rm -i -a STDIN -a STDOUT -a STDERR --network none --user nobody --security-opt=no-new-privileges -e LOG_TO_STDERR=true -e STRUCTURED_RESULTS=true meshfix:0.1.0'
[ "$*" = "$expected" ] || { echo "docker: unknown call: $*" >&2; exit 125; }
function=$(command -v meshfix)
cd / && exec env -i ${MESHFIX_TEST_SABOTAGE:+MESHFIX_TEST_SABOTAGE=1} LOG_TO_STDERR=true STRUCTURED_RESULTS=true "$function"
"#;

/// kustomize, kubectl, an engine, and the legacy plugin where kustomize looks for it.
pub(super) fn host() -> Option<Host> {
    let host = Host::new(["kustomize", "kubectl"])?;
    host.script("docker", ENGINE);
    let plugin = host.world.outside("plugins/meshfix.dev/v1alpha1/meshfix");
    fs::create_dir_all(&plugin).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshfix"), plugin.join("MeshFix")).expect("a link");
    Some(host)
}

/// A variable of a run's environment.
pub(super) type Environment = Option<(&'static str, &'static str)>;

/// Builds a folder, with the legacy plugin at hand.
pub(super) fn build(host: &Host, command: &[&str], folder: &str, environment: Environment) -> Ran {
    let plugins = host.world.outside("plugins");
    let mut command = host.command(&[command, &[folder]].concat());
    command.env("KUSTOMIZE_PLUGIN_HOME", plugins).envs(environment);
    crate::cli::support::finish(&mut command, b"")
}

/// What the overlays are without meshfix.
const PLAIN: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: north-orders
spec:
  ports:
  - name: http
    port: 80
    targetPort: http
  selector:
    tier: orders
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: north-orders
spec:
  selector:
    matchLabels:
      tier: orders
  template:
    metadata:
      labels:
        tier: orders
    spec:
      containers:
      - image: orders:1.4
        name: orders
        ports:
        - containerPort: 8080
          name: http
      dnsPolicy: Default
";

/// With the safe fixes.
fn labelled() -> String {
    let labels = "        app: north-orders\n        tier: orders\n        version: v1\n";
    PLAIN.replacen("        tier: orders\n", labels, 1)
}

/// With all fixes.
fn fixed() -> String {
    labelled().replace("dnsPolicy: Default", "dnsPolicy: ClusterFirst")
}

/// Success, findings left, failure on request, a defect, a mistake in the configuration, and no rule at all.
fn every_way() {
    let Some(host) = host() else { return };
    host.copy("kustomize", "k");
    let left = "dns-policy";
    let cases: [(&str, Environment, Result<String, &str>, &str); 9] = [
        ("{unsafe: true}", None, Ok(fixed()), "3 findings fixed"),
        ("{}", None, Ok(labelled()), left),
        ("{mode: check}", None, Ok(PLAIN.to_owned()), left),
        ("{select: [none]}", None, Ok(PLAIN.to_owned()), ""),
        ("{failOn: error}", None, Err("exit status 1"), left),
        ("{unsafe: true, failOn: error}", None, Ok(fixed()), ""),
        ("{mode: check, failOn: error}", None, Err("exit status 1"), left),
        ("{}", Some(SABOTAGE), Err("exit status 70"), "this is a defect of meshfix"),
        ("{unsave: true}", None, Err("exit status 2"), "there is no key `unsave` in `spec`; did you mean `unsafe`?"),
    ];
    for Way { command, overlay } in WAYS {
        let name = format!("k/{overlay}/mesh-ready.yaml");
        let ran = build(&host, command, &word(&format!("kustomize/{overlay}")), None).with(0);
        assert_eq!(ran.out(), fixed(), "{command:?} {overlay}: as shipped");
        for (spec, environment, expected, says) in &cases {
            let transformer = text(&format!("kustomize/{overlay}/mesh-ready.yaml"));
            let transformer = transformer.replace("spec:\n  unsafe: true\n", &format!("spec: {spec}\n"));
            assert!(transformer.contains(spec), "{overlay}");
            host.world.write(&name, transformer);
            let ran = build(&host, command, &format!("k/{overlay}"), *environment);
            match expected {
                Ok(expected) => {
                    let ran = ran.with(0);
                    assert_eq!(&ran.out(), expected, "{command:?} {overlay} {spec}");
                    // kustomize keeps what a legacy plugin says to itself when all went well.
                    let _ = if overlay == "legacy" { ran } else { ran.says(says) };
                }
                Err(status) => {
                    let ran = ran.with(1).says(status).says(says);
                    assert!(ran.bytes.is_empty(), "{command:?} {overlay} {spec}: {}", ran.out());
                }
            }
        }
    }
}

/// The traps that the README tells: without both flags nothing runs, and one of them is not missed by kustomize.
fn missing_flags() {
    let Some(host) = host() else { return };
    let exec = word("kustomize/exec");
    for command in [&["kustomize", "build", &exec][..], &["kustomize", "build", "--enable-exec", &exec]] {
        let ran = host.run(command).with(1).says("external plugins disabled");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    let advice = "meshfix --check /tmp/built.yaml";
    assert!(text("kustomize/README.md").contains(advice), "the README advises `{advice}`");
    // One overlay with unsafe fixes only, one with safe ones only.
    host.copy("kustomize", "k");
    host.world
        .write("k/base/orders.yaml", text("kustomize/base/orders.yaml").replace("dnsPolicy: Default", "hostname: a"));
    for folder in [exec.as_str(), "k/exec"] {
        for (command, is_run) in [
            ("kustomize build --enable-alpha-plugins --enable-exec", true),
            ("kustomize build --enable-alpha-plugins", false),
            ("kubectl kustomize --enable-alpha-plugins", false),
        ] {
            host.shell(&format!("{command} '{folder}' >built.yaml")).with(0);
            assert_eq!(host.world.read("built.yaml").contains("version: v1"), is_run, "{command}");
            host.shell(&advice.replace("/tmp/", "")).with(i32::from(!is_run));
        }
    }
}

fn empty() {
    let Some(host) = host() else { return };
    for Way { command, overlay } in WAYS {
        let folder = format!("empty-{overlay}");
        host.world.write(format!("{folder}/kustomization.yaml"), "transformers: [mesh-ready.yaml]\n");
        host.world.write(format!("{folder}/mesh-ready.yaml"), text(&format!("kustomize/{overlay}/mesh-ready.yaml")));
        let ran = build(&host, command, &folder, None);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
        // A bare stream that is empty could be one that was lost; an empty list is a list.
        let _ = if overlay == "legacy" { ran.with(1).says("standard input is empty") } else { ran.with(0) };
    }
}

fn broken() {
    let Some(host) = host() else { return };
    host.copy("kustomize", "k");
    host.world.write("k/base/orders.yaml", text("kustomize/base/orders.yaml") + "---\nkind: Pod\nspec: [\n");
    for Way { command, overlay } in WAYS {
        build(&host, command, &format!("k/{overlay}"), None).with(1).says("orders.yaml").nothing();
    }
}

fn origins() {
    let Some(host) = host() else { return };
    for Way { command, overlay } in WAYS {
        let folder = format!("k/{overlay}");
        if !host.world.path("k").exists() {
            host.copy("kustomize", "k");
        }
        let kustomization = text(&format!("kustomize/{overlay}/kustomization.yaml"));
        host.world
            .write(format!("{folder}/kustomization.yaml"), kustomization + "buildMetadata: [originAnnotations]\n");
        let transformer = text(&format!("kustomize/{overlay}/mesh-ready.yaml"));
        host.world.write(format!("{folder}/mesh-ready.yaml"), transformer.replace("unsafe: true", "failOn: error"));
        let ran = build(&host, command, &folder, None).with(1);
        ran.says("../base/orders.yaml").says("dns-policy");
    }
}

/// A Service that nodes exposed, behind a Gateway that the configuration describes.
const EXPOSED: &str = r#"
spec:
  unsafe: true
  rules:
    exposed-service:
      hostTemplate: "{service}.example.com"
      gatewaySelector: {istio: ingress}
"#;

fn new_resources() {
    let Some(host) = host() else { return };
    host.copy("kustomize", "k");
    let orders = text("kustomize/base/orders.yaml")
        .replace("  selector:\n    tier: orders\n  ports", "  type: NodePort\n  selector:\n    tier: orders\n  ports");
    assert!(orders.contains("NodePort"));
    host.world.write("k/base/orders.yaml", orders);
    for Way { command, overlay } in WAYS {
        let folder = format!("k/{overlay}");
        let kustomization = text(&format!("kustomize/{overlay}/kustomization.yaml"));
        let kustomization = kustomization + "nameSuffix: -blue\nsortOptions: {order: fifo}\n";
        let (resources_only, _) = kustomization.split_once("transformers:").expect("transformers");
        host.world.write(
            "k/plain/kustomization.yaml",
            format!("{resources_only}nameSuffix: -blue\nsortOptions: {{order: fifo}}\n"),
        );
        host.world.write(format!("{folder}/kustomization.yaml"), &kustomization);
        let transformer = text(&format!("kustomize/{overlay}/mesh-ready.yaml"));
        host.world.write(format!("{folder}/mesh-ready.yaml"), transformer.replace("spec:\n  unsafe: true\n", EXPOSED));
        let plain = build(&host, &["kustomize", "build"], "k/plain", None).with(0).out();
        let out = build(&host, command, &folder, None).with(0).out();
        nothing_is_deleted(&resources(&plain), &resources(&out));
        let kinds: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
        assert_eq!(kinds, ["Deployment", "Service", "Gateway", "VirtualService"], "{command:?} {overlay}:\n{out}");
        for part in [
            "host: north-orders-blue\n",
            "type: ClusterIP\n",
            "- north-orders-blue.example.com\n",
            "app: north-orders-blue\n",
        ] {
            assert!(out.contains(part), "{part:?}\n{out}");
        }
        assert!(!out.contains("config.kubernetes.io") && !out.contains("config.k8s.io"), "{out}");
    }
}

/// The README says why: kustomize itself changes an annotation on the way.
fn validator() {
    let Some(host) = host() else { return };
    host.copy("kustomize", "k");
    let kustomization = text("kustomize/exec/kustomization.yaml").replace("transformers:", "validators:");
    host.world.write("k/exec/kustomization.yaml", kustomization);
    let transformer = text("kustomize/exec/mesh-ready.yaml").replace("unsafe: true", "select: [none]");
    host.world.write("k/exec/mesh-ready.yaml", transformer);
    let ran = build(&host, WAYS[0].command, "k/exec", None).with(1);
    assert!(ran.bytes.is_empty(), "{}", ran.out());
    ran.says("validator shouldn't modify the resource map");
}
