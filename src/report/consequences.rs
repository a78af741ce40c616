//! What the unsafe fixes of a run may change for those who are not in the files.

use std::collections::BTreeMap;

use super::View;
use super::escape::visible;
use super::text::{Layout, paragraph};
use crate::engine::Status;
use crate::rule::Safety;
use crate::text::Loc;

/// Each consequence of the applied unsafe fixes once, by rule, with its first place; "" where there is none.
pub fn consequences(view: &View<'_>, layout: Layout) -> String {
    let mut all: BTreeMap<(&str, &str), Vec<Loc>> = BTreeMap::new();
    for reported in view.outcome.findings.iter().filter(|reported| reported.status == Status::Applied) {
        let finding = &reported.finding;
        if let Some(fix) =
            finding.fix.as_ref().filter(|fix| fix.safety == Safety::Unsafe && !fix.consequence.is_empty())
        {
            all.entry((finding.rule, fix.consequence.as_str())).or_default().push(finding.at);
        }
    }
    if all.is_empty() {
        return String::new();
    }
    let mut out = "the unsafe fixes, and what they may change for others\n".to_owned();
    for ((rule, consequence), places) in all {
        let first = places[0];
        let place = format!("{}:{}", visible(view.name(first.file)), view.position(first).line);
        let place = match places.len() {
            1 => place,
            more => format!("{more} places, first {place}"),
        };
        paragraph(&mut out, &format!("{rule}: "), &format!("{consequence} ({place})"), layout);
    }
    out.push('\n');
    out
}
