//! `meshfix.yaml`: which one is used, what wins over it, and what happens where it is wrong.

use std::fs;
use std::os::unix::fs::symlink;

use libtest_mimic::Trial;

use super::manifests::{BANK, CLEAN, SAFE};
use super::schema::validate;
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_nearest_configuration_up_to_the_repository_is_used", nearest),
        trial("outside_a_repository_only_two_folders_are_looked_at", no_repository),
        trial("a_stream_takes_the_configuration_of_the_current_folder", stream),
        trial("config_names_the_configuration", named),
        trial("a_configuration_that_is_not_there_or_not_readable_is_2", unreadable),
        trial("a_wrong_configuration_is_2_with_all_its_places", wrong),
        trial("flags_win_over_the_configuration", flags_win),
        trial("select_and_ignore_of_the_configuration", select_and_ignore),
        trial("a_configuration_is_no_manifest", no_manifest),
        trial("a_configuration_that_is_a_link_out_of_the_repository_is_not_read", link_out),
        trial("a_team_decides_how_safe_a_rule_is", safety),
        trial("clusters_are_folders", clusters),
        trial("paths_start_at_the_configuration", paths),
        trial("the_schema_and_the_reader_agree", schema_agrees),
    ]
}

/// A configuration with this below `spec`.
fn config(spec: &str) -> String {
    format!("apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec: {spec}\n")
}

const ISTIO: &str = "{profile: istio}";

fn nearest() {
    let world = World::with(&[("shop/till/bank.yaml", BANK)]);
    fs::create_dir(world.path(".git")).expect("a folder");
    world.write("../meshfix.yaml", "not a configuration");
    let file = "shop/till/bank.yaml";
    world.run(&["-v", file]).with(1).says("configuration: no meshfix.yaml");
    for place in ["meshfix.yaml", "shop/meshfix.yaml", "shop/till/meshfix.yaml"] {
        world.write(place, config(ISTIO));
        world.run(&["-v", file]).with(1).says(&format!("configuration: {place}\n"));
        world.run(&["-v", "shop/till", "elsewhere"]).with(2).says(&format!("configuration: {place}\n"));
    }
    // From a sub-folder it is the same one.
    fs::remove_file(world.path("shop/till/meshfix.yaml")).expect("removed");
    world.shell("cd shop/till && meshfix -v .").with(1).says("shop/meshfix.yaml\n");
    // A `.git` in between is another repository.
    fs::create_dir(world.path("shop/till/.git")).expect("a folder");
    world.run(&["-v", file]).with(1).says("configuration: no meshfix.yaml");
    // A worktree has a file of that name.
    fs::remove_dir(world.path("shop/till/.git")).expect("removed");
    world.write("shop/.git", "gitdir: /elsewhere\n");
    world.run(&["-v", file]).with(1).says("configuration: shop/meshfix.yaml\n");
}

fn no_repository() {
    let world = World::with(&[("shop/till/bank.yaml", BANK), ("shop/meshfix.yaml", &config(ISTIO))]);
    world.run(&["-v", "shop/till"]).with(1).says("configuration: no meshfix.yaml");
    world.shell("cd shop && meshfix -v till").with(1).says("configuration: meshfix.yaml\n");
    world.write("shop/till/meshfix.yaml", config(ISTIO));
    world.shell("cd shop && meshfix -v till").with(1).says("configuration: till/meshfix.yaml\n");
}

fn stream() {
    let world = World::with(&[("meshfix.yaml", &config("{select: [proxy-uid]}"))]);
    let ran = world.stream(&["-v", "-"], SAFE).with(0).says("configuration: meshfix.yaml\n");
    assert_eq!(ran.out(), SAFE);
    let ran = world.stream(&["--config", "other.yaml", "-"], SAFE).with(2).says("error: other.yaml: no such file");
    assert!(ran.bytes.is_empty());
}

fn named() {
    let world = World::with(&[("bakery.yaml", SAFE), ("meshfix.yaml", "not read")]);
    world.write("ci/strict.yaml", config("{ignore: [dns-policy, dns-ndots]}"));
    world.run(&["-v", "--config", "ci/strict.yaml", "."]).with(0).says("configuration: ci/strict.yaml\n");
    // As a shell gives it: no file, but readable.
    let script = "printf '%s' 'apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n' | meshfix --config /dev/stdin .";
    world.shell(script).with(1);
}

