//! Probes that ask another place than the container they are for.

use super::ProbeRewrite;
use crate::config::Version;
use crate::manifest::{Container, Field, PodSecurity, Probe, Workload};
use crate::rule::{Context, Finding, Level};

/// The first release whose Pod Security checks the hosts of probes.
const HOSTS_ARE_CHECKED: Version = Version(1, 34);

/// Probes and hooks with a `host`.
pub(super) fn hosts(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>) -> Vec<Finding> {
    let probes = container.probes().chain(container.hooks());
    let with_host = probes.filter_map(|probe| {
        let (how, action) = probe.handler()?;
        Some((probe, how, action.get("host").filter(|host| host.text().is_some_and(|text| !text.is_empty()))?))
    });
    let finding = |(probe, how, host): (Probe<'_>, &str, Field<'_>)| {
        let message = format!(
            "`{}` of container `{}` asks the host `{}`",
            probe.name,
            container.name(),
            host.text().unwrap_or_default()
        );
        let finding = Finding::new(&ProbeRewrite::META, workload, host, message);
        let help = match how {
            "httpGet" => {
                "the injector keeps `host` and points the probe at the proxy's agent, which nothing answers for there; without `host` the pod itself is asked, and the name for virtual hosts is a header `Host` in `httpHeaders`"
            }
            _ => {
                "the injector drops `host`: in the mesh the pod itself is asked; remove it, so that it says what happens"
            }
        };
        let checks = |security: &PodSecurity<'_>| security.version.is_none_or(|version| version >= HOSTS_ARE_CHECKED);
        match cx.inventory.pod_security(workload).filter(checks) {
            Some(PodSecurity { namespace, level, .. }) => finding.level(Level::Error).help(format!(
                "namespace `{namespace}` enforces Pod Security `{level}`, which refuses the pod since Kubernetes 1.34; {help}"
            )),
            None => finding.level(Level::Info).help(help),
        }
    };
    with_host.map(finding).collect()
}

/// Commands that ask the pod's own address or its own Service.
pub(super) fn commands(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for probe in container.probes() {
        let mut before = "";
        for word in probe.field.at(&["exec", "command"]).into_iter().flat_map(Field::items) {
            let Some(text) = word.text() else { continue };
            let owner = container.name();
            let hosts = hosts_in(before, text);
            before = text;
            let (message, help) = if let Some(variable) = own_address(container, text) {
                (
                    format!("`{}` of container `{owner}` asks the pod's own address (`{variable}`)", probe.name),
                    "the request leaves through the proxy and comes back through it, so it fails until the proxy runs and where policies refuse it; ask `localhost` where the program listens there too",
                )
            } else if let Some(service) = own_service(cx, workload, &hosts) {
                (
                    format!("`{}` of container `{owner}` asks its own Service `{service}`", probe.name),
                    "another pod of the Service may answer, and before the first one is ready none does; ask `localhost`",
                )
            } else {
                continue;
            };
            findings.push(Finding::new(&ProbeRewrite::META, workload, word, message).level(Level::Info).help(help));
        }
    }
    findings
}

/// The variable of the text that holds the pod's own address.
fn own_address<'a>(container: Container<'a>, text: &str) -> Option<&'a str> {
    let is_address =
        |entry: &Field<'_>| entry.text_at(&["valueFrom", "fieldRef", "fieldPath"]).starts_with("status.podIP");
    let mut variables =
        container.env().filter(|(name, entry)| !name.is_empty() && is_address(entry)).map(|(name, _)| name);
    variables.find(|name| {
        let plain = text.match_indices(&format!("${name}")).any(|(at, found)| {
            let next = text[at + found.len()..].chars().next();
            !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
        });
        plain || text.contains(&format!("$({name})")) || text.contains(&format!("${{{name}}}"))
    })
}

/// The pod's Service that one of these hosts names.
fn own_service<'i>(cx: &'i Context<'_>, workload: Workload<'_>, hosts: &[&str]) -> Option<&'i str> {
    if hosts.is_empty() {
        return None;
    }
    let services = cx.inventory.services_of(workload).possible;
    let is_named = |service: &&str| {
        hosts
            .iter()
            .any(|host| host.strip_prefix(*service).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    services.into_iter().map(|id| cx.inventory.resource(id).name.name.as_str()).find(is_named)
}

/// The hosts that a word of a command names, itself perhaps a whole script; `before` is the word in front of it.
fn hosts_in<'t>(before: &'t str, text: &'t str) -> Vec<&'t str> {
    let mut before = before;
    let mut hosts = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || "\"'`;|&()".contains(c)) {
        hosts.extend(host(word, matches!(before, "-h" | "--host" | "-host")));
        before = word;
    }
    hosts
}

/// The host in a word of a command: of a URL, of `host:port`, of an option for hosts.
fn host(word: &str, is_option_value: bool) -> Option<&str> {
    let rest = match word.split_once("://") {
        Some((_, rest)) => rest,
        None => match word.strip_prefix("--host=") {
            Some(rest) => rest,
            None if is_option_value || is_host_and_port(word) => word,
            None => return None,
        },
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().filter(|host| !host.is_empty())
}

fn is_host_and_port(word: &str) -> bool {
    let port = word.split_once(':').map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_programs() {
        assert_eq!(host("http://web:8080/health", false), Some("web"));
        assert_eq!(host("redis", true), Some("redis"));
        assert_eq!(host("redis", false), None);
        assert_eq!(host("db.shop:5432", false), Some("db.shop"));
        assert_eq!(host("--host=mysql", false), Some("mysql"));
        assert_eq!(host("redis-cli", false), None);
        assert_eq!(hosts_in("-h", "redis"), ["redis"]);
        assert_eq!(hosts_in("-c", "curl -f 'http://web:8080/' || exit 1"), ["web"]);
    }
}
