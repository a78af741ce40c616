//! The pages of rules, and their list.

use crate::rule::{Meta, Transform};

/// A rule's page, in Markdown: its doc comment under its name.
pub fn page(meta: &Meta) -> String {
    let level = meta.level.name();
    let safety =
        meta.safety.map_or_else(|| "reports only".to_owned(), |safety| format!("fixes are {} at best", safety.name()));
    let istio = meta.istio.map_or_else(String::new, |code| format!(" · `istioctl analyze` calls it {code}"));
    let docs: String = meta.docs.lines().map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    let example = match meta.example {
        "" => String::new(),
        diff => format!("\n## Example\n```diff\n{diff}```\n"),
    };
    format!("# {}\n\n{}\n\n{level} · {safety}{istio}\n\n{}\n{example}", meta.name, sentence(meta.summary), docs.trim(),)
}

/// A summary as a sentence.
fn sentence(summary: &str) -> String {
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

/// The known name that is nearest to a mistyped one.
pub fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= name.len() / 2).then_some(near.1)
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let here = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = here;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["host-network", "dns-policy", "dns-ndots", "proxy-uid"];
        assert_eq!(suggestion("hostnetwork", known.into_iter()), Some("host-network"));
        assert_eq!(suggestion("dns-ndot", known.into_iter()), Some("dns-ndots"));
        assert_eq!(suggestion("x", known.into_iter()), None);
    }
}
