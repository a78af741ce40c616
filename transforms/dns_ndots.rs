use super::dns_policy::SEARCH_LIST;
use crate::config::Profile;
use crate::manifest::{Field, Membership, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags pods whose resolver has another `ndots` than 5.
    ///
    /// ## Why
    /// With fewer dots a name such as `istiod.istio-system.svc` is asked for as it stands first, outside
    /// the cluster. The specification asks for 5, which is the default of Kubernetes: a pod
    /// without the option complies. Istio itself has no such requirement (profile `istio`: advice only).
    ///
    /// ## Fix
    /// Sets the value of each `ndots` option to `"5"`; other options stay.
    ///
    /// ## Safety
    /// Unsafe: names resolve through the search list, and people set 1 or 2 on purpose, to spare
    /// queries. Quoting an unquoted 5 is safe: the API server takes only strings there.
    DnsNdots, "dns-ndots", "the resolver option `ndots` must be 5",
    level: Level::Error, after: &["host-network", "dns-policy"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../testdata/dns-ndots/lower-value/fix.diff"),
}

/// Field order of a resolver option in the Kubernetes API.
const OPTION_FIELDS: &[&str] = &["name", "value"];

impl Transform for DnsNdots {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let options = workload.pod.at(&["dnsConfig", "options"]).into_iter().flat_map(Field::items);
            let wanted = cx.options.dns_ndots.value.as_str();
            let wrong: Vec<Field<'_>> = options
                .filter(|option| option.text_at(&["name"]) == "ndots")
                .filter(|option| option.get("value").and_then(|value| value.as_str()) != Some(wanted))
                .collect();
            let first = wrong.first();
            if first.is_none() && !is_to_be_written_out(cx, workload) {
                continue;
            }
            let outside = matches!(cx.inventory.membership(workload), Membership::Off(_));
            let exempt = cx.inventory.owner(workload).is_some() || cx.inventory.is_dns_server(workload);
            if !outside && !exempt {
                findings.push(match first {
                    Some(first) => finding(cx, workload, *first, &wrong),
                    None => written_out(workload, wanted),
                });
            }
        }
    }
}

/// With `explicit` a pod that relies on Kubernetes' defaults gets them written out; a part is no whole pod, and
/// with another policy than ClusterFirst there is no such default.
fn is_to_be_written_out(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    let policy = workload.pod.get("dnsPolicy").filter(|policy| !policy.is_null());
    let default = policy.is_none_or(|policy| policy.as_str() == Some("ClusterFirst"));
    let complete = policy.is_some() && has_ndots(workload);
    cx.options.dns_ndots.explicit && default && !complete && !workload.is_fragment()
}

fn has_ndots(workload: Workload<'_>) -> bool {
    let mut options = workload.pod.at(&["dnsConfig", "options"]).into_iter().flat_map(Field::items);
    options.any(|option| option.text_at(&["name"]) == "ndots")
}

fn written_out(workload: Workload<'_>, wanted: &str) -> Finding {
    let mut change = Change::default();
    let mut written = Vec::new();
    if workload.pod.get("dnsPolicy").is_none_or(|policy| policy.is_null()) {
        change.insert(workload.pod, &["dnsPolicy"], "ClusterFirst", &[]);
        written.push("`dnsPolicy: ClusterFirst`".to_owned());
    }
    if !has_ndots(workload) {
        change.push(workload.pod, &["dnsConfig", "options"], serde_json::json!({"name": "ndots", "value": wanted}));
        written.push(format!("`ndots` \"{wanted}\""));
    }
    let title = format!("write out {}", written.join(" and "));
    Finding::new(&DnsNdots::META, workload, workload.pod, "pod relies on the default `dnsPolicy` and `ndots`")
        .level(Level::Info)
        .help("the configuration asks to have them written out (`rules.dns-ndots.explicit`)")
        .fix(workload, Fix { title, safety: Safety::Safe, consequence: String::new(), change })
}

fn finding(cx: &Context<'_>, workload: Workload<'_>, first: Field<'_>, wrong: &[Field<'_>]) -> Finding {
    let wanted = cx.options.dns_ndots.value.as_str();
    let at = first.get("value").unwrap_or(first);
    let only_quotes = wrong.iter().all(|option| option.get("value").is_some_and(|value| value.text() == Some(wanted)));
    let mut change = Change::default();
    for option in wrong {
        match option.get("value") {
            Some(value) => change.set(value, wanted),
            None => change.insert(*option, &["value"], wanted, OPTION_FIELDS),
        }
    }
    let have = first.text_at(&["value"]);
    let message = match have {
        "" => "the resolver option `ndots` has no value".to_owned(),
        have if only_quotes => format!("`ndots` is the number {have}, and the API server takes only a string"),
        have => format!("`ndots` is {have}, the mesh needs {wanted}"),
    };
    let mut finding = Finding::new(&DnsNdots::META, workload, at, message).help(
        "the sidecar finds the control plane and Services by names with fewer than five dots, through the search list",
    );
    for option in &wrong[1..] {
        finding = finding
            .related(option.get("value").unwrap_or(*option), "`ndots` stands here once more; the last one counts");
    }
    if cx.options.profile == Profile::Istio && !only_quotes {
        return finding.level(Level::Info);
    }
    let (title, safety, consequence) = if only_quotes && cx.inventory.may_be_patched(workload, &["dnsConfig"]) {
        (format!("quote {wanted}"), Safety::Unsafe, "a kustomize patch may set it too")
    } else if only_quotes {
        (format!("quote {wanted}"), Safety::Safe, "")
    } else {
        (format!("set `ndots` to \"{wanted}\""), Safety::Unsafe, SEARCH_LIST)
    };
    finding.fix(workload, Fix { title, safety, consequence: consequence.to_owned(), change })
}
