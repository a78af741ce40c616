//! The ignores that are written in the manifests, and where each of them holds.

use std::collections::HashMap;

use super::comment::{self, Comment};
use crate::manifest::{Field, Inventory, ResourceId, SourceFile, State};
use crate::rule::Finding;
use crate::text::{FileId, LineIndex, Loc, Span};
use crate::yaml::{Document, Kind, Node, Op};

/// The annotation of meshfix, on a resource or its pod template.
const ANNOTATION: &str = "meshfix.dev/ignore";
/// The annotation of `istioctl analyze`, on a resource.
const SUPPRESS: &str = "galley.istio.io/analyze-suppress";

/// A name in an ignore.
#[derive(Debug)]
pub(super) struct Name<'p> {
    /// As it is written.
    pub(super) text: &'p str,
    /// Where: the name in a comment, or the annotation's value.
    pub(super) at: Loc,
    pub(super) kind: NameKind<'p>,
}

/// Where a name is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameKind<'p> {
    /// In a comment.
    Comment,
    /// A comment that is meant for us and can't be read.
    Unreadable,
    /// In our annotation of a resource.
    Annotation(ResourceId, Field<'p>),
    /// In the annotation of `istioctl analyze`: a code of its, or `*`.
    Suppress,
}

impl Name<'_> {
    fn covers(&self, finding: &Finding) -> bool {
        match self.kind {
            NameKind::Comment => self.text == finding.rule,
            NameKind::Annotation(..) => self.text == finding.rule || self.text == "true",
            NameKind::Unreadable => false,
            NameKind::Suppress => finding.istio.is_some_and(|code| self.text == code || self.text == "*"),
        }
    }
}

/// The ignores in the texts of one pass. Files that never say `meshfix` cost no more than looking for the word.
pub(super) struct Written<'p> {
    pub(super) inventory: &'p Inventory<'p>,
    pub(super) names: Vec<Name<'p>>,
    /// Comments that give no reason.
    pub(super) unexplained: Vec<Loc>,
    /// Names in comments by the lines and the documents that they hold for.
    of_lines: HashMap<(FileId, usize), Vec<usize>>,
    of_documents: HashMap<(FileId, u32), Vec<usize>>,
    of_resources: HashMap<ResourceId, Vec<usize>>,
    /// Lines of the files that have such comments.
    lines: HashMap<FileId, LineIndex>,
}

impl<'p> Written<'p> {
    pub(super) fn read(inventory: &'p Inventory<'p>) -> Self {
        let mut written = Written {
            inventory,
            names: Vec::new(),
            unexplained: Vec::new(),
            of_lines: HashMap::new(),
            of_documents: HashMap::new(),
            of_resources: HashMap::new(),
            lines: HashMap::new(),
        };
        let mut annotated = Vec::with_capacity(inventory.files().len());
        for (i, file) in inventory.files().iter().enumerate() {
            let says = |word: &str| memchr::memmem::find(file.text.as_bytes(), word.as_bytes()).is_some();
            let ours = says("meshfix");
            annotated.push(ours && says(ANNOTATION) || says(SUPPRESS));
            if ours {
                written.read_comments(FileId(i as u32), file);
            }
        }
        if annotated.contains(&true) {
            for id in (0..inventory.resources().len() as u32).map(ResourceId) {
                if annotated[inventory.resource(id).file.0 as usize] {
                    written.read_annotations(id);
                }
            }
        }
        written
    }

    fn read_comments(&mut self, id: FileId, file: &'p SourceFile) {
        for (document, slot) in file.slots.iter().enumerate() {
            let State::Read(tree) = &slot.state else { continue };
            let says = |span: &Span| file.text[span.range()].contains("meshfix");
            if tree.comments().iter().any(says) {
                self.read_document(id, document as u32, tree);
            }
        }
    }

