//! Whether an application asks for meshfix. Argo CD offers all applications of all repositories to a plugin.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::parameters;
use super::request::variable;
use super::source::{CHART, KUSTOMIZATIONS};
use crate::io::checkout::Checkout;
use crate::io::configuration;
use crate::run::console;
use crate::yaml::{self, Node};

/// The annotation of a chart or a kustomization.
const ANNOTATION: &str = "meshfix.dev/argocd";

/// The variable of an Application (`plugin.env`), as Argo CD passes it on.
const VARIABLE: &str = "ARGOCD_ENV_MESHFIX";

/// Largest file that is looked into, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// The nearest word counts: that of the Application, of its chart or kustomization, or else a configuration at or above
/// its folder, or parameters that no other plugin has. That an Application names its plugin, Argo CD tells nobody.
pub(super) fn asks(checkout: &Checkout) -> bool {
    let said = variable(VARIABLE).map(|word| (VARIABLE.to_owned(), word)).or_else(|| annotated(&checkout.here));
    match said {
        Some((place, word)) => match word.as_str() {
            "enabled" | "true" => true,
            "disabled" | "false" => false,
            _ => {
                console::error(&format!("{place} is `enabled` or `disabled`, not `{word}`; it counts as `disabled`"));
                false
            }
        },
        None => {
            parameters::are_ours(&variable(parameters::VARIABLE).unwrap_or_default())
                || checkout.folders().any(|folder| folder.join(configuration::NAME).is_file())
        }
    }
}

/// What the chart or the kustomization says, with the place where it does.
fn annotated(folder: &Path) -> Option<(String, String)> {
    let places = KUSTOMIZATIONS.iter().map(|name| (*name, &["metadata", "annotations", ANNOTATION][..]));
    let places = places.chain([(CHART, &["annotations", ANNOTATION][..])]);
    places.into_iter().find_map(|(name, path)| {
        let mut text = String::new();
        File::open(folder.join(name)).ok()?.take(MAX_SIZE).read_to_string(&mut text).ok()?;
        if !text.contains(ANNOTATION) {
            return None;
        }
        let document = yaml::parse_text(&text).ok()??;
        let word = document.root().at(path).and_then(Node::text)?.to_owned();
        Some((format!("{ANNOTATION} in {name}"), word))
    })
}
