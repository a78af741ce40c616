//! Files that belong together are all new or all old.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use meshfix::io::write::{Error, Target, write_together};

use super::manifests::{SAFE, left_over};
use super::support::{Ran, World, finish, has, is_root, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("together_writes_all", all),
        trial("together_writes_none_when_one_changed_meanwhile", changed),
        trial("together_writes_none_when_one_is_gone", gone),
        trial("together_writes_none_when_one_became_a_link", became_link),
        trial("together_makes_new_files_or_none", new_files),
        trial("together_writes_none_when_a_folder_cannot_be_written", closed_folder),
        trial("together_puts_back_what_was_renamed", rollback),
        trial("together_needs_no_descriptor_for_each_file", many),
        trial("a_system_call_that_fails_loses_one_file_only", failing_calls),
        trial("a_change_over_two_files_is_undone_when_one_cannot_be_replaced", undone),
        trial("a_kill_at_any_moment_leaves_old_or_new_files", killed),
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
    let targets: Vec<Target<'_>> = (0..3).map(|i| Target::changed(&paths[i], OLD[i], texts[i])).collect();
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

fn new_files() {
    let world = world();
    let (old, new, taken) = (world.path("a.yaml"), world.path("sub/new.yaml"), world.path("sub/c.yaml"));
    fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).expect("a mode");
    let change = || Target::changed(&old, OLD[0], "new: a\n");
    let error = write_together(&[change(), Target::new(&new, "new\n", &old), Target::new(&taken, "new\n", &old)]);
    assert!(matches!(error.expect_err("refused"), Error::Changed(path) if path.ends_with("sub/c.yaml")));
    expect(&world, OLD);
    write_together(&[change(), Target::new(&new, "new\n", &old)]).expect("written");
    assert_eq!((world.read("a.yaml").as_str(), world.read("sub/new.yaml").as_str()), ("new: a\n", "new\n"));
    assert_eq!(fs::metadata(&new).expect("there").permissions().mode() & 0o777, 0o640);
}

fn closed_folder() {
    let world = world();
    // Nobody makes a file in /proc, not even the administrator.
    let closed = Path::new("/proc/version");
    let before = fs::read_to_string(closed).expect("/proc");
    let first = world.path("a.yaml");
    let error = write_together(&[Target::changed(&first, OLD[0], "new: a\n"), Target::changed(closed, &before, "new")]);
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
    let targets: Vec<_> = paths.iter().map(|path| Target::changed(path, "old", "new")).collect();
    write_together(&targets).expect("written");
    assert!(paths.iter().all(|path| fs::read(path).is_ok_and(|text| text == b"new")));
    assert_eq!(fs::read_dir(&world.root).expect("a folder").count(), number);
}

/// Runs the program under strace, which makes a system call fail or ends the program there.
fn injected(world: &World, inject: &str, args: &str) -> Option<Ran> {
    if !has("strace") {
        left_out("strace is not there to spoil system calls");
        return None;
    }
    let calls = inject.split(':').next().unwrap_or_default();
    let script =
        format!("exec strace -f -o /dev/null -e trace={calls} -e inject={inject} \"$MESHFIX\" --threads 1 {args}");
    let ran = finish(world.clean("sh").args(["-c", &script]).env("MESHFIX", env!("CARGO_BIN_EXE_meshfix")), b"");
    if ran.err.contains("ptrace") {
        left_out("strace may not trace here");
        return None;
    }
    Some(ran)
}

fn three() -> World {
    World::with(&[("a.yaml", &left_over("a")), ("b.yaml", &left_over("b")), ("sub/c.yaml", &left_over("c"))])
}

