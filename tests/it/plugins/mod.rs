//! meshfix where people use it: real programs run what `plugins/` ships. In each of them nothing is ever deleted.

mod argocd;
mod argocd_server;
mod helm;
mod kpt;
mod kubectl;
mod kustomize;
mod kustomize_corpus;
mod packaging;
mod pages;
mod pre_commit;
mod selections;
mod support;

use libtest_mimic::Trial;

/// All trials of the hosts.
pub(crate) fn trials() -> Vec<Trial> {
    [
        argocd::trials(),
        kustomize::trials(),
        kustomize_corpus::trials(),
        kpt::trials(),
        helm::trials(),
        kubectl::trials(),
        pre_commit::trials(),
        packaging::trials(),
        pages::trials(),
        selections::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
