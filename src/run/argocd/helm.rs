//! A chart, rendered as Argo CD renders one.

use super::Stop;
use super::parameters::PLACE;
use super::request::Request;
use super::tools::{program, run};
use crate::io::program::Scratch;

/// Renders the chart in the application's folder.
pub(super) fn template(request: &Request) -> Result<String, Stop> {
    let scratch = Scratch::new()?;
    let parameters = &request.parameters;
    let mut helm = program("helm", &["template"], request, &scratch);
    let release = parameters.text("release-name").map(str::to_owned).or_else(|| request.name.clone());
    helm = helm.with(release).with(["."]);
    for (flag, value) in [("--namespace", &request.namespace), ("--kube-version", &request.kube_version)] {
        if let Some(value) = value {
            helm = helm.with([flag, value]);
        }
    }
    helm = helm.with(["--include-crds"]);
    for version in &request.api_versions {
        helm = helm.with(["--api-versions", version]);
    }
    for file in values_files(request)? {
        helm = helm.with(["--values".into(), file]);
    }
    if let Some(values) = parameters.text("values") {
        // They may be secret: no file has them, and no list of processes.
        helm = helm.with(["--values", "-"]).reading(values);
    }
    for (flag, name) in [("--set", "helm-parameters"), ("--set-string", "helm-string-parameters")] {
        for (key, value) in parameters.map(name) {
            helm = helm.with([flag.to_owned(), format!("{key}={}", escaped(value))]);
            // Helm's messages may quote what they could not take.
            if value.len() > 3 {
                helm = helm.hide(value, "***");
            }
        }
    }
    run(&helm, request)
}

/// The real paths of the values files, which lie in this repository.
fn values_files(request: &Request) -> Result<Vec<std::path::PathBuf>, Vec<String>> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for name in request.parameters.list("values-files") {
        let found = if name.contains("://") {
            Err("it is a URL, and only files of the repository are read".to_owned())
        } else {
            request.checkout.inside(name)
        };
        match found {
            Ok(file) if file.is_file() => files.push(file),
            Ok(_) => problems.push(format!("{PLACE}`values-files`: `{name}`: it is no file")),
            Err(problem) => problems.push(format!("{PLACE}`values-files`: `{name}`: {problem}")),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// A value for `--set`, where a comma starts the next value unless it stands in `{...}`; as Argo CD writes it.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if letter == ',' && !out.ends_with('\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn commas_are_part_of_the_value() {
        assert_eq!(escaped("a,b\\,c"), "a\\,b\\,c");
        assert_eq!(escaped("{a,b}"), "{a,b}");
    }
}
