//! Which monitors of the Prometheus and VictoriaMetrics operators scrape a Service or its pods, and at which port.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::association::Nearness;
use super::field::Field;
use super::inventory::Inventory;
use super::namespace_scope::NamespaceScope;
use super::resource::ResourceId;
use super::selector::Selector;
use super::service_port::{ServicePort, TargetPort};
use super::workload::Workload;

/// Kinds of monitors: group, kind, list of endpoints, and whether they select Services.
const MONITORS: &[(&str, &str, &str, bool)] = &[
    ("monitoring.coreos.com", "PodMonitor", "podMetricsEndpoints", false),
    ("monitoring.coreos.com", "ServiceMonitor", "endpoints", true),
    ("operator.victoriametrics.com", "VMPodScrape", "podMetricsEndpoints", false),
    ("operator.victoriametrics.com", "VMServiceScrape", "endpoints", true),
];

/// An endpoint of a monitor that scrapes a Service's port, or the pods behind it.
#[derive(Debug, Clone, Copy)]
pub struct Scrape<'a> {
    /// The monitor.
    pub id: ResourceId,
    /// The item of its list of endpoints.
    pub endpoint: Field<'a>,
    /// What names the port.
    pub port: Field<'a>,
    /// True where that is the name of the Service's port.
    pub is_by_service_port: bool,
    /// False where the monitor stands nearer to others that it selects.
    pub is_certain: bool,
    /// True where the monitor selects others as well that are as near.
    pub is_shared: bool,
}

impl Scrape<'_> {
    /// True when it scrapes over TLS.
    pub fn is_tls(&self) -> bool {
        self.endpoint.text_at(&["scheme"]).eq_ignore_ascii_case("https")
    }
}

#[derive(Debug)]
struct Monitor {
    id: ResourceId,
    endpoints: &'static str,
    of_services: bool,
    /// How near the nearest one is that it selects, and how many are as near.
    nearest: OnceCell<Option<(Nearness, usize)>>,
}

/// All monitors by one of the labels that they ask for; made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct ScrapeIndex {
    monitors: Vec<Monitor>,
    by_label: HashMap<(String, String), Vec<usize>>,
    /// Those that ask for no label's value.
    others: Vec<usize>,
    /// Services by each of their own labels.
    services: HashMap<(String, String), Vec<ResourceId>>,
}

impl ScrapeIndex {
    fn new(inventory: &Inventory<'_>) -> ScrapeIndex {
        let mut index = ScrapeIndex::default();
        for (group, kind, endpoints, of_services) in MONITORS {
            for id in inventory.of_kind(group, kind) {
                let Some(spec) = inventory.root(id).and_then(|root| root.get("spec")) else { continue };
                let at = index.monitors.len();
                match first_label(spec) {
                    Some(label) => index.by_label.entry(label).or_default().push(at),
                    None => index.others.push(at),
                }
                let nearest = OnceCell::new();
                index.monitors.push(Monitor { id, endpoints, of_services: *of_services, nearest });
            }
        }
        if !index.monitors.is_empty() {
            for service in inventory.services() {
                for (key, value) in own_labels(inventory, service) {
                    index.services.entry((key, value.to_owned())).or_default().push(service);
                }
            }
        }
        index
    }

    fn asking<'i>(&'i self, labels: &[(String, &str)], of_services: bool) -> impl Iterator<Item = &'i Monitor> {
        let named = labels.iter().filter_map(|(key, value)| self.by_label.get(&(key.clone(), (*value).to_owned())));
        let mut found: Vec<usize> = named.flatten().chain(&self.others).copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|at| &self.monitors[at]).filter(move |monitor| monitor.of_services == of_services)
    }
}

