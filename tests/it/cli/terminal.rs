//! What a terminal gets: nothing that moves the cursor, lines that fit, colours only where they are wanted.

use libtest_mimic::Trial;

use super::manifests::{BANK, CHOSEN};
use super::pseudo_terminal::{Ran, Shows, run};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("control_characters_are_escaped_for_people", escaped),
        trial("control_characters_are_raw_in_a_piped_diff", raw_in_pipe),
        trial("file_names_cannot_move_the_cursor", names),
        trial("a_terminal_gets_colours_and_lines_that_fit", terminal),
        trial("a_pipe_gets_neither_colours_nor_wrapped_lines", pipe),
    ]
}

/// A pod whose name and value turn the writing, and worse. The ESC stands in a double-quoted escape, as YAML has it,
/// and raw ones where YAML allows them.
fn hostile() -> String {
    "\
apiVersion: v1
kind: Pod
metadata:
  name: \"a\\e[2Jb\\rc\"
spec:
  # \u{202e}desrever\u{202c} \u{2066}x\u{2069} \u{61c}
  dnsPolicy: ClusterFirstWithHostNet # \u{202e}etirw\u{200b}\u{feff}
  hostNetwork: true # \u{202d}
  containers:
    - name: \"c\\u202e\"
      image: shop/x:1
      securityContext: {runAsUser: 1337}
"
    .to_owned()
}

/// Fails when the text could move the cursor or turn the writing.
#[track_caller]
fn is_calm(text: &str) {
    let wild = |c: char| {
        c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if let Some(c) = text.chars().find(|c| wild(*c)) {
        panic!("{:?} in\n{}", c, text.escape_debug().to_string().replace("\\n", "\n"));
    }
}

/// Takes our own colours out.
fn without_colours(text: &str) -> String {
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"]
        .iter()
        .fold(text.to_owned(), |text, colour| text.replace(colour, ""))
}

fn escaped() {
    let world = World::with(&[("evil.yaml", &hostile()), ("bank.yaml", BANK)]);
    for mode in [
        &["--check"][..],
        &["--check", "--color", "always"],
        &["--color", "always"],
        &["--unsafe", "--color", "always"],
    ] {
        let ran = world.run(&[mode, &["-v", "."]].concat()).with(1);
        is_calm(&without_colours(&ran.out()));
        is_calm(&without_colours(&ran.err));
    }
    let ran = world.run(&["--unsafe", "--color", "always", "."]).with(1);
    assert!(ran.out().contains("\\u{202e}"), "{}", ran.out());
    assert!(ran.out().contains("\u{1b}[31m-"), "{}", ran.out());
    let json = world.run(&[CHOSEN, "--unsafe", "--format", "json", "."]).with(1).out();
    is_calm(&json);
    let name = super::json::report(&json)["findings"][4]["resource"]["name"].clone();
    assert_eq!(name, "a\u{1b}[2Jb\rc", "escaped, it says the same");
    // Windows line ends are no news, also on a terminal.
    let world = World::with(&[("evil.yaml", &BANK.replace('\n', "\r\n")), ("bank.yaml", BANK)]);
    is_calm(&without_colours(&world.run(&["--color", "always", "."]).with(1).out()));
}

fn raw_in_pipe() {
    let world = World::with(&[("evil.yaml", &hostile()), ("bank.yaml", BANK)]);
    let ran = world.run(&["--unsafe", "."]).with(1);
    assert!(ran.out().contains("# \u{202e}etirw\u{200b}\u{feff}\n"), "{}", ran.out());
    is_calm(&ran.err);
    assert_eq!(super::law::law(&world, &["--unsafe", "."]), 2);
}

fn names() {
    let world = World::with(&[
        ("a\u{1b}[2J\u{202e}.yaml", BANK),
        ("new\nline.yaml", BANK),
        ("b\u{9b}1m.yaml", "kind: Pod\nspec: [\n"),
    ]);
    world.write("c\u{1b}]0;x\u{7}.yaml", [0xff, 0xfe, 0, 0]);
    world.write("d\r.yaml", "kind: Pod\nspec: {{ x\n");
    for mode in [&["--check"][..], &[], &["--color", "always"]] {
        let ran = world.run(&[mode, &["-v", "."]].concat()).with(1);
        is_calm(&without_colours(&ran.out()));
        is_calm(&without_colours(&ran.err));
        assert!(ran.err.contains("skipped c\\u{1b}]0;x\\u{7}.yaml"), "{}", ran.err);
    }
    let ran = world.run(&["c\u{1b}]0;x\u{7}.yaml", "no\u{1b}where", "-q"]).with(2);
    is_calm(&ran.err);
    is_calm(&world.run(&["-o", "no\u{1b}/x", "."]).with(2).err);
    is_calm(&world.run(&["--select", "no\u{1b}[1m", "."]).with(2).err);
    let diff = world.run(&["."]).with(1).out();
    assert!(
        diff.contains("+++ \"b/new\\nline.yaml\"\n") && diff.contains("+++ \"b/a\\033[2J\\342\\200\\256.yaml\"\n"),
        "{diff}"
    );
}

/// What a terminal of 80 columns shows of both outputs.
pub(super) fn on_terminal(world: &World, args: &[&str]) -> Ran {
    let mut command = world.command(args);
    run(command.env("TERM", "xterm").env("PAGER", ""), 80, Shows::Both)
}

fn terminal() {
    let long = BANK.replace(
        "name: teller",
        "name: a-teller-with-quite-a-long-name-that-makes-every-line-about-it-longer-than-it-was",
    );
    let world = World::with(&[("bank-of-the-harbour/all-the-branches/bank.yaml", &long)]);
    for args in [&["--check", "."][..], &["--check", "-v", "--unsafe", "."], &["."]] {
        let shown = on_terminal(&world, &[&[CHOSEN], args].concat()).with(1).terminal;
        assert!(shown.contains("\u{1b}[1m") && shown.contains("\u{1b}[31m"), "colours: {shown}");
        let plain = without_colours(&shown);
        is_calm(&plain);
        // A diff's lines are the file's own.
        let text = plain.lines().filter(|line| !line.starts_with(['+', '-', ' ', '@']) || line.starts_with("   "));
        for line in text.filter(|line| line.chars().count() > 80) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words.iter().any(|word| word.len() > 60), "{} columns: {line}", line.chars().count());
        }
        assert!(plain.contains("help:") && plain.contains("; "), "{plain}");
    }
}

fn pipe() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for mode in [&["."][..], &["--check", "."], &["--unsafe", "."]] {
        let ran = world.run(mode).with(1);
        is_calm(&ran.out());
        is_calm(&ran.err);
    }
    let out = world.run(&["--check", "."]).with(1).out();
    assert!(out.lines().any(|line| line.chars().count() > 120), "a pipe's lines are whole: {out}");
}
