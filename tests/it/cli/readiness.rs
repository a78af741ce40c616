//! The table of readiness: what it says of whom, where it stands, and that its numbers are those of the findings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use serde_json::Value;

use super::json::report;
use super::manifests::{BANK, CLEAN, SAFE};
use super::support::{Ran, World, trial};
use super::terminal::on_terminal;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("readiness_stands_after_what_is_left_to_do", after_the_findings),
        trial("readiness_is_part_of_a_check", of_a_check),
        trial("readiness_is_of_the_text_on_disk", on_disk),
        trial("readiness_is_silent_where_it_says_nothing", silent),
        trial("readiness_counts_findings_of_services_and_patches_for_workloads", counts_for),
        trial("readiness_leaves_out_what_is_ignored", ignored),
        trial("readiness_names_what_the_mesh_decides", mesh),
        trial("readiness_of_hundreds_is_a_page", hundreds),
        trial("readiness_fits_a_terminal_and_is_whole_in_a_pipe", fits),
        trial("readiness_tells_workloads_of_one_name_apart", same_names),
        trial("readiness_knows_workloads_behind_new_documents", behind_new_documents),
        trial("readiness_adds_up_over_all_cases", adds_up),
    ]
}

/// A workload with further lines of its pod's spec and fields of its container.
fn workload(kind: &str, name: &str, pod: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}, version: v1}}}}\n    spec:\n{pod}      containers:\n        - {{name: main, image: fair/{name}:1{container}}}\n---\n"
    )
}

const LEFT_BEHIND: &str = "      dnsPolicy: ClusterFirstWithHostNet\n";
const HOST: &str = "      hostNetwork: true\n";
const HOST_PORT: &str = ", ports: [{containerPort: 8080, hostPort: 8080}]";

/// Rules of which the numbers here are counted.
const RULES: &str = "--select=host-network,host-port,dns-policy,reserved-port,external-registry,start-order";

/// A fair with a workload in each state: its kiosk's Service has a port of the proxy.
fn fair() -> World {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: kiosk}\nspec:\n  selector: {app: kiosk}\n  ports: [{name: http, port: 15021, targetPort: 8080}]\n";
    let files = [
        workload("Deployment", "balloons", "", ""),
        workload("Deployment", "wheel", LEFT_BEHIND, ""),
        workload("Deployment", "rides", HOST, ""),
        workload("StatefulSet", "tickets", LEFT_BEHIND, HOST_PORT),
        workload("DaemonSet", "lamps", &format!("{HOST}      hostPID: true\n"), ""),
        workload("Deployment", "kiosk", "", ""),
        service.to_owned(),
    ];
    World::with(&[("fair.yaml", &files.concat())])
}

const TABLE: &str = "\
readiness of 6 workloads, by 6 of ALL rules
   1 ready
   1 ready with --write
   1 ready with --write --unsafe
     (1 of them looked at only in part until then)
   2 need a person
   1 outside the mesh, or part of the mesh itself

   rule            findings   --write  --unsafe    person     notes
   dns-policy             2         2         -         -         -
   host-network           2         -         1         -         1
   host-port              1         -         -         1         -
   reserved-port          1         -         -         1         -
   start-order            1         -         -         -         1

   need a person
   StatefulSet/tickets   host-port
   Deployment/kiosk      reserved-port

   ready with --write --unsafe
   Deployment/rides   host-network

";

/// The fair's table; how many rules there are is no matter.
fn fairs_table() -> String {
    TABLE.replace("ALL", &meshfix::transforms::ALL.len().to_string())
}

/// The table in a text, from its head to the blank line before what follows.
#[track_caller]
fn table(text: &str) -> &str {
    let at = text.find("readiness of ").unwrap_or_else(|| panic!("no table in:\n{text}"));
    &text[at..text.rfind("\n\n").map_or(text.len(), |end| end + 2)]
}

