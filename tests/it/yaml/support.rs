//! What the trials of this folder share: edits by path, and the text that comes out, proven.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use meshfix::text::Span;
use meshfix::yaml::{self, Denial, Disproof, Document, NodeRef, Op, Plan, Refusal, Rendering};
use serde_json::Value;

/// Why an edit did not come to a proven text.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The text or the document is not there.
    Input(#[allow(dead_code, reason = "shown by `Debug`")] String),
    /// An honest no.
    Refused(Refusal),
    /// Two operations disagree.
    Conflict,
    /// A defect.
    Disproved(Disproof, String),
}

impl From<Denial> for Fault {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Refused(refusal) => Fault::Refused(refusal),
            Denial::Conflict => Fault::Conflict,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

/// An operation at a JSON Pointer.
pub(crate) type At = (String, Op);

/// The parts of a JSON Pointer.
pub(crate) fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

pub(crate) fn set(pointer: &str, value: impl Into<Value>) -> At {
    (pointer.to_owned(), Op::Set(value.into()))
}

pub(crate) fn remove(pointer: &str) -> At {
    (pointer.to_owned(), Op::Remove)
}

/// An insertion below the top, missing parents included.
pub(crate) fn insert(pointer: &str, value: impl Into<Value>) -> At {
    ordered(pointer, value, &[])
}

pub(crate) fn ordered(pointer: &str, value: impl Into<Value>, order: &'static [&'static str]) -> At {
    (String::new(), Op::Insert { path: parts(pointer), value: value.into(), order })
}

/// A push from the top, missing parents included.
pub(crate) fn push(pointer: &str, value: impl Into<Value>) -> At {
    (String::new(), Op::Push { path: parts(pointer), value: value.into() })
}

/// Replaces the first `old` in the string at `pointer`.
pub(crate) fn splice(text: &str, pointer: &str, old: &str, new: &str) -> At {
    let doc = document(text, 0).expect("readable");
    let value = doc.root().pointer(&parts(pointer)).and_then(|node| node.as_str()).expect("a string").to_owned();
    let start = value.find(old).expect("the text is there");
    (pointer.to_owned(), Op::Splice { range: start..start + old.len(), text: new.to_owned() })
}

/// The document at `index` of the text's slices.
pub(crate) fn document(text: &str, index: usize) -> Result<Document, Fault> {
    let slices = yaml::slices(text);
    let slice = *slices.get(index).ok_or_else(|| Fault::Input(format!("no document {index}")))?;
    match yaml::parse(&text.into(), slice) {
        Ok(Some(doc)) => Ok(doc),
        Ok(None) => Err(Fault::Input("no content".to_owned())),
        Err(error) => Err(Fault::Input(format!("{error} at {:?}", error.at))),
    }
}

/// The whole text after `ops` on its document `index`, proven.
pub(crate) fn edit(text: &str, index: usize, ops: &[At]) -> Result<String, Fault> {
    let doc = document(text, index)?;
    let find = |pointer: &str| {
        let node = doc.root().pointer(&parts(pointer));
        node.map(NodeRef::from).ok_or_else(|| Fault::Input(format!("no node {pointer}")))
    };
    let ops: Vec<(NodeRef, Op)> =
        ops.iter().map(|(pointer, op)| Ok((find(pointer)?, op.clone()))).collect::<Result<_, Fault>>()?;
    let mut plan = Plan::new(&doc);
    plan.admit(&ops)?;
    let rendering = plan.render()?;
    prove(&doc, &rendering).map(|(text, _)| text)
}

/// Applies and proves; the whole text afterwards and how many readers saw it.
pub(crate) fn prove(doc: &Document, rendering: &Rendering) -> Result<(String, u8), Fault> {
    let after: Arc<str> = rendering.edits.apply(doc.text()).into();
    let slice = slice_after(doc, rendering);
    match yaml::prove(doc, rendering, &after, slice) {
        Ok(proven) => Ok((after.to_string(), proven.readers)),
        Err(disproof) => Err(Fault::Disproved(disproof, after.to_string())),
    }
}

/// Where the document stands after its edits.
pub(crate) fn slice_after(doc: &Document, rendering: &Rendering) -> Span {
    let grown: i64 = rendering
        .edits
        .edits()
        .iter()
        .map(|edit| edit.new.len() as i64 - (i64::from(edit.span.end) - i64::from(edit.span.start)))
        .sum();
    let end = i64::from(doc.slice().end) + grown;
    Span::new(doc.slice().start as usize, usize::try_from(end).unwrap_or(0))
}

/// A trial that fails with the faults it gives, if any.
pub(crate) fn trial(name: impl Into<String>, run: impl FnOnce() -> Vec<String> + Send + 'static) -> Trial {
    Trial::test(name.into(), move || {
        let faults = run();
        if faults.is_empty() {
            return Ok(());
        }
        let shown = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        Err(Failed::from(format!("{} faults\n{shown}", faults.len())))
    })
}

/// Random numbers that are the same in every run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A generator of its own for each name.
    pub(crate) fn named(name: &str) -> Self {
        Random(
            name.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { Some(&from[self.below(from.len())]) }
    }
}
