//! Globs: the one wildcard that names and paths are matched with.

/// True when `text` is `pattern` with each `*` for any text, `/` included.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs_match_whole_names() {
        assert!(matches("radar-*", "radar-north"));
        assert!(matches("*/agents/*:1.*", "registry.example/agents/log:1.2"));
        assert!(matches("sonar", "sonar"));
        assert!(!matches("radar-*", "my-radar-x"));
        assert!(!matches("sonar", "sonar2"));
    }
}
