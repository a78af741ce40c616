//! What a run is to do: flags win over the configuration, and that wins over the defaults.

use std::path::PathBuf;

use crate::cli::{Cli, LevelName, ProfileName};
use crate::config::{self, Config, Options, Profile};
use crate::io::configuration;
use crate::patch;
use crate::rule::{Level, Transform};
use crate::transforms;

/// What a run is to do.
pub(super) struct Choices {
    /// The name of the configuration that was used.
    pub(super) configuration: Option<String>,
    /// All rules: ours, and behind them the user's.
    pub(super) all: Vec<&'static dyn Transform>,
    /// Those that are run.
    pub(super) rules: Vec<&'static dyn Transform>,
    pub(super) options: Options,
    pub(super) unsafe_fixes: bool,
    pub(super) fail_on: Level,
}

impl Choices {
    /// Reads the configuration and puts the flags over it.
    ///
    /// # Errors
    /// Everything that is wrong with the flags or the configuration.
    pub(super) fn new(cli: &Cli) -> Result<Choices, Vec<String>> {
        let file = configuration::read(cli.config.as_deref(), &cli.paths).map_err(|problem| vec![problem])?;
        let config = match &file {
            Some(file) => {
                let places = |problem: config::Problem| match problem.at {
                    Some(_) => format!("{}:{problem}", file.name),
                    None => format!("{}: {problem}", file.name),
                };
                config::read(&file.text, &names())
                    .map_err(|problems| problems.into_iter().map(places).collect::<Vec<_>>())?
            }
            None => Config::default(),
        };
        let own = patch::transforms(&config.options).map_err(|problem| vec![problem])?;
        let all = [transforms::ALL, &own].concat();
        unknown_rules(cli, &all).map_err(|problem| vec![problem])?;
        let rules = chosen(cli, &config, &all);
        let mut options = config.options;
        match cli.profile {
            Some(ProfileName::Seed) => options.profile = Profile::Seed,
            Some(ProfileName::Istio) => options.profile = Profile::Istio,
            None => {}
        }
        for (name, path) in &cli.cluster {
            let folder = configuration::folder(path, file.as_ref());
            let folder = folder.map_err(|problem| vec![format!("--cluster {name}: {problem}")])?;
            options.clusters.insert(name.clone(), folder);
        }
        let here = [PathBuf::from(".")];
        options.places = configuration::places(file.as_ref(), if cli.paths.is_empty() { &here } else { &cli.paths });
        let fail_on = match cli.fail_on {
            Some(LevelName::Error) => Level::Error,
            Some(LevelName::Warning) => Level::Warning,
            Some(LevelName::Info) => Level::Info,
            None => config.fail_on.unwrap_or(Level::Error),
        };
        Ok(Choices {
            configuration: file.map(|file| file.name),
            all,
            rules,
            options,
            unsafe_fixes: cli.r#unsafe || config.unsafe_fixes,
            fail_on,
        })
    }
}

/// The names of all rules.
fn names() -> Vec<&'static str> {
    transforms::ALL.iter().map(|rule| rule.meta().name).collect()
}

fn unknown_rules(cli: &Cli, all: &[&'static dyn Transform]) -> Result<(), String> {
    let mut named = cli.select.iter().filter(|name| *name != "none").chain(&cli.ignore);
    match named.find(|name| all.iter().all(|rule| rule.meta().name != *name)) {
        Some(name) => Err(super::unknown_rule(name, all)),
        None => Ok(()),
    }
}

/// The rules that are run. Those that `--select` names are run whatever the configuration says; `--ignore` adds to it.
fn chosen(cli: &Cli, config: &Config, all: &[&'static dyn Transform]) -> Vec<&'static dyn Transform> {
    let none = cli.select.iter().any(|name| name == "none");
    let nothing = Vec::new();
    let (select, ignore) =
        if cli.select.is_empty() { (&config.select, &config.ignore) } else { (&cli.select, &nothing) };
    let is_chosen = |rule: &&&'static dyn Transform| {
        let has = |names: &[String]| names.iter().any(|name| name == rule.meta().name);
        (select.is_empty() || has(select)) && !has(ignore) && !has(&cli.ignore)
    };
    all.iter().filter(|_| !none).filter(is_chosen).copied().collect()
}
