//! The config management plugin, called as Argo CD calls it: success, findings left, failures of every kind, deadlines.
//! Nothing of an application is ever missing from an answer.

mod configuration;
mod deadline;
mod dependencies;
mod directory;
mod discovery;
mod helm;
mod host;
mod kustomize;

use libtest_mimic::Trial;

/// All trials of the plugin.
pub(crate) fn trials() -> Vec<Trial> {
    [
        discovery::trials(),
        directory::trials(),
        configuration::trials(),
        helm::trials(),
        dependencies::trials(),
        kustomize::trials(),
        deadline::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A trial that fails by panicking.
fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(format!("argocd::{name}"), move || {
        run();
        Ok(())
    })
}

/// A configuration with these lines below `spec`.
fn configuration(spec: &str) -> String {
    format!("apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n{spec}")
}
