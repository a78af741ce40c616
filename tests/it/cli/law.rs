//! The law: `meshfix X | git apply` leaves the same bytes as `meshfix --write X`.

use std::fs;
use std::os::unix::fs::symlink;

use libtest_mimic::Trial;

use super::manifests::{BANK, CLEAN, SAFE, host, left_over};
use super::support::{World, finish, has, left_out, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("law_over_every_kind_of_text_and_name", odd_tree),
        trial("law_inside_a_git_repository", in_repository),
        trial("law_for_paths_written_in_any_way", odd_paths),
        trial("law_for_symbolic_links", through_links),
        trial("patch_p1_takes_the_diff_too", patch_p1),
        trial("file_names_are_quoted_as_git_quotes_them", quoted_names),
        trial("a_name_that_is_not_utf8_is_left_out_by_name", name_not_utf8),
    ]
}

/// Holds the law for a world and the given paths: three copies, one diff each way.
#[track_caller]
pub(crate) fn law(world: &World, args: &[&str]) -> usize {
    let (applied, written) = (world.twin(), world.twin());
    let before = world.files();
    let diff = applied.run(args);
    assert!(matches!(diff.code, Some(0 | 1)), "{args:?}: {}", diff.err);
    assert_eq!(applied.files(), before, "a diff writes nothing");
    fs::write(applied.outside("change.diff"), &diff.bytes).expect("written");
    let ran = written.run(&[&["--write"], args].concat());
    assert!(matches!(ran.code, Some(0 | 1)), "{args:?}: {}", ran.err);
    let expected = written.files();
    let changed = expected.iter().filter(|(name, text)| before.get(*name) != Some(text)).count();
    if diff.bytes.is_empty() {
        assert_eq!(expected, before);
        return 0;
    }
    for check in [&["apply", "--check"][..], &["apply", "--whitespace=nowarn"]] {
        let mut git = applied.clean("git");
        let ran = finish(git.args(check).arg("../change.diff"), b"");
        assert_eq!(ran.code, Some(0), "git {check:?} says {}\nof\n{}", ran.err, diff.out());
    }
    let have = applied.files();
    for (name, text) in &expected {
        let have = have.get(name).expect("the file is there");
        assert!(have == text, "{} differs:\n{}", name.display(), String::from_utf8_lossy(have));
    }
    assert_eq!(have.len(), expected.len());
    changed
}

/// Texts and names of every kind.
pub(crate) fn odd() -> World {
    let world = World::with(&[
        ("crlf.yaml", &BANK.replace('\n', "\r\n")),
        ("bom.yaml", &format!("\u{feff}{BANK}")),
        ("bom and crlf.yaml", &format!("\u{feff}{}", SAFE.replace('\n', "\r\n"))),
        ("no-newline.yaml", SAFE.trim_end()),
        (
            "last line.yaml",
            "kind: Pod\napiVersion: v1\nmetadata: {name: end}\nspec:\n  containers: []\n  dnsPolicy: ClusterFirstWithHostNet",
        ),
        (
            "last-removed.yaml",
            "kind: Pod\napiVersion: v1\nmetadata: {name: end}\nspec:\n  containers: []\n  hostNetwork: true",
        ),
        (
            "first-line.yaml",
            "spec: {dnsPolicy: ClusterFirstWithHostNet, containers: []}\nkind: Pod\napiVersion: v1\nmetadata: {name: a}\n",
        ),
        ("Zähler/Straße — 1.yaml", &left_over("zaehler")),
        ("naïve/日本.yml", BANK),
        (" leading blank.yaml", SAFE),
        ("trailing blank .yaml", SAFE),
        ("tab\tand\"quote\\back.yaml", SAFE),
        ("new\nline.yaml", SAFE),
        ("-dash.yaml", SAFE),
        ("a/b", CLEAN),
        ("a/Kustomization", "resources: [c.yaml]\n"),
        ("a/c.yaml", &host("c")),
        (
            "pod.json",
            "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"j\"},\n \"spec\": {\"hostNetwork\": true, \"dnsPolicy\": \"ClusterFirstWithHostNet\",\n  \"dnsConfig\": {\"options\": [{\"name\": \"ndots\", \"value\": 5}]}, \"containers\": []}}",
        ),
        (
            "minified.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"j\"},\"spec\":{\"dnsPolicy\":\"ClusterFirstWithHostNet\",\"containers\":[]}}]}",
        ),
    ]);
    let many: String =
        (0..40).map(|i| format!("{}---\n", if i % 3 == 0 { host("m") } else { left_over("m") })).collect();
    world.write("many.yaml", many);
    // Equal neighbours: a diff that slips by a document would be wrong.
    world.write("equal.yaml", format!("{CLEAN}---\n").repeat(30) + SAFE + "---\n" + &CLEAN.repeat(2));
    world
}

fn odd_tree() {
    let world = odd();
    let safe = law(&world, &["."]);
    let all = law(&world, &["--unsafe", "."]);
    // Fixes of bare Pods are unsafe.
    assert!(safe >= 13 && all >= 19, "{safe} and {all} files change");
    let written = world.twin();
    written.run(&["--write", "--unsafe", "."]).with(0);
    assert!(written.run(&["--unsafe", "."]).with(0).bytes.is_empty());
    let crlf = written.read("crlf.yaml");
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    assert!(written.read("bom.yaml").starts_with('\u{feff}'));
    assert!(!written.read("last line.yaml").ends_with('\n'));
}

