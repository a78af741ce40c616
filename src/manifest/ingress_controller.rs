//! Programs that are a cluster's edge: ingress controllers and gateways of other makers.

use super::field::Field;
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::workload::Workload;

/// Words in the names of workloads and images that only such programs have.
const WORDS: &[&str] = &[
    "ambassador",
    "apisix",
    "contour",
    "emissary",
    "envoy-gateway",
    "gloo",
    "haproxy-ingress",
    "higress",
    "ingress-controller",
    "ingress-nginx",
    "kong",
    "kourier",
    "kubernetes-ingress",
    "nginx-ingress",
    "skipper",
    "traefik",
    "voyager",
];

/// Images that are generic programs, and the edge where the workload's name says so.
const PROXIES: &[&str] = &["envoy", "haproxy", "nginx", "openresty", "caddy", "ingress"];

impl Inventory<'_> {
    /// True when the pod is the cluster's edge: it takes traffic from outside by its nature, and a Gateway can't stand
    /// in for it.
    pub fn is_ingress_controller(&self, workload: Workload<'_>) -> bool {
        self.whole(workload).into_iter().any(is_ingress_controller)
    }

    /// True for a Service that looks like that of such a program, where its pods are not in the files: by its name, its
    /// labels and its selector.
    pub fn is_named_as_ingress_controller(&self, service: ResourceId) -> bool {
        let is_edge = |text: &str| WORDS.iter().any(|words| has_words(text, words));
        let root = self.root(service);
        let labels = |path: &[&str]| root.and_then(|root| root.at(path)).into_iter().flat_map(Field::entries);
        let values = labels(&["metadata", "labels"]).chain(labels(&["spec", "selector"]));
        is_edge(&self.resource(service).name.name) || values.filter_map(|(_, value)| value.text()).any(is_edge)
    }
}

fn is_ingress_controller(workload: Workload<'_>) -> bool {
    let name = workload.resource.name.name.as_str();
    let is_edge = |text: &str| WORDS.iter().any(|words| has_words(text, words));
    let proxy = || workload.containers().any(|container| PROXIES.contains(&container.image_name()));
    is_edge(name)
        || workload.containers().any(|container| is_edge(path(container.image())))
        || has_words(name, "ingress") && proxy()
        || workload.pod_label("app.kubernetes.io/name").or(workload.pod_label("app")).is_some_and(is_edge)
}

/// An image's path without tag and digest.
fn path(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let tag = image.rfind(':').filter(|at| !image[*at..].contains('/'));
    &image[..tag.unwrap_or(image.len())]
}

/// True when these words stand in a name one after the other; parts of words do not count.
fn has_words(name: &str, wanted: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let wanted: Vec<&str> = wanted.split('-').collect();
    words.windows(wanted.len()).any(|window| window == wanted.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert!(has_words("my-ingress-nginx-controller", "ingress-nginx"));
        assert!(has_words("docker.io/library/traefik", "traefik"));
        assert!(!has_words("hongkong-shop", "kong"));
        assert_eq!(path("registry.example:5000/a/traefik:v3@sha256:0"), "registry.example:5000/a/traefik");
    }
}
