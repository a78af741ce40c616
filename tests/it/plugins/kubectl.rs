//! `kubectl meshfix`: as a program on the `PATH`, completed by kubectl, and installed by Krew.

use std::fs;

use libtest_mimic::Trial;

use super::support::{Host, SABOTAGE, nothing_is_deleted, resources, shipped, trial, word};
use crate::cli::manifests::{BANK, CLEAN, SAFE};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("kubectl::runs_the_plugin_and_keeps_its_exit_code", dispatch),
        trial("kubectl::gives_a_stream_back_whole_or_not_at_all", streams),
        trial("kubectl::completes_what_the_program_has", completion),
        trial("kubectl::krew_installs_what_the_scripts_make", krew),
        trial("kubectl::krew_scripts_say_what_they_need", krew_scripts),
    ]
}

/// `kubectl-meshfix` and its completion on the `PATH`, as the README puts them there.
fn host() -> Option<Host> {
    let host = Host::new(["kubectl"])?;
    host.link(env!("CARGO_BIN_EXE_meshfix").as_ref(), "kubectl-meshfix");
    host.link(&shipped("kubectl/kubectl_complete-meshfix"), "kubectl_complete-meshfix");
    Some(host)
}

fn dispatch() {
    let Some(host) = host() else { return };
    host.world.write("clean.yaml", CLEAN);
    host.world.write("oven.yaml", SAFE);
    host.world.write("broken.yaml", "kind: Pod\nspec: [\n");
    for (arguments, code, says) in [
        (&["clean.yaml"][..], 0, "nothing to fix"),
        (&["--check", "clean.yaml"], 0, ""),
        (&["oven.yaml"], 1, "2 findings to fix"),
        (&["--exit-zero", "oven.yaml"], 0, "2 findings to fix"),
        (&["gone.yaml"], 2, "gone.yaml: no such file"),
        // The others go on, so what can't be read is told and no more.
        (&["broken.yaml"], 0, "skipped broken.yaml:2:7: not valid YAML"),
        (&["--unsave"], 2, "Usage: kubectl meshfix"),
        (&["explain", "host-network"], 0, ""),
        (&["explain", "host-netwrk"], 2, "did you mean `host-network`?"),
    ] {
        host.run(&[&["kubectl", "meshfix"], arguments].concat()).with(code).says(says);
    }
    host.run(&["kubectl", "meshfix", "--help"]).with(0).prints("Usage: kubectl meshfix");
    host.run(&["kubectl", "meshfix", "--version"]).with(0).prints("meshfix ");
    host.run(&["kubectl", "meshfix", "oven.yaml"]).prints("+++ b/oven.yaml");
    host.run(&["kubectl", "meshfix", "--write", "oven.yaml"]).with(0);
    assert_eq!(
        host.world.read("oven.yaml"),
        SAFE.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\"")
    );
    host.world.write("oven.yaml", SAFE);
    host.run_with(SABOTAGE, &["kubectl", "meshfix", "--write", "oven.yaml"]).with(70);
    assert_eq!(host.world.read("oven.yaml"), SAFE);
    // The README's trap: kubectl itself refuses flags in front of a plugin.
    host.run(&["kubectl", "-n", "shop", "meshfix"]).with(1).says("flags cannot be placed before plugin name");
}

fn streams() {
    let Some(host) = host() else { return };
    let fix = ["kubectl", "meshfix", "--unsafe", "-"];
    // What `kubectl get -o yaml` prints.
    let items = |text: &str| -> String {
        let documents = text
            .split("---\n")
            .map(|document| document.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n  "));
        documents.map(|document| format!("- {}\n", document.trim_end())).collect()
    };
    let list = format!("apiVersion: v1\nitems:\n{}kind: List\nmetadata:\n  resourceVersion: \"\"\n", items(BANK));
    for (text, count) in [(BANK, 2), (&list, 3)] {
        let before = resources(text);
        assert_eq!(before.len(), count);
        let out = host.stream(&fix, text).with(0).out();
        assert!(!out.contains("hostNetwork") && out != text, "{out}");
        nothing_is_deleted(&before, &resources(&out));
        assert_eq!(host.stream(&["kubectl", "meshfix", "--select", "none", "-"], text).with(0).out(), text);
        host.stream(&["kubectl", "meshfix", "--fail-on", "error", "-"], text).with(1).says("host-network");
    }
    host.stream(&fix, "").with(2).nothing().says("standard input is empty");
    let broken = format!("{BANK}---\nkind: Pod\nspec: [\n");
    assert_eq!(host.stream(&["kubectl", "meshfix", "-"], &broken).with(0).out().matches("spec: [\n").count(), 1);
    host.stream(&["kubectl", "meshfix", "fn"], "kind: ResourceList\nitems: [\n").with(2).nothing();
    host.world.write("oven.yaml", SAFE);
    let ran = host.run_with(SABOTAGE, &["sh", "-c", "kubectl meshfix - <oven.yaml"]).with(70).nothing();
    ran.says("this is a defect of meshfix");
}

fn completion() {
    let Some(host) = host() else { return };
    let candidates = |words: &[&str]| -> (Vec<String>, String) {
        let out = host.run(&[&["kubectl", "__complete", "meshfix"], words].concat()).with(0).out();
        let mut lines: Vec<String> =
            out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect();
        let directive = lines.pop().expect("a directive");
        (lines, directive)
    };
    // `:0` lets names of files follow, `:4` does not.
    for (words, some, directive) in [
        (&[""][..], &["explain", "fn", "rules"][..], ":0"),
        (&["--sel"], &["--select"], ":4"),
        (&["--fail-on", ""], &["error", "warning", "info"], ":4"),
        (&["--fail-on=w"], &["--fail-on=warning"], ":4"),
        (&["explain", "host-"], &["host-network", "host-port"], ":4"),
        (&["fn", "--prof"], &["--profile"], ":4"),
        (&["--config", ""], &[], ":0"),
        (&["--write", ""], &[], ":0"),
    ] {
        let (found, end) = candidates(words);
        assert_eq!(end, directive, "{words:?}: {found:?}");
        some.iter().for_each(|one| assert!(found.iter().any(|have| have == one), "{words:?}: no {one} in {found:?}"));
    }
    // Whatever the program lists can be completed.
    let help = host.run(&["meshfix", "--help"]).with(0).out();
    let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let (found, _) = candidates(&["--"]);
    for flag in options.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--"))) {
        assert!(found.iter().any(|have| have == flag), "{flag} is not completed: {found:?}");
    }
    assert!(found.len() > 15, "{found:?}");
    let rules = host.run(&["meshfix", "rules"]).with(0).out();
    let (found, _) = candidates(&["--select", ""]);
    for rule in rules.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(found.iter().any(|have| have == rule), "{rule} is not completed: {found:?}");
    }
}

