//! What merge patches say, and what the programs make of it.

use libtest_mimic::Trial;
use serde_json::Value;

use super::support::{host_network, in_mesh, kustomize, named, run};
use crate::cli::support::{World, has, left_out};

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn()); 5] = [
        ("custom_resources_are_merged_with_whole_lists", custom_resources),
        ("merges_remove_by_name", merges_remove_by_name),
        ("merges_replace_what_has_one_key", merges_replace),
        ("merges_lose_no_twin", merges_lose_no_twin),
        ("merges_keep_an_order_that_matters", merges_keep_order),
    ];
    named(&cases)
}

fn custom_resources() {
    let rollout = in_mesh("{name: loom, namespace: mill}")
        .replace("apps/v1\nkind: Deployment", "argoproj.io/v1alpha1\nkind: Rollout")
        .replace("name: loom, image", "name: loom, securityContext: {runAsUser: 1337}, image");
    let world = World::with(&[("loom.yaml", &rollout)]);
    let words = ["export", "--as", "strategic-merge", "--unsafe", "--select", "proxy-uid", "."];
    let out = world.run(&words).with(0).out();
    assert!(out.contains("its lists are given whole") && out.contains("image: registry.mill.example/loom:1"), "{out}");
    world.run(&[&words[..], &["-o", "mesh/"]].concat()).with(0);
    assert!(world.read("mesh/patch.sh").contains("Rollout.v1alpha1.argoproj.io loom --namespace mill --type merge "));
}

fn merges_remove_by_name() {
    let deployment = in_mesh("{name: loom}").replace("image: 'registry", "ports: [{containerPort: 15001, name: web}, {containerPort: 9090}], env: [{name: PORT, value: '15001'}], image: 'registry");
    let world = World::with(&[("loom.yaml", &deployment)]);
    let out =
        world.run(&["export", "--as", "strategic-merge", "--unsafe", "--select", "reserved-port", "."]).with(0).out();
    assert!(out.contains("- containerPort: 15001\n          $patch: delete\n"), "{out}");
    assert!(!out.contains("9090") && out.contains("- name: PORT\n          value: \"18001\"\n"), "{out}");
}

/// To the API server a port is known by its number alone, so UDP and TCP of one number are given with their whole list.
fn merges_replace() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: names}\nspec:\n  selector: {app: names}\n  ports:\n    - {name: udp, port: 53, protocol: UDP}\n    - {name: tcp, port: 53, protocol: TCP}\n";
    let world = World::with(&[
        ("names.yaml", service),
        (
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  transforms:\n    - id: tcp\n      message: the port says what it carries\n      target: {kind: Service}\n      patch: [{op: add, path: /spec/ports/1/appProtocol, value: tcp}]\n",
        ),
    ]);
    let out =
        world.run(&["export", "--as", "strategic-merge", "--unsafe", "--select", "tcp", "names.yaml"]).with(0).out();
    let whole = "  ports:\n  - $patch: replace\n  - name: udp\n    port: 53\n    protocol: UDP\n  - name: tcp\n    port: 53\n    protocol: TCP\n    appProtocol: tcp\n";
    assert!(out.contains(whole), "{out}");
    if !has("kubectl") {
        return left_out("what kubectl makes of a merge: it is not there");
    }
    world.write("patch.yaml", &out);
    let words =
        ["patch", "--local", "--type", "strategic", "-f", "names.yaml", "--patch-file", "patch.yaml", "-o", "json"];
    let output = world.clean("kubectl").args(words).output().expect("it runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["spec"]["ports"][0]["appProtocol"], Value::Null);
    assert_eq!(found["spec"]["ports"][1]["appProtocol"], "tcp");
}

/// Whatever is merged into a resource, kustomize drops one of two items that it can't tell apart.
fn merges_lose_no_twin() {
    let ports = "ports: [{containerPort: 80, name: http}, {containerPort: 80, name: web}], image: 'registry";
    let deployment = host_network("Deployment", "{name: loom}").replace("image: 'registry", ports);
    let world = World::with(&[
        ("kustomization.yaml", "resources: [loom.yaml]\ncomponents: [mesh]\n"),
        ("loom.yaml", &deployment),
    ]);
    run(&world, "strategic-merge", &["loom.yaml"]).with(1).says("a merge patch would not give the same result");
    run(&world, "kustomize-patch", &["loom.yaml", "-o", "mesh/"]).with(0);
    let Some(built) = kustomize(&world, ".") else { return };
    assert!(built.contains("name: http\n") && built.contains("name: web\n"), "{built}");
}

fn merges_keep_order() {
    let deployment = in_mesh("{name: loom}").replace(
        "      containers:",
        "      initContainers:\n        - {name: first, image: 'registry.mill.example/first:1'}\n        - {name: second, image: 'registry.mill.example/second:1'}\n        - {name: third, image: 'registry.mill.example/third:1'}\n      containers:",
    );
    let world = World::with(&[
        ("kustomization.yaml", "resources: [loom.yaml]\ncomponents: [mesh]\n"),
        ("loom.yaml", &deployment),
        (
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  transforms:\n    - id: second\n      message: the second one is not new\n      target: {kind: Deployment}\n      patch: [{op: replace, path: /spec/template/spec/initContainers/1/image, value: 'registry.mill.example/second:2'}]\n",
        ),
    ]);
    let words = ["export", "--as", "strategic-merge", "--unsafe", "--select", "second", "loom.yaml", "-o", "mesh/"];
    world.run(&words).with(0);
    let patch = world.read("mesh/deployment-loom.yaml");
    assert!(
        patch.contains("- name: first\n      - name: second\n        image: registry.mill.example/second:2\n"),
        "{patch}"
    );
    assert!(!patch.contains("third"), "{patch}");
    let Some(built) = kustomize(&world, ".") else { return };
    let at = |name: &str| built.find(&format!("name: {name}\n")).expect("it is there");
    assert!(at("first") < at("second") && at("second") < at("third"), "{built}");
}
