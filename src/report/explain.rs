//! The pages of rules, and their list.

use crate::rule::{Meta, Transform};

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

/// All rules, one line each.
pub fn list(rules: &[&dyn Transform]) -> String {
    let width = rules.iter().map(|rule| rule.meta().name.len()).max().unwrap_or(0);
    let line = |rule: &&dyn Transform| {
        let meta = rule.meta();
        let safety = meta.safety.map_or("report", |safety| safety.name());
        format!("{:width$}  {:7}  {:6}  {}\n", meta.name, meta.level.name(), safety, meta.summary)
    };
    rules.iter().map(line).collect()
}
