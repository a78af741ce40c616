//! Finds and reads the configuration of a run, and says where files lie from its folder.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::files::{Reader, reason};
use crate::config::Places;
use crate::manifest::Kinds;

/// The name of a configuration. Files of this name are never manifests.
pub const NAME: &str = "meshfix.yaml";

/// Largest configuration that is read, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// A configuration as text.
#[derive(Debug)]
pub struct Configuration {
    /// Its name in messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Its folder, absolute and without links.
    folder: PathBuf,
}

/// Reads the configuration: the file that the user named, or else the `meshfix.yaml` nearest to the first path (`-`
/// stands for the current folder), upwards to the root of its repository. Outside a repository only the path's own
/// folder and the current one are looked at.
///
/// # Errors
/// When it is there and can't be read, or the named one is not there.
pub fn read(named: Option<&Path>, paths: &[PathBuf]) -> Result<Option<Configuration>, String> {
    let here = current_folder();
    let reader = Reader::new(Kinds::default(), 0);
    let found = match named {
        Some(path) => Some(path.to_owned()),
        None => find(&here, paths.first().map_or(Path::new("."), PathBuf::as_path))?,
    };
    let Some(path) = found else { return Ok(None) };
    open(&path, reader.name(&path)).map(Some)
}

/// Reads the `meshfix.yaml` nearest to the application's folder in a copy of its repository.
///
/// # Errors
/// When it is there and can't be read.
pub fn of_checkout(checkout: &Checkout) -> Result<Option<Configuration>, String> {
    match nearest(checkout.folders(), Some(&checkout.root)) {
        Ok(Some(path)) => open(&path, checkout.name(&path)).map(Some),
        Ok(None) => Ok(None),
        Err(link) => {
            let name = checkout.name(&link);
            Err(format!("{name}: it is a symbolic link that leads out of the repository; put the file itself there"))
        }
    }
}

fn open(path: &Path, name: String) -> Result<Configuration, String> {
    let text = text(path).map_err(|reason| format!("{name}: {reason}"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).map_err(|error| format!("{name}: {}", reason(&error)))?;
    Ok(Configuration { name, text, folder })
}

/// Where the files below `paths` lie, seen from the configuration's folder, or else from the current one. A stream lies
/// nowhere.
pub fn places(configuration: Option<&Configuration>, paths: &[PathBuf]) -> Places {
    let here = current_folder();
    let folder = configuration.map_or(&here, |configuration| &configuration.folder);
    let reader = Reader::new(Kinds::default(), 0);
    let mut roots = Vec::new();
    for path in paths.iter().filter(|path| *path != Path::new("-")) {
        let Ok(real) = fs::canonicalize(path) else { continue };
        roots.push((reader.plain(&reader.direct(path)).to_string_lossy().into_owned(), slashed(&real)));
        roots.push((String::new(), slashed(&here)));
    }
    roots.dedup();
    Places::new(slashed(folder), roots)
}

/// The folder that `--cluster` names, as [`Places::path`] gives paths.
///
/// # Errors
/// When it is no folder.
pub fn folder(path: &Path, configuration: Option<&Configuration>) -> Result<String, String> {
    let real = fs::canonicalize(path).map_err(|error| format!("{}: {}", path.display(), reason(&error)))?;
    if !real.is_dir() {
        return Err(format!("{}: it is no folder", path.display()));
    }
    let here = current_folder();
    let base = configuration.map_or(&here, |configuration| &configuration.folder);
    Ok(slashed(real.strip_prefix(base).unwrap_or(&real)))
}

fn current_folder() -> PathBuf {
    std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default()
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The nearest configuration to `path`.
fn find(here: &Path, path: &Path) -> Result<Option<PathBuf>, String> {
    let start = if path == Path::new("-") { Path::new(".") } else { path };
    // A path that is not there is reported when it is read.
    let Ok(start) = fs::canonicalize(start) else { return Ok(None) };
    let start = if start.is_dir() { start.as_path() } else { start.parent().unwrap_or(&start) };
    let root = start.ancestors().find(|folder| folder.join(".git").exists());
    let folders: Vec<&Path> = match root {
        Some(root) => start.ancestors().take_while(|folder| folder.starts_with(root)).collect(),
        None => vec![start, here],
    };
    nearest(folders.into_iter(), root).map_err(|link| {
        let name = Reader::new(Kinds::default(), 0).name(&link);
        format!("{name}: it is a symbolic link that leads out; `--config` reads it all the same")
    })
}

/// The first of the folders' configurations. What lies outside `root`, or else the folder itself, was not written for
/// this repository, and messages quote what is read: such a link is given as the error.
fn nearest<'f>(mut folders: impl Iterator<Item = &'f Path>, root: Option<&Path>) -> Result<Option<PathBuf>, PathBuf> {
    let found = folders.find_map(|folder| {
        let file = folder.join(NAME);
        let real = fs::canonicalize(&file).ok().filter(|real| real.is_file())?;
        Some((real.starts_with(root.unwrap_or(folder)), file))
    });
    match found {
        Some((false, file)) => Err(file),
        found => Ok(found.map(|(_, file)| file)),
    }
}

fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| reason(&error))?;
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err("it is larger than 1 MiB, which no configuration is".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
