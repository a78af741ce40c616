//! meshfix makes Kubernetes manifests ready for an Istio service mesh, and changes nothing else.
//!
//! Modules in reading order; each may use those above it, never those below.

pub mod text;
pub mod yaml;
