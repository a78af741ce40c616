//! The pages of rules, and their list.

use super::text::{Layout, wrap};
use crate::rule::{Meta, Transform};

/// The narrowest column that sentences stand in.
const NARROWEST: usize = 24;

/// A rule's page, in Markdown: its doc comment under its name.
pub fn page(meta: &Meta) -> String {
    let level = meta.level.name();
    let safety =
        meta.safety.map_or_else(|| "reports only".to_owned(), |safety| format!("fixes are {} at best", safety.name()));
    let istio = meta.istio.map_or_else(String::new, |code| format!(" · `istioctl analyze` calls it {code}"));
    let docs: String = meta.docs.lines().map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    let language = if meta.safety.is_some() { "diff" } else { "text" };
    let example = match meta.example {
        "" => String::new(),
        example => format!("\n## Example\n```{language}\n{example}```\n"),
    };
    format!("# {}\n\n{}\n\n{level} · {safety}{istio}\n\n{}\n{example}", meta.name, sentence(meta.summary), docs.trim(),)
}

/// A summary as a sentence.
pub(super) fn sentence(summary: &str) -> String {
    let mut letters = summary.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// All rules, one line each; on a terminal that is too narrow for that, some.
pub fn list(rules: &[&dyn Transform], layout: Layout) -> String {
    let width = rules.iter().map(|rule| rule.meta().name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for rule in rules {
        let meta = rule.meta();
        let safety = meta.safety.map_or("report", |safety| safety.name());
        let row = format!("{:width$}  {:7}  {:6} ", meta.name, meta.level.name(), safety);
        let columns = row.len();
        out.push_str(&row);
        let is_narrow = layout.width.is_some_and(|width| width < columns + NARROWEST);
        if is_narrow {
            out.push_str("\n   ");
        }
        let (used, indent) = if is_narrow { (3, 4) } else { (columns, columns + 1) };
        wrap(&mut out, used, meta.summary, indent, layout);
    }
    out
}
