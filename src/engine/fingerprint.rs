//! Names of findings that stay the same from run to run: never by line, and never by a value.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::rule::Finding;

/// The name of a finding: 32 digits, of which the first 16 say nothing of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The rule, the resource and the place in it.
    pub(super) place: u64,
    /// The same with the file, and an ordinal where the file has several such findings.
    pub(super) in_file: u64,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.place, self.in_file)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, in_file) = text.split_at_checked(16).unwrap_or((text, ""));
        Ok(Fingerprint { place: u64::from_str_radix(place, 16)?, in_file: u64::from_str_radix(in_file, 16)? })
    }
}

/// Gives fingerprints to findings, in the order of the report.
#[derive(Debug, Default)]
pub struct Fingerprints {
    /// How many findings of a file have the same name but for the ordinal.
    ordinals: HashMap<String, usize>,
}

impl Fingerprints {
    /// The fingerprint of the next finding, which stands in the file of this name.
    pub fn next(&mut self, file: &str, finding: &Finding) -> Fingerprint {
        let name = &finding.resource;
        let namespace = name.namespace.as_deref().unwrap_or_default();
        let place = [finding.rule, name.group(), &name.kind, namespace, &name.name, &finding.named_path].join("\u{0}");
        let key = format!("{place}\u{0}{file}");
        let in_file = |ordinal: usize| hash(&format!("{key}\u{0}{ordinal}"));
        match self.ordinals.get_mut(&key) {
            Some(ordinal) => {
                *ordinal += 1;
                Fingerprint { place: hash(&place), in_file: in_file(*ordinal) }
            }
            None => {
                let first = Fingerprint { place: hash(&place), in_file: in_file(0) };
                self.ordinals.insert(key, 0);
                first
            }
        }
    }
}

/// FNV-1a: small, fixed for ever, and not meant to resist anybody.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
