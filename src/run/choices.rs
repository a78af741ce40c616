//! What a run is to do: flags win over the configuration, and that wins over the defaults.

use std::path::{Path, PathBuf};

use crate::cli::{Choice, ProfileName, Reporting};
use crate::config::{self, Config, Mode, NONE, Options, Problem, Profile};
use crate::engine::{Baseline, Settings};
use crate::io::configuration::{self, Configuration};
use crate::io::files;
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
    /// The lowest level of a failure, where somebody said so.
    pub(super) fail_on: Option<Level>,
    pub(super) mode: Mode,
    baseline: Option<Baseline>,
}

impl Choices {
    /// Reads the configuration and puts the flags over it.
    ///
    /// # Errors
    /// Everything that is wrong with the flags or the configuration.
    pub(super) fn new(choice: &Choice, reporting: &Reporting, paths: &[PathBuf]) -> Result<Choices, Vec<String>> {
        let file = configuration::read(choice.config.as_deref(), paths).map_err(|problem| vec![problem])?;
        let config = match &file {
            Some(file) => config::read(&file.text, &names()).map_err(|problems| placed(&file.name, problems))?,
            None => Config::default(),
        };
        Choices::with(config, file.as_ref(), choice, reporting, paths)
    }

    /// Takes a configuration that came with the input, and puts the flags over it; `name` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with the flags.
    pub(super) fn given(
        config: Config,
        name: &str,
        choice: &Choice,
        reporting: &Reporting,
    ) -> Result<Choices, Vec<String>> {
        if let Some(file) = &choice.config {
            let file = file.display();
            return Err(vec![format!("`--config {file}` and {name} both configure this run; take one of them away")]);
        }
        let choices = Choices::with(config, None, choice, reporting, &[])?;
        Ok(Choices { configuration: Some(name.to_owned()), ..choices })
    }

    fn with(
        config: Config,
        file: Option<&Configuration>,
        choice: &Choice,
        reporting: &Reporting,
        paths: &[PathBuf],
    ) -> Result<Choices, Vec<String>> {
        let own = patch::transforms(&config.options).map_err(|problem| vec![problem])?;
        let all = [transforms::ALL, &own].concat();
        unknown_rules(choice, &all).map_err(|problem| vec![problem])?;
        let rules = chosen(choice, &config, &all);
        let mut options = config.options;
        match choice.profile {
            Some(ProfileName::Seed) => options.profile = Profile::Seed,
            Some(ProfileName::Istio) => options.profile = Profile::Istio,
            None => {}
        }
        for (name, path) in &choice.cluster {
            let folder = configuration::folder(path, file);
            let folder = folder.map_err(|problem| vec![format!("--cluster {name}: {problem}")])?;
            options.clusters.insert(name.clone(), folder);
        }
        let here = [PathBuf::from(".")];
        options.places = configuration::places(file, if paths.is_empty() { &here } else { paths });
        let baseline = reporting.baseline.as_deref().map(|path| baseline(reporting, path)).transpose();
        Ok(Choices {
            configuration: file.map(|file| file.name.clone()),
            all,
            rules,
            options,
            unsafe_fixes: choice.r#unsafe || config.unsafe_fixes,
            fail_on: reporting.fail_on.map(Level::from).or(config.fail_on),
            mode: config.mode,
            baseline: baseline.map_err(|problem| vec![problem])?,
        })
    }

    /// The same for the engine.
    pub(super) fn settings(&self) -> Settings<'_> {
        Settings {
            unsafe_fixes: self.unsafe_fixes,
            baseline: self.baseline.as_ref(),
            can_not_create: &files::can_not_create,
            sabotage: std::env::var_os("MESHFIX_TEST_SABOTAGE").is_some() && cfg!(debug_assertions),
            ..Settings::new(self.rules.clone(), &self.options)
        }
    }

    /// Which configuration was used, as a sentence.
    pub(super) fn told(&self) -> String {
        match &self.configuration {
            Some(name) => format!("configuration: {}\n", crate::report::visible(name)),
            None => format!("configuration: no {}, all options have their defaults\n", configuration::NAME),
        }
    }
}

/// Problems with the name of what they are in.
pub(super) fn placed(name: &str, problems: Vec<Problem>) -> Vec<String> {
    let place = |problem: Problem| match problem.at {
        Some(_) => format!("{name}:{problem}"),
        None => format!("{name}: {problem}"),
    };
    problems.into_iter().map(place).collect()
}

/// The names of all rules.
pub(super) fn names() -> Vec<&'static str> {
    transforms::ALL.iter().map(|rule| rule.meta().name).collect()
}

/// Reads the report that `--baseline` names.
fn baseline(reporting: &Reporting, path: &Path) -> Result<Baseline, String> {
    if reporting.outputs.files().any(|(file, _)| file == path) {
        return Err("the new report would lack what its baseline has; make it anew without --baseline".to_owned());
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {}", files::reason(&error)))?;
    Baseline::read(&text, |file| Path::new(file).exists()).map_err(|error| format!("{name}: {error}"))
}

fn unknown_rules(choice: &Choice, all: &[&'static dyn Transform]) -> Result<(), String> {
    let mut named = choice.select.iter().filter(|name| *name != NONE).chain(&choice.ignore);
    match named.find(|name| all.iter().all(|rule| rule.meta().name != *name)) {
        Some(name) => Err(super::unknown_rule(name, all)),
        None => Ok(()),
    }
}

/// The rules that are run. Those that `--select` names are run whatever the configuration says; `--ignore` adds to it.
fn chosen(choice: &Choice, config: &Config, all: &[&'static dyn Transform]) -> Vec<&'static dyn Transform> {
    let nothing = Vec::new();
    let (select, ignore) =
        if choice.select.is_empty() { (&config.select, &config.ignore) } else { (&choice.select, &nothing) };
    let none = select.iter().any(|name| name == NONE);
    let is_chosen = |rule: &&&'static dyn Transform| {
        let has = |names: &[String]| names.iter().any(|name| name == rule.meta().name);
        (select.is_empty() || has(select)) && !has(ignore) && !has(&choice.ignore)
    };
    all.iter().filter(|_| !none).filter(is_chosen).copied().collect()
}