/// A small program in place of a release's binary, so that nothing large is packed.
fn binary(host: &Host) -> String {
    let path = host.world.path("built/meshfix");
    host.script("built-meshfix", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_meshfix")));
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::rename(host.world.outside("programs/built-meshfix"), &path).expect("moved");
    path.display().to_string()
}

fn krew() {
    let Some(host) = Host::new(["krew", "validate-krew-manifest", "kubectl"]) else { return };
    let (archive, manifest, binary) = (word("kubectl/krew-archive"), word("kubectl/krew-manifest"), binary(&host));
    let folder = host.world.root.display().to_string();
    // A machine that nobody has must not be chosen; two archives of one binary have the same bytes.
    let platforms = [("linux", "amd64"), ("linux", "arm64"), ("darwin", "arm64")];
    let archives: Vec<String> = platforms
        .iter()
        .map(|(os, arch)| host.run(&[&archive, &binary, os, arch, &folder]).with(0).out().trim().to_owned())
        .collect();
    let first = fs::read(&archives[0]).expect("an archive");
    host.run(&[&archive, &binary, "linux", "amd64", &folder]).with(0);
    assert!(fs::read(&archives[0]).expect("an archive") == first, "the archive has a time or a user in it");

    let mut words = vec![manifest.as_str(), "v0.1.0", "https://meshfix.example", "https://meshfix.example/v0.1.0/"];
    words.extend(archives.iter().map(String::as_str));
    let text = host.run(&words).with(0).out();
    for part in ["version: v0.1.0\n", "uri: https://meshfix.example/v0.1.0/kubectl-meshfix-darwin-arm64.tar.gz\n"] {
        assert!(text.contains(part), "{part:?}\n{text}");
    }
    host.world.write("meshfix.yaml", &text);
    host.run(&["validate-krew-manifest", "-manifest", "meshfix.yaml", "-skip-install"]).with(0);
    host.world.write("other.yaml", text.replace("v0.1.0\n  home", "newest\n  home"));
    host.run(&["validate-krew-manifest", "-manifest", "other.yaml", "-skip-install"]).with(255).says("newest");

    let archive = format!("--archive={}", archives[usize::from(cfg!(target_arch = "aarch64"))]);
    host.run(&["krew", "install", "--manifest=meshfix.yaml", &archive]).with(0).says("Installed plugin: meshfix");
    let script = "PATH=$HOME/.krew/bin:$PATH kubectl meshfix explain host-network";
    host.shell(script).with(0).prints("host-network");
    // The completion comes along, for the user to put on the PATH.
    let packed = host.home().join(".krew/store/meshfix/v0.1.0");
    for name in ["kubectl-meshfix", "kubectl_complete-meshfix", "LICENSE"] {
        assert!(packed.join(name).is_file(), "{name}");
    }
    // Another archive than the manifest knows is refused.
    fs::write(&archives[0], b"other").expect("written");
    fs::write(&archives[1], b"other").expect("written");
    let root = host.world.path("another");
    let again = host.run_with(
        ("KREW_ROOT", root.to_str().expect("UTF-8")),
        &["krew", "install", "--manifest=meshfix.yaml", &archive],
    );
    again.with(1).says("checksum does not match");
    assert!(!root.join("bin/kubectl-meshfix").exists());
}

fn krew_scripts() {
    let host = Host::bare();
    let (archive, manifest) = (word("kubectl/krew-archive"), word("kubectl/krew-manifest"));
    host.run(&[&archive]).with(2).nothing().says("krew-archive BINARY OS ARCH FOLDER");
    host.run(&[&manifest, "1.0"]).with(2).nothing().says("krew-manifest VERSION HOMEPAGE ADDRESS ARCHIVE");
    host.world.write("other.tar.gz", "");
    host.run(&[&manifest, "1.0", "h", "a", "other.tar.gz"]).with(2).says("krew-archive names them");
    let gone = host.run(&[&archive, "gone", "linux", "amd64", "."]);
    assert_ne!(gone.code, Some(0));
    assert!(!host.world.path("kubectl-meshfix-linux-amd64.tar.gz").exists());
}
