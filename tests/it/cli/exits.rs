//! Exit codes, and what stands on which output.

use std::fs;

use libtest_mimic::Trial;

use super::manifests::{BANK, CHOSEN, CLEAN, SAFE, host, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("diff_on_stdout_and_the_rest_on_stderr", diff_and_rest),
        trial("nothing_to_do_is_silent_on_stdout_and_0", clean_is_0),
        trial("a_safe_change_makes_the_diff_1", safe_change_is_1),
        trial("write_then_a_second_run_is_empty", write_then_empty),
        trial("write_is_1_while_an_error_stays_open", write_with_open),
        trial("check_lists_on_stdout_and_writes_nothing", check_lists),
        trial("check_and_write_exclude_each_other", check_and_write),
        trial("fail_on_sets_the_level", fail_on),
        trial("exit_zero_is_0_but_not_for_bad_input", exit_zero),
        trial("a_missing_path_is_2_and_the_others_are_done", missing_path),
        trial("a_folder_that_cannot_be_read_is_2_when_named", unreadable_folder),
        trial("an_unknown_rule_is_2_with_the_nearest_name", unknown_rule),
        trial("rules_explain_help_and_version_are_0", words),
        trial("output_file_takes_what_stdout_would", output_file),
        trial("quiet_says_only_errors_and_verbose_more", quiet_and_verbose),
        trial("verbose_says_by_how_many_readers_changes_were_proven", readers),
        trial("a_reader_that_goes_away_is_no_error", closed_pipe),
        trial("a_full_disk_is_2_never_success", full_disk),
        trial("select_none_finds_and_changes_nothing", select_none),
        trial("select_and_ignore_choose_rules", select_and_ignore),
        trial("a_proof_that_fails_is_70_and_nothing_is_written", sabotage),
    ]
}

fn diff_and_rest() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let ran = world.run(&["."]).with(1);
    let diff = "--- a/bank.yaml\n+++ b/bank.yaml\n@@ -6,10 +6,10 @@\n";
    assert!(ran.out().starts_with(diff), "{}", ran.out());
    let lines =
        "-      dnsPolicy: ClusterFirstWithHostNet # left behind\n+      dnsPolicy: ClusterFirst # left behind\n";
    assert!(ran.out().contains(lines), "{}", ran.out());
    let ran = ran.says("bank.yaml:24:16  host-network").says("bank.yaml:17:24  proxy-uid").says("--unsafe");
    assert!(!ran.err.contains("left behind"), "what is in the diff is not told twice: {}", ran.err);
    assert!(!ran.out().contains("help:"), "{}", ran.out());
    assert_eq!(world.read("bank.yaml"), BANK);
}

fn clean_is_0() {
    let world = World::with(&[("shelf.yaml", CLEAN)]);
    let ran = world.run(&["."]).with(0).says("nothing to fix");
    assert!(ran.bytes.is_empty(), "{}", ran.out());
    assert!(world.run(&["--check", CHOSEN, "."]).with(0).bytes.is_empty());
    world.run(&["--write", "."]).with(0);
    // A flag without a path reads the files here.
    world.run(&["--unsafe"]).with(0).says("nothing to fix");
}

fn safe_change_is_1() {
    let world = World::with(&[("bakery.yaml", SAFE)]);
    world.run(&["."]).with(1).says("2 findings to fix in 1 file");
    // It would change, whatever the level that counts.
    world.run(&["--fail-on", "error", "bakery.yaml"]).with(1);
}

fn write_then_empty() {
    let world = World::with(&[("bakery.yaml", SAFE), ("oven/shelf.yaml", CLEAN)]);
    let ran = world.run(&["--write", "."]).with(0).says("2 findings fixed in 1 file");
    assert!(ran.bytes.is_empty(), "{}", ran.out());
    let after = SAFE.replace("'ClusterFirstWithHostNet'", "'ClusterFirst'").replace("value: 5", "value: \"5\"");
    assert_eq!(world.read("bakery.yaml"), after);
    assert_eq!(world.read("oven/shelf.yaml"), CLEAN);
    assert!(world.run(&["."]).with(0).bytes.is_empty());
    assert!(world.run(&["--write", "."]).with(0).bytes.is_empty());
    assert_eq!(world.read("bakery.yaml"), after);
}

