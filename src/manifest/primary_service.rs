//! The Service that a workload is known by in the mesh, where several select its pods.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;
use crate::text::FileId;

/// A workload's own Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primary {
    /// This one.
    One {
        /// The Service.
        service: ResourceId,
        /// False where a Service that is less near may belong to the pods as well, and where only the number of its
        /// ports speaks for this one.
        is_certain: bool,
    },
    /// Several, and nothing says which.
    Ambiguous(Vec<ResourceId>),
    /// The only Services there are select pods of several applications.
    Shared(Vec<ResourceId>),
    /// Services select the pods, but each is nearer to another copy of the workload, or the workload to another
    /// copy of the Service.
    NotCertain(Vec<ResourceId>),
    /// None in the input.
    None,
}

/// The annotation of a pod template that names its Service.
const CHOICE: &str = "meshfix.dev/service";

/// What is added to a Service's name for a second Service of the same pods.
const SECOND_NAMES: &[&str] = &[
    "headless",
    "hl",
    "metrics",
    "monitoring",
    "canary",
    "preview",
    "stable",
    "active",
    "nodeport",
    "np",
    "lb",
    "external",
    "public",
    "internal",
    "admin",
    "grpc",
    "http",
];

/// Words behind a workload's name that tell its version.
const VERSION_WORDS: &[&str] = &["canary", "stable", "blue", "green", "baseline", "beta", "alpha", "primary"];

/// Kinds whose pods end: a Service that selects them does so by accident.
const ENDING: &[&str] = &["CronJob", "Job", "ScaledJob"];

/// The lasting workloads of the Services that were asked for.
pub(super) type KnownApplications = RefCell<HashMap<ResourceId, Rc<Vec<ResourceId>>>>;

