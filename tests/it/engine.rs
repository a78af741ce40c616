//! The engine's promises, with rules made for the purpose.

use libtest_mimic::{Failed, Trial};
use meshfix::config::{Ignore, Options};
use meshfix::engine::{self, Outcome, Progress, Settings, Status};
use meshfix::manifest::{ResourceName, SourceFile, Workload};
use meshfix::rule::{Change, Context, Finding, Fix, Level, Meta, Premise, Safety, Transform};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("engine::twelve_pushes_into_one_list_settle_in_one_pass", twelve_pushes),
        Trial::test("engine::rules_that_undo_each_other_are_named_and_the_others_go_on", fight),
        Trial::test("engine::a_wrong_edit_is_caught_and_nothing_is_written", sabotage),
        Trial::test("engine::equal_claims_wait_and_look_again", claims),
        Trial::test("engine::a_change_waits_when_its_premise_is_edited", premises),
        Trial::test("engine::a_change_over_two_files_is_whole_or_not_at_all", whole_changes),
        Trial::test("engine::a_change_is_refused_where_anything_it_touches_is_not_ours", not_ours),
        Trial::test("engine::files_that_share_a_change_are_one_write_unit", write_units),
        Trial::test("engine::a_rule_waits_for_the_rules_before_it", waiting),
        Trial::test("engine::the_order_of_files_does_not_matter", file_order),
        Trial::test("engine::the_configuration_ignores_by_place_and_says_what_it_did_not_need", configured_ignores),
        Trial::test("engine::who_watches_sees_every_rule_and_every_proof_of_each_pass", watched),
        Trial::test("engine::an_ignore_that_a_later_pass_needs_is_used", late_ignore),
    ]
}

type Check = fn(&Meta, &Context<'_>, &mut Vec<Finding>);

/// A rule that a test makes up.
struct Rule {
    meta: Meta,
    check: Check,
}

impl Transform for Rule {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        (self.check)(&self.meta, cx, findings);
    }
}

fn rule(name: &'static str, check: Check) -> Rule {
    let meta = Meta {
        name,
        summary: "",
        docs: "",
        level: Level::Error,
        after: &[],
        istio: None,
        example: "",
        safety: Some(Safety::Safe),
    };
    Rule { meta, check }
}

fn run(files: &[(&str, String)], rules: &[&dyn Transform], sabotage: bool) -> Outcome {
    run_with(&Options::default(), files, rules, sabotage)
}

fn run_with(options: &Options, files: &[(&str, String)], rules: &[&dyn Transform], sabotage: bool) -> Outcome {
    let sources =
        files.iter().filter_map(|(name, text)| SourceFile::read((*name).to_owned(), text.as_str().into(), None));
    engine::run(sources.collect(), &Settings { sabotage, ..Settings::new(rules.to_vec(), options) })
}

fn deployment(name: &str, fields: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers: []\n{fields}"
    )
}

fn finding(meta: &Meta, workload: Workload<'_>, change: Change) -> Finding {
    let fix = Fix { title: "do it".to_owned(), safety: Safety::Safe, consequence: String::new(), change };
    Finding::new(meta, workload, workload.pod, format!("{} is not done", meta.name)).fix(workload, fix)
}

fn after(outcome: &Outcome, file: usize) -> String {
    let changed = outcome.changed.iter().find(|changed| changed.file.0 as usize == file);
    changed.map_or_else(|| outcome.files[file].text.to_string(), |changed| changed.after.to_string())
}

fn ensure(holds: bool, what: impl std::fmt::Debug) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{what:#?}").into()) }
}

