//! Named differences of two Services, port by port.

use std::collections::HashMap;

use super::spec::{Port, Side, Spec};
use crate::manifest::{Field, Protocol};

/// Something that is not the same in two clusters.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    /// The field of `spec` that it is in.
    pub(super) key: &'static str,
    /// Where it stands here.
    pub(super) here: Field<'a>,
    /// Where it stands in the other cluster, if it is there.
    pub(super) there: Option<Field<'a>>,
    /// What differs, between "here" and "there".
    pub(super) text: String,
    /// True where `istioctl analyze` compares it too.
    pub(super) is_istio: bool,
    /// The ports whose declared protocols differ.
    pub(super) ports: Option<(Port<'a>, Port<'a>)>,
}

/// All differences but those of node ports, the weightiest first.
pub(super) fn differences<'a>(here: &Side<'a>, there: &Side<'a>) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    let mut add = |key: &'static str, is_istio: bool, text: String| {
        let (here, there) = (here.place(key), there.root.at(&["spec", key]));
        found.push(Difference { key, here, there, text, is_istio, ports: None });
    };
    let (own, other) = (&here.spec, &there.spec);
    if own.service_type != other.service_type {
        add("type", true, format!("its `type` is {} here and {} there", own.service_type, other.service_type));
        if [own.service_type, other.service_type].contains(&"ExternalName") {
            return found;
        }
    }
    if own.is_headless != other.is_headless {
        let word = |is_headless: bool| if is_headless { "headless" } else { "not headless" };
        let text = format!("it is {} here and {} there", word(own.is_headless), word(other.is_headless));
        add("clusterIP", true, text);
    }
    let mut plain = |key: &'static str, one: &str, two: &str| {
        if one != two {
            add(key, false, format!("its `{key}` is {one} here and {two} there"));
        }
    };
    plain("externalName", own.external_name, other.external_name);
    plain("sessionAffinity", own.session_affinity, other.session_affinity);
    plain("internalTrafficPolicy", own.internal_traffic_policy, other.internal_traffic_policy);
    let word = |publishes: bool| if publishes { "true" } else { "false" };
    plain("publishNotReadyAddresses", word(own.publishes_not_ready), word(other.publishes_not_ready));
    if let Some(text) = selectors(own, other) {
        add("selector", false, text);
    }
    ports(here, there, &mut found);
    // What decides how the mesh reads the traffic comes first.
    found.sort_by_key(|difference| !difference.is_istio);
    found
}

/// The labels that only one of the selectors asks for.
fn selectors(own: &Spec<'_>, other: &Spec<'_>) -> Option<String> {
    let only = |one: &Spec<'_>, two: &Spec<'_>| {
        let lone = one.selector.iter().filter(|(key, value)| two.selector.get(*key) != Some(*value));
        lone.map(|(key, value)| format!("`{key}: {value}`")).collect::<Vec<_>>().join(", ")
    };
    match (only(own, other).as_str(), only(other, own).as_str()) {
        ("", "") => None,
        (here, "") => Some(format!("its `selector` also asks for {here} here")),
        ("", there) => Some(format!("its `selector` also asks for {there} there")),
        (here, there) => Some(format!("its `selector` asks for {here} here and for {there} there")),
    }
}

/// What two ports must have in common to be meant as one.
type Key<'a> = (i64, &'a str);
type Entry<'s, 'a> = &'s (Port<'a>, Field<'a>);

/// Ports that are the same by number and transport, else by name, else by number alone.
fn ports<'a>(here: &Side<'a>, there: &Side<'a>, found: &mut Vec<Difference<'a>>) {
    let keys: [fn(&Port<'a>) -> Option<Key<'a>>; 3] = [
        |port| Some((port.number, port.transport)),
        |port| (!port.name.is_empty()).then_some((0, port.name)),
        |port| Some((port.number, "")),
    ];
    let mut own: Vec<Entry<'_, 'a>> = here.fields.iter().collect();
    let mut other: Vec<Entry<'_, 'a>> = there.fields.iter().collect();
    let mut pairs = Vec::new();
    for key in keys {
        let mut index: HashMap<Key<'a>, Vec<Entry<'_, 'a>>> = HashMap::new();
        let mut lone = Vec::new();
        for entry in other.into_iter().rev() {
            match key(&entry.0) {
                Some(key) => index.entry(key).or_default().push(entry),
                None => lone.push(entry),
            }
        }
        own.retain(|one| {
            let partner = key(&one.0).and_then(|key| index.get_mut(&key)?.pop());
            pairs.extend(partner.map(|partner| (*one, partner)));
            partner.is_none()
        });
        lone.extend(index.into_values().flatten());
        lone.sort_by_key(|(_, field)| field.span().start);
        other = lone;
    }
    pairs.sort_by_key(|((_, field), _)| field.span().start);
    for ((one, here), (two, there)) in pairs {
        let differ = port(one, *here, two, *there);
        found.extend(differ);
    }
    let mut lone = |port: &Port<'_>, here: Field<'a>, there: Option<Field<'a>>, text: &str| {
        let text = format!("port {} is {text}", port.called());
        found.push(Difference { key: "ports", here, there, text, is_istio: true, ports: None });
    };
    for (port, field) in own {
        lone(port, *field, None, "here and not there");
    }
    for (port, field) in other {
        lone(port, here.place("ports"), Some(*field), "there and not here");
    }
}

