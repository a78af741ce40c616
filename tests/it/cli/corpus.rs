//! Real manifests: the law, an empty second run, and bytes and times of files without a fix.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use libtest_mimic::Trial;
use serde_json::Value;

use super::json::report;
use super::support::{World, finish, trial};
use crate::shared;

pub(crate) fn trials() -> Vec<Trial> {
    let corpus = || match shared::folder().map(|folder| folder.join("corpus/dev")).filter(|folder| folder.is_dir()) {
        Some(folder) => real_manifests(&folder),
        None => shared::skip("cli::corpus"),
    };
    vec![trial("law_over_the_corpus", corpus)]
}

/// A gateway and public names for all exposed Services, so that new resources are made.
const EXPOSED: &str = r#"apiVersion: meshfix.dev/v1alpha1
kind: MeshFix
spec:
  rules:
    exposed-service: {hostTemplate: "{service}.{namespace}.example.com", gatewaySelector: {istio: ingress}}
"#;

fn real_manifests(corpus: &Path) {
    for flags in [&[][..], &["--unsafe"], &["--unsafe", "--config", "../exposed.yaml"]] {
        let (applied, written) = (copy(corpus), copy(corpus));
        for world in [&applied, &written] {
            fs::write(world.outside("exposed.yaml"), EXPOSED).expect("written");
        }
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let before = states(&written, Some(old));
        let ran = applied.run(&[flags, &["."]].concat()).with(1);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("defect of meshfix"), "{}", ran.err);
        let all = report(&applied.run(&[flags, &["--format", "json", "."]].concat()).with(1).out());
        print_counts(flags, &all);
        fs::write(applied.outside("change.diff"), &ran.bytes).expect("written");
        let git = finish(applied.clean("git").args(["apply", "--whitespace=nowarn", "../change.diff"]), b"");
        assert_eq!(git.code, Some(0), "git says {}", git.err);
        let wrote = written.run(&[flags, &["--write", "."]].concat());
        assert!(matches!(wrote.code, Some(0 | 1)), "{}", wrote.err);
        let after = states(&written, None);
        let files = |list: &str| -> BTreeSet<PathBuf> {
            all[list]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|one| one["file"].as_str())
                .map(PathBuf::from)
                .collect()
        };
        let new: BTreeSet<PathBuf> = after.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
        assert!(before.keys().all(|name| after.contains_key(name)), "no file goes");
        assert_eq!(new, files("created"), "only files come that the report names");
        // Where a manifest names a host and a gateway, no configuration is needed.
        let expected = if flags.is_empty() {
            0..=0
        } else if flags.contains(&"--config") {
            10..=100
        } else {
            0..=10
        };
        assert!(expected.contains(&new.len()), "{flags:?}: {} new files", new.len());
        let other = states(&applied, None);
        let changes = files("changes");
        for (name, (text, time)) in &after {
            assert!(&other[name].0 == text, "{} differs between diff and --write", name.display());
            if new.contains(name) {
                continue;
            }
            let changed = changes.contains(name);
            assert_eq!(text != &before[name].0, changed, "{}", name.display());
            assert!(changed || *time == before[name].1, "{} was touched", name.display());
        }
        let again = written.run(&[flags, &["."]].concat());
        assert!(again.bytes.is_empty(), "a second run changes\n{}", again.out());
    }
}

fn copy(corpus: &Path) -> World {
    let world = World::new();
    let done = Command::new("cp").args(["-r", "--no-preserve=mode"]).arg(corpus).arg(world.path("corpus")).status();
    assert!(done.expect("cp runs").success());
    world
}

type States = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

/// Every file with its bytes and its time, which is set first where one is given.
fn states(world: &World, time: Option<SystemTime>) -> States {
    let state = |(name, text): (PathBuf, Vec<u8>)| {
        let path = world.root.join(&name);
        if let Some(time) = time {
            fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(time)).expect("a time");
        }
        let now = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
        (name, (text, now))
    };
    world.files().into_iter().map(state).collect()
}

#[allow(clippy::print_stderr, reason = "the figures are the point")]
fn print_counts(flags: &[&str], report: &Value) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for finding in report["findings"].as_array().expect("findings") {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let safety = finding["fix"].get("safety").map_or("no fix".to_owned(), word);
        let applied = if finding["fix"]["applied"] == true { "applied" } else { "open" };
        *counts
            .entry(format!("{} {} {safety} {applied}", word(&finding["rule"]), word(&finding["level"])))
            .or_default() += 1;
        if let Some(refusal) = finding["refusal"].as_str() {
            let reason = refusal.rsplit(": ").next().unwrap_or(refusal);
            *refusals.entry(reason.to_owned()).or_default() += 1;
        }
    }
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    for file in report["skipped"].as_array().expect("skipped") {
        let reason = file["reason"].as_str().unwrap_or_default();
        *skipped.entry(reason.split([':', '(']).next().unwrap_or_default().trim().to_owned()).or_default() += 1;
    }
    eprintln!("corpus {flags:?}: {}", report["summary"]);
    for (title, counts) in [("findings", counts), ("refused", refusals), ("skipped", skipped)] {
        counts.iter().for_each(|(what, count)| eprintln!("  {title}: {count:5} {what}"));
    }
}
