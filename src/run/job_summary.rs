//! The summary of a job of GitHub Actions: of annotations it shows ten of each level.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use crate::cli::{Format, Outputs};
use crate::io::files::reason;
use crate::report::{self, View};

/// Adds to the file that GitHub names, where annotations were asked for.
pub(super) fn add(view: &View<'_>, outputs: &Outputs, skipped: &[(String, String)]) -> Result<(), String> {
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from);
    let is_wanted = outputs.all.iter().any(|output| output.format == Format::Github);
    let Some(path) = path.filter(|_| is_wanted) else { return Ok(()) };
    let taken = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let summary = report::github::summary(view, skipped, usize::try_from(taken).unwrap_or(usize::MAX));
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(summary.as_bytes()));
    written.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}
