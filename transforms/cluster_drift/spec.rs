//! What must be the same of a Service in all clusters, with Kubernetes' defaults filled in. Addresses that each cluster
//! gives out by itself are left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::manifest::{Field, Inventory, Protocol, ResourceId, ServicePort, TargetPort, protocol};

/// What is compared of a Service; node ports are apart, since a cluster may choose them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spec<'a> {
    pub(super) is_headless: bool,
    pub(super) service_type: &'a str,
    pub(super) external_name: &'a str,
    pub(super) ports: Vec<Port<'a>>,
    pub(super) selector: BTreeMap<Cow<'a, str>, &'a str>,
    pub(super) session_affinity: &'a str,
    pub(super) internal_traffic_policy: &'a str,
    pub(super) publishes_not_ready: bool,
}

/// What is compared of a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port<'a> {
    pub(super) number: i64,
    pub(super) transport: &'a str,
    pub(super) name: &'a str,
    pub(super) app_protocol: Option<&'a str>,
    pub(super) target: String,
    pub(super) protocol: Protocol,
}

/// A Service of one cluster, or of several that share it.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) clusters: Vec<&'a str>,
    pub(super) id: ResourceId,
    pub(super) root: Field<'a>,
    pub(super) spec: Spec<'a>,
    /// The entries of `spec.ports`, as they are written.
    pub(super) fields: Vec<(Port<'a>, Field<'a>)>,
}

impl<'a> Side<'a> {
    /// Reads the Service; `None` for one without `spec`.
    pub(super) fn read(inventory: &'a Inventory<'a>, id: ResourceId) -> Option<Side<'a>> {
        let root = inventory.root(id)?;
        let spec = root.get("spec")?;
        let or = |key: &str, default: &'a str| match spec.text_at(&[key]) {
            "" => default,
            text => text,
        };
        let selector = spec.get("selector").into_iter().flat_map(Field::entries);
        let fields: Vec<_> = inventory.ports_of(id).filter_map(|port| Some((Port::read(port)?, port.field))).collect();
        let mut ports: Vec<Port<'a>> = fields.iter().map(|(port, _)| port.clone()).collect();
        ports.sort();
        let spec = Spec {
            is_headless: spec.text_at(&["clusterIP"]) == "None",
            service_type: or("type", "ClusterIP"),
            external_name: spec.text_at(&["externalName"]),
            ports,
            selector: selector.filter_map(|(key, value)| Some((key, value.text()?))).collect(),
            session_affinity: or("sessionAffinity", "None"),
            internal_traffic_policy: or("internalTrafficPolicy", "Cluster"),
            publishes_not_ready: spec.get("publishNotReadyAddresses").is_some_and(|field| field.is_true()),
        };
        Some(Side { clusters: Vec::new(), id, root, spec, fields })
    }

    /// A field of `spec`, or the nearest place that is there.
    pub(super) fn place(&self, key: &str) -> Field<'a> {
        self.root.at(&["spec", key]).unwrap_or_else(|| self.name())
    }

    /// Where its name stands.
    pub(super) fn name(&self) -> Field<'a> {
        self.root.at(&["metadata", "name"]).unwrap_or(self.root)
    }

    /// The clusters' names, as a person says them.
    pub(super) fn called(&self) -> String {
        let names: Vec<String> = self.clusters.iter().map(|name| format!("`{name}`")).collect();
        match names.split_last() {
            Some((last, [])) => format!("cluster {last}"),
            Some((last, others)) => format!("clusters {} and {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

impl<'a> Port<'a> {
    fn read(port: ServicePort<'a>) -> Option<Port<'a>> {
        Some(Port {
            number: port.number()?,
            transport: port.transport(),
            name: port.name(),
            app_protocol: port.field.get("appProtocol").and_then(|field| field.as_str()),
            target: match port.target() {
                TargetPort::Name(name) => name.to_owned(),
                TargetPort::Number(number) => number.to_string(),
            },
            protocol: protocol(port.field),
        })
    }

    /// The port as a person names it.
    pub(super) fn called(&self) -> String {
        if self.transport == "TCP" { self.number.to_string() } else { format!("{}/{}", self.number, self.transport) }
    }
}
