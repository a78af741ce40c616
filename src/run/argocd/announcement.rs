//! The parameters that an Application can set, for Argo CD's pages. What they show as default holds here without the
//! parameter: Argo CD sends none of it back.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::parameters::{self, Parameter, Shape};
use super::source::Source;
use super::{Stop, request};
use crate::config::{self, Config, Mode, Profile};
use crate::io::checkout::Checkout;
use crate::io::configuration;
use crate::run::choices::{names, placed};
use crate::run::console;

/// Most files that a tooltip names.
const NAMED: usize = 8;

/// Prints them as JSON.
pub(super) fn print() -> Result<u8, Stop> {
    let checkout = request::checkout()?;
    let source = Source::found(&checkout.here);
    let config = configuration(&checkout).unwrap_or_else(|problems| {
        // The page shows what it can; that the configuration is wrong, `generate` says.
        problems.iter().for_each(|problem| console::error(problem));
        Config::default()
    });
    let is_for = |parameter: &&Parameter| parameter.source.is_none_or(|only| only == source);
    let announced = parameters::ALL.iter().filter(is_for);
    let announced: Vec<Value> = announced.map(|parameter| announce(parameter, source, &config, &checkout)).collect();
    Ok(crate::run::print(&format!("{:#}\n", Value::Array(announced))))
}

fn configuration(checkout: &Checkout) -> Result<Config, Vec<String>> {
    match configuration::of_checkout(checkout) {
        Ok(Some(file)) => config::read(&file.text, &names()).map_err(|problems| placed(&file.name, problems)),
        Ok(None) => Ok(Config::default()),
        Err(problem) => Err(vec![problem]),
    }
}

fn announce(parameter: &Parameter, source: Source, config: &Config, checkout: &Checkout) -> Value {
    let mut tooltip = parameter.help.to_owned();
    if parameter.name == "values-files"
        && let Some(files) = values_files(&checkout.here)
    {
        tooltip += &format!("; here: {files}");
    }
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    field("name", parameter.name.into());
    field("title", parameter.title.into());
    field("tooltip", tooltip.into());
    match parameter.shape {
        Shape::Text => field("itemType", "string".into()),
        Shape::Flag => field("itemType", "boolean".into()),
        Shape::List => field("collectionType", "array".into()),
        Shape::Map => field("collectionType", "map".into()),
    }
    field(parameter.shape.field(), default(parameter, source, config));
    Value::Object(fields)
}

/// What holds without the parameter.
fn default(parameter: &Parameter, source: Source, config: &Config) -> Value {
    match parameter.name {
        "mode" => match config.mode {
            Mode::Fix => "fix".into(),
            Mode::Check => "check".into(),
        },
        "rules" => config.select.clone().into(),
        "ignore" => config.ignore.clone().into(),
        "unsafe" => config.unsafe_fixes.to_string().into(),
        "fail-on" => config.fail_on.map_or("", config::Level::name).into(),
        "profile" => match config.options.profile {
            Profile::Seed => "seed".into(),
            Profile::Istio => "istio".into(),
        },
        "type" => source.word().into(),
        "allow-empty" => "false".into(),
        _ => match parameter.shape {
            Shape::Text | Shape::Flag => "".into(),
            Shape::List => json!([]),
            Shape::Map => json!({}),
        },
    }
}

/// The files beside the chart that look like values, apart from its own.
fn values_files(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| {
        let is_yaml = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
        is_yaml && name.contains("values") && name != "values.yaml"
    });
    names.sort_unstable();
    names.truncate(NAMED);
    Some(names.join(", ")).filter(|names| !names.is_empty())
}
