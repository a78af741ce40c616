//! What `app-label` and `version-label` share: writing a label to the pods of a workload, and what stands against it.

use crate::config::Profile;
use crate::manifest::{Field, LabelUse, LabelUser, ResourceId, Selector, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety};

/// Field order of a pod template in the Kubernetes API.
const TEMPLATE_FIELDS: &[&str] = &["metadata", "spec"];

/// Kinds with a selector of their own, which defaults to the pods' labels where it may be left out.
const SELECTING: &[&str] = &[
    "CloneSet",
    "DaemonSet",
    "Deployment",
    "DeploymentConfig",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
    "StatefulSet",
];

/// How many label users a message names.
const NAMED_USERS: usize = 3;

/// A label that the pods of a workload are to have.
pub(super) struct Wanted<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) meta: &'static Meta,
    pub(super) workload: Workload<'a>,
    pub(super) key: &'static str,
    pub(super) value: String,
    /// Why it matters, as the start of a help text.
    pub(super) why: &'static str,
    /// What makes the fix unsafe, beside what is found here.
    pub(super) doubts: Vec<String>,
}

/// True for workloads whose pods' labels these rules judge: whole ones, whose labels no patch sets, and whose
/// Services are in manifests.
pub(super) fn is_judged(cx: &Context<'_>, workload: Workload<'_>, key: &str) -> bool {
    let is_patched = || cx.inventory.is_label_patched(workload, key);
    let generates_services = workload.resource.name.group() == "serving.knative.dev";
    !workload.is_fragment() && !generates_services && !is_patched() && cx.inventory.is_checked(workload)
}

