//! What patches know resources by: kustomize's targets, kubectl's arguments, the names of files.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::manifest::{Inventory, ResourceName};

/// A resource as a patch names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Target {
    pub(super) fn new(name: &ResourceName, namespace: Option<&str>) -> Self {
        let version = name.api_version.rsplit('/').next().unwrap_or_default();
        Target {
            group: name.group().to_owned(),
            version: version.to_owned(),
            kind: name.kind.clone(),
            namespace: namespace.map(str::to_owned),
            name: name.name.clone(),
        }
    }

    /// As plain data; the core group and an unknown namespace are left out.
    pub(super) fn json(&self) -> Value {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        object(&[
            ("group", &self.group),
            ("version", &self.version),
            ("kind", &self.kind),
            ("name", &self.name),
            ("namespace", namespace),
        ])
    }

    /// As a target of kustomize, where the parts are regular expressions and a part that is not there meets all. What
    /// is left out is written where `inventory` has a resource that would be met too.
    pub(super) fn of_kustomize(&self, inventory: &Inventory<'_>) -> Value {
        let namesakes = || {
            let all = inventory.resources().iter().map(|resource| &resource.name);
            all.filter(|other| other.kind == self.kind && other.name == self.name)
        };
        let group = match self.group.as_str() {
            "" if namesakes().any(|other| !other.group().is_empty()) => "^$",
            group => group,
        };
        let namespace = match &self.namespace {
            // To kustomize a resource without a namespace is in this one.
            None if namesakes().any(|other| other.namespace.is_some()) => "default",
            namespace => namespace.as_deref().unwrap_or_default(),
        };
        let (name, namespace) = (literal(&self.name), literal(namespace));
        object(&[
            ("group", group),
            ("version", &self.version),
            ("kind", &self.kind),
            ("name", &name),
            ("namespace", &namespace),
        ])
    }

    /// The arguments of kubectl that name it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let kind = format!("{}.{}.{}", self.kind, self.version, self.group);
        let mut arguments = vec![kind, self.name.clone()];
        if let Some(namespace) = &self.namespace {
            arguments.extend(["--namespace".to_owned(), namespace.clone()]);
        }
        arguments
    }
}

fn object(parts: &[(&str, &str)]) -> Value {
    let parts = parts.iter().filter(|(_, text)| !text.is_empty());
    Value::Object(parts.map(|(key, text)| ((*key).to_owned(), json!(text))).collect::<Map<_, _>>())
}

/// True for a file that names other files: a patch is for what it names.
pub(super) fn is_kustomization(name: &ResourceName) -> bool {
    matches!(name.kind.as_str(), "Kustomization" | "Component")
        && matches!(name.group(), "" | "kustomize.config.k8s.io")
}

/// A regular expression that meets this text alone.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// File names that differ from each other.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    taken: BTreeSet<String>,
}

impl FileNames {
    /// A name for the file of a resource: its kind and its name.
    pub(super) fn next(&mut self, name: &ResourceName) -> String {
        // Whatever a manifest says, the name stays one in the folder.
        let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
        let stem: String = format!("{}-{}", name.kind, name.name).to_lowercase().chars().map(plain).collect();
        let numbered = (2..).map(|number| format!("{stem}-{number}.yaml"));
        let mut names = std::iter::once(format!("{stem}.yaml")).chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_differ_and_stay_in_their_folder() {
        let mut names = FileNames::default();
        let name = |kind: &str, name: &str| ResourceName {
            kind: kind.to_owned(),
            name: name.to_owned(),
            ..ResourceName::default()
        };
        assert_eq!(names.next(&name("Service", "web.v2")), "service-web.v2.yaml");
        assert_eq!(names.next(&name("Service", "web.v2")), "service-web.v2-2.yaml");
        assert_eq!(names.next(&name("Role", "../../etc:x")), "role-..-..-etc-x.yaml");
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(literal("web.v2"), "web\\.v2");
        assert_eq!(literal("web-2"), "web-2");
    }
}