fn after_the_findings() {
    let ran = fair().run(&[RULES, "."]).with(1);
    assert!(!ran.out().contains("readiness"), "{}", ran.out());
    let expected = fairs_table();
    assert_eq!(table(&ran.err), expected);
    let (before, after) = ran.err.split_once(&expected).expect("the table");
    assert!(before.contains("fair.yaml") && before.ends_with("\n\n"), "{before}");
    assert!(after.starts_with("2 findings to fix in 1 file") && after.lines().count() == 1, "{after}");
}

fn of_a_check() {
    let world = fair();
    let ran = world.run(&[RULES, "--check", "."]).with(1);
    assert!(ran.out().ends_with(&format!("\n\n{}", fairs_table())), "{}", ran.out());
    assert!(!ran.err.contains("readiness"), "{}", ran.err);
    world.run(&[RULES, "--check", "-o", "check.txt", "."]).with(1);
    assert!(world.read("check.txt").ends_with(&fairs_table()));
}

fn on_disk() {
    let world = fair();
    let all = world.run(&[RULES, "--unsafe", "."]).with(1).err;
    let all = table(&all);
    assert!(all.contains("\n   1 ready with --write --unsafe\n") && !all.contains("in part"), "{all}");
    assert!(!all.contains("\n   ready with"), "what the diff does is not listed again: {all}");
    let safe = world.run(&[RULES, "--write", "--exit-zero", "."]).with(0).err;
    let safe = table(&safe);
    assert!(safe.contains("\n   2 ready\n   1 ready with --write --unsafe\n"), "{safe}");
    assert!(safe.contains("findings     fixed  --unsafe    person     notes\n"), "{safe}");
    let done = world.run(&[RULES, "--write", "--unsafe", "--exit-zero", "."]).with(0).err;
    let done = table(&done);
    assert!(done.contains("\n   3 ready\n   2 need a person\n   1 outside"), "{done}");
    let rest = world.run(&[RULES, "--exit-zero", "."]).with(0).err;
    assert!(table(&rest).contains("\n   3 ready\n   2 need a person\n   1 outside"), "{rest}");
}

fn silent() {
    let world = fair();
    world.run(&[RULES, "-q", "--write", "--exit-zero", "."]).with(0).silent();
    assert!(!world.run(&[RULES, "-q", "--check", "."]).with(1).out().contains("readiness"));
    assert!(!world.run(&[RULES, "--format", "json", "."]).with(1).err.contains("readiness"));
    assert!(!world.run(&["--select", "none", "."]).with(0).err.contains("readiness"));
    let stream = world.read("fair.yaml");
    assert!(!world.stream(&[RULES, "-"], &stream).with(0).err.contains("readiness"));
    let ran = world.stream(&[RULES, "-v", "-"], &stream).with(0).says("readiness of 6 workloads");
    assert!(!ran.out().contains("readiness"));
    let one = World::with(&[("one.yaml", &workload("Deployment", "one", HOST, ""))]);
    assert!(!one.run(&["."]).with(1).err.contains("readiness"));
    let clean = World::with(&[("clean.yaml", CLEAN), ("two.yaml", &CLEAN.replace("shelf", "rack"))]);
    assert!(!clean.run(&[RULES, "--ignore", "start-order", "."]).with(0).err.contains("readiness"));
}

/// The state of each workload and other resource in a JSON report, with what holds it back.
fn states(ran: &Ran) -> BTreeMap<String, String> {
    let report = report(&ran.out());
    let lists = ["byWorkload", "others"].map(|list| report["readiness"][list].as_array().expect("a list").clone());
    let name = |subject: &Value| {
        let text = |at: &str| subject.pointer(at).and_then(Value::as_str).expect("text").to_owned();
        let held = subject["heldBy"].as_array().expect("a list").iter();
        let held: Vec<_> = held.map(|one| format!(" {}", one["rule"].as_str().expect("text"))).collect();
        (text("/resource/kind") + "/" + &text("/resource/name"), text("/state") + &held.concat())
    };
    lists.iter().flatten().map(name).collect()
}

