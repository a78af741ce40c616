//! The arguments of `meshfix export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{Choice, Reading, Talk};

/// What `meshfix export` is told.
#[derive(Debug, Args)]
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
pub struct Export {
    /// Files and folders to read, or `-` for a stream on standard input [default: .]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// The form of the patches
    #[arg(long = "as", value_name = "FORM")]
    pub form: FormName,
    /// Print the patches to this file, or to files of this folder (`FOLDER/`)
    #[arg(long, short = 'o', value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
    /// What is done.
    #[command(flatten)]
    pub choice: Choice,
    /// What is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Exit with 0 when fixes are left out
    #[arg(long)]
    pub exit_zero: bool,
    /// How much is said.
    #[command(flatten)]
    pub talk: Talk,
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
