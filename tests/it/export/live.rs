//! A real cluster takes the scripts of `examples/shop`, and is then as if the result of `--write` had been applied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::cli::support::World;
use crate::judge::{Parts, Server};
use crate::{programs, shared};

pub(crate) fn trials() -> Vec<Trial> {
    let (Some(shared), Some(programs)) =
        (shared::folder(), programs::find("exports in a cluster", ["etcd", "kube-apiserver", "kubectl"]))
    else {
        return Vec::new();
    };
    let parts = Parts { programs, shared };
    vec![Trial::test("export::a_cluster_takes_the_patches", move || check(&parts))]
}

/// A cluster and the files of the example.
struct Cluster<'a> {
    kubectl: PathBuf,
    server: &'a Server,
    world: World,
}

fn check(parts: &Parts) -> Result<(), Failed> {
    let server = Server::start(parts)?;
    let cluster = Cluster { kubectl: parts.programs[2].clone(), server: &server, world: World::new() };
    let fixed = cluster.shop("fixed");
    cluster.world.run(&["--unsafe", "--write", &fixed]);
    cluster.apply("fixed");
    let expected = cluster.specs("fixed");
    assert!(expected.len() >= 13, "the shop is there: {:?}", expected.keys());
    for form in ["json-patch", "strategic-merge"] {
        let namespace = form.split('-').next().unwrap_or_default();
        let shop = cluster.shop(namespace);
        cluster.apply(namespace);
        let before = cluster.specs(namespace);
        // An object that drifted is refused, and then nothing is changed.
        let folder = format!("{namespace}-patches/");
        cluster.world.run(&["export", "--as", form, "--unsafe", &shop, "-o", &folder]).with(0);
        if form == "json-patch" {
            let drift = r#"[{"op":"replace","path":"/spec/template/spec/containers/0/name","value":"other"}]"#;
            cluster.kubectl(&["patch", "deployment", "stock", "-n", namespace, "--type", "json", "-p", drift]);
            let drifted = cluster.specs(namespace);
            let refused = cluster.script(&folder);
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success() && said.contains("json/Deployment/stock can't be patched"), "{said}");
            assert_eq!(cluster.specs(namespace), drifted, "nothing is changed by a script that is refused");
            cluster.kubectl(&[
                "patch",
                "deployment",
                "stock",
                "-n",
                namespace,
                "--type",
                "json",
                "-p",
                &drift.replace("other", "stock"),
            ]);
            assert_eq!(cluster.specs(namespace), before, "the drift is gone");
        }
        let done = cluster.script(&folder);
        assert!(done.status.success(), "{form}: {}", String::from_utf8_lossy(&done.stderr));
        let found = cluster.specs(namespace);
        for (name, spec) in &expected {
            // The gateway has the namespace's name.
            let own = |text: String| text.replace("fixed-gateway", &format!("{namespace}-gateway"));
            let spec: Value = serde_json::from_str(&own(spec.to_string()))?;
            assert_eq!(found.get(&own(name.clone())), Some(&spec), "{form}: {name}");
        }
        assert_eq!(found.len(), expected.len(), "{form}");
    }
    cluster.lives();
    Ok(())
}

impl Cluster<'_> {
    /// The example with a namespace of its own; its folder.
    fn shop(&self, namespace: &str) -> String {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
        for entry in std::fs::read_dir(example).expect("the example").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("readable");
            let text = text.replace("namespace: shop\n", &format!("namespace: {namespace}\n"));
            self.world.write(Path::new(namespace).join("shop").join(entry.file_name()), text);
        }
        format!("{namespace}/shop")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = self.world.clean(&program.display().to_string());
        command.env("KUBECONFIG", &self.server.kubeconfig);
        command
    }

    #[track_caller]
    fn kubectl(&self, arguments: &[&str]) -> Output {
        let output = self.command(&self.kubectl).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs the script of an export.
    fn script(&self, folder: &str) -> Output {
        let bin = self.kubectl.parent().unwrap_or(Path::new("/")).display().to_string();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
        let mut command = self.command(Path::new("sh"));
        command.env("PATH", path).arg(format!("{folder}patch.sh")).output().expect("it runs")
    }

    /// Applies the example of this namespace.
    fn apply(&self, namespace: &str) {
        self.kubectl(&["create", "namespace", namespace]);
        self.kubectl(&["apply", "-k", &format!("{namespace}/shop")]);
    }

    /// The specs of what is in a namespace, without what the cluster gives each of them.
    fn specs(&self, namespace: &str) -> BTreeMap<String, Value> {
        let kinds = "deployments,daemonsets,cronjobs,services,configmaps,gateways.networking.istio.io,virtualservices";
        let output = self.kubectl(&["get", kinds, "-n", namespace, "-o", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mut specs = BTreeMap::new();
        for mut item in list["items"].as_array().cloned().unwrap_or_default() {
            let is_service = item["kind"] == "Service";
            if let Some(spec) = item["spec"].as_object_mut() {
                ["clusterIP", "clusterIPs"].iter().for_each(|key| drop(spec.remove(*key)));
                for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                    // The cluster chose it.
                    if is_service && port["nodePort"] != 30080 {
                        port.as_object_mut().map(|port| port.remove("nodePort"));
                    }
                }
            }
            let value = if item["spec"].is_null() { item["data"].clone() } else { item["spec"].clone() };
            specs.insert(format!("{}/{}", item["kind"], item["metadata"]["name"]), value);
        }
        specs
    }

    /// What a cluster has goes through an export, and each patch of it is taken; then nothing is left to patch.
    fn lives(&self) {
        self.shop("live");
        self.apply("live");
        let get = ["get", "deployments,cronjobs,services", "-n", "live", "-o", "yaml"];
        let stream = self.kubectl(&get).stdout;
        let export = ["export", "--as", "json-patch", "--unsafe", "--exit-zero", "-"];
        let exported = self.world.stream(&export, stream).with(0);
        let lines = exported.out();
        assert!(lines.lines().count() >= 7, "{lines}\n{}", exported.err);
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let words = line["kubectl"].as_array().cloned().unwrap_or_default();
            let mut words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            let patch = line["patch"].to_string();
            words.extend(["--patch", &patch]);
            self.kubectl(&words);
        }
        let again = self.world.stream(&export, self.kubectl(&get).stdout).with(0);
        assert_eq!(again.out(), "", "nothing is left to patch");
    }
}
