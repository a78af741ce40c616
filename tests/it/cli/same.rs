//! The same bytes whatever the number of threads, the order of the paths and the folder one stands in.

use libtest_mimic::Trial;

use super::law::odd;
use super::manifests::{BANK, SAFE, host, left_over};
use super::support::{Ran, World, finish, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("same_output_with_one_thread_and_with_eight", threads),
        trial("same_output_for_paths_in_any_order", order),
        trial("same_findings_from_another_folder", folder),
        trial("same_output_in_any_language_and_zone", surroundings),
    ]
}

fn world() -> World {
    let world = odd();
    for i in 0..150 {
        world.write(format!("many/{}/{i}.yaml", i % 9), if i % 2 == 0 { host("x") } else { left_over("x") });
    }
    world.write("many/broken.yaml", "kind: Pod\nspec: [\n");
    world.write("many/utf16.yaml", [0xff, 0xfe]);
    world
}

const MODES: &[&[&str]] = &[&[], &["--unsafe"], &["--check", "-v"], &["--format", "json"]];

#[track_caller]
fn equal(one: &Ran, other: &Ran) {
    assert!(!one.bytes.is_empty() && one.bytes == other.bytes, "{}\nis not\n{}", one.out(), other.out());
    assert_eq!(one.err, other.err);
    assert_eq!(one.code, other.code);
}

fn threads() {
    let world = world();
    for mode in MODES {
        let one = world.run(&[mode, &["--threads", "1", "."][..]].concat());
        for _ in 0..4 {
            equal(&one, &world.run(&[mode, &["--threads", "8", "."][..]].concat()));
        }
    }
    let (one, eight) = (world.twin(), world.twin());
    let ran = one.run(&["--write", "--unsafe", "--threads", "1", "."]);
    equal_words(&ran, &eight.run(&["--write", "--unsafe", "--threads", "8", "."]));
    assert_eq!(one.files(), eight.files());
}

#[track_caller]
fn equal_words(one: &Ran, other: &Ran) {
    assert_eq!((&one.err, one.code), (&other.err, other.code));
}

fn order() {
    let world = world();
    let orders: &[&[&str]] = &[
        &["a", "many", "pod.json", "crlf.yaml", "many/broken.yaml"],
        &["many/broken.yaml", "crlf.yaml", "pod.json", "many", "a"],
        &["pod.json", "./many/", "a", "many/3", "crlf.yaml", "./crlf.yaml"],
    ];
    for mode in MODES {
        let first = world.run(&[mode, orders[0]].concat());
        for other in &orders[1..] {
            equal(&first, &world.run(&[mode, *other].concat()));
        }
    }
}

fn folder() {
    let world = World::with(&[
        ("sub/bank.yaml", BANK),
        ("sub/deep/bakery.yaml", SAFE),
        ("sub/broken.yaml", "kind: Pod\na: [\n"),
    ]);
    for mode in MODES {
        let above = world.run(&[mode, &["sub"][..]].concat());
        let mut inside = world.command(&[mode, &["."][..]].concat());
        let inside = finish(inside.current_dir(world.path("sub")), b"");
        let plain = |text: &str| {
            let lines = text.replace("sub/", "");
            // A fingerprint holds the file's name.
            lines.lines().filter(|line| !line.contains("\"fingerprint\"")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(plain(&above.out()), plain(&inside.out()));
        assert_eq!(plain(&above.err), plain(&inside.err));
        assert_eq!(above.code, inside.code);
    }
    let twin = world.twin();
    world.run(&["--write", "sub"]);
    let mut inside = twin.command(&["--write", "deep", "../sub/bank.yaml"]);
    finish(inside.current_dir(twin.path("sub")), b"");
    assert_eq!(world.files(), twin.files());
}

fn surroundings() {
    let world = world();
    for mode in MODES {
        let plain = world.run(&[mode, &["."][..]].concat());
        let mut other = world.command(&[mode, &["."][..]].concat());
        other
            .env("LANG", "de_DE.ISO-8859-1")
            .env("LC_ALL", "tr_TR")
            .env("TZ", "Pacific/Kiritimati")
            .env("COLUMNS", "40");
        equal(&plain, &finish(other.env("TMPDIR", "/nowhere").env("TERM", "dumb"), b""));
    }
    let twin = world.twin();
    world.run(&["--write", "."]);
    finish(twin.command(&["--write", "."]).env("TMPDIR", "/nowhere"), b"");
    assert_eq!(world.files(), twin.files());
}
