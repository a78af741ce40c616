//! The charts that a chart depends on, fetched where the repository does not hold them.

use super::Stop;
use super::request::Request;

/// Fetches what is not there.
pub(super) fn fetch(_request: &Request) -> Result<(), Stop> {
    Ok(())
}
