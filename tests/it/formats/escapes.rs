//! Nothing that stands in a manifest or a name can leave its place in a report.

use libtest_mimic::Trial;
use meshfix::report::github;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

use super::trial;
use super::world::{ODD, ferry, pod};
use crate::cli::support::World;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("a_command_of_github_says_what_was_put_in", commands),
        trial("names_of_files_come_back_from_every_format", names),
        trial("hostile_values_stay_in_their_place", hostile),
        trial("a_page_has_no_markup_but_its_own", markup),
    ]
}

/// A command as the runner reads it: name, properties, message.
type Command = (String, Vec<(String, String)>, String);

/// Reads one line as the runner of GitHub Actions does.
fn read(line: &str) -> Result<Command, String> {
    let rest = line.trim_start().strip_prefix("::").ok_or("no command")?;
    let (head, message) = rest.split_once("::").ok_or("no end of the properties")?;
    let (name, properties) = head.split_once(' ').ok_or("no properties")?;
    let mut read = Vec::new();
    for property in properties.split(',') {
        let (name, value) = property.split_once('=').ok_or("no value")?;
        read.push((name.to_owned(), unescaped(value, &["%0D", "%0A", "%3A", "%2C"])));
    }
    Ok((name.to_owned(), read, unescaped(message, &["%0D", "%0A"])))
}

/// The runner replaces one code after the other, `%25` last.
fn unescaped(text: &str, codes: &[&str]) -> String {
    codes.iter().chain(&["%25"]).fold(text.to_owned(), |text, code| {
        let byte = u8::from_str_radix(&code[1..], 16).expect("digits");
        text.replace(code, &char::from(byte).to_string())
    })
}

fn commands() {
    // Any text, and text of nothing but what means something.
    let text = || prop_oneof![any::<String>(), "([%:,=\r\n ]|::|%25|%0A|%3A|##\\[|error|file=|[a-z🛥])*"];
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let done = runner.run(&(text(), text(), text()), |(title, file, message)| {
        let command = github::command("error", &[("title", &title), ("file", &file)], &message);
        let line = command.strip_suffix('\n').ok_or_else(|| TestCaseError::fail("no end of the line"))?;
        prop_assert!(!line.contains(['\n', '\r']), "{line:?}");
        let expected = ("error".to_owned(), vec![("title".to_owned(), title), ("file".to_owned(), file)], message);
        prop_assert_eq!(read(line), Ok(expected));
        Ok(())
    });
    done.expect("what was put in comes back");
}

fn names() {
    let run = |format: &str| ferry().run(&["--select=host-network", "--unsafe", "--format", format, "."]).with(1).out();
    let json = |format: &str| serde_json::from_str::<Value>(&run(format)).expect("JSON");
    let is_there = |names: Vec<String>, format: &str| assert!(names.contains(&ODD.to_owned()), "{format}: {names:?}");
    let texts = |list: &Value, pointer: &str| {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()).collect::<Vec<_>>()
    };
    let uris = texts(&json("sarif")["runs"][0]["results"], "/locations/0/physicalLocation/artifactLocation/uri");
    assert!(uris.iter().all(|uri| uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte))));
    is_there(uris.iter().map(|uri| super::apply::decoded(uri)).collect(), "sarif");
    is_there(texts(&json("rdjson")["diagnostics"], "/location/path"), "rdjson");
    is_there(texts(&json("gitlab"), "/location/path"), "gitlab");
    let files = |line: &str| {
        read(line).expect("a command").1.into_iter().find(|(name, _)| name == "file").map(|(_, file)| file)
    };
    is_there(run("github").lines().filter_map(files).collect(), "github");
    let junit = run("junit");
    let suites = junit.lines().filter_map(|line| line.trim_start().strip_prefix("<testsuite name=\""));
    is_there(suites.filter_map(|rest| rest.split('"').next()).map(references).collect(), "junit");
    let page = run("markdown");
    let cells = page.lines().filter(|line| line.starts_with("| error")).filter_map(|line| line.split('|').nth(2));
    let places = cells.map(|cell| references(cell.trim().trim_start_matches("<code>").trim_end_matches("</code>")));
    is_there(places.filter_map(|place| Some(place.rsplit_once(':')?.0.to_owned())).collect(), "markdown");
}

