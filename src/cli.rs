//! The command line as data. What the flags do is not known here.

pub mod help;
mod outputs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use outputs::{Format, Output, Outputs};

/// Makes Kubernetes manifests ready for an Istio service mesh, changing nothing but the fix.
///
/// Prints the diff of what --write would write, then what is left to do. With no argument and something on standard
/// input, or with `-`, reads a stream or a ResourceList and prints it fixed.
#[derive(Debug, Parser)]
#[command(
    name = "meshfix",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    max_term_width = 100
)]
#[command(after_help = help::behind(false), after_long_help = help::behind(true))]
pub struct Cli {
    /// Files and folders to read, or `-` for a stream on standard input
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write the fixes into the files
    #[arg(long, short = 'w')]
    pub write: bool,
    /// List all findings; print no diff and write nothing
    #[arg(long, conflicts_with = "write")]
    pub check: bool,
    /// What is done.
    #[command(flatten)]
    pub choice: Choice,
    /// What is read.
    #[command(flatten)]
    pub reading: Reading,
    /// How the result is told.
    #[command(flatten)]
    pub reporting: Reporting,
    /// How much is said.
    #[command(flatten)]
    pub talk: Talk,
    /// What a terminal shows beside the result.
    #[command(flatten)]
    pub showing: Showing,
    /// Other things than fixing files.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// True without any argument: a host calls its functions so.
    #[clap(skip)]
    pub is_bare: bool,
}

/// Which rules run, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct Choice {
    /// Include fixes that can break something outside the files
    #[arg(long)]
    pub r#unsafe: bool,
    /// Only these rules, by comma; `none` for no rule at all
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub select: Vec<String>,
    /// All rules but these, by comma
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// The configuration; without it the nearest meshfix.yaml, upwards to the repository's root
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which requirements: the vendor's specification (seed, the default) or Istio's own (istio)
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<ProfileName>,
    /// The folder of a cluster's manifests: what lies in it belongs to nothing outside
    #[arg(long, value_name = "NAME=PATH", value_parser = cluster)]
    pub cluster: Vec<(String, PathBuf)>,
}

/// What is read.
#[derive(Debug, Clone, Args)]
pub struct Reading {
    /// Largest file to read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, hide_short_help = true)]
    pub max_file_size: u64,
    /// Threads to read with; one for each processor by default
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub threads: Option<usize>,
}

/// How the result is told.
#[derive(Debug, Clone, Default, Args)]
pub struct Reporting {
    /// Leave out what an earlier report has (`--format json -o FILE`): it is neither shown nor fixed, and does not
    /// fail the run
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Lowest level of an open finding that makes the exit code 1 [default: error; never for a stream or a function]
    #[arg(long, value_name = "LEVEL")]
    pub fail_on: Option<LevelName>,
    /// Exit with 0 whatever is found
    #[arg(long)]
    pub exit_zero: bool,
    /// The result, in one or more formats.
    #[command(flatten)]
    pub outputs: Outputs,
}

/// How much is said, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct Talk {
    /// Colours: on a terminal only, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say nothing but errors on standard error
    #[arg(long, short = 'q', conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: notes, left out files, how changes were proven
    #[arg(long, short = 'v')]
    pub verbose: bool,
}

/// What a terminal shows beside the result.
#[derive(Debug, Clone, Default, Args)]
pub struct Showing {
    /// Print a diff at once, also on a terminal
    #[arg(long, hide_short_help = true)]
    pub no_pager: bool,
    /// Never show how far a long run is; a terminal sees it after half a second
    #[arg(long, hide_short_help = true)]
    pub no_progress: bool,
}

/// A cluster's name and folder.
fn cluster(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("write it as NAME=PATH, like `prod=clusters/prod`".to_owned()),
    }
}

/// Other things than fixing files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say why a rule exists, what it fixes and how safe that is
    Explain {
        /// The rule's name
        rule: String,
        /// Colours: on a terminal only, always or never
        #[arg(long, value_name = "WHEN", default_value = "auto")]
        color: Color,
        /// Print the page at once, also on a terminal
        #[arg(long)]
        no_pager: bool,
    },
    /// List the rules
    Rules,
    /// Be a KRM function: a ResourceList on standard input, the fixed one with results on standard output
    Fn(Filter),
    /// Print a script that completes words in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
    /// Answer kubectl, which completes the words of its plugins by a program of their own
    #[command(hide = true)]
    CompleteKubectl {
        /// The words so far; the last one is to be completed
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// Be kustomize's legacy plugin, which is called by its own name
    #[command(hide = true, name = PLUGIN)]
    KustomizePlugin {
        /// The plugin's configuration
        configuration: PathBuf,
        /// What the function takes, too.
        #[command(flatten)]
        filter: Filter,
    },
}

/// The flags of what stands in a pipe.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// What is done.
    #[command(flatten)]
    pub choice: Choice,
    /// How the result is told.
    #[command(flatten)]
    pub reporting: Reporting,
    /// How much is said.
    #[command(flatten)]
    pub talk: Talk,
}

/// The subcommand that stands for the name of the legacy plugin.
const PLUGIN: &str = "kustomize-plugin";

impl Cli {
    /// Reads the arguments; the first is the name that the program was called by, which may choose what it does.
    ///
    /// # Errors
    /// What clap says of bad usage, and `--help` and `--version`.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        let called = arguments.first().and_then(|name| Path::new(name).file_name()?.to_str()).unwrap_or_default();
        let called = called.to_owned();
        let is_bare = arguments.len() <= 1;
        let mut command = Cli::command();
        match called.as_str() {
            "meshfix-fn" => arguments.insert(1, "fn".into()),
            // kustomize finds its plugins by their kind.
            crate::config::KIND => arguments.insert(1, PLUGIN.into()),
            "kubectl-meshfix" => command = command.bin_name("kubectl meshfix"),
            _ => {}
        }
        let matches = command.try_get_matches_from_mut(arguments)?;
        let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        cli.is_bare = is_bare;
        let last = matches.subcommand().map_or(&matches, |(_, matches)| matches);
        let reporting = match &mut cli.command {
            None => Some(&mut cli.reporting),
            Some(Command::Fn(filter) | Command::KustomizePlugin { filter, .. }) => Some(&mut filter.reporting),
            Some(_) => None,
        };
        if let Some(reporting) = reporting {
            reporting.outputs.pair(last).map_err(|problem| {
                clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{problem}\n")).format(&mut command)
            })?;
        }
        Ok(cli)
    }
}

/// See [`crate::config::Profile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileName {
    /// The vendor's specification.
    Seed,
    /// Istio's own requirements.
    Istio,
}

/// See [`crate::rule::Level`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelName {
    /// Breaks in a mesh.
    Error,
    /// Loses features.
    Warning,
    /// Advice.
    Info,
}

impl From<LevelName> for crate::config::Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Error => crate::config::Level::Error,
            LevelName::Warning => crate::config::Level::Warning,
            LevelName::Info => crate::config::Level::Info,
        }
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
