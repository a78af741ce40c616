//! Ports in a text: numbers that stand alone or behind a host.

use std::ops::Range;

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// There is none: a bare number.
    None,
    /// All addresses of the pod, or its own.
    Any,
    /// The pod itself, from inside.
    Loopback,
    /// Another host.
    Foreign,
    /// A variable that may be anything.
    Unknown,
}

/// A number that may be a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) range: Range<usize>,
    pub(super) port: u16,
    pub(super) host: Host,
}

/// The numbers of a text that may be ports: whole numbers from 1 to 65535 that are no part of a word, a decimal
/// number or a range.
pub(super) fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        let joins = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
        let before = start.checked_sub(1).map(|i| bytes[i]);
        let is_digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
        let decimal = before == Some(b'.') && is_digit(start.checked_sub(2))
            || bytes.get(at) == Some(&b'.') && is_digit(Some(at + 1));
        let range = before == Some(b'-') && is_digit(start.checked_sub(2))
            || bytes.get(at) == Some(&b'-') && is_digit(Some(at + 1));
        let word = before.is_some_and(joins) || bytes.get(at).copied().is_some_and(joins);
        let port = text[start..at].parse::<u16>().ok().filter(|port| *port > 0 && bytes[start] != b'0');
        if let Some(port) = port
            && !word
            && !decimal
            && !range
        {
            numbers.push(Number { range: start..at, port, host: host(&text[..start]) });
        }
    }
    numbers
}

/// The host in front of a number: what stands before its `:`, or between `/dev/tcp/` and its `/`.
fn host(before: &str) -> Host {
    if let Some(name) = before.strip_suffix('/').and_then(|path| Some(path.rsplit_once("/dev/tcp/")?.1)) {
        return classify(name);
    }
    // `${PORT:-8080}` is what holds when nothing else does.
    if [":-", ":="].iter().any(|sign| before.trim_end_matches(['"', '\'']).ends_with(sign)) {
        return Host::Unknown;
    }
    let Some(before) = before.strip_suffix(':') else { return Host::None };
    match before.strip_suffix(']') {
        Some(inside) => classify(inside.rsplit('[').next().unwrap_or_default()),
        None => {
            let is_host = |c: char| c.is_alphanumeric() || "-_.*+$(){}".contains(c);
            let start =
                before.char_indices().rev().take_while(|(_, c)| is_host(*c)).last().map_or(before.len(), |(i, _)| i);
            classify(&before[start..])
        }
    }
}

/// Whose a port is by the value of the setting that gives its host: a name, an address, a URL.
pub(super) fn host_of(value: &str) -> Host {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match rest.strip_prefix('[') {
        Some(inside) => classify(inside.split(']').next().unwrap_or_default()),
        None if rest.matches(':').count() > 1 => classify(rest),
        None => classify(rest.split(':').next().unwrap_or_default()),
    }
}

/// What a host is.
fn classify(host: &str) -> Host {
    match host {
        // `key: 15001` has a blank behind the colon and never comes here.
        "" | "0.0.0.0" | "::" | "*" | "+" => Host::Any,
        "localhost" | "::1" => Host::Loopback,
        _ if host.starts_with("127.") => Host::Loopback,
        _ if host.contains('$') => {
            let own = ["POD_IP", "PODIP", "MY_IP", "HOSTNAME", "POD_NAME"].iter().any(|name| host.contains(name));
            if own { Host::Any } else { Host::Unknown }
        }
        _ if host.bytes().all(|byte| byte.is_ascii_digit()) => Host::Unknown,
        _ => Host::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(u16, Host)> {
        numbers(text).into_iter().map(|number| (number.port, number.host)).collect()
    }

    #[test]
    fn hosts_say_whose_port_it_is() {
        assert_eq!(of("15001"), [(15001, Host::None)]);
        assert_eq!(of(":15001"), [(15001, Host::Any)]);
        assert_eq!(of("0.0.0.0:15001"), [(15001, Host::Any)]);
        assert_eq!(of("[::]:15001"), [(15001, Host::Any)]);
        assert_eq!(of("http://+:15001;https://*:15002"), [(15001, Host::Any), (15002, Host::Any)]);
        assert_eq!(of("http://localhost:15001/x"), [(15001, Host::Loopback)]);
        assert_eq!(of("redis://cache.shop:15001/0"), [(15001, Host::Foreign)]);
        assert_eq!(of("$(POD_IP):15001"), [(15001, Host::Any)]);
        assert_eq!(of("${HOST}:15001"), [(15001, Host::Unknown)]);
        assert_eq!(of("</dev/tcp/127.0.0.1/15001"), [(15001, Host::Loopback)]);
        assert_eq!(of("${PORT:-'15001'}"), [(15001, Host::Unknown)]);
        assert_eq!(of("8080:15001"), [(8080, Host::None), (15001, Host::Unknown)]);
    }

    #[test]
    fn hosts_beside_a_port_are_names_addresses_and_urls() {
        for (value, host) in [
            ("0.0.0.0", Host::Any),
            ("", Host::Any),
            ("[::]:1", Host::Any),
            ("localhost", Host::Loopback),
            ("http://127.0.0.1:80/x", Host::Loopback),
            ("amqp://user@queue:1/", Host::Foreign),
            ("fd00::1", Host::Foreign),
            ("cart", Host::Foreign),
            ("$(CART_HOST)", Host::Unknown),
        ] {
            assert_eq!(host_of(value), host, "{value}");
        }
    }

    #[test]
    fn parts_of_other_things_are_no_ports() {
        assert_eq!(of("15000m 1.15001 v15001 15000-15010 15001s x_15001 015001 70000"), []);
    }
}
