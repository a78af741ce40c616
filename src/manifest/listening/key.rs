//! What the name of a setting says of the port that it gives: an environment variable, a flag, a key of a file.

/// What a port in a setting of this name would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Where the process listens.
    Listens,
    /// A port, and the name does not say whose.
    Port,
    /// An address: the host says whose it is.
    Address,
    /// What a process says of itself to others.
    Advertised,
    /// A port of somebody else.
    Elsewhere,
    /// No port at all: a time, a size, a count.
    Quantity,
    /// It says nothing.
    Unclear,
}

/// Words in front of `port` with which a process names its own.
const OWN: &str = "address admin api app application bind console container dashboard debug exporter grpc health \
    healthcheck healthz http https insecure internal jmx listen listener liveness local main management metrics \
    monitoring pprof private probe profiling prometheus public readiness rest rpc secure server service serving \
    socket ssl status tcp telemetry tls ui web webhook webserver ws";

/// Words for the other end of a connection, which may be another process of the same pod.
const RELATIONS: &str = "backend broker brokers client cluster collector connection dest destination endpoint forward master peer \
    proxy registry remote target upstream";

/// Programs that a process connects to.
const OTHERS: &str = "amqp cassandra consul database datasource db elastic elasticsearch es etcd eureka fluentd \
    graphite influx influxdb jaeger kafka ldap logstash loki mail mariadb memcache memcached mongo mongodb mq mqtt \
    mysql nacos nats otel otlp pg postgres postgresql rabbit rabbitmq redis sentinel smtp sql statsd syslog tempo \
    vault zipkin zk zookeeper";

/// Last words of names that give a time, a size or a count.
const QUANTITIES: &str = "age attempts backlog batch buffer bytes capacity connections count delay depth duration \
    entries expiry gid group heap id interval items kb length limit lines max mb memory millis milliseconds min ms \
    offset period rate requests retries seconds seed size sleep threads timeout ttl uid user version wait";

/// A name's words in lower case: `MANAGEMENT_SERVER_PORT`, `management.server.port` and `managementServerPort`
/// have the same ones.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
            lower = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if let Some(last) = words.last_mut() {
            last.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the words of a name say.
pub(super) fn meaning(words: &[String]) -> Meaning {
    let Some((last, front)) = words.split_last() else { return Meaning::Unclear };
    let any = |list: &str| words.iter().any(|word| has(list, word));
    let before = front.last().map_or("", String::as_str);
    let is_port = has("port ports", last) || has("value number", last) && before == "port";
    if has(QUANTITIES, last) {
        Meaning::Quantity
    } else if any("advertise advertised announce") {
        Meaning::Advertised
    } else if any("listen listener listeners listenaddr bind") {
        Meaning::Listens
    } else if any(OTHERS) || last == "port" && before == "service" && front.len() > 1 {
        Meaning::Elsewhere
    } else if words.iter().any(|word| has(RELATIONS, word) || has(RELATIONS, word.trim_end_matches('s'))) {
        Meaning::Unclear
    } else if is_port {
        if front.iter().all(|word| has(OWN, word) || word == "port") { Meaning::Listens } else { Meaning::Port }
    } else if has("addr address addresses host url urls", last) {
        Meaning::Address
    } else {
        Meaning::Unclear
    }
}

fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|have| have == word)
}

/// The words in front of `port`, where a name is one of a port: of `REDIS_PORT` it is `redis`, of `PORT` nothing.
pub(super) fn stem(words: &[String]) -> Option<&[String]> {
    let (last, front) = words.split_last()?;
    matches!(last.as_str(), "port" | "p").then_some(front)
}

/// True for the last word of a setting that may give a host.
pub(super) fn is_host(last: &str) -> bool {
    has("addr address host hostname service uri url", last)
}

/// True when a setting with these words gives the host of a port with this stem.
pub(super) fn is_host_of(words: &[String], stem: &[String]) -> bool {
    let Some((last, front)) = words.split_last() else { return false };
    let own = is_own(stem);
    let is_host = match last.as_str() {
        "h" => stem.is_empty(),
        // The URL of an application itself is one for its users.
        "url" | "uri" | "service" => !own,
        last => is_host(last),
    };
    is_host && front == stem
}

/// True for a stem with which a process names its own port.
pub(super) fn is_own(stem: &[String]) -> bool {
    stem.iter().all(|word| has(OWN, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Meaning {
        meaning(&words(name))
    }

    #[test]
    fn hosts_stand_beside_ports() {
        let is_host = |host: &str, port: &str| is_host_of(&words(host), stem(&words(port)).expect("a port"));
        assert!(is_host("REDIS_HOST", "REDIS_PORT") && is_host("--host", "--port") && is_host("-h", "-p"));
        assert!(is_host("CART_URL", "CART_PORT") && is_host("http.proxyHost", "http.proxyPort"));
        assert!(!is_host("APP_URL", "APP_PORT") && !is_host("REDIS_HOST", "PORT") && !is_host("HOST", "APP_PORT"));
    }

    #[test]
    fn names_say_whose_port_it_is() {
        for own in [
            "PORT",
            "SERVER_PORT",
            "management.server.port",
            "--http-port",
            "listen",
            "--web.listen-address",
            "serverPort",
        ] {
            assert_eq!(of(own), Meaning::Listens, "{own}");
        }
        for other in ["REDIS_PORT", "db.port", "CART_SERVICE_PORT", "KAFKA_BROKERS"] {
            assert_eq!(of(other), Meaning::Elsewhere, "{other}");
        }
        assert_eq!(of("TIMEOUT_MS"), Meaning::Quantity);
        assert_eq!(of("LISTEN_BACKLOG_SIZE"), Meaning::Quantity);
        assert_eq!(of("--upstream-port"), Meaning::Unclear);
        assert_eq!(of("upstreams.cart.port"), Meaning::Unclear);
        assert_eq!(of("--listen-backlog"), Meaning::Quantity);
        assert_eq!(of("KAFKA_ADVERTISED_PORT"), Meaning::Advertised);
        assert_eq!(of("GATEWAY_PORT"), Meaning::Port);
        assert_eq!(of("CART_PORT"), Meaning::Port);
        assert_eq!(of("CART_ADDR"), Meaning::Address);
        assert_eq!(of("SERVICE_PORT"), Meaning::Listens);
        assert_eq!(of("TOPIC"), Meaning::Unclear);
    }
}
