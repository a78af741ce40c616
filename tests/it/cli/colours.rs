//! When there are colours: the flag, then what the environment says, then the terminal.

use libtest_mimic::Trial;

use super::manifests::BANK;
use super::pseudo_terminal::{Shows, run};
use super::support::{World, finish, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("colours_are_where_flag_environment_and_terminal_say", matrix),
        trial("colours_that_the_environment_forces_stay_out_of_files", files),
        trial("help_has_colours_by_the_same_variables", help),
    ]
}

/// A flag, variables, and whether a terminal and a pipe get colours then.
type Row = (&'static [&'static str], &'static [(&'static str, &'static str)], bool, bool);

const MATRIX: &[Row] = &[
    (&[], &[], true, false),
    (&[], &[("NO_COLOR", "1")], false, false),
    (&[], &[("NO_COLOR", "0")], false, false),
    (&[], &[("NO_COLOR", "")], true, false),
    (&[], &[("CLICOLOR_FORCE", "1")], true, true),
    (&[], &[("CLICOLOR_FORCE", "0")], true, false),
    (&[], &[("CLICOLOR_FORCE", "")], true, false),
    (&[], &[("CLICOLOR", "0")], false, false),
    (&[], &[("CLICOLOR", "1")], true, false),
    (&[], &[("TERM", "dumb")], false, false),
    (&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false),
    (&[], &[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")], true, true),
    (&[], &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")], true, true),
    (&[], &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true, true),
    (&["--color=always"], &[("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")], true, true),
    (&["--color=never"], &[("CLICOLOR_FORCE", "1")], false, false),
    (&["--color=auto"], &[("NO_COLOR", "1")], false, false),
];

fn matrix() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for (flag, environment, on_terminal, in_pipe) in MATRIX {
        for base in [&["--no-pager", "."][..], &["--check", "."], &["explain", "--no-pager", "host-network"]] {
            let mut args = base.to_vec();
            args.extend_from_slice(flag);
            let mut command = world.command(&args);
            command.env("TERM", "xterm").envs(environment.iter().copied());
            // Each output is asked on its own: the other one is a pipe.
            let ran = run(&mut command, 80, Shows::Out);
            assert_eq!(ran.terminal.contains('\u{1b}'), *on_terminal, "{args:?} {environment:?}\n{}", ran.terminal);
            let piped = finish(&mut command, b"");
            assert_eq!(piped.out().contains('\u{1b}'), *in_pipe, "{args:?} {environment:?} in a pipe");
            if base[0] == "--no-pager" {
                assert_eq!(ran.piped.contains('\u{1b}'), *in_pipe, "stderr, {environment:?} in a pipe\n{}", ran.piped);
                let ran = run(&mut command, 80, Shows::Err);
                assert_eq!(ran.terminal.contains('\u{1b}'), *on_terminal, "stderr, {environment:?}\n{}", ran.terminal);
            }
        }
    }
}

fn files() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let mut command = world.command(&["-o", "../out.diff", "."]);
    finish(command.env("CLICOLOR_FORCE", "1"), b"").with(1);
    assert!(!world.read("../out.diff").contains('\u{1b}'));
}

fn help() {
    let world = World::new();
    // Where it says 0 or nothing, it still says yes to the library that prints the help.
    let is_asked = |row: &&Row| row.0.is_empty() && !matches!(row.1, [("CLICOLOR_FORCE", "0" | "")]);
    for (flag, environment, on_terminal, in_pipe) in MATRIX.iter().filter(is_asked) {
        let mut command = world.command(&["--help"]);
        command.args(*flag).env("TERM", "xterm").envs(environment.iter().copied());
        let ran = run(&mut command, 80, Shows::Out).with(0);
        assert_eq!(ran.terminal.contains('\u{1b}'), *on_terminal, "{environment:?}");
        assert_eq!(finish(&mut command, b"").out().contains('\u{1b}'), *in_pipe, "{environment:?} in a pipe");
    }
}
