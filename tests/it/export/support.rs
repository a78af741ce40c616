//! What the trials of exports share: manifests that have something to export, and the programs that are run on them.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::cli::support::{World, has, left_out};

/// Trials that fail by panicking.
pub(super) fn named(cases: &[(&'static str, fn())]) -> Vec<Trial> {
    let trial = |(name, run): &(&'static str, fn())| {
        let run = *run;
        Trial::test(format!("export::{name}"), move || {
            run();
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}

/// A workload in the node's network, as one document.
pub(super) fn host_network(kind: &str, metadata: &str) -> String {
    let api = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\nspec:\n  selector: {{matchLabels: {{app: loom}}}}\n  \
         template:\n    metadata: {{labels: {{app: loom}}}}\n    spec:\n      hostNetwork: true\n      \
         containers: [{{name: loom, image: 'registry.mill.example/loom:1'}}]\n"
    )
}

/// The same in the network of the mesh.
pub(super) fn in_mesh(metadata: &str) -> String {
    host_network("Deployment", metadata).replace("      hostNetwork: true\n", "")
}

/// `export` in a form, of one rule.
pub(super) fn export(form: &str, more: &[&str]) -> Vec<String> {
    let words = ["export", "--as", form].into_iter().chain(SELECT).chain(more.iter().copied());
    words.map(str::to_owned).collect()
}

#[track_caller]
pub(super) fn run(world: &World, form: &str, more: &[&str]) -> crate::cli::support::Ran {
    let words = export(form, more);
    world.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

pub(super) fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let first = format!("- {}\n", lines.next().unwrap_or_default());
    first + &lines.map(|line| format!("  {line}\n")).collect::<String>()
}

/// What kustomize says of a folder, as values by what it makes; nothing where it is not there.
pub(super) fn kustomize(world: &World, folder: &str) -> Option<String> {
    if !has("kubectl") {
        left_out("what kustomize makes of exports: kubectl is not there");
        return None;
    }
    let output = world.clean("kubectl").args(["kustomize", folder]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(super) const SELECT: [&str; 3] = ["--unsafe", "--select", "host-network"];

/// A Service that nodes expose, with all that a gateway needs to know.
pub(super) const EXPOSED: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: loom, namespace: mill}\nspec:\n  type: NodePort\n  selector: {app: loom}\n  ports: [{name: http, appProtocol: http, port: 80, nodePort: 30080}]\n";

pub(super) const GATEWAYS: &str = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  rules:\n    exposed-service:\n      hostTemplate: \"{service}.mill.example\"\n      gatewaySelector: {istio: ingress}\n";
