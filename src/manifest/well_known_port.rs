//! Numbers of ports that belong to one protocol, and the images that speak it there.

use super::container::Container;

/// What usually listens on a port: a protocol that is no HTTP, so that the mesh can only pass its bytes on.
#[derive(Debug, PartialEq, Eq)]
pub struct WellKnownPort {
    /// The protocol, as people call it.
    pub protocol: &'static str,
    /// The numbers of its ports.
    numbers: &'static [i64],
    /// Words of image names whose programs speak it.
    images: &'static [&'static str],
    /// The ports where the server speaks first, so that there is nothing to tell the protocol by.
    server_first: &'static [i64],
    /// Other programs use these numbers too.
    shared: &'static [i64],
}

/// A line of the table.
const fn of(
    protocol: &'static str,
    numbers: &'static [i64],
    images: &'static [&'static str],
    server_first: &'static [i64],
) -> WellKnownPort {
    WellKnownPort { protocol, numbers, images, server_first, shared: &[] }
}

/// Protocols that are no HTTP, by the numbers that their projects and IANA give (rules.md §4.1 of the specification's
/// reference; server-first ones from Istio's application requirements). etcd and Nacos are not among them: they speak
/// gRPC, which the mesh tells by itself.
const TABLE: &[WellKnownPort] = &[
    of("FTP", &[21], &["ftp", "ftpd", "vsftpd", "proftpd", "pureftpd"], &[21]),
    of("SSH", &[22], &["ssh", "sshd", "openssh", "sftp", "gitea", "gogs", "gitlab", "forgejo"], &[22]),
    of("SMTP", &[25, 465, 587], &["smtp", "postfix", "exim", "mail", "mailserver", "maddy", "stalwart"], &[25, 587]),
    of("POP3", &[110, 995], &["dovecot", "pop3", "mail", "mailserver", "stalwart"], &[110]),
    of("IMAP", &[143, 993], &["dovecot", "imap", "cyrus", "mail", "mailserver", "stalwart"], &[143]),
    of("LDAP", &[389, 636], &["ldap", "openldap", "slapd", "dirsrv", "lldap", "glauth"], &[]),
    of("SQL Server", &[1433], &["mssql", "sqlserver", "mssqlserver"], &[]),
    of("Oracle", &[1521], &["oracle", "oracledb"], &[]),
    of(
        "MQTT",
        &[1883, 8883],
        &["mqtt", "mosquitto", "emqx", "vernemq", "hivemq", "rabbitmq", "activemq", "artemis", "nanomq"],
        &[],
    ),
    of("ZooKeeper", &[2181, 2888, 3888], &["zookeeper"], &[]),
    of("MySQL", &[3306, 33060], &["mysql", "mariadb", "percona", "proxysql", "galera"], &[3306]),
    of("NATS", &[4222, 6222], &["nats"], &[4222, 6222]),
    of(
        "PostgreSQL",
        &[5432],
        &["postgres", "postgresql", "postgis", "timescaledb", "pgbouncer", "pgpool", "pgvector", "spilo", "citus"],
        &[],
    ),
    of("AMQP", &[5671, 5672], &["amqp", "rabbitmq", "activemq", "artemis", "qpid"], &[]),
    of("Redis", &[6379, 16379, 26379], &["redis", "valkey", "keydb", "dragonfly", "kvrocks", "sentinel"], &[]),
    WellKnownPort {
        protocol: "Cassandra",
        numbers: &[7000, 7001, 9042],
        images: &["cassandra", "scylla", "scylladb", "dse"],
        server_first: &[],
        shared: &[7000, 7001],
    },
    WellKnownPort {
        protocol: "Kafka",
        numbers: &[9092, 9093, 9094],
        images: &["kafka", "redpanda"],
        server_first: &[],
        shared: &[9093, 9094],
    },
    of("Elasticsearch transport", &[9300], &["elasticsearch", "opensearch"], &[]),
    of("RocketMQ", &[9876, 10911], &["rocketmq"], &[]),
    of("memcached", &[11211], &["memcached"], &[]),
    of("Dubbo", &[20880], &["dubbo"], &[]),
    of("CockroachDB", &[26257], &["cockroach", "cockroachdb"], &[]),
    of("MongoDB", &[27017, 27018, 27019], &["mongo", "mongodb", "ferretdb"], &[]),
    of("OpenWire", &[61616], &["activemq", "artemis"], &[]),
];

/// Words of images that speak HTTP about another program, whatever else their names say.
const ABOUT_OTHERS: &[&str] = &["exporter", "admin", "ui", "commander", "dashboard", "console", "operator", "backup"];

impl WellKnownPort {
    /// What a number belongs to.
    pub fn of(number: i64) -> Option<&'static WellKnownPort> {
        TABLE.iter().find(|known| known.numbers.contains(&number))
    }

    /// True when a server speaks first on this port: a proxy that waits for the client's bytes waits in vain.
    pub fn is_server_first(&self, number: i64) -> bool {
        self.server_first.contains(&number)
    }

    /// True when the number by itself says little, because other programs use it too.
    pub fn is_shared(&self, number: i64) -> bool {
        self.shared.contains(&number)
    }

    /// True when the container's image is a program that speaks the protocol: `bitnami/redis-cluster:7` speaks Redis.
    pub fn is_spoken_by(&self, container: Container<'_>) -> bool {
        let words = image_words(container.image());
        words.iter().any(|word| self.images.contains(&word.as_str()))
            && !words.iter().any(|word| ABOUT_OTHERS.contains(&word.as_str()))
    }
}

/// The words of the last two parts of an image's path, in lower case; the registry, the tag and the digest say nothing.
pub fn image_words(image: &str) -> Vec<String> {
    let path = image.split('@').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let is_registry = |(i, part): &(usize, &&str)| *i == 0 && parts.len() > 1 && part.contains(['.', ':']);
    let own = parts.iter().enumerate().filter(|part| !is_registry(part)).map(|(_, part)| *part);
    let own: Vec<&str> = own.collect();
    let last = &own[own.len().saturating_sub(2)..];
    let words = last.iter().map(|part| part.split(':').next().unwrap_or_default());
    words.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric())).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_once() {
        let mut numbers: Vec<i64> = TABLE.iter().flat_map(|known| known.numbers).copied().collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
        for known in TABLE {
            assert!(known.server_first.iter().chain(known.shared).all(|number| known.numbers.contains(number)));
        }
    }

    #[test]
    fn images_have_words() {
        assert_eq!(image_words("registry.example:5000/data/redis-cluster:7@sha256:0"), ["data", "redis", "cluster"]);
        assert_eq!(image_words("postgres"), ["postgres"]);
        assert_eq!(image_words("postgres.example/shop/api:1"), ["shop", "api"]);
    }
}
