//! Containers of a pod: how they start, what they listen on, how they are probed.

use super::field::Field;

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An ordinary container, or a native sidecar: an init container that stays.
    App,
    /// An init container that ends before the others start.
    Init,
    /// A debugging container.
    Ephemeral,
}

/// A container of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    /// Its node.
    pub field: Field<'a>,
    /// What it is for.
    pub role: Role,
}

/// A probe or a lifecycle hook of a container.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// Its key: `readinessProbe`, `livenessProbe`, `startupProbe`, `postStart` or `preStop`.
    pub name: &'static str,
    /// Its node.
    pub field: Field<'a>,
}

impl<'a> Probe<'a> {
    /// How it asks: `httpGet`, `tcpSocket`, `grpc` or `exec`, and that node.
    pub fn handler(self) -> Option<(&'static str, Field<'a>)> {
        ["httpGet", "tcpSocket", "grpc", "exec"].into_iter().find_map(|name| Some((name, self.field.get(name)?)))
    }

    /// The port it asks, a number or a name.
    pub fn port(self) -> Option<Field<'a>> {
        self.handler()?.1.get("port")
    }
}

impl<'a> Container<'a> {
    /// Its name, "" without one.
    pub fn name(self) -> &'a str {
        self.field.text_at(&["name"])
    }

    /// Its image, "" without one.
    pub fn image(self) -> &'a str {
        self.field.text_at(&["image"])
    }

    /// The last part of its image's path, without tag and digest: `envoy` of `docker.io/envoyproxy/envoy:v1.30`.
    pub fn image_name(self) -> &'a str {
        let last = self.image().split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }

    /// True for an init container that stays.
    pub fn is_native_sidecar(self) -> bool {
        self.role == Role::App && self.field.text_at(&["restartPolicy"]) == "Always"
    }

    /// Its declared ports.
    pub fn ports(self) -> impl Iterator<Item = Field<'a>> {
        self.field.get("ports").into_iter().flat_map(Field::items)
    }

    /// Its environment variables that stand in the manifest: name, and the entry with `value` or `valueFrom`.
    pub fn env(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let entries = self.field.get("env").into_iter().flat_map(Field::items);
        entries.map(|entry| (entry.text_at(&["name"]), entry))
    }

    /// The words of `command`.
    pub fn command(self) -> impl Iterator<Item = Field<'a>> {
        self.field.get("command").into_iter().flat_map(Field::items)
    }

    /// The words of `args`.
    pub fn args(self) -> impl Iterator<Item = Field<'a>> {
        self.field.get("args").into_iter().flat_map(Field::items)
    }

    /// Its probes: readiness, liveness, startup.
    pub fn probes(self) -> impl Iterator<Item = Probe<'a>> {
        let names = ["readinessProbe", "livenessProbe", "startupProbe"];
        names.into_iter().filter_map(move |name| Some(Probe { name, field: self.field.get(name)? }))
    }

    /// Its lifecycle hooks.
    pub fn hooks(self) -> impl Iterator<Item = Probe<'a>> {
        let names = ["postStart", "preStop"];
        names.into_iter().filter_map(move |name| Some(Probe { name, field: self.field.at(&["lifecycle", name])? }))
    }
}
