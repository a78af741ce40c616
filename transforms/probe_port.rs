use crate::manifest::{Container, Field, Probe, Workload};
use crate::rule::{Context, Finding, Level, Meta, Transform};
use crate::transform;

transform! {
    /// Flags probes and hooks that ask a port by a name that their container does not have.
    ///
    /// ## Why
    /// A probe's port name is looked up in the ports of its own container only. The kubelet can't find another one, so
    /// the probe fails for ever. In the mesh it is worse to see: the injector sends every probe through the proxy's
    /// agent, which does not know the name either and answers with an error of its own.
    ///
    /// ## Fix
    /// None: whether the probe or the port has the wrong name is not written anywhere. The finding says which container
    /// has the name, and shows what could be meant.
    ///
    /// ## Safety
    /// Reports only. Numbers are never reported, because a container listens on ports that it does not declare. A
    /// kustomize patch is read together with what it patches.
    ProbePort, "probe-port", "probes must ask a port that their container names",
    level: Level::Warning, after: &[], istio: None, safety: None,
    example: include_str!("../testdata/probe-port/defined-elsewhere/findings.txt"),
}

impl Transform for ProbePort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            for container in cx.inventory.own_containers(workload) {
                for probe in container.probes().chain(container.hooks()) {
                    let port = probe.port().and_then(|port| Some((port, port.as_str()?)));
                    let Some((port, name)) = port.filter(|(_, name)| !name.is_empty()) else { continue };
                    if !may_have(cx, workload, container, name) && cx.inventory.is_checked(workload) {
                        findings.push(finding(cx, workload, container, probe, port, name));
                    }
                }
            }
        }
    }
}

/// True when the container has a port of this name, in the manifest or perhaps by a patch that can't be read.
fn may_have(cx: &Context<'_>, workload: Workload<'_>, container: Container<'_>, name: &str) -> bool {
    let whole = cx.inventory.whole(workload);
    let is_alone = workload.is_fragment() && whole.len() < 2;
    let mut parts = whole.iter().flat_map(|part| part.containers()).filter(|part| part.name() == container.name());
    let has = |part: Container<'_>| part.ports().any(|port| port.text_at(&["name"]) == name);
    is_alone || has(container) || parts.any(has) || cx.inventory.may_be_patched_unseen(workload, &["ports"])
}

fn finding(
    cx: &Context<'_>,
    workload: Workload<'_>,
    container: Container<'_>,
    probe: Probe<'_>,
    port: Field<'_>,
    name: &str,
) -> Finding {
    let (what, owner) = (probe.name, container.name());
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`{what}` of container `{owner}` asks the port `\"{name}\"`: in quotes it is a name");
        return Finding::new(&ProbePort::META, workload, port, message)
            .help("the API server refuses a name without letters; write the number without quotes")
            .snippet(format!("port: {name}"));
    }
    let message =
        format!("`{what}` of container `{owner}` asks the port `{name}`, and none of its ports has that name");
    let mut finding = Finding::new(&ProbePort::META, workload, port, message);
    let others = cx.inventory.whole(workload);
    let mut elsewhere = others.iter().flat_map(|part| part.containers()).filter(|other| other.name() != owner);
    let found = elsewhere.find_map(|other| {
        let port = other.ports().find(|port| port.text_at(&["name"]) == name)?;
        Some((other, port, port.text_at(&["containerPort"])))
    });
    if let Some((other, port, number)) = found {
        finding = finding.related(port, format!("container `{}` has the port `{name}`", other.name()));
        let help = "a probe finds only the names of its own container, so it never succeeds, and the mesh's agent answers it with an error; to ask the other container's port, write its number";
        return finding.help(help).snippet(format!("port: {number}"));
    }
    let help = "the probe can't find its port and never succeeds, and the mesh's agent answers it with an error";
    let ports: Vec<Field<'_>> = container.ports().collect();
    let names: Vec<&str> = ports.iter().map(|port| port.text_at(&["name"])).filter(|name| !name.is_empty()).collect();
    match (ports.as_slice(), names.as_slice()) {
        ([], _) => finding.help(format!(
            "{help}; the container declares no port: write the number, or declare the port with this name"
        )),
        ([only], []) => {
            let number = only.text_at(&["containerPort"]);
            let snippet = format!("ports:\n  - name: {name}\n    containerPort: {number}");
            finding
                .related(*only, "the container's only port has no name")
                .help(format!("{help}; give the port this name"))
                .snippet(snippet)
        }
        ([only], [have]) => finding.related(*only, format!("the container's only port is called `{have}`")).help(help),
        (_, names) => {
            let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let called = if list.is_empty() {
                "its ports have no names".to_owned()
            } else {
                format!("its ports are called {list}")
            };
            finding.help(format!("{help}; {called}"))
        }
    }
}
