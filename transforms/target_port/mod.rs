mod naming;
mod number;

use crate::manifest::{Field, ResourceId, Role, ServicePort, TargetPort as Target, Workload};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags ports of Services that lead to a port which their pods do not have.
    ///
    /// ## Why
    /// A name in `targetPort` is looked up in the ports of each selected pod. Where no pod has it, the Service has no
    /// endpoints on that port: every request fails, with the mesh (503, no healthy upstream) as without it.
    ///
    /// ## Fix
    /// Where the pod has one port without a name that another Service or a probe shows to be the one, that port gets the
    /// name. Otherwise the finding says which names there are. A number that no container declares, while others are
    /// declared, is only mentioned: a program may listen there all the same. So is a name that means different numbers in
    /// different workloads.
    ///
    /// ## Safety
    /// Safe where it is proven: nothing had that name before, and requests fail without it. Pods that the files don't
    /// hold, or that a kustomize patch may change, are not judged.
    TargetPort, "target-port", "Services must lead to ports that their pods have",
    level: Level::Warning, after: &["reserved-port"], istio: None, safety: Some(Safety::Safe),
    example: include_str!("../../testdata/target-port/named-by-proof/fix.diff"),
}

impl Transform for TargetPort {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for id in cx.inventory.services() {
            if cx.inventory.service_type(id) == "ExternalName" {
                continue;
            }
            let selected = Selected::of(cx, id);
            let ports = cx.inventory.ports_of(id).filter_map(|port| match port.target() {
                Target::Name(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => Some(quoted(cx, port, name)),
                Target::Name(name) => selected.as_ref().and_then(|selected| named(cx, port, name, selected)),
                Target::Number(wanted) => {
                    selected.as_ref().and_then(|selected| number::undeclared(cx, port, wanted, selected))
                }
            });
            let found: Vec<Finding> = ports.collect();
            let is_as_written = || {
                let is_patched = |key: &str| cx.inventory.may_service_be_patched(id, key);
                cx.inventory.is_checked_service(id) && !is_patched("ports") && !is_patched("selector")
            };
            if !found.is_empty() && is_as_written() {
                findings.extend(found);
            }
        }
    }
}

/// The workloads that a Service selects.
struct Selected<'a> {
    /// All that it may select.
    possible: Vec<Workload<'a>>,
    /// Those that it certainly selects; of several with one name, the one beside it.
    certain: Vec<Workload<'a>>,
    /// True when there is no other candidate.
    is_closed: bool,
}

impl<'a> Selected<'a> {
    /// `None` where nothing is certainly selected, or where some of the pods are not known in full.
    fn of(cx: &'a Context<'_>, service: ResourceId) -> Option<Self> {
        let inventory = cx.inventory;
        let association = inventory.workloads_of(service);
        let certain = inventory.workloads_behind(service);
        let possible: Vec<Workload<'a>> =
            association.possible.iter().filter_map(|id| inventory.workload(*id)).collect();
        let is_closed = association.certain.len() == association.possible.len();
        let is_known = |workload: &Workload<'_>| {
            !workload.is_fragment() && !inventory.may_be_patched_unseen(*workload, &["ports", "containers"])
        };
        let is_complete = !certain.is_empty() && possible.iter().all(is_known);
        is_complete.then_some(Selected { possible, certain, is_closed })
    }
}

/// The containers' ports of a workload and of its patches, as far as Services can lead to them.
fn declared<'w>(cx: &'w Context<'_>, workload: Workload<'w>) -> Vec<Field<'w>> {
    let whole = cx.inventory.whole(workload);
    let containers = whole.into_iter().flat_map(Workload::containers);
    let stay = containers.filter(|container| container.role == Role::App);
    stay.flat_map(|container| container.ports()).collect()
}

/// The field that says where the port leads.
fn target_field(port: ServicePort<'_>) -> Field<'_> {
    port.field.get("targetPort").or_else(|| port.field.get("port")).unwrap_or(port.field)
}

fn quoted(cx: &Context<'_>, port: ServicePort<'_>, name: &str) -> Finding {
    let message = format!("`targetPort: \"{name}\"` is a name: in quotes it is no number");
    Finding::of(&TargetPort::META, cx.inventory, port.service, target_field(port), message)
        .help("the API server refuses a name without letters; write the number without quotes")
        .snippet(format!("targetPort: {name}"))
}

fn named(cx: &Context<'_>, port: ServicePort<'_>, name: &str, selected: &Selected<'_>) -> Option<Finding> {
    let leads_into = |workload: &Workload<'_>| declared(cx, *workload).iter().any(|declared| port.leads_to(*declared));
    if !selected.possible.iter().any(leads_into) {
        return Some(naming::missing(cx, port, name, selected));
    }
    let numbers = selected.certain.iter().filter_map(|workload| {
        let field = cx.inventory.target_field(*workload, port)?;
        Some((*workload, field, field.get("containerPort")?.as_i64()?))
    });
    let numbers: Vec<(Workload<'_>, Field<'_>, i64)> = numbers.collect();
    let (first, _, number) = numbers.first()?;
    let (other, _, different) = numbers.iter().find(|(_, _, other)| other != number)?;
    let message = format!(
        "`targetPort: {name}` is port {number} of {} and port {different} of {}",
        kind_and_name(*first),
        kind_and_name(*other)
    );
    let finding = Finding::of(&TargetPort::META, cx.inventory, port.service, target_field(port), message)
        .level(Level::Info)
        .help(
            "the Service works; but policies of the mesh and annotations name numbers, so one that is meant for this \
             port must name each of them",
        );
    Some(numbers.iter().fold(finding, |finding, (workload, field, number)| {
        finding.related(*field, format!("port {number} of {}", kind_and_name(*workload)))
    }))
}

fn kind_and_name(workload: Workload<'_>) -> String {
    let name = &workload.resource.name;
    format!("{} `{}`", name.kind, name.name)
}
