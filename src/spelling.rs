//! Names that people mistype: how far two words are apart, and which known word was meant.

/// The known name that is nearest to a mistyped one, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= name.len() / 2).then_some(near.1)
}

/// Edits between two words (Levenshtein).
pub fn distance(a: &str, b: &str) -> usize {
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
        assert_eq!(nearest("hostnetwork", known.into_iter()), Some("host-network"));
        assert_eq!(nearest("dns-ndot", known.into_iter()), Some("dns-ndots"));
        assert_eq!(nearest("x", known.into_iter()), None);
    }
}
