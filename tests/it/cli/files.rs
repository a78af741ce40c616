//! Files: what a write keeps, what is never written, and what is never waited for.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;

use super::manifests::{BANK, CLEAN, SAFE, host, left_over};
use super::support::{World, finish, has, is_root, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("write_keeps_mode_owner_and_attributes", keeps_metadata),
        trial("files_without_a_change_keep_their_time", keeps_times),
        trial("a_read_only_file_is_refused_by_name", read_only),
        trial("a_file_in_a_folder_without_write_permission_is_refused", closed_folder),
        trial("fifo_and_socket_are_never_waited_for", fifo_and_socket),
        trial("utf16_and_latin1_are_skipped_by_name", encodings),
        trial("a_helm_template_is_skipped_and_its_neighbours_are_fixed", template),
        trial("a_broken_document_in_the_middle_keeps_its_bytes", broken_middle),
        trial("a_file_over_the_limit_is_skipped_by_name", too_large),
        trial("no_temporary_file_is_left", no_leftovers),
        trial("two_runs_at_once_leave_whole_files", two_at_once),
        trial("umask_077_changes_no_mode", umask),
        trial("few_file_descriptors_are_enough", few_descriptors),
        trial("gitignore_counts_hidden_files_are_left_out_named_ones_read", ignored),
        trial("a_long_file_name_can_be_written", long_name),
        trial("a_folder_that_is_named_like_a_manifest_is_walked", folder_named_yaml),
        trial("a_crash_of_another_run_does_no_harm", leftovers_of_others),
    ]
}

fn keeps_metadata() {
    let world = World::with(&[("a.yaml", SAFE), ("b.yaml", BANK)]);
    fs::set_permissions(world.path("a.yaml"), Permissions::from_mode(0o4751)).expect("mode set");
    fs::set_permissions(world.path("b.yaml"), Permissions::from_mode(0o600)).expect("mode set");
    let flags = rustix::fs::XattrFlags::empty();
    let attributes = rustix::fs::setxattr(world.path("a.yaml"), "user.origin", b"harbour\0\xff", flags).is_ok();
    if is_root() {
        std::os::unix::fs::chown(world.path("b.yaml"), Some(1234), Some(4321)).expect("owner set");
    }
    let before: Vec<_> = ["a.yaml", "b.yaml"].map(|name| fs::metadata(world.path(name)).expect("there")).into();
    world.run(&["--write", "."]).with(1);
    for (name, before) in ["a.yaml", "b.yaml"].iter().zip(before) {
        let after = fs::metadata(world.path(name)).expect("there");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()), "{name}");
        assert!(!world.read(name).contains("WithHostNet"), "{name}");
    }
    if attributes {
        let mut value = [0; 32];
        let length = rustix::fs::getxattr(world.path("a.yaml"), "user.origin", &mut value[..]).expect("kept");
        assert_eq!(&value[..length], b"harbour\0\xff");
    } else {
        left_out("this file system has no attributes");
    }
}

fn keeps_times() {
    let world =
        World::with(&[("a.yaml", SAFE), ("clean.yaml", CLEAN), ("open.yaml", &host("van")), ("note.txt", "kind: Pod")]);
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let names = ["a.yaml", "clean.yaml", "open.yaml", "note.txt"];
    for name in names {
        fs::File::options().append(true).open(world.path(name)).and_then(|file| file.set_modified(old)).expect("set");
    }
    let inodes = names.map(|name| fs::metadata(world.path(name)).expect("there").ino());
    for mode in [&["."][..], &["--check", "."], &["--write", "."], &["--write", "."]] {
        world.run(mode).with(1);
        for (name, inode) in names.iter().zip(inodes) {
            let now = fs::metadata(world.path(name)).expect("there");
            if *name != "a.yaml" || world.read("a.yaml") == SAFE {
                assert_eq!((now.modified().expect("a time"), now.ino()), (old, inode), "{name} after {mode:?}");
            }
        }
    }
    let written = fs::metadata(world.path("a.yaml")).expect("there");
    assert_ne!(written.modified().expect("a time"), old);
}

