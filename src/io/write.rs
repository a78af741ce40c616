//! Writes changed files: each is its old or its new text at every moment, and files that belong
//! together are all new or all old.
//!
//! All new texts are written beside their files and synced first; then each takes its file's place by a
//! rename. When one rename fails, those before it are undone. A kill between two renames is the one gap.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, XattrFlags};
use tempfile::TempPath;

use super::files::reason;

/// How much of a file's name its temporary file carries, in bytes.
const LONGEST_STEM: usize = 200;

/// The longest list of attributes, and the longest attribute (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const LONGEST_ATTRIBUTES: usize = 1 << 16;

/// A file to write.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its path; never a symbolic link.
    path: &'a Path,
    /// What was read from it; `None` for a file that is not there yet.
    before: Option<&'a str>,
    /// What it is to hold.
    after: &'a str,
    /// The file whose mode and owner it gets.
    like: &'a Path,
}

impl<'a> Target<'a> {
    /// A file that held `before` and is to hold `after`.
    pub fn changed(path: &'a Path, before: &'a str, after: &'a str) -> Self {
        Target { path, before: Some(before), after, like: path }
    }

    /// A file that is not there yet, with the mode and the owner of `like`.
    pub fn new(path: &'a Path, after: &'a str, like: &'a Path) -> Self {
        Target { path, before: None, after, like }
    }
}

/// Why a set of files was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file changed since it was read.
    #[error("{0}: the file changed while meshfix ran; nothing was written to it, run again")]
    Changed(PathBuf),
    /// The system refused.
    #[error("{path}: {what}: {}", reason(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Undoing failed too: the file holds its new text while others of its set hold their old one.
    #[error("{path}: could not be put back after {cause}; it holds its new text now")]
    Undo {
        /// The file.
        path: PathBuf,
        /// The failure before.
        cause: String,
    },
}

/// Writes files that belong together: all of them, or none.
///
/// # Errors
/// The first failure; every file holds its old text then, unless the error says otherwise.
pub fn write_together(targets: &[Target<'_>]) -> Result<(), Error> {
    let mut ready = Vec::with_capacity(targets.len());
    for target in targets {
        ready.push((target, prepare(target, target.after)?));
    }
    for target in targets {
        check_unchanged(target)?;
    }
    let mut done: Vec<&Target<'_>> = Vec::new();
    for (target, temporary) in ready {
        let placed = match target.before {
            Some(_) => temporary.persist(target.path),
            None => temporary.persist_noclobber(target.path),
        };
        if let Err(error) = placed {
            let failure =
                Error::Io { path: target.path.to_owned(), what: "could not be replaced", source: error.error };
            return Err(undo(&done, failure));
        }
        done.push(target);
    }
    let folders: BTreeSet<&Path> = targets.iter().map(|target| folder(target.path)).collect();
    for folder in folders {
        // The renames are done; a folder that can't be synced does not undo them.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn undo(done: &[&Target<'_>], failure: Error) -> Error {
    for target in done {
        let restored = match target.before {
            Some(before) => prepare(target, before).is_ok_and(|temporary| temporary.persist(target.path).is_ok()),
            None => fs::remove_file(target.path).is_ok(),
        };
        if !restored {
            return Error::Undo { path: target.path.to_owned(), cause: failure.to_string() };
        }
    }
    failure
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `text` beside the target, with the file's own mode, owner and attributes, and syncs it. A new file gets those
/// of the one that it is made beside.
///
/// What comes back holds no open file: a set may have more files than a process may open.
fn prepare(target: &Target<'_>, text: &str) -> Result<TempPath, Error> {
    let path = target.path;
    let fail = |what| move |source| Error::Io { path: path.to_owned(), what, source };
    let metadata = fs::symlink_metadata(target.like).map_err(fail("can't be read"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // File systems take names of 255 bytes, this one is longer than the file's own.
    let end = (0..=name.len().min(LONGEST_STEM)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    let mut temporary = tempfile::Builder::new()
        .prefix(&format!(".{}.meshfix-", &name[..end]))
        .tempfile_in(folder(path))
        .map_err(fail("a file beside it can't be made"))?;
    temporary.write_all(text.as_bytes()).map_err(fail("its new text can't be written"))?;
    copy_metadata(target.like, &metadata, temporary.as_file())
        .map_err(fail("its mode, owner or attributes can't be kept"))?;
    temporary.as_file().sync_all().map_err(fail("its new text can't be synced"))?;
    Ok(temporary.into_temp_path())
}

fn copy_metadata(path: &Path, metadata: &Metadata, to: &File) -> io::Result<()> {
    let have = to.metadata()?;
    if (have.uid(), have.gid()) != (metadata.uid(), metadata.gid()) {
        rustix::fs::fchown(to, Some(Uid::from_raw(metadata.uid())), Some(Gid::from_raw(metadata.gid())))?;
    }
    to.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    copy_attributes(path, to)
}

/// Copies extended attributes, access control lists and security labels among them.
fn copy_attributes(path: &Path, to: &File) -> io::Result<()> {
    let mut names = vec![0; LONGEST_ATTRIBUTES];
    let size = match rustix::fs::llistxattr(path, &mut names[..]) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return Ok(()),
        size => size?,
    };
    let mut value = if size > 0 { vec![0; LONGEST_ATTRIBUTES] } else { Vec::new() };
    for name in names[..size].split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        match rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty()) {
            Ok(()) => {}
            // The system sets its own labels on every new file, and lets nobody else set them.
            Err(rustix::io::Errno::PERM | rustix::io::Errno::OPNOTSUPP) if !name.to_bytes().starts_with(b"user.") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn check_unchanged(target: &Target<'_>) -> Result<(), Error> {
    let Some(before) = target.before else {
        // Whoever made it since then keeps it.
        let is_free = fs::symlink_metadata(target.path).is_err();
        return if is_free { Ok(()) } else { Err(Error::Changed(target.path.to_owned())) };
    };
    let now = fs::read(target.path).map_err(|source| Error::Io {
        path: target.path.to_owned(),
        what: "can't be read again",
        source,
    })?;
    let is_file = fs::symlink_metadata(target.path).is_ok_and(|metadata| metadata.is_file());
    if is_file && now == before.as_bytes() { Ok(()) } else { Err(Error::Changed(target.path.to_owned())) }
}
