//! Label selectors: which labels they ask for.

use super::field::Field;

/// One requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement<'a> {
    In(Vec<&'a str>),
    NotIn(Vec<&'a str>),
    Exists,
    DoesNotExist,
}

/// A change of a pod's labels that a selector may notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch<'s> {
    /// A label gets or loses this value.
    Value(&'s str, &'s str),
    /// A label comes or goes.
    Presence(&'s str),
}

/// A selector, either a plain map of labels or `matchLabels` with `matchExpressions`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector<'a> {
    requirements: Vec<(String, Requirement<'a>)>,
}

impl<'a> Selector<'a> {
    /// Reads a plain map of labels, as a Service has it.
    pub fn of_map(field: Field<'a>) -> Selector<'a> {
        let pairs = field.entries().filter_map(|(key, value)| Some((key.into_owned(), value.text()?)));
        Selector { requirements: pairs.map(|(key, value)| (key, Requirement::In(vec![value]))).collect() }
    }

    /// Reads the selector of a workload: a `LabelSelector`, or the plain map that older kinds have.
    pub fn of_workload(field: Field<'a>) -> Selector<'a> {
        let is_label_selector = field.get("matchLabels").is_some() || field.get("matchExpressions").is_some();
        if is_label_selector { Selector::of_labels(field) } else { Selector::of_map(field) }
    }

    /// Reads a `LabelSelector` of the Kubernetes API.
    pub fn of_labels(field: Field<'a>) -> Selector<'a> {
        let mut selector = field.get("matchLabels").map(Selector::of_map).unwrap_or_default();
        for expression in field.get("matchExpressions").into_iter().flat_map(Field::items) {
            let values =
                || expression.get("values").into_iter().flat_map(Field::items).filter_map(|value| value.text());
            let requirement = match expression.text_at(&["operator"]) {
                "In" => Requirement::In(values().collect()),
                "NotIn" => Requirement::NotIn(values().collect()),
                "Exists" => Requirement::Exists,
                "DoesNotExist" => Requirement::DoesNotExist,
                _ => continue,
            };
            selector.requirements.push((expression.text_at(&["key"]).to_owned(), requirement));
        }
        selector
    }

    /// True when it asks for nothing. What that means is each kind's own: a Service then selects nothing, a
    /// NetworkPolicy every pod.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// True when it asks something of this label.
    pub fn names(&self, label: &str) -> bool {
        self.requirements.iter().any(|(key, _)| key == label)
    }

    /// What would have to change for its answer to change.
    pub(super) fn watches(&self) -> impl Iterator<Item = Watch<'_>> {
        self.requirements.iter().flat_map(|(key, requirement)| match requirement {
            Requirement::In(values) | Requirement::NotIn(values) => {
                values.iter().map(|value| Watch::Value(key, value)).collect::<Vec<_>>()
            }
            Requirement::Exists | Requirement::DoesNotExist => vec![Watch::Presence(key)],
        })
    }

    /// The one value that it asks of a label, if it asks for exactly one.
    pub fn value_of(&self, label: &str) -> Option<&'a str> {
        self.requirements.iter().find_map(|(key, requirement)| match requirement {
            Requirement::In(values) if key == label && values.len() == 1 => Some(values[0]),
            _ => None,
        })
    }

    /// True when these labels satisfy it; `label` gives the value of one.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|(key, requirement)| match (requirement, label(key)) {
            (Requirement::In(values), have) => have.is_some_and(|have| values.contains(&have)),
            (Requirement::NotIn(values), have) => have.is_none_or(|have| !values.contains(&have)),
            (Requirement::Exists, have) => have.is_some(),
            (Requirement::DoesNotExist, have) => have.is_none(),
        })
    }
}
