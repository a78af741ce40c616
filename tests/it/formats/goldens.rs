//! One report of each format, to read. `UPDATE=1` writes them; review is `git diff`.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::Value;

use super::world::{CHOSEN, ferry};
use crate::cli::support::{World, finish};

pub(super) fn trials() -> Vec<Trial> {
    let names = [
        ("sarif", "json"),
        ("github", "txt"),
        ("gitlab", "json"),
        ("junit", "xml"),
        ("rdjson", "json"),
        ("markdown", "md"),
    ];
    let golden = |(format, ending): (&'static str, &'static str)| {
        Trial::test(format!("formats::golden_{format}"), move || {
            let ran = ferry().run(&[CHOSEN, "--unsafe", "--format", format, "."]).with(1);
            let text = if format == "sarif" { without_pages(&ran.out()) } else { ran.out() };
            is_golden(&format!("{format}.{ending}"), &text);
            Ok(())
        })
    };
    let mut trials: Vec<Trial> = names.into_iter().map(golden).collect();
    let rest: [(&str, fn()); 3] = [
        ("what_is_written_is_gone", written),
        ("a_run_without_findings_is_a_whole_report", empty),
        ("the_summary_of_a_job_is_appended_and_bounded", job_summary),
    ];
    trials.extend(rest.map(|(name, test)| {
        Trial::test(format!("formats::{name}"), move || {
            test();
            Ok(())
        })
    }));
    trials
}

#[track_caller]
fn is_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/formats/goldens").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, found).expect("written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != found {
        let diff = similar::TextDiff::from_lines(&expected, found).unified_diff().header(name, "now").to_string();
        panic!("{name} is not what it was; UPDATE=1 rewrites it\n{diff}");
    }
}

/// The pages of rules have goldens of their own.
fn without_pages(report: &str) -> String {
    let mut report: Value = serde_json::from_str(report).expect("JSON");
    for rule in report["runs"][0]["tool"]["driver"]["rules"].as_array_mut().expect("rules") {
        for form in ["text", "markdown"] {
            let page = rule["help"][form].as_str().expect("a page");
            assert!(page.contains("## Why"), "{page}");
            rule["help"][form] = page.lines().next().expect("a line").into();
        }
    }
    format!("{report:#}\n")
}

const ALL: [&str; 6] = ["sarif", "github", "gitlab", "junit", "rdjson", "markdown"];

/// How often a report names a rule at a place.
fn places(world: &World, format: &str, flags: &[&str]) -> usize {
    let text = world.run(&[&[CHOSEN, "--format", format], flags, &["."]].concat()).out();
    let report: Value = serde_json::from_str(&text).unwrap_or_default();
    let length = |list: &Value| list.as_array().expect("a list").len();
    match format {
        "sarif" => length(&report["runs"][0]["results"]),
        "rdjson" => length(&report["diagnostics"]),
        "gitlab" => length(&report),
        "github" => text.lines().count(),
        "junit" => text.matches("<failure").count(),
        _ => text.lines().filter(|line| line.starts_with("| error") || line.starts_with("| warning")).count(),
    }
}

fn written() {
    for format in ALL {
        let world = ferry();
        let all = places(&world, format, &["--unsafe"]);
        let open = places(&world, format, &["--unsafe", "--write"]);
        assert_eq!((all, open), (5, 2), "{format}: what is fixed is not there any more");
        assert_eq!(places(&world, format, &["--unsafe"]), 2, "{format}: the next run says the same");
    }
    let world = ferry();
    let ran = world.run(&[CHOSEN, "--unsafe", "--write", "--format", "sarif", "."]);
    assert!(!ran.out().contains("\"fixes\""), "{}", ran.out());
}

fn empty() {
    for format in ALL {
        let ran = World::new().run(&["--format", format, "."]).with(0);
        is_golden(
            &format!("empty.{format}"),
            &if format == "sarif" { without_pages_at_all(&ran.out()) } else { ran.out() },
        );
    }
}

fn without_pages_at_all(report: &str) -> String {
    let mut report: Value = serde_json::from_str(report).expect("JSON");
    let rules = &mut report["runs"][0]["tool"]["driver"]["rules"];
    assert_eq!(rules.as_array().expect("rules").len(), meshfix::transforms::ALL.len(), "all that ran");
    *rules = Value::Array(Vec::new());
    format!("{report:#}\n")
}

fn job_summary() {
    let world = ferry();
    let summary = |flags: &[&str]| {
        let mut command = world.command(&[&[CHOSEN, "--unsafe", "--format", "github"], flags, &["."]].concat());
        finish(command.env("GITHUB_STEP_SUMMARY", world.outside("summary.md")), b"").with(1);
        fs::read_to_string(world.outside("summary.md")).expect("the summary")
    };
    fs::write(world.outside("summary.md"), "What an earlier step said.\n").expect("written");
    let page = world.run(&[CHOSEN, "--unsafe", "--format", "markdown", "."]).out();
    assert_eq!(summary(&[]), format!("What an earlier step said.\n{page}"));
    // GitHub drops a summary of more than 1 MiB whole.
    fs::write(world.outside("summary.md"), "x".repeat((1 << 20) - 2500)).expect("written");
    let full = summary(&[]);
    assert!(
        full.len() <= 1 << 20 && full.contains("### meshfix") && full.contains("more"),
        "{}",
        full.trim_matches('x')
    );
    fs::write(world.outside("summary.md"), "x".repeat((1 << 20) - 10)).expect("written");
    assert_eq!(summary(&[]).len(), (1 << 20) - 10, "nothing fits");
}
