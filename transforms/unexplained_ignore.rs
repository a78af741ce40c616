use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags comments that ignore a rule without a reason.
    ///
    /// ## Why
    /// `# meshfix: ignore[host-network]` says that somebody decided, not why. Whoever reads it a year later can't tell
    /// whether it still holds.
    ///
    /// ## Fix
    /// None: write the reason behind the bracket, as in `# meshfix: ignore[host-network] reads the node's counters`. The
    /// ignore holds without one, too.
    ///
    /// ## Safety
    /// Nothing is changed.
    UnexplainedIgnore, "unexplained-ignore", "a comment that ignores a rule must give a reason",
    level: Level::Info, after: &[], istio: None, safety: None,
    example: include_str!("../testdata/unexplained-ignore/no-reason/findings.txt"),
}

impl Transform for UnexplainedIgnore {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    /// The engine, which reads the comments, reports for this rule.
    fn check(&self, _: &Context<'_>, _: &mut Vec<Finding>) {}
}
