//! Kubernetes manifests: what is in the files, and the questions that rules ask about it.
//!
//! Nothing here touches a file. Everything is read-only and made anew for each pass of the engine.

mod association;
mod config_map;
mod container;
mod dns_server;
mod field;
mod host;
mod ingress_controller;
mod inventory;
mod kinds;
mod kustomize;
mod label_users;
mod listening;
mod membership;
mod node_agent;
mod ownership;
mod patches;
mod pod_security;
mod primary_service;
mod protocol;
mod resource;
mod selector;
mod service;
mod service_port;
mod setting;
mod shell;
mod sidecar;
mod source;
mod workload;

pub use association::Association;
pub use config_map::{ConfigMapUse, ConfigMapUseKind};
pub use container::{Container, Probe, Role};
pub use field::{Field, NodeId};
pub use host::KnownHosts;
pub use inventory::{Inventory, Placement};
pub use kinds::Kinds;
pub use kustomize::AddedLabel;
pub use label_users::{LabelUse, LabelUser};
pub use listening::{Bearing, ConfigMapMention, PortMention, holds_number, text_holds_number};
pub use membership::{Membership, Off};
pub use ownership::{Owner, is_proxy_container};
pub use pod_security::PodSecurity;
pub use primary_service::Primary;
pub use protocol::{Protocol, ProtocolClass, protocol};
pub use resource::{Resource, ResourceId, ResourceName};
pub use selector::Selector;
pub use service_port::{ServicePort, TargetPort};
pub use setting::Setting;
pub use shell::{Command, Word, base_name, commands, program};
pub use source::{Slot, SourceFile, State};
pub use workload::Workload;
