//! The resources of a case's files, and where each goes: no two cases meet in a namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshfix::yaml;
use serde_json::{Map, Value, json};

use super::client::text;

/// What a case's files hold.
pub(crate) struct Read {
    pub(crate) resources: Vec<Resource>,
    /// Documents that are no YAML (templates, broken ones) or no resource (values, patches without a kind).
    pub(crate) others: usize,
}

/// A resource as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) file: String,
    pub(crate) value: Value,
}

/// A resource before and after a fix. `copy` tells resources of one name apart, as overlays and examples have them:
/// they are alternatives, which never meet in a cluster. A folder's files meet as far as no name is there twice.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) before: Option<Resource>,
    pub(crate) after: Option<Resource>,
    pub(crate) copy: usize,
}

impl Pair {
    pub(crate) fn is_namespace(&self) -> bool {
        self.before.iter().chain(&self.after).any(|one| one.kind() == "Namespace")
    }
}

/// The resources of all files, those in Lists too.
pub(crate) fn read(files: &[(String, String)]) -> Read {
    let mut read = Read { resources: Vec::new(), others: 0 };
    for (file, content) in files {
        let content: Arc<str> = content.as_str().into();
        for slice in yaml::slices(&content) {
            match yaml::parse(&content, slice) {
                Ok(None) => {}
                Ok(Some(document)) => match yaml::value(&document) {
                    Ok(value) => read.add(file, value),
                    Err(_) => read.others += 1,
                },
                Err(_) => read.others += 1,
            }
        }
    }
    read
}

impl Read {
    fn add(&mut self, file: &str, mut value: Value) {
        let kind = text(&value, "/kind").to_owned();
        if let Some(item_kind) = kind.strip_suffix("List")
            && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
        {
            for mut item in items {
                // The items of a `DeploymentList` need not say what they are.
                if let Some(item) = item.as_object_mut().filter(|_| !item_kind.is_empty()) {
                    item.entry("kind").or_insert_with(|| item_kind.into());
                    item.entry("apiVersion").or_insert_with(|| value["apiVersion"].clone());
                }
                self.add(file, item);
            }
        } else if kind.is_empty() || text(&value, "/apiVersion").is_empty() || !value["metadata"].is_object() {
            self.others += 1;
        } else {
            self.resources.push(Resource { file: file.to_owned(), value });
        }
    }
}

impl Resource {
    pub(crate) fn api_version(&self) -> &str {
        text(&self.value, "/apiVersion")
    }

    pub(crate) fn kind(&self) -> &str {
        text(&self.value, "/kind")
    }

    /// The name; for a resource that the server is to name, what the name starts with.
    pub(crate) fn name(&self) -> &str {
        let name = text(&self.value, "/metadata/name");
        if name.is_empty() { text(&self.value, "/metadata/generateName") } else { name }
    }

    pub(crate) fn namespace(&self) -> &str {
        let namespace = text(&self.value, "/metadata/namespace");
        if namespace.is_empty() { "default" } else { namespace }
    }

    fn id(&self) -> (String, String, String) {
        (self.kind().to_owned(), self.namespace().to_owned(), self.name().to_owned())
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}/{}", self.file, self.kind(), self.namespace(), self.name())
    }
}

/// The prefix of a namespace on the server, and its name in the case.
pub(crate) fn own_name(on_server: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = on_server.split_once('-')?;
    Some((prefix, rest.split_once('-')?.1))
}

/// Each resource before with what became of it, then what is new. Namespaces come first, as others need them.
pub(crate) fn pair(before: Vec<Resource>, after: Vec<Resource>) -> Vec<Pair> {
    let copies = copies(&before);
    let mut pairs: Vec<Pair> =
        before.into_iter().zip(copies).map(|(one, copy)| Pair { before: Some(one), after: None, copy }).collect();
    let mut new: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for resource in after {
        let is_its_before = |pair: &&mut Pair| {
            let before = pair.before.as_ref().filter(|_| pair.after.is_none());
            before.is_some_and(|before| before.file == resource.file && before.id() == resource.id())
        };
        match pairs.iter_mut().find(is_its_before) {
            Some(pair) => pair.after = Some(resource),
            None => new.entry(resource.file.clone()).or_default().push(resource),
        }
    }
    let placed: Vec<Pair> = new
        .into_iter()
        .flat_map(|(file, resources)| {
            let copy = copy_beside(&pairs, &file, &resources);
            resources.into_iter().map(move |one| Pair { before: None, after: Some(one), copy })
        })
        .collect();
    // A Gateway is needed in the copy of each route that names it.
    for pair in &placed {
        let Some(new) = pair.after.as_ref() else { continue };
        let is_its_route = |other: &&Pair| {
            other.after.as_ref().is_some_and(|other| {
                folder(&other.file) == folder(&new.file) && names_gateway(&other.value["spec"], new)
            })
        };
        let is_gateway = |_: &&Pair| new.kind() == "Gateway";
        let routes = placed.iter().filter(is_gateway).filter(is_its_route);
        let mut copies: BTreeSet<usize> = routes.map(|route| route.copy).collect();
        if copies.is_empty() {
            copies.insert(pair.copy);
        }
        pairs.extend(copies.into_iter().map(|copy| Pair { copy, ..pair.clone() }));
    }
    pairs.sort_by_key(|pair| !pair.is_namespace());
    pairs
}

