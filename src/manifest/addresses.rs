//! Addresses in any text: hosts with their ports, IP addresses and URLs, with the place of each.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A host in a text, with its port where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bytes of host and port, the brackets of an IPv6 address included.
    pub range: Range<usize>,
    /// The host.
    pub host: Host,
    /// The port behind it.
    pub port: Option<u16>,
    /// What stands in front of `://`, in lower case; "" without.
    pub scheme: String,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// A name, as it is written.
    Name(String),
    /// The value of a variable: `HOST_IP` of `$(HOST_IP)`.
    Variable(String),
}

/// The addresses of a text: URLs, hosts with ports, IP addresses by themselves, and names of pods in DNS. Blocks and ranges
/// of addresses are none, nor are parts of paths, versions, tags of images and comments.
pub fn addresses(text: &str) -> Vec<Address> {
    // An IPv6 address without brackets is seen only where it is all there is.
    if let Ok(ip) = text.trim().parse::<Ipv6Addr>() {
        let start = text.len() - text.trim_start().len();
        let range = start..start + text.trim().len();
        return vec![Address { range, host: Host::Ip(ip.into()), port: None, scheme: String::new() }];
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let Some((end, host)) = host_at(text, at) else {
            at += 1;
            continue;
        };
        if let Some(address) = host.and_then(|host| address(text, at..end, host)) {
            at = address.range.end;
            found.push(address);
        } else {
            at = end;
        }
    }
    found
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || !byte.is_ascii()
}

/// The end of the host that starts here, and the host; `None` inside for what is made of several parts.
fn host_at(text: &str, at: usize) -> Option<(usize, Option<Host>)> {
    let bytes = text.as_bytes();
    if bytes[at] == b'[' {
        let end = at + text[at..].find(']')?;
        let ip: Ipv6Addr = text[at + 1..end].parse().ok()?;
        return Some((end + 1, Some(Host::Ip(ip.into()))));
    }
    let starts = bytes[at].is_ascii_alphanumeric() || variable(text, at).is_some();
    if !starts || at > 0 && is_host_byte(bytes[at - 1]) {
        return None;
    }
    let (mut end, mut variables) = (at, Vec::new());
    while let Some(byte) = bytes.get(end) {
        if let Some((behind, name)) = variable(text, end) {
            variables.push((end..behind, name));
            end = behind;
        } else if is_host_byte(*byte) {
            end += 1;
        } else {
            break;
        }
    }
    if let [(range, name)] = &variables[..]
        && *range == (at..end)
    {
        return Some((end, Some(Host::Variable((*name).to_owned()))));
    }
    // The dot at the end of a sentence.
    let whole = end;
    if bytes.get(end) != Some(&b':') {
        end = at + text[at..end].trim_end_matches(['.', '-', '_']).len();
    }
    let name = &text[at..end];
    let host = match name.parse::<Ipv4Addr>() {
        Ok(ip) => Some(Host::Ip(ip.into())),
        Err(_) => (variables.is_empty() && name.is_ascii()).then(|| Host::Name(name.to_owned())),
    };
    Some((if host.is_some() { end } else { whole }, host))
}

/// The end and the name of a variable that starts here: `$(NAME)`, `${NAME}` or `$NAME`.
fn variable(text: &str, at: usize) -> Option<(usize, &str)> {
    let rest = text.get(at..)?.strip_prefix('$')?;
    let close = match rest.as_bytes().first()? {
        b'(' => ")",
        b'{' => "}",
        _ => "",
    };
    let rest = &rest[close.len()..];
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (name, behind) = rest.split_at(length);
    let is_one = length > 0 && behind.starts_with(close);
    is_one.then_some((at + 1 + 2 * close.len() + length, name))
}

/// The address whose host stands here, if it is one.
fn address(text: &str, host_range: Range<usize>, host: Host) -> Option<Address> {
    let (before, after) = (&text[..host_range.start], &text[host_range.end..]);
    let scheme = scheme(before);
    let is_device = before.ends_with("/dev/tcp/");
    if scheme.is_empty() && before.ends_with('/') && !is_device || in_comment(before) {
        return None;
    }
    let (port, length) = match after.strip_prefix(if is_device { '/' } else { ':' }) {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let next = |at: usize| rest.as_bytes().get(at).copied();
            let goes_on = next(digits).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_@$".contains(&byte))
                || next(digits).is_some_and(|byte| b"-.".contains(&byte))
                    && next(digits + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
            match rest[..digits].parse::<u16>() {
                // A name and a password, a range of ports, a version.
                Ok(_) if goes_on => return None,
                Ok(port) if port > 0 => (Some(port), digits + 1),
                _ => (None, 0),
            }
        }
        None => (None, 0),
    };
    let is_address = match &host {
        Host::Ip(_) => {
            let block = after.starts_with('/') && after[1..].starts_with(|c: char| c.is_ascii_digit());
            let tag = before.ends_with(':') && !before.ends_with("::");
            port.is_some() || !scheme.is_empty() || !(block || tag || after.starts_with(['@', '_']))
        }
        Host::Name(name) => {
            // What stands in front of `:` may be a time, or the key of a file.
            let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
            has_letter && (port.is_some() || !scheme.is_empty() || pod_of(name).is_some())
        }
        Host::Variable(_) => port.is_some() || !scheme.is_empty(),
    };
    let range = host_range.start..host_range.end + length;
    is_address.then(|| Address { range, host, port, scheme: scheme.to_ascii_lowercase() })
}

