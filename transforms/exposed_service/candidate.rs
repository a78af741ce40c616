//! The Services that are exposed by their type.

use super::hosts::Hosts;
use crate::config::Cutover;
use crate::manifest::{Field, Inventory, Owner, ResourceId, ServicePort};

/// How a Service is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposure {
    NodePort,
    LoadBalancer,
}

impl Exposure {
    /// The type, as the Service says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Exposure::NodePort => "NodePort",
            Exposure::LoadBalancer => "LoadBalancer",
        }
    }

    /// True when the type changes.
    pub(super) fn is_cut_over(self, cutover: Cutover) -> bool {
        match cutover {
            Cutover::All => true,
            Cutover::NodePort => self == Exposure::NodePort,
            Cutover::None => false,
        }
    }
}

/// A Service that is exposed.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) id: ResourceId,
    pub(super) root: Field<'a>,
    /// Its type.
    pub(super) at: Field<'a>,
    pub(super) kind: Exposure,
    pub(super) name: String,
    /// The namespace that it says itself.
    pub(super) written_namespace: Option<String>,
    /// Its namespace, as far as the files tell one.
    pub(super) namespace: Option<String>,
    pub(super) ports: Vec<ServicePort<'a>>,
    pub(super) hosts: Hosts,
}

impl<'a> Candidate<'a> {
    /// An annotation of the Service; "" where it has none.
    pub(super) fn annotation(&self, key: &str) -> &'a str {
        self.root.text_at(&["metadata", "annotations", key])
    }

    /// A name with `{service}` and `{namespace}` filled in; `None` where the namespace is not known.
    pub(super) fn fill(&self, template: &str) -> Option<String> {
        let text = template.replace("{service}", &self.name);
        match &self.namespace {
            Some(namespace) => Some(text.replace("{namespace}", namespace)),
            None => (!text.contains("{namespace}")).then_some(text),
        }
    }
}

/// All Services that their type exposes, but gateways of the mesh and other edges of the cluster.
pub(super) fn all<'a>(inventory: &'a Inventory<'a>) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<Candidate<'a>> = inventory.services().filter_map(|id| candidate(inventory, id)).collect();
    super::hosts::fill(inventory, &mut candidates);
    candidates
}

fn candidate<'a>(inventory: &'a Inventory<'a>, id: ResourceId) -> Option<Candidate<'a>> {
    let root = inventory.root(id)?;
    let at = root.at(&["spec", "type"])?;
    let kind = match at.text()? {
        "NodePort" => Exposure::NodePort,
        "LoadBalancer" => Exposure::LoadBalancer,
        _ => return None,
    };
    // A node port of a gateway between networks (`conversion.go` of istio/istio).
    let between_networks = root.at(&["metadata", "annotations", "traffic.istio.io/nodeSelector"]).is_some();
    if between_networks || !inventory.is_checked_service(id) || is_edge(inventory, id) {
        return None;
    }
    let name = inventory.resource(id).name.clone();
    let mut namespaces = inventory.placements(id).iter().map(|placement| placement.namespace.clone());
    let namespace = namespaces.next().flatten().filter(|first| namespaces.all(|other| other.as_ref() == Some(first)));
    let places_agree = namespace == name.namespace;
    Some(Candidate {
        id,
        root,
        at,
        kind,
        name: name.name,
        // A kustomization may give it another one.
        written_namespace: name.namespace.filter(|_| namespace.is_some() && places_agree),
        namespace,
        ports: inventory.ports_of(id).collect(),
        hosts: Hosts::Missing(String::new()),
    })
}

/// True for a Service whose pods are the cluster's edge, or may be by its name.
fn is_edge(inventory: &Inventory<'_>, id: ResourceId) -> bool {
    let workloads = inventory.workloads_of(id).possible;
    let mut workloads = workloads.iter().filter_map(|id| inventory.workload(*id)).peekable();
    if workloads.peek().is_none() {
        return inventory.is_named_as_ingress_controller(id);
    }
    workloads
        .any(|workload| inventory.is_ingress_controller(workload) || inventory.owner(workload) == Some(Owner::Gateway))
}
