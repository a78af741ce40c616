//! A real API server with Istio's and the Gateway API's kinds, in a folder of its own, gone when it is dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tempfile::TempDir;

use super::client::{Client, text};
use super::resources;
use crate::programs::Running;
use crate::shared;

/// How long the server may take to start: a loaded machine is slow, but not that slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is needed to start a server.
#[derive(Clone)]
pub(crate) struct Parts {
    /// `etcd`, `kube-apiserver` and `kubectl`.
    pub(crate) programs: [PathBuf; 3],
    /// The folder of public data.
    pub(crate) shared: PathBuf,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    // Dropped in this order: nothing may write into the folder when it goes.
    _programs: [Running; 3],
    _folder: TempDir,
}

impl Server {
    /// Starts a server and waits until it serves all kinds.
    pub(crate) fn start(parts: &Parts) -> Result<Server, Failed> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let [etcd, api, kubectl] = &parts.programs;
        let [store, peers, port] = free_ports()?;
        let kubeconfig = at("kubeconfig");
        fs::write(at("tokens.csv"), "token,admin,1,\"system:masters\"\n")?;
        fs::write(&kubeconfig, kubeconfig_text(port))?;
        let etcd = Running::start(etcd, &etcd_arguments(store, peers, &at("etcd")), &at("etcd.log"))?;
        let api = Running::start(api, &api_arguments(store, port, folder.path()), &at("api.log"))?;
        let proxy = ["proxy".to_owned(), "--port=0".to_owned(), format!("--kubeconfig={}", kubeconfig.display())];
        let proxy = Running::start(kubectl, &proxy, &at("proxy.log"))?;
        let programs = [proxy, api, etcd];

        let address = wait("kubectl proxy", &at("proxy.log"), || {
            let log = fs::read_to_string(at("proxy.log")).unwrap_or_default();
            Some(log.split_once("serve on ")?.1.lines().next()?.trim().to_owned())
        })?;
        let mut client = Client::new(address);
        wait("kube-apiserver", &at("api.log"), || client.request("GET", "/readyz", None).ok())?;
        client.discover()?;
        let mut expected = Vec::new();
        for file in shared::CRDS {
            let crds = resources::read(&[(file.to_owned(), fs::read_to_string(parts.shared.join(file))?)]).resources;
            for crd in crds {
                client.apply(&crd.value)?;
                expected.push(text(&crd.value, "/spec/names/kind").to_owned());
            }
        }
        wait("the CRDs", &at("api.log"), || {
            client.discover().ok()?;
            expected.iter().all(|kind| client.serves(kind)).then_some(())
        })?;
        Ok(Server { client, kubeconfig, _programs: programs, _folder: folder })
    }
}

fn etcd_arguments(client: u16, peers: u16, data: &Path) -> Vec<String> {
    vec![
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls=http://127.0.0.1:{client}"),
        format!("--advertise-client-urls=http://127.0.0.1:{client}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peers}"),
        "--unsafe-no-fsync=true".to_owned(),
    ]
}

fn api_arguments(etcd: u16, port: u16, folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={folder}"),
        format!("--token-auth-file={folder}/tokens.csv"),
        "--authorization-mode=RBAC".to_owned(),
        // Pods need no ServiceAccount that a controller would have to make.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--service-account-issuer=https://localhost/".to_owned(),
        // The pair that the server makes for itself in the folder, before it reads these.
        format!("--service-account-key-file={folder}/apiserver.crt"),
        format!("--service-account-signing-key-file={folder}/apiserver.key"),
        "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ]
}

fn kubeconfig_text(port: u16) -> String {
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "judge",
        "contexts": [{"name": "judge", "context": {"cluster": "judge", "user": "admin"}}],
        "clusters": [{"name": "judge", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "insecure-skip-tls-verify": true,
        }}],
        "users": [{"name": "admin", "user": {"token": "token"}}],
    });
    config.to_string()
}

/// Three ports that nobody listens on.
fn free_ports() -> std::io::Result<[u16; 3]> {
    let listen = || TcpListener::bind(("127.0.0.1", 0));
    // All are open at once, so that they differ.
    let listeners = [listen()?, listen()?, listen()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Asks until there is an answer; without one the log says why.
fn wait<T>(what: &str, log: &Path, mut ask: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if started.elapsed() > PATIENCE {
            let log = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            return Err(format!("{what} does not answer within {} s\n{last}", PATIENCE.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
