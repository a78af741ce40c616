//! Hostile files in a tree: each is answered soon and in bounded memory or refused by name, and the files
//! beside it are fixed all the same.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;

use super::manifests::{SAFE, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("hostile_sequences_nested_100000_deep", || answered("dashes", &deep("- "))),
        trial("hostile_keys_nested_100000_deep", || answered("questions", &deep("? "))),
        trial("hostile_flow_nested_100000_deep", || answered("brackets", &deep("["))),
        trial("hostile_flow_mappings_nested_100000_deep", || answered("braces", &deep("{a: "))),
        trial("hostile_json_nested_100000_deep", || {
            answered("json", &format!("{{\"kind\": \"Pod\", \"spec\": {}", "[".repeat(100_000)))
        }),
        trial("hostile_alias_bomb", || answered("bomb", &bomb())),
        trial("hostile_million_keys", || answered("keys", &keys())),
        trial("hostile_block_scalar_of_16_mb", || answered("scalar", &scalar())),
        trial("hostile_comments_before_a_child", || answered("comments", &comments())),
        trial("hostile_line_of_16_mb", || answered("line", &line())),
        trial("hostile_20000_documents", || {
            answered("documents", &(left_over("many").replace("WithHostNet", "") + "---\n").repeat(20_000))
        }),
        trial("hostile_5000_findings_in_one_file", || {
            answered("findings", &(left_over("many") + "---\n").repeat(5_000))
        }),
        trial("hostile_alias_chain", || answered("chain", &chain())),
        trial("hostile_merge_keys", || answered("merge", &merges())),
        trial("hostile_everything_at_once", everything),
    ]
}

/// No answer takes longer, in debug builds on a busy machine; release builds take less than two seconds.
const LIMIT: Duration = Duration::from_secs(20);
/// Memory of a run, in KiB. A debug build of the same trees takes as much as a release build.
const MEMORY: u64 = 200 << 10;

fn deep(part: &str) -> String {
    format!("kind: Deployment\napiVersion: apps/v1\nspec:\n  {}\n", part.repeat(100_000))
}

/// 342 bytes that become a billion nodes.
fn bomb() -> String {
    let mut text = "kind: Deployment\napiVersion: apps/v1\nspec:\n".to_owned();
    text.push_str(" a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (name, before) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        text.push_str(&format!(" {name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(",")));
    }
    text + " template: {spec: {containers: [], dnsPolicy: ClusterFirstWithHostNet, x: *i}}\n"
}

fn keys() -> String {
    let mut text = "kind: Deployment\napiVersion: apps/v1\nspec:\n  template:\n    spec: {containers: [], dnsPolicy: Default}\n    metadata:\n      annotations:\n".to_owned();
    (0..1_000_000).for_each(|i| text.push_str(&format!("        k{i}: v\n")));
    text
}

fn scalar() -> String {
    let block = "      a line of text that says nothing at all, of some length\n".repeat((16 << 20) / 60);
    format!(
        "kind: Deployment\napiVersion: apps/v1\nmetadata:\n  name: s\n  annotations:\n    long: |\n{block}spec:\n  template:\n    spec:\n      containers: []\n      dnsPolicy: ClusterFirstWithHostNet\n"
    )
}

fn comments() -> String {
    let comments = "      # one more comment\n".repeat(200);
    left_over("comments").replace("      dnsPolicy", &format!("{comments}      dnsPolicy"))
}

fn line() -> String {
    let values = "\"a value\",".repeat((16 << 20) / 10);
    format!(
        "{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"l\"}},\"x\":[{values}\"end\"],\"spec\":{{\"containers\":[],\"dnsPolicy\":\"ClusterFirstWithHostNet\"}}}}\n"
    )
}

fn chain() -> String {
    let mut text = "kind: Deployment\napiVersion: apps/v1\nchain:\n  - &a0 x\n".to_owned();
    (1..50_000).for_each(|i| text.push_str(&format!("  - &a{i} [*a{}]\n", i - 1)));
    text + "spec: {template: {spec: {containers: [], dnsPolicy: ClusterFirstWithHostNet}}}\n"
}

fn merges() -> String {
    let mut text = "kind: Deployment\napiVersion: apps/v1\nmerge:\n  m0: &m0 {k0: v}\n".to_owned();
    (1..2_000).for_each(|i| text.push_str(&format!("  m{i}: &m{i} {{<<: [*m{}, *m{}], k{i}: v}}\n", i - 1, i / 2)));
    text + "spec: {template: {spec: {<<: *m1999, dnsPolicy: ClusterFirstWithHostNet}}}\n"
}

/// The file is answered or refused by name, in time, and its neighbours are fixed.
#[track_caller]
fn answered(name: &str, text: &str) {
    let world =
        World::with(&[("before.yaml", SAFE), (&format!("{name}.yaml"), text), ("z/after.yaml", &left_over("after"))]);
    within_bounds(&world, name);
}

#[track_caller]
fn within_bounds(world: &World, name: &str) {
    for mode in [&["--check", "."][..], &["."], &["--format", "json", "."], &["--write", "--unsafe", "."]] {
        let ran = world.run(mode);
        let said = ran.err.get(..2_000.min(ran.err.len())).unwrap_or_default();
        assert!(matches!(ran.code, Some(0 | 1)), "{name} {mode:?} ends with {:?}: {said}", ran.code);
        assert!(ran.took < LIMIT, "{name} {mode:?} takes {:?}", ran.took);
        assert!(ran.memory < MEMORY, "{name} {mode:?} takes {} MiB", ran.memory >> 10);
        if mode.contains(&"--check") && !ran.out().contains(name) && !ran.err.contains(name) {
            let nothing = ["keys", "documents"].contains(&name);
            assert!(nothing || name == "everything", "{name} is not mentioned: {said}");
        }
    }
    for file in ["before.yaml", "z/after.yaml"] {
        assert!(!world.read(file).contains("WithHostNet"), "{file} beside {name} is not fixed");
    }
}

fn everything() {
    let world = World::with(&[
        ("before.yaml", SAFE),
        ("dashes.yaml", &deep("- ")),
        ("questions.yaml", &deep("? ")),
        ("brackets.yaml", &deep("[")),
        ("bomb.yaml", &bomb()),
        ("comments.yaml", &comments()),
        ("z/after.yaml", &left_over("after")),
    ]);
    world.write("utf16.yaml", [0xff, 0xfe, b'k', 0, b'i', 0]);
    assert!(Command::new("mkfifo").arg(world.path("pipe.yaml")).status().expect("mkfifo runs").success());
    let _socket = UnixListener::bind(world.path("socket.yaml")).expect("bound");
    symlink("loop.yaml", world.path("loop.yaml")).expect("linked");
    symlink(".", world.path("z/round")).expect("linked");
    let ran = world.run(&["--check", "."]).with(1);
    for name in
        ["dashes.yaml", "questions.yaml", "brackets.yaml", "utf16.yaml", "pipe.yaml", "socket.yaml", "loop.yaml"]
    {
        assert!(ran.err.contains(&format!("skipped {name}")), "{name}: {}", ran.err);
    }
    within_bounds(&world, "everything");
}
