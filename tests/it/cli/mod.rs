//! The program as its users run it: exit codes, outputs, files, secrets, terminals and hostile input.

mod colours;
mod completions;
mod configuration;
mod corpus;
mod exits;
mod files;
mod five_files;
mod function;
mod hostile;
mod ignores;
mod json;
mod law;
mod links;
mod manifests;
mod manual;
mod pager;
mod progress;
mod pseudo_terminal;
mod readiness;
mod same;
mod schema;
mod secrets;
mod stream;
pub(crate) mod support;
mod terminal;
mod together;
mod width;

use libtest_mimic::Trial;

/// All trials of the command line.
pub(crate) fn trials() -> Vec<Trial> {
    [
        exits::trials(),
        configuration::trials(),
        stream::trials(),
        json::trials(),
        ignores::trials(),
        law::trials(),
        files::trials(),
        links::trials(),
        together::trials(),
        five_files::trials(),
        function::trials(),
        secrets::trials(),
        terminal::trials(),
        colours::trials(),
        width::trials(),
        pager::trials(),
        progress::trials(),
        completions::trials(),
        manual::trials(),
        readiness::trials(),
        hostile::trials(),
        same::trials(),
        corpus::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