fn failing_calls() {
    for (inject, what) in [
        // The second sync is that of the folder.
        ("fsync:error=EIO:when=3", "its new text can't be synced: input/output error"),
        ("rename,renameat,renameat2:error=EXDEV:when=2", "could not be replaced"),
        ("fchmod:error=EPERM:when=2", "its mode, owner or attributes can't be kept"),
        ("fsetxattr,flistxattr,llistxattr:error=ENOSPC:when=2", "its mode, owner or attributes can't be kept"),
    ] {
        let world = three();
        let Some(ran) = injected(&world, inject, "--write .") else { return };
        let ran = ran.with(2).says(&format!("error: b.yaml: {what}"));
        assert!(!ran.err.contains("error: a.yaml") && !ran.err.contains("error: sub"), "{}", ran.err);
        assert_eq!(world.read("b.yaml"), left_over("b"), "{inject}");
        for done in ["a.yaml", "sub/c.yaml"] {
            assert!(!world.read(done).contains("WithHostNet"), "{inject}: {done}");
        }
        assert_eq!(world.files().len(), 3, "{inject}: no temporary file");
    }
}

/// A port that is renumbered in the Deployment and in the Service, each a file.
fn port_in_two_files() -> World {
    World::with(&[
        (
            "deployment.yaml",
            "apiVersion: apps/v1
kind: Deployment
metadata:
  name: gate
spec:
  selector:
    matchLabels: {app: gate}
  template:
    metadata:
      labels: {app: gate}
    spec:
      containers:
        - name: gate
          image: ferry/gate:1
          env:
            - {name: PORT, value: \"15001\"}
          ports:
            - containerPort: 15001
",
        ),
        (
            "service.yaml",
            "apiVersion: v1
kind: Service
metadata:
  name: gate
spec:
  selector: {app: gate}
  ports:
    - {name: http, port: 80, targetPort: 15001}
",
        ),
    ])
}

fn undone() {
    let run = |world: &World, inject: &str| injected(world, inject, "--write --unsafe --select reserved-port .");
    let world = port_in_two_files();
    let old = world.files();
    let Some(ran) = run(&world, "rename,renameat,renameat2:error=EXDEV:when=2") else { return };
    ran.with(2).says("could not be replaced");
    assert_eq!(world.files(), old);
    let Some(ran) = run(&world, "rename,renameat,renameat2:error=EXDEV:when=9") else { return };
    ran.with(0);
    let new = world.files();
    assert!(old.iter().all(|(name, text)| new[name] != *text), "both files change");
}

fn killed() {
    let old = three();
    let new = old.twin();
    new.run(&["--write", "."]).with(0);
    let (old, new) = (old.files(), new.files());
    let mut kills = 0;
    for calls in ["fsync", "rename,renameat,renameat2", "fchmod", "openat", "llistxattr", "write"] {
        for when in 1..=60 {
            let world = three();
            let inject = format!("{calls}:signal=SIGKILL:when={when}");
            let Some(ran) = injected(&world, &inject, "--write .") else { return };
            let mut files = world.files();
            for name in old.keys() {
                let text = files.remove(name).expect("the file is there");
                assert!(text == old[name] || text == new[name], "{inject}: {} is neither old nor new", name.display());
            }
            let ours = |name: &std::path::PathBuf| name.to_string_lossy().contains(".meshfix-");
            assert!(files.keys().all(ours), "{inject}: {:?}", files.keys());
            if ran.code == Some(0) {
                break;
            }
            kills += 1;
            // The next run does what is left.
            world.run(&["--write", "."]).with(0);
            assert!(new.iter().all(|(name, text)| &world.files()[name] == text), "{inject}");
        }
    }
    assert!(kills > 10, "{kills} kills");
}

fn changed_in_a_run() {
    let world = World::with(&[("a.yaml", SAFE), ("b.yaml", &left_over("b"))]);
    // The first sync waits; in that time somebody writes the file.
    let writer = {
        let path = world.path("a.yaml");
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(1_200));
            fs::write(path, format!("{SAFE}# mine\n")).expect("written");
        })
    };
    let ran = injected(&world, "fsync:delay_enter=3000000:when=1", "--write .");
    writer.join().expect("written");
    let Some(ran) = ran else { return };
    ran.with(2).says("a.yaml: the file changed while meshfix ran");
    assert_eq!(world.read("a.yaml"), format!("{SAFE}# mine\n"));
    assert!(!world.read("b.yaml").contains("WithHostNet"));
    assert_eq!(world.files().len(), 2);
}