impl Inventory<'_> {
    /// The workload's own Service.
    pub fn primary_service(&self, workload: Workload<'_>) -> Primary {
        let services = self.services_of(workload);
        let is_internal = |id: &ResourceId| self.service_type(*id) != "ExternalName";
        let certain: Vec<ResourceId> = services.certain.iter().copied().filter(is_internal).collect();
        let possible: Vec<ResourceId> = services.possible.iter().copied().filter(is_internal).collect();
        if certain.is_empty() {
            return if possible.is_empty() { Primary::None } else { Primary::NotCertain(possible) };
        }
        let ends = ENDING.contains(&workload.resource.name.kind.as_str());
        let is_shared = |id: &ResourceId| self.is_shared(*id) || ends && !self.long_running(*id).is_empty();
        let (shared, own): (Vec<_>, Vec<_>) = certain.iter().copied().partition(is_shared);
        if own.is_empty() {
            return Primary::Shared(shared);
        }
        let (chosen, by_ports) = self.choose(workload, own);
        let name = |id: &ResourceId| &self.resource(*id).name.name;
        // Another copy of the same Service changes nothing.
        let known = possible.iter().all(|id| certain.iter().any(|near| name(near) == name(id)));
        match chosen.as_slice() {
            [service] => Primary::One { service: *service, is_certain: known && !by_ports },
            several => Primary::Ambiguous(several.to_vec()),
        }
    }

    /// Other workloads whose pods the Service selects, each a different one by kind and name.
    pub fn workloads_beside(&self, workload: Workload<'_>, service: ResourceId) -> Vec<Workload<'_>> {
        let own = &workload.resource.name;
        let others = self.long_running(service).into_iter();
        others
            .filter(|other| (&other.resource.name.kind, &other.resource.name.name) != (&own.kind, &own.name))
            .collect()
    }

    /// The version that a workload's name tells: `v2` of `reviews-v2` behind the Service `reviews`. Beside others
    /// behind one Service, the name need not start with the Service's.
    pub fn version_by_name<'n>(&self, name: &'n str, service: ResourceId, is_alone: bool) -> Option<&'n str> {
        let own = self.resource(service).name.name.as_str();
        let behind = |start: &str| name.strip_prefix(start)?.strip_prefix('-').filter(|rest| is_version(rest));
        if name == own {
            return None;
        }
        behind(own).or_else(|| behind(stem(name)).filter(|_| !is_alone))
    }

    /// A Service that seems meant for the workload but selects nothing, and the label that its selector asks
    /// for and the pods do not have so: it has the workload's name, is its nearest, and differs in that one.
    pub fn intended_service(&self, workload: Workload<'_>) -> Option<(ResourceId, String)> {
        let own = &workload.resource.name.name;
        let mut named = self.services_named(own).to_vec();
        named.retain(|id| self.share_a_namespace(*id, workload.id));
        let near = self.nearest(workload.id, &named);
        let [service] = near.as_slice() else { return None };
        let selected = self.workloads_of(*service);
        let is_changed =
            self.kustomizations_change(*service, &["selector"]) || self.added_labels(workload.id).next().is_some();
        if is_changed || !selected.possible.is_empty() {
            return None;
        }
        let selector = self.root(*service)?.at(&["spec", "selector"])?;
        let mut missed = selector.entries().filter(|(key, value)| workload.pod_label(key) != value.text());
        let (key, _) = missed.next()?;
        missed.next().is_none().then(|| (*service, key.into_owned()))
    }

    /// The workloads of a Service whose pods stay; of alternatives with one name, the first. Those that stand in one
    /// file with a copy of the Service belong to the copy.
    fn long_running(&self, service: ResourceId) -> Vec<Workload<'_>> {
        let known = self.known_applications.borrow().get(&service).map(Rc::clone);
        let ids = known.unwrap_or_else(|| {
            let found = Rc::new(self.find_long_running(service));
            self.known_applications.borrow_mut().insert(service, Rc::clone(&found));
            found
        });
        ids.iter().filter_map(|id| self.workload(*id)).collect()
    }

    fn find_long_running(&self, service: ResourceId) -> Vec<ResourceId> {
        let own = self.home(service);
        let copies = self.services_named(&self.resource(service).name.name).iter().map(|id| self.home(*id));
        let alternatives: HashSet<(FileId, &str)> = copies.filter(|home| *home != own).collect();
        let mut names = HashSet::new();
        let mut workloads = self.workloads_of(service).certain;
        workloads.retain(|id| {
            let resource = self.resource(*id);
            let ends = ENDING.contains(&resource.name.kind.as_str());
            let home = self.home(*id);
            let is_own = home == own || !alternatives.contains(&home);
            !ends && is_own && names.insert((&resource.name.kind, &resource.name.name))
        });
        workloads
    }

    /// True for a Service whose pods belong to several applications: they differ in `app`,
    /// `app.kubernetes.io/name`, or in their workloads' names beyond a version.
    fn is_shared(&self, service: ResourceId) -> bool {
        let workloads = self.long_running(service);
        let differ = |values: Vec<&str>| values.windows(2).any(|pair| pair[0] != pair[1]);
        let label = |name: &str| workloads.iter().filter_map(|workload| workload.pod_label(name)).collect::<Vec<_>>();
        let stems = workloads.iter().map(|workload| stem(&workload.resource.name.name)).collect();
        differ(label("app")) || differ(label("app.kubernetes.io/name")) || differ(stems)
    }

    /// The candidates that remain; each step counts only if it leaves any. True where the last step decided.
    fn choose(&self, workload: Workload<'_>, candidates: Vec<ResourceId>) -> (Vec<ResourceId>, bool) {
        let name = |id: ResourceId| self.resource(id).name.name.as_str();
        let names: Vec<&str> = candidates.iter().map(|id| name(*id)).collect();
        let chosen = |label: Option<&str>, id: ResourceId| label == Some(name(id));
        let annotated = workload.pod_annotation(CHOICE);
        let traffic = traffic_services(workload);
        let is_second = |id: ResourceId| {
            let base = |suffix: &&str| name(id).strip_suffix(suffix)?.strip_suffix('-');
            SECOND_NAMES.iter().filter_map(base).any(|base| names.contains(&base))
        };
        let own_name = Some(workload.resource.name.name.as_str());
        let governing = Some(workload.root.text_at(&["spec", "serviceName"]));
        let ports = |id: ResourceId| self.root(id).and_then(|root| root.at(&["spec", "ports"])).map_or(0, count);
        let most = candidates.iter().map(|id| ports(*id)).max();
        let steps: [&dyn Fn(ResourceId) -> bool; 8] = [
            &|id| chosen(annotated, id),
            &|id| !traffic.contains(&name(id)) && !name(id).ends_with("-private") && !self.is_owned(id),
            &|id| !is_second(id),
            &|id| !self.is_headless(id),
            &|id| chosen(workload.pod_label("app"), id),
            &|id| chosen(own_name, id),
            &|id| chosen(workload.pod_label("app.kubernetes.io/name"), id),
            &|id| chosen(governing, id),
        ];
        let mut left = candidates;
        let keep = |left: &mut Vec<ResourceId>, step: &dyn Fn(ResourceId) -> bool| {
            if left.iter().any(|id| step(*id)) {
                left.retain(|id| step(*id));
            }
        };
        steps.into_iter().for_each(|step| keep(&mut left, step));
        let are_one = |left: &[ResourceId]| left.iter().all(|id| name(*id) == name(left[0]));
        let before_ports = are_one(&left);
        keep(&mut left, &|id| Some(ports(id)) == most);
        // Two Services of one name are alternatives, not two Services: the one beside the workload counts.
        if are_one(&left) {
            keep(&mut left, &|id| self.home(id) == self.home(workload.id));
            left.truncate(1);
        }
        (left, !before_ports)
    }

    fn is_owned(&self, service: ResourceId) -> bool {
        let owners = self.root(service).and_then(|root| root.at(&["metadata", "ownerReferences"]));
        owners.is_some_and(|owners| count(owners) > 0)
    }
}

fn count(list: Field<'_>) -> usize {
    list.items().count()
}

/// The Services that an Argo Rollout moves traffic with, apart from its lasting one.
fn traffic_services(workload: Workload<'_>) -> Vec<&str> {
    let strategy = |path: &[&str]| workload.root.at(&["spec", "strategy"])?.at(path)?.text();
    [strategy(&["canary", "canaryService"]), strategy(&["blueGreen", "previewService"])].into_iter().flatten().collect()
}

