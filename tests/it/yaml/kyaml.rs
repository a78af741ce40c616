//! The YAML literals of kyaml's tests: read, and not a byte changed where nothing is to change.

use std::fs;
use std::sync::Arc;

use libtest_mimic::Trial;
use meshfix::yaml::{self, Plan};
use serde_json::Value;

use super::support;

/// Literals that are no YAML, by the end of their place, with the reason.
const INVALID: &[(&str, &str)] = &[
    ("yaml/rnode_test.go:1375", "the text of an error"),
    ("yaml/fns_test.go:162", "the text of an error"),
    ("yaml/fns_test.go:860", "the text of an error"),
    ("framework/processors_test.go:491", "the text of an error"),
    ("framework/processors_test.go:517", "the text of an error"),
    ("framework/processors_test.go:542", "the text of an error"),
    ("framework/processors_test.go:774", "the text of an error"),
    ("framework/processors_test.go:787", "the text of an error"),
    ("framework/processors_test.go:801", "the text of an error"),
    ("framework/patch_test.go:39", "a Go template"),
    ("framework/example_test.go:272", "a Go template"),
    ("framework/example_test.go:906", "a Go template"),
    ("framework/example_test.go:137", "a format string"),
    ("command/example_test.go:120", "a format string"),
    ("command/example_test.go:221", "a format string"),
    ("kio/pkgio_reader_test.go:227", "a piece of JSON"),
    ("kio/pkgio_reader_test.go:234", "a piece of JSON"),
    ("yaml/util_test.go:181", "invalid on purpose: a sequence on its key's line"),
    ("filters/fmtr_test.go:654", "invalid on purpose: a tab for indentation"),
    ("kio/byteio_reader_test.go:432", "invalid on purpose: a mapping behind a scalar"),
    ("kio/byteio_reader_test.go:674", "invalid on purpose: a tab for indentation"),
];

pub(super) fn trials() -> Vec<Trial> {
    let Some(folder) = crate::shared::folder() else {
        crate::shared::skip("kyaml");
        return Vec::new();
    };
    let path = folder.join("suites/kyaml/literals.jsonl");
    vec![support::trial("yaml::kyaml::literals", move || {
        let lines = fs::read_to_string(&path).expect("literals.jsonl");
        let literals: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(literals.len() > 1_000, "{} literals", literals.len());
        literals.iter().filter_map(|literal| read(literal).err()).collect()
    })]
}

fn read(literal: &Value) -> Result<(), String> {
    let text = literal["text"].as_str().ok_or("no text")?;
    let shared: Arc<str> = text.into();
    let place = format!("{}:{}", literal["file"].as_str().unwrap_or_default(), literal["line"]);
    let excused = INVALID.iter().any(|(end, _)| place.ends_with(end));
    let mut fault = None;
    for slice in yaml::slices(text) {
        match yaml::parse(&shared, slice) {
            Err(error) => fault = Some(format!("{place}: {error} at {:?}: {text:?}", error.at)),
            Ok(None) => {}
            Ok(Some(doc)) => {
                let rendering = Plan::new(&doc).render().map_err(|refusal| format!("{place}: {refusal}"))?;
                if rendering.edits.apply(text) != text {
                    return Err(format!("{place}: changed"));
                }
            }
        }
    }
    match fault {
        Some(_) if excused => Ok(()),
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}
