//! What a comment says to meshfix: `# meshfix: ignore[rule, rule] reason`. Comments of other tools and prose say nothing.

use std::ops::Range;

use crate::spelling;

/// What a comment says to meshfix.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment {
    /// It names rules.
    Ignore {
        /// Where each name stands in the comment.
        names: Vec<Range<usize>>,
        /// True when a reason stands behind the names.
        explained: bool,
    },
    /// It is meant for us, and it can't be read. Where it stands in the comment.
    Unreadable(Range<usize>),
}

/// Reads a comment that starts with `#`. Another tool's comment may stand in front on the same line
/// (`# checkov:skip=CKV_K8S_19 # meshfix: ignore[host-network] reason`).
pub(super) fn read(comment: &str) -> Option<Comment> {
    let starts = comment.match_indices('#').filter(|(at, _)| *at == 0 || comment[..*at].ends_with([' ', '\t']));
    starts.into_iter().find_map(|(at, _)| {
        let words = comment[at..].trim_start_matches(['#', ' ', '\t']);
        words.starts_with("meshfix").then(|| addressed(comment, comment.len() - words.len()))?
    })
}

/// Reads what stands at `start`, which begins with our name.
fn addressed(comment: &str, start: usize) -> Option<Comment> {
    let behind_name = &comment[start + "meshfix".len()..];
    let behind_colon = behind_name.strip_prefix(':');
    let order = behind_colon.unwrap_or(behind_name.trim_start_matches(".dev/")).trim_start();
    let word = &order[..order.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(order.len())];
    let rest = &order[word.len()..];
    let unreadable = || Comment::Unreadable(start..start + comment[start..].trim_end().len());
    match rest.strip_prefix('[').and_then(|list| list.split_once(']')) {
        Some((list, reason)) if behind_colon.is_some() && word == "ignore" => {
            let names = names(list, comment.len() - rest.len() + 1);
            let explained = reason.contains(char::is_alphanumeric);
            Some(if names.is_empty() { unreadable() } else { Comment::Ignore { names, explained } })
        }
        _ => {
            let is_ours = behind_colon.is_some() || rest.trim_start().starts_with(['[', ':']);
            let is_order = rest.trim_start().starts_with('[') || spelling::distance(word, "ignore") <= 2;
            (is_ours && is_order && !word.is_empty()).then(unreadable)
        }
    }
}

/// Where the names of a list that starts at `start` stand.
fn names(list: &str, start: usize) -> Vec<Range<usize>> {
    let mut at = start;
    let mut names = Vec::new();
    for part in list.split(',') {
        let from = at + part.len() - part.trim_start().len();
        let name = part.trim();
        if !name.is_empty() {
            names.push(from..from + name.len());
        }
        at += part.len() + 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(comment: &str) -> Option<(Vec<&str>, bool)> {
        match read(comment)? {
            Comment::Ignore { names, explained } => {
                Some((names.into_iter().map(|name| &comment[name]).collect(), explained))
            }
            Comment::Unreadable(at) => panic!("unreadable: {}", &comment[at]),
        }
    }

    #[test]
    fn rules_are_named_in_brackets() {
        let one = (vec!["host-network"], true);
        assert_eq!(names_of("# meshfix: ignore[host-network] reads the node's counters"), Some(one.clone()));
        assert_eq!(names_of("#meshfix:ignore[ host-network ]: see #12\r"), Some(one.clone()));
        assert_eq!(names_of("## meshfix:  ignore[host-network] -- ok"), Some(one.clone()));
        assert_eq!(names_of("# checkov:skip=CKV_K8S_19 # meshfix: ignore[host-network] why"), Some(one));
        assert_eq!(names_of("# meshfix: ignore[a,b-c , d,] w"), Some((vec!["a", "b-c", "d"], true)));
        assert_eq!(names_of("# meshfix: ignore[a]"), Some((vec!["a"], false)));
        assert_eq!(names_of("# meshfix: ignore[a] --"), Some((vec!["a"], false)));
        assert_eq!(names_of("# meshfix: ignore[ä]"), Some((vec!["ä"], false)));
    }

    #[test]
    fn what_is_meant_for_us_and_unreadable_is_told() {
        for comment in [
            "# meshfix: ignore reserved-port",
            "# meshfix: ignore",
            "# meshfix: ignore[]",
            "# meshfix: ignore[ , ] why",
            "# meshfix: ignore[a why",
            "# meshfix: ignore [a] why",
            "# meshfix: ingore[a] why",
            "# meshfix: IGNORE[a] why",
            "# meshfix: disable[a] why",
            "# meshfix ignore[a] why",
            "# meshfix.dev/ignore: a",
        ] {
            let at = comment.find("meshfix").expect("there");
            assert_eq!(read(comment), Some(Comment::Unreadable(at..comment.len())), "{comment}");
        }
    }

    #[test]
    fn prose_and_other_tools_are_left_alone() {
        for comment in [
            "#",
            "# meshfix",
            "# meshfix: before the change it was 8080",
            "# meshfix: see the wiki",
            "# meshfix ignores this folder",
            "# run meshfix: ignore[a] is our habit",
            "# see https://example.org/#meshfix: ignore[a]",
            "# kube-linter: ignore[host-network]",
            "# noqa",
        ] {
            assert_eq!(read(comment), None, "{comment}");
        }
    }
}