/// A workload's name without what tells its version.
fn stem(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((rest, last)) if !rest.is_empty() && is_version(last) => stem(rest),
        _ => name,
    }
}

/// True for the end of a workload's name that tells its version: `v2`, `1.4`, `canary`.
fn is_version(text: &str) -> bool {
    let digits = text.strip_prefix('v').unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    is_number || VERSION_WORDS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::super::{Inventory, SourceFile};
    use super::{Primary, is_version, stem};
    use crate::config::Options;

    /// The names of the Services that the answer for the first workload holds, behind its own name.
    fn primary(text: &str) -> String {
        let files = [SourceFile::read("all.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("a workload");
        let names =
            |ids: &[_]| ids.iter().map(|id| inventory.resource(*id).name.name.clone()).collect::<Vec<_>>().join(" ");
        match inventory.primary_service(workload) {
            Primary::One { service, is_certain: true } => names(&[service]),
            Primary::One { service, is_certain: false } => format!("perhaps {}", names(&[service])),
            Primary::Ambiguous(ids) => format!("ambiguous {}", names(&ids)),
            Primary::Shared(ids) => format!("shared {}", names(&ids)),
            Primary::NotCertain(ids) => format!("not certain {}", names(&ids)),
            Primary::None => "none".to_owned(),
        }
    }

    fn workload(kind: &str, name: &str, labels: &str, rest: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata:\n      labels: {{{labels}}}\n{rest}    spec: {{containers: []}}\n---\n"
        )
    }

    fn service(name: &str, spec: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{run: w}}{spec}}}\n---\n"
        )
    }

    fn one(rest: &str, services: &[(&str, &str)]) -> String {
        let services: String = services.iter().map(|(name, spec)| service(name, spec)).collect();
        primary(&format!("{}{services}", workload("Deployment", "web", "run: w", rest)))
    }

    #[test]
    fn one_service_is_the_primary_one() {
        assert_eq!(one("", &[("api", "")]), "api");
        assert_eq!(one("", &[]), "none");
        assert_eq!(one("", &[("api", ", type: ExternalName")]), "none");
    }

    #[test]
    fn the_annotation_wins() {
        let annotated = "      annotations: {meshfix.dev/service: b}\n";
        assert_eq!(one(annotated, &[("web", ""), ("b", "")]), "b");
        assert_eq!(one("      annotations: {meshfix.dev/service: gone}\n", &[("web", ""), ("b", "")]), "web");
    }

    #[test]
    fn second_services_are_dropped() {
        assert_eq!(one("", &[("a", ""), ("a-headless", "")]), "a");
        assert_eq!(one("", &[("a", ", clusterIP: None"), ("b", "")]), "b");
        assert_eq!(one("", &[("a-private", ""), ("a", "")]), "a");
    }

    #[test]
    fn names_decide_before_ports() {
        let ports = ", ports: [{port: 1}, {port: 2}]";
        assert_eq!(one("", &[("a", ports), ("web", "")]), "web");
        assert_eq!(one("", &[("a", ports), ("b", "")]), "perhaps a");
        assert_eq!(one("", &[("a", ""), ("b", "")]), "ambiguous a b");
        let labelled = workload("Deployment", "web", "run: w, app: b", "");
        assert_eq!(primary(&format!("{labelled}{}{}", service("web", ""), service("b", ""))), "b");
    }

    #[test]
    fn a_service_over_several_applications_is_nobodys() {
        let two = |one: &str, other: &str, labels: &str| {
            let (one, other) = (workload("Deployment", one, "run: w", ""), workload("Deployment", other, labels, ""));
            primary(&format!("{one}{other}{}", service("qos", "")))
        };
        assert_eq!(two("cart", "stock", "run: w"), "shared qos");
        assert_eq!(two("cart", "cart-canary", "run: w"), "qos");
        assert_eq!(two("cart-v1", "cart-v2", "run: w, app.kubernetes.io/name: x"), "qos");
        let jobs = workload("Job", "migrate", "run: w", "").replace("apps/v1", "batch/v1");
        assert_eq!(primary(&format!("{}{jobs}{}", workload("Deployment", "web", "run: w", ""), service("a", ""))), "a");
    }

    #[test]
    fn a_rollouts_canary_service_is_not_primary() {
        let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec:\n  strategy: {canary: {canaryService: r, stableService: s}}\n  template:\n    metadata: {labels: {run: w}}\n    spec: {containers: []}\n---\n";
        assert_eq!(primary(&format!("{rollout}{}{}", service("r", ""), service("s", ""))), "s");
    }

    #[test]
    fn names_tell_versions() {
        for version in ["v1", "2", "1.10", "v2beta1", "canary", "blue"] {
            assert!(is_version(version), "{version}");
        }
        for other in ["", "v", "db", "version", "x1"] {
            assert!(!is_version(other), "{other}");
        }
        assert_eq!((stem("web-v1-canary"), stem("web"), stem("v1")), ("web", "web", "v1"));
    }
}
