//! Argo CD's own plugin server with the shipped `plugin.yaml`, and a client that asks it as Argo CD's repo server does.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Host, Resources, resources, word};
use crate::programs::Running;

/// A plugin server, and a repository.
pub(super) struct Plugin {
    pub(super) host: Host,
    log: PathBuf,
    _server: Running,
}

/// What the server answers.
pub(super) type Answer = Result<Value, String>;

impl Plugin {
    /// A server that has this Helm, kustomize and meshfix, and no other program of this machine but its tools.
    pub(super) fn start(helm: &str) -> Option<Plugin> {
        let host = Host::new(["argocd-cmp-server", "argocd-repo-client", "helm3", "helm4", "kustomize"])?;
        host.relink(&host.world.outside(&format!("programs/{helm}")), "helm");
        let [programs, socket, work, log] = ["programs", "plugins", "work", "log"].map(|name| host.world.outside(name));
        [&socket, &work].iter().for_each(|folder| fs::create_dir(folder).expect("a folder"));
        let environment = [
            ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display())),
            ("HOME", host.home().display().to_string()),
            ("TMPDIR", work.display().to_string()),
            ("ARGOCD_PLUGINSOCKFILEPATH", socket.display().to_string()),
            ("ARGOCD_CMP_WORKDIR", work.display().to_string()),
        ];
        let mut arguments = vec!["-i".to_owned()];
        arguments.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        let server = programs.join("argocd-cmp-server").display().to_string();
        arguments.extend([server, "--config-dir-path".to_owned(), word("argocd")]);
        let server = Running::start("env".as_ref(), &arguments, &log).expect("it starts");
        let plugin = Plugin { host, log, _server: server };
        let start = Instant::now();
        while !plugin.socket().exists() {
            let is_late = start.elapsed() > Duration::from_secs(60);
            assert!(!is_late, "the server does not listen: {}", plugin.logged());
            thread::sleep(Duration::from_millis(20));
        }
        Some(plugin)
    }

    /// Without a version in `plugin.yaml` the socket has the plugin's name.
    fn socket(&self) -> PathBuf {
        self.host.world.outside("plugins/meshfix.sock")
    }

    pub(super) fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks about the application in this folder of the repository.
    pub(super) fn ask(&self, call: &str, folder: &str, environment: &[(&str, &str)]) -> Answer {
        self.ask_within("60s", call, folder, environment)
    }

    pub(super) fn ask_within(&self, timeout: &str, call: &str, folder: &str, environment: &[(&str, &str)]) -> Answer {
        let world = &self.host.world;
        let [root, socket, application] =
            [world.path("repository"), self.socket(), world.path("repository").join(folder)]
                .map(|path| path.display().to_string());
        let words = ["argocd-repo-client", "--timeout", timeout, "--root", &root, &socket, call, &application];
        let mut pairs = vec![
            "ARGOCD_APP_NAME=north".to_owned(),
            "ARGOCD_APP_NAMESPACE=shop".to_owned(),
            format!("ARGOCD_APP_SOURCE_PATH={folder}"),
            "KUBE_VERSION=1.33.2".to_owned(),
            "KUBE_API_VERSIONS=v1,apps/v1,apps/v1/Deployment,example.com/v1/Tool".to_owned(),
        ];
        pairs.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        let words: Vec<&str> = words.into_iter().chain(pairs.iter().map(String::as_str)).collect();
        let ran = self.host.run(&words);
        let answer: Value = serde_json::from_slice(&ran.bytes).expect("JSON");
        match ran.code {
            Some(0) => Ok(answer),
            _ => Err(answer["error"].as_str().expect("an error").to_owned()),
        }
    }

    /// The manifests of an application with these parameters.
    pub(super) fn generate(&self, folder: &str, parameters: &Value) -> Result<Vec<Value>, String> {
        let answer = self.ask("GenerateManifest", folder, &[("ARGOCD_APP_PARAMETERS", &parameters.to_string())])?;
        Ok(manifests(&answer))
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.host.world.write(format!("repository/{name}"), text);
    }

    pub(super) fn copy(&self, from: &str, to: &str) {
        self.host.copy(from, &format!("repository/{to}"));
    }
}

fn manifests(answer: &Value) -> Vec<Value> {
    let texts = answer["manifests"].as_array().into_iter().flatten();
    texts.map(|text| serde_json::from_str(text.as_str().expect("a text")).expect("JSON")).collect()
}

/// How often each resource is there.
pub(super) fn names(manifests: &[Value]) -> Resources {
    resources(&manifests.iter().map(|manifest| format!("---\n{manifest}\n")).collect::<String>())
}
