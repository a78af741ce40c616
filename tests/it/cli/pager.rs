//! The user's pager: when it is called, with what, and that nothing goes wrong by it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use libtest_mimic::Trial;

use super::manifests::BANK;
use super::pseudo_terminal::{Ran, Shows, run, typing};
use super::support::{World, finish, has, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_pager_shows_diffs_and_rules_on_a_terminal_only", when),
        trial("less_gets_the_options_that_git_gives_it", less),
        trial("a_pager_that_cannot_start_is_no_error", missing),
        trial("a_pager_that_ends_early_is_no_error", early),
        trial("what_is_left_comes_behind_the_pager", behind),
        trial("ctrl_c_in_the_pager_is_for_the_pager", interrupt),
    ]
}

/// What each line of a pager of ours starts with.
const MARK: &str = "sed 's/^/| /'";

/// Arguments, variables, and what the pager marks each line with; nothing where there is no pager.
type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

/// A world with a `less` that tells its options.
fn world() -> World {
    let world = World::with(&[("bank.yaml", BANK)]);
    world.write("../bin/less", "#!/bin/sh\necho \"LESS=[$LESS]\"\nexec sed 's/^/less /'\n");
    let less = world.outside("bin/less");
    std::fs::set_permissions(&less, std::fs::Permissions::from_mode(0o755)).expect("executable");
    world
}

fn command(world: &World, args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = world.command(args);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", world.outside("bin").display()));
    command.env("TERM", "xterm").env("NO_COLOR", "1").envs(environment.iter().copied());
    command
}

fn paged(world: &World, args: &[&str], environment: &[(&str, &str)]) -> Ran {
    run(&mut command(world, args, environment), 80, Shows::Out)
}

fn when() {
    let world = world();
    let none: &'static [(&str, &str)] = &[("PAGER", MARK), ("MESHFIX_PAGER", "")];
    let cases: &[Case] = &[
        (&["."], &[], "less "),
        (&["."], &[("PAGER", MARK)], "| "),
        (&["."], &[("PAGER", "false"), ("MESHFIX_PAGER", MARK)], "| "),
        (&["."], &[("PAGER", "less -S"), ("MESHFIX_PAGER", MARK)], "| "),
        (&["."], &[("PAGER", "less -S")], "less "),
        (&["."], &[("PAGER", "env less")], "less "),
        (&["--unsafe", "."], &[("PAGER", MARK)], "| "),
        (&["explain", "host-port"], &[("PAGER", MARK)], "| "),
        (&["."], none, ""),
        (&["."], &[("PAGER", "")], ""),
        (&["."], &[("PAGER", "  ")], ""),
        (&["."], &[("PAGER", "cat")], ""),
        (&["."], &[("TERM", "dumb")], ""),
        (&["."], &[("TERM", "dumb"), ("PAGER", MARK)], "| "),
        (&["--no-pager", "."], &[("PAGER", MARK)], ""),
        (&["explain", "--no-pager", "host-port"], &[("PAGER", MARK)], ""),
        (&["--check", "."], &[("PAGER", MARK)], ""),
        (&["--format", "json", "."], &[("PAGER", MARK)], ""),
        (&["rules"], &[("PAGER", MARK)], ""),
        (&["--help"], &[("PAGER", MARK)], ""),
    ];
    for (args, environment, mark) in cases {
        let ran = paged(&world, args, environment);
        assert!(!ran.terminal.is_empty(), "{args:?} {environment:?}");
        let lines: Vec<&str> = ran.terminal.lines().filter(|line| !line.starts_with("LESS=")).collect();
        let marked = ["less ", "| "].into_iter().find(|mark| lines.iter().all(|line| line.starts_with(mark)));
        assert_eq!(marked.unwrap_or(""), *mark, "{args:?} {environment:?}\n{}", ran.terminal);
        // The pager gets just what a terminal without one gets, and the exit code is the same.
        let plain = run(&mut command(&world, args, none), 80, Shows::Out);
        let text: String = lines.iter().map(|line| format!("{}\n", line.strip_prefix(mark).expect("marked"))).collect();
        assert_eq!((text, ran.code), (plain.terminal, plain.code), "{args:?} {environment:?}");
        // A pipe has no pager.
        let piped = finish(&mut command(&world, args, environment), b"");
        assert!(!piped.out().lines().any(|line| line.starts_with("| ") || line.starts_with("less ")), "{args:?}");
    }
    for args in [&["-o", "../out.diff", "."][..], &["--write", "."]] {
        assert_eq!(paged(&world, args, &[("PAGER", MARK)]).terminal, "", "nothing to show: {args:?}");
    }
    let colours = paged(&world, &["--color", "always", "explain"], &[]);
    assert_eq!(colours.code, Some(2), "a flag in front of a command is told: {}", colours.piped);
    world.write("bank.yaml", BANK);
    let ran = paged(&world, &["."], &[("PAGER", MARK), ("NO_COLOR", "")]).with(1);
    assert!(ran.terminal.contains("| \u{1b}[32m+"), "colours stay: {}", ran.terminal);
}

