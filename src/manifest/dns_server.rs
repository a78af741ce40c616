//! Pods that answer DNS queries themselves: both DNS rules leave them alone.

use super::container::Container;
use super::field::Field;
use super::workload::Workload;

/// Programs that serve DNS, as words of an image's last part.
const SERVERS: &[&str] = &[
    "coredns",
    "bind",
    "bind9",
    "named",
    "unbound",
    "dnsmasq",
    "pihole",
    "adguard",
    "adguardhome",
    "powerdns",
    "pdns",
];

/// True for a pod whose image, labels, ports or mounts show a DNS server.
pub(super) fn is_dns_server(workload: Workload<'_>) -> bool {
    let labelled = workload.pod_label("k8s-app") == Some("kube-dns") || workload.label("k8s-app") == Some("kube-dns");
    labelled || workload.containers().any(|container| serves_dns(container)) || mounts_corefile(workload)
}

fn serves_dns(container: Container<'_>) -> bool {
    let image = container.image().split('@').next().unwrap_or_default();
    // The image's name and the folder above it; a registry's name says nothing.
    let parts = image.rsplit('/').take(2).map(|part| part.split(':').next().unwrap_or_default());
    let named = parts.flat_map(|part| part.split(['-', '_', '.'])).any(|word| SERVERS.contains(&word));
    let mut ports = container.field.get("ports").into_iter().flat_map(Field::items);
    // A pod that is called just that, whatever its image.
    named
        || SERVERS.contains(&container.name())
        || ports.any(|port| {
            port.get("containerPort").and_then(|number| number.as_i64()) == Some(53)
                && port.text_at(&["protocol"]) == "UDP"
        })
}

fn mounts_corefile(workload: Workload<'_>) -> bool {
    let volumes = workload.pod.get("volumes").into_iter().flat_map(Field::items);
    let mut items = volumes.flat_map(|volume| volume.at(&["configMap", "items"]).into_iter().flat_map(Field::items));
    items.any(|item| item.text_at(&["key"]) == "Corefile")
        || workload.containers().any(|container| {
            let mut mounts = container.field.get("volumeMounts").into_iter().flat_map(Field::items);
            mounts.any(|mount| {
                mount.text_at(&["mountPath"]).ends_with("Corefile") || mount.text_at(&["subPath"]) == "Corefile"
            })
        })
}
