use crate::manifest::{Field, Membership, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

/// What both DNS rules' fixes may do to names that a program looks up.
pub(super) const SEARCH_LIST: &str = "names with fewer than 5 dots are tried against the search list first and may resolve elsewhere; up to four times the DNS queries";

transform! {
    /// Flags pods that do not resolve names through the cluster's DNS.
    ///
    /// ## Why
    /// The sidecar finds the control plane and every Service by cluster names, through the pod's own
    /// resolver. With `dnsPolicy: Default` or `None` it may not find them; istiod logs a warning.
    ///
    /// ## Fix
    /// Sets `dnsPolicy: ClusterFirst`; the line stays, so that the intent is seen. `dnsConfig` stays:
    /// Kubernetes merges it with the cluster's servers.
    ///
    /// ## Safety
    /// Unsafe for `Default` and `None`, which somebody chose: names resolve through the search list then.
    /// Safe for a `ClusterFirstWithHostNet` that was left behind without `hostNetwork`: it means
    /// `ClusterFirst` there. DNS servers are never touched. An absent `dnsPolicy` is `ClusterFirst`.
    DnsPolicy, "dns-policy", "pods must use the cluster's DNS (`dnsPolicy: ClusterFirst`)",
    level: Level::Error, after: &["host-network"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../testdata/dns-policy/default-value/fix.diff"),
}

impl Transform for DnsPolicy {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let Some(field) = workload.pod.get("dnsPolicy") else { continue };
            let policy = match field.as_str() {
                Some(policy @ ("Default" | "None" | "ClusterFirstWithHostNet")) => policy,
                _ => continue,
            };
            let outside = matches!(cx.inventory.membership(workload), Membership::Off(_));
            if outside || cx.inventory.owner(workload).is_some() || cx.inventory.is_dns_server(workload) {
                continue;
            }
            findings.push(finding(cx, workload, field, policy));
        }
    }
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, field: Field<'_>, policy: &str) -> Finding {
    let finding = Finding::new(
        &DnsPolicy::META,
        workload,
        field,
        format!("`dnsPolicy: {policy}` keeps the pod from the cluster's DNS"),
    );
    if policy == "None" && is_node_local(workload) {
        return finding
            .level(Level::Info)
            .help("its resolver is the node-local DNS cache with the cluster's search list, which does the same as ClusterFirst");
    }
    let mut change = Change::default();
    change.set(field, "ClusterFirst");
    let title = "set `dnsPolicy: ClusterFirst`".to_owned();
    if policy == "ClusterFirstWithHostNet" {
        // Without hostNetwork the kubelet treats it as ClusterFirst.
        let left_over = "`dnsPolicy: ClusterFirstWithHostNet` without `hostNetwork`".to_owned();
        let undecided = workload.pod.get("hostNetwork").filter(|field| !field.is_null() && field.as_bool().is_none());
        let reason = match undecided {
            Some(field) => Some(format!("`hostNetwork: {}` is not decided here", field.text().unwrap_or_default())),
            None if cx.inventory.may_be_patched(workload, &["hostNetwork"]) => Some(
                "a patch, or what this patches, may bring `hostNetwork`, and then the policy is right; look at the whole pod".to_owned(),
            ),
            None => None,
        };
        if reason.is_some() {
            return Finding { message: left_over, refusal: reason, ..finding }.level(Level::Info);
        }
        let patched = cx.inventory.may_be_patched(workload, &["dnsPolicy"]);
        let safety = if patched { Safety::Unsafe } else { Safety::Safe };
        let consequence = if patched { "a kustomize patch sets the policy too" } else { "" };
        return Finding { message: left_over, ..finding }
            .help(
                "it is meant for pods in the node's network; without that it means ClusterFirst, which says so plainly",
            )
            .fix(workload, Fix { title, safety, consequence: consequence.to_owned(), change });
    }
    let mut consequence = SEARCH_LIST.to_owned();
    let servers = workload.pod.at(&["dnsConfig", "nameservers"]).map_or(0, |servers| servers.items().count());
    if policy == "None" && servers > 2 {
        consequence.push_str(&format!(
            "; with the cluster's server the pod has {} name servers, and a resolver uses 3",
            servers + 1
        ));
    }
    let finding = if cx.inventory.membership(workload) == Membership::Ambient {
        let help = "ambient's DNS capture resolves cluster names through the pod's own resolver";
        return finding
            .level(Level::Warning)
            .help(help)
            .fix(workload, Fix { title, safety: Safety::Unsafe, consequence, change });
    } else {
        finding
    };
    finding
        .help("the sidecar resolves the control plane and every Service through the pod's own resolver")
        .fix(workload, Fix { title, safety: Safety::Unsafe, consequence, change })
}

/// `None` with the node-local cache's link-local server and the cluster's search list is ClusterFirst by hand.
fn is_node_local(workload: Workload<'_>) -> bool {
    let list = |key: &str| {
        workload.pod.at(&["dnsConfig", key]).into_iter().flat_map(Field::items).filter_map(|item| item.text())
    };
    let mut servers = list("nameservers").peekable();
    servers.peek().is_some()
        && servers.all(|server| server.starts_with("169.254."))
        && list("searches").any(|search| search == "svc.cluster.local" || search.ends_with(".svc.cluster.local"))
}
