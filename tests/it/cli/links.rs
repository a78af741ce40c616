//! Links: symbolic ones are edited as their targets, hard ones are not parted.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::Duration;

use libtest_mimic::Trial;

use super::manifests::{SAFE, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_link_inside_is_edited_at_its_target_and_stays_a_link", inside),
        trial("a_link_out_of_the_paths_is_skipped_with_the_reason", outside),
        trial("link_loops_and_dangling_links_are_skipped_by_name", loops),
        trial("a_hard_link_is_refused_by_name_in_the_diff_too", hard),
        trial("a_file_that_two_paths_lead_to_is_done_once", once),
    ]
}

fn inside() {
    let world = World::with(&[("base/real.yml", SAFE), ("b.yaml", &left_over("b"))]);
    symlink("base/real.yml", world.path("link.yaml")).expect("linked");
    symlink("link.yaml", world.path("link-to-link.yaml")).expect("linked");
    let diff = world.run(&["link-to-link.yaml"]).with(1).out();
    assert!(diff.starts_with("--- a/base/real.yml\n+++ b/base/real.yml\n"), "{diff}");
    world.run(&["--write", "link-to-link.yaml"]).with(0);
    assert!(!world.read("base/real.yml").contains("WithHostNet"));
    for (link, target) in [("link.yaml", "base/real.yml"), ("link-to-link.yaml", "link.yaml")] {
        assert_eq!(fs::read_link(world.path(link)).expect("still a link"), std::path::Path::new(target));
    }
}

fn outside() {
    let world = World::with(&[("a.yaml", SAFE)]);
    fs::write(world.outside("else.yaml"), SAFE).expect("written");
    fs::create_dir(world.outside("else")).expect("a folder");
    fs::write(world.outside("else/deep.yaml"), SAFE).expect("written");
    symlink("../else.yaml", world.path("link.yaml")).expect("linked");
    symlink("../else", world.path("folder.yaml")).expect("linked");
    symlink("/etc/passwd", world.path("etc.json")).expect("linked");
    let ran = world.run(&["--write", "."]).with(0).says("skipped link.yaml: the symbolic link leads out");
    ran.says("skipped etc.json: the symbolic link leads out").says("skipped folder.yaml: the symbolic link leads out");
    assert_eq!(fs::read_to_string(world.outside("else.yaml")).expect("there"), SAFE);
    assert_eq!(fs::read_to_string(world.outside("else/deep.yaml")).expect("there"), SAFE);
    // Named, it is what the user wants.
    world.run(&["--write", "link.yaml"]).with(0);
    assert!(world.path("link.yaml").is_symlink());
    assert_ne!(fs::read_to_string(world.outside("else.yaml")).expect("there"), SAFE);
    // Its target is among the given paths too.
    world.write("../else.yaml", SAFE);
    let ran = world.run(&["--write", ".", "../else.yaml"]).with(0);
    assert!(!ran.err.contains("link.yaml: the symbolic"), "{}", ran.err);
    assert_ne!(fs::read_to_string(world.outside("else.yaml")).expect("there"), SAFE);
}

fn loops() {
    let world = World::with(&[("a.yaml", SAFE), ("sub/b.yaml", &left_over("b"))]);
    symlink("self.yaml", world.path("self.yaml")).expect("linked");
    symlink("two.yaml", world.path("one.yaml")).expect("linked");
    symlink("one.yaml", world.path("two.yaml")).expect("linked");
    symlink("nowhere.yaml", world.path("dangling.yaml")).expect("linked");
    symlink("..", world.path("sub/up")).expect("linked");
    symlink(".", world.path("sub/here.yaml")).expect("linked");
    let ran = world.run(&["--write", "."]).with(0);
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
    let ran = ran
        .says("skipped self.yaml: the symbolic link leads nowhere")
        .says("skipped one.yaml")
        .says("skipped two.yaml");
    ran.says("skipped dangling.yaml: the symbolic link leads nowhere: no such file");
    assert!(!world.read("a.yaml").contains("WithHostNet") && !world.read("sub/b.yaml").contains("WithHostNet"));
    world.run(&["self.yaml"]).with(2).says("error: self.yaml");
    world.run(&["dangling.yaml"]).with(2).says("error: dangling.yaml");
}

fn hard() {
    let world = World::with(&[("a.yaml", SAFE), ("free.yaml", &left_over("free"))]);
    fs::hard_link(world.path("a.yaml"), world.outside("other.yaml")).expect("linked");
    let ran = world.run(&["."]).with(1).says("not fixed: a.yaml: the file has 2 hard links");
    assert!(ran.out().contains("b/free.yaml") && !ran.out().contains("b/a.yaml"), "{}", ran.out());
    world.run(&["--write", "."]).with(1).says("a.yaml: the file has 2 hard links");
    assert_eq!(world.read("a.yaml"), SAFE);
    let [one, other] =
        [world.path("a.yaml"), world.outside("other.yaml")].map(|path| fs::metadata(path).expect("there").ino());
    assert_eq!(one, other);
    assert!(!world.read("free.yaml").contains("WithHostNet"));
}

fn once() {
    let world = World::with(&[("a.yaml", SAFE), ("sub/b.yaml", &left_over("b"))]);
    symlink("a.yaml", world.path("z.yaml")).expect("linked");
    symlink("sub", world.path("y")).expect("linked");
    let whole = world.path("a.yaml");
    let whole = whole.to_str().expect("UTF-8");
    let ran = world.run(&["z.yaml", "a.yaml", "./a.yaml", whole, "y", "sub", "."]).with(1);
    let names: Vec<_> = ran.out().lines().filter(|line| line.starts_with("+++")).map(str::to_owned).collect();
    assert_eq!(names, ["+++ b/a.yaml", "+++ b/sub/b.yaml"]);
    ran.says("3 findings to fix in 2 files");
}