/// What stands in front of `://` and of the user's name.
fn scheme(before: &str) -> &str {
    let front = match before.strip_suffix('@') {
        Some(user) => &user[..user.rfind("://").map_or(0, |at| at + 3)],
        None => before,
    };
    let Some(front) = front.strip_suffix("://") else { return "" };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-_".contains(c);
    let length = front.chars().rev().take_while(|c| is_scheme(*c)).count();
    &front[front.len() - length..]
}

/// True behind the sign of a comment on the same line.
pub(super) fn in_comment(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with(['#', ';']) || line.trim_start().starts_with("//") || line.contains(" # ")
}

/// True for an address of a private network (RFC 1918, RFC 6598, RFC 4193): pods have such ones, and so have nodes.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64,
        IpAddr::V6(ip) => ip.segments()[0] & 0xFE00 == 0xFC00,
    }
}

/// The address and the namespace that a pod's name in DNS has: `10-0-0-5.shop.pod.cluster.local`.
pub fn pod_of(name: &str) -> Option<(IpAddr, &str)> {
    let mut parts = name.split('.');
    let (first, namespace, pod) = (parts.next()?, parts.next()?, parts.next()?);
    let ip = first.replace('-', ".").parse::<Ipv4Addr>().ok()?;
    (pod == "pod").then_some((ip.into(), namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(&str, Option<u16>, String)> {
        addresses(text).into_iter().map(|found| (&text[found.range], found.port, found.scheme)).collect()
    }

    fn one<'t>(address: &'t str, port: u16, scheme: &str) -> Vec<(&'t str, Option<u16>, String)> {
        vec![(address, (port > 0).then_some(port), scheme.to_owned())]
    }

    #[test]
    fn hosts_are_found_with_ports_and_schemes() {
        assert_eq!(of("http://10.0.0.5:30080/x"), one("10.0.0.5:30080", 30080, "http"));
        assert_eq!(of("curl -s $(HOST_IP):30080"), one("$(HOST_IP):30080", 30080, ""));
        assert_eq!(of("https://${NODE}:1/"), one("${NODE}:1", 1, "https"));
        assert_eq!(of("amqp://me:123@queue.shop:5672/x"), one("queue.shop:5672", 5672, "amqp"));
        assert_eq!(of("http://[fd00::5]:80/"), one("[fd00::5]:80", 80, "http"));
        assert_eq!(of(" fd00::5 "), one("fd00::5", 0, ""));
        assert_eq!(of("host: 10.0.0.5, then"), one("10.0.0.5", 0, ""));
        assert_eq!(of("It is 10.0.0.5."), one("10.0.0.5", 0, ""));
        assert_eq!(of("https://web.shop.svc/v1"), one("web.shop.svc", 0, "https"));
        assert_eq!(of("exec 3<>/dev/tcp/10.0.0.5/30080"), one("10.0.0.5/30080", 30080, ""));
        assert_eq!(of("10-0-0-5.shop.pod.cluster.local"), one("10-0-0-5.shop.pod.cluster.local", 0, ""));
        assert_eq!(of("a:1,b:2").len(), 2);
        assert_eq!(of("zoo:2888:3888"), one("zoo:2888", 2888, ""));
    }

    #[test]
    fn other_things_are_no_addresses() {
        for text in [
            "10.2.1",
            "10.0.0.0/8",
            "10.0.0.1-10.0.0.9",
            "v10.0.0.1",
            "app-10.0.0.1.tar.gz",
            "/opt/10.0.0.1/bin",
            "registry.example/app:30080",
            "app:10.0.0.1",
            "12:30",
            "# http://10.0.0.5",
            "x # see 10.0.0.5",
            "key: value",
            "http://$(A)-$(B).shop/",
            "10.0.0.5.6",
            "010.0.0.5",
            "https://",
            "$(A)",
            "",
            "plain",
            "a:30000-32767",
            "$(HOST_IP):3000$(INDEX)",
            "日本10.0.0.5",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }
}
