//! Reads a workspace from files and folders, in parallel, and says what it left out.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::walk::{self, Entry};
use crate::manifest::{Kinds, SourceFile};

/// Largest file that is read where nothing else is said, in bytes.
pub const MAX_FILE_SIZE: u64 = 32 << 20;

/// What was read, and what was not.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Files that hold something for us, by name.
    pub files: Vec<SourceFile>,
    /// The path of each of them.
    pub paths: Vec<PathBuf>,
    /// Files that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Paths that the user named and that could not be read.
    pub errors: Vec<(String, String)>,
}

/// One file on its way into the workspace.
pub(super) enum Read {
    /// It holds something.
    File { source: SourceFile, path: PathBuf, identity: (u64, u64) },
    /// It was left out.
    Skipped { name: String, reason: String, named: bool },
    /// It holds nothing for us.
    Nothing,
}

/// Reads all manifests of these kinds under `paths`: named files whatever they are called, folders like `git`
/// sees them.
pub fn read(paths: &[PathBuf], kinds: Kinds, threads: usize, max_file_size: u64) -> Workspace {
    read_watched(paths, kinds, threads, max_file_size, &|| {})
}

/// The same; `watch` is called for each file that was looked at, from several threads.
pub fn read_watched(
    paths: &[PathBuf],
    kinds: Kinds,
    threads: usize,
    max_file_size: u64,
    watch: &(dyn Fn() + Sync),
) -> Workspace {
    let reader = Reader::new(kinds, max_file_size);
    let mut reads = walk::walk(paths, threads, &reader, watch);
    reads.sort_by(|a, b| name(a).cmp(name(b)));
    let mut workspace = Workspace::default();
    let mut seen = std::collections::HashSet::new();
    for read in reads {
        match read {
            Read::File { source, path, identity } if seen.insert(identity) => {
                workspace.files.push(source);
                workspace.paths.push(path);
            }
            Read::Skipped { name, reason, named: true } => workspace.errors.push((name, reason)),
            Read::Skipped { name, reason, named: false } => workspace.skipped.push((name, reason)),
            Read::File { .. } | Read::Nothing => {}
        }
    }
    workspace
}

fn name(read: &Read) -> &str {
    match read {
        Read::File { source, .. } => &source.name,
        Read::Skipped { name, .. } => name,
        Read::Nothing => "",
    }
}

/// Reads single files.
pub(super) struct Reader {
    /// The current folder, without symbolic links.
    here: PathBuf,
    kinds: Kinds,
    max_file_size: u64,
}

impl Reader {
    /// A reader of manifests of these kinds in files up to this size.
    pub(super) fn new(kinds: Kinds, max_file_size: u64) -> Self {
        let here = std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default();
        Reader { here, kinds, max_file_size }
    }

    /// Reads one file, if it holds something for us.
    pub(super) fn read(&self, entry: &Entry, buffer: &mut Vec<u8>) -> Read {
        let path = &entry.path;
        if path.file_name().is_some_and(|name| name == super::configuration::NAME) {
            return Read::Nothing;
        }
        let skipped = |reason: String| Read::Skipped { name: self.name(path), reason, named: entry.named };
        // Without O_NONBLOCK the opening of a FIFO would wait for its other end.
        let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        let (mut file, metadata) = match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
            Ok(opened) => opened,
            // A socket can't be opened at all.
            Err(error) => match fs::metadata(path).ok().and_then(|metadata| special(&metadata)) {
                Some(what) => return skipped(format!("it is a {what}, not a file")),
                None => return skipped(reason(&error)),
            },
        };
        if let Some(what) = special(&metadata) {
            return skipped(format!("it is a {what}, not a file"));
        }
        let too_large = || {
            let mib = self.max_file_size >> 20;
            skipped(format!("it is larger than {mib} MiB; `--max-file-size` reads it all the same"))
        };
        if metadata.len() > self.max_file_size {
            return too_large();
        }
        if let Err(error) = self.read_into(&mut file, &metadata, buffer) {
            return skipped(reason(&error));
        }
        // It grew since its size was asked for.
        if buffer.len() as u64 > self.max_file_size {
            return too_large();
        }
        let text = match std::str::from_utf8(buffer) {
            Ok(text) => text,
            Err(error) => return skipped(encoding(buffer, error.valid_up_to())),
        };
        if path.to_str().is_none() {
            // No diff could name it.
            return skipped("its name is not UTF-8; rename it".to_owned());
        }
        let name = self.name(path);
        if !self.kinds.is_worth_reading(&name, text) {
            return Read::Nothing;
        }
        match self.kinds.read(name, text.into(), held(path, &metadata)) {
            Some(source) => Read::File { source, path: path.clone(), identity: (metadata.dev(), metadata.ino()) },
            None => Read::Nothing,
        }
    }

    fn read_into(&self, file: &mut File, metadata: &Metadata, buffer: &mut Vec<u8>) -> std::io::Result<()> {
        buffer.clear();
        buffer.reserve(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        file.take(self.max_file_size + 1).read_to_end(buffer).map(|_| ())
    }

    /// The path as reports show it: from the current folder where it lies below, with `/`.
    pub(super) fn name(&self, path: &Path) -> String {
        let path = self.plain(path);
        if path.as_os_str().is_empty() { ".".to_owned() } else { path.to_string_lossy().into_owned() }
    }

    /// The path from the current folder where it lies below, without `.` parts.
    pub(super) fn plain(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix(&self.here).unwrap_or(path);
        path.components().filter(|part| *part != Component::CurDir).collect()
    }

    /// The path without links and `..` where it leads below the current folder: `git apply` takes no other.
    pub(super) fn direct(&self, path: &Path) -> PathBuf {
        match fs::canonicalize(path) {
            Ok(real) if real.starts_with(&self.here) => self.plain(&real),
            _ => path.to_owned(),
        }
    }
}

/// What a path is that is no ordinary file.
pub(super) fn special(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => Some("folder"),
        () if kind.is_fifo() => Some("FIFO"),
        () if kind.is_socket() => Some("socket"),
        () if kind.is_block_device() || kind.is_char_device() => Some("device"),
        () => None,
    }
}

/// Why a file can't be written in place of itself.
fn held(path: &Path, metadata: &Metadata) -> Option<String> {
    if metadata.nlink() > 1 {
        return Some(format!("the file has {} hard links; writing it would part them", metadata.nlink()));
    }
    if metadata.mode() & 0o222 == 0 {
        return Some("the file is read-only".to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let access = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
    if access(folder).is_err() {
        return Some("its folder can't be written".to_owned());
    }
    access(path).is_err().then(|| "the file can't be written by this user".to_owned())
}

/// Why no file of this name can be made, if so.
pub fn can_not_create(name: &str) -> Option<String> {
    let path = Path::new(name);
    if fs::symlink_metadata(path).is_ok() {
        return Some("it is there already, and it is none of the manifests that are read".to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err().then(|| "its folder can't be written".to_owned())
}

/// An I/O error in the system's words, without the number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

fn encoding(bytes: &[u8], at: usize) -> String {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8".to_owned(),
        [0, _, 0, ..] | [_, 0, _, 0, ..] => "it is UTF-16 or UTF-32; save it as UTF-8".to_owned(),
        _ => {
            let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
            format!("it is not UTF-8 (line {line}); save it as UTF-8")
        }
    }
}
