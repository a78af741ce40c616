//! A kustomization, built as Argo CD builds one.

use super::Stop;
use super::parameters::PLACE;
use super::request::{Request, variable};
use super::tools::{advice, program, run};
use crate::io::program::{Failure, Scratch};

/// Options that an Application may give, and whether each takes a value. None of them runs a program or reads a file.
const ALLOWED: [(&str, bool); 4] = [
    ("--reorder", true),
    ("--enable-managedby-label", false),
    ("--helm-api-versions", true),
    ("--helm-kube-version", true),
];

/// Options that it may not, and why. Who sets up the plugin may: [`OPERATOR`].
const REFUSED: [(&str, &str); 10] = [
    ("--load-restrictor", "it lets a kustomization read files outside its folder, those of the sidecar too"),
    ("--enable-helm", "a kustomization can make Helm run any program through it"),
    ("--helm-command", "it runs a program of the repository's choice"),
    ("--enable-exec", "it runs programs of the repository"),
    ("--enable-alpha-plugins", "it runs programs that the repository names"),
    ("--mount", "it is for programs that the repository names"),
    ("--network", "it is for programs that the repository names"),
    ("--env", "it is for programs that the repository names"),
    ("--as-current-user", "it is for programs that the repository names"),
    ("--output", "the manifests would not come back"),
];

/// The options that hold for all Applications, from the environment of the sidecar: no Application can set it.
const OPERATOR: &str = "MESHFIX_KUSTOMIZE_OPTIONS";

/// What kustomize says in front of text of the repository that may be secret: literals and patches.
const QUOTING: [&str; 3] = ["literal sources [", "invalid literal source ", "patch from ["];

/// Builds the kustomization in the application's folder.
pub(super) fn build(request: &Request) -> Result<String, Stop> {
    let options = options(request)?;
    let scratch = Scratch::new()?;
    let call = |name: &str, word: &str| {
        let mut program = program(name, &[word], request, &scratch).with(["."]).with(&options);
        for words in QUOTING {
            program = program.cut_behind(words);
        }
        // Helm's plugins are programs, and kustomize lets a kustomization say where they lie.
        program = program.set("HELM_PLUGINS", scratch.path().join("no-plugins"));
        if variable("GIT_ALLOW_PROTOCOL").is_none() {
            // The reference of a remote base may be read as an option of git, which runs a program for a local one.
            program = program.set("GIT_ALLOW_PROTOCOL", "https:http:ssh:git");
        }
        program
    };
    match call("kustomize", "build").run(request.deadline) {
        Err(Failure::Missing(_)) => match run(&call("kubectl", "kustomize"), request) {
            Err(stop) if stop.problems.iter().any(|problem| problem.starts_with("`kubectl` is not on the PATH")) => {
                Err("neither `kustomize` nor `kubectl` is on the PATH; the image of the plugin's sidecar must have one"
                    .to_owned()
                    .into())
            }
            built => built,
        },
        built => built.map_err(|failure| advice(&failure).into()),
    }
}

/// The options of the operator, and those of the Application that it may give.
fn options(request: &Request) -> Result<Vec<String>, Vec<String>> {
    let words = variable(OPERATOR).unwrap_or_default();
    let mut options: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let mut problems = Vec::new();
    for option in request.parameters.list("kustomize-options") {
        let name = option.split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
        if let Some((_, takes_value)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) {
            // An option is one argument, whole: what would be split could name another option.
            if option.contains(char::is_whitespace) || (option.len() > name.len()) != *takes_value {
                let form = if *takes_value { "=VALUE` without spaces" } else { "` without a value" };
                problems.push(format!("{PLACE}`kustomize-options`: `{option}` must be written as `{name}{form}"));
            } else {
                options.push(option.clone());
            }
        } else if let Some((_, why)) = refused {
            problems.push(format!(
                "{PLACE}`kustomize-options`: `{name}` is not for an Application to give: {why}; who sets up the plugin \
                 can give it to all, by {OPERATOR} in the sidecar's environment"
            ));
        } else {
            problems.push(format!(
                "{PLACE}`kustomize-options`: `{option}` is none of {}; who sets up the plugin can give others to all, by \
                 {OPERATOR} in the sidecar's environment",
                ALLOWED.map(|(name, _)| name).join(", ")
            ));
        }
    }
    if problems.is_empty() { Ok(options) } else { Err(problems) }
}
