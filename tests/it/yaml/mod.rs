//! The YAML layer against suites, corpora and properties.

mod campaign;
mod kubescape;
mod kyaml;
mod suite;
mod support;

use libtest_mimic::Trial;

/// All trials of the YAML layer.
pub(crate) fn trials() -> Vec<Trial> {
    [kubescape::trials(), suite::trials(), kyaml::trials(), campaign::trials()].into_iter().flatten().collect()
}
