//! Finds the files under the given paths, like ripgrep does, and reads them on several threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::files::{Read, Reader, reason};

/// A path to read.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// The user named it; then it must be readable.
    pub(super) named: bool,
}

/// Reads everything under `paths`, in no particular order.
pub(super) fn walk(paths: &[PathBuf], threads: usize, reader: &Reader, watch: &(dyn Fn() + Sync)) -> Vec<Read> {
    let roots: Vec<PathBuf> = paths.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let mut reads = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut buffer = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let folder = reader.direct(path);
                folders.push(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder });
            }
            Ok(_) => {
                // A symbolic link is edited, and shown, as its target.
                let target = if path.is_symlink() {
                    fs::canonicalize(path).unwrap_or_else(|_| path.clone())
                } else {
                    reader.direct(path)
                };
                reads.push(reader.read(&Entry { path: target, named: true }, &mut buffer));
                watch();
            }
            Err(error) => reads.push(Read::Skipped { name: reader.name(path), reason: reason(&error), named: true }),
        }
    }
    let Some((first, rest)) = folders.split_first() else { return reads };
    let mut builder = WalkBuilder::new(first);
    rest.iter().for_each(|path| {
        builder.add(path);
    });
    builder.threads(threads);
    let all = Mutex::new(reads);
    builder.build_parallel().run(|| {
        let mut worker = Worker { reader, roots: &roots, watch, all: &all, own: Vec::new(), buffer: Vec::new() };
        Box::new(move |entry| {
            worker.visit(entry);
            WalkState::Continue
        })
    });
    all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What one thread reads.
struct Worker<'a> {
    reader: &'a Reader,
    roots: &'a [PathBuf],
    watch: &'a (dyn Fn() + Sync),
    all: &'a Mutex<Vec<Read>>,
    own: Vec<Read>,
    buffer: Vec<u8>,
}

impl Worker<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.own.push(self.unreadable(&error));
                return;
            }
        };
        let Some(kind) = entry.file_type() else { return };
        if kind.is_dir() || !is_manifest_name(entry.path()) {
            return;
        }
        let path = self.reader.plain(entry.path());
        let read = if kind.is_symlink() {
            self.follow(&path)
        } else {
            self.reader.read(&Entry { path, named: false }, &mut self.buffer)
        };
        (self.watch)();
        if !matches!(read, Read::Nothing) {
            self.own.push(read);
        }
    }

    /// What the walk itself could not read; an error at depth 0 is a path that the user named.
    fn unreadable(&self, error: &ignore::Error) -> Read {
        let mut inner = error;
        let (mut path, mut named) = (None, false);
        loop {
            inner = match inner {
                ignore::Error::WithPath { path: at, err } => {
                    path = Some(at);
                    err
                }
                ignore::Error::WithDepth { depth, err } => {
                    named = *depth == 0;
                    err
                }
                ignore::Error::WithLineNumber { err, .. } => err,
                _ => break,
            };
        }
        let name = path.map_or_else(|| "a folder".to_owned(), |path| self.reader.name(path));
        let reason = match inner {
            ignore::Error::Io(error) => reason(error),
            other => other.to_string(),
        };
        Read::Skipped { name, reason, named }
    }

    /// A link inside the given paths is read as its target; one that leads out of them is left alone.
    fn follow(&mut self, link: &Path) -> Read {
        let skipped = |reason: String| Read::Skipped { name: self.reader.name(link), reason, named: false };
        let target = match fs::canonicalize(link) {
            Ok(target) => target,
            Err(error) => return skipped(format!("the symbolic link leads nowhere: {}", reason(&error))),
        };
        if !self.roots.iter().any(|root| target.starts_with(root)) {
            return skipped("the symbolic link leads out of the given paths".to_owned());
        }
        if target.is_dir() {
            return Read::Nothing;
        }
        self.reader.read(&Entry { path: target, named: false }, &mut self.buffer)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if let Ok(mut all) = self.all.lock() {
            all.append(&mut self.own);
        }
    }
}

/// Names that manifests have.
fn is_manifest_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        || path.file_name().is_some_and(|name| name == "Kustomization")
}
