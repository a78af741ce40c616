//! Where manifests come from and go to. Only this room touches files, streams and other programs.

pub mod checkout;
pub mod configuration;
pub mod directory;
pub mod files;
pub mod folder;
pub mod program;
pub mod resource_list;
pub mod stream;
mod walk;
pub mod write;
