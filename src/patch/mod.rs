//! Rules of the user's own: a JSON Patch (RFC 6902) with a target, as a rule like ours.
//!
//! The patch says what a resource must become, with `json_patch` as the judge; the change is the smallest one that
//! makes it so. It is admitted, rendered and proven like every other.

mod edits;
mod verdict;

use json_patch::PatchOperation;
use serde_json::Value;

use self::verdict::{Verdict, parts, title, unsettled, verdict};
use crate::config::{Options, Target, UserTransform};
use crate::glob;
use crate::manifest::{Field, Inventory, Placement, ResourceId, ResourceName, Workload};
use crate::rule::{Context, Finding, Fix, Meta, Transform};
use crate::transforms;

/// Operations that the title of a fix names.
const NAMED_OPERATIONS: usize = 3;

/// The user's own rules, in the order of the configuration.
///
/// They live as long as the process, as our own do: rules are known by `&'static str` everywhere, and there is one
/// configuration for a run.
///
/// # Errors
/// When two rules have one name, or a target asks for Secrets.
pub fn transforms(options: &Options) -> Result<Vec<&'static dyn Transform>, String> {
    let mut rules: Vec<&'static dyn Transform> = Vec::new();
    for transform in &options.transforms {
        let id = &transform.id;
        if id == "none" || transforms::ALL.iter().chain(&rules).any(|rule| rule.meta().name == id) {
            return Err(format!("transform `{id}`: there is a rule of this name already"));
        }
        if transform.target.kind.as_deref().is_some_and(is_secret) {
            return Err(format!("transform `{id}`: its target names Secrets, which are never read or edited"));
        }
        rules.push(Box::leak(Box::new(Patch::new(transform.clone()))));
    }
    Ok(rules)
}

fn is_secret(kind: &str) -> bool {
    matches!(kind, "Secret" | "SecretList")
}

/// A rule of the user's own.
#[derive(Debug)]
struct Patch {
    meta: Meta,
    transform: UserTransform,
}

impl Patch {
    fn new(transform: UserTransform) -> Self {
        let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let meta = Meta {
            name: keep(&transform.id),
            summary: keep(transform.message.trim_end_matches('.')),
            docs: keep(&page(&transform)),
            level: transform.level,
            after: &[],
            istio: None,
            example: "",
            safety: Some(transform.safety),
        };
        Patch { meta, transform }
    }
}

/// The rule's page: its help, and the patch itself.
fn page(transform: &UserTransform) -> String {
    let help = if transform.help.is_empty() { String::new() } else { format!("{}\n\n", transform.help) };
    let patch: String = transform.patch.iter().map(|operation| format!("{operation}\n")).collect();
    format!("{help}A rule of the configuration's `transforms`.\n\n## Fix\n```json\n{patch}```")
}

impl Transform for Patch {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn is_about_the_mesh(&self) -> bool {
        false
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for id in cx.inventory.ids() {
            let Some(root) = is_target(&self.transform.target, cx.inventory, id) else { continue };
            // kubectl refuses what has no value.
            let Some(before) = root.value() else { continue };
            let finding = match verdict(&self.transform.patch, &before) {
                Verdict::Complies => continue,
                Verdict::Becomes(after) => self.finding(cx, id, root, &before, &after),
                Verdict::Stops { reason, path } => {
                    let mut finding = self.report(cx, id, nearest(root, &path));
                    finding.refusal =
                        Some(format!("{reason}; where that is right, narrow the target or begin with a `test`"));
                    finding
                }
            };
            findings.push(finding);
        }
    }
}

impl Patch {
    fn report(&self, cx: &Context<'_>, id: ResourceId, at: Field<'_>) -> Finding {
        Finding::of(&self.meta, cx.inventory, id, at, self.transform.message.as_str())
            .help(self.transform.help.as_str())
    }

    fn finding(&self, cx: &Context<'_>, id: ResourceId, root: Field<'_>, before: &Value, after: &Value) -> Finding {
        let patch = &self.transform.patch;
        let mut edits = edits::edits(root, before, after);
        let mut finding = self.report(cx, id, edits.at.unwrap_or(root));
        let refusal = edits
            .refusal
            .map(str::to_owned)
            .or_else(|| no_resource(after))
            .or_else(|| unsettled(patch, after))
            .or_else(|| reaches_outside(&self.transform.target, cx.inventory, id));
        if refusal.is_some() {
            finding.refusal = refusal;
            return finding;
        }
        for read in patch.iter().filter_map(reads) {
            if let Some(field) = root.pointer(&parts(read)) {
                edits.change.rely_on(field);
            }
        }
        let fix = Fix {
            title: order(patch),
            safety: self.transform.safety,
            consequence: self.transform.consequence.clone(),
            change: edits.change,
        };
        match cx.inventory.workload(id) {
            Some(workload) if changes_pods(workload, before, after) => finding.fix(workload, fix),
            _ => Finding { fix: Some(fix), ..finding },
        }
    }
}

