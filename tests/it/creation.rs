//! New resources: a file with an entry in its kustomization, a document of a stream, an item of a ResourceList.

use libtest_mimic::{Failed, Trial};
use meshfix::config::Options;
use meshfix::engine::{self, Outcome, Settings, Status};
use meshfix::manifest::SourceFile;
use meshfix::report;
use meshfix::rule::{Change, Context, Finding, Fix, Level, Meta, Safety, Transform};
use serde_json::{Value, json};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<(), Failed>| Trial::test(format!("creation::{name}"), test);
    vec![
        trial("a_file_is_made_beside_and_its_kustomization_names_it", in_a_file),
        trial("a_second_document_goes_into_the_same_file", in_one_file),
        trial("a_new_file_looks_like_its_neighbour", looks),
        trial("a_stream_gets_a_document", in_a_stream),
        trial("a_resource_list_gets_an_item", in_a_list),
        Trial::test("creation::a_list_names_the_file_in_its_kustomizations", in_a_list_with_a_kustomization),
        trial("what_can_not_be_made_is_refused_whole", refused),
        trial("a_wrong_document_fails_its_proof", sabotaged),
        trial("one_name_is_made_once", once),
    ]
}

/// Wants a ConfigMap `<service>-note` and a label for each Service without one.
struct Notes;

impl Notes {
    const META: Meta = Meta {
        name: "notes",
        summary: "",
        docs: "",
        level: Level::Warning,
        after: &[],
        istio: None,
        example: "",
        safety: Some(Safety::Safe),
    };
}

impl Transform for Notes {
    fn meta(&self) -> &Meta {
        &Notes::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for id in cx.inventory.services() {
            let root = cx.inventory.root(id).expect("there");
            let metadata = root.get("metadata").expect("there");
            if metadata.get("labels").is_some() {
                continue;
            }
            let name = metadata.text_at(&["name"]);
            let shared = metadata.at(&["annotations", "shared"]).is_some();
            let note = if shared { "shared".to_owned() } else { format!("{name}-note") };
            let is_note = |id: &meshfix::manifest::ResourceId| cx.inventory.resource(*id).name.name == note;
            let there = cx.inventory.of_kind("", "ConfigMap").find(is_note);
            let mut change = Change::default();
            change.insert(metadata, &["labels"], json!({"noted": "yes"}), &[]);
            let mut own = json!({"name": note});
            if let Some(namespace) = metadata.get("namespace").and_then(|namespace| namespace.text()) {
                own["namespace"] = namespace.into();
            }
            let data = json!({"from": name, "list": ["a", {"b": 1}], "text": "x\ny\n"});
            let made = match there {
                Some(note) => {
                    let data = cx.inventory.root(note).and_then(|root| root.get("data")).expect("data");
                    change.insert(data, &[&format!("also-{name}")], "x", &[]);
                    Ok(())
                }
                None => change.create(
                    cx.inventory,
                    id,
                    &format!("{note}.yaml"),
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": own, "data": data}),
                ),
            };
            let mut finding = Finding::of(&Notes::META, cx.inventory, id, metadata, "no note");
            match made {
                Ok(()) => {
                    let title = "make a note".to_owned();
                    finding.fix = Some(Fix { title, safety: Safety::Safe, consequence: String::new(), change });
                }
                Err(reason) => finding.refusal = Some(reason),
            }
            findings.push(finding);
        }
    }
}

fn source(name: &str, text: &str) -> SourceFile {
    SourceFile::read(name.to_owned(), text.into(), None).expect("a manifest")
}

fn run_with(files: Vec<SourceFile>, sabotage: bool, can_not_create: &dyn Fn(&str) -> Option<String>) -> Outcome {
    let options = Options::default();
    let rules: Vec<&dyn Transform> = vec![&Notes];
    engine::run(files, &Settings { can_not_create, sabotage, ..Settings::new(rules, &options) })
}

fn run(files: Vec<SourceFile>) -> Outcome {
    run_with(files, false, &|_| None)
}

fn after(outcome: &Outcome, name: &str) -> String {
    let changed = outcome.changed.iter().find(|changed| outcome.files[changed.file.0 as usize].name == name);
    changed.map_or_else(String::new, |changed| changed.after.to_string())
}