fn read_only() {
    let world = World::with(&[("locked.yaml", SAFE), ("open.yaml", &left_over("open"))]);
    fs::set_permissions(world.path("locked.yaml"), Permissions::from_mode(0o444)).expect("mode set");
    let ran = world.run(&["."]).with(1).says("not fixed: locked.yaml: the file is read-only");
    assert!(ran.out().contains("b/open.yaml") && !ran.out().contains("b/locked.yaml"), "{}", ran.out());
    world.run(&["--write", "."]).with(1).says("locked.yaml: the file is read-only");
    assert_eq!(world.read("locked.yaml"), SAFE);
    assert!(!world.read("open.yaml").contains("WithHostNet"));
    // A clean file that can't be written is no news.
    fs::write(world.path("open.yaml"), CLEAN).expect("written");
    fs::set_permissions(world.path("open.yaml"), Permissions::from_mode(0o444)).expect("mode set");
    let ran = world.run(&["open.yaml"]).with(0);
    assert!(!ran.err.contains("read-only"), "{}", ran.err);
}

fn closed_folder() {
    let world = World::with(&[("closed/a.yaml", SAFE), ("b.yaml", &left_over("b"))]);
    let drop = if is_root() { "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all" } else { "env" };
    if is_root() {
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(&world.root).status().expect("chown runs");
        assert!(owned.success());
    }
    fs::set_permissions(world.root.parent().expect("a parent"), Permissions::from_mode(0o755)).expect("mode set");
    fs::set_permissions(world.path("closed"), Permissions::from_mode(0o555)).expect("mode set");
    let program = env!("CARGO_BIN_EXE_meshfix");
    let diff = world.shell(&format!("{drop} '{program}' ."));
    let written = world.shell(&format!("{drop} '{program}' --write ."));
    fs::set_permissions(world.path("closed"), Permissions::from_mode(0o755)).expect("mode set");
    let diff = diff.with(1).says("closed/a.yaml: its folder can't be written");
    assert!(diff.out().contains("b/b.yaml") && !diff.out().contains("b/closed"), "{}", diff.out());
    written.with(1).says("closed/a.yaml: its folder can't be written");
    assert_eq!(world.read("closed/a.yaml"), SAFE);
    assert!(!world.read("b.yaml").contains("WithHostNet"));
}

fn fifo_and_socket() {
    let world = World::with(&[("a.yaml", SAFE), ("sub/b.yaml", &left_over("b"))]);
    let made = Command::new("mkfifo").args([world.path("pipe.yaml"), world.path("sub/pipe.json")]).status();
    assert!(made.expect("mkfifo runs").success());
    let _socket = UnixListener::bind(world.path("sub/socket.yml")).expect("bound");
    let ran = world.run(&["--write", "."]).with(0).says("skipped pipe.yaml: it is a FIFO");
    let ran = ran.says("skipped sub/pipe.json: it is a FIFO").says("skipped sub/socket.yml: it is a socket");
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
    assert!(!world.read("a.yaml").contains("WithHostNet") && !world.read("sub/b.yaml").contains("WithHostNet"));
    world.run(&["pipe.yaml", "a.yaml"]).with(2).says("error: pipe.yaml: it is a FIFO");
    world.run(&["sub/socket.yml"]).with(2).says("error: sub/socket.yml: it is a socket");
    world.run(&["/dev/null"]).with(2).says("error: /dev/null: it is a device");
}

