//! Settings in files: YAML and JSON by their structure, everything else line by line.

use std::ops::Range;

use super::address::{Host, numbers};
use super::key;
use super::words;
use crate::yaml::{Node, parse_text};

/// A number in a file with the name of its setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name with those above it: `server.port`.
    pub(super) name: String,
    /// The number in the text.
    pub(super) range: Range<usize>,
    pub(super) port: u16,
    /// The host in front of it, or that stands beside it.
    pub(super) host: Host,
}

/// The ports in the text of a file that is called `name`, as far as they are `wanted`.
pub(super) fn entries(name: &str, text: &str, wanted: &dyn Fn(u16) -> bool) -> Vec<Entry> {
    let structured = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
        || !name.contains('.') && text.trim_start().starts_with(['{', '-']);
    let document = structured.then(|| parse_text(text).ok().flatten()).flatten();
    match document {
        Some(document) if !document.root().kind().is_scalar() => {
            let mut entries = Vec::new();
            walk(document.root(), &mut Vec::new(), None, wanted, &mut entries);
            entries
        }
        _ => lines(text, wanted),
    }
}

/// Host keys that stand beside a port.
const HOSTS: &[&str] = &["host", "hostname", "address", "addr", "ip", "server"];

fn walk(
    node: Node<'_>,
    path: &mut Vec<String>,
    host: Option<&str>,
    wanted: &dyn Fn(u16) -> bool,
    found: &mut Vec<Entry>,
) {
    if node.kind().is_mapping() {
        let host = HOSTS.iter().find_map(|key| node.get(key)?.text());
        for (key, value) in node.entries() {
            path.push(key.into_owned());
            walk(value, path, host, wanted, found);
            path.pop();
        }
    } else if node.kind().is_sequence() {
        node.items().for_each(|item| walk(item, path, None, wanted, found));
    } else if let Some(text) = node.text() {
        for number in numbers(text).into_iter().filter(|number| wanted(number.port)) {
            let Some(span) = node.source_span(number.range.clone()) else { continue };
            let beside = host.filter(|_| number.host == Host::None && number.range.len() == text.len());
            let host = beside.map_or(number.host, |host| host_of(host, path));
            let name = path[path.len().saturating_sub(3)..].join(".");
            found.push(Entry { name, range: span.range(), port: number.port, host });
        }
    }
}

/// Whose a port is by the host beside it. A listener on the loopback address is the pod's own.
fn host_of(host: &str, path: &[String]) -> Host {
    let of_a_listener = path.iter().any(|key| {
        let key = key.to_ascii_lowercase();
        ["listen", "admin", "bind", "metrics", "server"].iter().any(|word| key.contains(word))
    });
    match numbers(&format!("{host}:1")).last().map(|number| number.host) {
        Some(Host::Loopback) if of_a_listener => Host::Any,
        Some(host) => host,
        None => Host::Unknown,
    }
}

/// Properties, ini, nginx, scripts: a setting a line.
fn lines(text: &str, wanted: &dyn Fn(u16) -> bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = String::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let (start, content) = (from + line.len() - line.trim_start().len(), line.trim());
        from += line.len();
        if content.starts_with(['#', ';', '!']) || content.starts_with("//") {
            continue;
        }
        if content.starts_with('[') && content.ends_with(']') && numbers(content).is_empty() {
            section = content.trim_matches(['[', ']']).to_owned();
            continue;
        }
        let mut add = |name: &str, at: usize, value: &str| {
            for number in numbers(value).into_iter().filter(|number| wanted(number.port)) {
                let name = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
                let range = start + at + number.range.start..start + at + number.range.end;
                entries.push(Entry { name, range, port: number.port, host: number.host });
            }
        };
        let name_end =
            content.find(|c: char| !(c.is_ascii_alphanumeric() || "._-\"".contains(c))).unwrap_or(content.len());
        let (name, rest) = content.split_at(name_end);
        let sign = rest.trim_start();
        let is_setting = !name.is_empty() && !name.starts_with('-') && sign.starts_with(['=', ':']);
        let is_directive = matches!(name, "listen" | "port" | "bind" | "Listen" | "server");
        if is_setting || is_directive {
            add(name.trim_matches('"'), name_end, rest);
        } else {
            for setting in words::settings(&[content]) {
                let value = &content[setting.value.clone()];
                add(setting.name, setting.value.start, value);
            }
        }
    }
    entries
}

/// What the name of an entry says; of a nested one the last two parts count.
pub(super) fn meaning(name: &str) -> key::Meaning {
    key::meaning(&key::words(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<(String, u16, Host)> {
        let entries = entries(name, text, &|_| true);
        for entry in &entries {
            assert_eq!(text[entry.range.clone()], entry.port.to_string());
        }
        entries.into_iter().map(|entry| (entry.name, entry.port, entry.host)).collect()
    }

    #[test]
    fn files_have_settings() {
        assert_eq!(
            of("application.properties", "# 1\nserver.port=15001\n"),
            [("server.port".into(), 15001, Host::None)]
        );
        assert_eq!(
            of("nginx.conf", "  listen 15001;\n  listen [::]:15001;\n  proxy_pass http://cart:80;\n"),
            [("listen".into(), 15001, Host::None), ("listen".into(), 15001, Host::Any), ("".into(), 80, Host::Foreign),]
        );
        let yaml = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 15000}}}\nredis: {host: cache, port: 6379}\n";
        assert_eq!(
            of("envoy.yaml", yaml),
            [
                ("address.socket_address.port_value".into(), 15000, Host::Any),
                ("redis.port".into(), 6379, Host::Foreign),
            ]
        );
    }
}
