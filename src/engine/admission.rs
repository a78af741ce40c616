//! Which changes go together in one pass: whole ones, without conflicts, each in its turn.

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::Settings;
use super::secrets::SecretSpans;
use crate::manifest::{NodeId, ResourceId, ResourceName, Slot, SourceFile, State};
use crate::rule::{Change, Creation, Finding, Premise};
use crate::text::{FileId, Loc, Span, line_at};
use crate::yaml::{Denial, NodeRef, Op, Plan};

/// A change that goes into this pass.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    /// Its finding, by place in the list.
    pub(super) finding: usize,
    pub(super) rule: &'static str,
    pub(super) files: BTreeSet<FileId>,
    /// Names the change from pass to pass.
    pub(super) key: String,
}

pub(super) type Plans<'a> = BTreeMap<(FileId, u32), Plan<'a>>;

/// Why a change does not go into this pass.
enum Wait {
    /// It may go into the next one.
    Turn,
    /// It can't be done honestly.
    Refused(String),
}

pub(super) struct Admission<'a> {
    files: &'a [SourceFile],
    settings: &'a Settings<'a>,
    fighting: &'a BTreeSet<&'static str>,
    failed: &'a HashSet<String>,
    plans: Plans<'a>,
    empty: HashMap<(FileId, u32), Plan<'a>>,
    admitted: Vec<Admitted>,
    /// Rules that go into this pass or wait for the next one, by resource.
    pending_rules: HashMap<ResourceId, Vec<&'static str>>,
    claims: HashSet<(ResourceName, String)>,
    premises: HashMap<FileId, Vec<Span>>,
    touched: HashMap<FileId, Vec<Span>>,
    secrets: HashMap<FileId, SecretSpans>,
    created: Created,
    /// The files by their names; made when something new is to be made.
    by_name: OnceCell<HashMap<&'a str, usize>>,
}

/// New documents, each as a value that both readers must find.
#[derive(Debug, Default)]
pub(super) struct Created {
    /// Files that are made for them: the file that each stands beside, and its name. They are numbered behind the
    /// others.
    pub(super) files: Vec<(FileId, String)>,
    /// The documents by file, in order, each with the one that it is indented like.
    pub(super) documents: BTreeMap<FileId, Vec<(Value, NodeId)>>,
}

/// What is admitted for a pass.
pub(super) struct Admissions<'a> {
    pub(super) plans: Plans<'a>,
    pub(super) created: Created,
    pub(super) admitted: Vec<Admitted>,
}

impl<'a> Admission<'a> {
    pub(super) fn new(
        files: &'a [SourceFile],
        settings: &'a Settings<'a>,
        fighting: &'a BTreeSet<&'static str>,
        failed: &'a HashSet<String>,
    ) -> Self {
        Admission {
            files,
            settings,
            fighting,
            failed,
            plans: BTreeMap::new(),
            empty: HashMap::new(),
            admitted: Vec::new(),
            pending_rules: HashMap::new(),
            claims: HashSet::new(),
            premises: HashMap::new(),
            touched: HashMap::new(),
            secrets: HashMap::new(),
            created: Created::default(),
            by_name: OnceCell::new(),
        }
    }

