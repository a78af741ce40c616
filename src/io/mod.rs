//! Where manifests come from and go to. Only this room touches files and streams.

pub mod configuration;
pub mod files;
pub mod folder;
pub mod resource_list;
pub mod stream;
mod walk;
pub mod write;