fn less() {
    let world = world();
    for (environment, options) in
        [(&[][..], "FRX"), (&[("LESS", "-S")], "-S"), (&[("LESS", "")], ""), (&[("PAGER", "less")], "FRX")]
    {
        let ran = paged(&world, &["."], environment).with(1);
        assert!(ran.terminal.starts_with(&format!("LESS=[{options}]\n")), "{environment:?}\n{}", ran.terminal);
    }
}

fn missing() {
    let world = world();
    let plain = paged(&world, &["."], &[("PAGER", "")]).with(1);
    for pager in ["no-such-pager", "no-such-pager --really", "/no/such/pager", "/"] {
        let ran = paged(&world, &["."], &[("PAGER", pager)]).with(1);
        assert_eq!((ran.terminal, ran.piped), (plain.terminal.clone(), plain.piped.clone()), "{pager}");
    }
    // A shell's own words come on top.
    let ran = paged(&world, &["."], &[("PAGER", "no-such-pager | cat >/dev/null; exit 127")]).with(1);
    assert_eq!(ran.terminal, plain.terminal);
}

fn early() {
    let world = world();
    // More than a pipe holds.
    let long = format!("      # {}\n", "x".repeat(300_000));
    world.write("bank.yaml", BANK.replace("      dnsPolicy", &format!("{long}      dnsPolicy")));
    for pager in ["head -n 1", "true", "false", "kill -9 $$"] {
        let ran = paged(&world, &["."], &[("PAGER", pager)]).with(1);
        assert!(ran.terminal.lines().count() <= 1, "{pager}: {}", ran.terminal);
        assert!(ran.piped.contains("findings to fix") && !ran.piped.contains("error:"), "{pager}: {}", ran.piped);
    }
}

fn behind() {
    let world = world();
    let environment = [("PAGER", "sed 's/^/| /'; sleep 0.2; echo the pager ends")];
    let ran = run(&mut command(&world, &["."], &environment), 80, Shows::Both).with(1);
    let (first, last) = ran.terminal.split_once("the pager ends\n").expect("the pager");
    assert!(first.lines().all(|line| line.starts_with("| ")), "{first}");
    assert!(last.contains("to fix in 1 file"), "{last}");
}

fn interrupt() {
    if !has("setsid") {
        left_out("setsid (util-linux) is not there");
        return;
    }
    let world = world();
    // The first one reads to its end, as less does; the second one is ended by the key.
    for (pager, ends) in [
        ("trap 'echo interrupted' INT; cat; echo ready; sleep 1; sleep 0.1; echo the pager ends", true),
        ("cat; echo ready; exec sleep 60", false),
    ] {
        let mut on_its_own = world.clean("setsid");
        on_its_own.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_meshfix"), "."]);
        on_its_own.env("TERM", "xterm").env("NO_COLOR", "1").env("PAGER", pager);
        let ran = typing(&mut on_its_own, 80, Shows::Both, &[("ready", b"\x03")]).with(1);
        let (_, last) = ran.terminal.split_once("ready").expect("the pager");
        assert_eq!(last.contains("interrupted") && last.contains("the pager ends"), ends, "{last}");
        assert!(last.contains("to fix in 1 file"), "meshfix goes on: {last}");
    }
}
