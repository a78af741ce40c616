use crate::manifest::{Container, Field, Role, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Finds init containers that need the network before the proxy runs.
    ///
    /// ## Why
    /// Init containers run before a sidecar that is not native. With Istio's CNI plugin the pod's traffic goes to
    /// the proxy already, and nobody is there: connections hang. Without the plugin they work, but in plain text,
    /// so that targets with strict mutual TLS refuse them. Native sidecars run first, and all is well. Programs
    /// that need the network are known by their words: `curl`, `wget`, `nc`, database clients, migrations,
    /// `git clone` and others. There is one finding a run.
    ///
    /// ## Fix
    /// With `rules.init-network.cni: true` such a container runs as user 1337, whose traffic passes the proxy by.
    ///
    /// ## Safety
    /// Unsafe: the container runs as another user than its image's. Where a user is set already, or the container
    /// is privileged, there is no fix.
    InitNetwork, "init-network", "init containers should not need the network before the proxy runs",
    level: Level::Warning, after: &["host-network", "proxy-uid"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/init-network/option-cni/fix.diff"),
}

/// The proxy's user: its traffic is not redirected.
const PROXY: i64 = 1337;

/// Programs that do nothing without the network.
const PROGRAMS: &[&str] = &[
    "curl",
    "wget",
    "nc",
    "ncat",
    "telnet",
    "nslookup",
    "dig",
    "psql",
    "pg_isready",
    "mysqladmin",
    "mongosh",
    "redis-cli",
    "cqlsh",
    "flyway",
    "liquibase",
    "alembic",
    "migrate",
    "git-sync",
    "dockerize",
    "grpcurl",
    "kubectl",
    "vault-agent",
];

/// Words of images that do so.
const IMAGE_WORDS: &[&str] =
    &["curl", "flyway", "liquibase", "migrate", "migration", "migrations", "git-sync", "vault-agent", "wait-for"];

/// Annotations by which a pod keeps traffic from the proxy; whoever sets one knows of this.
const OWN_REDIRECTION: &[&str] = &[
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/includeOutboundPorts",
];

impl Transform for InitNetwork {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let fixes = cx.options.init_network.cni == Some(true);
        let mut together = Vec::new();
        let mut worst = Level::Info;
        for workload in cx.inventory.workloads().filter(|workload| fixes || !workload.is_fragment()) {
            let found: Vec<(Container<'_>, String)> = cx
                .inventory
                .own_containers(workload)
                .filter(|container| container.role == Role::Init)
                .filter_map(|container| Some((container, needs_network(container)?)))
                .filter(|(container, _)| !is_proxy_user(cx, workload, *container))
                .collect();
            if found.is_empty() || is_settled(cx, workload) {
                continue;
            }
            let Some(level) = cx.inventory.plain_sidecar_level(workload) else { continue };
            for (container, word) in found {
                if fixes {
                    findings.push(of_container(workload, container, &word).level(level));
                } else {
                    worst = worst.max(level);
                    together.push((workload, container.field.get("name").unwrap_or(container.field)));
                }
            }
        }
        findings.extend(of_all(cx, &together, worst));
    }
}

fn is_settled(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    OWN_REDIRECTION.iter().any(|name| cx.inventory.pod_annotation(workload, name).is_some())
        || cx.inventory.is_ignored(workload, InitNetwork::META.name)
        || !cx.inventory.may_get_sidecar(workload)
}

/// True where the container runs as the proxy's user by itself, by its pod or by a patch.
fn is_proxy_user(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>) -> bool {
    let user = |field: Field<'_>| field.at(&["securityContext", "runAsUser"]).and_then(|user| user.as_i64());
    let parts = cx.inventory.whole(workload);
    let mut same = parts.iter().flat_map(|part| part.containers()).filter(|other| other.name() == container.name());
    let own = same.find_map(|other| user(other.field));
    own.or_else(|| parts.iter().find_map(|part| user(part.pod))) == Some(PROXY)
}

/// The word that shows that a container needs the network.
fn needs_network(container: Container<'_>) -> Option<String> {
    let image = container.image_name().to_ascii_lowercase();
    let in_image = IMAGE_WORDS.iter().find(|word| has_word(&image, word));
    let texts = container.command().chain(container.args()).filter_map(|word| word.text());
    let in_text = || texts.into_iter().find_map(network_word);
    in_image.map(|_| container.image_name().to_owned()).or_else(in_text)
}

/// The first word of a command line or script that needs the network.
fn network_word(text: &str) -> Option<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words: Vec<&str> = code
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')))
        .filter(|word| !word.is_empty())
        .collect();
    let fetches = |pair: &&[&str]| pair[0] == "git" && matches!(pair[1], "clone" | "fetch" | "pull");
    let is_program = |word: &&&str| PROGRAMS.contains(*word) || word.starts_with("wait-for") || **word == "wait_for";
    let git = || words.windows(2).find(fetches).map(|pair| pair.join(" "));
    words.iter().find(is_program).map(|word| (*word).to_owned()).or_else(git)
}