/// Which copy each resource belongs to. A folder goes to the first copy that has none of its names; where one of them
/// is in the folder twice, each file does, or else each resource.
fn copies(resources: &[Resource]) -> Vec<usize> {
    let is_alone = |members: &[usize]| {
        let mut names = BTreeSet::new();
        members.iter().filter(|i| resources[**i].kind() != "Namespace").all(|i| names.insert(resources[*i].id()))
    };
    let mut units = Vec::new();
    for folder in groups(0..resources.len(), |i| folder(&resources[i].file)) {
        if is_alone(&folder) {
            units.push(folder);
            continue;
        }
        for file in groups(folder.into_iter(), |i| &resources[i].file) {
            if is_alone(&file) { units.push(file) } else { units.extend(file.into_iter().map(|i| vec![i])) }
        }
    }
    let mut taken = BTreeSet::new();
    let mut copies = vec![0; resources.len()];
    for unit in units {
        let names: Vec<_> = unit.iter().map(|i| resources[*i].id()).filter(|id| id.0 != "Namespace").collect();
        let is_free = |copy: &usize| !names.iter().any(|name| taken.contains(&(*copy, name.clone())));
        let copy = (0..).find(is_free).expect("some copy is free");
        taken.extend(names.into_iter().map(|name| (copy, name)));
        unit.iter().for_each(|i| copies[*i] = copy);
    }
    copies
}

/// The copy of what stands beside new resources of a file: in the same file, or else in the same folder, and of
/// several the Service that the new ones name.
fn copy_beside(pairs: &[Pair], file: &str, new: &[Resource]) -> usize {
    let old = |wanted: &dyn Fn(&Resource) -> bool| -> Vec<(usize, &Resource)> {
        let old = pairs.iter().filter_map(|pair| Some((pair.copy, pair.before.as_ref()?)));
        old.filter(|(_, resource)| wanted(resource)).collect()
    };
    let mut beside = old(&|resource| resource.file == file);
    if beside.is_empty() {
        beside = old(&|resource| folder(&resource.file) == folder(file));
    }
    let named = |resource: &Resource| new.iter().any(|new| names(&new.value["spec"], resource.name()));
    let service = beside.iter().filter(|(_, one)| one.kind() == "Service" && named(one)).map(|(copy, _)| *copy).min();
    service.or_else(|| beside.iter().map(|(copy, _)| *copy).min()).unwrap_or_default()
}

/// Whether a text in `value` is the name of `gateway`, with its namespace or without.
fn names_gateway(value: &Value, gateway: &Resource) -> bool {
    match value {
        Value::String(text) => text.rsplit('/').next() == Some(gateway.name()),
        Value::Array(items) => items.iter().any(|item| names_gateway(item, gateway)),
        Value::Object(fields) => fields.values().any(|field| names_gateway(field, gateway)),
        _ => false,
    }
}

/// Whether a text in `value` is a Service's name, or begins with it as a host name does.
fn names(value: &Value, service: &str) -> bool {
    match value {
        Value::String(text) => text.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        Value::Array(items) => items.iter().any(|item| names(item, service)),
        Value::Object(fields) => fields.values().any(|field| names(field, service)),
        _ => false,
    }
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The numbers with one key each, in the order of keys.
fn groups<'a>(numbers: impl Iterator<Item = usize>, key: impl Fn(usize) -> &'a str) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    numbers.for_each(|i| groups.entry(key(i)).or_default().push(i));
    groups.into_values().collect()
}

/// The namespaces of one case in one phase. On the server `shop` is `t7-0-shop`.
pub(crate) struct Space {
    /// What tells this case and phase from all others.
    prefix: String,
    /// The case's namespaces, by the names that its files know.
    names: BTreeSet<String>,
}

impl Space {
    pub(crate) fn new(prefix: String, pairs: &[Pair]) -> Space {
        let names = pairs.iter().flat_map(|pair| pair.before.iter().chain(&pair.after));
        let names = names.map(|one| if one.kind() == "Namespace" { one.name() } else { one.namespace() });
        let names = names.map(str::to_owned).collect();
        Space { prefix, names }
    }

