//! Lines on a terminal are as long as it is wide; a pipe gets them whole.

use libtest_mimic::Trial;
use meshfix::report::prose;
use meshfix::report::text::Layout;
use meshfix::{report, transforms};

use super::pseudo_terminal::{Shows, run};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("pages_of_rules_lose_nothing_in_any_width", pages),
        trial("explain_rules_and_help_fit_into_80_columns", fits),
        trial("a_terminal_that_does_not_say_its_width_asks_columns", columns),
        trial("explain_and_rules_are_not_wrapped_in_a_pipe", piped),
    ]
}

fn width_of(line: &str) -> usize {
    line.chars().count()
}

/// The lines of a page that are sentences, not code.
fn sentences(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let is_sentence = |line: &&str| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code && !line.contains("```")
    };
    page.lines().filter(is_sentence).collect()
}

fn pages() {
    for rule in transforms::ALL {
        let page = report::explain::page(rule.meta());
        assert_eq!(prose::shown(&page, Layout { paint: None, width: None }), page);
        for width in [40, 80, 200] {
            let shown = prose::shown(&page, Layout { paint: None, width: Some(width) });
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&shown), words(&page), "{} at {width}", rule.meta().name);
            let code = |text: &str| {
                let kept = sentences(text);
                text.lines().filter(|line| !kept.contains(line)).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(code(&shown), code(&page), "the examples of {} are as they are", rule.meta().name);
            for line in sentences(&shown) {
                // A word may be longer than a line.
                let is_one = line.split_whitespace().count() < 3;
                assert!(width_of(line) <= width.min(100) || is_one, "{} at {width}: {line}", rule.meta().name);
            }
        }
    }
}

fn shown(world: &World, args: &[&str], columns: u16, environment: &[(&str, &str)]) -> String {
    let mut command = world.command(args);
    command.env("TERM", "xterm").env("NO_COLOR", "1").env("PAGER", "").envs(environment.iter().copied());
    run(&mut command, columns, Shows::Out).with(0).terminal
}

fn fits() {
    let world = World::new();
    for args in [&["rules"][..], &["--help"], &["-h"], &["explain", "--help"], &["completions", "--help"]] {
        for line in shown(&world, args, 80, &[]).lines() {
            assert!(width_of(line) <= 80, "{args:?}: {line}");
        }
    }
    for line in sentences(&shown(&world, &["explain", "exposed-service"], 80, &[])) {
        assert!(width_of(line) <= 80, "{line}");
    }
    // The tables of the help keep their rows.
    let help = shown(&world, &["--help"], 80, &[]);
    for (name, text) in [meshfix::cli::help::EXAMPLES, meshfix::cli::help::ENVIRONMENT].concat() {
        assert!(help.lines().any(|line| line.contains(name) && line.ends_with(text)), "{name} in\n{help}");
    }
    // The list of rules keeps its columns.
    let rules = shown(&world, &["rules"], 80, &[]);
    let starts = rules.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(starts, transforms::ALL.len(), "{rules}");
    assert!(rules.lines().count() > starts, "some summaries need a second line\n{rules}");
    assert!(shown(&world, &["rules"], 50, &[]).lines().all(|line| width_of(line) <= 50));
}

fn columns() {
    let world = World::new();
    let widest = |columns, environment: &[(&str, &str)]| {
        shown(&world, &["rules"], columns, environment).lines().map(width_of).max()
    };
    assert!(widest(0, &[("COLUMNS", "72")]) <= Some(72));
    assert!(widest(0, &[("COLUMNS", "100")]) > Some(80));
    assert!(widest(0, &[("COLUMNS", "wide")]) <= Some(80));
    assert!(widest(0, &[]) <= Some(80));
    assert!(widest(100, &[("COLUMNS", "60")]) > Some(80), "the terminal knows better");
}

fn piped() {
    let world = World::new();
    for rule in ["exposed-service", "app-label"] {
        let meta = transforms::ALL.iter().map(|rule| rule.meta()).find(|meta| meta.name == rule).expect("the rule");
        assert_eq!(world.run(&["explain", rule]).with(0).out(), report::explain::page(meta));
    }
    let out = world.run(&["rules"]).with(0).out();
    assert_eq!(out.lines().count(), transforms::ALL.len());
    assert!(out.lines().any(|line| width_of(line) > 100), "{out}");
}
