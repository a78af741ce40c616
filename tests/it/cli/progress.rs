//! How far a long run is: shown on a terminal only, late, and gone before anything else is said.

use std::fmt::Write as _;

use libtest_mimic::Trial;

use super::manifests::BANK;
use super::pseudo_terminal::{Shows, run};
use super::support::{World, finish, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("a_long_run_shows_on_a_terminal_how_far_it_is", long), trial("a_short_run_shows_no_progress", short)]
}

/// Arguments, what is a terminal, and variables.
type Case = (&'static [&'static str], Shows, &'static [(&'static str, &'static str)]);

/// What takes a line off the terminal.
const CLEAR: &str = "\r\u{1b}[2K";

/// Folders of manifests that a run takes about a second for, on whatever machine this is.
fn slow() -> (World, String) {
    let world = World::new();
    let mut files: usize = 0;
    let mut all = String::new();
    while files < 4096 {
        let more = if files == 0 { 6 } else { files.div_ceil(2) };
        for _ in 0..more {
            files += 1;
            let mut text = String::new();
            for i in 0..20 {
                let _ = write!(text, "---\n{}", BANK.replace("name: ", &format!("name: f{files}-{i}-")));
            }
            all.push_str(&text);
            world.write(format!("{}/{files}.yaml", files % 7), text);
        }
        if finish(&mut world.command(&["--unsafe", "."]), b"").with(1).took.as_millis() > 900 {
            break;
        }
    }
    (world, all)
}

fn long() {
    let (world, all) = slow();
    let plain = finish(&mut world.command(&["--unsafe", "."]), b"").with(1);
    assert!(!plain.out().contains('\u{1b}') && !plain.err.contains('\u{1b}'), "a pipe gets none");
    for shows in [Shows::Err, Shows::Both] {
        let mut command = world.command(&["--unsafe", "."]);
        command.env("TERM", "xterm").env("PAGER", "").env("NO_COLOR", "1");
        let ran = run(&mut command, 80, shows).with(1);
        let (progress, rest) = ran.terminal.rsplit_once(CLEAR).expect("progress is shown");
        assert!(progress.contains(" files read"), "{progress}");
        assert!(progress.contains(" looked") || progress.contains(" proven"), "{progress}");
        let is_ours = |line: &str| line.is_empty() || line.contains("read");
        assert!(progress.split(CLEAR).all(|line| line.len() <= 80 && is_ours(line)), "one line each time: {progress}");
        assert!(
            !rest.contains("files read") && rest.contains("findings to fix in"),
            "{}",
            &rest[..rest.len().min(400)]
        );
    }
    let none: &[Case] = &[
        (&["--unsafe", "."], Shows::Out, &[]),
        (&["--unsafe", "-q", "."], Shows::Both, &[]),
        (&["--unsafe", "--no-progress", "."], Shows::Both, &[]),
        (&["--unsafe", "."], Shows::Both, &[("TERM", "dumb")]),
    ];
    for (args, shows, environment) in none {
        let mut command = world.command(args);
        command.env("TERM", "xterm").env("PAGER", "").env("NO_COLOR", "1").envs(environment.iter().copied());
        let ran = run(&mut command, 80, *shows).with(1);
        assert!(!ran.terminal.contains('\u{1b}') && !ran.piped.contains('\u{1b}'), "{args:?} {environment:?}");
    }
    // Filters stand in pipes; their hosts show what they say.
    world.write("../stream.yaml", all);
    for flag in ["-", "fn"] {
        let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
        let script = match flag {
            "-" => format!("'{}' --unsafe - < ../stream.yaml", env!("CARGO_BIN_EXE_meshfix")),
            _ => format!("printf '{}' | '{}' fn", list.replace('\n', "\\n"), env!("CARGO_BIN_EXE_meshfix")),
        };
        let mut shell = world.clean("sh");
        shell.env("TERM", "xterm").env("NO_COLOR", "1").args(["-c", &script]);
        let ran = run(&mut shell, 80, Shows::Err).with(0);
        assert!(!ran.terminal.contains('\u{1b}'), "{flag}: {}", ran.terminal);
    }
}

fn short() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let mut command = world.command(&["."]);
    command.env("TERM", "xterm").env("PAGER", "").env("NO_COLOR", "1");
    let ran = run(&mut command, 80, Shows::Both).with(1);
    assert!(!ran.terminal.contains('\u{1b}'), "{}", ran.terminal);
}