fn unreadable() {
    let world = World::with(&[("bakery.yaml", SAFE)]);
    world.run(&["--config", "none.yaml", "--write", "."]).with(2).says("error: none.yaml: no such file or directory");
    fs::create_dir(world.path("folder")).expect("a folder");
    world.run(&["--config", "folder", "--write", "."]).with(2).says("error: folder: is a directory");
    world.write("meshfix.yaml", [0xff, 0xfe]);
    world.run(&["--write", "."]).with(2).says("error: meshfix.yaml: it is not UTF-8");
    world.write("meshfix.yaml", vec![b'#'; 2 << 20]);
    world.run(&["--write", "."]).with(2).says("error: meshfix.yaml: it is larger than 1 MiB");
    assert_eq!(world.read("bakery.yaml"), SAFE);
    // A folder of that name is none.
    fs::remove_file(world.path("meshfix.yaml")).expect("removed");
    fs::create_dir(world.path("meshfix.yaml")).expect("a folder");
    world.run(&["."]).with(1);
}

fn wrong() {
    let world = World::with(&[("bakery.yaml", SAFE), ("oven/shelf.yaml", CLEAN)]);
    let text = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  unsafe: maybe\n  rules:\n    proxy-uid: {replacment: 5}\n";
    world.write("meshfix.yaml", text);
    let ran = world.run(&["--write", "."]).with(2);
    assert!(ran.bytes.is_empty());
    assert_eq!(
        ran.err,
        "error: meshfix.yaml:4:11: `unsafe` must be true or false, not the string \"maybe\"\n\
         error: meshfix.yaml:6:17: there is no key `replacment` in `rules.proxy-uid`; did you mean `replacement`?\n"
    );
    assert_eq!(world.read("bakery.yaml"), SAFE);
    let ran = world.stream(&["-"], SAFE).with(2);
    assert!(ran.bytes.is_empty());
    // What asks for no run needs no configuration.
    world.run(&["rules"]).with(0);
}

fn flags_win() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let spec = "{profile: istio, unsafe: true, failOn: info}";
    world.write("meshfix.yaml", config(spec));
    let open = |args: &[&str]| world.run(args);
    // `unsafe` of either counts.
    assert!(open(&["."]).with(1).out().contains("10001"));
    world.write("meshfix.yaml", config("{failOn: info}"));
    assert!(!open(&["."]).with(1).out().contains("10001"));
    assert!(open(&["--unsafe", "."]).with(1).out().contains("10001"));
    // The level.
    let advice = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  dnsConfig:\n    options:\n      - {name: ndots, value: \"2\"}\n  containers: []\n";
    let world = World::with(&[("pod.yaml", advice), ("meshfix.yaml", &config("{profile: istio, failOn: info}"))]);
    world.run(&["."]).with(1);
    world.run(&["--fail-on", "error", "."]).with(0);
    world.run(&["--profile", "seed", "--fail-on", "error", "."]).with(1);
    world.write("meshfix.yaml", config("{profile: istio}"));
    world.run(&["."]).with(0);
    world.run(&["--fail-on", "info", "."]).with(1);
}

fn select_and_ignore() {
    let world = World::with(&[("bank.yaml", BANK), ("meshfix.yaml", &config("{select: [proxy-uid]}"))]);
    let found = |args: &[&str], rules: &[&str]| {
        let out = world.run(&[&["--check", "--exit-zero"], args, &["."]].concat()).with(0).out();
        for rule in ["host-network", "dns-policy", "proxy-uid"] {
            assert_eq!(out.contains(&format!("  {rule} ")), rules.contains(&rule), "{rule} in {out}");
        }
    };
    found(&[], &["proxy-uid"]);
    found(&["--select", "host-network"], &["host-network"]);
    found(&["--select", "none"], &[]);
    found(&["--ignore", "proxy-uid"], &[]);
    world.write("meshfix.yaml", config("{ignore: [proxy-uid]}"));
    found(&[], &["host-network", "dns-policy"]);
    found(&["--ignore", "dns-policy"], &["host-network"]);
    found(&["--select", "proxy-uid"], &["proxy-uid"]);
}

/// Not one that is used, nor one that lies further down, nor one that is named.
fn no_manifest() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: []}\n";
    let world = World::with(&[("meshfix.yaml", &config("{}")), ("shop/meshfix.yaml", pod), ("a.yaml", CLEAN)]);
    world.run(&["--unsafe", "."]).with(0);
    world.run(&["--unsafe", "a.yaml", "shop/meshfix.yaml"]).with(0);
    assert_eq!(world.read("shop/meshfix.yaml"), pod);
}