impl<'a> Inventory<'a> {
    /// The endpoints of monitors that scrape a Service's port, by the Service or by the pods behind it.
    pub fn scrapes_of(&self, port: ServicePort<'_>) -> Vec<Scrape<'a>> {
        let index = self.scrapes.get_or_init(|| ScrapeIndex::new(self));
        if index.monitors.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let labels: Vec<(String, &str)> = own_labels(self, port.service).collect();
        for monitor in index.asking(&labels, true) {
            let is_selected = self.is_service_of(monitor, port.service);
            for (endpoint, named) in self.endpoints(monitor).filter(|_| is_selected) {
                let by_name = endpoint.text_at(&["port"]) == port.name() && !port.name().is_empty();
                if by_name && endpoint.get("port").is_some_and(|own| own.id() == named.id()) || is_target(named, port) {
                    let nearest = self.nearest_service_of(index, monitor);
                    found.extend(self.scrape(monitor, port.service, nearest, endpoint, named, by_name));
                }
            }
        }
        let workloads = self.workloads_of(port.service).possible;
        for workload in workloads.iter().filter_map(|id| self.workload(*id)) {
            let labels = workload.labels().into_iter().flat_map(Field::entries);
            let labels: Vec<(String, &str)> =
                labels.filter_map(|(key, value)| Some((key.into_owned(), value.text()?))).collect();
            for monitor in index.asking(&labels, false) {
                let is_selected = self.is_pod_of(monitor, workload);
                for (endpoint, named) in self.endpoints(monitor).filter(|_| is_selected) {
                    let mut declared = workload.containers().flat_map(|container| container.ports());
                    let is_named = |item: Field<'_>| item.text_at(&["name"]) == named.text().unwrap_or_default();
                    let leads = declared.any(|item| is_named(item) && port.leads_to(item));
                    if leads || is_target(named, port) {
                        let nearest = self.nearness(monitor.id, workload.id).map(|nearness| (nearness, 1));
                        found.extend(self.scrape(monitor, workload.id, nearest, endpoint, named, false));
                    }
                }
            }
        }
        found
    }

    fn scrape(
        &self,
        monitor: &Monitor,
        of: ResourceId,
        nearest: Option<(Nearness, usize)>,
        endpoint: Field<'a>,
        port: Field<'a>,
        is_by_service_port: bool,
    ) -> Option<Scrape<'a>> {
        let nearness = self.nearness(monitor.id, of)?;
        let is_certain = nearest.is_some_and(|(nearest, _)| nearness >= nearest);
        let is_shared = nearest.is_some_and(|(_, count)| count > 1);
        Some(Scrape { id: monitor.id, endpoint, port, is_by_service_port, is_certain, is_shared })
    }

    /// The endpoints of a monitor, each with what names its port.
    fn endpoints(&self, monitor: &Monitor) -> impl Iterator<Item = (Field<'a>, Field<'a>)> + use<'a> {
        let spec = self.root(monitor.id).and_then(|root| root.get("spec"));
        let items = spec.and_then(|spec| spec.get(monitor.endpoints)).into_iter().flat_map(Field::items);
        let port = |item: Field<'a>| ["port", "targetPort", "portNumber"].into_iter().find_map(|key| item.get(key));
        items.filter_map(move |item| Some((item, port(item)?)))
    }

    fn is_service_of(&self, monitor: &Monitor, service: ResourceId) -> bool {
        let Some(spec) = self.root(monitor.id).and_then(|root| root.get("spec")) else { return false };
        let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
        let label = |name: &str| self.root(service)?.at(&["metadata", "labels", name])?.text();
        selector.matches(label) && NamespaceScope::of_monitor(spec).holds(self, monitor.id, service)
    }

    fn is_pod_of(&self, monitor: &Monitor, workload: Workload<'_>) -> bool {
        let Some(spec) = self.root(monitor.id).and_then(|root| root.get("spec")) else { return false };
        let selector = spec.get("selector").map(Selector::of_labels).unwrap_or_default();
        let label = |name: &str| workload.pod_label(name);
        selector.matches(label) && NamespaceScope::of_monitor(spec).holds(self, monitor.id, workload.id)
    }

    fn nearest_service_of(&self, index: &ScrapeIndex, monitor: &Monitor) -> Option<(Nearness, usize)> {
        *monitor.nearest.get_or_init(|| {
            let spec = self.root(monitor.id)?.get("spec")?;
            let labelled = first_label(spec).and_then(|label| index.services.get(&label));
            let all: Vec<ResourceId> = labelled.cloned().unwrap_or_else(|| self.services().collect());
            let selected = all.into_iter().filter(|service| self.is_service_of(monitor, *service));
            let near: Vec<Nearness> = selected.filter_map(|service| self.nearness(monitor.id, service)).collect();
            let best = *near.iter().max()?;
            Some((best, near.iter().filter(|near| **near == best).count()))
        })
    }
}

