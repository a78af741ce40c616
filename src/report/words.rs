//! What a finding says, as whole sentences for programs that show it without its source.

use super::View;
use crate::engine::{Reported, Status};

/// The finding and its resource, in one line.
pub(super) fn headline(reported: &Reported) -> String {
    format!("{} ({})", reported.finding.message, reported.finding.resource)
}

/// What follows the headline, line by line: related places, help, what became of the fix.
pub(super) fn details(view: &View<'_>, reported: &Reported) -> Vec<String> {
    let finding = &reported.finding;
    let mut lines = Vec::new();
    for (loc, remark) in &finding.related {
        lines.push(format!("related: {}: {remark}", view.place(*loc)));
    }
    if !finding.help.is_empty() {
        lines.push(format!("help: {}", finding.help));
    }
    if let Some(fix) = &finding.fix {
        let consequence = if fix.consequence.is_empty() { String::new() } else { format!("; {}", fix.consequence) };
        lines.push(format!("fix ({}): {}{consequence}", fix.safety.name(), fix.title));
    }
    if let Status::Refused(reason) = &reported.status {
        lines.push(format!("not fixed: {reason}"));
    }
    lines
}

/// The findings that hold for the text on disk: all before `--write`, those that stay open after it.
pub(super) fn standing<'v>(view: &'v View<'_>) -> impl Iterator<Item = &'v Reported> {
    let written = view.written;
    view.outcome.findings.iter().filter(move |reported| !written || reported.status != Status::Applied)
}

/// The home page of the project, if the package names one.
pub(super) fn home() -> Option<&'static str> {
    Some(env!("CARGO_PKG_REPOSITORY")).filter(|home| !home.is_empty())
}

/// The address of a rule's page, if the package names a home. A rule of the user's own has none.
pub(super) fn page(rule: &str) -> Option<String> {
    let is_ours = crate::transforms::ALL.iter().any(|ours| ours.meta().name == rule);
    home().filter(|_| is_ours).map(|home| {
        let version = env!("CARGO_PKG_VERSION");
        format!("{home}/blob/v{version}/docs/rules/{rule}.md")
    })
}
