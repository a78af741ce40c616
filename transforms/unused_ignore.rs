use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags comments and annotations that ignore nothing.
    ///
    /// ## Why
    /// An ignore outlives what it was written for: the field is fixed or moves, the rule gets another name, the
    /// comment was mistyped from the start. From then on it only hides the next problem, or nothing at all while its
    /// author believes it does. Flagged are names of rules that find nothing at that place, names that no rule has, and
    /// comments that can't be read, such as `# meshfix: ignore host-network`. Only rules that ran are judged: with
    /// `--select dns-policy` an ignore for `host-network` is left alone.
    ///
    /// ## Fix
    /// None: remove the comment, or the name from it. What is read is `# meshfix: ignore[rule] reason`, several rules by
    /// comma, behind the line that the report shows, above it, or above the first key of the document for all of
    /// it; and the annotation `meshfix.dev/ignore: rule` on a resource or its pod template.
    ///
    /// ## Safety
    /// Nothing is changed.
    UnusedIgnore, "unused-ignore", "a comment or annotation that ignores a rule must ignore something",
    level: Level::Warning, after: &[], istio: None, safety: None,
    example: include_str!("../testdata/unused-ignore/annotations/findings.txt"),
}

impl Transform for UnusedIgnore {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    /// The engine, which knows what was ignored, reports for this rule.
    fn check(&self, _: &Context<'_>, _: &mut Vec<Finding>) {}
}
