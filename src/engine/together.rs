//! What one setting of the mesh decides is reported once, however many workloads it is about.

use std::collections::BTreeMap;

use crate::rule::Finding;

/// How many other places a finding names.
const MOST_NAMED: usize = 10;

/// Makes one finding of those of a rule that say the same: the first one speaks for all, and names others. What is
/// ignored must be gone before.
pub(super) fn join(findings: &mut Vec<Finding>) {
    let mut groups: BTreeMap<(&'static str, String), Vec<usize>> = BTreeMap::new();
    for (i, finding) in findings.iter().enumerate() {
        if let Some(message) = finding.together.clone() {
            groups.entry((finding.rule, message)).or_default().push(i);
        }
    }
    let mut joined = vec![false; findings.len()];
    for ((_, message), group) in groups.iter().filter(|(_, group)| group.len() > 1) {
        let Some((first, others)) = group.split_first() else { continue };
        let named = others.iter().take(MOST_NAMED).map(|i| (findings[*i].at, findings[*i].resource.to_string()));
        let mut related: Vec<_> = named.collect();
        if let (Some((_, last)), true) = (related.last_mut(), others.len() > MOST_NAMED) {
            last.push_str(&format!("; and {} more", others.len() - MOST_NAMED));
        }
        others.iter().for_each(|i| joined[*i] = true);
        let finding = &mut findings[*first];
        finding.message = message.replace("{}", &group.len().to_string());
        finding.related.extend(related);
    }
    let mut joined = joined.into_iter();
    findings.retain(|_| !joined.next().unwrap_or_default());
}
