//! That everything which came in goes out again: Argo CD deletes what a plugin's answer lacks.

use std::collections::BTreeMap;

use super::Stop;
use crate::config::Options;
use crate::engine::Outcome;
use crate::manifest::{Inventory, SourceFile};

/// What Argo CD knows a resource by.
type Identity = (String, String, Option<String>, String);

/// Looks for the resources of all changed texts in what they became. Documents as such are never lost: the engine has
/// proven that. A rule of the user's may still rename one.
///
/// # Errors
/// The first resource that is gone.
pub(super) fn check(outcome: &Outcome) -> Result<(), Stop> {
    for changed in &outcome.changed {
        let source = &outcome.files[changed.file.0 as usize];
        let before = resources(source.with_text(changed.before.clone()));
        let after = resources(source.with_text(changed.after.clone()));
        let is_gone = |(identity, number): &(&Identity, &usize)| after.get(identity).is_none_or(|have| have < number);
        if let Some(((_, kind, namespace, name), _)) = before.iter().find(is_gone) {
            let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            let file = &source.name;
            return Err(format!(
                "{file}: {namespace}{kind}/{name} would be gone, and Argo CD would delete it; a rule of `transforms` must \
                 not change a resource's kind, namespace or name; nothing was printed"
            )
            .into());
        }
    }
    Ok(())
}

fn resources(file: SourceFile) -> BTreeMap<Identity, usize> {
    let files = [file];
    let options = Options::default();
    let mut found = BTreeMap::new();
    for resource in Inventory::new(&files, &options).resources() {
        let name = &resource.name;
        let identity = (name.group().to_owned(), name.kind.clone(), name.namespace.clone(), name.name.clone());
        *found.entry(identity).or_default() += 1;
    }
    found
}
