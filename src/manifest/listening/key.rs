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
    /// A port of somebody else.
    Elsewhere,
    /// No port at all: a time, a size, a count.
    Quantity,
    /// It says nothing.
    Unclear,
}

/// Words in front of `port` with which a process names its own.
const OWN: &[&str] = &[
    "admin",
    "api",
    "app",
    "application",
    "bind",
    "console",
    "container",
    "dashboard",
    "debug",
    "exporter",
    "external",
    "gateway",
    "grpc",
    "health",
    "healthcheck",
    "healthz",
    "http",
    "https",
    "insecure",
    "internal",
    "jmx",
    "listen",
    "listener",
    "liveness",
    "local",
    "main",
    "management",
    "metrics",
    "monitoring",
    "pprof",
    "private",
    "probe",
    "profiling",
    "prometheus",
    "public",
    "readiness",
    "rest",
    "rpc",
    "secure",
    "server",
    "serving",
    "service",
    "sidecar",
    "spring",
    "ssl",
    "status",
    "tcp",
    "telemetry",
    "tls",
    "ui",
    "web",
    "webhook",
    "webserver",
    "ws",
];

/// Words that name somebody else: what a process connects to.
const OTHERS: &[&str] = &[
    "amqp",
    "backend",
    "brokers",
    "broker",
    "cassandra",
    "client",
    "collector",
    "consul",
    "database",
    "datasource",
    "db",
    "destination",
    "dest",
    "elastic",
    "elasticsearch",
    "endpoint",
    "es",
    "etcd",
    "eureka",
    "fluentd",
    "forward",
    "graphite",
    "influx",
    "influxdb",
    "jaeger",
    "kafka",
    "ldap",
    "logstash",
    "loki",
    "mail",
    "mariadb",
    "master",
    "memcache",
    "memcached",
    "mongo",
    "mongodb",
    "mq",
    "mqtt",
    "mysql",
    "nacos",
    "nats",
    "otel",
    "otlp",
    "peer",
    "pg",
    "postgres",
    "postgresql",
    "proxy",
    "rabbit",
    "rabbitmq",
    "redis",
    "registry",
    "remote",
    "sentinel",
    "smtp",
    "sql",
    "statsd",
    "syslog",
    "target",
    "tempo",
    "upstream",
    "vault",
    "zipkin",
    "zk",
    "zookeeper",
];

/// Last words of names that give a time, a size or a count.
const QUANTITIES: &[&str] = &[
    "bytes",
    "connections",
    "count",
    "delay",
    "depth",
    "duration",
    "heap",
    "interval",
    "kb",
    "length",
    "limit",
    "lines",
    "max",
    "mb",
    "memory",
    "millis",
    "milliseconds",
    "min",
    "ms",
    "period",
    "rate",
    "requests",
    "retries",
    "seconds",
    "size",
    "sleep",
    "timeout",
    "threads",
    "ttl",
    "wait",
    "id",
    "uid",
    "gid",
    "user",
    "group",
    "version",
    "seed",
];

/// A name's words in lower case: `MANAGEMENT_SERVER_PORT`, `management.server.port` and `managementServerPort`
/// have the same ones.
pub(super) fn words(name: &str) -> Vec<String> {
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
    let has = |list: &[&str], word: &String| list.contains(&word.as_str());
    let Some((last, front)) = words.split_last() else { return Meaning::Unclear };
    let named_port = matches!(last.as_str(), "port" | "ports");
    if words.iter().any(|word| matches!(word.as_str(), "listen" | "listener" | "listeners" | "bind" | "listenaddr")) {
        return if has(QUANTITIES, last) { Meaning::Quantity } else { Meaning::Listens };
    }
    if words.iter().any(|word| has(OTHERS, word)) {
        return if has(QUANTITIES, last) { Meaning::Quantity } else { Meaning::Elsewhere };
    }
    let of_a_service = last == "port" && front.len() > 1 && front.last().is_some_and(|word| word == "service");
    if of_a_service {
        return Meaning::Elsewhere;
    }
    if named_port || (last == "value" || last == "number") && front.last().is_some_and(|word| word == "port") {
        let own = front.iter().all(|word| has(OWN, word) || matches!(word.as_str(), "port" | "number" | "value"));
        return if own { Meaning::Listens } else { Meaning::Port };
    }
    if matches!(last.as_str(), "addr" | "address" | "addresses" | "urls" | "url" | "host" | "endpoint") {
        return Meaning::Address;
    }
    if has(QUANTITIES, last) { Meaning::Quantity } else { Meaning::Unclear }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Meaning {
        meaning(&words(name))
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
        for other in ["REDIS_PORT", "db.port", "CART_SERVICE_PORT", "--upstream-port", "KAFKA_BROKERS"] {
            assert_eq!(of(other), Meaning::Elsewhere, "{other}");
        }
        assert_eq!(of("TIMEOUT_MS"), Meaning::Quantity);
        assert_eq!(of("LISTEN_BACKLOG_SIZE"), Meaning::Quantity);
        assert_eq!(of("CART_PORT"), Meaning::Port);
        assert_eq!(of("CART_ADDR"), Meaning::Address);
        assert_eq!(of("SERVICE_PORT"), Meaning::Listens);
        assert_eq!(of("TOPIC"), Meaning::Unclear);
    }
}