fn write_with_open() {
    let world = World::with(&[("bank.yaml", BANK)]);
    world.run(&["--write", "."]).with(1).says("fixed in 1 file").says("host-network");
    assert!(world.run(&["."]).with(1).bytes.is_empty(), "only open ones are left");
    world.run(&["--write", "--unsafe", "."]).with(0);
    assert!(world.run(&["--unsafe", "."]).with(0).bytes.is_empty());
    let left = world.read("bank.yaml");
    assert!(!left.contains("hostNetwork") && !left.contains("1337"), "{left}");
}

fn check_lists() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let ran = world.run(&["--check", CHOSEN, "."]).with(1);
    for place in ["bank.yaml:9:18  dns-policy", "bank.yaml:24:16  host-network", "bank.yaml:12:34  dns-ndots"] {
        assert!(ran.out().contains(place), "{place}\n{}", ran.out());
    }
    assert!(!ran.out().contains("@@"), "{}", ran.out());
    assert!(!ran.out().contains("fixed ("), "nothing is fixed by looking: {}", ran.out());
    ran.says("4 findings; 2 can be fixed with --write; 2 more fixes need --unsafe");
    assert_eq!(world.read("bank.yaml"), BANK);
}

fn check_and_write() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let ran = world.run(&["--check", "--write", "."]).with(2);
    assert!(ran.bytes.is_empty());
    assert_eq!(world.read("bank.yaml"), BANK);
}

fn fail_on() {
    // A node agent keeps the node's network: advice, no more.
    let agent = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  template:\n    spec:\n      \
                 hostNetwork: true\n      hostPID: true\n      containers:\n        - {name: agent, image: farm/agent:1}\n";
    let world = World::with(&[("agent.yaml", agent), ("shelf.yaml", CLEAN)]);
    world.run(&[CHOSEN, "."]).with(0).says("1 note");
    world.run(&[CHOSEN, "--fail-on", "warning", "."]).with(0);
    world.run(&[CHOSEN, "--fail-on", "info", "."]).with(1);
    world.run(&[CHOSEN, "--fail-on", "info", "--write", "."]).with(1);
    world.run(&[CHOSEN, "--fail-on", "info", "--exit-zero", "."]).with(0);
    world.run(&[CHOSEN, "--fail-on", "never", "."]).with(2);
}

fn exit_zero() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let ran = world.run(&["--exit-zero", "."]).with(0);
    assert!(ran.out().contains("+      dnsPolicy: ClusterFirst #"), "{}", ran.out());
    world.run(&["--exit-zero", "--check", "."]).with(0);
    world.run(&["--exit-zero", "nowhere.yaml"]).with(2);
}

fn missing_path() {
    let world = World::with(&[("a.yaml", SAFE), ("deep/b.yaml", &left_over("b"))]);
    let ran = world.run(&["a.yaml", "nowhere.yaml", "deep"]).with(2).says("error: nowhere.yaml: no such file");
    assert!(ran.out().contains("--- a/a.yaml") && ran.out().contains("--- a/deep/b.yaml"), "{}", ran.out());
    world.run(&["--write", "nowhere", "a.yaml", "deep"]).with(2).says("nowhere");
    assert_ne!(world.read("a.yaml"), SAFE);
    assert!(!world.read("deep/b.yaml").contains("WithHostNet"));
}

fn unreadable_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[("locked/a.yaml", SAFE), ("open/b.yaml", &left_over("b"))]);
    fs::set_permissions(world.path("locked"), fs::Permissions::from_mode(0o000)).expect("mode set");
    for folder in [world.root.parent().expect("a parent"), &world.root, &world.path("open")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("mode set");
    }
    fs::set_permissions(world.path("open/b.yaml"), fs::Permissions::from_mode(0o666)).expect("mode set");
    let drop = if super::support::is_root() { "setpriv --reuid 65534 --clear-groups --inh-caps=-all" } else { "env" };
    let program = env!("CARGO_BIN_EXE_meshfix");
    let named = world.shell(&format!("{drop} '{program}' locked open"));
    let walked = world.shell(&format!("{drop} '{program}' ."));
    fs::set_permissions(world.path("locked"), fs::Permissions::from_mode(0o755)).expect("mode set");
    let named = named.with(2).says("error: locked: permission denied");
    assert!(named.out().contains("b/open/b.yaml"), "{}", named.out());
    // What the walk met and could not read is told, and changes nothing.
    let walked = walked.with(1).says("skipped locked: permission denied");
    assert!(walked.out().contains("b/open/b.yaml"), "{}", walked.out());
}

