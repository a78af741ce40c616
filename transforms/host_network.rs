use crate::manifest::{Field, Membership, Off, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags pods that run in the node's network.
    ///
    /// ## Why
    /// Such a pod has no network namespace of its own. Istio does not inject a sidecar into it (its
    /// iptables rules would catch the node's own traffic) and ambient mode skips it too. The workload
    /// stays outside the mesh: plain text, no policy, and peers with strict mutual TLS refuse it.
    ///
    /// ## Fix
    /// Removes `hostNetwork`, and turns `dnsPolicy: ClusterFirstWithHostNet` into `ClusterFirst` with it.
    /// A `hostPort` stays: it still publishes the port on the node.
    ///
    /// ## Safety
    /// Unsafe: the pod is no longer reachable at the node's address, its source address changes, and
    /// NetworkPolicies start to apply. Node agents that need the node's network (network plugins, node
    /// exporters, privileged pods, pods with `hostPID` or with the node's own folders mounted) are
    /// reported as advice and keep it.
    HostNetwork, "host-network", "pods must not run in the node's network",
    level: Level::Error, after: &[], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/host-network/deployment-with-dns/fix.diff"),
}

impl Transform for HostNetwork {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let Some(field) = workload.pod.get("hostNetwork").filter(|field| field.is_true()) else { continue };
            let membership = cx.inventory.membership_but_for_host_network(workload);
            let left = matches!(membership, Membership::Off(Off::OptOut | Off::Windows));
            if cx.inventory.owner(workload).is_some() || left {
                continue;
            }
            let finding = Finding::new(&Self::META, workload, field, "pod runs in the node's network");
            findings.push(match must_stay(cx, workload, membership) {
                Some(reason) => opt_out(cx, workload, finding, &reason),
                None => removal(cx, workload, field, finding),
            });
        }
    }
}

/// A node agent keeps the node's network; its label says that it is meant to be outside the mesh.
fn opt_out(cx: &Context<'_>, workload: Workload<'_>, finding: Finding, reason: &str) -> Finding {
    let help = format!("{reason}, so it keeps the node's network and stays outside the mesh; say so with the label");
    let finding = finding.level(Level::Info).help(help);
    if !cx.options.host_network.explicit_opt_out {
        return finding.snippet("labels:\n  sidecar.istio.io/inject: \"false\"");
    }
    let mut change = Change::default();
    change.insert(workload.template, &["metadata", "labels", "sidecar.istio.io/inject"], "false", &[]);
    let title = "add the label `sidecar.istio.io/inject: \"false\"` to the pods".to_owned();
    // Without a selector of its own a ReplicationController selects by its pods' labels.
    let selects =
        workload.resource.name.kind == "ReplicationController" && workload.root.at(&["spec", "selector"]).is_none();
    let (safety, consequence) = if selects {
        (Safety::Unsafe, "its selector is its pods' labels, and changes with them")
    } else {
        (Safety::Safe, "")
    };
    finding.fix(workload, Fix { title, safety, consequence: consequence.to_owned(), change })
}

fn removal(cx: &Context<'_>, workload: Workload<'_>, field: Field<'_>, finding: Finding) -> Finding {
    let mut change = Change::default();
    // A JSON Patch may name the field, and fails where it is gone.
    let keep = !workload.is_fragment() && cx.inventory.may_be_patched_unseen(workload, &["hostNetwork"]);
    if keep {
        change.set(field, false);
    } else {
        change.remove(field);
    }
    let mut title = if keep { "set `hostNetwork: false`" } else { "remove `hostNetwork`" }.to_owned();
    let policy = workload.pod.get("dnsPolicy").filter(|policy| policy.as_str() == Some("ClusterFirstWithHostNet"));
    if let Some(policy) = policy {
        change.set(policy, "ClusterFirst");
        title.push_str(" and set `dnsPolicy: ClusterFirst`");
    }
    let mut finding = finding
        .help("Istio does not inject a sidecar into pods in the node's network, and their traffic bypasses the mesh");
    for container in workload.containers() {
        for port in container.field.get("ports").into_iter().flat_map(Field::items) {
            let Some(host_port) = port.get("hostPort") else { continue };
            let same = host_port.as_i64() == port.get("containerPort").and_then(|number| number.as_i64());
            if cx.options.host_network.drop_host_ports && same && !keep {
                change.remove(host_port);
            } else {
                finding = finding.related(
                    host_port,
                    format!(
                        "`hostPort: {}` stays published on the node, outside the mesh",
                        host_port.text().unwrap_or_default()
                    ),
                );
            }
        }
        for variable in container.field.get("env").into_iter().flat_map(Field::items) {
            let source = variable.at(&["valueFrom", "fieldRef", "fieldPath"]);
            if let Some(source) = source.filter(|source| source.text() == Some("status.hostIP")) {
                let name = variable.text_at(&["name"]);
                finding = finding
                    .related(source, format!("`{name}` is the node's address, which is no longer the pod's own"));
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for action in ["httpGet", "tcpSocket"] {
                if let Some(host) = container.field.at(&[probe, action, "host"]) {
                    finding = finding.related(host, "this probe names a host; without it the kubelet asks the pod");
                }
            }
        }
    }
    let consequence = "the pod is no longer reachable at its node's address, its source address changes, and NetworkPolicies start to apply";
    finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}

/// Why a pod needs the node's network, if it does.
fn must_stay(cx: &Context<'_>, workload: Workload<'_>, membership: Membership) -> Option<String> {
    let ignored = || {
        (membership == Membership::Off(Off::Namespace)).then(|| "its namespace is one that Istio ignores".to_owned())
    };
    cx.inventory.needs_its_node(workload).or_else(ignored)
}
