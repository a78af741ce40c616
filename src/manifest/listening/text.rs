//! Settings in files: YAML and JSON by their structure, everything else line by line.

use std::ops::Range;

use super::address::{self, Host, Number, numbers};
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

/// The settings of a file.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Numbers that may be ports.
    pub(super) ports: Vec<Entry>,
    /// Settings that may give the host of a port beside them: name and value.
    pub(super) hosts: Vec<(String, String)>,
}

impl Settings {
    fn add_host(&mut self, name: &str, value: &str) {
        let last = key::words(name).pop().unwrap_or_default();
        if key::is_host(&last) {
            let value = value.trim_matches(|c: char| c.is_whitespace() || "=:\"',".contains(c));
            self.hosts.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// The settings in the text of a file that is called `name`: ports as far as they are `wanted`.
pub(super) fn settings(name: &str, text: &str, wanted: &dyn Fn(u16) -> bool) -> Settings {
    if !numbers(text).iter().any(|number| wanted(number.port)) {
        return Settings::default();
    }
    let file = name.rsplit('/').next().unwrap_or_default();
    let is_structured = [".yaml", ".yml", ".json"].iter().any(|end| file.ends_with(end));
    let document = (is_structured || !file.contains('.')).then(|| parse_text(text).ok().flatten()).flatten();
    match document {
        Some(document) if !document.root().kind().is_scalar() => {
            let mut settings = Settings::default();
            walk(document.root(), &mut Vec::new(), None, wanted, &mut settings);
            settings
        }
        // Without its structure, the names in a YAML file say nothing.
        _ if is_structured => {
            let found = numbers(text).into_iter().filter(|number| wanted(number.port));
            let entry =
                |found: Number| Entry { name: String::new(), range: found.range, port: found.port, host: found.host };
            Settings { ports: found.map(entry).collect(), hosts: Vec::new() }
        }
        _ => lines(text, wanted),
    }
}

/// Host keys that stand beside a port.
const HOSTS: &[&str] = &["host", "hostname", "address", "addr", "ip", "server", "url", "uri", "service", "serviceName"];

fn walk(
    node: Node<'_>,
    path: &mut Vec<String>,
    host: Option<&str>,
    wanted: &dyn Fn(u16) -> bool,
    found: &mut Settings,
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
        found.add_host(&name_of(path), text);
        for number in numbers(text).into_iter().filter(|number| wanted(number.port)) {
            let Some(span) = node.source_span(number.range.clone()) else { continue };
            let beside = host.filter(|_| number.host == Host::None && number.range.len() == text.len());
            let host = beside.map_or(number.host, |host| host_of(host, path));
            let name = name_of(path);
            found.ports.push(Entry { name, range: span.range(), port: number.port, host });
        }
    }
}

/// The last keys of a path. Envoy has one form for its own addresses and for those of others: what they are the
/// addresses of stands further up.
fn name_of(path: &[String]) -> String {
    let last = &path[path.len().saturating_sub(3)..];
    let of = ["clusters", "listeners", "admin"];
    match path.iter().find(|key| of.contains(&key.as_str())) {
        Some(of) if path.len() > 3 && last[1] == "socket_address" => format!("{of}.{}", last[1..].join(".")),
        _ => last.join("."),
    }
}

/// Whose a port is by the host beside it. A listener on the loopback address is the pod's own.
fn host_of(host: &str, path: &[String]) -> Host {
    let of_a_listener = path.iter().any(|key| {
        let key = key.to_ascii_lowercase();
        ["listen", "admin", "bind", "metrics", "server"].iter().any(|word| key.contains(word))
    });
    match address::host_of(host) {
        Host::Loopback if of_a_listener && !path.iter().any(|key| key == "clusters") => Host::Any,
        host => host,
    }
}

/// Properties, ini, nginx, scripts: a setting a line, or a statement that ends with `;` in a file with blocks.
fn lines(text: &str, wanted: &dyn Fn(u16) -> bool) -> Settings {
    let has_blocks = text.lines().any(|line| line.trim_end().ends_with('{'));
    let mut settings = Settings::default();
    let mut section = String::new();
    let mut blocks: Vec<&str> = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let (start, content) = (from + line.len() - line.trim_start().len(), line.trim());
        from += line.len();
        if content.starts_with(['#', ';', '!']) || content.starts_with("//") {
            continue;
        }
        let content = content.split(" #").next().unwrap_or_default();
        if content.starts_with('[') && content.ends_with(']') && numbers(content).is_empty() {
            section = content.trim_matches(['[', ']']).to_owned();
            continue;
        }
        let mut rest = content;
        while !rest.is_empty() {
            let end = if has_blocks { rest.find(['{', '}', ';']).unwrap_or(rest.len()) } else { rest.len() };
            let (part, sign) = (&rest[..end], rest[end..].chars().next());
            let at = start + content.len() - rest.len();
            let above = blocks.iter().rev().take(2).rev().copied();
            let above: Vec<&str> =
                Some(section.as_str()).filter(|text| !text.is_empty()).into_iter().chain(above).collect();
            statement(part, at, &above, wanted, &mut settings);
            match sign {
                Some('{') => blocks.push(part.split_whitespace().next().unwrap_or_default()),
                Some('}') => drop(blocks.pop()),
                _ => {}
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    settings
}

/// The ports of one statement that starts at `at` in the text, below blocks or sections with these names.
fn statement(text: &str, at: usize, above: &[&str], wanted: &dyn Fn(u16) -> bool, settings: &mut Settings) {
    let content = text.trim_start();
    let start = at + text.len() - content.len();
    let mut add = |name: &str, from: usize, value: &str| {
        let name = if name.is_empty() { String::new() } else { [above, &[name]].concat().join(".") };
        settings.add_host(&name, value);
        for number in numbers(value).into_iter().filter(|number| wanted(number.port)) {
            let range = start + from + number.range.start..start + from + number.range.end;
            settings.ports.push(Entry { name: name.clone(), range, port: number.port, host: number.host });
        }
    };
    let name_end = content.find(|c: char| !(c.is_ascii_alphanumeric() || "._-\"".contains(c))).unwrap_or(content.len());
    let (name, rest) = content.split_at(name_end);
    let is_setting = !name.is_empty() && !name.starts_with('-') && rest.trim_start().starts_with(['=', ':']);
    let is_directive = matches!(name, "listen" | "port" | "bind" | "Listen" | "server");
    if is_setting || is_directive {
        add(name.trim_matches('"'), name_end, rest);
    } else {
        for setting in words::settings(&[content]) {
            add(setting.name, setting.value.start, &content[setting.value.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<(String, u16, Host)> {
        let entries = settings(name, text, &|_| true).ports;
        for entry in &entries {
            assert_eq!(text[entry.range.clone()], entry.port.to_string());
        }
        entries.into_iter().map(|entry| (entry.name, entry.port, entry.host)).collect()
    }

    #[test]
    fn hosts_are_told_with_the_ports() {
        let text = "agent {\n  server_address = \"hub\"\n  server_port = 1\n}\n";
        assert_eq!(settings("a.conf", text, &|_| true).hosts, [("agent.server_address".into(), "hub".into())]);
    }

    #[test]
    fn blocks_and_sections_name_what_is_in_them() {
        assert_eq!(
            of("a.conf", "upstream cart { server cart:1; }\nserver {\n  listen 2; # 3\n}\n"),
            [("upstream.server".into(), 1, Host::Foreign), ("server.listen".into(), 2, Host::None)]
        );
        assert_eq!(
            of("a.conf", "redis {\n  port = 1\n}\nport = 2\n")
                .iter()
                .map(|(name, ..)| name.as_str())
                .collect::<Vec<_>>(),
            ["redis.port", "port"]
        );
        assert_eq!(of("my.cnf", "[client]\nport=1\n"), [("client.port".into(), 1, Host::None)]);
        assert_eq!(
            of("two.yaml", "redis:\n  port: 1\n---\na: 2\n").iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(),
            ["", ""]
        );
        assert_eq!(of("settings", "queue:\n  port: 1\n"), [("queue.port".into(), 1, Host::None)]);
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
            [("admin.socket_address.port_value".into(), 15000, Host::Any), ("redis.port".into(), 6379, Host::Foreign),]
        );
    }
}
