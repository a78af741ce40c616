//! Findings that are not to be reported: comments, annotations, the configuration and a baseline say which. An ignore
//! that ignores nothing is a finding itself.

mod comment;
mod written;

use std::collections::HashSet;

use super::Settings;
use super::baseline::Matches;
use crate::config::Ignore;
use crate::glob;
use crate::manifest::{Inventory, ResourceId};
use crate::rule::{Finding, Meta};
use crate::spelling;
use crate::text::{Loc, Span};
use crate::transforms;
use written::{InInput, Name, NameKind, Written};

/// The rule whose findings are ignores that ignore nothing.
const UNUSED: &str = "unused-ignore";
/// The rule whose findings are ignores without a reason.
const UNEXPLAINED: &str = "unexplained-ignore";

/// True for the rules that look at ignores, not at what is deployed.
pub(super) fn is_about_ignores(rule: &str) -> bool {
    [UNUSED, UNEXPLAINED].contains(&rule)
}

/// What was not reported, over all passes.
pub(super) struct Ledger<'a> {
    /// Names that covered a finding, each with its place in the text before the run.
    used: HashSet<(Loc, String)>,
    /// The comments as they were before the run; `None` in the first pass.
    input: Option<InInput>,
    configured: Vec<Configured>,
    pub(super) baseline: Option<Matches<'a>>,
    /// Findings of the last pass that were ignored.
    pub(super) ignored: usize,
    /// Findings about ignores in the last pass.
    pub(super) notes: Vec<Finding>,
}

/// What became of an ignore of the configuration.
#[derive(Debug, Clone, Default)]
struct Configured {
    used: bool,
    /// True when a resource was read that it could be for.
    in_reach: bool,
}

impl<'a> Ledger<'a> {
    pub(super) fn new<'f>(settings: &Settings<'a>, files: impl Iterator<Item = &'f str>) -> Self {
        Ledger {
            used: HashSet::new(),
            input: None,
            configured: vec![Configured::default(); settings.options.ignores.len()],
            baseline: settings.baseline.map(|baseline| Matches::new(baseline, files)),
            ignored: 0,
            notes: Vec::new(),
        }
    }

    /// Takes out the findings of a pass that are not to be reported, and notes which ignores ignored nothing so far.
    /// `to_input` leads from a place in the text of the pass to the one before the run.
    pub(super) fn sift(
        &mut self,
        inventory: &Inventory<'_>,
        settings: &Settings<'_>,
        to_input: &dyn Fn(Loc) -> Loc,
        findings: &mut Vec<Finding>,
    ) {
        let written = Written::read(inventory);
        self.ignored = 0;
        self.reach(inventory, settings);
        findings.retain(|finding| !self.ignores(&written, settings, to_input, finding));
        findings.iter_mut().for_each(|finding| refuse_what_is_in_doubt(&written, settings, finding));
        super::together::join(findings);
        self.notes = self.notes(&written, settings, to_input);
        if let Some(baseline) = &mut self.baseline {
            let file = |finding: &Finding| inventory.file_name(finding.at.file);
            baseline.sift(file, [findings, &mut self.notes]);
        }
        self.input.get_or_insert_with(|| written.into_input());
    }

    /// Whether anything ignores the finding; all that does counts as used.
    fn ignores(
        &mut self,
        written: &Written<'_>,
        settings: &Settings<'_>,
        to_input: &dyn Fn(Loc) -> Loc,
        finding: &Finding,
    ) -> bool {
        let covering = written.covering(finding);
        let mut ignored = !covering.is_empty();
        for name in covering {
            self.used.insert(key(&written.names[name], to_input));
        }
        if let Some(input) = &self.input {
            for (at, name) in input.covering(to_input(finding.at), finding.rule) {
                ignored = true;
                self.used.insert((start(*at), name.clone()));
            }
        }
        for (ignore, state) in settings.options.ignores.iter().zip(&mut self.configured) {
            let of_rule = ignore.rules.is_empty() || ignore.rules.iter().any(|rule| rule == finding.rule);
            if of_rule && holds_for(ignore, written.inventory, finding.id) {
                state.used = true;
                ignored = true;
            }
        }
        self.ignored += usize::from(ignored);
        ignored
    }

    /// Notes which ignores of the configuration are for something that was read.
    fn reach(&mut self, inventory: &Inventory<'_>, settings: &Settings<'_>) {
        for (ignore, state) in settings.options.ignores.iter().zip(&mut self.configured) {
            let mut ids = (0..inventory.resources().len() as u32).map(ResourceId);
            state.in_reach = state.in_reach || ids.any(|id| holds_for(ignore, inventory, id));
        }
    }

    /// The findings about ignores. An ignore may name the rules that find them, too.
    fn notes(&mut self, written: &Written<'_>, settings: &Settings<'_>, to_input: &dyn Fn(Loc) -> Loc) -> Vec<Finding> {
        let mut notes = Vec::new();
        if let Some(meta) = settings.rule(UNEXPLAINED) {
            notes.extend(written.unexplained.iter().filter_map(|at| unexplained(meta, written, *at)));
        }
        let Some(meta) = settings.rule(UNUSED) else {
            notes.retain(|note| !self.ignores(written, settings, to_input, note));
            return notes;
        };
        let about_ignores = |name: &Name<'_>| is_about_ignores(name.text);
        let unused = |used: &HashSet<(Loc, String)>, is_about_ignores: bool| {
            let judged = written.names.iter().filter(|name| about_ignores(name) == is_about_ignores);
            let unused = judged.filter(|name| !used.contains(&key(name, to_input)));
            unused.filter_map(|name| unused_name(meta, written, settings, name)).collect::<Vec<Finding>>()
        };
        notes.extend(unused(&self.used, false));
        notes.retain(|note| !self.ignores(written, settings, to_input, note));
        notes.extend(unused(&self.used, true));
        notes
    }

    /// The ignores of the configuration that ignored nothing, as sentences. Those for what was not read, or for rules
    /// that did not run, are not judged.
    pub(super) fn unused_in_configuration(&self, settings: &Settings<'_>) -> Vec<String> {
        if settings.rule(UNUSED).is_none() {
            return Vec::new();
        }
        let ran = |ignore: &Ignore| match ignore.rules.is_empty() {
            true => transforms::ALL.iter().all(|rule| settings.rule(rule.meta().name).is_some()),
            false => ignore.rules.iter().all(|rule| settings.rule(rule).is_some()),
        };
        let unused = settings.options.ignores.iter().zip(&self.configured).enumerate();
        let unused = unused.filter(|(_, (ignore, state))| state.in_reach && !state.used && ran(ignore));
        unused.map(|(i, (ignore, _))| sentence(i, ignore)).collect()
    }
}

