//! Where a new resource goes that belongs to one of the files: beside it, whatever carries it.

use super::field::Field;
use super::inventory::Inventory;
use super::kustomize::join;
use super::origin::{self, INDEXES, PATHS};
use super::resource::ResourceId;
use crate::text::FileId;

/// What takes a new resource.
#[derive(Debug, Clone)]
pub enum Carrier<'a> {
    /// The ResourceList that the other resource is an item of.
    List {
        /// The list.
        list: Field<'a>,
        /// The annotations of the new item.
        annotations: Vec<(&'static str, String)>,
        /// Kustomizations among the items that must name the new item's file, each with what is to stand there.
        entries: Vec<(Field<'a>, String)>,
    },
    /// The stream that the other resource came in.
    Stream,
    /// A file.
    File {
        /// Its name, as reports have it.
        name: String,
        /// The kustomizations that must name it, each with what is to stand there.
        entries: Vec<(Field<'a>, String)>,
    },
}

impl<'a> Inventory<'a> {
    /// What takes a new resource that belongs to `beside`; in files one of this name, in the same folder.
    ///
    /// # Errors
    /// The kustomization that would have to name the file and can't be changed.
    pub fn carrier(&self, beside: ResourceId, file_name: &str) -> Result<Carrier<'a>, String> {
        let resource = self.resource(beside);
        let list = self.document_root(resource.file, resource.document);
        if let Some(list) = list.filter(|root| root.text_at(&["kind"]) == "ResourceList") {
            let annotations = self.item_annotations(list, beside, file_name);
            let entries = self.entries_in_list(list, beside, file_name);
            return Ok(Carrier::List { list, annotations, entries });
        }
        if self.is_rendered(beside) {
            return Ok(Carrier::Stream);
        }
        let name = sibling(self.file_name(resource.file), file_name);
        let entries = self.entries_for(resource.file, file_name, &name)?;
        Ok(Carrier::File { name, entries })
    }

    /// What a resource is deployed by, as a name: its first top kustomization, else its folder.
    pub fn deployed_as(&self, id: ResourceId) -> String {
        let top = self.placements(id).iter().filter_map(|place| place.kustomization).min();
        let folder = |file: FileId| self.file_name(file).rsplit_once('/').map_or("", |(folder, _)| folder);
        top.map_or_else(|| self.folder(id), folder).to_owned()
    }

    /// The top node of a document.
    fn document_root(&self, file: FileId, document: u32) -> Option<Field<'a>> {
        let root = self.files().get(file.0 as usize)?.document(document)?.root();
        Some(Field::new(root, file, document))
    }

    /// What kustomizations that name the file of another resource must say of the new file; nothing where it is named
    /// already.
    fn entries_for(&self, beside: FileId, file_name: &str, name: &str) -> Result<Vec<(Field<'a>, String)>, String> {
        let named = |of: &str| self.kustomizations.naming(of);
        let have = named(name);
        let mut entries = Vec::new();
        for file in named(self.file_name(beside)).into_iter().filter(|file| !have.contains(file)) {
            let source = &self.files()[file.0 as usize];
            let documents = 0..source.slots.len() as u32;
            let root = documents.filter_map(|document| self.document_root(file, document)).next();
            let resources = root.and_then(|root| root.get("resources"));
            let written = resources.into_iter().flat_map(Field::items).filter_map(|item| item.text());
            let own = written
                .into_iter()
                .find(|text| self.kustomizations.path(source, text) == self.file_name(beside))
                .map(|text| sibling(text, file_name));
            match root.zip(own) {
                Some(entry) => entries.push(entry),
                None => return Err(format!("{} can't be read, and it would have to name the new file", source.name)),
            }
        }
        Ok(entries)
    }

    /// The same for the items of a list: what kustomizations among them that name the file of another item must say.
    fn entries_in_list(&self, list: Field<'a>, beside: ResourceId, file_name: &str) -> Vec<(Field<'a>, String)> {
        if self.resource(beside).path.is_none() {
            return Vec::new();
        }
        let own = self.path(beside);
        let name = sibling(own, file_name);
        let is_kustomization = |item: &Field<'a>| matches!(item.text_at(&["kind"]), "Kustomization" | "Component");
        let mut entries = Vec::new();
        for item in list.get("items").into_iter().flat_map(Field::items).filter(is_kustomization) {
            let folder =
                origin::path(*item).map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned());
            let Some(folder) = folder else { continue };
            let written = item.get("resources").into_iter().flat_map(Field::items).filter_map(|entry| entry.text());
            let written: Vec<&str> = written.collect();
            if written.iter().any(|text| join(&folder, text) == name) {
                continue;
            }
            let of_own = written.into_iter().find(|text| join(&folder, text) == own);
            entries.extend(of_own.map(|text| (item, sibling(text, file_name))));
        }
        entries
    }

    /// The annotations of a new item of a ResourceList: a file beside that of another item, as far as that one says
    /// where it comes from.
    fn item_annotations(&self, list: Field<'a>, beside: ResourceId, file_name: &str) -> Vec<(&'static str, String)> {
        let root = self.root(beside);
        let annotation =
            |key: &str| root.map(|root| root.text_at(&["metadata", "annotations", key])).unwrap_or_default();
        let items = || list.get("items").into_iter().flat_map(Field::items);
        let mut annotations = Vec::new();
        for (path_key, index_key) in PATHS.into_iter().zip(INDEXES) {
            let own = annotation(path_key);
            if own.is_empty() {
                continue;
            }
            let path = sibling(own, file_name);
            let is_there = |item: &Field<'_>| item.text_at(&["metadata", "annotations", path_key]) == path;
            let index = items().filter(is_there).count();
            annotations.push((path_key, path));
            annotations.push((index_key, index.to_string()));
        }
        annotations
    }
}

/// The name of a file in the folder of another one.
fn sibling(of: &str, file_name: &str) -> String {
    of.rsplit_once('/').map_or_else(|| file_name.to_owned(), |(folder, _)| format!("{folder}/{file_name}"))
}
