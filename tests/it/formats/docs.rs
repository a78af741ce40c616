//! The commands that `docs/formats.md` shows are run as they stand there.

use std::path::Path;

use libtest_mimic::Trial;

use super::trial;
use super::world::ferry;

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("the_commands_of_the_page_run", commands)]
}

fn commands() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut formats = Vec::new();
    for command in blocks.flat_map(str::lines) {
        let world = ferry();
        let before = world.files();
        let ran = world.shell(command);
        let expected = if command.contains("--exit-zero") { 0 } else { 1 };
        assert_eq!(ran.code, Some(expected), "{command}\n{}", ran.err);
        let words: Vec<&str> = command.split(' ').collect();
        for pair in words.windows(2) {
            match pair {
                ["-o", file] => assert!(world.read(file).len() > 1000, "{command}"),
                ["--format", format] => formats.push((*format).to_owned()),
                _ => {}
            }
        }
        let made = command.matches(" -o ").count();
        assert_eq!(world.files().len(), before.len() + made, "{command}");
    }
    for format in ["sarif", "github", "gitlab", "junit", "rdjson", "markdown"] {
        assert!(formats.iter().any(|have| have == format), "{format} has a command");
        assert!(page.contains(&format!("| `{format}` |")), "{format} has a row");
    }
}
