//! One change over five files, as users run it: all five are new, or none is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use libtest_mimic::Trial;

use super::support::{World, finish, has, is_root, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("five_files_change_together", all),
        trial("five_files_stay_when_one_is_read_only", read_only),
        trial("five_files_stay_when_a_folder_cannot_be_written", closed_folder),
        trial("five_files_stay_when_one_cannot_be_replaced", rollback),
        trial("five_files_stay_without_unsafe", safe_only),
    ]
}

const RUN: [&str; 5] = ["--write", "--unsafe", "--select", "reserved-port", "."];

/// The files that change, where the ConfigMap's may stand in a folder of its own.
fn changing(settings: &str) -> [String; 5] {
    ["stock-deployment", "stock-monitor", "stock-network-policy", "stock-service", settings]
        .map(|name| format!("{name}.yaml"))
}

/// The case `five-files`, with the ConfigMap's file at this place.
fn world(settings: &str) -> World {
    let world = World::new();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reserved-port/five-files/before");
    for entry in fs::read_dir(case).expect("the case") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let name = if stem == "stock-config" { settings } else { &stem };
        world.write(format!("{name}.yaml"), fs::read(&path).expect("readable"));
    }
    world
}

fn all() {
    let world = world("stock-config");
    let before = world.files();
    world.run(&RUN).with(0);
    let after = world.files();
    for (name, text) in &before {
        let changes = changing("stock-config").iter().any(|changing| Path::new(changing) == name);
        assert_eq!(after[name] != *text, changes, "{}", name.display());
    }
    for name in changing("stock-config") {
        // The comment and the time of 15001 ms stay.
        let text = world.read(&name);
        assert!(text.contains("18001") && !text.contains("ort: 15001"), "{name}:\n{text}");
    }
    assert_eq!(before.len(), after.len(), "no temporary file");
    world.run(&RUN).with(0).says("nothing to fix");
    assert_eq!(world.files(), after, "the second run has nothing to do");
}

#[track_caller]
fn expect_untouched(world: &World, before: &World) {
    assert_eq!(world.files(), before.files(), "no file of the five is new, and none is left over");
}

fn read_only() {
    let before = world("stock-config");
    for name in changing("stock-config") {
        let world = before.twin();
        fs::set_permissions(world.path(&name), Permissions::from_mode(0o444)).expect("read-only");
        world.run(&RUN).with(1).says(&format!("not fixed: {name}: the file is read-only"));
        expect_untouched(&world, &before);
        // What can't be written is not in the diff either.
        world.run(&["--unsafe", "--select", "reserved-port", "."]).with(1).prints("").says("is read-only");
    }
}

fn closed_folder() {
    if is_root() {
        return left_out("no permission stops the administrator");
    }
    let before = world("settings/stock");
    let world = before.twin();
    fs::set_permissions(world.path("settings"), Permissions::from_mode(0o555)).expect("closed");
    let ran = world.run(&RUN);
    fs::set_permissions(world.path("settings"), Permissions::from_mode(0o755)).expect("open again");
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
    ran.says("settings/stock.yaml");
    expect_untouched(&world, &before);
}

fn rollback() {
    if !has("strace") {
        return left_out("strace is not there to spoil system calls");
    }
    let before = world("settings/stock");
    for when in 1..=5 {
        let world = before.twin();
        let inject = format!("inject=rename,renameat,renameat2:error=EACCES:when={when}");
        let script = format!(
            "exec strace -f -o /dev/null -e trace=rename,renameat,renameat2 -e {inject} \"$MESHFIX\" {}",
            RUN.join(" ")
        );
        let ran = finish(world.clean("sh").args(["-c", &script]).env("MESHFIX", env!("CARGO_BIN_EXE_meshfix")), b"");
        if ran.err.contains("ptrace") {
            return left_out("strace may not trace here");
        }
        ran.with(2).says("could not be replaced: permission denied");
        expect_untouched(&world, &before);
    }
}

fn safe_only() {
    let before = world("stock-config");
    let world = before.twin();
    world.run(&["--write", "--select", "reserved-port", "."]).with(1).says("a rollback of the pods does not undo it");
    expect_untouched(&world, &before);
}
