//! The Service that a workload is known by in the mesh, where several select its pods.

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// A workload's own Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primary {
    /// This one.
    One {
        /// The Service.
        service: ResourceId,
        /// False where a Service that is less near may belong to the pods as well.
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
        match self.choose(workload, own).as_slice() {
            [service] => Primary::One { service: *service, is_certain: certain.len() == possible.len() },
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
        let named: Vec<ResourceId> = self
            .services()
            .filter(|id| self.resource(*id).name.name == *own && self.share_a_namespace(*id, workload.id))
            .collect();
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

    fn service_type(&self, service: ResourceId) -> &str {
        self.root(service).map_or("", |root| root.text_at(&["spec", "type"]))
    }

    /// The workloads of a Service whose pods stay; of alternatives with one name, the first.
    fn long_running(&self, service: ResourceId) -> Vec<Workload<'_>> {
        let mut workloads: Vec<Workload<'_>> = Vec::new();
        for workload in self.workloads_of(service).certain.into_iter().filter_map(|id| self.workload(id)) {
            let name = &workload.resource.name;
            let is_new = !workloads.iter().any(|have| {
                let have = &have.resource.name;
                (&have.kind, &have.name) == (&name.kind, &name.name)
            });
            if is_new && !ENDING.contains(&name.kind.as_str()) {
                workloads.push(workload);
            }
        }
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

    /// The candidates that remain; each step counts only if it leaves any.
    fn choose(&self, workload: Workload<'_>, candidates: Vec<ResourceId>) -> Vec<ResourceId> {
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
        let steps: [&dyn Fn(ResourceId) -> bool; 9] = [
            &|id| chosen(annotated, id),
            &|id| !traffic.contains(&name(id)) && !name(id).ends_with("-private") && !self.is_owned(id),
            &|id| !is_second(id),
            &|id| !self.is_headless(id),
            &|id| chosen(workload.pod_label("app"), id),
            &|id| chosen(own_name, id),
            &|id| chosen(workload.pod_label("app.kubernetes.io/name"), id),
            &|id| chosen(governing, id),
            &|id| Some(ports(id)) == most,
        ];
        let mut left = candidates;
        for step in steps {
            let kept: Vec<ResourceId> = left.iter().copied().filter(|id| step(*id)).collect();
            if !kept.is_empty() {
                left = kept;
            }
        }
        // Two Services of one name are alternatives, not two Services.
        if left.iter().all(|id| name(*id) == name(left[0])) {
            left.truncate(1);
        }
        left
    }

    fn is_headless(&self, service: ResourceId) -> bool {
        self.root(service).is_some_and(|root| root.text_at(&["spec", "clusterIP"]) == "None")
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
