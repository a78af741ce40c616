//! The engine: rules find, changes are admitted, rendered together, proven, and the rules look again,
//! until nothing is left to do. It touches no file.

mod admission;
mod alone;
mod baseline;
mod fingerprint;
mod ignore;
mod outcome;
mod pass;
mod readiness;
mod secrets;
mod together;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use self::ignore::Ledger;
use self::readiness::Roster;
use crate::config::Options;
use crate::manifest::{Inventory, ResourceId, SourceFile};
use crate::rule::{Context, Finding, Meta, Safety, Transform};
use crate::text::{EditSet, FileId};

pub use baseline::{Baseline, BaselineError, REPORT_VERSION};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use outcome::{ChangedFile, CreatedDocument, DocumentChange, Outcome, Reported, Status};
pub use readiness::{Need, Readiness, Subject};
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
    /// Findings that were there before: they are neither reported nor fixed.
    pub baseline: Option<&'a Baseline>,
    /// Why no file of this name can be made, if so; asked for names that are none of the input's.
    pub can_not_create: &'a dyn Fn(&str) -> Option<String>,
    /// Is told how far the run is.
    pub watch: &'a dyn Fn(Progress),
    /// Spoils every rendering, so that a test sees the proof catch it.
    pub sabotage: bool,
}

/// How far a run is, for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The rules look at all files, in this pass, from 1.
    Looking {
        /// The pass.
        pass: usize,
        /// Rules that have looked.
        done: usize,
        /// All rules.
        of: usize,
    },
    /// The changes of this pass are proven.
    Proving {
        /// The pass.
        pass: usize,
        /// Files that are proven.
        done: usize,
        /// All files that this pass changes.
        of: usize,
    },
}

impl<'a> Settings<'a> {
    /// These rules with these options: safe fixes only, no baseline, every name free for a new file, nobody who watches.
    pub fn new(rules: Vec<&'a dyn Transform>, options: &'a Options) -> Self {
        Settings {
            rules,
            options,
            unsafe_fixes: false,
            baseline: None,
            can_not_create: &|_| None,
            watch: &|_| {},
            sabotage: false,
        }
    }

    /// What the rule of this name says of itself, if it runs.
    pub(crate) fn rule(&self, name: &str) -> Option<&Meta> {
        self.rules.iter().map(|rule| rule.meta()).find(|meta| meta.name == name)
    }

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
    /// The file that it was made beside; `None` for a file of the input.
    beside: Option<FileId>,
    /// Its documents that were not in the input, by number.
    created: BTreeSet<u32>,
}

impl Tracked {
    fn new(now: SourceFile, beside: Option<FileId>) -> Self {
        let original = now.clone();
        Tracked { original, now, steps: Vec::new(), seen: HashSet::new(), beside, created: BTreeSet::new() }
    }
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
    /// What was not reported.
    ledger: Ledger<'a>,
    /// The workloads of the input.
    roster: Roster,
}

/// Runs the rules over `files` until nothing is left to do.
pub fn run(files: Vec<SourceFile>, settings: &Settings<'_>) -> Outcome {
    let ledger = Ledger::new(settings, files.iter().map(|file| file.name.as_str()));
    let mut run = Run {
        settings,
        tracked: files.into_iter().map(|file| Tracked::new(file, None)).collect(),
        applied: Vec::new(),
        patches: BTreeMap::new(),
        fighting: BTreeSet::new(),
        failed: HashSet::new(),
        internal: Vec::new(),
        units: Vec::new(),
        one_reader: BTreeSet::new(),
        ledger,
        roster: Roster::default(),
    };
    let mut limit = None;
    let mut pass = 0;
    loop {
        let files: Vec<SourceFile> = run.tracked.iter().map(|tracked| tracked.now.clone()).collect();
        let findings = run.check(pass, &files);
        let most = *limit.get_or_insert(EXTRA_PASSES + findings.iter().filter(|finding| finding.fix.is_some()).count());
        let (findings, changed) = run.pass(pass, &files, findings, pass < most);
        if !changed {
            return run.finish(findings, pass);
        }
        pass += 1;
    }
}

impl Run<'_> {
    /// What all rules find and nothing ignores, in the order of files and places.
    fn check(&mut self, pass: usize, files: &[SourceFile]) -> Vec<Finding> {
        let settings = self.settings;
        let inventory = Inventory::new(files, settings.options);
        let cx = Context { inventory: &inventory, options: settings.options };
        let mut findings = Vec::new();
        let of = settings.rules.len();
        for (done, rule) in settings.rules.iter().enumerate() {
            (settings.watch)(Progress::Looking { pass: pass + 1, done, of });
            rule.check(&cx, &mut findings);
        }
        if pass == 0 && !settings.rules.is_empty() {
            self.roster = Roster::new(&inventory);
        }
        findings.sort_by(|a, b| (a.at, a.rule, &a.path).cmp(&(b.at, b.rule, &b.path)));
        let tracked = &self.tracked;
        self.ledger.sift(&inventory, settings, &|loc| outcome::in_input(loc, tracked, pass), &mut findings);
        let others: HashSet<&str> =
            settings.rules.iter().filter(|rule| !rule.is_about_the_mesh()).map(|rule| rule.meta().name).collect();
        for finding in &mut findings {
            refuse_what_others_decide(&inventory, finding, !others.contains(finding.rule));
            decide_safety(&inventory, finding);
        }
        readiness::number_as_in_input(&inventory, &self.tracked, &mut findings);
        findings
    }
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