fn twelve_pushes() -> Result<(), Failed> {
    let twelve = rule("twelve", |meta, cx, findings| {
        for workload in cx.inventory.workloads() {
            for number in 0..12 {
                let name = format!("host-{number}");
                let aliases = workload.pod.get("hostAliases").into_iter().flat_map(meshfix::manifest::Field::items);
                if !aliases.into_iter().any(|alias| alias.text_at(&["ip"]) == name) {
                    let mut change = Change::default();
                    change.push(workload.pod, &["hostAliases"], serde_json::json!({"ip": name}));
                    findings.push(finding(meta, workload, change));
                }
            }
        }
    });
    for fields in ["      hostAliases:\n      - ip: first\n", ""] {
        let outcome = run(&[("a.yaml", deployment("web", fields))], &[&twelve], false);
        ensure(outcome.passes == 1 && after(&outcome, 0).matches("- ip: host-").count() == 12, &outcome)?;
    }
    Ok(())
}

fn set_grace(meta: &Meta, cx: &Context<'_>, findings: &mut Vec<Finding>, from: i64, to: i64) {
    for workload in cx.inventory.workloads() {
        if let Some(field) =
            workload.pod.get("terminationGracePeriodSeconds").filter(|field| field.as_i64() == Some(from))
        {
            let mut change = Change::default();
            change.set(field, to);
            findings.push(finding(meta, workload, change));
        }
    }
}

