//! The copy of a repository that another program made for one application: where it starts, and what leads out of it.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::files::reason;

/// A copy of a repository, and the application's folder in it, which is the current one.
#[derive(Debug)]
pub struct Checkout {
    /// Where the copy starts.
    pub root: PathBuf,
    /// The application's folder.
    pub here: PathBuf,
}

impl Checkout {
    /// The copy around the current folder. `path` is the application's folder in its repository; the copy may lack the
    /// folders above it, and `.git`. Without it, the repository's root is looked for.
    ///
    /// # Errors
    /// When there is no current folder.
    pub fn around(path: Option<&str>) -> Result<Checkout, String> {
        let here = std::env::current_dir().and_then(fs::canonicalize);
        let here = here.map_err(|error| format!("the current folder: {}", reason(&error)))?;
        let root = match path {
            Some(path) => above(&here, Path::new(path)),
            None => here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here),
        };
        Ok(Checkout { root: root.to_owned(), here: here.clone() })
    }

    /// The application's folder and those above it, in the copy.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.here.ancestors().take_while(|folder| folder.starts_with(&self.root))
    }

    /// A path from the root of the copy, as the repository has it.
    pub fn name(&self, path: &Path) -> String {
        let name = path.strip_prefix(&self.root).unwrap_or(path);
        if name.as_os_str().is_empty() { ".".to_owned() } else { name.display().to_string() }
    }

    /// The real path of what `path` names, from the application's folder.
    ///
    /// # Errors
    /// Why it is nothing of this repository.
    pub fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let plain = Path::new(path);
        if plain.is_absolute() {
            return Err("it must be a path from the application's folder".to_owned());
        }
        if plain.components().any(|part| part == Component::ParentDir) && !self.joins_inside(plain) {
            return Err("it leads out of the repository".to_owned());
        }
        let real = fs::canonicalize(self.here.join(plain)).map_err(|error| reason(&error))?;
        if real.starts_with(&self.root) { Ok(real) } else { Err("it leads out of the repository".to_owned()) }
    }

    /// Looks for symbolic links that lead out of the copy, in a folder and in all that its links lead to: programs follow
    /// them.
    ///
    /// # Errors
    /// The first one, by name. One that leads nowhere counts: who writes through it makes a file out there.
    pub fn stays_inside(&self, folder: &Path) -> Result<(), String> {
        let mut folders = vec![folder.to_owned()];
        let mut seen = HashSet::new();
        while let Some(folder) = folders.pop() {
            let problem = |error: &std::io::Error| format!("{}: {}", self.name(&folder), reason(error));
            if !seen.insert(fs::canonicalize(&folder).map_err(|error| problem(&error))?) {
                continue;
            }
            for entry in fs::read_dir(&folder).map_err(|error| problem(&error))? {
                let entry = entry.map_err(|error| problem(&error))?;
                let (path, kind) = (entry.path(), entry.file_type().map_err(|error| problem(&error))?);
                if kind.is_symlink() {
                    let real = fs::canonicalize(&path).ok().filter(|real| real.starts_with(&self.root));
                    let Some(real) = real else {
                        let name = self.name(&path);
                        return Err(format!(
                            "{name}: it is a symbolic link that leads out of the repository or to nothing; put a file \
                             there"
                        ));
                    };
                    folders.extend(real.is_dir().then_some(path));
                } else if kind.is_dir() {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }

    /// Whether `..` stays below the root. What lies outside is not even asked for, so that nobody learns what is there.
    fn joins_inside(&self, path: &Path) -> bool {
        let mut folder = self.here.clone();
        for part in path.components() {
            match part {
                Component::ParentDir if folder == self.root => return false,
                Component::ParentDir => drop(folder.pop()),
                part => folder.push(part),
            }
        }
        true
    }
}

/// The folder that is as far above `here` as `path` is deep, as far as their names agree.
fn above<'h>(here: &'h Path, path: &Path) -> &'h Path {
    let mut root = here;
    for part in path.components().rev().filter(|part| *part != Component::CurDir) {
        match root.parent() {
            Some(parent) if root.file_name() == Some(part.as_os_str()) => root = parent,
            _ => break,
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_as_far_above_as_names_agree() {
        for (here, path, root) in [
            ("/tmp/copy/apps/shop", "apps/shop", "/tmp/copy"),
            ("/tmp/copy/apps/shop", "./apps/shop/", "/tmp/copy"),
            ("/tmp/copy/shop", "apps/shop", "/tmp/copy"),
            ("/tmp/copy", ".", "/tmp/copy"),
            ("/tmp/copy", "apps/other", "/tmp/copy"),
            ("/tmp/copy/apps/shop", "../shop", "/tmp/copy/apps"),
        ] {
            assert_eq!(above(Path::new(here), Path::new(path)), Path::new(root), "{here} {path}");
        }
    }
}
