mod evidence;
mod propagators;
mod set_up;
mod telemetry;

use crate::config::TraceMode;
use crate::manifest::{ProtocolClass, ServicePort, Workload, protocol};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Reports programs that do not pass the W3C trace context on.
    ///
    /// ## Why
    /// The proxies start and end spans, but only the program knows which outgoing request belongs to which incoming one. It
    /// must pass the headers `traceparent` and `tracestate` on, by an OpenTelemetry SDK or by its own code. A trace
    /// breaks in two where a program does not, or where it sends only the headers of another format.
    ///
    /// ## Fix
    /// `OTEL_PROPAGATORS` without `tracecontext` gets it in front. Whether code passes headers on can't be seen in
    /// manifests: one finding a run counts the workloads that serve HTTP and show no sign of tracing.
    /// `rules.trace-context.mode` sets them up with the values of its other options:
    /// `sdk-env` writes the variables of an OpenTelemetry SDK (`endpoint`), `instrumentation` the annotation of the
    /// OpenTelemetry operator (`instrumentation`), `telemetry` shows the mesh's own resource (`provider`).
    ///
    /// Of Telemetry resources, two without a selector in one namespace are an error, and so are two for one pod: which of
    /// them holds is not defined. Access logs without a provider go nowhere.
    ///
    /// ## Safety
    /// Unsafe: the pods restart, and what receives the traces must understand the format. A value that an option does not
    /// give is never invented.
    TraceContext, "trace-context", "programs should pass the W3C trace context on",
    level: Level::Info, after: &[], istio: None, safety: Some(Safety::Unsafe),
    example: include_str!("../../testdata/trace-context/b3/fix.diff"),
}

impl Transform for TraceContext {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        propagators::check(cx, findings);
        telemetry::check(cx, findings);
        let dark = cx.inventory.workloads().filter(|workload| is_dark(cx, *workload));
        findings.extend(dark.filter_map(|workload| untraced(cx, workload)));
    }
}

/// A workload without a sign of tracing: set up as the options say, or one of those that one finding counts.
fn untraced(cx: &Context<'_>, workload: Workload<'_>) -> Option<Finding> {
    let options = &cx.options.trace_context;
    match (options.mode, &options.endpoint, &options.instrumentation) {
        (TraceMode::None, ..) => Some(summary(workload).help(
            "a trace breaks where a program does not pass the headers `traceparent` and `tracestate` on: use an \
             OpenTelemetry SDK, or pass them in its code; `rules.trace-context.mode` says how workloads are set up",
        )),
        (TraceMode::SdkEnv, Some(endpoint), _) => set_up::sdk(cx, workload, endpoint),
        (TraceMode::SdkEnv, None, _) => Some(missing(summary(workload), "endpoint", "the address of the collector")),
        (TraceMode::Instrumentation, _, Some(instrumentation)) => set_up::annotation(cx, workload, instrumentation),
        (TraceMode::Instrumentation, _, None) => {
            let what = "\"true\", a name, or namespace/name of an Instrumentation";
            Some(missing(summary(workload), "instrumentation", what))
        }
        (TraceMode::Telemetry, ..) => telemetry::resource(cx, workload, summary(workload)),
    }
}

fn summary(workload: Workload<'_>) -> Finding {
    let name = workload.root.at(&["metadata", "name"]).unwrap_or(workload.root);
    let message = "this workload serves HTTP and shows no sign of tracing";
    Finding::new(&TraceContext::META, workload, name, message)
        .together("{} workloads serve HTTP and show no sign of tracing; this is the first")
}

fn missing(summary: Finding, option: &str, what: &str) -> Finding {
    summary.help(format!("they can be set up when `rules.trace-context.{option}` gives {what}; it is not set"))
}

/// True for long-running workloads behind an HTTP Service without any sign of tracing.
fn is_dark(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    let ends = matches!(workload.resource.name.kind.as_str(), "Job" | "CronJob" | "ScaledJob");
    !ends
        && !workload.is_fragment()
        && cx.inventory.is_checked(workload)
        && http_ports(cx, workload).next().is_some()
        && !evidence::is_traced(cx, workload)
}

/// The ports of Services that send HTTP to the workload.
fn http_ports<'i>(cx: &'i Context<'_>, workload: Workload<'i>) -> impl Iterator<Item = ServicePort<'i>> {
    let ports = cx.inventory.service_ports_of(workload).into_iter();
    ports.filter(|port| protocol(port.field).class() == ProtocolClass::Http)
}