fn link_out() {
    let world = World::with(&[("bakery.yaml", SAFE)]);
    fs::create_dir(world.path(".git")).expect("a folder");
    fs::write(world.outside("diary"), "dear diary\n").expect("written");
    symlink(world.outside("diary"), world.path("meshfix.yaml")).expect("a link");
    let ran = world.run(&["."]).with(2).says("error: meshfix.yaml: it is a symbolic link that leads out");
    assert!(!ran.err.contains("diary"), "{}", ran.err);
    world.write("ci/strict.yaml", config("{select: [proxy-uid]}"));
    fs::remove_file(world.path("meshfix.yaml")).expect("removed");
    symlink("ci/strict.yaml", world.path("meshfix.yaml")).expect("a link");
    world.run(&["."]).with(0);
}

fn safety() {
    let pod = "{dnsConfig: {options: [{name: ndots, value: \"2\"}]}, containers: []}";
    let head = "metadata: {name: p}\nspec:";
    let world = World::with(&[
        ("web.yaml", &format!("apiVersion: apps/v1\nkind: Deployment\n{head} {{template: {{spec: {pod}}}}}\n")),
        ("pod.yaml", &format!("apiVersion: v1\nkind: Pod\n{head} {pod}\n")),
        ("meshfix.yaml", &config("{rules: {dns-ndots: {safety: safe}}}")),
    ]);
    let ran = world.run(&["."]).with(1);
    assert!(ran.out().contains("+++ b/web.yaml") && !ran.out().contains("pod.yaml"), "{}", ran.out());
    let report = world.run(&["--format", "json", "."]).with(1).out();
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let safety = |file: &str| {
        let findings = report["findings"].as_array().expect("findings");
        let is_it = |finding: &&serde_json::Value| finding["file"] == file && finding["rule"] == "dns-ndots";
        let finding = findings.iter().find(is_it).expect("found");
        (finding["fix"]["safety"].clone(), finding["fix"]["applied"].clone())
    };
    assert_eq!(safety("web.yaml"), ("safe".into(), true.into()));
    assert_eq!(safety("pod.yaml"), ("unsafe".into(), false.into()));
    world.write("meshfix.yaml", config("{rules: {dns-policy: {safety: unsafe}}}"));
    world.write("bakery.yaml", SAFE);
    let out = world.run(&["bakery.yaml"]).with(1).out();
    assert!(!out.contains("dnsPolicy: 'ClusterFirst'\n"), "{out}");
}

fn clusters() {
    let world = World::with(&[("bakery.yaml", SAFE)]);
    world.run(&["--cluster", "east", "."]).with(2).says("NAME=PATH");
    world.run(&["--cluster", "east=none", "."]).with(2).says("error: --cluster east: none: no such file");
    world.run(&["--cluster", "east=bakery.yaml", "."]).with(2).says("it is no folder");
    world.run(&["--cluster", "east=.", "."]).with(1);
}

/// From wherever meshfix is run, and however the files are named.
fn paths() {
    let world = World::with(&[("shop/till/bank.yaml", BANK), ("shop/lab/bank.yaml", BANK)]);
    fs::create_dir(world.path(".git")).expect("a folder");
    world.write("meshfix.yaml", config("{ignores: [{paths: [shop/till/*], reason: it is going away}]}"));
    let root = world.root.display().to_string();
    for (folder, path) in [
        (".", "."),
        ("shop", "."),
        ("shop/till", ".."),
        ("shop/till", "../till ../lab"),
        ("shop/lab", "./bank.yaml ../till/bank.yaml"),
        ("/", &root),
        ("shop", &root),
    ] {
        let script = format!("cd {folder} && meshfix -q --check --select proxy-uid {path}");
        let out = world.shell(&script).with(1).out();
        assert_eq!(out.matches("  proxy-uid").count(), 1, "{script}: {out}");
        assert!(!out.contains("till/bank.yaml:"), "{script}: {out}");
    }
    let linked = world.outside("link");
    symlink(&world.root, &linked).expect("a link");
    let out = world.run(&["-q", "--check", "--select", "proxy-uid", &linked.display().to_string()]).with(1).out();
    assert_eq!(out.matches("  proxy-uid").count(), 1, "{out}");
}

