//! Signs that a workload is traced.

use crate::manifest::{Field, Workload};
use crate::rule::Context;

/// What variables of tracing libraries start with.
const VARIABLES: &[&str] = &[
    "DD_AGENT_HOST",
    "DD_TRACE",
    "ELASTIC_APM",
    "ENABLE_TRACING",
    "JAEGER",
    "MANAGEMENT_OTLP",
    "MANAGEMENT_TRACING",
    "MANAGEMENT_ZIPKIN",
    "NEW_RELIC",
    "OPENTRACING",
    "OTEL_",
    "PINPOINT",
    "SPRING_SLEUTH",
    "SPRING_ZIPKIN",
    "SW_AGENT",
    "TRACING",
    "ZIPKIN",
];

/// Words that only tracing has.
const WORDS: &[&str] = &[
    "jaeger",
    "opencensus",
    "opentelemetry",
    "opentracing",
    "otel",
    "otlp",
    "pinpoint",
    "skywalking",
    "sleuth",
    "tracing",
    "zipkin",
];

/// Languages that the OpenTelemetry operator's annotations name.
pub(super) const LANGUAGES: &[&str] = &["java", "nodejs", "python", "dotnet", "go", "sdk", "apache-httpd", "nginx"];

/// True when something in the manifests says that the workload's requests are traced.
pub(super) fn is_traced(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    let whole = cx.inventory.whole(workload);
    whole.iter().any(|part| is_annotated(*part) || speaks_of_tracing(cx, *part)) || is_namespace_annotated(cx, workload)
}

fn is_annotated(workload: Workload<'_>) -> bool {
    let annotations = workload.pod_metadata.and_then(|metadata| metadata.get("annotations"));
    annotations.into_iter().flat_map(Field::entries).any(|(name, value)| {
        let injects = name.starts_with("instrumentation.opentelemetry.io/inject-")
            || matches!(name.as_ref(), "sidecar.opentelemetry.io/inject" | "sidecar.jaegertracing.io/inject");
        injects && value.text() != Some("false")
    })
}

fn is_namespace_annotated(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    let mut namespaces = workload.placements.iter().filter_map(|placement| placement.namespace.as_deref());
    namespaces.any(|namespace| {
        LANGUAGES.iter().any(|language| {
            let name = format!("instrumentation.opentelemetry.io/inject-{language}");
            cx.inventory.has_namespace_annotation(workload, namespace, &name)
        })
    })
}

fn speaks_of_tracing(cx: &Context<'_>, workload: Workload<'_>) -> bool {
    cx.inventory.own_containers(workload).any(|container| has_word(container.image()))
        || cx.inventory.settings_of(workload).iter().any(|setting| {
            let starts =
                |start: &&str| setting.name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
            VARIABLES.iter().any(starts) || has_word(&setting.name) || has_word(&setting.value)
        })
}

/// True when one of the words stands in a text as a word: `hotel` is no `otel`.
fn has_word(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| WORDS.iter().any(|have| have.eq_ignore_ascii_case(word)))
}
