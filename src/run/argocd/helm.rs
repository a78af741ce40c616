//! A chart, rendered as Argo CD renders one.

use std::path::{Path, PathBuf};

use super::Stop;
use super::parameters::PLACE;
use super::request::Request;
use super::tools::{program, run};
use crate::io::program::{Program, Scratch};
use crate::yaml;

/// Renders the chart in the application's folder.
pub(super) fn template(request: &Request) -> Result<String, Stop> {
    let scratch = Scratch::new()?;
    let parameters = &request.parameters;
    let mut helm = program("helm", &["template"], request, &scratch);
    let release = release(request)?;
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
        for secret in scalars(values) {
            helm = hide(helm, &secret);
        }
    }
    for (flag, name) in [("--set", "helm-parameters"), ("--set-string", "helm-string-parameters")] {
        for (key, value) in parameters.map(name) {
            helm = helm.with([flag.to_owned(), format!("{key}={}", escaped(value))]);
            helm = hide(helm, value);
        }
    }
    // Behind `--` nothing is taken for a flag.
    helm = helm.with(["--"]).with(release).with(["."]);
    request.checkout.stays_inside(&request.checkout.here)?;
    run(&helm, request)
}

/// The name of the release, if there is one to give.
fn release(request: &Request) -> Result<Option<String>, String> {
    if let Some(name) = request.parameters.text("release-name") {
        return match is_release(name) {
            true => Ok(Some(name.to_owned())),
            false => Err(format!("{PLACE}`release-name` must be {RELEASE}, not `{name}`")),
        };
    }
    match &request.name {
        Some(name) if !is_release(name) => Err(format!(
            "ARGOCD_APP_NAME gives `{name}` as the name of the release, which must be {RELEASE}; set the parameter \
             `release-name`"
        )),
        name => Ok(name.clone()),
    }
}

/// What Helm takes as the name of a release.
const RELEASE: &str = "at most 53 lowercase letters, digits, `-` and `.`, with a letter or digit at its start and end";

fn is_release(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.len() <= 53
        && name.starts_with(is_plain)
        && name.ends_with(is_plain)
        && name.chars().all(|letter| is_plain(letter) || matches!(letter, '-' | '.'))
}

/// Helm's messages may quote what they could not take: as it is, escaped, or a line of it.
fn hide(mut helm: Program, secret: &str) -> Program {
    let forms = |text: &str| [text.to_owned(), escaped(text), text.replace('\\', ""), quoted(text)];
    let lines = secret.lines().map(str::trim);
    for form in lines.chain([secret, secret.trim()]).flat_map(forms) {
        if form.chars().count() > 3 {
            helm = helm.hide(form, "***");
        }
    }
    helm
}

/// The inside of a string as Helm's `%q` writes it.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

/// All that may be secret of values: each scalar, and each line of what is no YAML.
fn scalars(values: &str) -> Vec<String> {
    let mut found = Vec::new();
    match yaml::parse_text(values) {
        Ok(Some(document)) => {
            let mut nodes = vec![document.root()];
            while let Some(node) = nodes.pop() {
                nodes.extend(node.items());
                nodes.extend(node.entries().into_iter().map(|(_, node)| node));
                found.extend(node.text().map(str::to_owned));
            }
        }
        Ok(None) => {}
        Err(_) => {
            for line in values.lines() {
                let value = line.split_once(": ").map_or(line, |(_, value)| value);
                found.extend([
                    line.to_owned(),
                    value.trim_matches(['\'', '"', ' ', '-', ',', '[', ']', '{', '}']).to_owned(),
                ]);
            }
        }
    }
    found.retain(|text| !["true", "false", "null"].contains(&text.as_str()));
    found
}

/// The real paths of the values files, which lie in this repository.
fn values_files(request: &Request) -> Result<Vec<PathBuf>, Vec<String>> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for name in request.parameters.list("values-files") {
        let found = if name.contains("://") {
            Err("it is a URL, and only files of the repository are read".to_owned())
        } else {
            request.checkout.inside(name)
        };
        // Helm splits what `--values` gives as a line of CSV: a part of a path could name any file.
        let is_split = |file: &Path| file.to_string_lossy().contains([',', '"', '\n', '\r']);
        match found {
            Ok(file) if is_split(&file) => problems.push(format!(
                "{PLACE}`values-files`: `{name}`: Helm would take its path for several, for a comma, a quotation mark or \
                 a line break; rename it"
            )),
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