/// A text without the references of XML and HTML.
fn references(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').expect("a reference ends");
        out.push_str(before);
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => {
                let number = number.strip_prefix('#').expect("a number").parse().expect("a number");
                char::from_u32(number).expect("a character")
            }
        });
        rest = after;
    }
    out + rest
}

/// Values and names that mean something to terminals, to runners and to pages.
fn evil() -> World {
    let name = "x::error file=y::z\u{202e}\u{7}.yaml";
    let value =
        "\\e[2J\\u202e\\uFFFE]]>&#x41;{0}[a](b)|`c` <img src=x> @here #1 ::stop-commands::t ##[error]\\n::warning::w";
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"{value}\"\nspec:\n  hostNetwork: true\n  dnsPolicy: \"{value}\"\n  containers: [{{name: \"{value}\", image: x}}]\n"
    );
    let world = World::with(&[("new\nline.yaml", &pod("a")), (name, &text)]);
    world.write("evil/@all #2 </code>.yaml", text);
    world
}

const ALL: [&str; 6] = ["sarif", "github", "gitlab", "junit", "rdjson", "markdown"];

fn hostile() {
    let world = evil();
    for format in ALL {
        let text = world.run(&["--unsafe", "--format", format, "."]).with(1).out();
        let wild = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{fffe}' | '\u{feff}')
        };
        let found = text.chars().find(|c| wild(*c)).filter(|c| format == "junit" || *c != '\u{fffe}');
        assert_eq!(found, None, "{format}:\n{text}");
        match format {
            "github" => {
                for line in text.lines() {
                    let (name, properties, message) = read(line).expect("a command");
                    assert!(["error", "warning", "notice"].contains(&name.as_str()), "{line}");
                    assert_eq!(properties.len(), 6, "{line}");
                    assert!(!message.is_empty(), "{line}");
                }
            }
            "junit" => well_formed(&text),
            "markdown" => {}
            _ => {
                let report: Value = serde_json::from_str(&text).expect("JSON");
                assert!(report.to_string().contains("::stop-commands::t"), "{format} has the values whole");
            }
        }
    }
}

/// Tags close in order, attributes are quoted, and references are those that XML has.
#[track_caller]
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("the declaration");
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{before}");
        references(before);
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
            continue;
        }
        let (tag, closes) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{tag}");
        let parts: Vec<&str> = attributes.split('"').collect();
        assert_eq!(parts.len() % 2, 1, "{tag}");
        for pair in parts.chunks(2).filter(|pair| pair.len() == 2) {
            let name = pair[0].trim_start().strip_suffix('=').expect("a name");
            assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()), "{tag}");
            references(pair[1]);
        }
        if !closes {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}

fn markup() {
    let page = evil().run(&["--unsafe", "--format", "markdown", "."]).with(1).out();
    let (table, diff) = page.split_once("\n```").unwrap_or_else(|| panic!("a diff in\n{page}"));
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        rows += 1;
        assert_eq!(line.matches('|').count(), 6, "five cells: {line}");
    }
    assert!(rows > 5, "{table}");
    let mut bare = table.to_owned();
    for own in ["<code>", "</code>", "<br>", "<details>", "<summary>", "</summary>", "### ", "|---|---|---|---|---|"] {
        bare = bare.replace(own, "");
    }
    let mut rest = bare.as_str();
    while let Some((_, after)) = rest.split_once('&') {
        let digits = after.strip_prefix('#').and_then(|after| after.split_once(';')).expect("a reference").0;
        assert!(digits.parse::<u32>().is_ok(), "{digits}");
        rest = after;
    }
    let special = bare.replace("&#", "&").chars().find(|c| "<>`*_[]\\~$@#{}".contains(*c));
    assert_eq!(special, None, "{bare}");
    // Whoever is called in a value is not called by the page.
    assert!(!table.contains("@here") && !table.contains("@all"), "{table}");
    let fence: String = diff.chars().take_while(|c| *c == '`').collect();
    assert_eq!(diff.matches(&format!("\n```{fence}\n")).count(), 1, "the fence closes once: {diff}");
}