#[track_caller]
fn equal<T: PartialEq + std::fmt::Debug>(have: T, want: T) -> Result<(), Failed> {
    if have == want {
        return Ok(());
    }
    let at = std::panic::Location::caller();
    Err(format!("{at}\nhave {have:?}\nwant {want:?}").into())
}

const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web # mine\n";
const LABELLED: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web # mine\n  labels:\n    noted: \"yes\"\n";
const NOTE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web-note\ndata:\n  from: web\n  list:\n  - a\n  - b: 1\n  text: |\n    x\n    y\n";

fn in_a_file() -> Result<(), Failed> {
    let kustomization = "resources:\n  - ./web.yaml   # the site\n  - other\n";
    let outcome = run(vec![source("app/kustomization.yaml", kustomization), source("app/web.yaml", WEB)]);
    equal(after(&outcome, "app/web.yaml").as_str(), LABELLED)?;
    equal(after(&outcome, "app/web-note.yaml").as_str(), NOTE)?;
    equal(
        after(&outcome, "app/kustomization.yaml").as_str(),
        "resources:\n  - ./web.yaml   # the site\n  - other\n  - ./web-note.yaml\n",
    )?;
    equal(outcome.units.len(), 1)?;
    equal(outcome.units[0].len(), 3)?;
    let diff = report::diff::diff(&outcome, None);
    if !diff.contains("--- /dev/null\n+++ b/app/web-note.yaml\n@@ -0,0 +1,12 @@\n+apiVersion: v1\n") {
        return Err(diff.into());
    }
    equal(outcome.created.len(), 1)?;
    equal(outcome.created[0].text.as_str(), NOTE)?;
    equal(outcome.changes.len(), 2)
}

fn in_one_file() -> Result<(), Failed> {
    let two = "apiVersion: v1\nkind: Service\nmetadata: {name: one, annotations: {shared: \"\"}}\n---\n\
               apiVersion: v1\nkind: Service\nmetadata: {name: two, annotations: {shared: \"\"}}\n";
    // The second one waits for the note of the first, and then edits it.
    let outcome = run(vec![source("two.yaml", two)]);
    let note = after(&outcome, "shared.yaml");
    equal((note.matches("kind: ConfigMap").count(), note.contains("\n  also-two: x\n")), (1, true))?;
    equal(outcome.created[0].text.as_str(), note.as_str())?;
    equal(outcome.changes.len(), 2)?;
    // A file of that name that is there already gets the document.
    let old = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old}";
    let outcome = run(vec![source("web-note.yaml", old), source("web.yaml", WEB)]);
    equal(after(&outcome, "web-note.yaml"), format!("{old}\n---\n{NOTE}"))?;
    equal(outcome.created[0].text.as_str(), NOTE)
}

fn looks() -> Result<(), Failed> {
    let indented = format!("{WEB}spec:\n  ports:\n    - port: 80\n").replace('\n', "\r\n");
    let outcome = run(vec![source("web.yaml", &indented)]);
    equal(after(&outcome, "web-note.yaml"), NOTE.replace("  - a\n  - b", "    - a\n    - b").replace('\n', "\r\n"))
}

fn in_a_stream() -> Result<(), Failed> {
    for (text, expected) in [
        (WEB.to_owned(), format!("{LABELLED}---\n{NOTE}")),
        (format!("---\n{WEB}"), format!("---\n{LABELLED}---\n{NOTE}")),
        (format!("{WEB}---\n"), format!("{LABELLED}---\n{NOTE}")),
        (
            format!("{WEB}---\napiVersion: v1\nkind: Secret\ndata:\n  a: b\n"),
            format!("{LABELLED}---\napiVersion: v1\nkind: Secret\ndata:\n  a: b\n---\n{NOTE}"),
        ),
        (format!("{WEB}spec:\n  type: ClusterIP"), format!("{LABELLED}spec:\n  type: ClusterIP\n---\n{NOTE}")),
    ] {
        let outcome = run(vec![source("<stdin>", &text).rendered()]);
        equal(outcome.internal.clone(), Vec::new())?;
        equal(after(&outcome, "<stdin>"), expected)?;
        equal(outcome.created.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), vec![NOTE])?;
    }
    let text = format!("{WEB}---\napiVersion: v1\nkind: Secret\nstringData:\n  a: |\n    b");
    let outcome = run(vec![source("<stdin>", &text).rendered()]);
    equal(outcome.changed.len(), 0)?;
    let Status::Refused(reason) = &outcome.findings[0].status else { return Err("it is refused".into()) };
    equal(reason.contains("no line break"), true)
}

