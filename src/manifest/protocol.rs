//! The protocol of a Service's port, exactly as Istio reads it.

use std::fmt;

use super::field::Field;

/// The protocol of a Service's port (`pkg/config/protocol/instance.go` of istio/istio).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/1.1 and HTTP/2 as the proxy finds them.
    Http,
    /// A port of an HTTP proxy.
    HttpProxy,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC.
    Grpc,
    /// gRPC as browsers speak it.
    GrpcWeb,
    /// HTTP inside TLS that the application ends.
    Https,
    /// Any other protocol inside TLS.
    Tls,
    /// A stream of bytes.
    Tcp,
    /// MongoDB.
    Mongo,
    /// Redis.
    Redis,
    /// MySQL.
    MySql,
    /// UDP.
    Udp,
    /// Neither `appProtocol` nor the name declares one: the mesh looks at the traffic.
    Undeclared,
}

/// What the mesh does with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolClass {
    /// It reads requests: routes, retries, metrics and policies by path.
    Http,
    /// It passes bytes on.
    Tcp,
    /// It does not carry the traffic.
    Udp,
    /// It looks at the first bytes of each connection to tell.
    Undeclared,
}

/// Ports that Istio takes for TCP where nothing is declared (`pkg/config/kube/conversion.go`).
const WELL_KNOWN_TCP: &[i64] = &[25, 53, 3306, 27017];

impl Protocol {
    /// The protocol of a name as Istio parses it, `Undeclared` for any other name (`Parse`).
    pub fn parse(name: &str) -> Protocol {
        match name.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "grpc" => Protocol::Grpc,
            "grpc-web" => Protocol::GrpcWeb,
            "http" => Protocol::Http,
            "http_proxy" => Protocol::HttpProxy,
            "http2" => Protocol::Http2,
            "https" => Protocol::Https,
            "tls" => Protocol::Tls,
            "mongo" => Protocol::Mongo,
            "redis" => Protocol::Redis,
            "mysql" => Protocol::MySql,
            _ => Protocol::Undeclared,
        }
    }

    /// The protocol that the name of a port declares: its part in front of the first `-` (`ConvertProtocol`).
    pub fn of_port_name(name: &str) -> Protocol {
        let name = name.to_ascii_lowercase();
        if name.starts_with("grpc-web") {
            return Protocol::GrpcWeb;
        }
        Protocol::parse(name.split('-').next().unwrap_or_default())
    }

    /// What the mesh does with a port of this protocol.
    pub fn class(self) -> ProtocolClass {
        match self {
            Protocol::Http | Protocol::HttpProxy | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => {
                ProtocolClass::Http
            }
            Protocol::Https | Protocol::Tls | Protocol::Tcp | Protocol::Mongo | Protocol::Redis | Protocol::MySql => {
                ProtocolClass::Tcp
            }
            Protocol::Udp => ProtocolClass::Udp,
            Protocol::Undeclared => ProtocolClass::Undeclared,
        }
    }

    /// True for a number that Istio takes for TCP where nothing is declared.
    pub fn is_well_known_tcp(number: i64) -> bool {
        WELL_KNOWN_TCP.contains(&number)
    }

    /// True for TLS that the application ends.
    pub fn is_tls(self) -> bool {
        matches!(self, Protocol::Https | Protocol::Tls)
    }

    /// The word that declares it, in `appProtocol` or in front of a port's name; "" for `Undeclared`.
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::HttpProxy => "http_proxy",
            Protocol::Http2 => "http2",
            Protocol::Grpc => "grpc",
            Protocol::GrpcWeb => "grpc-web",
            Protocol::Https => "https",
            Protocol::Tls => "tls",
            Protocol::Tcp => "tcp",
            Protocol::Mongo => "mongo",
            Protocol::Redis => "redis",
            Protocol::MySql => "mysql",
            Protocol::Udp => "udp",
            Protocol::Undeclared => "",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The protocol of an item of a Service's `ports` (`ConvertProtocol` of istio/istio).
pub fn protocol(port: Field<'_>) -> Protocol {
    if port.text_at(&["protocol"]) == "UDP" {
        return Protocol::Udp;
    }
    // An `appProtocol`, even one that is not known, hides the name completely.
    let name = match port.get("appProtocol").and_then(|field| field.as_str()) {
        Some("kubernetes.io/h2c") => return Protocol::Http2,
        Some("kubernetes.io/ws") => return Protocol::Http,
        Some("kubernetes.io/wss") => return Protocol::Https,
        Some(name) => name,
        None => port.text_at(&["name"]),
    };
    let number = port.get("port").and_then(|number| number.as_i64());
    match Protocol::of_port_name(name) {
        Protocol::Undeclared if number.is_some_and(Protocol::is_well_known_tcp) => Protocol::Tcp,
        declared => declared,
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;
    use crate::manifest::Inventory;

    fn of(port: &str) -> Protocol {
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{port}]}}\n");
        let files = [SourceFile::read("a.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let root = inventory.services().next().and_then(|id| inventory.root(id)).expect("one");
        protocol(root.at(&["spec", "ports"]).and_then(|ports| ports.items().next()).expect("a port"))
    }

    #[test]
    fn ports_have_the_protocol_that_istio_gives_them() {
        for (port, expected) in [
            ("{name: http-web, port: 80}", Protocol::Http),
            ("{name: HTTP, port: 80}", Protocol::Http),
            ("{name: grpc, port: 80}", Protocol::Grpc),
            ("{name: grpc-web-x, port: 80}", Protocol::GrpcWeb),
            ("{name: grpc-webby, port: 80}", Protocol::GrpcWeb),
            ("{name: tcp-http, port: 80}", Protocol::Tcp),
            ("{name: web-http, port: 80}", Protocol::Undeclared),
            ("{name: httpfoo, port: 80}", Protocol::Undeclared),
            ("{name: h2c, port: 80}", Protocol::Undeclared),
            ("{name: grpcs, port: 80}", Protocol::Undeclared),
            ("{port: 80}", Protocol::Undeclared),
            ("{port: 3306}", Protocol::Tcp),
            ("{port: 13306, targetPort: 3306}", Protocol::Undeclared),
            ("{name: http, port: 3306}", Protocol::Http),
            ("{name: http, appProtocol: foo, port: 80}", Protocol::Undeclared),
            ("{name: http, appProtocol: foo, port: 53}", Protocol::Tcp),
            ("{name: tcp, appProtocol: kubernetes.io/h2c, port: 80}", Protocol::Http2),
            ("{name: tcp, appProtocol: kubernetes.io/ws, port: 80}", Protocol::Http),
            ("{name: tcp, appProtocol: kubernetes.io/wss, port: 80}", Protocol::Https),
            ("{name: http, port: 80, protocol: UDP}", Protocol::Udp),
            ("{name: mysql, port: 80}", Protocol::MySql),
            ("{name: http_proxy, port: 80}", Protocol::HttpProxy),
        ] {
            assert_eq!(of(port), expected, "{port}");
        }
    }
}
