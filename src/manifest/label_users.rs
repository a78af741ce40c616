//! Everything in the input that looks at the labels of pods, and what would come to match if they changed.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::field::{Field, NodeId};
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::selector::{Selector, Watch};
use super::workload::Workload;

/// Istio's root namespace: a policy there holds for every namespace.
const ROOT_NAMESPACE: &str = "istio-system";

/// Istio's kinds that select pods by their labels, with the path of the plain map of labels.
const ISTIO: &[(&str, &str, &[&str])] = &[
    ("networking.istio.io", "DestinationRule", &["spec", "workloadSelector", "matchLabels"]),
    ("networking.istio.io", "EnvoyFilter", &["spec", "workloadSelector", "labels"]),
    ("networking.istio.io", "Gateway", &["spec", "selector"]),
    ("networking.istio.io", "ProxyConfig", &["spec", "selector", "matchLabels"]),
    ("networking.istio.io", "ServiceEntry", &["spec", "workloadSelector", "labels"]),
    ("networking.istio.io", "Sidecar", &["spec", "workloadSelector", "labels"]),
    ("security.istio.io", "AuthorizationPolicy", &["spec", "selector", "matchLabels"]),
    ("security.istio.io", "PeerAuthentication", &["spec", "selector", "matchLabels"]),
    ("security.istio.io", "RequestAuthentication", &["spec", "selector", "matchLabels"]),
    ("telemetry.istio.io", "Telemetry", &["spec", "selector", "matchLabels"]),
    ("extensions.istio.io", "WasmPlugin", &["spec", "selector", "matchLabels"]),
];

/// Kinds of other groups with a `LabelSelector` for pods.
const SELECTING: &[(&str, &str, &[&str])] = &[
    ("policy", "PodDisruptionBudget", &["spec", "selector"]),
    ("monitoring.coreos.com", "PodMonitor", &["spec", "selector"]),
    ("operator.victoriametrics.com", "VMPodScrape", &["spec", "selector"]),
    ("cilium.io", "CiliumNetworkPolicy", &["spec", "endpointSelector"]),
    ("cilium.io", "CiliumClusterwideNetworkPolicy", &["spec", "endpointSelector"]),
];

/// A selector that looks at the labels of pods.
#[derive(Debug, Clone, Copy)]
pub struct LabelUser<'a> {
    /// The resource that holds it.
    pub id: ResourceId,
    /// Where it stands.
    pub field: Field<'a>,
    /// What the resource does with the pods that it selects.
    pub use_of: LabelUse,
}

/// What a selector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelUse {
    /// A Service sends traffic to the pods.
    Service,
    /// A workload counts the pods as its own.
    Workload,
    /// A policy, budget or monitor holds for the pods.
    Subject,
    /// A NetworkPolicy lets the pods in or out.
    Peer,
    /// The scheduler places pods near or far from them.
    Scheduling,
    /// A DestinationRule counts the pods to a subset of its host.
    Subset,
}

impl LabelUse {
    /// What happens to pods that come to match, as the end of a sentence.
    pub fn effect(self) -> &'static str {
        match self {
            LabelUse::Service => "would send traffic to these pods",
            LabelUse::Workload => "would count these pods as its own",
            LabelUse::Subject => "would apply to these pods",
            LabelUse::Peer => "would let these pods through",
            LabelUse::Scheduling => "would schedule by these pods",
            LabelUse::Subset => "would count these pods to a subset",
        }
    }
}

/// How a selector is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A plain map of labels.
    Map,
    /// A `LabelSelector`.
    Labels,
    /// One of both, as workloads have it.
    Workload,
}

/// A label user as it is kept: by places, so that the inventory borrows nothing from itself.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: ResourceId,
    field: NodeId,
    use_of: LabelUse,
    form: Form,
    /// True when it reaches pods of other namespaces.
    reaches_others: bool,
}

/// All label users, by what they watch; made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct LabelUsers {
    all: Vec<Entry>,
    by_value: HashMap<(String, String), Vec<u32>>,
    by_presence: HashMap<String, Vec<u32>>,
    /// The labels of subsets, by the first part of their host's name.
    subsets: HashMap<String, Vec<NodeId>>,
}

