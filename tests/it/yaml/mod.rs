//! The YAML layer against suites, corpora and properties.

mod campaign;
mod hostile;
mod kubescape;
mod kyaml;
mod laws;
mod suite;
mod support;
mod table;

use libtest_mimic::Trial;

/// All trials of the YAML layer.
pub(crate) fn trials() -> Vec<Trial> {
    [
        kubescape::trials(),
        suite::trials(),
        table::trials(),
        laws::trials(),
        hostile::trials(),
        kyaml::trials(),
        campaign::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
