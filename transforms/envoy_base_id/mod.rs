mod start;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::config::Profile;
use crate::manifest::{Container, Field, NodeId, Role, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;
use start::{BaseId, Start};

transform! {
    /// Flags Envoy proxies that an application brings and that start without a base id of their own.
    ///
    /// ## Why
    /// For its hot restart Envoy opens shared memory and a socket that are named by the base id, which is 0
    /// unless an option says otherwise. All containers of a pod share them: a second Envoy with the same base
    /// id stops at once. The sidecar of Istio 1.10 and newer runs without hot restart and clashes
    /// with nobody, but the vendor's specification asks for a base id, and two Envoys of one's own need it.
    /// Envoys with `--use-dynamic-base-id` or `--disable-hot-restart` comply. Not in profile `istio`.
    ///
    /// ## Fix
    /// Adds `--base-id` behind the other options, or replaces a 0: 1 for the first Envoy of a pod, then 2
    /// and so on, never a number that another container of the pod has.
    ///
    /// ## Safety
    /// Safe where `command` or `args` hold Envoy's options. Unsafe inside a shell script, where the image's own
    /// command must be written out, and where a kustomize patch may set the same list.
    EnvoyBaseId, "envoy-base-id", "an application's own Envoy must have a base id",
    level: Level::Warning, after: &["host-network"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../../testdata/envoy-base-id/args/fix.diff"),
}

/// Where an image's own command reads its configuration (Envoy's Dockerfile).
const DEFAULT_CONFIG: &str = "/etc/envoy/envoy.yaml";

impl Transform for EnvoyBaseId {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        if cx.options.profile == Profile::Istio {
            return;
        }
        for workload in cx.inventory.workloads() {
            let mut envoys = envoys(cx, workload).peekable();
            if envoys.peek().is_none() || !cx.inventory.may_get_sidecar(workload) {
                continue;
            }
            let numbers = numbers(cx, workload);
            for (container, starts) in envoys {
                let missing: Vec<&Start<'_>> = starts.iter().filter(|start| is_missing(start)).collect();
                if let (Some(start), Some(number)) = (missing.first(), numbers.get(container.name())) {
                    let several = missing.len() > 1;
                    findings.push(Envoy { cx, workload, container, start, number: *number }.finding(several));
                }
            }
        }
    }
}

fn is_missing(start: &Start<'_>) -> bool {
    matches!(start.base_id(), BaseId::Missing(_))
}

/// The containers of a workload that run Envoy beside each other, with what they start.
fn envoys<'w>(cx: &'w Context<'_>, workload: Workload<'w>) -> impl Iterator<Item = (Container<'w>, Vec<Start<'w>>)> {
    let apps = cx.inventory.own_containers(workload).filter(|container| container.role == Role::App);
    apps.map(|container| (container, start::of(container, &cx.options.envoy_base_id.images)))
        .filter(|(_, starts)| !starts.is_empty())
}

/// The number of each container that lacks one, by its name. A pod is counted with its patches, so that all
/// parts of it give the same answer.
fn numbers(cx: &Context<'_>, workload: Workload<'_>) -> BTreeMap<String, u32> {
    let mut taken = BTreeSet::new();
    let mut missing: Vec<(NodeId, String)> = Vec::new();
    for part in cx.inventory.whole(workload) {
        for (container, starts) in envoys(cx, part) {
            for start in &starts {
                match start.base_id() {
                    BaseId::Set(number) => taken.extend(number),
                    BaseId::Missing(_) => missing.push((container.field.id(), container.name().to_owned())),
                    BaseId::NotKnown => {}
                }
            }
        }
    }
    missing.sort();
    let mut numbers = BTreeMap::new();
    for (_, name) in missing {
        numbers.entry(name).or_insert_with(|| {
            let free = (cx.options.envoy_base_id.start..).find(|number| *number > 0 && !taken.contains(number));
            let number = free.unwrap_or(1);
            taken.insert(number);
            number
        });
    }
    numbers
}

/// A container that runs Envoy without a base id.
struct Envoy<'a> {
    cx: &'a Context<'a>,
    workload: Workload<'a>,
    container: Container<'a>,
    start: &'a Start<'a>,
    number: u32,
}