impl<'a> Inventory<'a> {
    /// The selectors that would come to match the workload's pods, or cease to, if they had these labels too.
    pub fn affected_by_labels(&self, workload: Workload<'_>, labels: &[(&str, &str)]) -> Vec<LabelUser<'a>> {
        let old = |key: &str| self.pod_label(workload, key);
        let new =
            |key: &str| labels.iter().find(|(have, _)| *have == key).map(|(_, value)| *value).or_else(|| old(key));
        let watched = labels.iter().flat_map(|(key, value)| [(*key, Some(*value)), (*key, old(key))]);
        self.users(workload, watched, |selector| selector.matches(old) != selector.matches(new))
    }

    /// The selectors that ask something of this label and match the workload's pods.
    pub fn users_of_label(&self, workload: Workload<'_>, key: &str) -> Vec<LabelUser<'a>> {
        let watched = [(key, self.pod_label(workload, key))];
        self.users(workload, watched, |selector| selector.matches(|key| self.pod_label(workload, key)))
    }

    /// The users that watch one of these labels, reach the workload's pods, and are meant.
    fn users<'w>(
        &self,
        workload: Workload<'_>,
        watched: impl IntoIterator<Item = (&'w str, Option<&'w str>)>,
        is_meant: impl Fn(&Selector<'_>) -> bool,
    ) -> Vec<LabelUser<'a>> {
        let users = self.label_users();
        let mut places: BTreeSet<u32> = BTreeSet::new();
        for (key, value) in watched {
            let by_value = value.and_then(|value| users.by_value.get(&(key.to_owned(), value.to_owned())));
            places.extend(by_value.into_iter().chain(users.by_presence.get(key)).flatten());
        }
        let user = |place: u32| {
            let entry = users.all.get(place as usize)?;
            let field = self.field(entry.field)?;
            let reached = entry.reaches_others || self.share_a_namespace(entry.id, workload.id);
            let hosted = entry.use_of != LabelUse::Subset || self.is_subset_of(entry.id, workload);
            let meant = reached && is_meant(&entry.form.read(field)) && hosted;
            meant.then_some(LabelUser { id: entry.id, field, use_of: entry.use_of })
        };
        places.into_iter().filter_map(user).collect()
    }

    /// The values of `version` in the subsets of the Service's host that ask for nothing else that the workload's
    /// pods do not have.
    pub fn subset_versions(&self, service: ResourceId, workload: Workload<'_>) -> Vec<&'a str> {
        let subsets = self.label_users().subsets.get(&self.resource(service).name.name);
        let labels = subsets.into_iter().flatten().filter_map(|id| self.field(*id));
        let has = |(key, value): (Cow<'_, str>, Field<'_>)| {
            key == "version" || self.pod_label(workload, &key) == value.text()
        };
        let fitting = labels.filter(|labels| labels.entries().all(has));
        let mut versions: Vec<&str> = fitting.filter_map(|labels| labels.get("version")?.text()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// True when a DestinationRule's host is a Service of the workload.
    fn is_subset_of(&self, rule: ResourceId, workload: Workload<'_>) -> bool {
        let host = self.root(rule).map_or("", |root| root.text_at(&["spec", "host"]));
        let name = host.split('.').next().unwrap_or_default();
        name == "*" || self.services_of(workload).possible.iter().any(|id| self.resource(*id).name.name == name)
    }

    fn label_users(&self) -> &LabelUsers {
        self.label_users_cell().get_or_init(|| {
            let mut users = LabelUsers::default();
            self.add_services(&mut users);
            self.add_network_policies(&mut users);
            for (group, kind, path) in SELECTING {
                self.add_selecting(&mut users, group, kind, path);
            }
            for (group, kind, path) in ISTIO {
                self.add_istio(&mut users, group, kind, path);
            }
            self.add_subsets(&mut users);
            for workload in self.workloads() {
                if let Some(field) = workload.root.at(&["spec", "selector"]) {
                    users.add(workload.id, field, LabelUse::Workload, Form::Workload, false);
                }
                add_scheduling(&mut users, workload.id, workload.pod);
            }
            users
        })
    }

    fn add_services(&self, users: &mut LabelUsers) {
        for id in self.services() {
            let selector = self.root(id).and_then(|root| root.at(&["spec", "selector"]));
            if let Some(field) = selector {
                users.add(id, field, LabelUse::Service, Form::Map, false);
            }
        }
    }

    fn add_network_policies(&self, users: &mut LabelUsers) {
        let policies = ["networking.k8s.io", "extensions"].map(|group| self.of_kind(group, "NetworkPolicy"));
        for id in policies.into_iter().flatten() {
            let Some(spec) = self.root(id).and_then(|root| root.get("spec")) else { continue };
            if let Some(field) = spec.get("podSelector") {
                users.add(id, field, LabelUse::Subject, Form::Labels, false);
            }
            for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
                let rules = spec.get(rules).into_iter().flat_map(Field::items);
                for peer in rules.filter_map(|rule| rule.get(peers)).flat_map(Field::items) {
                    if let Some(field) = peer.get("podSelector") {
                        let others = peer.get("namespaceSelector").is_some();
                        users.add(id, field, LabelUse::Peer, Form::Labels, others);
                    }
                }
            }
        }
    }

    fn add_selecting(&self, users: &mut LabelUsers, group: &str, kind: &str, path: &[&str]) {
        for id in self.of_kind(group, kind) {
            let Some(root) = self.root(id) else { continue };
            if let Some(field) = root.at(path) {
                let others = root.at(&["spec", "namespaceSelector"]).is_some() || kind.contains("Clusterwide");
                users.add(id, field, LabelUse::Subject, Form::Labels, others);
            }
        }
    }

    fn add_istio(&self, users: &mut LabelUsers, group: &str, kind: &str, path: &[&str]) {
        for id in self.of_kind(group, kind) {
            let Some(field) = self.root(id).and_then(|root| root.at(path)) else { continue };
            let is_root = |namespace: Option<&str>| namespace == Some(ROOT_NAMESPACE);
            let in_root = self.placements(id).iter().any(|placement| is_root(placement.namespace.as_deref()));
            // A Gateway's pods may be in any namespace.
            users.add(id, field, LabelUse::Subject, Form::Map, in_root || kind == "Gateway");
        }
    }

    fn add_subsets(&self, users: &mut LabelUsers) {
        for id in self.of_kind("networking.istio.io", "DestinationRule") {
            let Some(spec) = self.root(id).and_then(|root| root.get("spec")) else { continue };
            for subset in spec.get("subsets").into_iter().flat_map(Field::items) {
                if let Some(field) = subset.get("labels") {
                    let host = spec.text_at(&["host"]).split('.').next().unwrap_or_default();
                    users.subsets.entry(host.to_owned()).or_default().push(field.id());
                    users.add(id, field, LabelUse::Subset, Form::Map, true);
                }
            }
        }
    }
}

impl Form {
    fn read(self, field: Field<'_>) -> Selector<'_> {
        match self {
            Form::Map => Selector::of_map(field),
            Form::Labels => Selector::of_labels(field),
            Form::Workload => Selector::of_workload(field),
        }
    }
}

impl LabelUsers {
    fn add(&mut self, id: ResourceId, field: Field<'_>, use_of: LabelUse, form: Form, reaches_others: bool) {
        let place = self.all.len() as u32;
        for watch in form.read(field).watches() {
            match watch {
                Watch::Value(key, value) => {
                    self.by_value.entry((key.to_owned(), value.to_owned())).or_default().push(place);
                }
                Watch::Presence(key) => self.by_presence.entry(key.to_owned()).or_default().push(place),
            }
        }
        self.all.push(Entry { id, field: field.id(), use_of, form, reaches_others });
    }
}

/// The affinity terms and spread constraints of a pod.
fn add_scheduling(users: &mut LabelUsers, id: ResourceId, pod: Field<'_>) {
    let mut add = |term: Field<'_>| {
        if let Some(field) = term.get("labelSelector") {
            let others = term.get("namespaces").is_some() || term.get("namespaceSelector").is_some();
            users.add(id, field, LabelUse::Scheduling, Form::Labels, others);
        }
    };
    for affinity in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = pod.at(&["affinity", affinity]) else { continue };
        let list = |key: &str| affinity.get(key).into_iter().flat_map(Field::items);
        list("requiredDuringSchedulingIgnoredDuringExecution").for_each(&mut add);
        list("preferredDuringSchedulingIgnoredDuringExecution")
            .filter_map(|term| term.get("podAffinityTerm"))
            .for_each(&mut add);
    }
    pod.get("topologySpreadConstraints").into_iter().flat_map(Field::items).for_each(add);
}

#[cfg(test)]
mod tests {
    use super::super::{Inventory, SourceFile};
    use crate::config::Options;

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {run: web}}\n  template:\n    metadata: {labels: {run: web}}\n    spec: {containers: []}\n---\n";

    /// The resources that `app: web` would come to concern.
    fn affected(other: &str) -> Vec<String> {
        let text = format!("{DEPLOYMENT}{other}");
        let files = [SourceFile::read("all.yaml".to_owned(), text.as_str().into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("a workload");
        let users = inventory.affected_by_labels(workload, &[("app", "web")]);
        users.iter().map(|user| inventory.resource(user.id).name.kind.clone()).collect()
    }

    fn resource(api: &str, kind: &str, namespace: &str, spec: &str) -> String {
        format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x, namespace: {namespace}}}\nspec: {spec}\n")
    }

    #[test]
    fn selectors_that_would_match_are_found() {
        let of = |api: &str, kind: &str, spec: &str| affected(&resource(api, kind, "shop", spec)).len();
        assert_eq!(of("v1", "Service", "{selector: {app: web}}"), 1);
        assert_eq!(of("v1", "Service", "{selector: {app: web, run: web}}"), 1);
        assert_eq!(of("v1", "Service", "{selector: {app: web, run: other}}"), 0);
        assert_eq!(of("v1", "Service", "{selector: {app: other}}"), 0);
        assert_eq!(of("policy/v1", "PodDisruptionBudget", "{selector: {matchLabels: {app: web}}}"), 1);
        let expression = "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}}";
        assert_eq!(of("networking.k8s.io/v1", "NetworkPolicy", expression), 1);
        assert_eq!(of("networking.k8s.io/v1", "NetworkPolicy", "{podSelector: {}}"), 0);
    }

    #[test]
    fn a_selector_that_would_cease_to_match_is_found_too() {
        let spec = "{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}";
        assert_eq!(affected(&resource("networking.k8s.io/v1", "NetworkPolicy", "shop", spec)), ["NetworkPolicy"]);
        let spec = "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}";
        assert_eq!(affected(&resource("networking.k8s.io/v1", "NetworkPolicy", "shop", spec)), ["NetworkPolicy"]);
    }

    #[test]
    fn other_namespaces_count_where_the_selector_reaches_them() {
        let monitor = |spec: &str| affected(&resource("monitoring.coreos.com/v1", "PodMonitor", "watch", spec)).len();
        assert_eq!(monitor("{selector: {matchLabels: {app: web}}}"), 0);
        assert_eq!(monitor("{selector: {matchLabels: {app: web}}, namespaceSelector: {any: true}}"), 1);
        let policy = |namespace: &str| {
            let spec = "{selector: {matchLabels: {app: web}}}";
            affected(&resource("security.istio.io/v1", "AuthorizationPolicy", namespace, spec)).len()
        };
        assert_eq!((policy("watch"), policy("istio-system"), policy("shop")), (0, 1, 1));
    }

    #[test]
    fn a_subset_counts_for_the_pods_of_its_host() {
        let service = resource("v1", "Service", "shop", "{selector: {run: web}}").replace("name: x", "name: web");
        let rule = |host: &str| {
            let spec = format!("{{host: {host}, subsets: [{{name: a, labels: {{app: web}}}}]}}");
            affected(&format!("{service}---\n{}", resource("networking.istio.io/v1", "DestinationRule", "shop", &spec)))
        };
        assert_eq!(rule("web.shop.svc.cluster.local"), ["DestinationRule"]);
        assert!(rule("other").is_empty());
    }
}