/// What one of them takes or refuses, the other one does too.
fn schema_agrees() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = fs::read_to_string(root.join("docs/meshfix.schema.json")).expect("the schema");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let rules: Vec<&str> = meshfix::transforms::ALL.iter().map(|rule| rule.meta().name).collect();
    let check = |text: &str, expected: Option<bool>| {
        let document = meshfix::yaml::parse_text(text).expect("YAML").expect("a document");
        let value = meshfix::yaml::value(&document).expect("a value");
        let mut faults = Vec::new();
        validate(&schema, &schema, &value, "", &mut faults);
        let read = meshfix::config::read(text, &rules);
        assert_eq!(read.is_ok(), faults.is_empty(), "{text}\nreader: {read:?}\nschema: {faults:?}");
        assert_eq!(read.is_ok(), expected.unwrap_or(read.is_ok()), "{text}");
    };
    let good = [
        "{}",
        "{rules: }",
        "{rules: {proxy-uid: }}",
        "{profile: istio, failOn: info, unsafe: true}",
        "{nativeSidecars: on}",
        "{nativeSidecars: auto}",
        "{istioVersion: '1.30', kubernetesVersion: v1.33.2}",
        "{select: [proxy-uid, mine], transforms: [{id: mine, message: x, target: {}, patch: [{op: remove, path: /a}]}]}",
        "{clusters: {a: b/c}, apps: {x: .}}",
        "{exempt: {images: ['*/x']}}",
        "{ignores: [{reason: because}]}",
        "{rules: {dns-policy: {safety: safe}, proxy-uid: {replacement: 1338, strategy: remove}}}",
        "{rules: {dns-ndots: {value: '15'}}}",
        "{clusterDomain: example.local, podCIDRs: [10.0.0.0/8, 'fd00::/8'], serviceCIDRs: []}",
        "{rules: {exposed-service: {hosts: ['*', '*.example.com'], mode: existing:edge/front, suffix: -public}}}",
        "{rules: {exposed-service: {hostTemplate: '{service}.example.com', gatewaySelector: {istio: ingress}}}}",
        "{rules: {exposed-service: {portMap: {'shop/web:80': 8080}, outputFile: '{service}.gateway.yaml'}}}",
        "{rules: {mesh-retry: {retries: {attempts: 2, perTryTimeout: 0.5s}}, port-protocol: {style: both}}}",
    ];
    let bad = [
        "{x: 1}",
        "{profile: sed}",
        "{unsafe: 'true'}",
        "{istioVersion: 1.30}",
        "{istioVersion: latest}",
        "{select: proxy-uid}",
        "{select: [1]}",
        "{clusters: {a: /b}}",
        "{apps: {a: b/../..}}",
        "{clusters: [a]}",
        "{ignores: [{}]}",
        "{rules: {nothing: {}}}",
        "{rules: {proxy-uid: {replacement: 1337}}}",
        "{rules: {proxy-uid: {replacement: 0}}}",
        "{rules: {proxy-uid: {replacement: '5'}}}",
        "{rules: {dns-ndots: {value: 5}}}",
        "{rules: {dns-ndots: {value: '16'}}}",
        "{rules: {dns-policy: {safety: maybe}}}",
        "{transforms: [{id: mine}]}",
        "{transforms: [{id: Mine, message: x, target: {}, patch: [{op: remove, path: /a}]}]}",
        "{transforms: [{id: mine, message: x, target: {}, patch: []}]}",
        "{transforms: [{id: mine, message: x, target: {labelSelector: app}, patch: [{op: remove, path: /a}]}]}",
        "{transforms: [{id: mine, message: x, target: {}, patch: [{op: remove, path: a}]}]}",
        "{rules: {host-network: {allow: ['']}}}",
        "{clusterDomain: Example.local}",
        "{podCIDRs: [10.0.0.0]}",
        "{rules: {exposed-service: {hosts: ['a b']}}}",
        "{rules: {exposed-service: {mode: existing:front}}}",
        "{rules: {exposed-service: {gatewaySelector: istio=ingress}}}",
        "{rules: {exposed-service: {portMap: {web: 80}}}}",
        "{rules: {exposed-service: {portMap: {'shop/web:80': 0}}}}",
        "{rules: {exposed-service: {outputFile: '../{service}.yaml'}}}",
        "{rules: {exposed-service: {outputFile: gateway.yaml}}}",
        "{rules: {exposed-service: {hostTemplate: '{host}.example.com'}}}",
        "{rules: {mesh-retry: {retries: {attempts: -1}}}}",
        "{rules: {mesh-retry: {retries: {perTryTimeout: fast}}}}",
        "{rules: {port-protocol: {style: port}}}",
    ];
    good.into_iter().for_each(|spec| check(&config(spec), Some(true)));
    bad.into_iter().for_each(|spec| check(&config(spec), Some(false)));
    check("kind: MeshFix\n", Some(false));
    let mut cases = 0;
    for rule in fs::read_dir(root.join("testdata")).expect("testdata").flatten() {
        for case in fs::read_dir(rule.path()).expect("cases").flatten() {
            if let Ok(text) = fs::read_to_string(case.path().join("meshfix.yaml")) {
                cases += 1;
                check(&text, Some(true));
            }
        }
    }
    assert!(cases > 5, "{cases} cases");
}
