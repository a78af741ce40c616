//! What an application is made with.

use std::path::Path;

/// How manifests are made of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A chart.
    Helm,
    /// A kustomization.
    Kustomize,
    /// Manifests as they are.
    Directory,
}

/// The file of a chart.
pub(super) const CHART: &str = "Chart.yaml";

/// The files of a kustomization.
pub(super) const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

impl Source {
    pub(super) const ALL: [Source; 3] = [Source::Helm, Source::Kustomize, Source::Directory];

    /// As Argo CD finds it: a kustomization is one even beside a chart.
    pub(super) fn found(folder: &Path) -> Source {
        let has = |name: &str| folder.join(name).is_file();
        if KUSTOMIZATIONS.iter().any(|name| has(name)) {
            Source::Kustomize
        } else if has(CHART) {
            Source::Helm
        } else {
            Source::Directory
        }
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Source::Helm => "helm",
            Source::Kustomize => "kustomize",
            Source::Directory => "directory",
        }
    }
}
