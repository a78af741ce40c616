//! The fixes as patches that other programs apply, for those who can't run a plugin: Flux, Argo CD's own kustomize,
//! `kubectl patch`. They are made of the proven operations alone, and nothing is printed here.

mod comments;
mod expressible;
mod kubectl;
mod kustomize;
mod lines;
mod merge;
mod merge_lists;
mod merge_proof;
mod names;
mod patched;
mod pins;
mod readings;

use std::collections::BTreeMap;

use self::expressible::{Expressible, Limits, MARK};
use self::patched::{New, Patched};
use crate::engine::{self, Outcome, Settings, Status};
use crate::manifest::{Inventory, ResourceName, SourceFile};
use crate::rule::Transform;
use crate::text::{FileId, Loc};

pub use self::comments::MADE_BY;

/// What the patches are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON Patches with targets, as a kustomization's `patches` has them.
    KustomizePatch,
    /// JSON Patches for `kubectl patch --type json`.
    JsonPatch,
    /// Parts of resources, for `kubectl patch --type strategic` and for kustomize.
    StrategicMerge,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The form.
    pub form: Form,
    /// True for a folder of files, which can hold new resources too.
    pub is_folder: bool,
    /// The command that the user gave, for the comment at the top.
    pub command: &'a str,
}

/// A fix that no patch of this form can express.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The place of its finding, in the input.
    pub at: Loc,
    /// The rule.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub enum Output {
    /// One text.
    Text(String),
    /// Files of a folder, by name.
    Folder(Vec<(String, String)>),
}

/// The patches, and what is not among them.
#[derive(Debug)]
pub struct Export {
    /// The run that they were made from: its changes are those that the patches make.
    pub outcome: Outcome,
    /// The patches.
    pub output: Output,
    /// How many resources they change.
    pub patches: usize,
    /// How many resources stand beside them that are new.
    pub new: usize,
    /// The fixes that are not among them.
    pub left_out: Vec<LeftOut>,
}

/// A resource of the input, by its place: file, document, and JSON Pointer into it.
type Place = (FileId, u32, String);

/// What can't be expressed, as it turned out, with the reasons.
#[derive(Debug, Default)]
struct Excluded {
    resources: BTreeMap<Place, String>,
    /// Resources that would be new.
    new: BTreeMap<ResourceName, String>,
}

impl Excluded {
    fn len(&self) -> usize {
        self.resources.len() + self.new.len()
    }
}

/// Makes patches of the fixes of all rules. A fix is whole here too: what a patch can't express is left out with all
/// that belongs to it.
pub fn export(mut files: Vec<SourceFile>, settings: &Settings<'_>, request: Request<'_>) -> Export {
    // Nothing is written to them.
    files.iter_mut().for_each(|file| file.held = None);
    let mut excluded = Excluded::default();
    loop {
        let outcome = run(files.clone(), settings, request, &excluded, false);
        let inventory = Inventory::new(&outcome.files, settings.options);
        let (mut patched, mut new) = patched::read(&outcome, &inventory);
        let known = excluded.len();
        exclude(request.form, &patched, &new, &mut excluded);
        if excluded.len() > known {
            continue;
        }
        let mut left_out = left_out([&run(files, settings, request, &excluded, true), &outcome]);
        // A change that no finding's resource tells of is left out all the same.
        for (one, reason) in patched.iter().filter_map(|one| Some((one, excluded.resources.get(&one.place)?))) {
            let rules = one.reasons.iter().map(|(rule, _)| *rule);
            left_out.extend(rules.map(|rule| LeftOut { at: one.at, rule, reason: reason.clone() }));
        }
        patched.retain(|one| !excluded.resources.contains_key(&one.place));
        new.retain(|one| !excluded.new.contains_key(&one.made_as));
        let parts =
            Parts { outcome: &outcome, inventory: &inventory, patched: &patched, new: &new, left_out: &left_out };
        let output = match request.form {
            Form::KustomizePatch => kustomize::json_patches(&parts, request),
            Form::JsonPatch => lines::json_patches(&parts, request),
            Form::StrategicMerge => merge::patches(&parts, request),
        };
        let (patches, new) = (patched.len(), new.len());
        drop(inventory);
        return Export { outcome, output, patches, new, left_out };
    }
}

/// What a text is made of.
struct Parts<'a> {
    outcome: &'a Outcome,
    inventory: &'a Inventory<'a>,
    patched: &'a [Patched],
    new: &'a [New],
    left_out: &'a [LeftOut],
}

/// A run in which each rule keeps back the fixes that can't be expressed.
fn run(
    files: Vec<SourceFile>,
    settings: &Settings<'_>,
    request: Request<'_>,
    excluded: &Excluded,
    only_look: bool,
) -> Outcome {
    let Request { form, is_folder, .. } = request;
    let limits = Limits { form, is_folder, excluded, unsafe_fixes: settings.unsafe_fixes, only_look };
    let rules: Vec<Expressible<'_>> = settings.rules.iter().map(|rule| Expressible::new(*rule, &limits)).collect();
    let settings = Settings {
        unsafe_fixes: settings.unsafe_fixes,
        baseline: settings.baseline,
        sabotage: settings.sabotage,
        ..Settings::new(rules.iter().map(|rule| rule as &dyn Transform).collect(), settings.options)
    };
    engine::run(files, &settings)
}

/// Adds what turned out not to be expressible.
fn exclude(form: Form, patched: &[Patched], new: &[New], excluded: &mut Excluded) {
    for (_, same) in patched::by_target(patched, form) {
        let (first, rest) = (same[0], &same[1..]);
        let Some(other) = rest.iter().find(|other| !other.is_patched_like(first, form)) else { continue };
        let reason = format!(
            "{} and {} both have it, with different changes, and one patch would meet both; export one overlay or folder at a time",
            first.file_name, other.file_name
        );
        for one in &same {
            excluded.resources.entry(one.place.clone()).or_insert_with(|| reason.clone());
        }
    }
    for one in patched {
        let reason = if let Some(part) = one.changes_identity(form) {
            format!("it changes `{part}`, by which a patch knows the resource")
        } else if one.is_merged(form) && merge::patch(one).is_none() {
            "a merge patch would not give the same result; `--as json-patch` can express it".to_owned()
        } else {
            continue;
        };
        excluded.resources.entry(one.place.clone()).or_insert(reason);
    }
    for (i, one) in new.iter().enumerate() {
        if new[..i].iter().any(|other| other.name == one.name) {
            let reason = "two of this name would be made, in different folders; export one overlay or folder at a time";
            excluded.new.entry(one.made_as.clone()).or_insert_with(|| reason.to_owned());
        }
    }
}

/// The fixes that were kept back, at first or at the end: a finding may go when only a part of what it needs is made.
fn left_out(outcomes: [&Outcome; 2]) -> Vec<LeftOut> {
    let mut left_out: BTreeMap<(Loc, &'static str, &str), LeftOut> = BTreeMap::new();
    for reported in outcomes.into_iter().flat_map(|outcome| &outcome.findings) {
        let Status::Refused(reason) = &reported.status else { continue };
        let finding = &reported.finding;
        if let Some(reason) = reason.strip_prefix(MARK) {
            let one = LeftOut { at: finding.at, rule: finding.rule, reason: reason.to_owned() };
            left_out.insert((finding.at, finding.rule, &finding.path), one);
        }
    }
    left_out.into_values().collect()
}
