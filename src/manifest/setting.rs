//! What a workload's programs are told: environment, command lines, and the ConfigMaps they read.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::config_map::ConfigMapUseKind;
use super::container::Container;
use super::field::{Field, NodeId};
use super::inventory::Inventory;
use super::listening::{key, words};
use super::resource::ResourceId;
use super::workload::Workload;
use crate::yaml::{self, Node};

/// A name with its value, as a program gets it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The name as it stands: `EUREKA_CLIENT_ENABLED`, `spring.application.name`, `--registry`.
    pub name: String,
    /// The value; "" where it comes from somewhere else.
    pub value: String,
    /// The scalar that holds it.
    pub at: NodeId,
    /// The value in that scalar's value, in bytes.
    pub range: Range<usize>,
    /// The ConfigMap that holds it; `None` for the workload's own manifest.
    pub config_map: Option<ResourceId>,
    plain_name: OnceCell<String>,
}

impl Setting {
    /// The name's words as one, in lower case: the same for `EUREKA_CLIENT_SERVICEURL`, `eureka.client.serviceUrl` and
    /// `eureka.client.service-url`, which Spring takes for one name.
    pub fn plain_name(&self) -> &str {
        self.plain_name.get_or_init(|| key::words(&self.name).concat())
    }
}

impl Inventory<'_> {
    /// The settings of a workload's own containers: their environment, their command lines, the flags inside variables
    /// such as `JAVA_OPTS`, and the ConfigMaps that they read.
    pub fn settings_of(&self, workload: Workload<'_>) -> Rc<[Setting]> {
        if let Some(known) = self.settings.borrow().get(&workload.id) {
            return Rc::clone(known);
        }
        let found: Rc<[Setting]> = self.read_settings(workload).into();
        self.settings.borrow_mut().insert(workload.id, Rc::clone(&found));
        found
    }

    fn read_settings(&self, workload: Workload<'_>) -> Vec<Setting> {
        let mut reader = Reader { config_map: None, found: Vec::new() };
        for container in self.own_containers(workload) {
            for (name, entry) in container.env() {
                match entry.get("value") {
                    Some(value) => reader.variable(name, value),
                    None => reader.add(name, "", entry.get("name").unwrap_or(entry), 0..name.len()),
                }
            }
            reader.command_line(container);
        }
        for usage in self.config_maps_of(workload) {
            reader.config_map = Some(usage.id);
            for (key, value) in usage.entries() {
                match &usage.how {
                    ConfigMapUseKind::EnvFrom { prefix, .. } => reader.variable(&format!("{prefix}{key}"), value),
                    ConfigMapUseKind::EnvKey { name, .. } => reader.variable(name, value),
                    ConfigMapUseKind::Volume { .. } => reader.file(&key, value),
                }
            }
        }
        reader.found
    }
}

struct Reader {
    config_map: Option<ResourceId>,
    found: Vec<Setting>,
}

impl Reader {
    fn add(&mut self, name: &str, value: &str, at: Field<'_>, range: Range<usize>) {
        let (name, value, at) = (name.to_owned(), value.to_owned(), at.id());
        self.found.push(Setting { name, value, at, range, config_map: self.config_map, plain_name: OnceCell::new() });
    }

    fn variable(&mut self, name: &str, field: Field<'_>) {
        let Some(value) = field.text() else { return };
        self.add(name, value, field, 0..value.len());
        // Java's flags, and properties as one variable.
        if value.contains('=') {
            self.words(&[(field, value)]);
        }
    }

    fn command_line(&mut self, container: Container<'_>) {
        let words = container.command().chain(container.args());
        self.words(&words.filter_map(|field| Some((field, field.text()?))).collect::<Vec<_>>());
    }

    fn words(&mut self, texts: &[(Field<'_>, &str)]) {
        let lines: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
        for setting in words::settings(&lines) {
            let (field, text) = texts[setting.text];
            self.add(setting.name, &text[setting.value.clone()], field, setting.value);
        }
    }

    fn file(&mut self, name: &str, field: Field<'_>) {
        let Some(text) = field.text() else { return };
        let structured = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        if structured && self.structure(field, text) {
            return;
        }
        let mut from = 0;
        for line in text.split_inclusive('\n') {
            let start = from + line.len() - line.trim_start().len();
            from += line.len();
            let content = line.trim();
            let sign = content.find(['=', ':']).filter(|_| !content.starts_with(['#', '!', ';']));
            let Some((name, value)) = sign.map(|at| (content[..at].trim_end(), &content[at + 1..])) else { continue };
            let is_name = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
            if !name.is_empty() && name.chars().all(is_name) {
                let at = start + content.len() - value.trim_start().len();
                self.add(name, value.trim(), field, at..at + value.trim().len());
            } else {
                for setting in words::settings(&[content]) {
                    let value = &content[setting.value.clone()];
                    self.add(setting.name, value, field, start + setting.value.start..start + setting.value.end);
                }
            }
        }
    }

    /// The leaves of a YAML or JSON file; false when it can't be read as such.
    fn structure(&mut self, field: Field<'_>, text: &str) -> bool {
        let text: Arc<str> = text.into();
        for slice in yaml::slices(&text) {
            match yaml::parse(&text, slice) {
                Ok(Some(document)) => self.leaves(field, document.root(), &mut Vec::new()),
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn leaves(&mut self, field: Field<'_>, node: Node<'_>, path: &mut Vec<String>) {
        if node.kind().is_mapping() {
            for (key, value) in node.entries() {
                path.push(key.into_owned());
                self.leaves(field, value, path);
                path.pop();
            }
        } else if node.kind().is_sequence() {
            node.items().for_each(|item| self.leaves(field, item, path));
        } else if let Some(value) = node.text() {
            self.add(&path.join("."), value, field, node.span().range());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;
    use crate::config::Options;

    #[test]
    fn settings_come_from_everywhere_with_their_places() {
        let text = "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      args: [--registry=consul]
      env:
        - {name: JAVA_OPTS, value: -Xmx1g -Deureka.client.enabled=false}
      volumeMounts: [{name: files, mountPath: /etc/web}]
  volumes: [{name: files, configMap: {name: files}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: files}
data:
  app.properties: |
    # first
    dubbo.registry.address = nacos://nacos:8848
  application.yml: |
    spring:
      cloud: {nacos: {discovery: {server-addr: 'nacos:8848'}}}
    ---
    server: {port: 8080}
";
        let files = [SourceFile::read("web.yaml".to_owned(), text.into(), None).expect("a manifest")];
        let options = Options::default();
        let inventory = Inventory::new(&files, &options);
        let workload = inventory.workloads().next().expect("one");
        let settings = inventory.settings_of(workload);
        let found: Vec<(&str, &str, &str)> = settings
            .iter()
            .map(|setting| {
                let loc = inventory.field(setting.at).expect("there").loc_of(setting.range.clone());
                (setting.name.as_str(), setting.value.as_str(), &text[loc.span.range()])
            })
            .filter(|(name, ..)| !name.is_empty() && *name != "JAVA_OPTS")
            .collect();
        assert_eq!(
            found,
            [
                ("eureka.client.enabled", "false", "false"),
                ("--registry", "consul", "consul"),
                ("dubbo.registry.address", "nacos://nacos:8848", "nacos://nacos:8848"),
                ("spring.cloud.nacos.discovery.server-addr", "nacos:8848", "'nacos:8848'"),
                ("server.port", "8080", "8080"),
            ]
        );
        assert_eq!(settings[0].plain_name(), "javaopts");
        assert_eq!(settings.last().map(Setting::plain_name), Some("serverport"));
    }
}
