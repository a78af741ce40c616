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
    let before = manifests(&world.root)?;
    let ran = world.run(&["--write", "--unsafe", "--format", "json", "--config", "../meshfix.yaml", "."]);
    if !matches!(ran.code, Some(0 | 1)) {
        return Err(format!("{}: {:?} {}", folder.display(), ran.code, ran.err).into());
    }
    let report = serde_json::from_slice(&ran.bytes)?;
    Ok(Fixed { before, after: manifests(&world.root)?, report })
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

/// The manifests of a folder, by their names in it.
pub(crate) fn manifests(folder: &Path) -> Result<Files, Failed> {
    let mut files = Files::new();
    collect(folder, "", &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else if [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
            && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
        {
            files.push((name, text));
        }
    }
    Ok(())
}