/// Where a label is missing: its map, or what should hold the map.
pub(super) fn place(workload: Workload<'_>) -> Field<'_> {
    workload.labels().or(workload.pod_metadata).unwrap_or(workload.template)
}

impl<'a> Wanted<'a> {
    /// The finding for pods without the label.
    pub(super) fn missing(self, message: String) -> Finding {
        let finding = self.finding(place(self.workload), message);
        if let Some(finding) = self.by_kustomization(&finding) {
            return finding;
        }
        let fix = self.addition();
        finding.help(self.why).fix(self.workload, fix)
    }

    /// The finding for pods whose label has another value.
    pub(super) fn wrong(self, field: Field<'a>, message: String) -> Finding {
        let finding = self.finding(field, message);
        if let Some(finding) = self.by_kustomization(&finding) {
            return finding;
        }
        if self.is_in_own_selector() {
            return self.bound_to_selector(finding);
        }
        let users = self.cx.inventory.users_of_label(self.workload, self.key);
        if !users.is_empty() {
            return self.bound_to_users(finding, &users);
        }
        let mut change = Change::default();
        change.set(field, self.value.clone());
        let title = format!("set `{}` to `{}`", self.key, self.value);
        let mut consequences = vec!["selectors that are not in these files may rely on the old value".to_owned()];
        consequences.extend(self.doubts());
        let fix = Fix { title, safety: Safety::Unsafe, consequence: consequences.join("; "), change };
        finding.help(self.why).fix(self.workload, fix)
    }

    pub(super) fn finding(&self, field: Field<'_>, message: String) -> Finding {
        let finding = Finding::new(self.meta, self.workload, field, message);
        // Istio itself only recommends the labels.
        if self.cx.options.profile == Profile::Istio { finding.level(Level::Warning) } else { finding }
    }

    /// The fix that adds the label.
    pub(super) fn addition(&self) -> Fix {
        let mut change = Change::default();
        match self.workload.labels() {
            Some(labels) => change.insert(labels, &[self.key], self.value.clone(), &[]),
            None => {
                let path = ["metadata", "labels", self.key];
                change.insert(self.workload.template, &path, self.value.clone(), TEMPLATE_FIELDS);
            }
        }
        let doubts = self.doubts();
        let safety = if doubts.is_empty() { Safety::Safe } else { Safety::Unsafe };
        let title = format!("add the label `{}: {}` to the pods", self.key, self.value);
        Fix { title, safety, consequence: doubts.join("; "), change }
    }

    /// What would happen beside the label itself.
    fn doubts(&self) -> Vec<String> {
        let (inventory, workload) = (self.cx.inventory, self.workload);
        let mut doubts = self.doubts.clone();
        let affected = inventory.affected_by_labels(workload, &[(self.key, &self.value)]);
        doubts.extend(affected.iter().take(NAMED_USERS).map(|user| {
            let verb = user.use_of.effect();
            format!("`{}` {verb}", inventory.resource(user.id).name)
        }));
        if affected.len() > NAMED_USERS {
            doubts.push(format!("{} more selectors would match or cease to", affected.len() - NAMED_USERS));
        }
        if self.selector().is_none() && SELECTING.contains(&workload.resource.name.kind.as_str()) {
            doubts.push("no selector is written, so it defaults to the pods' labels and changes with them".to_owned());
        }
        if inventory.may_be_patched_unseen(workload, &["labels"]) {
            doubts.push("a kustomize patch may set the labels too".to_owned());
        }
        doubts
    }

    fn selector(&self) -> Option<Selector<'a>> {
        self.workload
            .root
            .at(&["spec", "selector"])
            .filter(|field| field.kind().is_mapping())
            .map(Selector::of_workload)
    }

    fn is_in_own_selector(&self) -> bool {
        let selects = SELECTING.contains(&self.workload.resource.name.kind.as_str());
        match self.selector() {
            Some(selector) => selects && selector.names(self.key),
            None => selects,
        }
    }

    /// A kustomization that writes the label itself decides its value.
    fn by_kustomization(&self, finding: &Finding) -> Option<Finding> {
        let mut added = self.cx.inventory.added_labels(self.workload.id);
        let (file, label) = added.find(|(_, label)| label.to_pods && label.key == self.key)?;
        let file = self.cx.inventory.file_name(file);
        let help = format!(
            "{}; {file} gives every pod the label `{}: {}`, so change it there",
            self.why, self.key, label.value
        );
        Some(finding.clone().help(help))
    }

    fn bound_to_selector(&self, finding: Finding) -> Finding {
        let (key, value) = (self.key, self.value.as_str());
        let workload = &self.workload.resource.name;
        let help = format!(
            "{}; `{key}` is part of the workload's selector, which can't change: only {}/{} created anew can have \
             `{key}: {value}`, in its selector, in its pods and in the selectors of its Services at once (Argo CD: \
             `Replace=true,Force=true`)",
            self.why, workload.kind, workload.name
        );
        finding.help(help)
    }

    fn bound_to_users(&self, mut finding: Finding, users: &[LabelUser<'_>]) -> Finding {
        let (key, value) = (self.key, self.value.as_str());
        for user in users.iter().take(NAMED_USERS) {
            let name = &self.cx.inventory.resource(user.id).name;
            finding = finding.related(user.field, format!("`{name}` selects the pods by `{key}`"));
        }
        let serves = users.iter().any(|user| user.use_of == LabelUse::Service);
        let danger =
            if serves { "pods that still run would drop out of their Service" } else { "they would no longer match" };
        let help = format!(
            "{}; selectors use the old value, and with a new one {danger}: first give the pods another label that \
             the selectors can use, then change the selectors, then set `{key}: {value}`",
            self.why
        );
        finding.help(help)
    }
}

/// A Service as messages name it.
pub(super) fn named(cx: &Context<'_>, service: ResourceId) -> String {
    format!("Service `{}`", cx.inventory.resource(service).name.name)
}

/// What makes a fix unsafe where the Service may not be the pods' own.
pub(super) fn doubt(cx: &Context<'_>, service: ResourceId, is_certain: bool) -> Vec<String> {
    if is_certain {
        return Vec::new();
    }
    vec![format!("another Service than `{}` may be theirs", cx.inventory.resource(service).name.name)]
}
