//! Resources of one case on their way to the server.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Client, Refusal};
use super::resources::{Pair, Resource, Space};

/// How a resource is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// As `kubectl create` does: it must not be there yet.
    Create,
    /// As `kubectl apply --server-side` does, on top of what is there.
    Apply,
    /// As `kubectl create --dry-run=server` does: nothing stays.
    Try,
}

/// The namespaces of one case in one phase, on a server.
pub(crate) struct Stage<'a> {
    client: &'a Client,
    space: Space,
    namespaces: BTreeSet<String>,
    made: Vec<String>,
}

impl<'a> Stage<'a> {
    /// `name` tells this stage from all others of the server.
    pub(crate) fn new(client: &'a Client, name: String, pairs: &[Pair]) -> Stage<'a> {
        Stage { client, space: Space::new(name, pairs), namespaces: BTreeSet::new(), made: Vec::new() }
    }

    /// Whether the server has the resource's kind.
    pub(crate) fn serves(&self, resource: &Resource) -> bool {
        self.client.kind(resource.api_version(), resource.kind()).is_some()
    }

    /// Sends a resource; `copy` as in its [`Pair`].
    pub(crate) fn put(&mut self, resource: &Resource, copy: usize, how: How) -> Result<(), Refusal> {
        let is_namespace = resource.kind() == "Namespace";
        let kind = self.client.kind(resource.api_version(), resource.kind());
        if kind.is_some_and(|kind| !kind.namespaced) && !is_namespace {
            // What belongs to the whole cluster would meet other cases' if it stayed.
            return self.client.create(&resource.value, true).map(drop);
        }
        let placed = self.space.place(resource, copy);
        if is_namespace {
            return self.client.apply(&placed).map(drop);
        }
        self.make_namespace(&placed)?;
        let path = match how {
            How::Try => return self.client.create(&placed, true).map(drop),
            How::Create => self.client.create(&placed, false)?,
            How::Apply => self.client.apply(&placed)?,
        };
        if !self.made.contains(&path) {
            self.made.push(path);
        }
        Ok(())
    }

    /// Where [`Stage::back_to`] goes back to.
    pub(crate) fn mark(&self) -> usize {
        self.made.len()
    }

    /// Deletes what was put after the mark.
    pub(crate) fn back_to(&mut self, mark: usize) -> Result<(), Refusal> {
        self.made.drain(mark..).rev().try_for_each(|path| match self.client.delete(&path) {
            // Endpoints go with their Service.
            Err(refusal) if refusal.code == 404 => Ok(()),
            deleted => deleted,
        })
    }

    /// Deletes all that was put: Services hold ports and addresses of the whole cluster.
    pub(crate) fn clear(mut self) -> Result<(), Refusal> {
        self.back_to(0)
    }

    fn make_namespace(&mut self, placed: &Value) -> Result<(), Refusal> {
        let namespace = self.space.namespace(placed);
        if !self.namespaces.insert(namespace["metadata"]["name"].to_string()) {
            return Ok(());
        }
        match self.client.create(&namespace, false) {
            // The case's own Namespace made it.
            Err(refusal) if refusal.code == 409 => Ok(()),
            made => made.map(drop),
        }
    }
}
