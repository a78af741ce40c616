//! meshfix makes Kubernetes manifests ready for an Istio service mesh, and changes nothing else.
//!
//! Modules in reading order; each may use those above it, never those below.

pub mod glob;
pub mod spelling;
pub mod text;
pub mod yaml;

pub mod config;
pub mod manifest;
pub mod rule;

// The rules stand beside `src`, where their fixtures and pages stand too.
#[path = "../transforms/mod.rs"]
pub mod transforms;

pub mod patch;

pub mod engine;
pub mod export;
pub mod io;
pub mod report;

pub mod cli;
pub mod run;
