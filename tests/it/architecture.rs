//! The rooms and who may know whom: imports point one way, and some things are absent below some rooms.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

/// Rooms from the bottom up; a room may use those before it. `transforms` lies beside `src`.
const ROOMS: &[&str] = &[
    "text",
    "glob",
    "spelling",
    "yaml",
    "config",
    "manifest",
    "rule",
    "transforms",
    "patch",
    "engine",
    "io",
    "report",
    "export",
    "cli",
    "run",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("architecture::imports_point_one_way", imports_point_one_way),
        Trial::test("architecture::nothing_below_io_touches_the_world", nothing_below_io_touches_the_world),
        Trial::test("architecture::rules_see_only_manifests", rules_see_only_manifests),
        Trial::test("architecture::one_file_knows_each_parser", one_file_knows_each_parser),
        Trial::test("docs::rule_pages_are_true", rule_pages_are_true),
        Trial::test("docs::configuration_lists_all_keys", configuration_lists_all_keys),
        Trial::test("docs::configuration_schema_is_true", configuration_schema_is_true),
        Trial::test("docs::configuration_examples_are_read", configuration_examples_are_read),
        Trial::test("docs::the_example_of_user_transforms_is_true", user_transforms_page_is_true),
        Trial::test("docs::contributing_names_real_places", contributing_names_real_places),
    ]
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file with its room, its name and its text without tests and comments.
fn sources() -> Vec<(String, String, String)> {
    let mut sources = Vec::new();
    for room in ROOMS {
        let base = if *room == "transforms" { root() } else { root().join("src") };
        let mut files = vec![base.join(format!("{room}.rs"))];
        collect(&base.join(room), &mut files);
        for path in files {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            sources.push(((*room).to_owned(), path.strip_prefix(root()).unwrap_or(&path).display().to_string(), code));
        }
    }
    assert!(sources.len() > 20, "the sources are found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

fn none(found: Vec<String>) -> Result<(), Failed> {
    if found.is_empty() { Ok(()) } else { Err(found.join("\n").into()) }
}

fn imports_point_one_way() -> Result<(), Failed> {
    let rank = |room: &str| ROOMS.iter().position(|have| *have == room);
    let mut found = Vec::new();
    for (room, file, code) in sources() {
        for (i, line) in code.lines().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let names: Vec<&str> = match rest.strip_prefix('{') {
                    Some(list) => {
                        list.split(['}', ',']).map(|part| part.trim().split("::").next().unwrap_or_default()).collect()
                    }
                    None => vec![rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()],
                };
                for name in names {
                    if rank(name).is_some_and(|there| Some(there) > rank(&room)) {
                        found.push(format!("{file}:{}: {room} must not know {name}: {}", i + 1, line.trim()));
                    }
                }
            }
        }
    }
    none(found)
}

fn nothing_below_io_touches_the_world() -> Result<(), Failed> {
    let below = &ROOMS[..ROOMS.iter().position(|room| *room == "io").unwrap_or(0)];
    let world = [
        "std::fs",
        "std::env",
        "std::net",
        "std::time",
        "std::process",
        "std::io",
        "std::thread",
        "println!",
        "eprintln!",
        "async ",
    ];
    let mut found = Vec::new();
    for (room, file, code) in sources().into_iter().filter(|(room, _, _)| below.contains(&room.as_str())) {
        found.extend(
            world.iter().filter(|word| code.contains(**word)).map(|word| format!("{file}: {room} must not use {word}")),
        );
    }
    none(found)
}

fn rules_see_only_manifests() -> Result<(), Failed> {
    let rules = sources().into_iter().filter(|(room, _, _)| room == "transforms");
    let hidden = ["crate::yaml", "crate::engine", "std::path"];
    let mut found = Vec::new();
    for (_, file, code) in rules {
        found.extend(
            hidden
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{file}: a rule must not use {word}")),
        );
    }
    none(found)
}

fn one_file_knows_each_parser() -> Result<(), Failed> {
    for (parser, place) in [("granit_parser", "src/yaml/parse.rs"), ("yaml_rust2", "src/yaml/second_reader.rs")] {
        let users: Vec<String> =
            sources().into_iter().filter(|(_, _, code)| code.contains(parser)).map(|(_, file, _)| file).collect();
        if users != [place] {
            return Err(format!("{parser} is used in {users:?}, and belongs in {place} alone").into());
        }
    }
    Ok(())
}

