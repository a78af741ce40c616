mod table;

use std::collections::BTreeSet;

use crate::manifest::{Field, Setting, Workload};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;
use table::{Evidence, REGISTRIES, Registry};

transform! {
    /// Flags programs that find each other by a registry of their own: Eureka, Nacos, Consul, ZooKeeper and others.
    ///
    /// ## Why
    /// A registry hands out addresses of pods. The mesh routes by the names of Services: for a call to a pod's address no
    /// VirtualService, no retry and no traffic split holds, and what a registry says of health competes with what
    /// Kubernetes says.
    ///
    /// ## Fix
    /// None: whether a program can call `http://service:port` instead is written in its code. The finding stands where
    /// the registry is named: a variable, a flag, or the line of a ConfigMap that the workload reads. It shows the
    /// variable that turns the client off, where there is one. A platform may import an existing registry into the
    /// mesh; new applications do without.
    ///
    /// ## Safety
    /// Reports only. A registry that only gives configuration is advice. ZooKeeper beside Kafka and the like is no
    /// evidence, nor is a client that is turned off. Registries in Secrets and images are not seen.
    ExternalRegistry, "external-registry", "programs should find each other by Services, not by a registry of their own",
    level: Level::Warning, after: &[], istio: None, safety: None,
    example: include_str!("../../testdata/external-registry/environment/findings.txt"),
}

impl Transform for ExternalRegistry {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let mut seen = BTreeSet::new();
        for workload in cx.inventory.workloads() {
            let servers = servers(cx, workload);
            let settings = cx.inventory.settings_of(workload);
            let clients: Vec<_> = REGISTRIES.iter().filter_map(|registry| client(registry, &settings)).collect();
            if servers.is_empty() && clients.is_empty() || !cx.inventory.is_checked(workload) {
                continue;
            }
            for (registry, evidence, setting) in clients {
                let is_server = servers.iter().any(|(server, _)| *server == registry.name);
                // A ConfigMap of several workloads is one place to change.
                if !is_server && seen.insert((registry.name, setting.at, setting.range.start)) {
                    let at = cx.inventory.field(setting.at);
                    findings.extend(at.map(|at| client_finding(cx, workload, registry, evidence, setting, at)));
                }
            }
            findings.extend(servers.into_iter().map(|(_, finding)| finding));
        }
    }
}

/// The best evidence that a program uses a registry, unless its client is turned off.
fn client<'r, 's>(registry: &'r Registry, settings: &'s [Setting]) -> Option<(&'r Registry, Evidence, &'s Setting)> {
    let shown = settings.iter().filter_map(|setting| Some((registry.evidence(setting)?, setting)));
    let (evidence, setting) = shown.min_by_key(|(evidence, _)| *evidence)?;
    let off = settings.iter().any(|setting| registry.is_turned_off(setting));
    (!off || evidence == Evidence::Configuration).then_some((registry, evidence, setting))
}

fn client_finding(
    cx: &Context<'_>,
    workload: Workload<'_>,
    registry: &Registry,
    evidence: Evidence,
    setting: &Setting,
    at: Field<'_>,
) -> Finding {
    let what = match (setting.name.as_str(), setting.value.as_str()) {
        ("", value) => format!("`{}`", shown(value)),
        (name, "") => format!("`{name}`"),
        (name, value) => format!("`{name}` = `{}`", shown(value)),
    };
    let (verb, registry_name) = match evidence {
        Evidence::Discovery => ("finds its peers by", registry.name),
        Evidence::Configuration => ("gets its configuration from", registry.name),
    };
    let message = format!("`{}` {verb} {registry_name}: {what}", workload.resource.name.name);
    let mut finding = match setting.config_map {
        Some(config_map) => {
            let reader = workload.root.at(&["metadata", "name"]).unwrap_or(workload.root);
            Finding::of(&ExternalRegistry::META, cx.inventory, config_map, at, message)
                .related(reader, "the workload that reads it")
        }
        None => Finding::new(&ExternalRegistry::META, workload, at, message),
    };
    finding.at = at.loc_of(setting.range.clone());
    if evidence == Evidence::Configuration {
        let help = "configuration may stay there; only calls to addresses from a registry bypass the mesh's routing";
        return finding.level(Level::Info).help(help);
    }
    let help = "calls go to addresses of pods, past the mesh's routing, retries and traffic splits; call Services by name (`http://service:port`), or import the registry into the mesh until then";
    match registry.switch.filter(|_| registry.is_spring_client(setting)) {
        Some(switch) => finding
            .help(format!("{help}; this turns the client of Spring Cloud off"))
            .snippet(format!("env:\n  - name: {switch}\n    value: \"false\"")),
        None => finding.help(help),
    }
}

/// A value for a message: the names and passwords that people write into URLs are left out.
fn shown(value: &str) -> String {
    let value = value.split('?').next().unwrap_or_default();
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => value.to_owned(),
    }
}

/// The registries that the pod runs itself.
fn servers(cx: &Context<'_>, workload: Workload<'_>) -> Vec<(&'static str, Finding)> {
    let containers = || cx.inventory.own_containers(workload);
    let server = |registry: &Registry| {
        let container = containers().find(|container| registry.runs_in(*container))?;
        let message = format!(
            "container `{}` runs {}, a registry of its own beside Kubernetes'",
            container.name(),
            registry.name
        );
        let at = container.field.get("image").unwrap_or(container.field);
        let finding = Finding::new(&ExternalRegistry::META, workload, at, message).help(
            "what it hands out are addresses of pods, which the mesh does not route; it can go when its clients call Services by name",
        );
        Some((registry.name, finding))
    };
    REGISTRIES.iter().filter_map(server).collect()
}