impl Envoy<'_> {
    fn finding(&self, several: bool) -> Finding {
        let name = self.container.name();
        let zero = match self.start.base_id() {
            BaseId::Missing(zero) => zero,
            _ => None,
        };
        let message = match zero {
            None => format!("container `{name}` runs Envoy without a base id"),
            Some(_) => format!("container `{name}` runs Envoy with base id 0, the default"),
        };
        let finding = Finding::new(&EnvoyBaseId::META, self.workload, self.place(zero), message).help(
            "two Envoys with one base id can't run in one pod: they clash over shared memory and a socket; \
             Istio's own sidecar uses neither since 1.10, so this is about the pod's other Envoys",
        );
        let number = self.number;
        let mut change = Change::default();
        let patched = self.cx.inventory.container_may_be_patched(self.workload, self.container, &["args", "command"]);
        let (safety, consequence) = match self.start {
            _ if several => {
                let snippet = format!("--base-id {number}");
                let help = "the script starts several Envoys; give each of them a number of its own";
                return finding.help(help).snippet(snippet);
            }
            Start::Words(flags) => {
                self.change_words(&mut change, flags, zero);
                if patched { (Safety::Unsafe, "a kustomize patch may set it too") } else { (Safety::Safe, "") }
            }
            Start::Script { script, words, end } => {
                match zero {
                    Some(word) => {
                        let (range, text) = &words[word];
                        let new = if text.contains('=') { format!("--base-id={number}") } else { number.to_string() };
                        change.splice(*script, range.clone(), new);
                    }
                    None => change.splice(*script, *end..*end, format!(" {}", self.words().join(" "))),
                }
                (Safety::Unsafe, "the script is read as a shell would read it; look whether the option stands right")
            }
            Start::Image => {
                let args: Vec<String> =
                    ["-c", DEFAULT_CONFIG].into_iter().map(str::to_owned).chain(self.words()).collect();
                if !is_official(self.container.image()) {
                    let help = "the image's own command is not known here; add the option to it, or write it out";
                    let args = args.iter().map(|word| format!("  - \"{word}\"\n"));
                    return finding.help(help).snippet(format!("args:\n{}", args.collect::<String>()));
                }
                change.insert(self.container.field, &["args"], args, CONTAINER_FIELDS);
                (
                    Safety::Unsafe,
                    "the arguments take the place of the image's own; an image that was changed may have others",
                )
            }
        };
        let title = match zero {
            None => format!("add `--base-id {number}`"),
            Some(_) => format!("set the base id to {number}"),
        };
        finding.fix(self.workload, Fix { title, safety, consequence: consequence.to_owned(), change })
    }

    /// Where the finding stands: the zero, the program's options, or the image that brings them.
    fn place(&self, zero: Option<usize>) -> Field<'_> {
        match self.start {
            Start::Words(flags) => zero.and_then(|i| flags.get(i)).or(flags.first()).map(|flag| flag.field),
            Start::Script { script, .. } => Some(*script),
            Start::Image => self.container.field.get("image"),
        }
        .unwrap_or(self.container.field)
    }

    /// The option in the style of its neighbours.
    fn words(&self) -> Vec<String> {
        if self.start.joins_values() {
            vec![format!("--base-id={}", self.number)]
        } else {
            vec!["--base-id".to_owned(), self.number.to_string()]
        }
    }

    fn change_words(&self, change: &mut Change, flags: &[start::Flag<'_>], zero: Option<usize>) {
        if let Some(flag) = zero.and_then(|i| flags.get(i)) {
            let joined = flag.field.text().is_some_and(|text| text.contains('='));
            let new = if joined { format!("--base-id={}", self.number) } else { self.number.to_string() };
            change.set(flag.field, new);
            return;
        }
        let end = flags.iter().find(|flag| flag.field.text() == Some("--"));
        for word in self.words() {
            match (end, flags.last()) {
                (Some(end), _) => change.insert(end.list, &[&end.index.to_string()], word, &[]),
                (None, Some(last)) => change.push(last.list, &[], json!(word)),
                (None, None) => {}
            }
        }
    }
}

/// Field order of a container in manifests.
const CONTAINER_FIELDS: &[&str] = &["name", "image", "imagePullPolicy", "command", "args"];

/// True for images under the name of Envoy's project, whatever registry mirrors them.
fn is_official(image: &str) -> bool {
    image.rsplit('/').nth(1) == Some("envoyproxy")
}
