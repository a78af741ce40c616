//! The reports of all fixtures, held to the schemas that their readers publish, and read by one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use meshfix::report::{self, View};
use serde_json::Value;

use super::world::ferry;
use crate::cli::support::finish;
use crate::fixtures::{self, Case};
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("formats::reports_of_all_fixtures_are_as_their_schemas_have_them", validate),
        Trial::test("formats::reviewdog_reads_rdjson_and_sarif", reviewdog),
    ]
}

type Report = fn(&View<'_>, &[(String, String)]) -> String;

/// A format, its validator with its schema behind it, and what the validator must refuse.
struct Format {
    name: &'static str,
    report: Report,
    validator: Vec<PathBuf>,
    spoilt: (&'static str, &'static str),
}

fn formats() -> Option<Vec<Format>> {
    let suite = "the schemas of reports";
    let [json, sarif, rdjson] =
        programs::find(suite, ["check-jsonschema", "schemas/sarif.json", "schemas/rdjson.json"])?;
    let [xml, junit] = programs::find(suite, ["xmlschema-validate", "schemas/junit.xsd"])?;
    let gitlab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/gitlab-code-quality.json");
    let by_schema = |schema: PathBuf| vec![json.clone(), "--schemafile".into(), schema];
    let format = |name, report: Report, validator, spoilt| Format { name, report, validator, spoilt };
    Some(vec![
        format("sarif", report::sarif::report, by_schema(sarif), ("\"startLine\": ", "\"startLine\": -")),
        format("rdjson", report::rdjson::report, by_schema(rdjson), ("\"severity\": \"ERROR\"", "\"severity\": {}")),
        format(
            "gitlab",
            report::gitlab::report,
            by_schema(gitlab),
            ("\"severity\": \"major\"", "\"severity\": \"fatal\""),
        ),
        format("junit", report::junit::report, vec![xml, "--schema".into(), junit], ("<failure ", "<fault ")),
    ])
}

/// Every validator runs once, on the reports of all fixtures, before and after writing.
fn validate() -> Result<(), Failed> {
    let Some(formats) = formats() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let mut paths: Vec<Vec<PathBuf>> = formats.iter().map(|_| Vec::new()).collect();
    let mut add = |i: usize, text: String| -> std::io::Result<()> {
        let path = folder.path().join(format!("{}.{}", paths[i].len(), formats[i].name));
        fs::write(&path, text)?;
        paths[i].push(path);
        Ok(())
    };
    for (number, (_, case)) in fixtures::all().into_iter().enumerate() {
        let case = Case::load(&case);
        let outcome = case.run(&case.files);
        let view = View::new(&outcome, number % 4 == 3);
        let skipped = [("a b.yaml".to_owned(), "not UTF-8 <&>".to_owned())];
        for (i, format) in formats.iter().enumerate() {
            add(i, (format.report)(&view, &skipped[..number % 2]))?;
        }
    }
    for (i, format) in formats.iter().enumerate() {
        add(i, ferry().run(&["--format", format.name, "--unsafe", "."]).with(1).out())?;
    }
    assert!(paths.iter().all(|paths| paths.len() > 300), "the fixtures are found");
    for (format, paths) in formats.iter().zip(&paths) {
        let run =
            |paths: &[PathBuf]| Command::new(&format.validator[0]).args(&format.validator[1..]).args(paths).output();
        let ran = run(paths)?;
        if !ran.status.success() {
            let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
            return Err(format!("{}: {}", format.name, text.chars().take(4000).collect::<String>()).into());
        }
        let last = paths.last().ok_or("a report")?;
        let good = fs::read_to_string(last)?;
        let bad = good.replace(format.spoilt.0, format.spoilt.1);
        assert_ne!(good, bad, "{}", format.name);
        fs::write(last, bad)?;
        assert!(!run(std::slice::from_ref(last))?.status.success(), "the validator of {} takes anything", format.name);
    }
    Ok(())
}

/// reviewdog prints what it understood, one diagnostic a line.
fn reviewdog() -> Result<(), Failed> {
    let Some([reviewdog]) = programs::find("reviewdog", ["reviewdog"]) else { return Ok(()) };
    let world = ferry();
    for format in ["rdjson", "sarif"] {
        let text = world.run(&["--format", format, "--unsafe", "."]).with(1).out();
        let report: Value = serde_json::from_str(&text)?;
        let list = if format == "sarif" { &report["runs"][0]["results"] } else { &report["diagnostics"] };
        let expected = list.as_array().ok_or("a list")?;
        let mut command = world.clean(reviewdog.to_str().ok_or("a path")?);
        command.args(["-f", format, "-reporter=rdjson", "-filter-mode=nofilter", "-diff=true"]);
        let ran = finish(&mut command, text.as_bytes()).with(0);
        let read: Value = serde_json::from_str(&ran.out())?;
        let read = read["diagnostics"].as_array().ok_or("diagnostics")?;
        if read.len() != expected.len() {
            return Err(format!("{format}: {} of {}", read.len(), expected.len()).into());
        }
        for (read, expected) in read.iter().zip(expected) {
            let mut read = read.clone();
            // It leaves out what is empty.
            if let Some(suggestion) = read.pointer_mut("/suggestions/0").and_then(Value::as_object_mut) {
                suggestion.entry("text").or_insert_with(|| "".into());
            }
            let rule = if format == "sarif" { &expected["ruleId"] } else { &expected["code"]["value"] };
            let is_same = read["code"]["value"] == *rule
                && (format == "sarif" || read["suggestions"] == expected["suggestions"])
                && (format == "sarif" || read["location"] == expected["location"]);
            if !is_same {
                return Err(format!("{format}: reviewdog read\n{read:#}\nfrom\n{expected:#}").into());
            }
        }
    }
    Ok(())
}