/// The top of the resource, if the target names it. Kustomize patches are no resources of their own, and Secrets are
/// none of ours.
fn is_target<'a>(target: &Target, inventory: &Inventory<'a>, id: ResourceId) -> Option<Field<'a>> {
    let resource = inventory.resource(id);
    let name = &resource.name;
    let matches = |wanted: &Option<String>, have: &str| wanted.as_deref().is_none_or(|wanted| wanted == have);
    let named = matches(&target.kind, &name.kind)
        && matches(&target.group, name.group())
        && target.name.as_deref().is_none_or(|glob| glob::matches(glob, &name.name));
    if !named || resource.is_fragment || name.api_version.is_empty() || is_secret(&name.kind) {
        return None;
    }
    if !inventory.placements(id).iter().any(|placement| is_in(target, placement)) {
        return None;
    }
    let root = inventory.root(id)?;
    if target.kind.is_none() && !is_deployed(name, root) {
        return None;
    }
    let labels = root.at(&["metadata", "labels"]);
    let has = |(label, value): (&String, &String)| {
        labels.and_then(|labels| labels.get(label)?.text()).is_some_and(|have| have == value)
    };
    target.labels.iter().all(has).then_some(root)
}

/// False for what only tools read: kustomizations, our own configuration, and whatever says so itself.
fn is_deployed(name: &ResourceName, root: Field<'_>) -> bool {
    let is_local = root.text_at(&["metadata", "annotations", "config.kubernetes.io/local-config"]) == "true";
    !name.name.is_empty() && !is_local && !matches!(name.group(), "kustomize.config.k8s.io" | "meshfix.dev")
}

fn is_in(target: &Target, placement: &Placement) -> bool {
    target
        .namespace
        .as_deref()
        .is_none_or(|glob| placement.namespace.as_deref().is_some_and(|namespace| glob::matches(glob, namespace)))
}

/// A base that is deployed outside the target too is not changed for the target's sake.
fn reaches_outside(target: &Target, inventory: &Inventory<'_>, id: ResourceId) -> Option<String> {
    let outside = inventory.placements(id).iter().find(|placement| !is_in(target, placement))?;
    let by = outside.kustomization.map_or("something else", |file| inventory.file_name(file));
    let namespace = outside.namespace.as_deref().map_or_else(|| "no namespace".to_owned(), |name| format!("`{name}`"));
    Some(format!("{by} deploys it into {namespace} too, which the target leaves out; patch it in the overlay"))
}

/// Why a value can't take the place of a resource, if so.
fn no_resource(after: &Value) -> Option<String> {
    match after.get("kind").and_then(Value::as_str) {
        Some(kind) if is_secret(kind) => Some("the patch makes a Secret of it, which meshfix never writes".to_owned()),
        Some(_) => None,
        None => Some("what the patch leaves has no `kind`".to_owned()),
    }
}

/// True when the patch changes what makes the workload's pods, and not only what is said of the workload itself.
fn changes_pods(workload: Workload<'_>, before: &Value, after: &Value) -> bool {
    let pods = workload.pods_pointer().split_off(workload.root.json_pointer().len());
    before.pointer(&pods) != after.pointer(&pods)
}

/// What an operation reads without changing it.
fn reads(operation: &PatchOperation) -> Option<&json_patch::jsonptr::Pointer> {
    match operation {
        PatchOperation::Test(test) => Some(&test.path),
        PatchOperation::Copy(copied) => Some(&copied.from),
        _ => None,
    }
}

/// What the patch does, as an order.
fn order(patch: &[PatchOperation]) -> String {
    let titles: Vec<String> =
        patch.iter().filter(|operation| !matches!(operation, PatchOperation::Test(_))).map(title).collect();
    let more = match titles.len().saturating_sub(NAMED_OPERATIONS) {
        0 => String::new(),
        1 => " and one more".to_owned(),
        more => format!(" and {more} more"),
    };
    titles[..titles.len().min(NAMED_OPERATIONS)].join(", ") + &more
}

/// The node at a path, or the last one on the way.
fn nearest<'a>(root: Field<'a>, path: &[String]) -> Field<'a> {
    (0..=path.len()).rev().find_map(|length| root.pointer(&path[..length])).unwrap_or(root)
}