fn counts_for() {
    let world = World::with(&[
        ("base/kustomization.yaml", "resources: [fair.yaml]\n"),
        ("overlay/kustomization.yaml", "resources: [../base]\npatches: [{path: dns.yaml}]\n"),
        (
            "overlay/dns.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: balloons}\nspec: {template: {spec: {dnsPolicy: Default}}}\n",
        ),
        (
            "base/telemetry.yaml",
            "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: one, namespace: fair}\nspec: {tracing: [{randomSamplingPercentage: 1}]}\n---\n\
             apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: two, namespace: fair}\nspec: {tracing: [{randomSamplingPercentage: 2}]}\n",
        ),
    ]);
    world.write("base/fair.yaml", fair().read("fair.yaml"));
    let rules = format!("{RULES},trace-context");
    let states = states(&world.run(&[&rules, "--format", "json", "."]).with(1));
    let state = |name: &str| states.get(name).map_or("", String::as_str);
    assert_eq!(state("Deployment/kiosk"), "person reserved-port", "by its Service: {states:#?}");
    assert_eq!(state("Deployment/balloons"), "unsafe dns-policy", "by the patch: {states:#?}");
    assert_eq!(state("Deployment/wheel"), "write dns-policy");
    assert_eq!(state("StatefulSet/tickets"), "person dns-policy host-port");
    assert_eq!(state("DaemonSet/lamps"), "outside");
    assert!(!states.contains_key("Service/kiosk"));
    let telemetry: Vec<_> = states.iter().filter(|(name, _)| name.starts_with("Telemetry/")).collect();
    assert_eq!(telemetry.len(), 1, "{states:#?}");
    let text = world.run(&[&rules, "."]).with(1).err;
    assert!(text.contains("\n   other resources\n   fair/Telemetry/"), "{text}");
}

fn ignored() {
    let world = fair();
    let json = |flags: &[&str]| {
        let ran = world.run(&[&[RULES, "--format", "json", "--exit-zero", "."], flags].concat()).with(0);
        (states(&ran), ran)
    };
    let (before, ran) = json(&[]);
    world.write("baseline.json", &ran.bytes);
    let (with_baseline, _) = json(&["--baseline", "baseline.json"]);
    assert_eq!(with_baseline["Deployment/kiosk"], "ready");
    assert_eq!(with_baseline["StatefulSet/tickets"], "ready");
    world.write(
        "fair.yaml",
        world.read("fair.yaml").replace(
            "hostNetwork: true\n",
            "hostNetwork: true # meshfix: ignore[host-network] it reads the lamps' own network\n",
        ),
    );
    let (with_ignore, _) = json(&[]);
    assert_eq!(
        (before["Deployment/rides"].as_str(), with_ignore["Deployment/rides"].as_str()),
        ("unsafe host-network", "outside")
    );
    assert_eq!(before["Deployment/kiosk"], with_ignore["Deployment/kiosk"]);
    // An ignore that ignores nothing keeps nobody out of the mesh.
    let balloons =
        workload("Deployment", "balloons", "      # meshfix: ignore[dns-policy] once\n      hostIPC: false\n", "");
    let world = World::with(&[("a.yaml", &balloons), ("b.yaml", BANK)]);
    let ran = world.run(&["--select=dns-policy,unused-ignore", "--format", "json", "--exit-zero", "."]).with(0);
    assert_eq!(states(&ran)["Deployment/balloons"], "ready", "{}", ran.out());
}

fn mesh() {
    let world = fair();
    world.write(
        "meshfix.yaml",
        "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec: {istioVersion: \"1.22\", kubernetesVersion: \"1.28\", nativeSidecars: false}\n",
    );
    let ran = world.run(&[RULES, "."]).with(1);
    assert!(ran.err.contains("\n   the mesh\n   start-order   one setting decides\n\n"), "{}", ran.err);
    assert!(ran.err.contains("\n   1 ready\n"), "no workload is held back by it: {}", ran.err);
    let json = report(&world.run(&[RULES, "--format", "json", "."]).with(1).out());
    assert_eq!(json["readiness"]["mesh"], serde_json::json!(["start-order"]));
}

