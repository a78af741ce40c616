//! Where the public data lies that tests read and that is not part of the project.

use std::path::PathBuf;

/// The CRDs of Istio and of the Gateway API, in the folder of public data.
pub(crate) const CRDS: [&str; 2] = ["schemas/istio-1.30.3-crds.yaml", "schemas/gateway-api-1.6.1-standard-crds.yaml"];

/// The folder of public data: `MESHFIX_SHARED`, or `../shared` beside the checkout. `None` on machines
/// without it; in CI it must be there.
pub(crate) fn folder() -> Option<PathBuf> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("MESHFIX_SHARED").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is not there, and CI needs it", folder.display());
    None
}

/// Says on the terminal that a suite is left out, and why.
#[allow(clippy::print_stderr, reason = "a skipped suite must be seen")]
pub(crate) fn skip(suite: &str) {
    eprintln!("skipped {suite}: set MESHFIX_SHARED to the folder with the public data to run it");
}