fn unknown_rule() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for args in
        [["--select", "hostnetwork", "."], ["--ignore", "host-netwrok", "."], ["--select", "host-networks", "-v"]]
    {
        let ran = world.run(&args).with(2).says("did you mean `host-network`?");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    world.run(&["explain", "host-netwok"]).with(2).says("did you mean `host-network`?");
    world.run(&["--select", "zzz", "."]).with(2).says("`meshfix rules` lists them");
    world.run(&["--wrong"]).with(2).says("--wrong");
    let ran = world.stream(&["--select", "dns-polcy", "-"], BANK).with(2).says("dns-policy");
    assert!(ran.bytes.is_empty(), "{}", ran.out());
}

fn words() {
    let world = World::new();
    let rules = world.run(&["rules"]).with(0).out();
    for rule in ["host-network", "dns-policy", "dns-ndots", "proxy-uid"] {
        assert!(rules.lines().any(|line| line.starts_with(rule)), "{rules}");
        world.run(&["explain", rule]).with(0).prints(&format!("# {rule}\n")).prints("## Why").prints("## Safety");
    }
    world.run(&["--help"]).with(0).prints("meshfix explain host-network").prints("Exit codes:");
    world.run(&["-h"]).with(0).prints("--unsafe");
    world.run(&["--version"]).with(0).prints(concat!("meshfix ", env!("CARGO_PKG_VERSION"), "\n"));
}

fn output_file() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for mode in [&["bank.yaml"][..], &["--check", "bank.yaml"], &["--format", "json", "bank.yaml"]] {
        let direct = world.run(mode).with(1);
        let ran = world.run(&[&["-o", "out.txt"], mode].concat()).with(1);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
        assert_eq!(fs::read(world.path("out.txt")).expect("written"), direct.bytes);
        assert_eq!(ran.err, direct.err);
    }
    let direct = world.stream(&["-"], BANK).with(0);
    assert!(world.stream(&["--output", "fixed.yaml", "-"], BANK).with(0).bytes.is_empty());
    assert_eq!(fs::read(world.path("fixed.yaml")).expect("written"), direct.bytes);
    world.run(&["-o", "no/such/folder/out", "bank.yaml"]).with(2).says("no/such/folder/out");
}

fn quiet_and_verbose() {
    let agent = "kind: DaemonSet\napiVersion: apps/v1\nmetadata: {name: agent}\nspec: {template: {spec: {hostNetwork: true, hostPID: true, containers: []}}}\n";
    let world = World::with(&[("bank.yaml", BANK), ("agent.yaml", agent)]);
    let ran = world.run(&["-q", "."]).with(1);
    assert!(ran.err.is_empty() && ran.out().contains("@@"), "{}", ran.err);
    world.run(&["-q", "--write", "."]).with(1).silent();
    world.run(&["-q", "nowhere"]).with(2).says("error: nowhere");
    let ran = world.run(&[CHOSEN, "."]).with(1).says("1 note (-v shows it)");
    assert!(!ran.err.contains("agent.yaml"), "{}", ran.err);
    world.run(&["-v", "."]).with(1).says("agent.yaml:4:39  host-network (info)");
    world.run(&["-q", "-v", "."]).with(2);
}

fn readers() {
    let world = World::with(&[("a.yaml", SAFE), ("b.yaml", SAFE)]);
    let ran = world.run(&["-v", "."]).with(1).says("the changes of 2 files were proven by two readers\n");
    assert!(!ran.err.contains("by one reader"), "{}", ran.err);
    assert!(!world.run(&["."]).err.contains("proven"), "only for those who ask");
    world.stream(&["-v", "-"], SAFE).with(0).says("the changes of 1 file were proven by two readers\n");
    // A tab behind the colon is YAML, and the second reader refuses it.
    world.write("b.yaml", SAFE.replacen("kind: ", "kind:\t", 1));
    let ran = world.run(&["-v", "."]).with(1).says("the changes of 1 of 2 files were proven by two readers\n");
    assert!(ran.err.contains("b.yaml: proven by one reader; the second one can't read the original\n"), "{}", ran.err);
    world.write("a.yaml", CLEAN);
    let ran = world.run(&["-v", "."]).with(1).says("b.yaml: proven by one reader");
    assert!(!ran.err.contains("two readers"), "{}", ran.err);
    world.write("b.yaml", CLEAN);
    assert!(!world.run(&["-v", "."]).err.contains("proven"), "nothing to prove");
}