    pub(super) fn finish(self) -> Admissions<'a> {
        Admissions { plans: self.plans, created: self.created, admitted: self.admitted }
    }

    /// Admits what can go together, rule by rule in the order of the list.
    pub(super) fn admit_all(&mut self, findings: &mut [Finding]) {
        let rank = self.ranks();
        let mut order: Vec<usize> = (0..findings.len()).collect();
        // Whoever relies on text comes behind those who only change it, so that it sees what they did.
        let relies = |finding: &Finding| {
            let premises = finding.fix.iter().flat_map(|fix| &fix.change.premises);
            premises.into_iter().any(|premise| matches!(premise, Premise::Span(_)))
        };
        order.sort_by_key(|i| {
            let (depth, place) = rank.get(findings[*i].rule).copied().unwrap_or_default();
            (depth, relies(&findings[*i]), place)
        });
        let after: HashMap<&str, &[&str]> =
            self.settings.rules.iter().map(|rule| (rule.meta().name, rule.meta().after)).collect();
        for i in order {
            let finding = &findings[i];
            let Some(fix) = &finding.fix else { continue };
            let key = key(finding);
            let refusal = if self.failed.contains(&key) {
                Some("the change failed its proof; this is a defect of meshfix, please report it".to_owned())
            } else if self.fighting.contains(finding.rule) {
                Some(format!(
                    "rules undo each other here: {}",
                    self.fighting.iter().copied().collect::<Vec<_>>().join(", ")
                ))
            } else if !self.settings.allows(fix.safety) {
                self.check(&fix.change).err().and_then(Wait::reason)
            } else {
                let earlier = after.get(finding.rule).copied().unwrap_or_default();
                // A refused change never goes, so nothing waits for it.
                let waits = self
                    .pending_rules
                    .get(&finding.id)
                    .is_some_and(|rules| rules.iter().any(|rule| earlier.contains(rule)));
                if waits {
                    self.pending_rules.entry(finding.id).or_default().push(finding.rule);
                    self.check(&fix.change).err().and_then(Wait::reason)
                } else {
                    match self.admit(&fix.change) {
                        Ok(files) => {
                            self.pending_rules.entry(finding.id).or_default().push(finding.rule);
                            self.admitted.push(Admitted { finding: i, rule: finding.rule, files, key });
                            None
                        }
                        Err(Wait::Turn) => {
                            self.pending_rules.entry(finding.id).or_default().push(finding.rule);
                            None
                        }
                        Err(wait) => wait.reason(),
                    }
                }
            };
            findings[i].refusal = refusal.or_else(|| findings[i].refusal.take());
        }
    }

    /// The turn of each rule: behind those it waits for, then as the list has it.
    fn ranks(&self) -> HashMap<&'static str, (usize, usize)> {
        let rules = &self.settings.rules;
        let mut ranks: HashMap<&'static str, (usize, usize)> = HashMap::new();
        // A chain of waiting is no longer than the list.
        for _ in rules {
            for (i, rule) in rules.iter().enumerate() {
                let waits_for = rule.meta().after.iter().filter_map(|name| ranks.get(name)).map(|(depth, _)| depth + 1);
                let depth = waits_for.max().unwrap_or(0);
                ranks.insert(rule.meta().name, (depth, i));
            }
        }
        ranks
    }

    /// Whether the change could be made, without making it.
    fn check(&mut self, change: &Change) -> Result<(), Wait> {
        self.check_files(change)?;
        for ((file, document), ops) in by_document(change) {
            let plan = self.empty_plan(file, document).ok_or(Wait::Turn)?;
            plan.check(&ops).map_err(wait)?;
        }
        Ok(())
    }

    fn admit(&mut self, change: &Change) -> Result<BTreeSet<FileId>, Wait> {
        self.check_files(change)?;
        self.check_premises(change)?;
        let groups = by_document(change);
        let mut plans = Vec::new();
        for ((file, document), ops) in &groups {
            let mut plan = match self.plans.remove(&(*file, *document)) {
                Some(plan) => plan,
                None => self.empty_plan(*file, *document).ok_or(Wait::Turn)?.clone(),
            };
            // A change over several documents goes whole: keep what a later refusal would undo.
            let backup = (groups.len() > 1).then(|| plan.clone());
            let admitted = plan.admit(ops);
            plans.push((*file, *document, plan, backup));
            if let Err(denial) = admitted {
                for (file, document, plan, backup) in plans {
                    let plan = backup.unwrap_or(plan);
                    if !plan.is_empty() {
                        self.plans.insert((file, document), plan);
                    }
                }
                return Err(wait(denial));
            }
        }
        for (file, document, plan, _) in plans {
            self.plans.insert((file, document), plan);
        }
        self.remember(change);
        let made: Vec<FileId> = change.creations.iter().map(|creation| self.create(creation)).collect();
        Ok(change.ops.iter().map(|(at, _)| at.file).chain(made).collect())
    }

    /// Takes a new document into its file, which may be new itself.
    fn create(&mut self, creation: &Creation) -> FileId {
        let file = match self.home(creation) {
            Ok(file) => file,
            Err(name) => {
                self.created.files.push((creation.beside.file, name.to_owned()));
                FileId((self.files.len() + self.created.files.len() - 1) as u32)
            }
        };
        self.created.documents.entry(file).or_default().push((creation.value.clone(), creation.beside));
        file
    }

    /// The file that takes a new document, or the name of the one that must be made.
    fn home<'c>(&self, creation: &'c Creation) -> Result<FileId, &'c str> {
        let Some(name) = &creation.file else { return Ok(creation.beside.file) };
        let made = self.created.files.iter().position(|(_, have)| have == name).map(|at| self.files.len() + at);
        let numbers = self
            .by_name
            .get_or_init(|| self.files.iter().enumerate().map(|(at, file)| (file.name.as_str(), at)).collect());
        let found = numbers.get(name.as_str()).copied().or(made);
        found.map(|at| FileId(at as u32)).ok_or(name)
    }

    /// Whether new documents can be written where they belong.
    fn check_creations(&self, change: &Change) -> Result<(), Wait> {
        for creation in &change.creations {
            let refusal = match self.home(creation) {
                Err(name) => (self.settings.can_not_create)(name).map(|reason| format!("{name}: {reason}")),
                Ok(file) => {
                    let file = self.files.get(file.0 as usize);
                    file.and_then(|file| can_not_append(file).map(|reason| format!("{}: {reason}", file.name)))
                }
            };
            if let Some(reason) = refusal {
                return Err(Wait::Refused(reason));
            }
        }
        Ok(())
    }

    fn empty_plan(&mut self, file: FileId, document: u32) -> Option<&mut Plan<'a>> {
        let files = self.files;
        let make = || Some(Plan::new(files.get(file.0 as usize)?.document(document)?));
        match self.empty.entry((file, document)) {
            Entry::Occupied(have) => Some(have.into_mut()),
            Entry::Vacant(place) => Some(place.insert(make()?)),
        }
    }

    /// Files that can't be written, and lines that also hold a Secret, refuse every change.
    fn check_files(&mut self, change: &Change) -> Result<(), Wait> {
        for (at, _) in &change.ops {
            let file = &self.files[at.file.0 as usize];
            if let Some(reason) = &file.held {
                return Err(Wait::Refused(format!("{}: {reason}", file.name)));
            }
            let secrets = self.secrets.entry(at.file).or_insert_with(|| SecretSpans::new(file));
            let document = file.document(at.document);
            let node = document.and_then(|document| document.node(at.node.node, at.node.via));
            let Some(span) = node.filter(|_| !secrets.is_empty()).map(|node| node.entry_span()) else { continue };
            let lines = Span {
                start: line_at(&file.text, span.start as usize).start,
                end: line_at(&file.text, span.end as usize).end,
            };
            if secrets.touches(lines) {
                let reason = "a Secret stands on the same line; its value would show in the diff";
                return Err(Wait::Refused(reason.to_owned()));
            }
            // The line behind a change is always part of its diff.
            let next = line_at(&file.text, (lines.end as usize + 2).min(file.text.len()));
            if next.start > lines.end && secrets.shows_value(next) {
                let reason = "a Secret's value stands on the next line and would show in the diff";
                return Err(Wait::Refused(reason.to_owned()));
            }
        }
        self.check_creations(change)
    }

    fn check_premises(&self, change: &Change) -> Result<(), Wait> {
        let meets = |spans: Option<&Vec<Span>>, span: Span| {
            spans.is_some_and(|spans| spans.iter().any(|have| have.overlaps(span)))
        };
        for premise in &change.premises {
            let taken = match premise {
                Premise::Claim { owner, key } => self.claims.contains(&(owner.clone(), key.clone())),
                Premise::Span(Loc { file, span }) => meets(self.touched.get(file), *span),
            };
            if taken {
                return Err(Wait::Turn);
            }
        }
        if self.premises.is_empty() {
            return Ok(());
        }
        let broken = change
            .ops
            .iter()
            .any(|(at, _)| self.span(*at).is_some_and(|span| meets(self.premises.get(&at.file), span)));
        if broken { Err(Wait::Turn) } else { Ok(()) }
    }

    fn remember(&mut self, change: &Change) {
        for premise in &change.premises {
            match premise {
                Premise::Claim { owner, key } => {
                    self.claims.insert((owner.clone(), key.clone()));
                }
                Premise::Span(Loc { file, span }) => self.premises.entry(*file).or_default().push(*span),
            }
        }
        for (at, _) in &change.ops {
            if let Some(span) = self.span(*at) {
                self.touched.entry(at.file).or_default().push(span);
            }
        }
    }

    fn span(&self, at: NodeId) -> Option<Span> {
        let document = self.files.get(at.file.0 as usize)?.document(at.document)?;
        Some(document.node(at.node.node, at.node.via)?.entry_span())
    }
}

