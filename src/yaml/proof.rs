//! The proof of a change: what was written is read again by two independent readers.

use std::sync::Arc;

use serde_json::Value;

use super::digest::{Reach, outline, outline_like};
use super::render::Rendering;
use super::tree::Document;
use super::value::value;
use super::{parse, second_reader};
use crate::text::{EditSet, Span};

/// Why a change is not what it was meant to be. This is a defect of meshfix, never of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disproof {
    /// The result is no valid YAML.
    #[error("the edited document can't be read: {0}")]
    Unreadable(String),
    /// The result means something else than the operations say.
    #[error("the edited document does not have the value that was meant ({reader})")]
    Value {
        /// Which reader saw it.
        reader: &'static str,
    },
    /// The operations do not apply to the document's value.
    #[error("the operations do not apply: {0}")]
    Patch(String),
    /// A comment was lost, gained or changed.
    #[error("a comment would be lost or changed")]
    Comments,
    /// Bytes outside the edits differ.
    #[error("bytes outside the edits changed")]
    Bytes,
}

/// A proven change.
#[derive(Debug)]
pub struct Proven {
    /// The document as it reads now.
    pub after: Document,
    /// How many readers saw it: one where the second refused the original already.
    pub readers: u8,
}

/// Proves that `after[slice]` is `before` with `rendering` done, and nothing else.
/// `after` is the whole text with the edits of all its documents.
///
/// # Errors
/// The first thing that is not as it was meant.
pub fn prove(before: &Document, rendering: &Rendering, after: &Arc<str>, slice: Span) -> Result<Proven, Disproof> {
    check_bytes(before, &rendering.edits, &after[slice.range()])?;
    let read = parse(after, slice).map_err(|error| Disproof::Unreadable(error.to_string()))?;
    let read = read.ok_or_else(|| Disproof::Unreadable("there is no document any more".to_owned()))?;
    let reach = Reach::of(&rendering.patch);
    let patched = |mut old: Value| {
        json_patch::patch(&mut old, &rendering.patch.0).map_err(|error| Disproof::Patch(error.to_string()))?;
        Ok(old)
    };
    let old = outline(before, &reach).map_err(|error| Disproof::Patch(error.to_string()))?;
    check_value(&read, &patched(old)?, "first reader")?;
    check_comments(before, rendering, &read, slice)?;
    // The second reader refuses some documents that kubectl reads (a tab behind a colon): then ours is alone.
    let second = second_reader::read(&before.text[before.slice.range()]).ok().flatten();
    let second = second.and_then(|before| outline(&before, &reach).ok());
    let readers = match second {
        Some(old) => {
            let expected = patched(old)?;
            let new = second_reader::read(&after[slice.range()]).map_err(Disproof::Unreadable)?;
            let new = new.ok_or_else(|| Disproof::Unreadable("there is no document any more".to_owned()))?;
            check_value(&new, &expected, "second reader")?;
            2
        }
        None => 1,
    };
    Ok(Proven { after: read, readers })
}

/// Proves that the document at `text[slice]`, which was not there before, has this value for both readers.
///
/// # Errors
/// The first thing that is not as it was meant.
pub fn prove_new(text: &Arc<str>, slice: Span, expected: &Value) -> Result<(), Disproof> {
    let read = parse(text, slice).map_err(|error| Disproof::Unreadable(error.to_string()))?;
    let read = read.ok_or_else(|| Disproof::Unreadable("there is no document".to_owned()))?;
    let second = second_reader::read(&text[slice.range()]).map_err(Disproof::Unreadable)?;
    let second = second.ok_or_else(|| Disproof::Unreadable("there is no document".to_owned()))?;
    for (read, reader) in [(&read, "first reader"), (&second, "second reader")] {
        let value = value(read).map_err(|error| Disproof::Unreadable(error.to_string()))?;
        if value != *expected {
            return Err(Disproof::Value { reader });
        }
    }
    Ok(())
}

fn check_value(read: &Document, expected: &Value, reader: &'static str) -> Result<(), Disproof> {
    let new = outline_like(read, expected).map_err(|error| Disproof::Unreadable(error.to_string()))?;
    if new == *expected { Ok(()) } else { Err(Disproof::Value { reader }) }
}

fn check_bytes(before: &Document, edits: &EditSet, after: &str) -> Result<(), Disproof> {
    let mut at = before.slice.start as usize;
    let mut rest = after;
    let mut take = |expected: &str| {
        rest = rest.strip_prefix(expected)?;
        Some(())
    };
    for edit in edits.edits() {
        take(&before.text[at..edit.span.start as usize]).ok_or(Disproof::Bytes)?;
        take(&edit.new).ok_or(Disproof::Bytes)?;
        at = edit.span.end as usize;
    }
    take(&before.text[at..before.slice.end as usize]).ok_or(Disproof::Bytes)?;
    if rest.is_empty() { Ok(()) } else { Err(Disproof::Bytes) }
}

/// Every comment is still a comment, but for those that go with what they belong to, and no comment is new.
fn check_comments(before: &Document, rendering: &Rendering, after: &Document, slice: Span) -> Result<(), Disproof> {
    let mut have = after.comments().iter();
    let mut shift = i64::from(slice.start) - i64::from(before.slice.start);
    let mut pending = rendering.edits.edits().iter().peekable();
    for comment in before.comments() {
        while let Some(edit) = pending.next_if(|edit| edit.span.end <= comment.start) {
            shift += edit.new.len() as i64 - i64::from(edit.span.end - edit.span.start);
        }
        if let Some(edit) = pending.peek()
            && edit.span.overlaps(*comment)
        {
            // A comment goes whole, with what it belongs to, or stays whole.
            if edit.span.contains(*comment) && rendering.dropped.binary_search(comment).is_ok() {
                continue;
            }
            return Err(Disproof::Comments);
        }
        let there = have.next().ok_or(Disproof::Comments)?;
        if i64::from(there.start) != i64::from(comment.start) + shift
            || there.end - there.start != comment.end - comment.start
        {
            return Err(Disproof::Comments);
        }
    }
    if have.next().is_some() { Err(Disproof::Comments) } else { Ok(()) }
}
