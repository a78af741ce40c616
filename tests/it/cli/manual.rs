//! The manual page names all that the help names, and can be read.

use clap::{Command, CommandFactory as _};
use libtest_mimic::Trial;
use meshfix::cli::{Cli, help};

use super::support::{World, finish, has, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_manual_names_every_flag_of_every_command", flags),
        trial("the_manual_can_be_shown", shown),
        trial("the_help_names_every_flag", help_names_all),
    ]
}

/// The page as text, without roff's own words.
fn page(world: &World) -> String {
    let page = world.run(&["man"]).with(0).out();
    let page = page.replace("\\-", "-").replace("\\*(Aq", "'");
    ["\\fB", "\\fI", "\\fR", "\\&"].iter().fold(page, |page, word| page.replace(word, ""))
}

/// What the page says of a command: from its heading to the next.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(heading).unwrap_or_else(|| panic!("{heading} is not in\n{page}")) + heading.len();
    let ends = ["\n.SH ", "\n.SS "].into_iter().filter_map(|mark| page[start..].find(mark));
    &page[start..start + ends.min().unwrap_or(page.len() - start)]
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Calls `check` with each command that is not hidden, and its names from the program's on.
fn each(command: &Command, check: &dyn Fn(&Command, &str)) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    check(command, &name);
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    shown.for_each(|inner| each(inner, check));
}

fn flags() {
    let world = World::new();
    let page = page(&world);
    let mut command = Cli::command();
    command.build();
    each(&command, &|command, name| {
        let is_root = name == "meshfix";
        let heading = if is_root { "\n.SH OPTIONS\n".to_owned() } else { format!("\n.SS \"{name}\"\n") };
        let options = part(&page, &heading);
        let options = one_line(options);
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let flag = arg.get_long().map(|long| format!("--{long}"));
            let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
            let wanted = flag.or(value).unwrap_or_else(|| panic!("{arg:?} has a name"));
            assert!(options.contains(&wanted), "{name}: {wanted} is not in\n{options}");
            if let Some(help) = arg.get_help().filter(|_| arg.get_long() != Some("help")) {
                assert!(options.contains(&one_line(&help.to_string())), "{name}: {wanted}: {help}\n{options}");
            }
        }
        if !is_root {
            let about = command.get_about().expect("a sentence").to_string();
            assert!(options.contains(&one_line(&about)), "{name}: {about}");
        }
    });
    assert!(!page.contains("kustomize-plugin") && !page.contains("complete-kubectl"), "what is hidden");
    assert!(one_line(part(&page, "\n.SH \"EXIT STATUS\"\n")).contains(&one_line(help::EXIT_CODES)), "{page}");
    for (name, text) in [help::ENVIRONMENT, help::EXAMPLES].concat() {
        assert!(page.contains(name) && page.contains(text), "{name}");
    }
}

/// Bold letters are printed twice at one place.
fn without_overstrikes(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter == '\u{8}' {
            out.pop();
        } else {
            out.push(letter);
        }
    }
    out
}

fn shown() {
    let world = World::new();
    let page = world.run(&["man"]).with(0).bytes;
    let mut is_shown = false;
    for (program, args) in [
        ("man", &["--warnings", "-l", "-"][..]),
        ("groff", &["-ww", "-man", "-Tascii"]),
        ("mandoc", &["-Tlint", "-Wwarning"]),
    ] {
        if !has(program) {
            continue;
        }
        is_shown = true;
        let ran = finish(world.clean(program).args(args).env("MANWIDTH", "80"), &page).with(0);
        assert_eq!(ran.err, "", "{program}");
        let text = without_overstrikes(&ran.out());
        let lint = program == "mandoc";
        assert!(lint || text.contains("no-progress") && text.contains("meshfix completions"), "{program}: {text}");
    }
    if !is_shown {
        left_out("man, groff and mandoc are not there");
    }
}

fn help_names_all() {
    let world = World::new();
    let mut command = Cli::command();
    command.build();
    each(&command, &|command, name| {
        let words: Vec<&str> = name.split(' ').skip(1).chain(["--help"]).collect();
        let help = world.run(&words).with(0).out();
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let long = arg.get_long().map_or_else(|| "PATH".to_owned(), |long| format!("--{long}"));
            let has_it = help.contains(&long) || arg.is_positional();
            assert!(has_it, "{name}: {long}\n{help}");
        }
    });
}
