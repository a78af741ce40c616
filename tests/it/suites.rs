//! Suites of other projects that judge rules, read in place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use meshfix::config::Options;
use meshfix::engine::{self, Outcome, Settings};
use meshfix::manifest::SourceFile;
use meshfix::rule::Level;
use meshfix::transforms;
use meshfix::yaml::{self, Op, Plan};
use serde_json::Value;

use crate::shared;

pub(crate) fn trials() -> Vec<Trial> {
    let Some(folder) = shared::folder() else {
        shared::skip("the suites that judge rules");
        return Vec::new();
    };
    let polaris = folder.join("suites/polaris-mutation/test/checks");
    let istio = folder.join("suites/istio-analyzers");
    let (host_network, host_port) = (polaris.join("hostNetworkSet"), polaris.join("hostPortSet"));
    vec![
        Trial::test("polaris::host_network", move || polaris_host_network(&host_network)),
        Trial::test("polaris::host_port", move || polaris_host_port(&host_port)),
        Trial::test("istio_analyzers::user_1337", move || istio_user(&istio)),
    ]
}

fn run(name: &str, text: &str, unsafe_fixes: bool) -> Outcome {
    let options = Options::default();
    let settings = Settings { unsafe_fixes, ..Settings::new(transforms::ALL.to_vec(), &options) };
    engine::run(SourceFile::read(name.to_owned(), text.into(), None).into_iter().collect(), &settings)
}

fn values(text: &str) -> Result<Vec<Value>, Failed> {
    let text: std::sync::Arc<str> = text.into();
    let read = |slice| -> Result<Option<Value>, Failed> {
        Ok(yaml::parse(&text, slice)?.map(|doc| yaml::value(&doc)).transpose()?)
    };
    yaml::slices(&text).into_iter().filter_map(|slice| read(slice).transpose()).collect()
}

/// The lines of `after` that `before` does not have, and the other way round.
fn changed_lines(before: &str, after: &str) -> usize {
    similar::TextDiff::from_lines(before, after)
        .iter_all_changes()
        .filter(|change| change.tag() != similar::ChangeTag::Equal)
        .count()
}

fn polaris_host_network(case: &Path) -> Result<(), Failed> {
    let before = fs::read_to_string(case.join("failure.yaml"))?;
    let outcome = run("failure.yaml", &before, true);
    let after = outcome.changed.first().ok_or("the case is fixed")?.after.to_string();
    // polaris writes the field's default out, we take the field away: the same to the API server.
    let normal = |text: &str| -> Result<Vec<Value>, Failed> {
        let mut values = values(text)?;
        for value in &mut values {
            if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
                && spec.get("hostNetwork") == Some(&Value::Bool(false))
            {
                spec.remove("hostNetwork");
            }
        }
        Ok(values)
    };
    if normal(&after)? != normal(&fs::read_to_string(case.join("mutated.yaml"))?)?
        || changed_lines(&before, &after) != 1
    {
        return Err(after.into());
    }
    Ok(())
}

/// The rule for host ports comes later; the edit layer takes the field out all the same.
fn polaris_host_port(case: &Path) -> Result<(), Failed> {
    let before = fs::read_to_string(case.join("failure.yaml"))?;
    let doc = yaml::parse_text(&before)?.ok_or("a document")?;
    let field = doc.root().pointer(&["spec", "containers", "0", "ports", "0", "hostPort"]).ok_or("the field")?;
    let mut plan = Plan::new(&doc);
    plan.admit(&[(field.into(), Op::Remove)]).map_err(|denial| format!("{denial:?}"))?;
    let rendering = plan.render()?;
    let after: std::sync::Arc<str> = rendering.edits.apply(&before).into();
    yaml::prove(&doc, &rendering, &after, meshfix::text::Span::new(0, after.len()))?;
    if values(&after)? != values(&fs::read_to_string(case.join("mutated.yaml"))?)?
        || changed_lines(&before, &after) != 1
    {
        return Err(after.to_string().into());
    }
    Ok(())
}

/// The resources of IST0144 on every input of the suite: the same set, and none left after the fix.
fn istio_user(suite: &Path) -> Result<(), Failed> {
    let table = fs::read_to_string(suite.join("EXPECTED.tsv"))?;
    let mut cases: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, inputs, _, _, _, expected] = columns[..] else { return Err(format!("unknown columns: {line}").into()) };
        for input in inputs.split([',', ' ', ';']).filter(|input| input.ends_with(".yaml")) {
            let resources =
                expected.split(';').filter_map(|message| message.strip_prefix("IST0144 ")?.split(['[', ']']).nth(1));
            cases.entry(input).or_default().extend(resources.map(str::to_owned));
        }
    }
    if cases.len() < 60 || cases.values().filter(|resources| !resources.is_empty()).count() != 4 {
        return Err("the suite has other cases than this test knows".into());
    }
    for (input, expected) in cases {
        let input = input.rsplit(':').next().unwrap_or(input);
        let text = fs::read_to_string(suite.join("pkg/config/analysis/analyzers").join(input))?;
        let outcome = run(input, &text, true);
        // Advice (init containers, groups of files) is ours alone.
        let is_ours = |reported: &&engine::Reported| {
            reported.finding.istio == Some("IST0144") && reported.finding.level > Level::Info
        };
        let name = |reported: &engine::Reported| {
            format!("{} {}", reported.finding.resource.kind, reported.finding.resource.name)
        };
        let found: BTreeSet<String> = outcome.findings.iter().filter(is_ours).map(name).collect();
        if found != expected {
            return Err(format!("{input}: found {found:?}, Istio's analyzer finds {expected:?}").into());
        }
        if outcome.open().any(|reported| is_ours(&reported)) {
            return Err(format!("{input}: left after the fix").into());
        }
    }
    Ok(())
}