/// `docs/rules/<rule>.md` is what `meshfix explain` prints. `UPDATE=1` writes them.
fn rule_pages_are_true() -> Result<(), Failed> {
    for rule in meshfix::transforms::ALL {
        let path = root().join("docs/rules").join(format!("{}.md", rule.meta().name));
        let page = meshfix::report::explain::page(rule.meta());
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(root().join("docs/rules"))?;
            fs::write(&path, page)?;
        } else if fs::read_to_string(&path).unwrap_or_default() != page {
            return Err(format!(
                "{} is not what `meshfix explain {}` prints; UPDATE=1 rewrites it",
                path.display(),
                rule.meta().name
            )
            .into());
        }
    }
    Ok(())
}

/// The example of `docs/user-transforms.md` is a fixture.
fn user_transforms_page_is_true() -> Result<(), Failed> {
    let page = fs::read_to_string(root().join("docs/user-transforms.md"))?;
    let case = root().join("testdata/user-transforms/first-label");
    for name in ["meshfix.yaml", "fix.diff"] {
        if !page.contains(&fs::read_to_string(case.join(name))?) {
            return Err(format!("the page does not show {}", case.join(name).display()).into());
        }
    }
    Ok(())
}

fn rule_names() -> Vec<&'static str> {
    meshfix::transforms::ALL.iter().map(|rule| rule.meta().name).collect()
}

/// Compares a file with what it must be. `UPDATE=1` writes it.
fn is_kept_true(path: &Path, expected: &str) -> Result<(), Failed> {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, expected)?;
    } else if fs::read_to_string(path).unwrap_or_default() != expected {
        return Err(format!("{} is not what the code says; UPDATE=1 rewrites it", path.display()).into());
    }
    Ok(())
}

/// The table in `docs/configuration.md` is made from the keys that the reader knows.
fn configuration_lists_all_keys() -> Result<(), Failed> {
    let path = root().join("docs/configuration.md");
    let page = fs::read_to_string(&path)?;
    let mark = "<!-- UPDATE=1 cargo test writes what follows -->\n";
    let (text, _) = page.split_once(mark).ok_or("the page has its mark")?;
    is_kept_true(&path, &format!("{text}{mark}\n{}", meshfix::config::table(&rule_names())))
}

/// `docs/meshfix.schema.json` is made from them too.
fn configuration_schema_is_true() -> Result<(), Failed> {
    let schema = serde_json::to_string_pretty(&meshfix::config::schema(&rule_names()))?;
    is_kept_true(&root().join("docs/meshfix.schema.json"), &format!("{schema}\n"))
}

/// Every configuration that the documentation shows can be read.
fn configuration_examples_are_read() -> Result<(), Failed> {
    let mut read = 0;
    for page in ["README.md", "docs/configuration.md", "docs/user-transforms.md"] {
        let text = fs::read_to_string(root().join(page))?;
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if block.contains("kind: MeshFix") {
                read += 1;
                meshfix::config::read(block, &rule_names()).map_err(|problems| format!("{page}: {problems:#?}"))?;
            }
        }
    }
    if read < 3 { Err("the examples are found".into()) } else { Ok(()) }
}

/// Paths in backticks in CONTRIBUTING.md and ARCHITECTURE.md exist.
fn contributing_names_real_places() -> Result<(), Failed> {
    let mut found = Vec::new();
    for page in ["CONTRIBUTING.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(page))?;
        for part in text.split('`').skip(1).step_by(2) {
            let is_path = part.contains('/') && part.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
            let starts = [
                "src/",
                "transforms/",
                "testdata/",
                "tests/",
                "docs/",
                "fuzz/",
                "benches/",
                "plugins/",
                "examples/",
                ".ci/",
            ];
            if is_path
                && starts.iter().any(|start| part.starts_with(start))
                && !root().join(part.trim_end_matches('/')).exists()
            {
                found.push(format!("{page} names `{part}`, which is not there"));
            }
        }
    }
    none(found)
}