fn closed_pipe() {
    let world = World::new();
    for i in 0..400 {
        world.write(format!("{i}.yaml"), left_over(&format!("cart-{i}")));
    }
    for mode in ["", "--check", "--format json"] {
        let ran = world.shell(&format!("meshfix {mode} . 2>err | head -1")).with(0);
        assert_eq!(ran.out().lines().count(), 1);
        let err = world.read("err");
        assert!(!err.contains("error") && !err.contains("panick") && !err.contains("pipe"), "{err}");
    }
    world.shell("meshfix rules | true; meshfix --help | true").with(0).silent();
    let ran = world.shell("meshfix --check . 2>&1 >/dev/null | true").with(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
}

fn full_disk() {
    if !fs::exists("/dev/full").unwrap_or(false) {
        return super::support::left_out("/dev/full is not there");
    }
    let world = World::with(&[("bank.yaml", BANK)]);
    for command in [
        "meshfix . >/dev/full",
        "meshfix --exit-zero . >/dev/full",
        "meshfix --check . >/dev/full",
        "meshfix --format json . >/dev/full",
        "meshfix - <bank.yaml >/dev/full",
        "meshfix --select none - <bank.yaml >/dev/full",
        "meshfix -o /dev/full .",
        "meshfix rules >/dev/full",
        "meshfix explain dns-policy >/dev/full",
    ] {
        let ran = world.shell(command).with(2);
        assert!(ran.err.contains("no space left"), "{command}: {}", ran.err);
    }
    // Nobody can read the notes, but the answer is whole.
    world.shell("meshfix --exit-zero . 2>/dev/full").with(0).prints("@@");
}

fn select_none() {
    let world = World::new();
    world.write("crlf.yaml", BANK.replace('\n', "\r\n"));
    world.write("bom.yaml", format!("\u{feff}{BANK}"));
    world.write("end.yaml", BANK.trim_end());
    let before = world.files();
    for mode in [&["--select", "none"][..], &["--select", "none", "--unsafe", "--write"], &["--select=none", "--check"]]
    {
        let ran = world.run(mode).with(0);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
        assert_eq!(world.files(), before);
    }
}

fn select_and_ignore() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let rules = |args: &[&str]| {
        let out = world.run(&[args, &["--check", "--exit-zero", "."]].concat()).with(0).out();
        let all = ["dns-policy", "dns-ndots", "proxy-uid", "host-network"];
        let found = |rule: &&&str| out.contains(&format!("  {rule}  "));
        all.iter().filter(found).copied().collect::<Vec<_>>()
    };
    assert_eq!(rules(&[]), ["dns-policy", "dns-ndots", "proxy-uid", "host-network"]);
    assert_eq!(rules(&["--select", "dns-policy,proxy-uid"]), ["dns-policy", "proxy-uid"]);
    assert_eq!(rules(&["--ignore", "dns-policy,proxy-uid"]), ["dns-ndots", "host-network"]);
    assert_eq!(rules(&["--select", "dns-policy", "--select", "dns-ndots", "--ignore", "dns-ndots"]), ["dns-policy"]);
    world.run(&["--select", "host-network", "."]).with(1).says("1 fix needs --unsafe");
    world.run(&["--profile", "istio", "--check", "."]).with(1);
    world.run(&["--profile", "other", "."]).with(2);
}

fn sabotage() {
    if !cfg!(debug_assertions) {
        return super::support::left_out("only debug builds can spoil a change");
    }
    let world = World::with(&[("bank.yaml", BANK), ("bakery.yaml", SAFE)]);
    let before = world.files();
    let mut command = world.command(&["--write", "--unsafe", "."]);
    let ran = super::support::finish(command.env("MESHFIX_TEST_SABOTAGE", "1"), b"").with(70);
    ran.says("this is a defect of meshfix");
    assert_eq!(world.files(), before);
    let mut command = world.command(&["-"]);
    let ran = super::support::finish(command.env("MESHFIX_TEST_SABOTAGE", "1"), BANK.as_bytes()).with(70);
    assert!(ran.bytes.is_empty(), "{}", ran.out());
    assert!(host("x").contains("hostNetwork"));
}
