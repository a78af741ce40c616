//! Findings that are not reported: ignores and baselines.

use libtest_mimic::Trial;
use serde_json::Value;

use super::json::report;
use super::manifests::{BANK, CLEAN, SAFE, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("an_ignored_finding_is_counted_and_neither_fixed_nor_told", ignored),
        trial("an_ignore_at_every_reported_place_silences_the_run", every_place),
        trial("an_ignore_for_a_rule_that_did_not_run_is_not_judged", not_judged),
        trial("a_mistyped_ignore_is_told_and_keeps_its_field", mistyped),
        trial("a_baseline_lets_only_new_findings_fail", baseline),
        trial("a_baseline_matches_a_moved_file_once", moved),
        trial("a_baseline_says_what_matches_nothing_any_more", stale),
        trial("a_baseline_that_cannot_be_read_is_2", unreadable_baseline),
        trial("a_baseline_holds_for_a_stream", stream),
    ]
}

/// The rules that these manifests were written for, and those about ignores.
const RULES: &str = "--select=host-network,dns-policy,dns-ndots,proxy-uid,unused-ignore,unexplained-ignore";

fn summary(world: &World, args: &[&str]) -> Value {
    report(&world.run(&[args, &[RULES, "--format", "json", "--exit-zero", "."]].concat()).with(0).out())["summary"]
        .clone()
}

