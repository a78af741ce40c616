use super::super::{Inventory, SourceFile};
use super::{RouteKind, RoutePort};
use crate::config::Options;

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest")
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{name: http, port: 80}]}\n";

/// Kind, port and hosts of each route to the first Service.
fn routes(text: &str) -> Vec<(RouteKind, String, String)> {
    let files = [file("all.yaml", &format!("{SERVICE}---\n{text}"))];
    let options = Options::default();
    let inventory = Inventory::new(&files, &options);
    let service = inventory.services().next().expect("a Service");
    let port = |port: Option<RoutePort<'_>>| match port {
        Some(RoutePort::Name(name)) => name.to_owned(),
        Some(RoutePort::Number(number)) => number.to_string(),
        None => String::new(),
    };
    let found = inventory.routes_to(service).into_iter().map(|route| {
        assert!(route.is_certain);
        let hosts: Vec<&str> = route.hosts().into_iter().filter_map(|host| host.text()).collect();
        (route.kind, port(route.port()), hosts.join(" "))
    });
    found.collect()
}

fn one(text: &str) -> (RouteKind, String, String) {
    let mut found = routes(text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn expected(kind: RouteKind, port: &str, hosts: &str) -> (RouteKind, String, String) {
    (kind, port.to_owned(), hosts.to_owned())
}

#[test]
fn ingresses_old_and_new_lead_to_services() {
    let rule = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec:\n  rules:\n  - host: web.example.com\n    http: {paths: [{backend: {service: {name: web, port: {name: http}}}}, {backend: {service: {name: other, port: {number: 1}}}}]}\n";
    assert_eq!(one(rule), expected(RouteKind::Ingress, "http", "web.example.com"));
    let default = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n";
    assert_eq!(one(default), expected(RouteKind::Ingress, "80", ""));
    let old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\nspec:\n  rules:\n  - host: web.example.com\n    http: {paths: [{backend: {serviceName: web, servicePort: '80'}}]}\n";
    assert_eq!(one(old), expected(RouteKind::Ingress, "80", "web.example.com"));
    let old = "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: i}\nspec: {backend: {serviceName: web, servicePort: http}}\n";
    assert_eq!(one(old), expected(RouteKind::Ingress, "http", ""));
    assert!(routes(&old.replace("networking.k8s.io/v1beta1", "config.example.com/v1")).is_empty());
}

#[test]
fn routes_of_the_gateway_api_lead_to_services() {
    let route = |kind: &str, backend: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r}}\nspec:\n  hostnames: [a.example.com, b.example.com]\n  parentRefs: [{{name: edge}}]\n  rules: [{{backendRefs: [{backend}]}}]\n"
        )
    };
    for (kind, route_kind) in [
        ("HTTPRoute", RouteKind::Http),
        ("GRPCRoute", RouteKind::Grpc),
        ("TLSRoute", RouteKind::Tls),
        ("TCPRoute", RouteKind::Tcp),
    ] {
        let found = one(&route(kind, "{name: web, port: 80}"));
        assert_eq!(found, expected(route_kind, "80", "a.example.com b.example.com"));
    }
    assert!(routes(&route("HTTPRoute", "{name: web, kind: Bucket, group: x.example.com, port: 80}")).is_empty());
    let mirror = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}]}]\n";
    assert_eq!(one(mirror), expected(RouteKind::Http, "80", ""));
}

#[test]
fn virtual_services_lead_to_services_by_their_hosts() {
    let route = |list: &str, host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v}}\nspec:\n  hosts: [web.example.com]\n  {list}: [{{route: [{{destination: {{host: {host}, port: {{number: 80}}}}}}]}}]\n"
        )
    };
    for (list, kind) in
        [("http", RouteKind::VirtualHttp), ("tls", RouteKind::VirtualTls), ("tcp", RouteKind::VirtualTcp)]
    {
        for host in ["web", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop"] {
            assert_eq!(one(&route(list, host)), expected(kind, "80", "web.example.com"));
        }
    }
    assert!(routes(&route("http", "web.example.com")).is_empty());
    let mirror = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  http: [{mirror: {host: web}, mirrors: [{destination: {host: web}}], route: [{destination: {host: other}}]}]\n";
    assert_eq!(routes(mirror), [expected(RouteKind::VirtualHttp, "", ""), expected(RouteKind::VirtualHttp, "", "")]);
}

const INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {ingressClassName: edge, defaultBackend: {service: {name: web, port: {number: 80}}}}\n";

/// The files of the routes to each Service, with whether each is certain.
fn by_service(files: &[SourceFile]) -> Vec<Vec<(String, bool)>> {
    let options = Options::default();
    let inventory = Inventory::new(files, &options);
    let name = |id| inventory.file_name(inventory.resource(id).file).to_owned();
    let routes = |service| inventory.routes_to(service).into_iter().map(|route| (name(route.id), route.is_certain));
    inventory.services().map(|service| routes(service).collect()).collect()
}

#[test]
fn another_namespace_and_another_folder_have_their_own() {
    let there = SERVICE.replace("{name: web}", "{name: web, namespace: there}");
    let here = INGRESS.replace("{name: i}", "{name: i, namespace: here}");
    assert_eq!(by_service(&[file("s.yaml", &there), file("i.yaml", &here)]), [[]]);
    let files = [
        file("a/s.yaml", SERVICE),
        file("a/i.yaml", INGRESS),
        file("b/s.yaml", SERVICE),
        file("b/i.yaml", INGRESS),
        file("c/s.yaml", SERVICE),
    ];
    let certain = |name: &str| (name.to_owned(), true);
    let possible = |name: &str| (name.to_owned(), false);
    let c = vec![possible("a/i.yaml"), possible("b/i.yaml")];
    assert_eq!(by_service(&files), [vec![certain("a/i.yaml")], vec![certain("b/i.yaml")], c]);
}

#[test]
fn a_backend_in_another_namespace_says_so() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: here}\nspec:\n  rules: [{backendRefs: [{name: web, namespace: there, port: 80}]}]\n";
    let there = SERVICE.replace("{name: web}", "{name: web, namespace: there}");
    let here = SERVICE.replace("{name: web}", "{name: web, namespace: here}");
    let found = by_service(&[file("there.yaml", &there), file("here.yaml", &here), file("r.yaml", route)]);
    assert_eq!(found, [vec![("r.yaml".to_owned(), true)], vec![]]);
}

#[test]
fn routes_are_for_one_port() {
    let two = SERVICE.replace("[{name: http, port: 80}]", "[{name: http, port: 80}, {name: admin, port: 81}]");
    let by_name = INGRESS.replace("number: 80", "name: admin");
    let none = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {http: [{route: [{destination: {host: web}}]}]}\n";
    let files = [file("s.yaml", &two), file("one.yaml", INGRESS), file("two.yaml", &by_name), file("v.yaml", none)];
    let options = Options::default();
    let inventory = Inventory::new(&files, &options);
    let service = inventory.services().next().expect("a Service");
    let names = |port| {
        let routes = inventory.routes_to_port(port).into_iter();
        routes.map(|route| inventory.file_name(inventory.resource(route.id).file)).collect::<Vec<_>>()
    };
    let found: Vec<Vec<&str>> = inventory.ports_of(service).map(names).collect();
    assert_eq!(found, [["one.yaml"], ["two.yaml"]]);
    assert_eq!(by_service(&[file("s.yaml", SERVICE), file("v.yaml", none)])[0].len(), 1);
}

#[test]
fn classes_come_from_the_ingress_or_its_gateways() {
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\nspec: {gatewayClassName: istio}\n";
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: edge}]\n  rules: [{backendRefs: [{name: web, port: 80}]}]\n";
    let old = INGRESS
        .replace("ingressClassName: edge, ", "tls: [{hosts: [web.example.com]}], ")
        .replace("{name: i}", "{name: i, annotations: {kubernetes.io/ingress.class: old}}");
    let files = [file("a.yaml", &[SERVICE, INGRESS, gateway, route, &old].join("---\n"))];
    let options = Options::default();
    let inventory = Inventory::new(&files, &options);
    let routes = inventory.routes_to(inventory.services().next().expect("a Service"));
    let classes: Vec<Vec<&str>> = routes.iter().map(|route| inventory.route_classes(route)).collect();
    assert_eq!(classes, [["edge"], ["istio"], ["old"]]);
    assert!(routes[2].tls_of("web.example.com").is_some());
    assert!(routes[2].tls_of("other.example.com").is_none());
    let inside: Vec<bool> = routes.iter().map(|route| route.is_inside_the_mesh()).collect();
    assert_eq!(inside, [false, false, false]);
}
