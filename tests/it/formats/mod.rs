//! The reports for other programs: SARIF, GitHub, GitLab, JUnit, rdjson, Markdown.

mod apply;
mod columns;
mod docs;
mod escapes;
mod goldens;
mod same;
mod schemas;
mod streams;
mod suggestions;
mod world;

use libtest_mimic::Trial;

/// A trial that fails by panicking.
fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(format!("formats::{name}"), move || {
        run();
        Ok(())
    })
}

pub(crate) fn trials() -> Vec<Trial> {
    [
        goldens::trials(),
        columns::trials(),
        docs::trials(),
        escapes::trials(),
        same::trials(),
        schemas::trials(),
        streams::trials(),
        suggestions::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
