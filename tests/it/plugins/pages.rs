//! The commands that README.md and the pages of `plugins/` show, run as they stand from the root of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use super::support::Host;
use crate::programs;

/// A block of commands, and the Helm that its section is about.
struct Block {
    helm: &'static str,
    commands: String,
}

/// A trial for each page that shows commands.
pub(super) fn trials() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(root.join("plugins")).into_iter().flatten().flatten();
    let mut pages: Vec<PathBuf> = folders.map(|entry| entry.path().join("README.md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    let trials = pages.into_iter().filter_map(|page| {
        let name = page.strip_prefix(root).expect("below").display().to_string();
        let blocks = blocks(&fs::read_to_string(&page).ok()?);
        let run = move || {
            run(&blocks);
            Ok(())
        };
        Some(Trial::test(format!("plugins::pages::{name}"), run))
    });
    trials.collect()
}

/// The blocks of commands that need nothing which a test has not. Those of cargo are run by `.ci/run`.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut helm, mut inside) = (Vec::new(), "helm4", None);
    for line in page.lines() {
        match (line, &mut inside) {
            ("```sh", _) => inside = Some(String::new()),
            ("```", Some(commands)) => {
                blocks.push(Block { helm, commands: std::mem::take(commands) });
                inside = None;
            }
            (_, Some(commands)) => *commands += &format!("{line}\n"),
            (heading, None) if heading.starts_with("## ") => {
                helm = if heading.contains("Helm 3") { "helm3" } else { "helm4" };
            }
            _ => {}
        }
    }
    blocks.retain(|block| !block.commands.starts_with("cargo "));
    blocks
}

fn run(blocks: &[Block]) {
    let Some(host) = Host::new(["kustomize", "kubectl", "helm3", "helm4", "krew", "pre-commit"]) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let parts = ["plugins", "examples", "LICENSE"].map(|name| root.join(name));
    let done = Command::new("cp").arg("-r").args(&parts).arg(&host.world.root).status().expect("cp runs");
    assert!(done.success(), "copied");
    // A page may pack the program; the real one is large in a debug build.
    host.script("meshfix", &format!("#!/bin/bash\nexec -a \"$0\" '{}' \"$@\"\n", env!("CARGO_BIN_EXE_meshfix")));
    let temporary = host.world.outside("temporary");
    fs::create_dir(&temporary).expect("a folder");
    for Block { helm, commands } in blocks {
        if commands.contains("kpt ") {
            let Some(kpt) = programs::find_where_there("plugins::pages", "kpt") else { continue };
            host.relink(&kpt, "kpt");
        }
        host.relink(&host.world.outside(&format!("programs/{helm}")), "helm");
        let commands = commands.replace("/tmp/", &format!("{}/", temporary.display()));
        let script = format!("export PATH=\"$HOME/.local/bin:$PATH\"\n{commands}");
        let ran = host.run(&["bash", "-euo", "pipefail", "-c", &script]);
        assert_eq!(ran.code, Some(0), "{commands}\nsays\n{}\n{}", ran.out(), ran.err);
        let written = written(&commands, &host.home());
        for name in &written {
            let size = fs::metadata(name).map_or(0, |file| file.len());
            assert!(size > 0, "{} is empty or not there after\n{commands}", name.display());
        }
        let is_silent = ran.bytes.is_empty() && ran.err.is_empty() && written.is_empty();
        assert!(!is_silent, "nothing came of\n{commands}");
    }
}

/// The files that commands write to, by `>`, `> ` or `-o `.
fn written(commands: &str, home: &Path) -> Vec<PathBuf> {
    let mut words = commands.split_whitespace();
    let mut files = Vec::new();
    while let Some(word) = words.next() {
        let name = match word {
            ">" | "-o" => words.next().unwrap_or_default(),
            word => word.strip_prefix('>').unwrap_or_default(),
        };
        if let Some(name) = name.strip_prefix("~/") {
            files.push(home.join(name));
        } else if name.starts_with('/') {
            files.push(name.into());
        }
    }
    files
}
