//! Scripts for shells, and answers for kubectl.

use libtest_mimic::Trial;
use meshfix::transforms;

use super::support::{World, finish, has, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("completions_know_commands_flags_and_rules", known),
        trial("completions_can_be_read_by_their_shells", read),
        trial("bash_completes_rules", bash),
        trial("the_plugin_of_kubectl_completes", plugin),
        trial("kubectl_is_answered_as_cobra_answers_it", kubectl),
    ]
}

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

fn known() {
    let world = World::new();
    for shell in SHELLS {
        let script = world.run(&["completions", shell]).with(0).out();
        for word in ["explain", "completions", "select", "baseline", "json"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(
            !script.contains("kustomize-plugin") && !script.contains("complete-kubectl"),
            "{shell}: what is hidden"
        );
        // The scripts for these two know flags, and no values.
        if !matches!(shell, "elvish" | "powershell") {
            for rule in transforms::ALL {
                assert!(script.contains(rule.meta().name), "{shell}: {}", rule.meta().name);
            }
        }
    }
    world.run(&["completions", "cmd"]).with(2).says("possible values: bash, elvish, fish, powershell, zsh");
}

fn read() {
    let world = World::new();
    for (shell, flag) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        if !has(shell) {
            left_out(&format!("{shell} is not there"));
            continue;
        }
        world.write(shell, world.run(&["completions", shell]).with(0).out());
        finish(world.clean(shell).args([flag, shell]), b"").with(0).silent();
    }
}

fn bash() {
    if !has("bash") {
        left_out("bash is not there");
        return;
    }
    let world = World::new();
    world.write("script", world.run(&["completions", "bash"]).with(0).out());
    let complete = |words: &str| {
        let ask = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _meshfix meshfix \
             \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let out = finish(world.clean("bash").args(["-c", &ask]), b"").with(0).out();
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("meshfix expl"), ["explain"]);
    assert_eq!(complete("meshfix explain host-"), ["host-network", "host-port"]);
    assert_eq!(complete("meshfix --select dns-"), ["dns-policy", "dns-ndots"]);
    assert_eq!(complete("meshfix --no-p"), ["--no-pager", "--no-progress"]);
}

fn plugin() {
    let world = World::new();
    world.write("bin/nothing", "");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshfix"), world.path("bin/kubectl-meshfix")).expect("a link");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/kubectl/kubectl_complete-meshfix");
    let mut command = world.clean(script);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", world.path("bin").display())).args(["explain", "host-n"]);
    let out = finish(&mut command, b"").with(0).out();
    assert_eq!(out, "host-network\tpods must not run in the node's network\n:4\n");
}

fn kubectl() {
    let world = World::new();
    let answer = |words: &[&str]| {
        let out = world.run(&[&["complete-kubectl", "--"], words].concat()).with(0).out();
        let (candidates, directive) = out.trim_end().rsplit_once('\n').unwrap_or(("", out.trim_end()));
        let name = |line: &str| line.split_once('\t').expect("a meaning").0.to_owned();
        (candidates.lines().map(name).collect::<Vec<_>>(), directive.to_owned())
    };
    let is = |words: &[&str], candidates: &[&str], directive: &str| {
        assert_eq!(answer(words), (candidates.iter().map(|word| (*word).to_owned()).collect(), directive.to_owned()));
    };
    is(&["ru"], &["rules"], ":0");
    is(&["deploy/", "ru"], &[], ":0");
    is(&["explain", "host-"], &["host-network", "host-port"], ":4");
    is(&["explain", "host-port", "host-"], &[], ":4");
    is(&["--no-p"], &["--no-pager", "--no-progress"], ":4");
    is(&["explain", "--no-"], &["--no-pager"], ":4");
    is(&["--color", "a"], &["auto", "always"], ":4");
    is(&["--color=n"], &["--color=never"], ":4");
    is(&["--select", "app-label,dns-"], &["app-label,dns-policy", "app-label,dns-ndots"], ":4");
    is(&["--select=dns-n"], &["--select=dns-ndots"], ":4");
    is(&["-o", "x"], &[], ":0");
    is(&["--config", "m"], &[], ":0");
    is(&["--unsafe", "ru"], &["rules"], ":0");
    is(&["completions", "z"], &["zsh"], ":4");
    is(&["completions", "-"], &["--help"], ":4");
    let (all, directive) = answer(&[]);
    assert!(all.contains(&"explain".to_owned()) && directive == ":0", "{all:?}");
    assert!(!all.contains(&"kustomize-plugin".to_owned()), "{all:?}");
    assert!(answer(&["explain", ""]).0.len() == transforms::ALL.len());
}
