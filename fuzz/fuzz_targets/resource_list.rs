//! Any text as a file, and as the items of a ResourceList, goes through all rules with unsafe fixes: nothing
//! fails its proof, the operations say what the text became, and a second run has nothing to do.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use meshfix::config::Options;
use meshfix::engine::{self, Outcome, Settings};
use meshfix::manifest::{SourceFile, State};
use meshfix::report::{self, View};
use meshfix::transforms;
use meshfix::yaml;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let read = through("fuzz.yaml", text);
    let wrapped = through("list.yaml", &resource_list(text));
    if read || wrapped { Corpus::Keep } else { Corpus::Reject }
});

/// The documents of a text as items of a ResourceList, in its own indentation.
fn resource_list(text: &str) -> String {
    let mut list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n".to_owned();
    for slice in yaml::slices(text) {
        let mut lead = "- ";
        let body = text[slice.range()].split_inclusive('\n').filter(|line| !line.starts_with("---"));
        for line in body {
            list.push_str(lead);
            list.push_str(line);
            lead = "  ";
        }
        if !list.ends_with('\n') {
            list.push('\n');
        }
    }
    list
}

/// Runs everything over one file. Gives whether it holds something for the rules.
fn through(name: &str, text: &str) -> bool {
    if !SourceFile::is_worth_reading(name, text) {
        return false;
    }
    let Some(outcome) = run(name, text) else { return false };
    let Some(changed) = outcome.changed.first() else { return true };
    check_changes(&outcome, &changed.after);
    if let Some(again) = run(name, &changed.after) {
        let shown = again.changed.first().map(|changed| changed.after.clone());
        assert!(shown.is_none(), "the second run changes\n{text:?}\n{:?}\n{shown:?}", changed.after);
    }
    true
}

fn run(name: &str, text: &str) -> Option<Outcome> {
    let source = SourceFile::read(name.to_owned(), text.into(), None)?;
    let options = Options::default();
    let settings = Settings { unsafe_fixes: true, ..Settings::new(transforms::ALL.to_vec(), &options) };
    let outcome = engine::run(vec![source], &settings);
    assert!(outcome.internal.is_empty(), "{:?}\n{text:?}", outcome.internal);
    assert!(outcome.fighting.is_empty(), "{:?} undo each other\n{text:?}", outcome.fighting);
    let layout = report::text::Layout { paint: None, width: Some(80) };
    for written in [false, true] {
        let view = View::new(&outcome, written);
        for reported in &outcome.findings {
            let _ = report::text::finding(&view, reported, layout);
        }
        let _ = report::json::report(&view, &[]);
    }
    let diff = report::diff::diff(&outcome, None);
    assert_eq!(diff.is_empty(), outcome.changed.is_empty(), "a diff is printed where something changes\n{text:?}");
    Some(outcome)
}

/// The operations, applied to the values before, give the values after.
fn check_changes(outcome: &Outcome, after: &str) {
    let before = &outcome.files[0];
    let after = before.with_text(after.into());
    assert_eq!(before.slots.len(), after.slots.len());
    for (index, (old, new)) in before.slots.iter().zip(&after.slots).enumerate() {
        let (State::Read(old), State::Read(new)) = (&old.state, &new.state) else { continue };
        let Ok(mut value) = yaml::value(old) else { continue };
        for change in outcome.changes.iter().filter(|change| change.document as usize == index) {
            json_patch::patch(&mut value, &change.operations).expect("the operations apply");
        }
        assert_eq!(yaml::value(new).as_ref(), Ok(&value), "the operations tell what changed");
    }
}