/// Why no document can be added at the end of a file, if so.
fn can_not_append(file: &SourceFile) -> Option<String> {
    if file.held.is_some() {
        return file.held.clone();
    }
    let is_read = |slot: &Slot| matches!(slot.state, State::Read(_) | State::Other);
    if file.slots.iter().any(|slot| matches!(slot.state, State::Broken(_) | State::Template(_))) {
        return Some("not all of it can be read, so nothing is added at its end".to_owned());
    }
    if file.text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']) {
        return Some("it is JSON, which takes no further document; convert it to YAML".to_owned());
    }
    // A text that does not end with a line break may need one in its last scalar.
    let last = file.slots.last().filter(|_| !file.text.ends_with('\n'));
    (last.is_some_and(|slot| !is_read(slot)))
        .then(|| "its last line has no line break, and what stands there is not edited".to_owned())
}

impl Wait {
    fn reason(self) -> Option<String> {
        match self {
            Wait::Refused(reason) => Some(reason),
            Wait::Turn => None,
        }
    }
}

fn wait(denial: Denial) -> Wait {
    match denial {
        Denial::Refused(refusal) => Wait::Refused(refusal.to_string()),
        Denial::Conflict => Wait::Turn,
    }
}

/// What stays the same of a finding from pass to pass.
fn key(finding: &Finding) -> String {
    format!("{}\u{0}{}\u{0}{}\u{0}{}", finding.rule, finding.resource, finding.at.file.0, finding.path)
}

/// The operations of a change, document by document.
pub(super) fn by_document(change: &Change) -> BTreeMap<(FileId, u32), Vec<(NodeRef, Op)>> {
    let mut groups: BTreeMap<_, Vec<(NodeRef, Op)>> = BTreeMap::new();
    for (at, op) in &change.ops {
        groups.entry((at.file, at.document)).or_default().push((at.node, op.clone()));
    }
    groups
}