/// A name with its place before the run: it stays the same from pass to pass.
fn key(name: &Name<'_>, to_input: &dyn Fn(Loc) -> Loc) -> (Loc, String) {
    (start(to_input(name.at)), name.text.to_owned())
}

fn start(Loc { file, span }: Loc) -> Loc {
    Loc { file, span: Span { end: span.start, ..span } }
}

/// Whether an ignore of the configuration is for this resource. One that names a namespace must be right for
/// every place where the resource is deployed.
fn holds_for(ignore: &Ignore, inventory: &Inventory<'_>, id: ResourceId) -> bool {
    let resource = inventory.resource(id);
    let any_path = || {
        let at = inventory.options().places.path(inventory.path(id));
        ignore.paths.iter().any(|path| glob::matches(path, &at))
    };
    let in_namespace = |pattern: &String| {
        let placements = inventory.placements(id).iter();
        placements
            .map(|placement| placement.namespace.as_deref())
            .all(|namespace| glob::matches(pattern, namespace.unwrap_or_default()))
    };
    (ignore.paths.is_empty() || any_path())
        && ignore.kind.as_ref().is_none_or(|kind| *kind == resource.name.kind)
        && ignore.name.as_ref().is_none_or(|name| glob::matches(name, &resource.name.name))
        && ignore.namespace.as_ref().is_none_or(in_namespace)
}

fn sentence(i: usize, ignore: &Ignore) -> String {
    let rules = if ignore.rules.is_empty() { "all rules".to_owned() } else { ignore.rules.join(", ") };
    let mut places: Vec<String> = ignore.paths.clone();
    places.extend([&ignore.kind, &ignore.namespace, &ignore.name].into_iter().flatten().cloned());
    let places = if places.is_empty() { String::new() } else { format!(" in {}", places.join(", ")) };
    format!("ignore {} of the configuration ({rules}{places}) matches no finding any more; remove it", i + 1)
}

