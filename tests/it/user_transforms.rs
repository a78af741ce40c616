//! Rules of the user's own: whatever the patch and the resource are, the text after says what `json_patch` says, or
//! nothing changes and a reason is given.

use std::cell::Cell;

use json_patch::PatchOperation;
use libtest_mimic::{Failed, Trial};
use meshfix::config::{Level, Options, Safety, Target, UserTransform};
use meshfix::engine::{self, Outcome, Settings, Status};
use meshfix::manifest::Kinds;
use meshfix::{patch, yaml};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("user_transforms::the_text_says_what_json_patch_says", same_as_json_patch),
        Trial::test("user_transforms::only_workloads_whose_pods_change_roll", rolling),
        Trial::test("user_transforms::names_are_taken_once_and_secrets_never", names),
    ]
}

fn transform(id: &str, target: Target, operations: Value) -> UserTransform {
    UserTransform {
        id: id.to_owned(),
        message: "it is not patched".to_owned(),
        help: String::new(),
        level: Level::Warning,
        safety: Safety::Safe,
        consequence: String::new(),
        target,
        patch: serde_json::from_value(operations).expect("a patch"),
    }
}

fn run(text: &str, options: &Options) -> Outcome {
    let rules = patch::transforms(options).expect("rules");
    let settings = Settings { unsafe_fixes: true, ..Settings::new(rules, options) };
    let file = Kinds::of(options).read("thing.yaml".to_owned(), text.into(), None);
    engine::run(file.into_iter().collect(), &settings)
}

fn names() -> Result<(), Failed> {
    let problem = |transforms: Vec<UserTransform>| {
        let options = Options { transforms, ..Options::default() };
        patch::transforms(&options).err().unwrap_or_default()
    };
    let one =
        |id: &str, kind: &str| transform(id, Target { kind: Some(kind.to_owned()), ..Target::default() }, json!([]));
    assert_eq!(problem(vec![one("a", "Role"), one("b", "Role")]), "");
    assert!(problem(vec![one("a", "Role"), one("a", "Pod")]).contains("`a`: there is a rule of this name already"));
    assert!(problem(vec![one("host-network", "Pod")]).contains("of this name already"));
    assert!(problem(vec![one("none", "Pod")]).contains("of this name already"));
    assert!(problem(vec![one("a", "Secret")]).contains("never read or edited"));
    Ok(())
}

fn rolling() -> Result<(), Failed> {
    let text = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: web}}
    spec: {containers: []}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, labels: {app: web}}
spec:
  template:
    metadata: {labels: {app: web}}
";
    for (path, most) in [("/metadata/labels/a", 0), ("/spec/replicas", 0), ("/spec/template/metadata/labels/a", 1)] {
        let operations = json!([{"op": "add", "path": path, "value": "2"}]);
        let options =
            Options { transforms: vec![transform("own", Target::default(), operations)], ..Options::default() };
        let outcome = run(text, &options);
        assert_eq!(outcome.findings.len(), 2);
        assert_eq!(outcome.rolling(), most, "{path}");
    }
    Ok(())
}

/// Small values with keys that patches know.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        "[ab]{1,2}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 0..3).prop_map(|entries| entries.into_iter().collect()),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[ab]", inner), 1..3).prop_map(|items| {
                items.into_iter().map(|(name, value)| json!({"name": name, "x": value})).collect()
            }),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[xwz]", 1 => Just("x/y".to_owned()), 1 => Just("~".to_owned()), 1 => Just("0".to_owned())]
}

/// An operation that is still to find its places.
type Draft = (u8, Vec<u8>, Vec<u8>, Value);

fn draft() -> impl Strategy<Value = Draft> {
    let steps = || prop::collection::vec(any::<u8>(), 1..4);
    (0..7u8, steps(), steps(), value())
}

/// Makes a patch of drafts, each with places that the value before it has, or nearly has.
fn operations(drafts: Vec<Draft>, before: &Value) -> Vec<Value> {
    let mut now = before.clone();
    let mut operations = Vec::new();
    for (kind, steps, from, value) in drafts {
        let (path, from) = (place(&now, &steps), place(&now, &from));
        let is = now.pointer(&path).cloned().unwrap_or(value.clone());
        let operation = match kind {
            0 => json!({"op": "test", "path": path, "value": if steps[0] % 4 == 0 { value } else { is }}),
            1 | 2 => json!({"op": "add", "path": path, "value": value}),
            3 => json!({"op": "remove", "path": path}),
            4 => json!({"op": "replace", "path": path, "value": value}),
            5 => json!({"op": "move", "from": from, "path": path}),
            _ => json!({"op": "copy", "from": from, "path": path}),
        };
        let one: PatchOperation = serde_json::from_value(operation.clone()).expect("an operation");
        // One that does not apply is of use now and then only.
        if json_patch::patch(&mut now, &[one]).is_ok() || steps[0] % 16 == 0 {
            operations.push(operation);
        }
    }
    operations
}

