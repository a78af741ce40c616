//! Files that belong together are all new or all old: `write_together`, which no rule of today asks for two.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use meshfix::io::write::{Error, Target, write_together};

use super::support::{World, is_root, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("together_writes_all", all),
        trial("together_writes_none_when_one_changed_meanwhile", changed),
        trial("together_writes_none_when_one_is_gone", gone),
        trial("together_writes_none_when_one_became_a_link", became_link),
        trial("together_writes_none_when_a_folder_cannot_be_written", closed_folder),
        trial("together_puts_back_what_was_renamed", rollback),
        trial("together_needs_no_descriptor_for_each_file", many),
        trial("a_changed_file_is_not_written_and_the_others_are", changed_in_a_run),
    ]
}

const OLD: [&str; 3] = ["old: a\n", "old: b\n", "old: c\n"];

fn world() -> World {
    World::with(&[("a.yaml", OLD[0]), ("sub/b.yaml", OLD[1]), ("sub/c.yaml", OLD[2])])
}

/// Writes the three files as a set.
fn write(world: &World) -> Result<(), Error> {
    let paths = ["a.yaml", "sub/b.yaml", "sub/c.yaml"].map(|name| world.path(name));
    let texts = ["new: a\n", "new: b\n", "new: c\n"];
    let targets: Vec<Target<'_>> =
        (0..3).map(|i| Target { path: &paths[i], before: OLD[i], after: texts[i] }).collect();
    write_together(&targets)
}

#[track_caller]
fn expect(world: &World, texts: [&str; 3]) {
    let files = world.files();
    let have: Vec<_> =
        files.iter().map(|(name, text)| (name.to_str().expect("UTF-8"), String::from_utf8_lossy(text))).collect();
    let names = ["a.yaml", "sub/b.yaml", "sub/c.yaml"];
    let want: Vec<_> = names.iter().zip(texts).map(|(name, text)| (*name, text.into())).collect();
    assert_eq!(have, want, "and no temporary file");
}

fn all() {
    let world = world();
    write(&world).expect("written");
    expect(&world, ["new: a\n", "new: b\n", "new: c\n"]);
    write_together(&[]).expect("nothing to do");
}

fn changed() {
    let world = world();
    world.write("sub/c.yaml", "somebody else's\n");
    let error = write(&world).expect_err("refused");
    assert!(matches!(&error, Error::Changed(path) if path.ends_with("sub/c.yaml")), "{error}");
    assert!(error.to_string().contains("changed while meshfix ran"), "{error}");
    expect(&world, [OLD[0], OLD[1], "somebody else's\n"]);
}

fn gone() {
    let world = world();
    fs::remove_file(world.path("sub/b.yaml")).expect("removed");
    let error = write(&world).expect_err("refused").to_string();
    assert!(error.contains("sub/b.yaml: can't be read: no such file"), "{error}");
    assert_eq!(world.read("a.yaml"), OLD[0]);
    assert_eq!(world.files().len(), 2, "and no temporary file");
}

fn became_link() {
    let world = world();
    fs::rename(world.path("sub/c.yaml"), world.outside("c.yaml")).expect("moved");
    symlink("../../c.yaml", world.path("sub/c.yaml")).expect("linked");
    let error = write(&world).expect_err("refused");
    assert!(matches!(error, Error::Changed(_)), "{error}");
    assert_eq!((world.read("a.yaml").as_str(), world.read("sub/c.yaml").as_str()), (OLD[0], OLD[2]));
    assert!(world.path("sub/c.yaml").is_symlink());
    assert_eq!(world.files().len(), 2, "and no temporary file");
}

fn closed_folder() {
    let world = world();
    // Nobody makes a file in /proc, not even the administrator.
    let closed = Path::new("/proc/version");
    let before = fs::read_to_string(closed).expect("/proc");
    let first = world.path("a.yaml");
    let error = write_together(&[
        Target { path: &first, before: OLD[0], after: "new: a\n" },
        Target { path: closed, before: &before, after: "new" },
    ]);
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("/proc/version: a file beside it can't be made"), "{error}");
    expect(&world, OLD);
}

fn rollback() {
    let world = world();
    let fixed = world.path("sub/c.yaml");
    let attribute =
        |flag: &str| Command::new("chattr").arg(flag).arg(&fixed).output().is_ok_and(|out| out.status.success());
    // Only an immutable file lets everything succeed but the rename.
    if !is_root() || !attribute("+i") {
        return left_out("no immutable files here");
    }
    let inode = fs::metadata(&fixed).expect("there").ino();
    let error = write(&world);
    assert!(attribute("-i"));
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("sub/c.yaml: could not be replaced"), "{error}");
    expect(&world, OLD);
    assert_eq!(fs::metadata(&fixed).expect("there").ino(), inode);
}

fn many() {
    let world = World::new();
    let limit = fs::read_to_string("/proc/self/limits").expect("/proc");
    let open_files = limit
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    let number = open_files.unwrap_or(1024).min(4096) + 50;
    let paths: Vec<_> = (0..number).map(|i| world.path(&format!("{i}"))).collect();
    paths.iter().for_each(|path| fs::write(path, "old").expect("written"));
    let targets: Vec<_> = paths.iter().map(|path| Target { path, before: "old", after: "new" }).collect();
    write_together(&targets).expect("written");
    assert!(paths.iter().all(|path| fs::read(path).is_ok_and(|text| text == b"new")));
    assert_eq!(fs::read_dir(&world.root).expect("a folder").count(), number);
}

fn changed_in_a_run() {
    if !super::support::has("strace") {
        return left_out("strace is not there to hold the program up");
    }
    use super::manifests::{SAFE, left_over};
    let world = World::with(&[("a.yaml", SAFE), ("b.yaml", &left_over("b"))]);
    // The first sync waits a second; in that time somebody writes the file.
    let script = "strace -f -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=1500000:when=1 \"$MESHFIX\" --threads 1 --write . & \
                  sleep 0.9; echo '# mine' >> a.yaml; wait $!";
    let ran = super::support::finish(
        world.clean("sh").args(["-c", script]).env("MESHFIX", env!("CARGO_BIN_EXE_meshfix")),
        b"",
    );
    if ran.err.contains("ptrace") {
        return left_out("strace may not trace here");
    }
    ran.with(2).says("a.yaml: the file changed while meshfix ran");
    assert_eq!(world.read("a.yaml"), format!("{SAFE}# mine\n"));
    assert!(!world.read("b.yaml").contains("WithHostNet"));
    assert_eq!(world.files().len(), 2);
}