/// A comment that ignores nothing because it is mistyped keeps the fix from the field that it was to protect.
fn refuse_what_is_in_doubt(written: &Written<'_>, settings: &Settings<'_>, finding: &mut Finding) {
    if finding.fix.is_none() {
        return;
    }
    let is_meant = |name: &Name<'_>| match name.kind {
        NameKind::Unreadable => {
            let rules = rules_in(name.text);
            rules.is_empty() || rules.contains(&finding.rule)
        }
        NameKind::Comment | NameKind::Annotation(..) => {
            name.text != "true" && !is_known(settings, name.text) && meant(settings, name.text) == Some(finding.rule)
        }
        NameKind::Suppress => false,
    };
    if written.at(finding).into_iter().any(|name| is_meant(&written.names[name])) {
        finding.fix = None;
        finding.refusal = Some("it may be meant to be ignored: an ignore here is mistyped".to_owned());
    }
}

/// The names of all rules, whether they run or not.
fn names<'s>(settings: &'s Settings<'_>) -> impl Iterator<Item = &'s str> {
    let of_users = settings.options.transforms.iter().map(|transform| transform.id.as_str());
    transforms::ALL.iter().chain(&settings.rules).map(|rule| rule.meta().name).chain(of_users)
}

fn is_known(settings: &Settings<'_>, name: &str) -> bool {
    names(settings).any(|known| known == name)
}

/// The rule that a mistyped name is meant for.
fn meant<'s>(settings: &'s Settings<'_>, name: &str) -> Option<&'s str> {
    spelling::nearest(name, names(settings))
}

/// The rules that a text names.
fn rules_in(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| transforms::ALL.iter().any(|rule| rule.meta().name == *word)).collect()
}

fn unexplained(meta: &Meta, written: &Written<'_>, at: Loc) -> Option<Finding> {
    let name = written.text(at);
    let message = format!("`ignore[{name}]` gives no reason");
    let finding = at_comment(meta, written, at, name, message)?;
    Some(
        finding.help(format!(
            "say why behind the bracket, for those who read it next: `# meshfix: ignore[{name}] reason`"
        )),
    )
}

fn unreadable(meta: &Meta, written: &Written<'_>, name: &Name<'_>) -> Option<Finding> {
    let rules = rules_in(name.text);
    let rules = if rules.is_empty() { "rule".to_owned() } else { rules.join(", ") };
    let message = "this comment ignores nothing: it names no rule in brackets behind `ignore`";
    let finding = at_comment(meta, written, name.at, "", message.to_owned())?;
    Some(finding.help(format!("write `# meshfix: ignore[{rules}] reason`, each rule by its name")))
}

/// The finding about a name that ignored nothing; `None` for what can't be judged.
fn unused_name(meta: &Meta, written: &Written<'_>, settings: &Settings<'_>, name: &Name<'_>) -> Option<Finding> {
    let is_all = matches!(name.kind, NameKind::Annotation(..)) && name.text == "true";
    if is_all || matches!(name.kind, NameKind::Suppress) {
        return None;
    }
    if matches!(name.kind, NameKind::Unreadable) {
        return unreadable(meta, written, name);
    }
    let text = name.text;
    let (message, help) = if !is_known(settings, text) {
        let next = meant(settings, text)
            .map_or_else(|| "`meshfix rules` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        (format!("this ignores nothing: there is no rule `{text}`"), next)
    } else if settings.rule(text).is_none() {
        return None;
    } else if matches!(name.kind, NameKind::Comment) {
        let help = "remove the name; a comment is for the line it stands on, for the line below it, or at the head of a \
                    document for all of it";
        (format!("`{text}` finds nothing here that could be ignored"), help.to_owned())
    } else {
        let message = format!("`{text}` finds nothing in this resource that could be ignored");
        (message, "remove the name from the annotation".to_owned())
    };
    let finding = match name.kind {
        NameKind::Annotation(id, field) => {
            let mut finding = Finding::of(meta, written.inventory, id, field, message);
            finding.named_path.push_str(&format!("#{text}"));
            finding
        }
        _ => at_comment(meta, written, name.at, text, message)?,
    };
    Some(finding.help(help))
}

/// A finding at a place in a comment, on behalf of the resource that the comment belongs to.
fn at_comment(meta: &Meta, written: &Written<'_>, at: Loc, name: &str, message: String) -> Option<Finding> {
    let (id, root) = written.resource_at(at)?;
    let mut finding = Finding::of(meta, written.inventory, id, root, message);
    finding.named_path.push_str(&format!("#{name}"));
    Some(Finding { at, ..finding })
}
