//! Services that the API server itself calls: webhooks and aggregated APIs. It speaks TLS to them, from outside the mesh.

use std::collections::HashMap;

use super::association::Nearness;
use super::field::{Field, NodeId};
use super::inventory::Inventory;
use super::resource::ResourceId;
use super::service_port::ServicePort;

/// A mention of a Service by what the API server reads.
#[derive(Debug)]
struct Call {
    id: ResourceId,
    namespace: String,
    port: i64,
    place: NodeId,
}

/// All of them, by the names of the Services; made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct ApiServerCalls {
    by_service: HashMap<String, Vec<Call>>,
}

impl ApiServerCalls {
    fn new(inventory: &Inventory<'_>) -> Self {
        let mut calls = ApiServerCalls::default();
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            for id in inventory.of_kind("admissionregistration.k8s.io", kind) {
                let webhooks = inventory.root(id).and_then(|root| root.get("webhooks"));
                for webhook in webhooks.into_iter().flat_map(Field::items) {
                    calls.add(id, webhook.at(&["clientConfig", "service"]));
                }
            }
        }
        for id in inventory.of_kind("apiregistration.k8s.io", "APIService") {
            calls.add(id, inventory.root(id).and_then(|root| root.at(&["spec", "service"])));
        }
        calls
    }

    fn add(&mut self, id: ResourceId, service: Option<Field<'_>>) {
        let Some(service) = service else { return };
        let port = service.get("port").and_then(|port| port.as_i64()).unwrap_or(443);
        let namespace = service.text_at(&["namespace"]).to_owned();
        let call = Call { id, namespace, port, place: service.id() };
        self.by_service.entry(service.text_at(&["name"]).to_owned()).or_default().push(call);
    }
}

impl<'a> Inventory<'a> {
    /// Where a webhook or an APIService names this port of a Service, of several the nearest: the API server calls it.
    pub fn api_server_call(&self, port: ServicePort<'_>) -> Option<Field<'a>> {
        let index = self.api_server_calls.get_or_init(|| ApiServerCalls::new(self));
        let calls = index.by_service.get(&self.resource(port.service).name.name)?;
        let is_in = |namespace: &str| {
            let mut places = self.placements(port.service).iter();
            // kustomize gives both a namespace; one that stands in the files may change.
            places.any(|place| place.namespace.as_deref().is_none_or(|own| own == namespace || namespace.is_empty()))
        };
        let meant = calls.iter().filter(|call| Some(call.port) == port.number() && is_in(&call.namespace));
        let near = |call: &Call| -> Option<Nearness> { self.nearness(port.service, call.id) };
        let nearest = meant.filter(|call| near(call).is_some()).max_by_key(|call| near(call))?;
        self.field(nearest.place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    #[test]
    fn webhooks_and_aggregated_apis_name_a_port() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: hook, namespace: shop}\nspec: {ports: [{port: 443}, {port: 8443}, {port: 80}]}\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: v}\nwebhooks: [{clientConfig: {service: {name: hook, namespace: shop}}}]\n---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: a}\nspec: {service: {name: hook, namespace: shop, port: 8443}}\n---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: b}\nspec: {service: {name: hook, namespace: other, port: 80}}\n";
        let files = [SourceFile::read("all.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let service = inventory.services().next().expect("a Service");
        let called: Vec<bool> =
            inventory.ports_of(service).map(|port| inventory.api_server_call(port).is_some()).collect();
        assert_eq!(called, [true, true, false]);
    }
}
