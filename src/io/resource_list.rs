//! The ResourceList that kustomize and kpt give their functions: one document with the items, and what configures the
//! function. It is edited as text like any other document, so everything in it comes back as it came.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::stream;
use crate::config::Text;
use crate::manifest::{Kinds, SourceFile, State};
use crate::text::{LineIndex, Position};
use crate::yaml::{self, Document, Node, Op, Plan};

/// The kind of the document.
const KIND: &str = "ResourceList";

/// Where functions tell what they found.
const RESULTS: &str = "results";

/// A ResourceList, read.
#[derive(Debug)]
pub struct ResourceList {
    /// The text with its one document.
    pub source: SourceFile,
}

/// What configures the function.
#[derive(Debug)]
pub enum FunctionConfig<'a> {
    /// Nothing does; kpt sends an empty ConfigMap then.
    None,
    /// A document of our own kind.
    Ours(Node<'a>),
    /// The data of a ConfigMap.
    Data(BTreeMap<String, Text>),
}

/// True when a text is a ResourceList rather than a stream of manifests. Nothing is parsed unless it may be one.
pub fn is_one(text: &str) -> bool {
    let may_be = memchr::memmem::find(text.as_bytes(), KIND.as_bytes()).is_some();
    may_be
        && stream::source(&Kinds::Ours, text)
            .is_some_and(|source| documents(&source).any(|document| is_list(&document)))
}

impl ResourceList {
    /// Reads a text that must be a ResourceList.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub fn read(text: &str) -> Result<ResourceList, String> {
        const WANTED: &str =
            "a function is given one document with `kind: ResourceList` and its resources below `items`";
        let place = |at: Position| format!("standard input:{at}");
        let index = LineIndex::new(text);
        let Some(source) = stream::source(&Kinds::Ours, text) else {
            return Err(format!(
                "standard input is no ResourceList: {WANTED}; `meshfix -` reads a stream of manifests"
            ));
        };
        for slot in &source.slots {
            let (at, reason) = match &slot.state {
                State::Broken(error) => (error.at, error.to_string()),
                State::Template(at) => (*at, "template text (`{{`); render it first".to_owned()),
                State::Encrypted(at) => (*at, "the whole list is encrypted by SOPS; decrypt it first".to_owned()),
                State::Read(_) | State::Other | State::Secret => continue,
            };
            return Err(format!("{}: {reason}; nothing was printed", place(index.position(text, at.start))));
        }
        if let Some(other) = documents(&source).find(|document| !is_list(document)) {
            let at = place(index.position(text, other.root().span().start));
            return Err(format!("{at}: this is no ResourceList: {WANTED}; `meshfix -` reads a stream of manifests"));
        }
        if documents(&source).count() != 1 {
            return Err(format!("standard input has several documents: {WANTED}"));
        }
        let list = ResourceList { source };
        let root = list.document()?.root();
        let version = root.get("apiVersion").and_then(Node::text).unwrap_or_default();
        if !version.starts_with("config.kubernetes.io/") {
            let at = place(index.position(text, root.span().start));
            return Err(format!("{at}: `apiVersion` must be `config.kubernetes.io/v1`, not `{version}`"));
        }
        for key in ["items", RESULTS] {
            if let Some(list) = root.get(key)
                && !list.kind().is_sequence()
                && !list.value().is_ok_and(|value| value.is_null())
            {
                return Err(format!("{}: `{key}` must be a list", place(index.position(text, list.span().start))));
            }
        }
        Ok(list)
    }

    fn document(&self) -> Result<&Document, String> {
        documents(&self.source).next().ok_or_else(|| "standard input holds no document".to_owned())
    }

    /// What configures the function.
    ///
    /// # Errors
    /// What it is that is no configuration of ours.
    pub fn configuration(&self) -> Result<FunctionConfig<'_>, String> {
        let Some(node) = self.document()?.root().get("functionConfig") else { return Ok(FunctionConfig::None) };
        if node.value().is_ok_and(|value| value.is_null()) {
            return Ok(FunctionConfig::None);
        }
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
        match (text("apiVersion"), text("kind")) {
            ("v1", "ConfigMap") => {
                let entries = node.get("data").into_iter().flat_map(Node::entries);
                let data: BTreeMap<String, Text> = entries
                    .map(|(key, value)| Ok((key.into_owned(), data_text(value)?)))
                    .collect::<Result<_, String>>()?;
                Ok(if data.is_empty() { FunctionConfig::None } else { FunctionConfig::Data(data) })
            }
            (_, crate::config::KIND) => Ok(FunctionConfig::Ours(node)),
            (version, kind) => Err(format!(
                "functionConfig: a `{kind}` of `{version}` does not configure meshfix; give it a `{}` of `{}`, or a \
                 ConfigMap whose data has the keys of its `spec`",
                crate::config::KIND,
                crate::config::API_VERSION
            )),
        }
    }
}

/// A value of a ConfigMap's data, which is always a string; numbers and flags without quotes are taken as they stand.
fn data_text(value: Node<'_>) -> Result<Text, String> {
    let text = || value.text().map(str::to_owned);
    let scalar = || value.value().ok().filter(|value| value.is_number() || value.is_boolean());
    match text().or_else(|| scalar().map(|value| value.to_string())) {
        Some(text) => Ok(Text::One(text)),
        None => {
            let key = value.path().pop().unwrap_or_default();
            Err(format!("functionConfig: `data.{key}` must be a string; write lists with commas"))
        }
    }
}

/// The text of a ResourceList with further results, proven like any other edit.
///
/// # Errors
/// Why they can't be written.
pub fn with_results(text: &str, results: Vec<Value>) -> Result<String, String> {
    if results.is_empty() {
        return Ok(text.to_owned());
    }
    let text: Arc<str> = text.into();
    let read = |slice| Some((slice, yaml::parse(&text, slice).ok()??));
    let (slice, document) = yaml::slices(&text).into_iter().find_map(read).ok_or("it can't be read again")?;
    let root = document.root();
    let mut plan = Plan::new(&document);
    let ops: Vec<_> = match root.get(RESULTS) {
        Some(have) if have.kind().is_sequence() => {
            let push = |value| (have.into(), Op::Push { path: Vec::new(), value });
            results.into_iter().map(push).collect()
        }
        Some(none) => vec![(none.into(), Op::Set(results.into()))],
        None => vec![(root.into(), Op::Insert { path: vec![RESULTS.to_owned()], value: results.into(), order: &[] })],
    };
    plan.admit(&ops).map_err(|denial| format!("{denial:?}"))?;
    let rendering = plan.render().map_err(|refusal| refusal.to_string())?;
    let after: Arc<str> = rendering.edits.apply(&text).into();
    let grown = slice.end as usize + after.len() - text.len();
    let slice = crate::text::Span::new(slice.start as usize, grown);
    yaml::prove(&document, &rendering, &after, slice).map_err(|disproof| disproof.to_string())?;
    Ok(after.to_string())
}

fn documents(source: &SourceFile) -> impl Iterator<Item = &Document> {
    (0..source.slots.len() as u32).filter_map(|number| source.document(number))
}

fn is_list(document: &&Document) -> bool {
    document.root().get("kind").and_then(Node::text) == Some(KIND)
}
