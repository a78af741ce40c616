//! The two sides of a VirtualService.

use serde_json::{Value, json};

use crate::manifest::{Field, VirtualService};
use crate::rule::{Change, Context};
use crate::transforms::exposed_service::bounded;

/// Beginnings of annotations that are about one resource.
const OF_ONE: &[&str] = &["kubectl.kubernetes.io/", "argocd.argoproj.io/", "meshfix.dev/", "meta.helm.sh/"];

/// The lists of a VirtualService's rules.
const RULES: [&str; 3] = ["http", "tls", "tcp"];

/// What parts the VirtualService: its title, and the change.
///
/// # Errors
/// Why it can't be parted.
pub(super) fn split(cx: &Context<'_>, one: VirtualService<'_>) -> Result<(String, Change), String> {
    let inventory = cx.inventory;
    let own = inventory.resource(one.id).name.clone();
    let name = bounded(&format!("{}{}", own.name, cx.options.exposed_service.suffix));
    let taken = inventory
        .virtual_services()
        .any(|other| inventory.resource(other.id).name.name == name && inventory.share_a_namespace(other.id, one.id));
    if taken {
        return Err(format!(
            "a VirtualService `{name}` is there already; part it by hand, or set `rules.exposed-service.suffix`"
        ));
    }
    if let Some(kustomization) = inventory.renamer(one.id) {
        return Err(format!("{} gives it another name: part it by hand", inventory.file_name(kustomization)));
    }
    let sets_sides = |patch: Field<'_>| {
        let spec = patch.get("spec");
        ["gateways", "hosts"].iter().chain(&RULES).any(|key| spec.is_some_and(|spec| spec.get(key).is_some()))
    };
    let patches =
        inventory.patches_with(one.id, sets_sides, |text| ["gateways", "hosts"].iter().any(|key| text.contains(key)));
    if let Some(patch) = patches.into_iter().next() {
        return Err(format!(
            "{} patches its hosts or gateways: part it together with the patch",
            inventory.file_name(patch)
        ));
    }
    if one.hosts().any(|host| host.text() == Some("*")) {
        return Err("`*` can't be a host inside the mesh: say which hosts are for the gateway".to_owned());
    }
    let is_mesh = |gateway: Field<'_>| gateway.text() == Some("mesh");
    let was_inside = one.root.at(&["spec", "gateways"]).is_some_and(|gateways| gateways.items().any(is_mesh));
    if !was_inside && one.http().any(|rule| rule.get("redirect").is_some()) {
        return Err("it redirects clients of the gateway, and the same rule would redirect calls inside the mesh: part it by hand".to_owned());
    }
    let (internal, public): (Vec<Field<'_>>, Vec<Field<'_>>) =
        one.hosts().partition(|host| host.text().is_some_and(|host| inventory.is_cluster_host(host)));
    if public.is_empty() {
        return Err("none of its hosts is a public name: say which one the gateway is to serve".to_owned());
    }
    let mut value = one.root.value().ok_or("its value can't be read")?;
    let mut change = Change::default();
    inner(cx, one, &internal, &public, &mut change)?;
    outer(&mut value, &name, &public)?;
    change.create(inventory, one.id, &format!("{name}.yaml"), value)?;
    Ok((format!("leave `{}` to the mesh, and make `{name}` for the gateways", own.name), change))
}

/// The side of the mesh: the same resource without `gateways`, and without rules that are for gateways only.
fn inner(
    cx: &Context<'_>,
    one: VirtualService<'_>,
    internal: &[Field<'_>],
    public: &[Field<'_>],
    change: &mut Change,
) -> Result<(), String> {
    one.root.at(&["spec", "gateways"]).into_iter().for_each(|gateways| change.remove(gateways));
    if !cx.options.mixed_virtual_service.keep_public_in_mesh && !internal.is_empty() {
        public.iter().for_each(|host| change.remove(*host));
    }
    let mut left = 0;
    for key in RULES {
        let Some(list) = one.root.at(&["spec", key]) else { continue };
        let rules: Vec<Field<'_>> = list.items().collect();
        if rules.is_empty() {
            continue;
        }
        let gone: Vec<Field<'_>> = rules.iter().copied().filter(|rule| is_for(*rule, false)).collect();
        left += rules.len() - gone.len();
        if gone.len() == rules.len() {
            change.remove(list);
            continue;
        }
        for rule in &rules {
            if is_for(*rule, false) {
                change.remove(*rule);
                continue;
            }
            for entry in rule.get("match").into_iter().flat_map(Field::items) {
                let Some(gateways) = entry.get("gateways") else { continue };
                if !has_mesh(entry) {
                    change.remove(entry);
                } else {
                    gateways.items().filter(|one| one.text() != Some("mesh")).for_each(|one| change.remove(one));
                }
            }
        }
    }
    if left == 0 {
        Err("all its rules are for gateways: take `mesh` out of `gateways` instead".to_owned())
    } else {
        Ok(())
    }
}

/// True for a rule with conditions that all are for the other side.
fn is_for(rule: Field<'_>, mesh: bool) -> bool {
    let mut entries = rule.get("match").into_iter().flat_map(Field::items).peekable();
    entries.peek().is_some() && entries.all(|entry| entry.get("gateways").is_some() && has_mesh(entry) == mesh)
}

fn has_mesh(entry: Field<'_>) -> bool {
    entry.get("gateways").into_iter().flat_map(Field::items).any(|gateway| gateway.text() == Some("mesh"))
}

/// The side of the gateways, as a resource of its own.
fn outer(value: &mut Value, name: &str, public: &[Field<'_>]) -> Result<(), String> {
    let is_mesh = |gateway: &Value| gateway == "mesh";
    let namespace = value["metadata"].get("namespace").cloned();
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace;
    }
    for part in ["labels", "annotations"] {
        if let Some(have) = value["metadata"].get(part).cloned() {
            metadata[part] = have;
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !OF_ONE.iter().any(|start| key.starts_with(start)));
    }
    let is_bare =
        |metadata: &Value| metadata.get("annotations").and_then(Value::as_object).is_some_and(|all| all.is_empty());
    if is_bare(&metadata)
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.shift_remove("annotations");
    }
    value["metadata"] = metadata;
    if let Some(top) = value.as_object_mut() {
        top.shift_remove("status");
    }
    let spec = value.get_mut("spec").and_then(Value::as_object_mut).ok_or("it has no `spec`")?;
    spec["hosts"] = public.iter().filter_map(|host| host.text()).collect();
    if let Some(gateways) = spec.get_mut("gateways").and_then(Value::as_array_mut) {
        gateways.retain(|gateway| !is_mesh(gateway));
    }
    let mut left = 0;
    for key in RULES {
        let Some(rules) = spec.get_mut(key).and_then(Value::as_array_mut) else { continue };
        rules.retain_mut(|rule| {
            let Some(entries) = rule.get_mut("match").and_then(Value::as_array_mut) else { return true };
            let had = !entries.is_empty();
            for gateways in entries.iter_mut().filter_map(|entry| entry.get_mut("gateways")?.as_array_mut()) {
                gateways.retain(|gateway| !is_mesh(gateway));
            }
            let is_lost = |entry: &Value| {
                entry.get("gateways").and_then(Value::as_array).is_some_and(|gateways| gateways.is_empty())
            };
            entries.retain(|entry| !is_lost(entry));
            !(had && entries.is_empty())
        });
        left += rules.len();
        if rules.is_empty() {
            spec.shift_remove(key);
        }
    }
    if left == 0 {
        Err("all its rules are for the mesh: take the gateways out of `gateways` instead".to_owned())
    } else {
        Ok(())
    }
}