fn in_a_list() -> Result<(), Failed> {
    let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: web\n    annotations:\n      config.kubernetes.io/path: app/web.yaml\n      config.kubernetes.io/index: '0'\n";
    let outcome = run(vec![source("<stdin>", list)]);
    let text = after(&outcome, "<stdin>");
    let value: Value = serde_yaml::from_str(&text)?;
    equal(
        &value["items"][1]["metadata"],
        &json!({"name": "web-note", "annotations":
        {"config.kubernetes.io/path": "app/web-note.yaml", "config.kubernetes.io/index": "0"}}),
    )?;
    equal((outcome.created.len(), outcome.changes.len()), (0, 1))
}

/// kpt gives functions the kustomizations of a package as items too.
fn in_a_list_with_a_kustomization() -> Result<(), Failed> {
    let item = |kind: &str, path: &str, rest: &str| {
        format!(
            "- kind: {kind}\n  metadata:\n    name: web\n    annotations: {{config.kubernetes.io/path: {path}}}\n{rest}"
        )
    };
    let own = "  resources:\n  - ./web.yaml   # ours\n";
    let above = "  resources: [app/web.yaml, other.yaml]\n";
    let list = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{}{}{}",
        item("Service", "app/web.yaml", "  apiVersion: v1\n"),
        item("Kustomization", "app/kustomization.yaml", own),
        item("Kustomization", "kustomization.yaml", above),
    );
    let outcome = run(vec![source("<stdin>", &list).rendered()]);
    let text = after(&outcome, "<stdin>");
    equal(text.contains("  - ./web.yaml   # ours\n  - ./web-note.yaml\n"), true)?;
    equal(text.contains("[app/web.yaml, other.yaml, app/web-note.yaml]"), true)?;
    equal(run(vec![source("<stdin>", &text).rendered()]).changed.len(), 0)
}

fn refused() -> Result<(), Failed> {
    let taken = |name: &str| (name == "app/web-note.yaml").then(|| "it is there already".to_owned());
    let outcome = run_with(vec![source("app/web.yaml", WEB)], false, &taken);
    equal(outcome.changed.len(), 0)?;
    let Status::Refused(reason) = &outcome.findings[0].status else { return Err("it is refused".into()) };
    equal(reason.as_str(), "app/web-note.yaml: it is there already")?;
    // The kustomization is a template: nobody knows what it would need.
    let broken = "resources:\n- web.yaml\n- {{ more }}\n";
    let outcome = run(vec![source("app/kustomization.yaml", broken), source("app/web.yaml", WEB)]);
    equal(outcome.changed.len(), 0)?;
    let Status::Refused(reason) = &outcome.findings[0].status else { return Err("it is refused".into()) };
    equal(reason.contains("app/kustomization.yaml can't be read"), true)
}

fn sabotaged() -> Result<(), Failed> {
    let outcome = run_with(vec![source("web.yaml", WEB)], true, &|_| None);
    equal((outcome.changed.len(), outcome.created.len()), (0, 0))?;
    equal(outcome.internal.iter().any(|problem| problem.starts_with("web-note.yaml: ")), true)
}

fn once() -> Result<(), Failed> {
    // In different folders, so that nothing but the name is the same.
    let shared = WEB.replace("name: web", "annotations: {shared: \"\"}\n  namespace: shop\n  name: web");
    let outcome = run(vec![source("a/web.yaml", &shared), source("b/web.yaml", &shared.replace("web", "two"))]);
    equal(after(&outcome, "b/shared.yaml"), String::new())?;
    equal(after(&outcome, "a/shared.yaml").contains("also-two"), true)?;
    // Without a namespace they may be in two.
    let shared = shared.replace("  namespace: shop\n", "");
    let outcome = run(vec![source("a/web.yaml", &shared), source("b/web.yaml", &shared.replace("web", "two"))]);
    equal(after(&outcome, "a/shared.yaml").contains("from: web"), true)?;
    equal(after(&outcome, "b/shared.yaml").contains("from: two"), true)
}
