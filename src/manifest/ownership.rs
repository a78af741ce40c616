//! What belongs to a mesh or its gateways, and is never touched (rules.md §1.3 of the specification's reference).

use super::container::Container;
use super::workload::Workload;

/// Who owns a workload that rules leave alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Istio's control plane or node agents.
    ControlPlane,
    /// A gateway: a proxy without an application.
    Gateway,
    /// A pod that has its sidecar already.
    Injected,
    /// The configuration exempts it.
    Exempt,
}

/// Names that Istio gives to the containers it injects.
const PROXY_CONTAINERS: &[&str] =
    &["istio-proxy", "istio-init", "istio-validation", "enable-core-dump", "istio-operator"];

/// Last path parts of images that Istio's components run.
const PROXY_IMAGES: &[&str] = &["proxyv2", "ztunnel", "pilot", "install-cni", "agentgateway"];

/// True for containers that a mesh brought.
pub fn is_proxy_container(container: Container<'_>) -> bool {
    if PROXY_CONTAINERS.contains(&container.name()) || container.image() == "auto" {
        return true;
    }
    let image = container.image().rsplit('/').next().unwrap_or_default();
    let image = image.split([':', '@']).next().unwrap_or_default();
    PROXY_IMAGES.contains(&image) || image.starts_with("proxyv2-")
}

impl Workload<'_> {
    /// The mesh component that the workload is, if it is one.
    pub fn owner(self) -> Option<Owner> {
        if self.is_gateway() {
            return Some(Owner::Gateway);
        }
        if self.is_control_plane() {
            return Some(Owner::ControlPlane);
        }
        let mut containers = self.containers().peekable();
        if containers.peek().is_some() && containers.all(is_proxy_container) {
            return Some(Owner::Gateway);
        }
        self.containers().any(|container| container.name() == "istio-proxy").then_some(Owner::Injected)
    }

    fn is_gateway(self) -> bool {
        let either = |name: &str| self.pod_label(name).or_else(|| self.label(name));
        let templates = self.pod_annotation("inject.istio.io/templates").unwrap_or_default();
        let istio = either("istio").unwrap_or_default();
        templates.split(',').any(|template| template.trim() == "gateway" || template.trim().starts_with("grpc-"))
            || either("gateway.istio.io/managed").is_some()
            || either("gateway.networking.k8s.io/gateway-name").is_some()
            || istio.ends_with("ingressgateway")
            || istio.ends_with("egressgateway")
            || matches!(istio, "ingress" | "egress" | "eastwestgateway")
    }

    fn is_control_plane(self) -> bool {
        let either = |name: &str| self.label(name).or_else(|| self.pod_label(name));
        either("istio").is_some()
            || either("release") == Some("istio")
            || either("istio.io/owned-by").is_some()
            || matches!(either("app"), Some("istiod" | "sidecar-injector" | "istio-cni" | "ztunnel"))
            || matches!(either("k8s-app"), Some("istio-cni-node"))
            || matches!(either("app.kubernetes.io/part-of"), Some("istio"))
    }
}
