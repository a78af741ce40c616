//! What sets a workload up for tracing, on request.

use serde_json::json;

use super::{TraceContext, http_ports};
use crate::manifest::{Container, Field, Workload};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// The variables of an OpenTelemetry SDK (its specification of environment variables).
pub(super) fn sdk(cx: &Context<'_>, workload: Workload<'_>, endpoint: &str) -> Option<Finding> {
    let containers = serving(cx, workload);
    let first = *containers.first()?;
    let named = ["app.kubernetes.io/name", "app"].into_iter().find_map(|label| workload.pod_label(label));
    let service = named.unwrap_or(workload.resource.name.name.as_str());
    let port = endpoint.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
    let protocol = match port {
        "4317" => Some("grpc"),
        "4318" => Some("http/protobuf"),
        _ => None,
    };
    let variables = [
        ("OTEL_SERVICE_NAME", Some(service)),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some(endpoint)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_PROPAGATORS", Some("tracecontext,baggage")),
    ];
    let mut change = Change::default();
    for container in &containers {
        for (name, value) in variables.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            change.push(container.field, &["env"], json!({"name": name, "value": value}));
        }
    }
    let mut consequence =
        "the variables count only for a program with an OpenTelemetry SDK; one that has it starts to send traces"
            .to_owned();
    let sources = containers.iter().filter_map(|container| container.field.get("envFrom")).flat_map(Field::items);
    if let Some(source) = sources.filter_map(|source| source.get("secretRef")).next() {
        consequence.push_str(&format!("; they come before those of the Secret `{}`", source.text_at(&["name"])));
    }
    Some(finding(workload, first, "set the variables of the OpenTelemetry SDK".to_owned(), consequence, change))
}

/// The annotation that makes the OpenTelemetry operator add its agent.
pub(super) fn annotation(cx: &Context<'_>, workload: Workload<'_>, instrumentation: &str) -> Option<Finding> {
    let containers = serving(cx, workload);
    let first = *containers.first()?;
    let name = format!("instrumentation.opentelemetry.io/inject-{}", language(first));
    let mut change = Change::default();
    change.insert(workload.template, &["metadata", "annotations", &name], instrumentation, &[]);
    // Without names the operator takes the first container, which may be the proxy.
    let names = containers.iter().map(|container| container.name()).collect::<Vec<_>>().join(",");
    change.insert(
        workload.template,
        &["metadata", "annotations", "instrumentation.opentelemetry.io/container-names"],
        names,
        &[],
    );
    let consequence = "the OpenTelemetry operator must be installed; it adds an agent to the program, which starts later and uses more memory";
    Some(finding(workload, first, format!("add the annotation `{name}`"), consequence.to_owned(), change))
}

fn finding(
    workload: Workload<'_>,
    container: Container<'_>,
    title: String,
    consequence: String,
    change: Change,
) -> Finding {
    let at = container.field.get("name").unwrap_or(container.field);
    let message = format!("container `{}` serves HTTP and shows no sign of tracing", container.name());
    Finding::new(&TraceContext::META, workload, at, message)
        .help("a trace breaks where a program does not pass the headers `traceparent` and `tracestate` on")
        .fix(workload, Fix { title, safety: Safety::Unsafe, consequence, change })
}

/// The containers that HTTP Services lead to, each once.
fn serving<'i>(cx: &'i Context<'_>, workload: Workload<'i>) -> Vec<Container<'i>> {
    let mut containers: Vec<Container<'_>> = Vec::new();
    for port in http_ports(cx, workload) {
        let behind = cx.inventory.container_behind(workload, port);
        if let Some(container) =
            behind.filter(|container| containers.iter().all(|have| have.field.id() != container.field.id()))
        {
            containers.push(container);
        }
    }
    containers
}

/// The language of a program, by its variables and its image. Go needs rights that nobody should get unasked, and what
/// is not known gets only the variables.
fn language(container: Container<'_>) -> &'static str {
    let image = container.image().to_ascii_lowercase();
    let words: Vec<&str> = image.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has_image = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let has_variable =
        |starts: &[&str]| container.env().any(|(name, _)| starts.iter().any(|start| name.starts_with(start)));
    if has_variable(&["JAVA_", "JDK_JAVA_OPTIONS", "JVM_", "SPRING_"])
        || has_image(&["java", "jdk", "jre", "openjdk", "temurin", "tomcat", "spring"])
    {
        "java"
    } else if has_variable(&["NODE_ENV", "NODE_OPTIONS"]) || has_image(&["node", "nodejs"]) {
        "nodejs"
    } else if has_variable(&["PYTHON", "DJANGO_", "FLASK_"]) || has_image(&["python", "django", "flask"]) {
        "python"
    } else if has_variable(&["ASPNETCORE_", "DOTNET_"]) || has_image(&["dotnet", "aspnet"]) {
        "dotnet"
    } else {
        "sdk"
    }
}
