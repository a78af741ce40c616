//! Writes a folder of files that are made anew by each run, and never over what somebody else wrote.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::files::reason;

/// Writes the files into the folder, which is made where it is not there. All of them have `mark` in their first lines,
/// and a file without it is not written over. Gives the names of files with the mark that are not among them.
///
/// # Errors
/// The file that is somebody else's, or what the system says.
pub fn write(folder: &Path, files: &[(String, String)], mark: &str) -> Result<Vec<String>, String> {
    let problem = |path: &Path, error: &std::io::Error| format!("{}: {}", path.display(), reason(error));
    fs::create_dir_all(folder).map_err(|error| problem(folder, &error))?;
    for (name, _) in files {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok() && !is_marked(&path, mark) {
            return Err(format!(
                "{}: it is there already, and meshfix did not write it; name a folder of its own",
                path.display()
            ));
        }
    }
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| problem(&path, &error))?;
    }
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| problem(folder, &error))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if files.iter().all(|(have, _)| *have != name) && is_marked(&entry.path(), mark) {
            stale.push(entry.path().display().to_string());
        }
    }
    stale.sort();
    Ok(stale)
}

/// True for an ordinary file that says in its first lines that it was made.
fn is_marked(path: &Path, mark: &str) -> bool {
    let mut start = Vec::new();
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    let is_read = is_file && fs::File::open(path).and_then(|file| file.take(200).read_to_end(&mut start)).is_ok();
    is_read && String::from_utf8_lossy(&start).lines().take(2).any(|line| line.starts_with(mark))
}
