//! Ports that declare no protocol, or one that Istio does not know.

use super::evidence::{Case, Evidence, spoken};
use super::verdict::Verdict;
use super::{PortProtocol, declare, label};
use crate::manifest::{Protocol, ProtocolClass, ServicePort, WellKnownPort};
use crate::rule::{Context, Finding, Level};

const GUESS: &str = "the proxy guesses from the first bytes of each connection";

pub(super) fn finding(cx: &Context<'_>, case: &Case<'_>) -> Finding {
    let port = case.port;
    let unknown = port.field.get("appProtocol").filter(|field| field.as_str().is_some());
    let verdict = case.verdict();
    let first = server_first(case).filter(|_| !speaks_http(&verdict));
    let message = match (unknown, first) {
        (Some(field), _) => {
            let word = field.text().unwrap_or_default();
            format!("`appProtocol: {word}` of {} is no protocol that Istio knows", label(port))
        }
        (None, Some((_, known))) => {
            format!("{} does not declare its protocol, and {} servers speak first", label(port), known.protocol)
        }
        (None, None) => format!("{} does not declare its protocol", label(port)),
    };
    let at = unknown.or_else(|| port.field.get("name")).or_else(|| port.field.get("port")).unwrap_or(port.field);
    let mut why = match (first, unknown) {
        (Some((number, _)), _) if Protocol::is_well_known_tcp(number) => format!(
            "the proxy waits for the client's first bytes and the client for the server's, so connections stall; Istio takes {number} for TCP, but here clients call another number"
        ),
        (Some(_), _) => {
            "the proxy waits for the client's first bytes and the client for the server's, so connections stall"
                .to_owned()
        }
        (None, Some(_)) if Protocol::of_port_name(port.name()) != Protocol::Undeclared => {
            format!("it hides the name, and {GUESS}")
        }
        (None, _) => GUESS.to_owned(),
    };
    let finding = Finding::of(&PortProtocol::META, cx.inventory, port.service, at, message);
    match verdict {
        Verdict::Known(best) => {
            why.push_str(&format!("; {}", best.says));
            let finding = related(finding.help(why), best);
            declare::fix(cx, case, best.protocol, None, finding)
        }
        Verdict::Likely(best) => {
            let (word, says) = (best.protocol.word(), &best.says);
            let help = format!("{why}; it may be {}, since {says}: declare it if that is right", spoken(best.protocol));
            related(finding.help(help), best).snippet(format!("appProtocol: {word}"))
        }
        Verdict::Disputed(one, other) => {
            let help =
                format!("{why}; the manifests disagree: {}, but {}: declare what is right", one.says, other.says);
            related(related(finding.help(help), one), other)
        }
        Verdict::Unknown => {
            let help =
                format!("{why}; nothing here says what it carries: ask its owners, and declare it with `appProtocol`");
            finding.help(help)
        }
    }
}

/// A port that Istio takes for TCP by its number alone.
pub(super) fn by_number(cx: &Context<'_>, port: ServicePort<'_>) -> Option<Finding> {
    let word = port.field.get("appProtocol").and_then(|field| field.as_str()).unwrap_or(port.name());
    if Protocol::of_port_name(word) != Protocol::Undeclared || word.starts_with("kubernetes.io/") {
        return None;
    }
    let at = port.field.get("port")?;
    let number = at.text()?;
    let message = format!("{} declares no protocol; Istio takes {number} for TCP", label(port));
    let mut finding = Finding::of(&PortProtocol::META, cx.inventory, port.service, at, message)
        .level(Level::Info)
        .help("nothing is to be done, as long as the Service keeps this number")
        .together("{} ports declare no protocol; Istio takes their numbers for TCP");
    finding.istio = None;
    Some(finding)
}

/// The number where a server speaks first, if the port has or leads to one.
fn server_first(case: &Case<'_>) -> Option<(i64, &'static WellKnownPort)> {
    let targets = case.behind.iter().filter_map(|behind| behind.number);
    let numbers = case.port.number().into_iter().chain(targets).chain(case.port.target_number());
    let known = |number: i64| Some((number, WellKnownPort::of(number)?));
    numbers.filter_map(known).find(|(number, known)| known.is_server_first(*number))
}

fn speaks_http(verdict: &Verdict<'_, '_>) -> bool {
    let is_http = |one: &Evidence<'_>| one.protocol.class() == ProtocolClass::Http;
    match verdict {
        Verdict::Known(best) | Verdict::Likely(best) => is_http(best),
        Verdict::Disputed(one, other) => is_http(one) || is_http(other),
        Verdict::Unknown => false,
    }
}

/// With the place of the evidence, where it is not the port itself. The sentence stands in the message already.
pub(super) fn related(finding: Finding, evidence: &Evidence<'_>) -> Finding {
    let is_here = evidence.at.loc().file == finding.at.file && evidence.at.loc().span == finding.at.span;
    if is_here { finding } else { finding.related(evidence.at, "this says so") }
}
