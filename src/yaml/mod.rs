//! YAML as text with a tree of spans: read, ask, and describe changes. Knows nothing of Kubernetes.
//!
//! Existing text is never printed again. A [`Plan`] turns operations on nodes into byte edits of
//! the document's own text, and [`prove`] reads the result with two independent parsers.

mod digest;
mod emit;
mod events;
mod layout;
mod parse;
mod plan;
mod proof;
mod refusal;
mod render;
mod scalar;
mod second_reader;
mod splice;
mod stream;
mod target;
mod tree;
mod value;

pub use plan::{NodeRef, Op, Plan};
pub use proof::{Disproof, Proven, prove, prove_new};
pub use refusal::{Denial, Refusal};
pub use render::Rendering;
pub use splice::{Embedded, Segment, SegmentKind};
pub use stream::{Slices, append_document, insert_document, join, line_ending, remove_document, slices};
pub use tree::{Document, Kind, Node, Via};
pub use value::{ValueError, value};

#[doc(hidden)]
pub use events::events;
#[doc(hidden)]
pub use scalar::{Place, Typed, double_quoted, is_safe_plain, plain_key, plain_value, single_quoted, type_of_plain};
#[doc(hidden)]
pub use second_reader::second_value;

use std::sync::Arc;

use crate::text::Span;

/// Why a document could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    /// The place, in bytes of the whole text.
    pub at: Span,
    /// The reason.
    pub kind: ErrorKind,
}

/// The reasons of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// Not valid YAML; the parser's words.
    #[error("not valid YAML: {0}")]
    Syntax(String),
    /// A document start where none can be.
    #[error("a second document starts here without `---` at the start of a line")]
    SecondDocument,
    /// More nodes than are read.
    #[error("the document has more than {0} values and keys; split it")]
    TooManyNodes(usize),
    /// An alias inside the node that it names.
    #[error("this alias stands inside the anchor that it names")]
    Recursion,
}

/// Reads the document at `slice` of `text` (one of [`slices`]); `None` when it holds only comments or blanks.
///
/// # Errors
/// When the slice is not valid YAML or is nested deeper than 128 levels.
pub fn parse(text: &Arc<str>, slice: Span) -> Result<Option<Document>, Error> {
    parse::parse(text, slice)
}

/// The text of a document with this value, as people write manifests.
pub fn document_text(value: &serde_json::Value) -> String {
    emit::document_text(value, emit::Style::default())
}

/// A value on one line, in flow style.
pub fn flow_text(value: &serde_json::Value) -> String {
    emit::inline(value, emit::Style::default(), scalar::Place::Flow)
}

/// The text of a new document with this value, indented as `like` is; with `\n` line endings and a final one.
pub fn new_document(value: &serde_json::Value, like: &Document) -> String {
    emit::document_text(value, layout::Layout::new(like).style(like.root().id()))
}

/// Reads text that is one document, as tests and embedded documents need it.
///
/// # Errors
/// As [`parse`].
pub fn parse_text(text: &str) -> Result<Option<Document>, Error> {
    let text: Arc<str> = text.into();
    let slice = Span::new(if text.starts_with('\u{feff}') { 3 } else { 0 }, text.len());
    parse::parse(&text, slice)
}
