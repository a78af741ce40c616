//! What the evidence comes to.

use super::evidence::{Case, Evidence, Source, Strength};
use crate::manifest::{Protocol, ProtocolClass};

/// What the manifests say of a port's protocol, all in all.
pub(super) enum Verdict<'e, 'a> {
    /// It is this one: nothing that counts says otherwise.
    Known(&'e Evidence<'a>),
    /// It may be this one.
    Likely(&'e Evidence<'a>),
    /// Two pieces of evidence exclude each other.
    Disputed(&'e Evidence<'a>, &'e Evidence<'a>),
    /// Nothing says anything.
    Unknown,
}

impl<'a> Case<'a> {
    /// What all evidence comes to.
    pub(super) fn verdict<'e>(&'e self) -> Verdict<'e, 'a> {
        verdict(&self.evidence.iter().collect::<Vec<_>>())
    }

    /// The same without the port's own name and number, which somebody has already decided about.
    pub(super) fn verdict_of_others<'e>(&'e self) -> Verdict<'e, 'a> {
        let others = self.evidence.iter().filter(|one| !matches!(one.source, Source::OwnName | Source::Number));
        verdict(&others.collect::<Vec<_>>())
    }
}

/// The best evidence, unless other evidence contradicts it.
fn verdict<'e, 'a>(evidence: &[&'e Evidence<'a>]) -> Verdict<'e, 'a> {
    let strongest = evidence.iter().map(|evidence| evidence.strength).max();
    let best = evidence.iter().copied().find(|evidence| Some(evidence.strength) == strongest);
    let Some(best) = best else { return Verdict::Unknown };
    if let Some(other) = evidence.iter().copied().find(|other| contradict(best, other)) {
        return Verdict::Disputed(best, other);
    }
    if best.strength == Strength::High { Verdict::Known(best) } else { Verdict::Likely(best) }
}

/// True when two pieces of evidence can't both be right, as far as the mesh is concerned. A habit contradicts only plain
/// HTTP at a number that clients call over TLS.
fn contradict(best: &Evidence<'_>, other: &Evidence<'_>) -> bool {
    let differ = best.protocol.class() != other.protocol.class();
    if other.strength == Strength::Low {
        return differ && other.protocol.is_tls() && best.protocol.class() == ProtocolClass::Http;
    }
    // A port declared as HTTP/1.1 breaks gRPC; one declared as gRPC carries both, if the program does.
    differ || is_http1(best.protocol) && is_http2(other.protocol)
}

pub(super) fn is_http1(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http | Protocol::HttpProxy)
}

pub(super) fn is_http2(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http2 | Protocol::Grpc)
}
