//! `meshfix export`: what its patches make of the input is what `--write` makes of it.

mod cases;
mod folders;
mod hosts;
mod laws;
mod live;
mod merges;
mod support;

use libtest_mimic::Trial;
use meshfix::engine::Settings;
use meshfix::export::{self, Export, Form, Output, Request};

use crate::fixtures::Case;

pub(crate) fn trials() -> Vec<Trial> {
    [cases::trials(), folders::trials(), hosts::trials(), laws::trials(), live::trials(), merges::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// The export of a case, unsafe fixes included.
fn export(case: &Case, form: Form, is_folder: bool) -> Export {
    let settings = Settings { unsafe_fixes: true, ..Settings::new(case.rules.clone(), &case.options) };
    export::export(case.read(&case.files), &settings, Request { form, is_folder, command: "meshfix export" })
}

/// The files of an export into a folder.
fn files(export: &Export) -> &[(String, String)] {
    match &export.output {
        Output::Folder(files) => files,
        Output::Text(_) => &[],
    }
}

/// The text of an export.
fn text(export: &Export) -> &str {
    match &export.output {
        Output::Folder(_) => "",
        Output::Text(text) => text,
    }
}
