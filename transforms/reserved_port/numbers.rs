//! Which ports the mesh reserves, and the choice of a new one.

use std::collections::BTreeSet;

use crate::config::{Options, Profile};

/// Ports that Istio's proxy and agent use, and for what (istio.io, application requirements).
const ISTIO: &[(u16, &str)] = &[
    (15000, "Envoy's admin interface"),
    (15001, "Envoy's outbound listener"),
    (15002, "the listener for failure detection"),
    (15004, "the agent's debug interface"),
    (15006, "Envoy's inbound listener"),
    (15008, "the mesh's own tunnel (HBONE)"),
    (15020, "the agent's merged metrics"),
    (15021, "the sidecar's health checks"),
    (15053, "the agent's DNS proxy"),
    (15090, "Envoy's metrics"),
];

/// Ports that the vendor's specification reserves beyond Istio's own.
const SPECIFICATION: &[u16] = &[15003, 15005, 15007, 15009, 15010];

/// Ports that a new number must not be: Istio's control plane's, and those that Knative reserves.
const TAKEN: &[u16] = &[15012, 15014, 15017, 15443, 8012, 8013, 8022, 8112, 9090, 9091];

/// The reserved ports of a run.
pub(super) struct Reserved<'a> {
    options: &'a Options,
}

impl<'a> Reserved<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Reserved { options }
    }

    pub(super) fn contains(&self, port: u16) -> bool {
        ISTIO.iter().any(|(number, _)| *number == port)
            || self.options.profile == Profile::Seed && SPECIFICATION.contains(&port)
            || self.options.reserved_port.extra_ports.contains(&port)
    }

    /// Whose port it is, as a clause: "Envoy's outbound listener".
    pub(super) fn owner(&self, port: u16) -> &'static str {
        match ISTIO.iter().find(|(number, _)| *number == port) {
            Some((_, owner)) => owner,
            None if SPECIFICATION.contains(&port) => {
                "reserved by the specification, though Istio does not use it today"
            }
            None => "reserved by the configuration (`rules.reserved-port.extraPorts`)",
        }
    }

    /// Why there is no new number for a port.
    pub(super) fn why_no_number(&self, port: u16) -> String {
        match self.options.reserved_port.port_map.get(&port) {
            Some(to) => format!("`rules.reserved-port.portMap` gives it {to}, which is taken"),
            None => "no free port was found for it: name one in `rules.reserved-port.portMap`".to_owned(),
        }
    }

    /// The new number for a port: the configured one, or the first one from the base on that nobody uses.
    /// `None` where no number is left below the range of node ports.
    pub(super) fn new_number(&self, port: u16, used: &BTreeSet<u16>) -> Option<u16> {
        let options = &self.options.reserved_port;
        if let Some(wanted) = options.port_map.get(&port) {
            return (!used.contains(wanted) && !self.contains(*wanted)).then_some(*wanted);
        }
        let configured = |number: &u16| options.port_map.values().any(|taken| taken == number);
        let start = options.port_base.saturating_add(port.saturating_sub(15_000));
        let start = if start < 30_000 { start } else { options.port_base };
        let mut candidates = start..30_000;
        candidates.find(|number| {
            !used.contains(number) && !self.contains(*number) && !TAKEN.contains(number) && !configured(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_numbers_are_free_ones() {
        let mut options = Options::default();
        options.reserved_port.port_map.insert(15002, 8081);
        options.reserved_port.port_map.insert(15004, 18_003);
        let reserved = Reserved::new(&options);
        assert_eq!(reserved.new_number(15001, &BTreeSet::new()), Some(18_001));
        assert_eq!(reserved.new_number(15001, &BTreeSet::from([18_001, 18_002])), Some(18_004));
        assert_eq!(reserved.new_number(50_051, &BTreeSet::new()), Some(18_000));
        assert_eq!(reserved.new_number(15002, &BTreeSet::new()), Some(8081));
        assert_eq!(reserved.new_number(15002, &BTreeSet::from([8081])), None);
    }

    #[test]
    fn the_profile_decides_what_is_reserved() {
        let mut options = Options::default();
        assert!(Reserved::new(&options).contains(15003));
        options.profile = Profile::Istio;
        assert!(!Reserved::new(&options).contains(15003));
        assert!(Reserved::new(&options).contains(15001));
        options.reserved_port.extra_ports.push(16_000);
        assert!(Reserved::new(&options).contains(16_000));
    }
}
