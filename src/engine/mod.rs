//! The engine: rules find, changes are admitted, rendered together, proven, and the rules look again,
//! until nothing is left to do. It touches no file.

mod admission;
mod outcome;
mod pass;
mod secrets;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::config::Options;
use crate::manifest::{Inventory, ResourceId, SourceFile};
use crate::rule::{Context, Finding, Safety, Transform};
use crate::text::{EditSet, FileId};

pub use outcome::{ChangedFile, DocumentChange, Outcome, Reported, Status};
pub use secrets::secret_lines;

/// Passes beyond one for each fix of the first pass.
const EXTRA_PASSES: usize = 10;

/// What a run is to do.
pub struct Settings<'a> {
    /// The rules, in the order of the list.
    pub rules: Vec<&'a dyn Transform>,
    /// Their options.
    pub options: &'a Options,
    /// Whether unsafe fixes are applied.
    pub unsafe_fixes: bool,
    /// Spoils every rendering, so that a test sees the proof catch it.
    pub sabotage: bool,
}

impl Settings<'_> {
    /// Whether fixes of this safety are applied.
    pub(crate) fn allows(&self, safety: Safety) -> bool {
        self.unsafe_fixes || safety == Safety::Safe
    }
}

/// A file on its way through the passes.
struct Tracked {
    original: SourceFile,
    now: SourceFile,
    /// The edits of each pass that changed it, with the rules that asked for them.
    steps: Vec<Step>,
    seen: HashSet<Arc<str>>,
}

struct Step {
    pass: usize,
    edits: EditSet,
    rules: BTreeSet<&'static str>,
    before: Arc<str>,
}

/// Everything that lives from pass to pass.
struct Run<'a> {
    settings: &'a Settings<'a>,
    tracked: Vec<Tracked>,
    applied: Vec<(usize, Finding)>,
    patches: BTreeMap<(FileId, u32), Vec<json_patch::PatchOperation>>,
    /// Rules that undo each other.
    fighting: BTreeSet<&'static str>,
    /// Changes that failed their proof: never tried again.
    failed: HashSet<String>,
    internal: Vec<String>,
    units: Vec<BTreeSet<FileId>>,
    one_reader: BTreeSet<FileId>,
}

/// Runs the rules over `files` until nothing is left to do.
pub fn run(files: Vec<SourceFile>, settings: &Settings<'_>) -> Outcome {
    let track = |now: SourceFile| Tracked { original: now.clone(), now, steps: Vec::new(), seen: HashSet::new() };
    let mut run = Run {
        settings,
        tracked: files.into_iter().map(track).collect(),
        applied: Vec::new(),
        patches: BTreeMap::new(),
        fighting: BTreeSet::new(),
        failed: HashSet::new(),
        internal: Vec::new(),
        units: Vec::new(),
        one_reader: BTreeSet::new(),
    };
    let mut limit = None;
    let mut pass = 0;
    loop {
        let files: Vec<SourceFile> = run.tracked.iter().map(|tracked| tracked.now.clone()).collect();
        let findings = check(&files, settings);
        let most = *limit.get_or_insert(EXTRA_PASSES + findings.iter().filter(|finding| finding.fix.is_some()).count());
        let (findings, changed) = run.pass(pass, &files, findings, pass < most);
        if !changed {
            return run.finish(findings, pass);
        }
        pass += 1;
    }
}

/// What all rules find, in the order of files and places.
fn check(files: &[SourceFile], settings: &Settings<'_>) -> Vec<Finding> {
    let inventory = Inventory::new(files, settings.options);
    let cx = Context { inventory: &inventory, options: settings.options };
    let mut findings = Vec::new();
    for rule in &settings.rules {
        let from = findings.len();
        rule.check(&cx, &mut findings);
        let own = findings[from..].iter_mut();
        own.for_each(|finding| refuse_what_others_decide(&inventory, finding, rule.is_about_the_mesh()));
    }
    findings.retain(|finding| !is_ignored(&inventory, finding));
    findings.iter_mut().for_each(|finding| decide_safety(&inventory, finding));
    findings.sort_by(|a, b| (a.at, a.rule, &a.path).cmp(&(b.at, b.rule, &b.path)));
    findings
}

/// A change is made only where all that it touches may be changed here: a base of several overlays where all of them
/// agree that it is in the mesh, a patch where what it patches may be changed.
fn refuse_what_others_decide(inventory: &Inventory<'_>, finding: &mut Finding, is_about_the_mesh: bool) {
    let Some(fix) = &finding.fix else { return };
    let touched: BTreeSet<ResourceId> = fix.change.ops.iter().filter_map(|(at, _)| inventory.enclosing(*at)).collect();
    let others = touched.into_iter().filter(|id| *id != finding.id);
    let reason = std::iter::once(finding.id).chain(others).find_map(|id| {
        let reason = inventory.not_ours(id).map(str::to_owned).or_else(|| {
            inventory.disagreement(id).filter(|_| is_about_the_mesh).map(|(one, other)| disagreement(one, other))
        })?;
        Some(if id == finding.id { reason } else { format!("{}: {reason}", inventory.resource(id).name) })
    });
    if reason.is_some() {
        finding.fix = None;
        finding.refusal = reason;
    }
}

fn disagreement(one: &str, other: &str) -> String {
    if one == other {
        format!("{one} deploys it into two namespaces, one of them outside the mesh; patch it in the other one")
    } else {
        format!(
            "{one} and {other} both deploy it, one of them into a namespace outside the mesh; patch it in the other one"
        )
    }
}

/// A team may have decided how safe a rule's fixes are for itself. What the API server would not update stays unsafe.
fn decide_safety(inventory: &Inventory<'_>, finding: &mut Finding) {
    let Some(safety) = inventory.options().safety.get(finding.rule) else { return };
    let Some(fix) = &mut finding.fix else { return };
    let is_immutable = |id| inventory.workload(id).is_some_and(|workload| workload.immutable().is_some());
    let mut touched = fix.change.ops.iter().filter_map(|(at, _)| inventory.enclosing(*at));
    if *safety == Safety::Unsafe || !touched.any(is_immutable) {
        fix.safety = *safety;
    }
}

/// True where the resource's own annotation `meshfix.dev/ignore` names the rule, or all rules, or where
/// `galley.istio.io/analyze-suppress` names the same problem for `istioctl analyze`.
fn is_ignored(inventory: &Inventory<'_>, finding: &Finding) -> bool {
    let Some(workload) = inventory.workload(finding.id) else { return false };
    let names =
        |text: Option<&str>, name: &str| text.is_some_and(|text| text.split(',').any(|have| have.trim() == name));
    let ignore = "meshfix.dev/ignore";
    inventory.whole(workload).into_iter().any(|part| {
        let own = [part.annotation(ignore), part.pod_annotation(ignore)];
        let suppressed = part.annotation("galley.istio.io/analyze-suppress");
        own.into_iter().any(|text| names(text, "true") || names(text, finding.rule))
            || finding.istio.is_some_and(|code| names(suppressed, code) || names(suppressed, "*"))
    })
}
