//! A rule that keeps back the fixes that no patch can express, before the engine sees them: so a fix stays whole.

use super::names::is_kustomization;
use super::{Excluded, Form};
use crate::engine;
use crate::manifest::{Inventory, ResourceId};
use crate::rule::{Context, Finding, Fix, Meta, Safety, Transform};

/// What stands in front of the reason of a fix that was kept back.
pub(super) const MARK: &str = "no patch can express the fix: ";

/// What a form can't express.
pub(super) struct Limits<'a> {
    pub(super) form: Form,
    /// True when files stand beside the patches.
    pub(super) is_folder: bool,
    /// What turned out not to be expressible.
    pub(super) excluded: &'a Excluded,
    pub(super) unsafe_fixes: bool,
    /// True for a run that only looks: no fix is made.
    pub(super) only_look: bool,
}

/// A rule without the fixes that can't be expressed.
pub(super) struct Expressible<'a> {
    rule: &'a dyn Transform,
    limits: &'a Limits<'a>,
}

impl<'a> Expressible<'a> {
    pub(super) fn new(rule: &'a dyn Transform, limits: &'a Limits<'a>) -> Self {
        Expressible { rule, limits }
    }
}

impl Transform for Expressible<'_> {
    fn meta(&self) -> &Meta {
        self.rule.meta()
    }

    fn is_about_the_mesh(&self) -> bool {
        self.rule.is_about_the_mesh()
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let first = findings.len();
        self.rule.check(cx, findings);
        for finding in &mut findings[first..] {
            engine::decide_safety(cx.inventory, finding);
            let Some(fix) = &finding.fix else { continue };
            // A fix that was not asked for is not left out.
            if fix.safety == Safety::Unsafe && !self.limits.unsafe_fixes {
                continue;
            }
            if let Some(reason) = self.limits.reason(cx.inventory, finding.id, fix) {
                finding.fix = None;
                finding.refusal = Some(format!("{MARK}{reason}"));
            } else if self.limits.only_look {
                finding.fix = None;
            }
        }
    }
}

impl Limits<'_> {
    /// Why the fix of a finding of the resource `own` can't be expressed, if so.
    fn reason(&self, inventory: &Inventory<'_>, own: ResourceId, fix: &Fix) -> Option<String> {
        let makes = fix.change.new_resources().next().is_some();
        let touched = fix.change.ops.iter().filter_map(|(at, _)| inventory.enclosing(*at));
        for id in touched {
            let Some(reason) = self.resource(inventory, id, makes) else { continue };
            return Some(if id == own { reason } else { format!("{}: {reason}", inventory.resource(id).name) });
        }
        if makes && !self.is_folder {
            return Some(
                "it makes a new resource, which no patch can; `-o FOLDER/` writes it beside the patches".to_owned(),
            );
        }
        fix.change.creations.iter().find_map(|new| {
            let name = new.name();
            self.excluded.new.get(&name).map(|reason| format!("{name}: {reason}"))
        })
    }

    /// Why no patch can change a resource, if so.
    fn resource(&self, inventory: &Inventory<'_>, id: ResourceId, makes: bool) -> Option<String> {
        let resource = inventory.resource(id);
        let file = inventory.file_name(resource.file);
        if is_kustomization(&resource.name) {
            // It only names the file of a new resource, and the folder of the export does that by itself.
            return (!makes).then(|| format!("{file} is a kustomization, which is no resource"));
        }
        let how = "export what it builds: `kubectl kustomize FOLDER | meshfix export --as FORM -`";
        if resource.is_fragment {
            return Some(format!("{file} is a patch of a kustomization; {how}"));
        }
        let root = inventory.root(id)?;
        if root.text_at(&["metadata", "name"]).is_empty() {
            return Some("it has no `metadata.name`, and patches know resources by their names".to_owned());
        }
        let renamer = inventory.renamer(id).filter(|_| self.form != Form::KustomizePatch);
        if let Some(kustomization) = renamer {
            return Some(format!("{} gives it another name; {how}", inventory.file_name(kustomization)));
        }
        let place = (resource.file, resource.document, root.json_pointer());
        self.excluded.resources.get(&place).cloned()
    }
}