fn encodings() {
    let world = World::with(&[("a.yaml", SAFE)]);
    let utf16 = |bytes: fn(u16) -> [u8; 2]| BANK.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    world.write("le.yaml", [&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat());
    world.write("be.yaml", [&[0xfe, 0xff][..], &utf16(u16::to_be_bytes)].concat());
    world.write(
        "latin.yaml",
        SAFE.replace("oven:2", "@").bytes().map(|b| if b == b'@' { 0xe4 } else { b }).collect::<Vec<_>>(),
    );
    let odd = ["le.yaml", "be.yaml", "latin.yaml"];
    let before = odd.map(|name| fs::read(world.path(name)).expect("there"));
    let ran = world
        .run(&["--write", "."])
        .with(0)
        .says("skipped le.yaml: it is UTF-16")
        .says("skipped be.yaml: it is UTF-16");
    ran.says("skipped latin.yaml: it is not UTF-8 (line 10)");
    assert_eq!(odd.map(|name| fs::read(world.path(name)).expect("there")), before);
    assert!(!world.read("a.yaml").contains("WithHostNet"));
    world.run(&["latin.yaml"]).with(2).says("error: latin.yaml: it is not UTF-8");
}

fn template() {
    let chart = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  template:\n    spec:\n      {{- if .Values.host }}\n      dnsPolicy: ClusterFirstWithHostNet\n      {{- end }}\n";
    let world = World::with(&[
        ("templates/deployment.yaml", chart),
        ("templates/other.yaml", SAFE),
        ("values.yaml", "kind: x\nhost: true\n"),
        ("mixed.yaml", &format!("{}---\n{chart}---\n{}", left_over("a"), left_over("b"))),
    ]);
    let ran = world.run(&["--write", "."]).with(0).says("skipped templates/deployment.yaml:4:9: template text");
    ran.says("skipped mixed.yaml:15:9: template text");
    assert_eq!(world.read("templates/deployment.yaml"), chart);
    assert!(!world.read("templates/other.yaml").contains("WithHostNet"));
    let mixed = world.read("mixed.yaml");
    assert!(mixed.contains(chart) && mixed.matches("dnsPolicy: ClusterFirst\n").count() == 2, "{mixed}");
}

fn broken_middle() {
    let broken = "kind: Pod\nspec:\n  a: [1\n   b: }  \t\n";
    let text = format!("{}---\n{broken}---\n{}", left_over("a"), left_over("b"));
    let world = World::with(&[("mixed.yaml", &text)]);
    world.run(&["--write", "."]).with(0).says("skipped mixed.yaml:1").says("not valid YAML");
    let after = text.replace("ClusterFirstWithHostNet", "ClusterFirst");
    assert_eq!(world.read("mixed.yaml"), after);
    super::law::law(&World::with(&[("mixed.yaml", &text), ("clean.yaml", CLEAN)]), &["."]);
}

fn too_large() {
    let large = format!("{SAFE}# {}\n", "x".repeat(1 << 20));
    let world = World::with(&[("large.yaml", &large), ("small.yaml", &left_over("small"))]);
    let ran = world.run(&["--max-file-size", "1", "."]).with(1).says("skipped large.yaml: it is larger than 1 MiB");
    assert!(ran.out().contains("b/small.yaml") && !ran.out().contains("b/large.yaml"), "{}", ran.out());
    world.run(&["--max-file-size", "1", "large.yaml"]).with(2).says("error: large.yaml: it is larger than 1 MiB");
    world.run(&["--max-file-size", "2", "."]).with(1).prints("b/large.yaml");
}

fn no_leftovers() {
    let world = World::new();
    for i in 0..30 {
        world.write(format!("d{}/{i}.yaml", i % 3), left_over(&format!("cart-{i}")));
    }
    let names = world.files().into_keys().collect::<Vec<_>>();
    world.run(&["--write", "."]).with(0);
    assert_eq!(world.files().into_keys().collect::<Vec<_>>(), names);
}

fn two_at_once() {
    let world = World::new();
    for i in 0..60 {
        world.write(format!("{i}.yaml"), format!("{}---\n{BANK}", left_over(&format!("cart-{i}"))));
    }
    let names = world.files().into_keys().collect::<Vec<_>>();
    let alone = world.twin();
    alone.run(&["--write", "--unsafe", "."]).with(0);
    let ran = world.shell(
        "for i in 1 2 3 4; do meshfix -q --write --unsafe . & done; wait; meshfix --write --unsafe . 2>/dev/null; meshfix --unsafe .",
    );
    assert!(ran.with(0).bytes.is_empty());
    assert_eq!(world.files(), alone.files());
    assert_eq!(world.files().into_keys().collect::<Vec<_>>(), names);
}

fn umask() {
    let world = World::with(&[("a.yaml", SAFE), ("b.yaml", BANK)]);
    fs::set_permissions(world.path("a.yaml"), Permissions::from_mode(0o664)).expect("mode set");
    fs::set_permissions(world.path("b.yaml"), Permissions::from_mode(0o777)).expect("mode set");
    world.shell("umask 077; meshfix --write .").with(1);
    assert_eq!(fs::metadata(world.path("a.yaml")).expect("there").mode() & 0o7777, 0o664);
    assert_eq!(fs::metadata(world.path("b.yaml")).expect("there").mode() & 0o7777, 0o777);
    assert!(!world.read("a.yaml").contains("WithHostNet"));
}

fn few_descriptors() {
    let world = World::new();
    for i in 0..200 {
        world.write(format!("a/{}/b/{}/{i}.yaml", i % 7, i % 5), left_over(&format!("cart-{i}")));
    }
    let ran = world.shell("ulimit -n 24; meshfix --threads 8 --write .").with(0);
    assert!(!ran.err.contains("skipped"), "{}", ran.err);
    assert!(world.run(&["."]).with(0).bytes.is_empty());
}

fn ignored() {
    if !has("git") {
        return left_out("git is not there");
    }
    let world = World::with(&[
        (".gitignore", "build/\n*.local.yaml\n"),
        ("a.yaml", SAFE),
        ("build/out.yaml", SAFE),
        ("x.local.yaml", SAFE),
        (".hidden.yaml", SAFE),
        (".github/pod.yaml", SAFE),
        ("notes.txt", SAFE),
    ]);
    finish(world.clean("git").args(["init", "-q"]), b"").with(0);
    let files = |args: &[&str]| {
        let out = world.run(&[args, &["--exit-zero"]].concat()).with(0).out();
        let mut names: Vec<String> =
            out.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(files(&["."]), ["a.yaml"]);
    assert_eq!(files(&["build/out.yaml", "x.local.yaml", ".hidden.yaml", "notes.txt"]).len(), 4);
    assert_eq!(files(&[".github"]), [".github/pod.yaml"]);
    assert_eq!(files(&["build"]), ["build/out.yaml"]);
}

fn long_name() {
    let name = format!("{}.yaml", "n".repeat(250));
    let wide = format!("{}.yaml", "ü".repeat(125));
    let world = World::with(&[(&name, SAFE), (&wide, &left_over("wide"))]);
    world.run(&["--write", "."]).with(0);
    assert!(!world.read(&name).contains("WithHostNet") && !world.read(&wide).contains("WithHostNet"));
}

fn folder_named_yaml() {
    let world = World::with(&[("all.yaml/a.yaml", SAFE), ("all.yaml/b", SAFE), ("c.YAML", &left_over("c"))]);
    let ran = world.run(&["."]).with(1);
    assert!(ran.out().contains("b/all.yaml/a.yaml") && ran.out().contains("b/c.YAML"), "{}", ran.out());
    assert!(!ran.err.contains("skipped"), "{}", ran.err);
}

fn leftovers_of_others() {
    let world = World::with(&[("a.yaml", SAFE), (".a.yaml.meshfix-x1Y2z3", "half a te"), ("b.yaml", CLEAN)]);
    world.run(&["--write", "."]).with(0);
    assert!(!world.read("a.yaml").contains("WithHostNet"));
    assert_eq!(world.read(".a.yaml.meshfix-x1Y2z3"), "half a te");
}
