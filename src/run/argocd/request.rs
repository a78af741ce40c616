//! What Argo CD tells a plugin: the folder that it is run in, and its environment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parameters::Parameters;
use super::source::Source;
use super::{Stop, parameters};
use crate::cli::{Choice, Reporting};
use crate::config::{self, Config, Problem, Text};
use crate::io::checkout::Checkout;
use crate::io::configuration::{self, Configuration};
use crate::io::program::Deadline;
use crate::run::choices::{Choices, names};

/// How long Argo CD waits for a plugin where nobody says it: the repo server's own timeout.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest that a clock is sure to take.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// One request.
pub(super) struct Request {
    pub(super) checkout: Checkout,
    pub(super) parameters: Parameters,
    /// The Application's name, without the namespace that Argo CD puts in front of some.
    pub(super) name: Option<String>,
    /// The namespace that it is deployed to.
    pub(super) namespace: Option<String>,
    /// The cluster's release.
    pub(super) kube_version: Option<String>,
    /// The API versions that the cluster has.
    pub(super) api_versions: Vec<String>,
    /// When other programs must be done.
    pub(super) deadline: Deadline,
}

impl Request {
    /// Reads the environment.
    pub(super) fn read() -> Result<Request, Stop> {
        let name = variable("ARGOCD_APP_NAME");
        if std::env::var_os(parameters::VARIABLE).is_some_and(|text| text.to_str().is_none()) {
            return Err(format!("{} is not UTF-8; nothing of it can be read", parameters::VARIABLE).into());
        }
        Ok(Request {
            checkout: checkout()?,
            parameters: Parameters::read(&variable(parameters::VARIABLE).unwrap_or_default())?,
            // An Application outside Argo CD's own namespace is `namespace_name` here, which is no release's name.
            name: name.map(|name| name.rsplit('_').next().unwrap_or_default().to_owned()),
            namespace: variable("ARGOCD_APP_NAMESPACE"),
            kube_version: variable("KUBE_VERSION"),
            api_versions: list(&variable("KUBE_API_VERSIONS").unwrap_or_default()),
            deadline: Deadline::new(limit(variable("ARGOCD_EXEC_TIMEOUT").as_deref())),
        })
    }

    /// What the application is made with: as the Application says, or as its folder shows.
    pub(super) fn source(&self) -> Source {
        self.parameters.source().unwrap_or_else(|| Source::found(&self.checkout.here))
    }

    /// The configuration, with the parameters over it.
    pub(super) fn configuration(&self) -> Result<(Config, Option<Configuration>), Vec<String>> {
        let file = configuration::of_checkout(&self.checkout).map_err(|problem| vec![problem])?;
        let config = read_configuration(file.as_ref(), &self.parameters.keys()?)?;
        Ok((config, file))
    }

    /// What the run is to do.
    pub(super) fn choices(&self, source: Source) -> Result<Choices, Vec<String>> {
        let (config, file) = self.configuration()?;
        let choice = Choice {
            select: self.parameters.list("rules").to_vec(),
            ignore: self.parameters.list("ignore").to_vec(),
            ..Choice::default()
        };
        // What was rendered lies nowhere.
        let paths = if source == Source::Directory { vec![] } else { vec!["-".into()] };
        Choices::with(config, file.as_ref(), &choice, &Reporting::default(), &paths)
            .map_err(|problems| problems.into_iter().map(|problem| format!("{}{problem}", parameters::PLACE)).collect())
    }
}

/// Problems of the file have its name and their places; the others are the parameters'.
fn read_configuration(file: Option<&Configuration>, keys: &BTreeMap<String, Text>) -> Result<Config, Vec<String>> {
    let read = match file {
        Some(file) => config::read_over(&file.text, keys, &names()),
        None => config::read_strings(keys, &names()),
    };
    let place = |problem: Problem| match (problem.at, file) {
        (Some(_), Some(file)) => format!("{}:{problem}", file.name),
        _ => format!("{}{problem}", parameters::PLACE),
    };
    read.map_err(|problems| problems.into_iter().map(place).collect())
}

/// The copy of the repository.
pub(super) fn checkout() -> Result<Checkout, Stop> {
    Ok(Checkout::around(variable("ARGOCD_APP_SOURCE_PATH").as_deref())?)
}

/// A variable of the environment that is not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Items by comma.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// How long other programs may take: a tenth less than Argo CD waits, so that the reason comes before its signal.
fn limit(timeout: Option<&str>) -> Duration {
    let timeout = timeout.and_then(duration).filter(|timeout| !timeout.is_zero());
    timeout.unwrap_or(TIMEOUT).min(LONGEST).mul_f64(0.9)
}

/// A duration as Go writes it: `90s`, `1m30s`, `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, milliseconds) in
            [("90s", 90_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("250ms", 250), ("1h1m1.5s", 3_661_500)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["90", "s", "1x", "-1s", "1 s", "..s", "ninety"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn we_are_done_before_argo_cd_asks() {
        assert_eq!(limit(None), Duration::from_secs(54));
        assert_eq!(limit(Some("100s")), Duration::from_secs(90));
        // As Argo CD, we take no notice of what is none.
        assert_eq!(limit(Some("soon")), Duration::from_secs(54));
        assert_eq!(limit(Some("0s")), Duration::from_secs(54));
    }
}
