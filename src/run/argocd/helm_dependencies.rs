//! The charts that a chart depends on, fetched where the repository does not hold them.

use std::fs;
use std::path::{Path, PathBuf};

use super::Stop;
use super::request::{Request, variable};
use super::source::CHART;
use super::tools::{program, run};
use crate::io::program::{Program, Scratch, without_credentials};
use crate::yaml::{self, Document, Node};

/// The folder that dependencies lie in.
const CHARTS: &str = "charts";

/// Where a chart says what it depends on, with the file that has the very versions; the second pair is Helm 2's.
const PLACES: [(&str, &str); 2] = [(CHART, "Chart.lock"), ("requirements.yaml", "requirements.lock")];

/// One chart that is needed.
struct Dependency {
    name: String,
    /// Where it comes from; empty for one that lies in `charts`.
    repository: String,
}

/// Fetches what is not there. Each program that it runs works in the copy of the repository.
pub(super) fn fetch(request: &Request) -> Result<(), Stop> {
    let here = &request.checkout.here;
    let Some((dependencies, lock)) = needed(here) else { return Ok(()) };
    if dependencies.iter().all(|dependency| is_there(&here.join(CHARTS), &dependency.name)) {
        return Ok(());
    }
    request.checkout.stays_inside(here)?;
    for dependency in &dependencies {
        if let Some(folder) = dependency.repository.strip_prefix("file://") {
            let folder = request.checkout.inside(folder).map_err(|problem| {
                let Dependency { name, repository } = dependency;
                let repository = without_credentials(repository);
                format!("{CHART}: the dependency `{name}` has the repository `{repository}`: {problem}")
            })?;
            if folder.is_dir() {
                request.checkout.stays_inside(&folder)?;
            }
        }
    }
    let scratch = Scratch::new()?;
    let helm = |words: &[&str]| program("helm", words, request, &scratch);
    if !here.join(lock).is_file() {
        // Without versions to keep, Helm takes repositories that it was not told of.
        return run(&helm(&["dependency", "update"]).with(["."]), request).map(drop);
    }
    let known = known_repositories();
    let known_urls = known.as_ref().map(urls).unwrap_or_default();
    let is_known = |url: &&str| known_urls.iter().any(|known| same(known, url));
    let urls: Vec<&str> = dependencies.iter().map(|dependency| dependency.repository.as_str()).collect();
    let mut missing: Vec<&str> = urls.iter().filter(|url| is_remote(url) && !is_known(url)).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    let mut build = helm(&["dependency", "build"]).with(["."]);
    if !missing.is_empty() {
        // What was known stays: it may have the credentials of some.
        let text = known.as_ref().map_or("", |document| document.text());
        let file = scratch.write("repositories.yaml", text)?;
        let with_file = |helm: Program| helm.set("HELM_REPOSITORY_CONFIG", &file);
        for (number, url) in missing.iter().enumerate() {
            let add = helm(&["repo", "add"]).with([&format!("meshfix-{number}"), *url]);
            run(&with_file(add), request)?;
        }
        build = with_file(build);
        if known_urls.is_empty() {
            // Their indexes have just come.
            build = build.with(["--skip-refresh"]);
        }
    }
    run(&build, request).map(drop)
}

/// The dependencies of the chart here, and the name of the file with their very versions; `None` where it has none. What
/// is wrong with the files, Helm says.
fn needed(here: &Path) -> Option<(Vec<Dependency>, &'static str)> {
    PLACES.into_iter().find_map(|(name, lock)| {
        let document = yaml::parse_text(&fs::read_to_string(here.join(name)).ok()?).ok()??;
        let list = document.root().get("dependencies").into_iter().flat_map(Node::items);
        let dependencies: Vec<Dependency> = list.filter_map(dependency).collect();
        (!dependencies.is_empty()).then_some((dependencies, lock))
    })
}

fn dependency(node: Node<'_>) -> Option<Dependency> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    Some(Dependency { name: text("name")?, repository: text("repository").unwrap_or_default() })
}

/// Whether the chart lies in the folder, as one or packed.
fn is_there(charts: &Path, name: &str) -> bool {
    let is_package = |file: &str| {
        let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit() || c == 'v'))
            && file.ends_with(".tgz")
    };
    let packages = || fs::read_dir(charts).into_iter().flatten().flatten();
    charts.join(name).join(CHART).is_file()
        || packages().any(|entry| entry.file_name().to_str().is_some_and(is_package))
}

/// The repositories that Helm was told of, by whoever set up the plugin.
fn known_repositories() -> Option<Document> {
    let below = |name: &str, path: &str| Some(Path::new(&variable(name)?).join(path));
    let file = variable("HELM_REPOSITORY_CONFIG")
        .map(PathBuf::from)
        .or_else(|| below("HELM_CONFIG_HOME", "repositories.yaml"))
        .or_else(|| below("XDG_CONFIG_HOME", "helm/repositories.yaml"))
        .or_else(|| below("HOME", ".config/helm/repositories.yaml"))?;
    yaml::parse_text(&fs::read_to_string(file).ok()?).ok()?
}

fn urls(repositories: &Document) -> Vec<String> {
    let list = repositories.root().get("repositories").into_iter().flat_map(Node::items);
    list.filter_map(|repository| Some(repository.get("url")?.text()?.to_owned())).collect()
}

fn is_remote(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