/// A street of stalls that a person must look at.
fn stalls(number: usize, name: &str) -> String {
    (0..number).map(|i| workload("Deployment", &format!("{name}-{i}"), "", HOST_PORT)).collect()
}

fn hundreds() {
    let world = World::with(&[("stalls.yaml", &stalls(300, "stall")), ("safe.yaml", SAFE)]);
    let text = world.run(&["--check", RULES, "."]).with(1).out();
    let short = table(&text);
    assert!(short.lines().count() < 40, "{short}");
    assert!(short.contains("\n     1 ready\n     1 ready with --write\n   300 need a person\n"), "{short}");
    assert!(short.contains("\n   Deployment/stall-9   host-port\n"), "{short}");
    assert!(short.contains("\n   and 290 more (-v lists all)\n"), "{short}");
    let text = world.run(&["--check", "-v", RULES, "."]).with(1).out();
    let long = table(&text);
    assert!(long.lines().count() > 300 && !long.contains(" more ("), "{long}");
    // One row more than the cut is a row, not a line about it.
    let world = World::with(&[("stalls.yaml", &stalls(11, "stall"))]);
    let text = world.run(&["--check", RULES, "."]).with(0).out();
    assert!(text.contains("Deployment/stall-10") && !text.contains("more (-v"), "{text}");
}

