//! The reports of all fixtures, held to the schemas that their readers publish, and read by one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use meshfix::report::{self, View};
use serde_json::Value;

use super::world::ferry;
use crate::fixtures::{self, Case};
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<(), Failed>| Trial::test(format!("formats::{name}"), test);
    vec![
        trial("sarif_of_all_fixtures_is_as_its_schema_has_it", sarif),
        trial("rdjson_of_all_fixtures_is_as_its_schema_has_it", rdjson),
        trial("gitlab_of_all_fixtures_is_as_its_schema_has_it", gitlab),
        trial("junit_of_all_fixtures_is_as_its_schema_has_it", junit),
        trial("reviewdog_reads_rdjson_and_sarif", reviewdog),
    ]
}

type Report = fn(&View<'_>, &[(String, String)]) -> String;

/// The reports of all fixtures, before and after writing, and one of a run that skips and refuses.
fn reports(folder: &Path, format: &str, report: Report) -> Result<Vec<PathBuf>, Failed> {
    let mut paths = Vec::new();
    let mut add = |text: String| -> Result<(), Failed> {
        let path = folder.join(format!("{}.{format}", paths.len()));
        fs::write(&path, text)?;
        paths.push(path);
        Ok(())
    };
    for (i, (_, case)) in fixtures::all().into_iter().enumerate() {
        let case = Case::load(&case);
        let outcome = case.run(&case.files);
        let skipped = [("a b.yaml".to_owned(), "not UTF-8 <&>".to_owned())];
        add(report(&View::new(&outcome, i % 4 == 3), &skipped[..i % 2]))?;
    }
    add(ferry().run(&["--format", format, "--unsafe", "."]).with(1).out())?;
    if paths.len() < 300 { Err("the fixtures are found".into()) } else { Ok(paths) }
}

/// Runs a validator once on all reports; it must refuse one that was spoilt.
fn validate(format: &str, report: Report, command: &dyn Fn() -> Command, spoil: (&str, &str)) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let paths = reports(folder.path(), format, report)?;
    let ran = command().args(&paths).output()?;
    if !ran.status.success() {
        let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        return Err(text.chars().take(4000).collect::<String>().into());
    }
    let last = paths.last().ok_or("a report")?;
    let good = fs::read_to_string(last)?;
    let bad = good.replace(spoil.0, spoil.1);
    if good == bad {
        return Err(format!("`{}` is in no report", spoil.0).into());
    }
    fs::write(last, bad)?;
    let ran = command().arg(last).output()?;
    if ran.status.success() { Err("the validator takes anything".into()) } else { Ok(()) }
}

/// `check-jsonschema` with one of the schemas that are installed.
fn by_schema(format: &str, schema: &str, report: Report, spoil: (&str, &str)) -> Result<(), Failed> {
    let Some([validator, schema]) = programs::find(format, ["check-jsonschema", schema]) else { return Ok(()) };
    let command = || {
        let mut command = Command::new(&validator);
        command.arg("--schemafile").arg(&schema);
        command
    };
    validate(format, report, &command, spoil)
}

fn sarif() -> Result<(), Failed> {
    by_schema("sarif", "schemas/sarif.json", report::sarif::report, ("\"startLine\": ", "\"startLine\": -"))
}

fn rdjson() -> Result<(), Failed> {
    by_schema("rdjson", "schemas/rdjson.json", report::rdjson::report, ("\"severity\": \"ERROR\"", "\"severity\": {}"))
}

fn gitlab() -> Result<(), Failed> {
    let Some([validator]) = programs::find("gitlab", ["check-jsonschema"]) else { return Ok(()) };
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/gitlab-code-quality.json");
    let command = || {
        let mut command = Command::new(&validator);
        command.arg("--schemafile").arg(&schema);
        command
    };
    validate("gitlab", report::gitlab::report, &command, ("\"severity\": \"major\"", "\"severity\": \"fatal\""))
}

fn junit() -> Result<(), Failed> {
    let Some([validator, schema]) = programs::find("junit", ["xmlschema-validate", "schemas/junit.xsd"]) else {
        return Ok(());
    };
    let command = || {
        let mut command = Command::new(&validator);
        command.arg("--schema").arg(&schema);
        command
    };
    validate("junit", report::junit::report, &command, ("<failure ", "<fault "))
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
        let ran = crate::cli::support::finish(&mut command, text.as_bytes()).with(0);
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