    fn read_document(&mut self, file: FileId, document: u32, tree: &'p Document) {
        let text = tree.text();
        let index = self.lines.entry(file).or_insert_with(|| LineIndex::new(text));
        let root = tree.root().entry_span().start;
        let stands_alone = |comment: &Span| {
            let before = &text[..comment.start as usize];
            let line = before.rsplit('\n').next().unwrap_or_default();
            line.trim_start_matches('\u{feff}').trim().is_empty()
        };
        // The line that the next comment holds for, if that one stands on a line of its own.
        let mut below: Option<(usize, usize)> = None;
        for comment in tree.comments().iter().rev() {
            let line = index.line(comment.start);
            let alone = stands_alone(comment);
            let target = match below {
                _ if !alone => line,
                Some((next, target)) if next == line + 1 => target,
                _ => line + 1,
            };
            below = alone.then_some((line, target));
            let place = |range: &std::ops::Range<usize>| {
                let start = comment.start as usize;
                Loc { file, span: Span::new(start + range.start, start + range.end) }
            };
            let (ranges, kind) = match comment::read(&text[comment.range()]) {
                None => continue,
                Some(Comment::Unreadable(range)) => (vec![range], NameKind::Unreadable),
                Some(Comment::Ignore { names, explained }) => {
                    if !explained && let Some(name) = names.first() {
                        self.unexplained.push(place(name));
                    }
                    (names, NameKind::Comment)
                }
            };
            for range in ranges {
                let name = self.names.len();
                let written = &text[comment.range()][range.clone()];
                self.names.push(Name { text: written, at: place(&range), kind });
                if comment.start < root {
                    self.of_documents.entry((file, document)).or_default().push(name);
                }
                for line in if target == line { vec![line] } else { vec![line, target] } {
                    self.of_lines.entry((file, line)).or_default().push(name);
                }
            }
        }
    }

