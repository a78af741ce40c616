//! The parameters that an Application can set.

use super::Stop;

/// Prints them.
pub(super) fn print() -> Result<u8, Stop> {
    Ok(crate::run::print("[]\n"))
}
