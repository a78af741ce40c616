//! The schemas can say no: resources that are wrong on purpose, and where. Those without a place are right.

/// A resource, and how each of its faults begins.
pub(crate) const ALL: &[(&str, &[&str])] = &[
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "selector": {"istio": "ingress"}, "servers": [
                {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["apples.example.com"]}]}}"#,
        &[],
    ),
    // A field that no version has.
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP", "proto": "HTTP"}, "hosts": ["*"]}]}}"#,
        &["/spec/servers/0/port/proto: the schema has no such field"],
    ),
    // What is required is missing, and a number is a text.
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "servers": [{"port": {"number": "80", "name": "http"}}]}}"#,
        &[
            "/spec/servers/0/port/number: `type:",
            "/spec/servers/0/port: `protocol` is missing",
            "/spec/servers/0: `hosts` is missing",
        ],
    ),
    // A word of another list.
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "servers": [{"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["*"],
                "tls": {"mode": "Simple", "credentialName": "orchard"}}]}}"#,
        &["/spec/servers/0/tls/mode: `enum:"],
    ),
    // Of two ways to match a path one is to be chosen.
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "apples"}, "spec": {
            "hosts": ["apples.example.com"], "http": [{"match": [{"uri": {"exact": "/", "prefix": "/"}}],
                "route": [{"destination": {"host": "apples", "port": {"number": 8080}}}]}]}}"#,
        &["/spec/http/0/match/0/uri: `oneOf:"],
    ),
    // Null is a value of its own.
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "apples"}, "spec": {
            "hosts": null, "tcp": [{"route": [{"destination": {"host": "apples", "port": {"number": 4294967296}}}]}]}}"#,
        &["/spec/hosts: null", "/spec/tcp/0/route/0/destination/port/number: `maximum:"],
    ),
    // A version that is not served, and metadata that is none.
    (
        r#"{"apiVersion": "networking.istio.io/v1alpha2", "kind": "VirtualService", "metadata": {"name": "apples"}}"#,
        &[": no CRD serves networking.istio.io/v1alpha2 VirtualService"],
    ),
    (
        r#"{"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
            "metadata": {"name": "Orchard_1", "label": {}, "labels": {"app": 1, "tier": "a b"}}, "spec": {}}"#,
        &["/metadata/label: the schema", "/metadata/labels/app: 1", "/metadata/labels/tier: ", "/metadata/name: "],
    ),
    (
        r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "gatewayClassName": "istio", "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.orchard.example.com"}]}}"#,
        &[],
    ),
    // Two listeners of one name, and a host that is none.
    (
        r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "gatewayClassName": "istio", "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP", "hostname": "Orchard"},
                {"name": "http", "port": 81, "protocol": "HTTP"}]}}"#,
        &["/spec/listeners/0/hostname: `pattern:", "/spec/listeners: `x-kubernetes-list-type:"],
    ),
    // Nothing where something is needed.
    (
        r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "orchard"}, "spec": {
            "gatewayClassName": "", "listeners": []}}"#,
        &["/spec/gatewayClassName: `minLength:", "/spec/listeners: `minItems:"],
    ),
    (
        r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "apples"}, "spec": {
            "parentRefs": [{"name": "orchard"}], "rules": [{"backendRefs": [{"name": "apples", "port": 8080.5}]}]}}"#,
        &["/spec/rules/0/backendRefs/0/port: `type:"],
    ),
];