fn fits() {
    let name = "a-stall-with-a-name-that-is-longer-than-a-column";
    let registry = ", ports: [{containerPort: 8080, hostPort: 8080}], env: [{name: EUREKA_CLIENT_SERVICEURL_DEFAULTZONE, value: \"http://eureka:8761/eureka\"}]";
    let files = workload("Deployment", name, "      dnsPolicy: Default\n", registry) + &stalls(2, "stall");
    let world = World::with(&[("stalls.yaml", &files)]);
    let pipe = world.run(&[RULES, "."]).with(1).err;
    assert!(pipe.contains(&format!("\n   Deployment/{name}   host-port, external-registry\n")), "{pipe}");
    let text = on_terminal(&world, &[RULES, "--color", "never", "."]).with(1).terminal;
    let table = table(&text);
    assert!(table.contains("   Deployment/stall-0   host-port\n"), "{table}");
    assert!(table.contains(",\n") || table.contains(&format!("{name}\n")), "wrapped: {table}");
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

fn same_names() {
    let one = workload("Deployment", "stall", "", HOST_PORT);
    let world =
        World::with(&[("north/stall.yaml", &one), ("south/stall.yaml", &one), ("only.yaml", &stalls(1, "other"))]);
    let text = world.run(&[RULES, "."]).with(0).err;
    assert!(text.contains("\n   Deployment/stall in north/stall.yaml   host-port\n"), "{text}");
    assert!(text.contains("\n   Deployment/stall in south/stall.yaml   host-port\n"), "{text}");
    assert!(text.contains("\n   Deployment/other-0 "), "{text}");
}

/// A document that the run makes stands before a workload that a later pass finds more about.
fn behind_new_documents() {
    let gate = "apiVersion: v1\nkind: Service\nmetadata: {name: gate, namespace: fair}\nspec:\n  type: NodePort\n  selector: {app: gate}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n";
    let world = World::with(&[
        ("gate.yaml", gate),
        ("rides.yaml", &workload("Deployment", "rides", HOST, HOST_PORT)),
        ("wheel.yaml", &workload("Deployment", "wheel", "", "")),
        (
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  rules:\n    exposed-service:\n      hosts: [fair.example.com]\n      gatewaySelector: {istio: ingress}\n      outputFile: \"{service}.yaml\"\n",
        ),
    ]);
    let rules = "--select=host-network,host-port,exposed-service";
    let ran = world.run(&[rules, "--unsafe", "--format", "json", "--exit-zero", "."]).with(0);
    assert!(ran.out().contains("kind: VirtualService"), "{}", ran.out());
    let states = states(&ran);
    assert_eq!(states["Deployment/rides"], "person host-network host-port", "{states:#?}");
    assert_eq!(states["Deployment/wheel"], "ready", "{states:#?}");
}

/// Copies a case's files, and its configuration to the root.
fn case(folder: &Path) -> World {
    let world = World::new();
    for part in ["before/.", "meshfix.yaml"] {
        let from = folder.join(part);
        if from.exists() {
            let done = world.clean("cp").args(["-r", &from.display().to_string(), "."]).status().expect("cp runs");
            assert!(done.success(), "copied");
        }
    }
    world
}

/// Over all rules' common cases, in every mode: the states are all workloads, the rules' numbers are the summary's, and
/// what a workload is said to wait for is what its own findings say.
fn adds_up() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/together");
    let mut seen = BTreeSet::new();
    let cases = fs::read_dir(folder).expect("the cases").map(|entry| case(&entry.expect("an entry").path()));
    for case in cases.chain([fair()]) {
        for mode in [&[][..], &["--unsafe"], &["--write"], &["--write", "--unsafe"]] {
            let ran = case.run(&[mode, &["--format", "json", "--exit-zero", "."]].concat()).with(0);
            let report = report(&ran.out());
            seen.extend(is_consistent(&report, mode.contains(&"--write")));
        }
    }
    let all = ["ready", "write", "unsafe", "person", "outside"].map(str::to_owned);
    let missing: Vec<_> = all.iter().filter(|state| !seen.contains(*state)).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

/// Checks a report's readiness against its findings; gives the states that occur.
#[track_caller]
fn is_consistent(report: &Value, written: bool) -> BTreeSet<String> {
    let readiness = &report["readiness"];
    let number = |value: &Value| value.as_u64().expect("a number");
    let list = |name: &str| readiness[name].as_array().expect("a list").clone();
    let states: Vec<String> =
        list("byWorkload").iter().map(|one| one["state"].as_str().expect("text").to_owned()).collect();
    assert_eq!(number(&readiness["workloads"]), states.len() as u64);
    for state in ["ready", "write", "unsafe", "person", "outside"] {
        let count = states.iter().filter(|have| *have == state).count() as u64;
        assert_eq!(number(&readiness[state]), count, "{state}");
    }
    for key in ["findings", "applied", "needsUnsafe", "refused", "manual"] {
        let sum: u64 = list("byRule").iter().map(|rule| number(&rule[key])).sum();
        assert_eq!(sum, number(&report["summary"][key]), "{key}");
    }
    for subject in list("byWorkload").into_iter().chain(list("others")) {
        let held: Vec<&str> = subject["heldBy"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["needs"].as_str().expect("text"))
            .collect();
        let greatest = ["person", "unsafe", "write"].into_iter().find(|need| held.contains(need));
        let state = subject["state"].as_str().expect("text");
        assert!(greatest.map_or(["ready", "outside"].contains(&state), |need| need == state), "{subject:#}");
        if written {
            assert_ne!(state, "write", "{subject:#}");
        }
    }
    // What a resource's own open findings say, found anew from the findings.
    for finding in report["findings"].as_array().expect("a list") {
        let is_fixed = finding["fix"]["applied"] == true && written;
        let rule = finding["rule"].as_str().expect("text");
        if finding["level"] == "info" || is_fixed || rule.ends_with("-ignore") || list("mesh").contains(&rule.into()) {
            continue;
        }
        let is_it = |one: &Value| one["resource"] == finding["resource"];
        let holds = |one: &Value| one["heldBy"].as_array().expect("a list").iter().any(|held| held["rule"] == rule);
        let subjects: Vec<Value> =
            list("byWorkload").into_iter().chain(list("others")).filter(|one| is_it(one)).collect();
        // A Service's findings are its workloads'.
        let kind = finding["resource"]["kind"].as_str().expect("text");
        assert!(subjects.iter().any(holds) || kind == "Service", "{finding:#}\n{readiness:#}");
    }
    states.into_iter().collect()
}