/// What differs of two ports that are meant to be one.
fn port<'a>(one: &Port<'a>, own: Field<'a>, two: &Port<'a>, other: Field<'a>) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    let called = if one.number == two.number { one.number.to_string() } else { format!("`{}`", one.name) };
    let mut add = |field: &str, ports: Option<(Port<'a>, Port<'a>)>, text: String| {
        let place = |item: Field<'a>| item.get(field).unwrap_or(item);
        let text = format!("port {called} {text}");
        found.push(Difference {
            key: "ports",
            here: place(own),
            there: Some(place(other)),
            text,
            is_istio: true,
            ports,
        });
    };
    if one.number != two.number {
        add("port", None, format!("is {} here and {} there", one.number, two.number));
    }
    if one.transport != two.transport {
        add("protocol", None, format!("is {} here and {} there", one.transport, two.transport));
    }
    let pair = || Some((one.clone(), two.clone()));
    let field = if one.app_protocol != two.app_protocol { "appProtocol" } else { "name" };
    if one.transport != two.transport {
        // Then the protocols differ by that alone, or for that reason.
    } else if one.protocol != two.protocol {
        add(field, pair(), format!("declares {} here and {} there", declared(one), declared(two)));
    } else if one.app_protocol != two.app_protocol {
        let word = |port: &Port<'_>| port.app_protocol.map_or("none".to_owned(), |word| format!("`{word}`"));
        let text = format!("has {} as `appProtocol` here and {} there", word(one), word(two));
        add(field, pair(), text);
    } else if one.name != two.name {
        let word = |port: &Port<'_>| {
            if port.name.is_empty() { "no name".to_owned() } else { format!("the name `{}`", port.name) }
        };
        add(field, None, format!("has {} here and {} there", word(one), word(two)));
    }
    let leads_to_itself = |port: &Port<'_>| port.target == port.number.to_string();
    if one.target != two.target && !(leads_to_itself(one) && leads_to_itself(two)) {
        add("targetPort", None, format!("leads to `{}` here and to `{}` there", one.target, two.target));
    }
    found
}

/// The protocol that a port declares, with the words that do.
fn declared(port: &Port<'_>) -> String {
    match (port.protocol, port.app_protocol, port.name) {
        (Protocol::Undeclared, None, "") => "no protocol".to_owned(),
        (Protocol::Undeclared, None, name) => format!("no protocol (`name: {name}`)"),
        (Protocol::Undeclared, Some(word), _) => format!("no protocol that the mesh knows (`appProtocol: {word}`)"),
        (protocol, Some(word), _) => format!("{protocol} (`appProtocol: {word}`)"),
        (protocol, None, "") => format!("{protocol} (by its number)"),
        (protocol, None, name) => format!("{protocol} (`name: {name}`)"),
    }
}

/// Node ports that differ, of ports that both have.
pub(super) fn node_ports<'a>(here: &Side<'a>, there: &Side<'a>) -> Vec<Difference<'a>> {
    let theirs: HashMap<Key<'_>, Field<'a>> =
        there.fields.iter().map(|(port, field)| ((port.number, port.transport), *field)).collect();
    let difference = |(port, own): &(Port<'a>, Field<'a>)| {
        let other = *theirs.get(&(port.number, port.transport))?;
        let (one, two) = (own.text_at(&["nodePort"]), other.text_at(&["nodePort"]));
        if one == two {
            return None;
        }
        let word = |text: &str| if text.is_empty() { "not chosen".to_owned() } else { text.to_owned() };
        let place = |item: Field<'a>| item.get("nodePort").unwrap_or(item);
        let text = format!("the node port of port {} is {} here and {} there", port.called(), word(one), word(two));
        Some(Difference {
            key: "ports",
            here: place(*own),
            there: Some(place(other)),
            text,
            is_istio: true,
            ports: None,
        })
    };
    here.fields.iter().filter_map(difference).collect()
}