/// True when `name` has the word between dashes, dots or its ends.
fn has_word(name: &str, word: &str) -> bool {
    let is_end = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    name.match_indices(word)
        .any(|(at, _)| is_end(name[..at].chars().next_back()) && is_end(name[at + word.len()..].chars().next()))
}

fn of_all(cx: &Context<'_>, places: &[(Workload<'_>, Field<'_>)], level: Level) -> Option<Finding> {
    let unless = if level == Level::Warning { "" } else { "unless sidecars are native, " };
    let message = match places.len() {
        1 => format!("{unless}this init container needs the network before its proxy runs"),
        more => format!("{unless}{more} init containers need the network before their proxies run"),
    };
    let help = match cx.options.init_network.cni {
        Some(false) => "they send plain text, which targets with strict mutual TLS refuse; native sidecars run first",
        _ => {
            "with Istio's CNI plugin their connections hang, without it they send plain text; native sidecars run first, \
             and with the plugin user 1337 passes the proxy by (`rules.init-network.cni: true` writes it)"
        }
    };
    let finding = Finding::for_all(&InitNetwork::META, places, message)?.level(level).help(help);
    let plugin = cx.options.init_network.cni != Some(false);
    Some(if plugin { finding.snippet(format!("securityContext:\n  runAsUser: {PROXY}")) } else { finding })
}

fn of_container(workload: Workload<'_>, container: Container<'_>, word: &str) -> Finding {
    let name = container.name();
    let place = container.field.get("name").unwrap_or(container.field);
    let message = format!("init container `{name}` needs the network before its proxy runs (`{word}`)");
    let finding = Finding::new(&InitNetwork::META, workload, place, message)
        .help("Istio's CNI plugin sends its traffic to a proxy that does not run yet; user 1337 passes the proxy by");
    let context = container.field.get("securityContext");
    let set = |key: &str| context.and_then(|context| context.get(key));
    let privileged = set("privileged").is_some_and(|field| field.is_true());
    if privileged || set("runAsUser").is_some() {
        let help = if privileged { "it is privileged" } else { "it has a user of its own" };
        return finding
            .help(format!(
                "Istio's CNI plugin sends its traffic to a proxy that does not run yet; {help}, so choose: user 1337, \
             or the annotation with the ports that it needs, which then bypass the proxy for the whole pod"
            ))
            .snippet("traffic.sidecar.istio.io/excludeOutboundPorts: \"<ports>\"");
    }
    let mut change = Change::default();
    change.insert(container.field, &["securityContext", "runAsUser"], PROXY, &[]);
    let title = format!("run it as user {PROXY}");
    let consequence =
        "it no longer runs as its image's user: files that it writes belong to 1337, and it sends plain text";
    finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_whole_words() {
        assert_eq!(network_word("until nc -z db 5432; do sleep 1; done").as_deref(), Some("nc"));
        assert_eq!(network_word("python manage.py migrate").as_deref(), Some("migrate"));
        assert_eq!(network_word("rake db:migrate").as_deref(), Some("migrate"));
        assert_eq!(network_word("./wait-for-it.sh db:5432").as_deref(), Some("wait-for-it.sh"));
        assert_eq!(network_word("git clone https://git.quince.example/x").as_deref(), Some("git clone"));
        assert_eq!(network_word("chmod -R 0777 /data/nc-files"), None);
        assert_eq!(network_word("# curl is not here\nchown app /data"), None);
        assert!(has_word("db-migrate", "migrate") && has_word("flyway", "flyway"));
        assert!(!has_word("curly", "curl"));
    }
}