    fn read_annotations(&mut self, id: ResourceId) {
        let Some(root) = self.inventory.root(id) else { return };
        let own = |name: &str| root.at(&["metadata", "annotations", name]);
        let pod = self.inventory.workload(id).filter(|workload| workload.template.id() != root.id());
        let of_pods = pod.and_then(|workload| workload.pod_metadata?.at(&["annotations", ANNOTATION]));
        let ours = [own(ANNOTATION), of_pods].map(|field| field.map(|field| (field, NameKind::Annotation(id, field))));
        let suppress = own(SUPPRESS).map(|field| (field, NameKind::Suppress));
        for (field, kind) in ours.into_iter().flatten().chain(suppress) {
            let text = field.text().unwrap_or_default();
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                self.of_resources.entry(id).or_default().push(self.names.len());
                self.names.push(Name { text: part, at: field.loc(), kind });
            }
        }
    }

    /// The names that cover a finding: all of them, so that each counts as used.
    pub(super) fn covering(&self, finding: &Finding) -> Vec<usize> {
        let mut names = self.at(finding);
        names.retain(|name| self.names[*name].covers(finding));
        names
    }

    /// The names that would cover a finding if they were those of its rule.
    pub(super) fn at(&self, finding: &Finding) -> Vec<usize> {
        let mut names: Vec<usize> = Vec::new();
        if !self.of_resources.is_empty() {
            let own = |id: &ResourceId| self.of_resources.get(id).into_iter().flatten();
            match self.inventory.workload(finding.id) {
                Some(workload) => {
                    let parts = self.inventory.whole(workload);
                    names.extend(parts.iter().flat_map(|part| own(&part.id)));
                }
                None => names.extend(own(&finding.id)),
            }
        }
        if !self.lines.is_empty() {
            let document = self.document_at(finding.at).map(|(document, _)| (finding.at.file, document));
            names.extend(document.and_then(|place| self.of_documents.get(&place)).into_iter().flatten());
            for place in self.places(finding) {
                names.extend(self.of_lines.get(&place).into_iter().flatten());
            }
        }
        names
    }

    /// The lines where a comment holds for the finding: that of its place, of its key, of the end of a value over
    /// several lines, and those of the fields that its fix changes.
    fn places(&self, finding: &Finding) -> Vec<(FileId, usize)> {
        let mut places = vec![(finding.at.file, finding.at.span.start)];
        let has_lines = self.lines.contains_key(&finding.at.file);
        let document = self.document_at(finding.at).filter(|_| has_lines);
        let own = document.and_then(|(_, document)| document.node_at(finding.at.span));
        if let Some(node) = own {
            places.push((finding.at.file, node.entry_span().start));
            let ends_with_text = node.kind().is_flow() || node.kind().is_scalar() && !is_block_scalar(node);
            if ends_with_text && node.span() == finding.at.span {
                places.push((finding.at.file, finding.at.span.end));
            }
        }
        for (at, op) in finding.fix.iter().flat_map(|fix| &fix.change.ops) {
            if matches!(op, Op::Set(_) | Op::Splice { .. } | Op::Remove)
                && let Some(document) = self.inventory.files()[at.file.0 as usize].document(at.document)
                && let Some(node) = document.node(at.node.node, at.node.via)
            {
                places.push((at.file, node.entry_span().start));
            }
        }
        let line = |(file, at): (FileId, u32)| Some((file, self.lines.get(&file)?.line(at)));
        let mut lines: Vec<(FileId, usize)> = places.into_iter().filter_map(line).collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// The text of a place.
    pub(super) fn text(&self, at: Loc) -> &'p str {
        &self.inventory.files()[at.file.0 as usize].text[at.span.range()]
    }

    /// The document that holds a place, with its number in the file.
    fn document_at(&self, at: Loc) -> Option<(u32, &'p Document)> {
        let file = self.inventory.files().get(at.file.0 as usize)?;
        let index = file.slots.partition_point(|slot| slot.slice.end <= at.span.start).min(file.slots.len() - 1);
        Some((index as u32, file.document(index as u32)?))
    }

    /// The resource that a place in a document belongs to: the one it stands in or behind, else the first.
    pub(super) fn resource_at(&self, at: Loc) -> Option<(ResourceId, Field<'p>)> {
        let (document, _) = self.document_at(at)?;
        let resources = self.inventory.resources();
        let from = resources.partition_point(|have| (have.file, have.document) < (at.file, document));
        let to = resources.partition_point(|have| (have.file, have.document) <= (at.file, document));
        let starts_before = |i: usize| {
            let root = self.inventory.root(ResourceId(i as u32));
            root.is_none_or(|root| root.span().start <= at.span.start)
        };
        let ids: Vec<usize> = (from..to).collect();
        let behind = ids.partition_point(|i| starts_before(*i)).saturating_sub(1);
        let id = ResourceId(*ids.get(behind)? as u32);
        Some((id, self.inventory.root(id)?))
    }
}

/// The comments of the text before the run, by the lines they hold for: a finding of a later pass is reported there.
#[derive(Default)]
pub(super) struct InInput {
    names: HashMap<(FileId, usize), Vec<(Loc, String)>>,
    lines: HashMap<FileId, LineIndex>,
}

impl InInput {
    /// The names that cover a finding which is reported at `at`, each with its place.
    pub(super) fn covering<'s>(&'s self, at: Loc, rule: &'s str) -> impl Iterator<Item = &'s (Loc, String)> {
        let line = self.lines.get(&at.file).map(|lines| (at.file, lines.line(at.span.start)));
        let names = line.and_then(|line| self.names.get(&line)).into_iter().flatten();
        names.filter(move |(_, name)| name == rule)
    }
}

impl Written<'_> {
    /// What is known of the first pass when later ones ask.
    pub(super) fn into_input(self) -> InInput {
        let comment = |name: &usize| match &self.names[*name] {
            Name { kind: NameKind::Comment, at, text } => Some((*at, (*text).to_owned())),
            _ => None,
        };
        let names = self.of_lines.iter().map(|(line, names)| (*line, names.iter().filter_map(comment).collect()));
        InInput { names: names.collect(), lines: self.lines }
    }
}

fn is_block_scalar(node: Node<'_>) -> bool {
    matches!(node.kind(), Kind::Literal | Kind::Folded)
}
