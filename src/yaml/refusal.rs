//! Why an edit is not done.

use crate::text::Span;

/// Why an edit would be dishonest, and the place that makes it so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The value comes from an alias in a way that can't be overridden here.
    #[error(
        "the value comes from the alias `{name}`; changing it here would change the other places that use the anchor"
    )]
    Alias {
        /// The alias as it is written.
        name: String,
        /// The alias.
        at: Span,
    },
    /// The node, or one above it, is an anchor that aliases use.
    #[error("`{name}` is an anchor that {users} other place{} use{}; changing it would change {} too",
        if *users == 1 { "" } else { "s" }, if *users == 1 { "s" } else { "" }, if *users == 1 { "it" } else { "them" })]
    Anchor {
        /// The anchor as it is written.
        name: String,
        /// How many aliases stand for it.
        users: usize,
        /// The anchor.
        at: Span,
    },
    /// The value is inherited through a merge key.
    #[error(
        "the value is inherited through `<<`; it can't be taken out here without changing the mapping it comes from"
    )]
    Merge {
        /// The mapping that merges.
        at: Span,
    },
    /// The place is template text that happens to be valid YAML.
    #[error("the document holds template text (`{{{{`); render it first")]
    Template {
        /// The text.
        at: Span,
    },
    /// Text inside a scalar that can't be replaced without writing the scalar anew.
    #[error("the text is {0} and can't be changed in part", why)]
    Embedded {
        /// What it is.
        why: &'static str,
        /// The scalar.
        at: Span,
    },
    /// The value has a tag.
    #[error("the value has the tag `{tag}`, which another program reads")]
    Tag {
        /// The tag as it is written.
        tag: String,
        /// The tag.
        at: Span,
    },
    /// A key stands twice in one mapping.
    #[error("the key `{key}` stands twice in this mapping; keep one of them")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The later one.
        at: Span,
    },
    /// A tab stands where new lines would need indentation.
    #[error("the line is indented with a tab")]
    Tab {
        /// The line's indentation.
        at: Span,
    },
    /// Line breaks that readers disagree on.
    #[error("the document has {0}, which YAML readers disagree on", what)]
    LineBreak {
        /// Which.
        what: &'static str,
        /// The first one.
        at: Span,
    },
    /// The place is not what the operation needs.
    #[error("there is {have} where {need} is needed")]
    Shape {
        /// What is needed.
        need: &'static str,
        /// What is there.
        have: &'static str,
        /// The node.
        at: Span,
    },
    /// kubectl would refuse the document.
    #[error("{reason}")]
    Value {
        /// The reason.
        reason: String,
        /// The document or the node.
        at: Span,
    },
    /// The layout is one that no edit is known for.
    #[error("the layout here is unusual: {why}")]
    Layout {
        /// What is unusual.
        why: &'static str,
        /// The node.
        at: Span,
    },
}

impl Refusal {
    /// The place that makes the edit dishonest.
    pub fn at(&self) -> Span {
        match self {
            Refusal::Alias { at, .. }
            | Refusal::Anchor { at, .. }
            | Refusal::Merge { at }
            | Refusal::Template { at }
            | Refusal::Embedded { at, .. }
            | Refusal::Tag { at, .. }
            | Refusal::DuplicateKey { at, .. }
            | Refusal::Tab { at }
            | Refusal::LineBreak { at, .. }
            | Refusal::Shape { at, .. }
            | Refusal::Value { at, .. }
            | Refusal::Layout { at, .. } => *at,
        }
    }

    /// One word for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Alias { .. } => "alias",
            Refusal::Anchor { .. } => "anchor",
            Refusal::Merge { .. } => "merge",
            Refusal::Template { .. } => "template",
            Refusal::Embedded { .. } => "embedded",
            Refusal::Tag { .. } => "tag",
            Refusal::DuplicateKey { .. } => "duplicate-key",
            Refusal::Tab { .. } => "tab",
            Refusal::LineBreak { .. } => "line-break",
            Refusal::Shape { .. } => "shape",
            Refusal::Value { .. } => "value",
            Refusal::Layout { .. } => "layout",
        }
    }
}

/// Why operations were not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// They can't be done honestly.
    Refused(Refusal),
    /// They disagree with operations that were admitted before.
    Conflict,
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Denial::Refused(refusal)
    }
}
