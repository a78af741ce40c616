//! The reports for other programs: SARIF, GitHub, GitLab, JUnit, rdjson, Markdown.

mod apply;
mod columns;
mod escapes;
mod goldens;
mod same;
mod schemas;
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
    [goldens::trials(), columns::trials(), escapes::trials(), same::trials(), schemas::trials(), suggestions::trials()]
        .into_iter()
        .flatten()
        .collect()
}
