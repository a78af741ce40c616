//! How ready each workload is for the mesh: which findings are about it, and what each of them waits for.
//!
//! A finding about a Service counts for the workloads that it selects, one about a kustomize patch for what it patches.
//! What one setting of the mesh decides counts for no workload. Advice holds nothing back.

use std::collections::HashMap;

use super::ignore::is_about_ignores;
use super::{Outcome, Reported, Status, Tracked};
use crate::manifest::{Inventory, Resource, ResourceId, ResourceName};
use crate::rule::{Finding, Level, Safety};
use crate::text::{FileId, Loc};

/// What a finding waits for when the command has ended. The greatest of a workload's findings is what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It is fixed, or advice.
    Nothing,
    /// Its fix is safe and not written yet.
    Write,
    /// Its fix is unsafe and not written yet.
    Unsafe,
    /// A person decides, or makes the change.
    Person,
}

/// A resource with the findings that count for it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The resource.
    pub resource: ResourceName,
    /// Where its name stands in the text before the run.
    pub at: Loc,
    /// True for a workload that is outside the mesh, or part of the mesh itself: rules do not look at it.
    pub is_outside: bool,
    /// Its findings, as their places in the list of all findings.
    pub findings: Vec<usize>,
}

/// The workloads of a run, and what holds them back.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// All workloads, in the order of files and places.
    pub workloads: Vec<Subject>,
    /// Other resources that something was found about which counts for no workload.
    pub others: Vec<Subject>,
    /// Findings that one setting of the mesh decides.
    pub mesh: Vec<usize>,
    /// The rules that ran.
    pub rules: Vec<&'static str>,
}

/// The workloads of the input, and which of them a finding about a resource counts for.
#[derive(Debug, Default)]
pub(super) struct Roster {
    workloads: Vec<Subject>,
    counts_for: HashMap<ResourceId, Vec<usize>>,
}

impl Reported {
    /// True where the finding has a safe fix.
    pub fn is_safe(&self) -> bool {
        self.finding.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Safe)
    }

    /// What the finding waits for; `written` after `--write`.
    pub fn need(&self, written: bool) -> Need {
        match self.status {
            _ if self.finding.level == Level::Info => Need::Nothing,
            Status::Applied if written => Need::Nothing,
            Status::Applied if self.is_safe() => Need::Write,
            Status::Applied | Status::NeedsUnsafe => Need::Unsafe,
            Status::Refused(_) | Status::Manual => Need::Person,
        }
    }
}

impl Subject {
    /// What the resource waits for; `None` for a workload outside the mesh that nothing was found about.
    pub fn need(&self, outcome: &Outcome, written: bool) -> Option<Need> {
        let findings = self.findings.iter().map(|i| &outcome.findings[*i]);
        let mut counted = findings.filter(|reported| reported.finding.level > Level::Info).peekable();
        if self.is_outside && counted.peek().is_none() {
            return None;
        }
        Some(counted.map(|reported| reported.need(written)).max().unwrap_or(Need::Nothing))
    }

    /// The rules that hold it back, each once, with what they wait for.
    pub fn held_by(&self, outcome: &Outcome, written: bool) -> Vec<(&'static str, Need)> {
        let mut rules: Vec<(&'static str, Need)> = Vec::new();
        for reported in self.findings.iter().map(|i| &outcome.findings[*i]) {
            let need = reported.need(written);
            match rules.iter_mut().find(|(rule, _)| *rule == reported.finding.rule) {
                Some((_, greatest)) => *greatest = need.max(*greatest),
                None => rules.push((reported.finding.rule, need)),
            }
        }
        rules.retain(|(_, need)| *need > Need::Nothing);
        rules
    }
}

impl Roster {
    /// The workloads of the input. Rules asked for most of this already.
    pub(super) fn new(inventory: &Inventory<'_>) -> Roster {
        let mut roster = Roster::default();
        for workload in inventory.workloads().filter(|workload| !workload.is_fragment()) {
            let name = workload.root.at(&["metadata", "name"]).unwrap_or(workload.root);
            roster.enter(workload.id, vec![roster.workloads.len()]);
            roster.workloads.push(Subject {
                resource: workload.resource.name.clone(),
                at: name.loc(),
                is_outside: !inventory.is_checked(workload),
                findings: Vec::new(),
            });
        }
        for patch in inventory.workloads().filter(|workload| workload.is_fragment()) {
            let patched = inventory.patched_by(patch).into_iter().map(|workload| workload.id);
            let patched = roster.all(patched, |_| true);
            roster.enter(patch.id, patched);
        }
        for service in inventory.services() {
            let selected = inventory.workloads_of(service).possible.into_iter();
            let selected = roster.all(selected, |workload| !workload.is_outside);
            roster.enter(service, selected);
        }
        roster
    }

    fn all(&self, ids: impl Iterator<Item = ResourceId>, which: impl Fn(&Subject) -> bool) -> Vec<usize> {
        let known = ids.filter_map(|id| self.counts_for.get(&id)).flatten().copied();
        known.filter(|workload| which(&self.workloads[*workload])).collect()
    }

    fn enter(&mut self, id: ResourceId, workloads: Vec<usize>) {
        if !workloads.is_empty() {
            self.counts_for.insert(id, workloads);
        }
    }

    /// Gives each finding to what it counts for.
    pub(super) fn assign(self, findings: &[Reported], rules: Vec<&'static str>) -> Readiness {
        let Roster { mut workloads, counts_for } = self;
        let mut others: Vec<Subject> = Vec::new();
        let mut known: HashMap<(FileId, &ResourceName), usize> = HashMap::new();
        let mut mesh = Vec::new();
        for (i, Reported { finding, .. }) in findings.iter().enumerate() {
            if is_about_ignores(finding.rule) {
                continue;
            }
            if finding.together.is_some() && finding.fix.is_none() {
                mesh.push(i);
                continue;
            }
            if let Some(counts) = counts_for.get(&finding.id) {
                counts.iter().for_each(|workload| workloads[*workload].findings.push(i));
                continue;
            }
            let other = *known.entry((finding.at.file, &finding.resource)).or_insert_with(|| {
                let (resource, at) = (finding.resource.clone(), finding.at);
                others.push(Subject { resource, at, is_outside: false, findings: Vec::new() });
                others.len() - 1
            });
            others[other].findings.push(i);
        }
        Readiness { workloads, others, mesh, rules }
    }
}

/// Names the resource of each finding by its number in the input: documents that the run made may stand before it.
/// They themselves get numbers that nothing in the input has.
pub(super) fn number_as_in_input(inventory: &Inventory<'_>, tracked: &[Tracked], findings: &mut [Finding]) {
    if tracked.iter().all(|file| file.created.is_empty()) {
        return;
    }
    let mut in_input = 0;
    let number = |(i, resource): (usize, &Resource)| {
        if tracked[resource.file.0 as usize].created.contains(&resource.document) {
            return ResourceId(u32::MAX - i as u32);
        }
        in_input += 1;
        ResourceId(in_input - 1)
    };
    let numbers: Vec<ResourceId> = inventory.resources().iter().enumerate().map(number).collect();
    findings.iter_mut().for_each(|finding| finding.id = numbers[finding.id.0 as usize]);
}