fn fight() -> Result<(), Failed> {
    let up = rule("up", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let down = rule("down", |meta, cx, findings| set_grace(meta, cx, findings, 20, 10));
    let other = rule("other", |meta, cx, findings| {
        for workload in cx.inventory.workloads().filter(|workload| workload.pod.get("hostname").is_none()) {
            let mut change = Change::default();
            change.insert(workload.pod, &["hostname"], "web", &[]);
            findings.push(finding(meta, workload, change));
        }
    });
    let files = [("a.yaml", deployment("web", "      terminationGracePeriodSeconds: 10\n"))];
    let outcome = run(&files, &[&up, &down, &other], false);
    ensure(outcome.fighting == ["down", "up"], &outcome.fighting)?;
    let applied = outcome.findings.iter().filter(|reported| reported.status == Status::Applied);
    // What is told as applied is what the text says.
    let applied: Vec<_> = applied.map(|reported| reported.finding.rule).collect();
    ensure(applied == ["other", "up"] && after(&outcome, 0).contains("Seconds: 20"), &outcome.findings)?;
    ensure(after(&outcome, 0).contains("hostname: web"), after(&outcome, 0))?;
    ensure(
        outcome
            .open()
            .any(|reported| matches!(&reported.status, Status::Refused(reason) if reason.contains("down, up"))),
        &outcome.findings,
    )
}

fn sabotage() -> Result<(), Failed> {
    let up = rule("up", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let files = [("a.yaml", deployment("web", "      terminationGracePeriodSeconds: 10\n"))];
    let outcome = run(&files, &[&up], true);
    ensure(outcome.changed.is_empty() && outcome.internal.len() == 1, &outcome)?;
    ensure(outcome.internal[0].contains("does not have the value that was meant"), &outcome.internal)
}

fn claims() -> Result<(), Failed> {
    let port = rule("port", |meta, cx, findings| {
        let taken = |number: i64| {
            cx.inventory
                .workloads()
                .any(|workload| workload.pod.get("priority").and_then(|field| field.as_i64()) == Some(number))
        };
        for workload in cx.inventory.workloads().filter(|workload| workload.pod.get("priority").is_none()) {
            let free = (1..).find(|number| !taken(*number)).unwrap_or(0);
            let mut change = Change::default();
            change.premises.push(Premise::Claim { owner: ResourceName::default(), key: format!("priority:{free}") });
            change.insert(workload.pod, &["priority"], free, &[]);
            findings.push(finding(meta, workload, change));
        }
    });
    let files = [("a.yaml", deployment("a", "")), ("b.yaml", deployment("b", "")), ("c.yaml", deployment("c", ""))];
    let outcome = run(&files, &[&port], false);
    let all = (0..3).map(|file| after(&outcome, file)).collect::<String>();
    ensure((1..=3).all(|number| all.matches(&format!("priority: {number}\n")).count() == 1), all)
}

fn premises() -> Result<(), Failed> {
    let first = rule("first", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    // Copies a field that `first` changes in the same pass: it must see the new value.
    let copy = rule("second", |meta, cx, findings| {
        for workload in cx.inventory.workloads() {
            let (Some(field), None) = (workload.pod.get("terminationGracePeriodSeconds"), workload.pod.get("priority"))
            else {
                continue;
            };
            let mut change = Change::default();
            change.rely_on(field);
            change.insert(workload.pod, &["priority"], field.as_i64().unwrap_or_default(), &[]);
            findings.push(finding(meta, workload, change));
        }
    });
    let files = [("a.yaml", deployment("web", "      terminationGracePeriodSeconds: 10\n"))];
    for rules in [[&first as &dyn Transform, &copy], [&copy, &first]] {
        let text = after(&run(&files, &rules, false), 0);
        ensure(text.contains("terminationGracePeriodSeconds: 20"), &text)?;
        ensure(text.contains("priority: 20"), &text)?;
    }
    Ok(())
}

fn watched() -> Result<(), Failed> {
    let first = rule("first", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let other = rule("second", |_, _, _| {});
    let file = |name: &str| {
        let text = deployment(name, "      terminationGracePeriodSeconds: 10\n");
        SourceFile::read(format!("{name}.yaml"), text.as_str().into(), None)
    };
    let options = Options::default();
    let seen = std::cell::RefCell::new(Vec::new());
    let watch = |step| seen.borrow_mut().push(step);
    let settings = Settings { watch: &watch, ..Settings::new(vec![&first, &other], &options) };
    engine::run(["a", "b"].into_iter().filter_map(file).collect(), &settings);
    let look = |pass, done| Progress::Looking { pass, done, of: 2 };
    let prove = |pass, done| Progress::Proving { pass, done, of: 2 };
    let all = vec![look(1, 0), look(1, 1), prove(1, 0), prove(1, 1), look(2, 0), look(2, 1)];
    ensure(*seen.borrow() == all, format!("{:?}", seen.borrow()))
}

/// Sets a field in all workloads at once, in one change.
fn all_at_once(meta: &Meta, cx: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut change = Change::default();
    let fields = cx.inventory.workloads().filter_map(|workload| workload.pod.get("terminationGracePeriodSeconds"));
    for field in fields.filter(|field| field.as_i64() == Some(10)) {
        change.set(field, 20);
    }
    if let Some(workload) = cx.inventory.workloads().next().filter(|_| !change.ops.is_empty()) {
        findings.push(finding(meta, workload, change));
    }
}

fn whole_changes() -> Result<(), Failed> {
    let all = rule("all", all_at_once);
    let plain = || deployment("a", "      terminationGracePeriodSeconds: 10\n");
    // The second one is an anchor that another field uses: it can't change alone.
    let shared = deployment("b", "      terminationGracePeriodSeconds: &ten 10\n      priority: *ten\n");
    let outcome = run(&[("a.yaml", plain()), ("b.yaml", shared)], &[&all], false);
    ensure(outcome.changed.is_empty(), &outcome)?;
    ensure(
        outcome.open().any(|reported| matches!(&reported.status, Status::Refused(reason) if reason.contains("&ten"))),
        &outcome.findings,
    )?;
    let outcome = run(&[("a.yaml", plain()), ("b.yaml", plain())], &[&all], false);
    ensure(outcome.changed.len() == 2, &outcome)
}

/// Gives the workload and every Service a label, in one change.
fn label_all(meta: &Meta, cx: &Context<'_>, findings: &mut Vec<Finding>) {
    for workload in cx.inventory.workloads() {
        let mut change = Change::default();
        let services = cx.inventory.services().filter_map(|id| cx.inventory.root(id));
        for metadata in services.chain([workload.root]).filter_map(|root| root.get("metadata")) {
            if metadata.get("labels").is_none() {
                change.insert(metadata, &["labels", "seen"], "yes", &[]);
            }
        }
        if !change.ops.is_empty() {
            findings.push(finding(meta, workload, change));
        }
    }
}

fn not_ours() -> Result<(), Failed> {
    let all = rule("all", label_all);
    let service = |metadata: &str| {
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: web\n{metadata}"
        )
    };
    let refused = |files: &[(&str, String)], reason: &str| {
        let outcome = run(files, &[&all], false);
        ensure(outcome.changed.is_empty(), &outcome.changed)?;
        let is = |status: &Status| matches!(status, Status::Refused(have) if have.contains(reason));
        ensure(outcome.open().any(|reported| is(&reported.status)), &outcome.findings)
    };
    let plain = [("a.yaml", deployment("web", "")), ("b.yaml", service(""))];
    ensure(run(&plain, &[&all], false).changed.len() == 2, "both are ours")?;
    let owned = service("    ownerReferences: [{kind: Shop, name: web}]\n");
    refused(&[("a.yaml", deployment("web", "")), ("b.yaml", owned)], "Service/web: it has ownerReferences")?;
    let test = service("    annotations: {helm.sh/hook: test}\n");
    refused(&[("a.yaml", deployment("web", "")), ("b.yaml", test)], "Service/web: it is a Helm test")?;
    let overlay = |namespace: &str| format!("namespace: {namespace}\nresources: [../base]\n");
    let bases = [
        ("a.yaml", deployment("web", "")),
        ("base/kustomization.yaml", "resources: [b.yaml]\n".to_owned()),
        ("base/b.yaml", service("")),
        ("shop/kustomization.yaml", overlay("shop")),
        ("system/kustomization.yaml", overlay("kube-system")),
    ];
    refused(&bases, "Service/web: shop/kustomization.yaml and system/kustomization.yaml both deploy it")
}

fn write_units() -> Result<(), Failed> {
    let all = rule("all", all_at_once);
    let grace = |name| deployment(name, "      terminationGracePeriodSeconds: 10\n");
    let outcome = run(&[("a.yaml", grace("a")), ("b.yaml", grace("b")), ("c.yaml", grace("c"))], &[&all], false);
    ensure(outcome.units.len() == 1 && outcome.units[0].len() == 3, &outcome.units)?;
    let up = rule("up", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let outcome = run(&[("a.yaml", grace("a")), ("b.yaml", grace("b"))], &[&up], false);
    ensure(outcome.units.len() == 2, &outcome.units)
}

fn waiting() -> Result<(), Failed> {
    let first = rule("first", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let mut second = rule("second", |meta, cx, findings| {
        for workload in cx.inventory.workloads().filter(|workload| workload.pod.get("priority").is_none()) {
            let Some(field) = workload.pod.get("terminationGracePeriodSeconds") else { continue };
            let mut change = Change::default();
            change.insert(workload.pod, &["priority"], field.as_i64().unwrap_or_default(), &[]);
            findings.push(finding(meta, workload, change));
        }
    });
    second.meta.after = &["first"];
    let files = [("a.yaml", deployment("web", "      terminationGracePeriodSeconds: 10\n"))];
    for rules in [[&first as &dyn Transform, &second], [&second, &first]] {
        let text = after(&run(&files, &rules, false), 0);
        ensure(text.contains("priority: 20"), text)?;
    }
    Ok(())
}

fn file_order() -> Result<(), Failed> {
    let up = rule("up", |meta, cx, findings| set_grace(meta, cx, findings, 10, 20));
    let grace = |name| deployment(name, "      terminationGracePeriodSeconds: 10\n");
    let (a, b) = (("a.yaml", grace("a")), ("b.yaml", grace("b")));
    let forth = run(&[a.clone(), b.clone()], &[&up], false);
    let back = run(&[b, a], &[&up], false);
    ensure(after(&forth, 0) == after(&back, 1) && after(&forth, 1) == after(&back, 0), &back)
}

/// The rule that judges ignores.
fn unused_ignore() -> &'static dyn Transform {
    *meshfix::transforms::ALL.iter().find(|rule| rule.meta().name == "unused-ignore").expect("a rule")
}

fn configured_ignores() -> Result<(), Failed> {
    let every = rule("every", |meta, cx, findings| {
        for workload in cx.inventory.workloads() {
            findings.push(Finding::new(meta, workload, workload.pod, "a pod"));
        }
    });
    let ignore = |paths: &[&str], kind: Option<&str>, name: Option<&str>, namespace: Option<&str>| Ignore {
        rules: vec!["every".to_owned()],
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        kind: kind.map(str::to_owned),
        name: name.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        reason: "as it was".to_owned(),
    };
    let files =
        [("old/a.yaml", deployment("a", "")), ("b.yaml", deployment("b", "")), ("c.yaml", deployment("c-1", ""))];
    let files = files.map(|(name, text)| (name, text.replace("metadata:\n", "metadata:\n  namespace: till\n")));
    let left = |ignores: Vec<Ignore>| {
        let outcome = run_with(&Options { ignores, ..Options::default() }, &files, &[&every, unused_ignore()], false);
        let names = outcome.findings.iter().map(|reported| reported.finding.resource.name.clone());
        assert_eq!(outcome.findings.len() + outcome.ignored, 3);
        (names.collect::<Vec<String>>().join(" "), outcome.unused_ignores)
    };
    let none = Vec::<String>::new();
    assert_eq!(left(vec![ignore(&["old/*", "older/*"], None, None, None)]), ("b c-1".to_owned(), none.clone()));
    assert_eq!(left(vec![ignore(&[], Some("Deployment"), Some("c-*"), None)]), ("a b".to_owned(), none.clone()));
    assert_eq!(left(vec![ignore(&[], None, None, Some("till"))]), (String::new(), none.clone()));
    // Nothing was read that it could be for; and a rule that did not run.
    assert_eq!(left(vec![ignore(&["new/*"], None, None, None)]), ("a b c-1".to_owned(), none.clone()));
    let other = Ignore { rules: vec!["dns-ndots".to_owned()], ..ignore(&[], None, None, None) };
    assert_eq!(left(vec![other]), ("a b c-1".to_owned(), none));
    let never = Ignore { rules: vec!["unused-ignore".to_owned()], ..ignore(&["old/*"], None, None, None) };
    let sentence = "ignore 1 of the configuration (unused-ignore in old/*) matches no finding any more; remove it";
    assert_eq!(left(vec![never]), ("a b c-1".to_owned(), vec![sentence.to_owned()]));
    Ok(())
}

fn late_ignore() -> Result<(), Failed> {
    let first = rule("first", |meta, cx, findings| {
        for workload in cx.inventory.workloads().filter(|workload| workload.pod.get("hostname").is_none()) {
            let mut change = Change::default();
            change.insert(workload.pod, &["hostname"], "x", &["hostname", "containers"]);
            findings.push(finding(meta, workload, change));
        }
    });
    let second = rule("second", |meta, cx, findings| {
        for workload in cx.inventory.workloads() {
            if let Some(field) = workload.pod.get("hostname").and(workload.pod.get("restartPolicy")) {
                findings.push(Finding::new(meta, workload, field, "too late"));
            }
        }
    });
    let outcome = run(
        &[("a.yaml", deployment("a", "      # meshfix: ignore[unused-ignore] x\n      restartPolicy: Always\n"))],
        &[&first, &second, unused_ignore()],
        false,
    );
    assert_eq!(outcome.findings.len(), 3, "the change, the late finding, the unused ignore");
    // `second` is no rule of the list, so its name is known only because it runs.
    let text = deployment("a", "      # meshfix: ignore[second] x\n      restartPolicy: Always\n");
    let outcome = run(&[("a.yaml", text)], &[&first, &second, unused_ignore()], false);
    assert_eq!((outcome.findings.len(), outcome.ignored), (1, 1));
    Ok(())
}
