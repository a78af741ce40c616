//! Which file a resource comes from that came in a stream or a ResourceList: programs on the way say it in annotations,
//! and Helm in a comment.

use super::source::SourceFile;
use crate::text::Span;
use crate::yaml::{self, Node};

/// The annotation that keeps an item for functions only: it is never deployed.
const LOCAL: &str = "config.kubernetes.io/local-config";

/// The annotations that name the file of an item of a ResourceList (the functions specification), ours to write first.
pub(super) const PATHS: [&str; 2] = ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"];

/// The annotations that say which of the documents of that file it is.
pub(super) const INDEXES: [&str; 2] = ["internal.config.kubernetes.io/index", "config.kubernetes.io/index"];

/// What kustomize knows of an item's file (`buildMetadata: [originAnnotations]`), as YAML in a string.
const ORIGIN: &str = "config.kubernetes.io/origin";

/// What Helm 4 tells its post-renderers; the spelling is Helm's.
const HELM_FILE: &str = "postrenderer.helm.sh/postrender-filename";

/// The comment that Helm writes in front of each document.
const HELM_COMMENT: &str = "# Source: ";

/// The file that a resource comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its path, as whoever made the stream says it.
    pub path: String,
    /// Which of its documents the resource is, where that is known.
    pub index: Option<u32>,
}

impl SourceFile {
    /// Which file each resource comes from, by the span of its text, in order; nothing for a file, and for what a stream
    /// says nothing of.
    pub fn origins(&self) -> Vec<(Span, Origin)> {
        let mut origins = Vec::new();
        for (number, slot) in self.slots.iter().enumerate().filter(|_| self.is_rendered) {
            let comment = || Some((slot.slice, self.commented(slot.slice)?));
            let Some(document) = self.document(number as u32) else {
                origins.extend(comment());
                continue;
            };
            let before = origins.len();
            origins.extend(items(document.root()).filter_map(|item| Some((item.span(), annotated(item)?))));
            if origins.len() == before {
                origins.extend(annotated(document.root()).map(|origin| (slot.slice, origin)).or_else(comment));
            }
        }
        origins
    }

    /// What Helm's comment in front of a document says.
    fn commented(&self, slice: Span) -> Option<Origin> {
        let lines = self.text[slice.range()].lines().map(str::trim_end);
        let head = lines.take_while(|line| matches!(line.as_bytes(), [] | [b'#' | b'-', ..]));
        let path = head.filter_map(|line| line.strip_prefix(HELM_COMMENT)).next()?;
        Some(Origin { path: path.trim().to_owned(), index: None })
    }
}

/// The items of a list; none of another document.
fn items(root: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let is_list = root.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
    root.get("items").filter(|_| is_list).into_iter().flat_map(Node::items)
}

/// What a resource's annotations say.
fn annotated(item: Node<'_>) -> Option<Origin> {
    let annotations = item.at(&["metadata", "annotations"])?;
    let text = |key: &str| annotations.get(key).and_then(Node::text).filter(|text| !text.trim().is_empty());
    let index = INDEXES.iter().rev().find_map(|key| text(key)?.parse().ok());
    if let Some(path) = PATHS.iter().rev().find_map(|key| text(key)) {
        return Some(Origin { path: path.to_owned(), index });
    }
    if let Some(origin) = text(ORIGIN).and_then(|origin| yaml::parse_text(origin).ok()?) {
        let part = |key: &str| origin.root().get(key).and_then(Node::text);
        if let Some(path) = part("path") {
            // A remote base is another repository's.
            let path = part("repo").map_or_else(|| path.to_owned(), |repository| format!("{repository}//{path}"));
            return Some(Origin { path, index: None });
        }
    }
    text(HELM_FILE).map(|path| Origin { path: path.to_owned(), index: None })
}

/// The path of an item's file, where its annotations say it.
pub(super) fn path(item: Node<'_>) -> Option<String> {
    let annotations = item.at(&["metadata", "annotations"])?;
    PATHS.iter().rev().find_map(|key| annotations.get(key)?.text()).map(str::to_owned)
}

/// True for an item that is there for functions only.
pub(super) fn is_local(item: Node<'_>) -> bool {
    item.at(&["metadata", "annotations", LOCAL]).and_then(Node::text) == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str) -> Vec<Option<String>> {
        let file = SourceFile::read("<stdin>".to_owned(), text.into(), None).expect("a manifest").rendered();
        let origins = file.origins();
        let origin = |at| origins.iter().find(|(span, _)| span.contains(Span::empty(at)));
        let places = memchr::memmem::find_iter(text.as_bytes(), b"metadata");
        places.map(|at| Some(origin(at)?.1.path.clone())).collect()
    }

    #[test]
    fn annotations_come_first_and_then_the_comment() {
        let pod = |annotations: &str| format!("kind: Pod\nmetadata: {{name: a, annotations: {{{annotations}}}}}\n");
        let text = format!(
            "---\n# Source: shop/templates/a.yaml\n{}---\n# Source: shop/templates/b.yaml\n{}---\n{}---\n{}",
            pod(""),
            pod("postrenderer.helm.sh/postrender-filename: c.yaml"),
            pod("config.kubernetes.io/origin: \"repo: https://git.example/bases\\npath: d.yaml\\n\""),
            pod(""),
        );
        let found = origins(&text);
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        let remote = "https://git.example/bases//d.yaml";
        assert_eq!(found, [Some("shop/templates/a.yaml"), Some("c.yaml"), Some(remote), None]);
    }

    #[test]
    fn an_item_of_a_list_has_its_own() {
        let text = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- kind: Pod\n  metadata:\n    annotations: {config.kubernetes.io/path: a/x.yaml, config.kubernetes.io/index: '1'}\n- kind: Pod\n  metadata: {name: b}\n";
        assert_eq!(origins(text), [Some("a/x.yaml".to_owned()), None]);
    }
}