    /// The resource as it goes to the server: in namespaces of its own, and with references that follow.
    pub(crate) fn place(&self, resource: &Resource, copy: usize) -> Value {
        let mut value = resource.value.clone();
        let references = resource.api_version().contains("istio.io/") || resource.api_version().contains("gateway.");
        self.follow(&mut value, copy, references);
        let Some(metadata) = value["metadata"].as_object_mut() else { return value };
        if resource.kind() == "Namespace" {
            metadata.insert("name".to_owned(), self.rename(resource.name(), copy).into());
        } else {
            metadata.insert("namespace".to_owned(), self.rename(resource.namespace(), copy).into());
        }
        value
    }

    /// The namespace that a placed resource needs, in the mesh as most fixtures mean it.
    pub(crate) fn namespace(&self, placed: &Value) -> Value {
        let labels = json!({"istio-injection": "enabled"});
        let name = text(placed, "/metadata/namespace");
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    }

    fn rename(&self, name: &str, copy: usize) -> String {
        let name: String = format!("{}-{copy}-{name}", self.prefix).chars().take(63).collect();
        name.trim_end_matches('-').to_owned()
    }

    /// Renames namespaces where one resource names another's: `namespace: shop`, `web.shop.svc`, `shop/gateway`.
    fn follow(&self, value: &mut Value, copy: usize, references: bool) {
        match value {
            Value::Object(fields) => self.follow_fields(fields, copy, references),
            Value::Array(items) => items.iter_mut().for_each(|item| self.follow(item, copy, references)),
            Value::String(string) if references => {
                for name in &self.names {
                    let renamed = self.rename(name, copy);
                    *string = string.replace(&format!(".{name}.svc"), &format!(".{renamed}.svc"));
                    if let Some(rest) = string.strip_prefix(&format!("{name}/")) {
                        *string = format!("{renamed}/{rest}");
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    fn follow_fields(&self, fields: &mut Map<String, Value>, copy: usize, references: bool) {
        for (key, value) in fields {
            let named = value.as_str().filter(|name| key == "namespace" && self.names.contains(*name));
            match named.map(|name| self.rename(name, copy)) {
                Some(renamed) => *value = renamed.into(),
                None => self.follow(value, copy, references),
            }
        }
    }
}

/// Resources of one name are copies; what stands beside them, old or new, is in the same copy.
pub(super) fn alternatives_never_meet() -> Result<(), libtest_mimic::Failed> {
    let service = |name: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}}}\n---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n"
        )
    };
    let route = |host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: new}}\nspec: {{gateways: [gate], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}\n"
        )
    };
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gate}\nspec: {}\n";
    let file = |name: &str, text: String| (name.to_owned(), text);
    let before = vec![
        file("apples/service.yaml", service("shop")),
        file("pears/one.yaml", service("shop")),
        file("pears/two.yaml", service("bank")),
        file("plums/blue.yaml", service("stall")),
        file("plums/red.yaml", service("stall")),
    ];
    let new = vec![
        file("apples/new.yaml", route("shop.default.svc.cluster.local")),
        file("pears/new.yaml", route("shop")),
        file("pears/gate.yaml", gateway.to_owned()),
        file("plums/red-new.yaml", route("stall")),
        file("plums/red.yaml", service("stall") + "---\n" + &route("bank")),
    ];
    let after: Vec<(String, String)> =
        before.iter().filter(|(name, _)| name != "plums/red.yaml").chain(&new).cloned().collect();
    let pairs = pair(read(&before).resources, read(&after).resources);
    let found: BTreeMap<String, usize> = pairs
        .iter()
        .filter_map(|pair| Some((pair.after.as_ref()?, pair.copy)))
        .filter(|(one, _)| one.kind() != "ConfigMap")
        .map(|(one, copy)| (format!("{} {}", one.file, one.kind()), copy))
        .collect();
    let expected = [
        ("apples/new.yaml VirtualService", 0),
        ("apples/service.yaml Service", 0),
        ("pears/gate.yaml Gateway", 1),
        ("pears/new.yaml VirtualService", 1),
        ("pears/one.yaml Service", 1),
        ("pears/two.yaml Service", 1),
        ("plums/blue.yaml Service", 0),
        ("plums/red-new.yaml VirtualService", 0),
        ("plums/red.yaml Service", 1),
        ("plums/red.yaml VirtualService", 1),
    ];
    if !found.iter().map(|(name, copy)| (name.as_str(), *copy)).eq(expected) {
        return Err(format!("{found:#?}").into());
    }
    Ok(())
}