fn in_repository() {
    if !has("git") {
        return left_out("git is not there");
    }
    let world = odd();
    let done = finish(world.clean("git").args(["init", "-q"]), b"");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(law(&world, &["--unsafe", "."]) > 17);
    // git applies from a folder below the top too.
    let below = World::with(&[("top.yaml", SAFE), ("sub/dir/a.yaml", BANK)]);
    finish(below.clean("git").args(["init", "-q"]), b"");
    let ran = below.shell("cd sub && meshfix --unsafe . | git apply && cat dir/a.yaml").with(0);
    assert!(!ran.out().contains("hostNetwork"), "{}", ran.out());
    assert_eq!(below.read("top.yaml"), SAFE);
}

fn odd_paths() {
    let world = World::with(&[("a.yaml", SAFE), ("sub/b.yaml", BANK), ("sub/deep/c.yaml", &left_over("c"))]);
    let whole = world.root.to_str().expect("UTF-8").to_owned();
    let sub = format!("{whole}/sub");
    let through = format!("../{}/sub", world.root.file_name().expect("a name").to_str().expect("UTF-8"));
    for paths in [
        &["a.yaml", "sub/b.yaml"][..],
        &["./a.yaml", "././sub"],
        &["sub/../a.yaml"],
        &["sub/deep/.."],
        &["sub/../sub/deep//c.yaml"],
        &[&sub],
        &[&through],
        &["a.yaml", "./a.yaml", ".", "sub"],
    ] {
        // Absolute paths are those of each copy.
        if paths.iter().any(|path| path.starts_with('/')) {
            let ran = world.run(paths).with(1);
            assert!(ran.out().contains("--- a/sub/b.yaml\n"), "{paths:?}\n{}", ran.out());
        } else {
            assert!(law(&world, paths) > 0, "{paths:?}");
        }
    }
    let once = world.run(&["a.yaml", "./a.yaml", "sub/../a.yaml", "."]).with(1).out();
    assert_eq!(once.matches("+++ b/a.yaml").count(), 1, "{once}");
}

fn through_links() {
    let world = World::with(&[("real/a.yaml", SAFE), ("real/deep/b.yaml", BANK), ("c.yaml", &left_over("c"))]);
    symlink("real/a.yaml", world.path("link.yaml")).expect("linked");
    symlink("real/deep", world.path("folder")).expect("linked");
    for paths in [&["link.yaml"][..], &["folder"], &["folder/b.yaml"], &["folder/"], &["link.yaml", "folder", "."]] {
        assert!(law(&world, paths) > 0, "{paths:?}");
        let diff = world.run(paths).with(1).out();
        assert!(!diff.contains("link.yaml") && !diff.contains("/folder"), "a link is shown as its target: {diff}");
    }
}

fn patch_p1() {
    if !has("patch") {
        return left_out("patch is not there");
    }
    let world = odd();
    // GNU patch refuses names with a line break.
    fs::remove_file(world.path("new\nline.yaml")).expect("removed");
    let (applied, written) = (world.twin(), world.twin());
    let diff = applied.run(&["--unsafe", "."]).with(1);
    let ran = finish(applied.clean("patch").args(["-p1", "--binary", "--posix"]), &diff.bytes);
    let ran = if ran.code == Some(0) { ran } else { ran.with(0) };
    assert!(!ran.out().contains("fuzz") && !ran.out().contains("offset"), "{}", ran.out());
    written.run(&["--unsafe", "--write", "."]).with(0);
    assert_eq!(applied.files(), written.files());
}

fn quoted_names() {
    let world =
        World::with(&[("new\nline.yaml", SAFE), ("ä.yaml", SAFE), ("a b.yaml", SAFE), ("q\"\t\\\u{1b}\r.yaml", SAFE)]);
    finish(world.clean("git").args(["init", "-q"]), b"");
    finish(world.clean("git").args(["add", "."]), b"").with(0);
    let ours = world.run(&["."]).with(1).out();
    world.run(&["--write", "."]).with(0);
    let theirs = finish(world.clean("git").args(["diff", "--no-color"]), b"").with(0).out();
    let names = |diff: &str| {
        let lines = diff.lines().filter(|line| line.starts_with("--- ") || line.starts_with("+++ "));
        let mut names: Vec<String> = lines.map(|line| line.trim_end_matches('\t').to_owned()).collect();
        names.sort();
        names
    };
    // git writes some control characters as a letter, we all of them as numbers.
    let theirs = names(&theirs).into_iter().map(|name| name.replace("\\r", "\\015")).collect::<Vec<_>>();
    assert_eq!(names(&ours), theirs);
}

fn name_not_utf8() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::with(&[("good.yaml", SAFE)]);
    let bad = std::ffi::OsStr::from_bytes(b"caf\xe9.yaml");
    world.write(bad, SAFE);
    let ran = world.run(&["."]).with(1).says("its name is not UTF-8");
    assert_eq!(ran.out().matches("+++ b/").count(), 1, "{}", ran.out());
    assert_eq!(law(&world, &["."]), 1);
    assert_eq!(fs::read(world.root.join(bad)).expect("readable"), SAFE.as_bytes());
}
