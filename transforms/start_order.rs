use crate::manifest::{Field, Workload};
use crate::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Tells whether applications may start before their proxies.
    ///
    /// ## Why
    /// A sidecar that is not native starts beside the application. Until it is ready, the application's requests
    /// fail; the specification asks for retries for this reason. Native sidecars start first: Istio 1.27 and
    /// newer makes them where all nodes run Kubernetes 1.33 or newer. Otherwise one setting of the mesh,
    /// `holdApplicationUntilProxyStarts`, makes all applications wait. There is one finding a run: a warning where the
    /// configuration says that sidecars are not native, advice where it leaves that open (`istioVersion`,
    /// `kubernetesVersion`, `nativeSidecars`).
    ///
    /// ## Fix
    /// With `rules.start-order.annotate` each pod gets the setting in its annotation `proxy.istio.io/config`;
    /// what stands there already stays. Jobs and gateways don't, nor does a pod that sets it to false.
    ///
    /// ## Safety
    /// Unsafe: pods start later, and not at all while the control plane can't be reached.
    StartOrder, "start-order", "applications should start after their proxies",
    level: Level::Warning, after: &["host-network"], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../testdata/start-order/option-annotate/fix.diff"),
}

/// The setting of a proxy that makes the pod's other containers wait for it.
const HOLD: &str = "holdApplicationUntilProxyStarts";

/// Order of the fields that a new annotation may need, from the pod template down.
const TEMPLATE_FIELDS: &[&str] = &["name", "generateName", "namespace", "labels", "annotations", "metadata", "spec"];

impl Transform for StartOrder {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        let annotate = cx.options.start_order.annotate;
        let mut together = Vec::new();
        let mut worst = Level::Info;
        for workload in cx.inventory.workloads() {
            // A patch stands for itself only where it sets the proxy's configuration.
            let is_part = workload.is_fragment() && !(annotate && workload.proxy_config().is_some());
            let Some(level) = cx.inventory.plain_sidecar_level(workload) else { continue };
            let exempt = is_part || workload.runs_to_completion() || cx.inventory.is_ignored(workload, Self::META.name);
            let held = hold(cx, workload);
            if exempt || held == Some(true) || held.is_some() && !annotate || !cx.inventory.may_get_sidecar(workload) {
                continue;
            }
            if annotate {
                findings.push(of_pod(workload, level, held.is_some()));
            } else {
                worst = worst.max(level);
                together.push((workload, name(workload)));
            }
        }
        findings.extend(of_mesh(&together, worst));
    }
}

/// Where a workload's name stands.
fn name(workload: Workload<'_>) -> Field<'_> {
    workload.root.at(&["metadata", "name"]).unwrap_or(workload.pod)
}

/// What the pod's own configuration of its proxy says, patches included.
fn hold(cx: &Context<'_>, workload: Workload<'_>) -> Option<bool> {
    cx.inventory.whole(workload).into_iter().find_map(|part| {
        let config = part.proxy_config()?.embedded()?;
        config.document().root().get(HOLD)?.as_bool()
    })
}

fn of_mesh(places: &[(Workload<'_>, Field<'_>)], level: Level) -> Option<Finding> {
    let count = match places.len() {
        1 => "this workload starts beside its proxy".to_owned(),
        more => format!("{more} workloads start beside their proxies (this is the first)"),
    };
    let (message, help) = if level == Level::Warning {
        (
            format!("{count}; requests fail until the proxy is ready"),
            "make the mesh's applications wait for their proxies, or their requests be tried again",
        )
    } else {
        (
            format!("unless sidecars are native, {count}"),
            "with Istio 1.27 and Kubernetes 1.33 or newer they are: set `istioVersion` and `kubernetesVersion` in the \
             configuration; else make the mesh's applications wait, because requests fail until the proxy is ready",
        )
    };
    let finding = Finding::for_all(&StartOrder::META, places.get(..1)?, message)?;
    let snippet = format!("meshConfig:\n  defaultConfig:\n    {HOLD}: true");
    Some(finding.level(level).help(help).snippet(snippet))
}

fn of_pod(workload: Workload<'_>, level: Level, refuses: bool) -> Finding {
    let config = workload.proxy_config();
    let place = config.unwrap_or_else(|| name(workload));
    let message = "the pod's containers do not wait for their proxy";
    let help = "requests fail until the proxy is ready";
    let mut finding = Finding::new(&StartOrder::META, workload, place, message).level(level).help(help);
    if refuses {
        return finding.level(Level::Info).help(format!("somebody set `{HOLD}: false` here, so it stays"));
    }
    let mut change = Change::default();
    let done = match config {
        None => {
            let path = ["metadata", "annotations", "proxy.istio.io/config"];
            change.insert(workload.template, &path, format!("{HOLD}: true\n"), TEMPLATE_FIELDS);
            Ok(())
        }
        Some(config) if config.text().is_some_and(|text| text.trim().is_empty()) => {
            change.set(config, format!("{HOLD}: true"));
            Ok(())
        }
        Some(config) => change.insert_inside(config, &[HOLD], true),
    };
    if let Err(reason) = done {
        finding.refusal = Some(reason);
        return finding.snippet(format!("proxy.istio.io/config: |\n  {HOLD}: true"));
    }
    let title = format!("set `{HOLD}: true` in `proxy.istio.io/config`");
    let consequence = "the pod starts later, and not at all while its proxy gets no configuration";
    finding.fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change })
}
