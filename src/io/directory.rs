//! A folder of plain manifests, read as Argo CD's directory source reads one: all of it in the order of the names, hidden
//! files too, no `.gitignore`. Here a file that is left out is a resource that Argo CD deletes, so what may be one and
//! can't be read is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkout::Checkout;
use super::configuration;
use super::files::{self, MAX_FILE_SIZE, reason, special};
use crate::text::{Span, position};
use crate::yaml::{self, Node, ValueError};

/// Argo CD leaves out files that have this anywhere.
const MARKER: &str = "+argocd:skip-file-rendering";

/// What was read.
#[derive(Debug, Default)]
pub struct Directory {
    /// Names and texts of the files with manifests, in order.
    pub files: Vec<(String, String)>,
    /// Files that hold none, with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Reads the application's folder.
///
/// # Errors
/// What may be a manifest and can't be read, with the reason.
pub fn read(checkout: &Checkout) -> Result<Directory, Vec<String>> {
    let mut directory = Directory::default();
    let mut problems = Vec::new();
    for path in paths(&checkout.here).map_err(|problem| vec![problem])? {
        let below = path.strip_prefix(&checkout.here).unwrap_or(&path);
        let name = below.display().to_string();
        match file(checkout, &path) {
            Ok(Found::Manifests(_)) if below.to_str().is_none() => {
                problems.push(format!("{name}: its name is not UTF-8; rename it"));
            }
            Ok(Found::Manifests(text)) => directory.files.push((name, text)),
            Ok(Found::Skipped(reason)) => directory.skipped.push((name, reason)),
            Ok(Found::Nothing) => {}
            Err(problem) => problems.push(format!("{name}{problem}")),
        }
    }
    if problems.is_empty() { Ok(directory) } else { Err(problems) }
}

/// The files below a folder that have the names of manifests, in the order of their names.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {}", folder.display(), reason(&error));
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(unreadable)?.collect();
    let mut entries = entries.map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.extend(paths(&path)?);
        } else if matches!(extension(&path), "yaml" | "yml" | "json" | "jsonnet") {
            found.push(path);
        }
    }
    Ok(found)
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// What a file is to Argo CD.
enum Found {
    Manifests(String),
    Skipped(String),
    Nothing,
}

/// Reads one file; a problem starts with the `:` behind its name.
fn file(checkout: &Checkout, path: &Path) -> Result<Found, String> {
    if path.file_name().is_some_and(|name| name == configuration::NAME) {
        return Ok(Found::Nothing);
    }
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) => return Ok(Found::Skipped(format!("the symbolic link leads nowhere: {}", reason(&error)))),
    };
    if !real.starts_with(&checkout.root) {
        return Err(": the symbolic link leads out of the repository, so its manifests are not read".to_owned());
    }
    let metadata = fs::metadata(&real).map_err(|error| format!(": {}", reason(&error)))?;
    if let Some(what) = special(&metadata) {
        return Ok(Found::Skipped(format!("it is a {what}, not a file")));
    }
    if metadata.len() > MAX_FILE_SIZE {
        return Err(format!(": it is larger than {} MiB; split it", MAX_FILE_SIZE >> 20));
    }
    let bytes = fs::read(&real).map_err(|error| format!(": {}", reason(&error)))?;
    if memchr::memmem::find(&bytes, MARKER.as_bytes()).is_some() {
        return Ok(Found::Skipped(format!("it has `{MARKER}`")));
    }
    if extension(path) == "jsonnet" {
        return Err(": Jsonnet is not rendered here, and its resources would be missing; take the file out of this \
                    folder, or leave the Application to Argo CD's own directory source"
            .to_owned());
    }
    if bytes.contains(&0) {
        return Err(format!(": {}", files::encoding(&bytes, 0)));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            return Err(format!(": {}", files::encoding(error.as_bytes(), at)));
        }
    };
    examine(text)
}

/// Whether a text holds resources. As for Argo CD, it is none of its business where nothing in it looks like one.
fn examine(text: String) -> Result<Found, String> {
    let whole: Arc<str> = text.as_str().into();
    let mut resources = 0;
    for slice in yaml::slices(&whole) {
        let (at, what) = match yaml::parse(&whole, slice) {
            Ok(None) => continue,
            Ok(Some(document)) if document.root().is_null() => continue,
            Ok(Some(document)) if is_resource(document.root()) => match yaml::value(&document) {
                Ok(_) => {
                    resources += 1;
                    continue;
                }
                // Template text may be YAML by accident.
                Err(error) => (place(&error).unwrap_or(document.root().span()), error.to_string()),
            },
            Ok(Some(document)) => {
                (document.root().span(), "this is no Kubernetes resource: it has no `kind`".to_owned())
            }
            // The other reader may be right.
            Err(_) if can_be_read(&whole, slice) => {
                resources += 1;
                continue;
            }
            Err(error) => (error.at, error.to_string()),
        };
        let what = if text[slice.range()].contains("{{") {
            format!("{what}; template text must be rendered first")
        } else {
            what
        };
        let looks_like_one = ["apiVersion", "kind", "metadata"].iter().all(|word| whole.contains(word));
        if resources == 0 && !looks_like_one {
            return Ok(Found::Skipped("it holds no Kubernetes resource".to_owned()));
        }
        return Err(format!(":{}: {what}", position(&whole, at.start as usize)));
    }
    Ok(if resources == 0 { Found::Nothing } else { Found::Manifests(text) })
}

fn place(error: &ValueError) -> Option<Span> {
    match error {
        ValueError::NotFinite(at) | ValueError::Key(at) | ValueError::Merge(at) => Some(*at),
        ValueError::Aliases(_) | ValueError::Depth => None,
    }
}

fn is_resource(root: Node<'_>) -> bool {
    root.get("kind").and_then(Node::as_str).is_some_and(|kind| !kind.is_empty())
}

fn can_be_read(text: &str, slice: Span) -> bool {
    matches!(yaml::second_value(&text[slice.range()]), Ok(Some(Ok(_))))
}
