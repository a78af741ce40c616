//! Real repositories, and ours in `examples`, before and after a run of the program with its unsafe fixes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::cli::support::World;

type Files = Vec<(String, String)>;

/// Which kinds an exposed Service gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Gateways and VirtualServices.
    Istio,
    /// Gateways and routes of the Gateway API.
    GatewayApi,
}

/// A repository before and after a run.
pub(crate) struct Fixed {
    pub(crate) before: Files,
    pub(crate) after: Files,
    /// What the run said, as `--format json` prints it.
    pub(crate) report: Value,
}

/// The repositories of the corpus, with their names.
pub(crate) fn all(shared: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(shared.join("corpus/dev")).into_iter().flatten().flatten();
    let folders = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let mut folders: Vec<_> = folders.filter(|(_, path)| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() > 50, "the corpus is there");
    folders
}

/// Runs `meshfix --write --unsafe` on a copy of a folder, with a configuration that lets each Service be exposed.
pub(crate) fn fix(folder: &Path, api: Api) -> Result<Fixed, Failed> {
    let world = World::new();
    let from = folder.join(".");
    let done = Command::new("cp").args(["-r", "--no-preserve=mode"]).args([&from, &world.root]).status()?;
    if !done.success() {
        return Err(format!("{} can't be copied", folder.display()).into());
    }
    fs::write(world.outside("meshfix.yaml"), configuration(api))?;
    let before = manifests(&world);
    let ran = world.run(&["--write", "--unsafe", "--format", "json", "--config", "../meshfix.yaml", "."]);
    if !matches!(ran.code, Some(0 | 1)) {
        return Err(format!("{}: {:?} {}", folder.display(), ran.code, ran.err).into());
    }
    let report = serde_json::from_slice(&ran.bytes)?;
    Ok(Fixed { before, after: manifests(&world), report })
}

fn configuration(api: Api) -> String {
    let api = match api {
        Api::Istio => "istio",
        Api::GatewayApi => "gateway-api",
    };
    format!(
        r#"apiVersion: meshfix.dev/v1alpha1
kind: MeshFix
spec:
  rules:
    exposed-service:
      api: {api}
      hostTemplate: "{{service}}.{{namespace}}.example.com"
      gatewaySelector: {{istio: ingress}}
"#
    )
}

fn manifests(world: &World) -> Files {
    let is_manifest =
        |name: &Path| name.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|e| end == *e));
    let files = world.files().into_iter().filter(|(name, _)| is_manifest(name));
    files.filter_map(|(name, bytes)| Some((name.to_str()?.to_owned(), String::from_utf8(bytes).ok()?))).collect()
}
