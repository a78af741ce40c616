//! Service registries, and how manifests show that a program uses one.

use crate::manifest::{Container, Setting};

/// A service registry. Names of settings are plain: words joined, in lower case.
#[derive(Debug)]
pub(super) struct Registry {
    /// What people call it.
    pub(super) name: &'static str,
    /// What settings of its discovery client start with.
    clients: &'static [&'static str],
    /// What settings of its configuration centre start with.
    config: &'static [&'static str],
    /// What URLs and choices of a registry call it.
    schemes: &'static [&'static str],
    /// Last parts of the images that run it, or folders of images.
    images: &'static [&'static str],
    /// What turns its client off (plain names).
    off: &'static [&'static str],
    /// The variable to write for that.
    pub(super) switch: Option<&'static str>,
}

/// The registries that Java, Go and Dubbo applications use most (the settings are those of Spring Cloud, Dubbo, Apache
/// ServiceComb and of each registry's own client).
pub(super) const REGISTRIES: &[Registry] = &[
    Registry {
        name: "Eureka",
        clients: &["eurekaclient", "eurekainstance"],
        config: &[],
        schemes: &["eureka"],
        images: &["eureka", "eureka-server"],
        off: &["eurekaclientenabled"],
        switch: Some("EUREKA_CLIENT_ENABLED"),
    },
    Registry {
        name: "Nacos",
        clients: &[
            "springcloudnacosdiscovery",
            "springcloudnacosserveraddr",
            "nacosserveraddr",
            "nacosaddr",
            "nacosdiscovery",
        ],
        config: &["springcloudnacosconfig", "nacosconfig"],
        schemes: &["nacos"],
        images: &["nacos-server"],
        off: &["springcloudnacosdiscoveryenabled"],
        switch: Some("SPRING_CLOUD_NACOS_DISCOVERY_ENABLED"),
    },
    Registry {
        name: "Consul",
        clients: &["springcloudconsulhost", "springcloudconsulport", "springcloudconsuldiscovery", "consulhttpaddr"],
        config: &["springcloudconsulconfig"],
        schemes: &["consul"],
        images: &["consul"],
        off: &["springcloudconsuldiscoveryenabled", "springcloudconsulenabled"],
        switch: Some("SPRING_CLOUD_CONSUL_DISCOVERY_ENABLED"),
    },
    Registry {
        name: "ZooKeeper",
        clients: &["springcloudzookeeperconnectstring", "springcloudzookeeperdiscovery"],
        config: &["springcloudzookeeperconfig"],
        schemes: &["zookeeper"],
        // A ZooKeeper alone serves Kafka, HBase and others.
        images: &[],
        off: &["springcloudzookeeperdiscoveryenabled", "springcloudzookeeperenabled"],
        switch: Some("SPRING_CLOUD_ZOOKEEPER_DISCOVERY_ENABLED"),
    },
    Registry {
        name: "etcd",
        clients: &[],
        config: &[],
        schemes: &["etcd", "etcd3", "etcdv3"],
        images: &[],
        off: &[],
        switch: None,
    },
    Registry {
        name: "Polaris",
        clients: &[
            "springcloudpolarisaddress",
            "springcloudpolarisdiscovery",
            "polarisaddress",
            "polarisserveraddress",
        ],
        config: &["springcloudpolarisconfig"],
        schemes: &["polaris"],
        images: &["polarismesh/"],
        off: &["springcloudpolarisdiscoveryenabled", "springcloudpolarisenabled"],
        switch: Some("SPRING_CLOUD_POLARIS_DISCOVERY_ENABLED"),
    },
    Registry {
        name: "ServiceComb",
        clients: &[
            "servicecombregistry",
            "servicecombserviceregistry",
            "servicecombscaddr",
            "springcloudservicecombdiscovery",
        ],
        config: &["servicecombconfig"],
        schemes: &[],
        images: &["service-center"],
        off: &["springcloudservicecombdiscoveryenabled"],
        switch: None,
    },
    Registry {
        name: "Apollo",
        clients: &[],
        config: &["apollometa", "apollobootstrap", "apolloconfigservice"],
        schemes: &[],
        images: &[],
        off: &[],
        switch: None,
    },
];

/// What a setting shows of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// The program finds other programs by it.
    Discovery,
    /// The program gets its configuration from it.
    Configuration,
}

impl Registry {
    /// What a setting shows, if it shows something.
    pub(super) fn evidence(&self, setting: &Setting) -> Option<Evidence> {
        let name = setting.plain_name();
        let starts = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
        let value = setting.value.trim();
        if starts(self.config) {
            return Some(Evidence::Configuration);
        }
        if self.is_spring_client(setting) {
            return Some(Evidence::Discovery);
        }
        let is_scheme = |text: &str| self.schemes.contains(&text);
        let by_url =
            value.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme.trim_start_matches(['"', '\''])));
        let is_choice = matches!(name, "registry" | "microregistry" | "serviceregistry") && is_scheme(value);
        if by_url && ["configcenter", "metadatareport"].iter().any(|part| name.contains(part)) {
            return Some(Evidence::Configuration);
        }
        (is_choice || by_url && name.contains("registr")).then_some(Evidence::Discovery)
    }

    /// True when a setting is one of the discovery client, as Spring Cloud has it; a URL of Dubbo's is not.
    pub(super) fn is_spring_client(&self, setting: &Setting) -> bool {
        let name = setting.plain_name();
        self.clients.iter().any(|start| name.starts_with(start))
    }

    /// True when a setting turns the client off.
    pub(super) fn is_turned_off(&self, setting: &Setting) -> bool {
        let name = setting.plain_name();
        let is_off = self.off.contains(&name) || name == "springclouddiscoveryenabled";
        is_off && setting.value.trim().eq_ignore_ascii_case("false")
    }

    /// True when the container runs the registry itself.
    pub(super) fn runs_in(&self, container: Container<'_>) -> bool {
        let is_its_own = |image: &str| match image.strip_suffix('/') {
            Some(folder) => container.image().split('/').any(|part| part == folder),
            None => container.image_name() == image,
        };
        self.images.iter().any(|image| is_its_own(image))
    }
}
