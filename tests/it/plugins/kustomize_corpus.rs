//! Each kustomization of the corpus that builds without a network: with no rule selected meshfix changes not a byte of
//! it, and with all rules no resource is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use libtest_mimic::Trial;

use super::kustomize::{build, host};
use super::support::{Host, nothing_is_deleted, resources, text, trial};
use crate::shared;

pub(super) fn trials() -> Vec<Trial> {
    let corpus = || match shared::folder().map(|folder| folder.join("corpus/dev")).filter(|folder| folder.is_dir()) {
        Some(corpus) => every_kustomization(&corpus),
        None => shared::skip("plugins::kustomize::corpus"),
    };
    vec![trial("kustomize::corpus", corpus)]
}

/// How kustomize is told to run what an overlay names.
const EXEC: &[&str] = &["kustomize", "build", "--enable-alpha-plugins", "--enable-exec"];

#[allow(clippy::print_stderr, reason = "the figures are the point")]
fn every_kustomization(corpus: &Path) {
    let Some(host) = host() else { return };
    let folders: Vec<PathBuf> = kustomizations(corpus).into_iter().collect();
    assert!(folders.len() > 1000, "the corpus is there");
    let (next, compared, created) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
            match compare(&host, folder, &compared) {
                Ok(new) => _ = created.fetch_add(new, Ordering::Relaxed),
                Err(problem) => failures.lock().expect("a list").push(format!("{}: {problem}", folder.display())),
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(2, std::num::NonZero::get).min(4);
        (0..threads).for_each(|_| _ = scope.spawn(work));
    });
    let failures = failures.into_inner().expect("a list");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let (compared, created) = (compared.into_inner(), created.into_inner());
    eprintln!("kustomize: {compared} of {} kustomizations compared, {created} resources created", folders.len());
    assert!(compared >= 200, "only {compared} kustomizations could be built");
    assert!(created > 0, "some Services of the corpus are exposed");
}

/// All folders with a kustomization.
fn kustomizations(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(kustomizations(&entry.path()));
        } else if matches!(
            entry.file_name().to_str(),
            Some("kustomization.yaml" | "kustomization.yml" | "Kustomization")
        ) {
            found.insert(folder.to_owned());
        }
    }
    found
}

/// Compares one kustomization with and without meshfix; gives how many resources all rules make.
fn compare(host: &Host, folder: &Path, compared: &AtomicUsize) -> Result<usize, String> {
    let alone = host.run(&["kustomize", "build", folder.to_str().expect("UTF-8")]);
    // What needs a network, another program or a file that is not there can't be built, and what is nothing can't change.
    if alone.code != Some(0) || alone.bytes.is_empty() {
        return Ok(0);
    }
    let stream = host.stream(&["meshfix", "--select", "none", "-"], &alone.out());
    check(stream.code == Some(0) && stream.bytes == alone.bytes, || format!("as a stream: {}", stream.err))?;

    let number = fs::canonicalize(folder).expect("a path").display().to_string().replace('/', "+");
    let resource = relative(&host.world.path(&number).join("x"), folder);
    let overlay = |name: &str, shipped: Option<(&str, &str)>| {
        let folder = format!("{number}/{name}");
        let transformers = if shipped.is_some() { "transformers: [mesh-ready.yaml]\n" } else { "" };
        host.world.write(format!("{folder}/kustomization.yaml"), format!("resources: [{resource}]\n{transformers}"));
        if let Some((way, spec)) = shipped {
            let transformer = text(&format!("kustomize/{way}/mesh-ready.yaml")).replace("unsafe: true", spec);
            host.world.write(format!("{folder}/mesh-ready.yaml"), transformer);
        }
        build(host, EXEC, &folder, None)
    };
    let plain = overlay("plain", None);
    if plain.code != Some(0) {
        // A component is no resource.
        return check(plain.err.contains("!= 'Component'"), || plain.err).map(|()| 0);
    }
    let nothing = "select: [none]";
    let is_fifth = compared.fetch_add(1, Ordering::Relaxed).is_multiple_of(5);
    // What kustomize does around a function takes it long, around its own kind of plugin not.
    for way in ["exec", "legacy"].into_iter().take(if is_fifth { 2 } else { 1 }) {
        let ran = overlay(way, Some((way, nothing)));
        check(ran.code == Some(0) && ran.bytes == plain.bytes, || format!("{way}: other bytes: {}", ran.err))?;
    }
    let all = overlay("all", Some((if is_fifth { "exec" } else { "legacy" }, EXPOSED)));
    check(all.code == Some(0), || format!("with all rules: {}", all.err))?;
    let (before, after) = (resources(&plain.out()), resources(&all.out()));
    nothing_is_deleted(&before, &after);
    fs::remove_dir_all(host.world.path(&number)).expect("removed");
    Ok(after.len() - before.len())
}

/// All fixes, with a gateway and public names for all exposed Services.
const EXPOSED: &str = r#"unsafe: true
  rules:
    exposed-service: {hostTemplate: "{service}.example.com", gatewaySelector: {istio: ingress}}"#;

fn check(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}

/// The way from one folder to another.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from[same..].iter().map(|_| "..".to_owned());
    let down = to[same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}