fn own_labels<'i>(inventory: &'i Inventory<'_>, service: ResourceId) -> impl Iterator<Item = (String, &'i str)> {
    let labels = inventory.root(service).and_then(|root| root.at(&["metadata", "labels"]));
    let entries = labels.into_iter().flat_map(Field::entries);
    entries.filter_map(|(key, value)| Some((key.into_owned(), value.text()?)))
}

/// The first label whose value a monitor asks for.
fn first_label(spec: Field<'_>) -> Option<(String, String)> {
    let labels = spec.at(&["selector", "matchLabels"])?;
    labels.entries().find_map(|(key, value)| Some((key.into_owned(), value.text()?.to_owned())))
}

/// True when a monitor names the port of the pods that a Service's port leads to.
fn is_target(named: Field<'_>, port: ServicePort<'_>) -> bool {
    match port.target() {
        TargetPort::Number(number) => named.as_i64() == Some(number),
        TargetPort::Name(name) => named.text() == Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    /// The monitors that scrape the first port of the first Service, each with whether it is certain.
    fn scrapes(files: &[(&str, String)]) -> Vec<(String, bool, bool)> {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(name, text)| SourceFile::read((*name).to_owned(), text.as_str().into(), None).expect("a manifest"))
            .collect();
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let service = inventory.services().next().expect("a Service");
        let port = inventory.ports_of(service).next().expect("a port");
        let found = inventory.scrapes_of(port);
        let name = |scrape: &Scrape<'_>| inventory.resource(scrape.id).name.name.clone();
        found.iter().map(|scrape| (name(scrape), scrape.is_certain, scrape.is_tls())).collect()
    }

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web}}\nspec: {selector: {app: web}, ports: [{name: web, port: 80, targetPort: http}]}\n";
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}\n";

    fn monitor(kind: &str, name: &str, spec: &str) -> String {
        format!("apiVersion: monitoring.coreos.com/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
    }

    #[test]
    fn monitors_select_services_and_pods() {
        let by = |name: &str, selector: &str, port: &str| {
            monitor("ServiceMonitor", name, &format!("selector: {{{selector}}}, endpoints: [{{{port}}}]"))
        };
        let text = [
            SERVICE.to_owned(),
            POD.to_owned(),
            by("by-name", "matchLabels: {app: web}", "port: web, scheme: https"),
            by("by-target", "matchLabels: {app: web}", "targetPort: http"),
            by("everything", "", "port: web"),
            by("other-port", "matchLabels: {app: web}", "port: metrics"),
            by("other-label", "matchLabels: {app: shop}", "port: web"),
            monitor("PodMonitor", "pods", "selector: {matchLabels: {app: web}}, podMetricsEndpoints: [{port: http}]"),
        ];
        let found = scrapes(&[("all.yaml", text.join("---\n"))]);
        let certain = |name: &str, tls| (name.to_owned(), true, tls);
        let expected = [
            certain("by-name", true),
            certain("by-target", false),
            certain("everything", false),
            certain("pods", false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_monitor_nearer_to_another_service_is_only_possible() {
        let near = monitor("ServiceMonitor", "m", "selector: {matchLabels: {app: web}}, endpoints: [{port: web}]");
        let files = [("a.yaml", SERVICE.to_owned()), ("b/web.yaml", SERVICE.to_owned()), ("b/m.yaml", near)];
        assert_eq!(scrapes(&files), [("m".to_owned(), false, false)]);
    }
}