fn ignored() {
    let text = SAFE
        .replace("      dnsPolicy:", "      # meshfix: ignore[dns-policy] asked for by the bakers\n      dnsPolicy:");
    let text = text.replace("value: 5\n", "value: 5   # meshfix: ignore[dns-ndots] a number is fine here\n");
    let world = World::with(&[("bakery.yaml", &text)]);
    for mode in [&[][..], &["--check"], &["--write", "--unsafe"]] {
        let ran = world.run(&[mode, &[RULES, "."]].concat()).with(0).says("; 2 ignored\n");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    assert_eq!(world.read("bakery.yaml"), text);
    let counts = summary(&world, &[]);
    assert_eq!((&counts["findings"], &counts["ignored"]), (&0.into(), &2.into()), "{counts:#}");
    assert_eq!(world.stream(&[RULES, "-"], &text).with(0).says("2 ignored").out(), text);
}

/// What a user does: sees `file:line`, and puts a comment behind that line or above it.
fn every_place() {
    for above in [false, true] {
        let world = World::with(&[("bank.yaml", BANK), ("bakery.yaml", SAFE)]);
        let found = report(&world.run(&[RULES, "--unsafe", "--format", "json", "."]).with(1).out());
        let mut found: Vec<(String, usize, String)> = found["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|finding| {
                let part = |name: &str| finding[name].as_str().expect(name).to_owned();
                (part("file"), finding["line"].as_u64().expect("a line") as usize, part("rule"))
            })
            .collect();
        assert_eq!(found.len(), 6);
        found.sort();
        for (file, line, rule) in found.into_iter().rev() {
            let text = world.read(&file);
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let comment = format!("# meshfix: ignore[{rule}] as we want it");
            if above {
                lines.insert(line - 1, comment);
            } else {
                lines[line - 1].push_str(&format!(" {comment}"));
            }
            world.write(&file, lines.join("\n") + "\n");
        }
        let ran = world.run(&[RULES, "--unsafe", "--check", "--fail-on", "info", "."]).with(0).says("6 ignored");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
}

fn not_judged() {
    let text = CLEAN.replace("    spec:\n", "    spec:   # meshfix: ignore[proxy-uid] was root once\n");
    let world = World::with(&[("shelf.yaml", &text)]);
    let told = "shelf.yaml:16:31  unused-ignore (warning)  `proxy-uid` finds nothing here";
    world.run(&[RULES, "--check", "."]).with(0).prints(told);
    world.run(&[RULES, "--check", "--fail-on", "warning", "."]).with(1);
    world.run(&["--check", "--select", "unused-ignore,proxy-uid", "."]).with(0).prints(told);
    for quiet in
        [&["--select", "unused-ignore"][..], &[RULES, "--ignore", "proxy-uid"], &[RULES, "--ignore", "unused-ignore"]]
    {
        let ran = world.run(&[quiet, &["--check", "."]].concat()).with(0);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
}

fn mistyped() {
    let keep = |comment: &str| {
        let text = BANK.replace("  hostNetwork", &format!("  {comment}\n  hostNetwork"));
        let world = World::with(&[("bank.yaml", &text)]);
        let ran = world.run(&["--unsafe", "--write", "."]).with(1).says("not fixed: it may be meant to be ignored");
        assert!(world.read("bank.yaml").contains("hostNetwork: true"));
        ran
    };
    keep("# meshfix: ignore host-network").says("write `# meshfix: ignore[host-network] reason`");
    keep("# meshfix: ignore[host-netwrok] why").says("did you mean `host-network`?");
}

fn baseline() {
    let world = World::with(&[("bank.yaml", BANK)]);
    world.run(&[RULES, "--format", "json", "-o", "base.json", "."]).with(1);
    let with = [RULES, "--baseline", "base.json"];
    for mode in [&[][..], &["--check"], &["--write", "--unsafe"]] {
        let ran = world.run(&[&with, mode, &["."]].concat()).with(0).says("4 in the baseline");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    assert_eq!(world.read("bank.yaml"), BANK);
    // Lines and values may change; what is new is reported and fixed.
    let text = BANK.replace("name: ndots, value: 5", "name: ndots, value: 2");
    world.write("bank.yaml", format!("# More.\n\n{text}---\n{}", left_over("new")));
    let ran = world.run(&[&with, &["."][..]].concat()).with(1);
    assert!(ran.out().contains("+      dnsPolicy: ClusterFirst\n"), "{}", ran.out());
    assert_eq!(ran.out().matches("\n+ ").count(), 1, "{}", ran.out());
    let counts = summary(&world, &with);
    assert_eq!((&counts["findings"], &counts["baseline"]), (&1.into(), &4.into()), "{counts:#}");
    world.run(&["--baseline", "base.json", "-o", "base.json", "."]).with(2).says("without --baseline");
}

fn moved() {
    let world = World::with(&[("old/bank.yaml", BANK)]);
    world.run(&[RULES, "--format", "json", "-o", "base.json", "."]).with(1);
    let with = [RULES, "--baseline", "base.json", "--check", "."];
    world.write("new/bank.yaml", BANK);
    // A copy is new.
    world.run(&with).with(1).says("4 in the baseline").prints("new/bank.yaml:");
    std::fs::remove_dir_all(world.path("old")).expect("removed");
    let ran = world.run(&with).with(0).says("4 in the baseline");
    assert!(ran.bytes.is_empty() && !ran.err.contains("nothing any more"), "{}{}", ran.out(), ran.err);
    // Two of them: nobody can say which one moved.
    world.write("other/bank.yaml", BANK);
    world.run(&with).with(1).says("8 findings").says("4 entries of the baseline match nothing any more");
}

fn stale() {
    let world = World::with(&[("bank.yaml", BANK), ("bakery.yaml", SAFE)]);
    world.run(&[RULES, "--format", "json", "-o", "base.json", "."]).with(1);
    world.write("bank.yaml", BANK.replace("hostNetwork: true", "hostNetwork: false"));
    world
        .run(&[RULES, "--baseline", "base.json", "."])
        .with(0)
        .says("1 entry of the baseline matches nothing any more");
    // What was not looked at is not judged.
    for part in [&[RULES, "bakery.yaml"][..], &["--select", "dns-policy", "."]] {
        let ran = world.run(&[&["--baseline", "base.json"], part].concat()).with(0);
        assert!(!ran.err.contains("nothing any more"), "{}", ran.err);
    }
}

fn unreadable_baseline() {
    let world = World::with(&[("bank.yaml", BANK), ("text.json", "no"), ("other.json", "{\"version\": 1}")]);
    world.write("later.json", "{\"version\": 7, \"findings\": []}");
    world.write(
        "changed.json",
        "{\"version\": 1, \"findings\": [{\"rule\": \"x\", \"file\": \"y\", \"fingerprint\": \"z\"}]}",
    );
    for (file, reason) in [
        ("nowhere.json", "nowhere.json: no such file"),
        ("text.json", "text.json: it is no report of meshfix"),
        ("other.json", "`meshfix --format json -o FILE` makes one"),
        ("later.json", "version 7"),
        ("changed.json", "`z` is no fingerprint"),
    ] {
        let ran = world.run(&["--baseline", file, "--write", "."]).with(2).says(reason);
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    assert_eq!(world.read("bank.yaml"), BANK);
}

fn stream() {
    let world = World::new();
    world.stream(&[RULES, "--format", "json", "-o", "base.json", "-"], SAFE).with(0);
    let ran = world.stream(&[RULES, "--baseline", "base.json", "-"], SAFE).with(0).says("2 in the baseline");
    assert_eq!(ran.out(), SAFE);
}
