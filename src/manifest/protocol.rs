//! The protocol of a Service's port, exactly as Istio reads it.

use super::field::Field;

/// A protocol, as far as it decides what the mesh does with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP in any version, gRPC included.
    Http,
    /// A stream of bytes, TLS included.
    Tcp,
    /// UDP.
    Udp,
    /// Neither `appProtocol` nor the name declares one: the mesh looks at the traffic.
    Undeclared,
}

/// Ports that Istio takes for TCP where nothing is declared (`pkg/config/kube/conversion.go`).
const WELL_KNOWN_TCP: &[i64] = &[25, 53, 3306, 27017];

/// The protocol of an item of a Service's `ports` (`ConvertProtocol` and `Parse` of istio/istio).
pub fn protocol(port: Field<'_>) -> Protocol {
    if port.text_at(&["protocol"]) == "UDP" {
        return Protocol::Udp;
    }
    // An `appProtocol`, even one that is not known, hides the name completely.
    let name = match port.get("appProtocol").and_then(|field| field.as_str()) {
        Some("kubernetes.io/h2c" | "kubernetes.io/ws") => return Protocol::Http,
        Some("kubernetes.io/wss") => return Protocol::Tcp,
        Some(name) => name,
        None => port.text_at(&["name"]),
    };
    let name = name.to_ascii_lowercase();
    if name.starts_with("grpc-web") {
        return Protocol::Http;
    }
    match name.split('-').next().unwrap_or_default() {
        "http" | "http2" | "http_proxy" | "grpc" => Protocol::Http,
        "tcp" | "https" | "tls" | "mongo" | "redis" | "mysql" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ if port.get("port").and_then(|number| number.as_i64()).is_some_and(|port| WELL_KNOWN_TCP.contains(&port)) => {
            Protocol::Tcp
        }
        _ => Protocol::Undeclared,
    }
}
