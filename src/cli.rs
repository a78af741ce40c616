//! The command line as data. What the flags do is not known here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Makes Kubernetes manifests ready for an Istio service mesh, changing nothing but the fix.
///
/// Prints the diff of what --write would write, then what is left to do. With no PATH and a stream on
/// standard input, or with `-`, reads the stream and prints it fixed.
#[derive(Debug, Parser)]
#[command(
    name = "meshfix",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  meshfix .                        show what can be fixed safely, and what is left
  meshfix --unsafe deploy/         also show fixes that need a person's judgement
  meshfix --write deploy/          fix the files
  helm template shop | meshfix -   fix a rendered stream
  meshfix explain host-network     why a rule exists, and what its fix does

A file meshfix.yaml gives options for all runs in its folder; flags win. docs/configuration.md lists them.

Exit codes: 0 nothing to do, 1 something would change or a finding stays open, 2 bad usage or
input, 70 a defect of meshfix. With `-`: 0 whenever the output is complete.")]
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
    /// Leave out what an earlier report has (`--format json -o FILE`): it is neither shown nor fixed, and does not
    /// fail the run
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Which requirements: the vendor's specification (seed, the default) or Istio's own (istio)
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<ProfileName>,
    /// The folder of a cluster's manifests: what lies in it belongs to nothing outside
    #[arg(long, value_name = "NAME=PATH", value_parser = cluster)]
    pub cluster: Vec<(String, PathBuf)>,
    /// Lowest level of an open finding that makes the exit code 1 [default: error]
    #[arg(long, value_name = "LEVEL")]
    pub fail_on: Option<LevelName>,
    /// Exit with 0 whatever is found
    #[arg(long)]
    pub exit_zero: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Print the result to this file
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Colours: on a terminal only, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say nothing but errors on standard error
    #[arg(long, short = 'q', conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: notes, left out files, how changes were proven
    #[arg(long, short = 'v')]
    pub verbose: bool,
    /// Largest file to read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, hide_short_help = true)]
    pub max_file_size: u64,
    /// Threads to read with; one for each processor by default
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub threads: Option<usize>,
    /// Other things than fixing.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A cluster's name and folder.
fn cluster(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("write it as NAME=PATH, like `prod=clusters/prod`".to_owned()),
    }
}

/// Other things than fixing.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say why a rule exists, what it fixes and how safe that is
    Explain {
        /// The rule's name
        rule: String,
    },
    /// List the rules
    Rules,
    /// Print the fixes as patches for Flux, Argo CD, kustomize or kubectl
    #[command(after_help = "\
Examples:
  meshfix export --as kustomize-patch deploy/ -o mesh/        a component for kustomizations
  helm template shop | meshfix export --as kustomize-patch -  for a HelmRelease's postRenderers
  meshfix export --as json-patch --unsafe deploy/ -o patches/ with a script for kubectl
  kubectl get deployments,services -o yaml | meshfix export --as json-patch -

A folder (`-o FOLDER/`) holds new resources too; one text can't, and leaves out the fixes that make them.
docs/export.md says how each form is used.

Exit codes: 0 the patches are complete, 1 a fix is left out (standard error says which and why), 2 bad
usage or input, 70 a defect of meshfix.")]
    Export(Export),
}

/// What `meshfix export` is told.
#[derive(Debug, Args)]
pub struct Export {
    /// Files and folders to read, or `-` for a stream on standard input [default: .]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The form of the patches
    #[arg(long = "as", value_name = "FORM")]
    pub form: FormName,
    /// Print the patches to this file, or to files of this folder (`FOLDER/`)
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
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
    /// Exit with 0 when fixes are left out
    #[arg(long)]
    pub exit_zero: bool,
    /// Say nothing but errors on standard error
    #[arg(long, short = 'q')]
    pub quiet: bool,
}

/// See [`crate::export::Form`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormName {
    /// A block `patches` with JSON Patches and targets; as a folder a component.
    KustomizePatch,
    /// A JSON object a line with a JSON Patch; as a folder files and a script for kubectl.
    JsonPatch,
    /// Parts of resources to merge in; as a folder a component and a script for kubectl.
    StrategicMerge,
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

/// Formats of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Diff and findings for people.
    Text,
    /// The report as JSON.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