/// Walks down below `/spec`; a step may leave what is there.
fn place(value: &Value, steps: &[u8]) -> String {
    let mut path = "/spec".to_owned();
    for step in steps {
        let part = match value.pointer(&path) {
            Some(Value::Object(map)) => {
                let keys = map.keys().map(|key| key.replace('~', "~0").replace('/', "~1"));
                keys.chain(["new".to_owned()]).nth(usize::from(*step) % (map.len() + 1)).unwrap_or_default()
            }
            Some(Value::Array(items)) => match usize::from(*step) % (items.len() + 2) {
                end if end > items.len() => "-".to_owned(),
                index => index.to_string(),
            },
            _ if step % 8 == 0 => "below".to_owned(),
            _ => break,
        };
        path = format!("{path}/{part}");
    }
    path
}

fn thing(spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec})
}

fn same_as_json_patch() -> Result<(), Failed> {
    let config = Config { cases: 10_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let cases = (value(), prop::collection::vec(draft(), 1..5), any::<bool>(), 0..4u8);
    let (applied, refused) = (Cell::new(0), Cell::new(0));
    runner
        .run(&cases, |(spec, drafts, as_json, once)| {
            let spec = thing(&spec);
            let mut operations = operations(drafts, &spec);
            if once > 0 {
                operations.insert(0, json!({"op": "test", "path": "/spec", "value": spec["spec"]}));
            }
            let text =
                if as_json { serde_json::to_string_pretty(&spec).ok() } else { serde_yaml::to_string(&spec).ok() };
            let text = text.expect("a text");
            let outcome = check(&text, Value::Array(operations)).map_err(TestCaseError::fail)?;
            let count = |is: fn(&Status) -> bool| outcome.findings.iter().filter(|found| is(&found.status)).count();
            applied.set(applied.get() + count(|status| *status == Status::Applied));
            refused.set(refused.get() + count(|status| matches!(status, Status::Refused(_))));
            Ok(())
        })
        .map_err(|error| error.to_string())?;
    let (applied, refused) = (applied.get(), refused.get());
    if applied > 3_000 && refused > 1_000 {
        return Ok(());
    }
    Err(format!("the cases say too little: {applied} applied, {refused} refused").into())
}

fn value_of(text: &str) -> Result<Value, String> {
    let document = yaml::parse_text(text).map_err(|error| error.to_string())?.ok_or("an empty text")?;
    yaml::value(&document).map_err(|error| error.to_string())
}

fn check(text: &str, operations: Value) -> Result<Outcome, String> {
    let before = value_of(text)?;
    let options =
        Options { transforms: vec![transform("own", Target::default(), operations.clone())], ..Options::default() };
    let outcome = run(text, &options);
    let after = outcome.changed.first().map_or_else(|| text.to_owned(), |changed| changed.after.to_string());
    let told = |what: &str| format!("{what}\n{operations}\n{text}\nbecomes\n{after}\n{:#?}", outcome.findings);
    if !outcome.internal.is_empty() {
        return Err(told("a change failed its proof"));
    }
    let patch = &options.transforms[0].patch;
    let mut expected = before.clone();
    let applies = json_patch::patch_unsafe(&mut expected, patch).is_ok();
    if !outcome.changed.is_empty() {
        // A test for null may hold here and not there; tests change nothing.
        let changes: Vec<_> =
            patch.iter().filter(|operation| !matches!(operation, PatchOperation::Test(_))).cloned().collect();
        let mut expected = before;
        json_patch::patch_unsafe(&mut expected, &changes).map_err(|error| told(&error.to_string()))?;
        if value_of(&after)? != expected {
            return Err(told("the text says something else than json_patch"));
        }
        if !run(&after, &options).findings.is_empty() {
            return Err(told("the second run still finds something"));
        }
    } else if applies && expected != before && outcome.open().count() != 1 {
        return Err(told("nothing changes, and no reason is given"));
    }
    Ok(outcome)
}
