//! A file of the workspace and its documents, read only as far as they hold something for us.

use std::sync::Arc;

use super::kinds::{Interest, Kinds, interest};
use crate::text::Span;
use crate::yaml::{self, Document, Kind, Via};

/// A file (or stream) and its documents.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its name in reports, with `/` between the parts.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
    /// Its documents, in order.
    pub slots: Vec<Slot>,
    /// Why it can't be written, if it can't.
    pub held: Option<String>,
    /// The kinds that were read.
    kinds: Kinds,
    /// True for what a program rendered on its way to the cluster: nothing written there is kept.
    pub is_rendered: bool,
}

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its bytes, `---` included.
    pub slice: Span,
    /// What is known of it.
    pub state: State,
}

/// What is known of a document.
#[derive(Debug, Clone)]
pub enum State {
    /// It was read.
    Read(Arc<Document>),
    /// Only comments and blanks, or nothing that a rule looks at.
    Other,
    /// A Secret; never read.
    Secret,
    /// It can't be read.
    Broken(yaml::Error),
    /// It is the text of a template, which becomes YAML only when it is rendered.
    Template(Span),
    /// It is encrypted by SOPS, which also signs what it left readable.
    Encrypted(Span),
}

impl Kinds {
    /// True when a file of this name and text may hold something for us. Nothing is parsed to tell.
    pub fn is_worth_reading(&self, name: &str, text: &str) -> bool {
        // Nearly all files that are not manifests never say `kind`.
        let is_read = |slice: Span| interest(&text[slice.range()], false, self) == Interest::Read;
        is_kustomization(name)
            || memchr::memmem::find(text.as_bytes(), b"kind").is_some() && yaml::slices(text).into_iter().any(is_read)
    }

    /// Reads the documents of `text` that may hold something for us.
    /// `None` when the file holds nothing: its text need not be kept.
    pub fn read(&self, name: String, text: Arc<str>, held: Option<String>) -> Option<SourceFile> {
        let file =
            SourceFile { name, text: "".into(), slots: Vec::new(), held, kinds: self.clone(), is_rendered: false }
                .with_text(text);
        let holds_something = file.slots.iter().any(|slot| !matches!(slot.state, State::Other | State::Secret));
        holds_something.then_some(file)
    }
}

impl SourceFile {
    /// [`Kinds::is_worth_reading`] for our own rules.
    pub fn is_worth_reading(name: &str, text: &str) -> bool {
        Kinds::Ours.is_worth_reading(name, text)
    }

    /// [`Kinds::read`] for our own rules.
    pub fn read(name: String, text: Arc<str>, held: Option<String>) -> Option<SourceFile> {
        Kinds::Ours.read(name, text, held)
    }

    /// The same, as the output of a program.
    #[must_use]
    pub fn rendered(self) -> SourceFile {
        SourceFile { is_rendered: true, ..self }
    }

    /// A file of this name that holds nothing yet, to be read as this one is.
    pub fn empty(&self, name: String) -> SourceFile {
        SourceFile {
            name,
            text: "".into(),
            slots: Vec::new(),
            held: None,
            kinds: self.kinds.clone(),
            is_rendered: false,
        }
        .with_text("".into())
    }

    /// The file with a new text, read again.
    pub fn with_text(&self, text: Arc<str>) -> SourceFile {
        let is_kustomization = is_kustomization(&self.name);
        let read = |slice| read_slot(&text, slice, is_kustomization, &self.kinds);
        let slots = yaml::slices(&text).into_iter().map(read).collect();
        SourceFile {
            name: self.name.clone(),
            text,
            slots,
            held: self.held.clone(),
            kinds: self.kinds.clone(),
            is_rendered: self.is_rendered,
        }
    }

    /// The document at `index`, if it was read.
    pub fn document(&self, index: u32) -> Option<&Document> {
        match &self.slots.get(index as usize)?.state {
            State::Read(document) => Some(document),
            _ => None,
        }
    }

    /// The folder that the file lies in, "" for the top.
    pub fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// True for the file names that kustomize reads.
pub(super) fn is_kustomization(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("kustomization.yaml" | "kustomization.yml" | "Kustomization"))
}

fn read_slot(text: &Arc<str>, slice: Span, is_kustomization: bool, kinds: &Kinds) -> Slot {
    let source = &text[slice.range()];
    let state = match interest(source, is_kustomization, kinds) {
        Interest::Read => match yaml::parse(text, slice) {
            Ok(Some(document)) => match (template_text(&document), document.root().get("sops")) {
                (Some(at), _) => State::Template(at),
                (None, Some(sops)) if sops.kind().is_mapping() => State::Encrypted(sops.entry_span()),
                _ => State::Read(Arc::new(document)),
            },
            Ok(None) => State::Other,
            Err(error) => match template(source) {
                Some(at) => State::Template(Span::new(slice.start as usize + at, slice.start as usize + at + 2)),
                None => State::Broken(error),
            },
        },
        Interest::Secret => State::Secret,
        Interest::Other | Interest::None => State::Other,
    };
    Slot { slice, state }
}

/// Template text that is valid YAML by accident: `{{ name }}` reads as a mapping with a mapping as key.
fn template_text(document: &Document) -> Option<Span> {
    memchr::memmem::find(document.text()[document.slice().range()].as_bytes(), b"{{")?;
    let nodes = (0..document.len() as u32).filter_map(|id| document.node(id, Via::Here));
    let mut mappings = nodes.filter(|node| node.kind() == Kind::FlowMapping).map(|node| node.span());
    mappings.find(|span| document.text()[span.range()].starts_with("{{"))
}

/// Where template text starts: `{{` outside comments.
fn template(source: &str) -> Option<usize> {
    let mut from = 0;
    for line in source.split_inclusive('\n') {
        let comment = line.trim_start().starts_with('#');
        if !comment && let Some(at) = line.find("{{") {
            return Some(from + at);
        }
        from += line.len();
    }
    None
}
