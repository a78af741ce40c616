//! JSON Patches that know what they rely on: a `test` in front of each operation, so that a resource that is not as it
//! was read is refused instead of damaged.

use json_patch::PatchOperation;
use serde_json::{Value, json};

use super::Form;
use super::patched::Patched;

/// What tells the items of a list apart, the best first (Kubernetes API reference).
const NAMES: [&str; 8] = ["name", "mountPath", "devicePath", "containerPort", "port", "ip", "key", "topologyKey"];

/// Fields that the API server fills in: that they are absent in a file does not say that they are in a cluster.
const DEFAULTED: [&str; 10] = [
    "dnsPolicy",
    "imagePullPolicy",
    "protocol",
    "resources",
    "restartPolicy",
    "sessionAffinity",
    "strategy",
    "targetPort",
    "terminationGracePeriodSeconds",
    "type",
];

/// The operations of a resource with their tests, as the items of a JSON Patch. A test for `null` says that nothing is
/// there: that is how kubectl, the API server and kustomize take it.
pub(super) fn pinned(patched: &Patched, form: Form) -> Vec<Value> {
    let mut state = patched.before.clone();
    let mut patch: Vec<Value> = Vec::new();
    let mut written: Vec<String> = Vec::new();
    for operation in &patched.operations {
        for (path, value) in pins(&state, operation) {
            let is_own = written.iter().any(|own| is_within(&path, own));
            if form == Form::KustomizePatch && patched.readings.words.contains(&path) {
                continue;
            }
            let test = json!({"op": "test", "path": path, "value": value});
            if !is_own && !patch.contains(&test) {
                patch.push(test);
            }
        }
        let path = operation.path().to_string();
        // Behind an item that comes or goes the others move; each is told by its own name again.
        if !path.rsplit('/').next().is_some_and(is_index) {
            written.push(path);
        }
        patch.extend(serde_json::to_value(operation));
        if json_patch::patch(&mut state, std::slice::from_ref(operation)).is_err() {
            break;
        }
    }
    patch
}

fn is_within(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_index(token: &str) -> bool {
    token == "-" || token.bytes().all(|byte| byte.is_ascii_digit())
}

/// What must hold before an operation, each as a pointer and the value there.
fn pins(state: &Value, operation: &PatchOperation) -> Vec<(String, Value)> {
    let path = operation.path().to_string();
    let mut pins = Vec::new();
    let Some((parent, last)) = path.rsplit_once('/') else { return pins };
    // The items that the path leads through.
    let mut here = String::new();
    for token in parent.split('/').skip(1) {
        let is_item = state.pointer(&here).is_some_and(Value::is_array);
        here = format!("{here}/{token}");
        if let Some(item) = state.pointer(&here).filter(|_| is_item) {
            identity(item, &here, &path, &mut pins);
        }
    }
    let old = state.pointer(&path);
    let is_insertion =
        matches!(operation, PatchOperation::Add(_)) && state.pointer(parent).is_some_and(Value::is_array);
    if is_insertion {
        // An item between others: the place is told by both of them.
        let index: Option<usize> = last.parse().ok();
        let before = index.and_then(|index| index.checked_sub(1));
        for neighbour in [before, index].into_iter().flatten() {
            let at = format!("{parent}/{neighbour}");
            if let Some(item) = state.pointer(&at) {
                identity(item, &at, &path, &mut pins);
            }
        }
    } else if let Some(old) = old {
        leaves(old, &path, &path, &mut pins);
    } else if !DEFAULTED.contains(&last) && !path.ends_with("/spec/securityContext") {
        pins.push((path, Value::Null));
    }
    pins
}

/// What tells an item from the others of its list.
fn identity(item: &Value, at: &str, target: &str, pins: &mut Vec<(String, Value)>) {
    let named = NAMES.iter().find_map(|key| Some((*key, item.get(*key).filter(|value| is_scalar(value))?)));
    match named {
        Some((key, value)) => pins.push((format!("{at}/{key}"), value.clone())),
        None => {
            let mut own = Vec::new();
            leaves(item, at, target, &mut own);
            // What is to change is pinned by itself.
            pins.extend(own.into_iter().filter(|(path, _)| !is_within(path, target)));
        }
    }
}

/// The scalars of a value. A list of scalars is one; the API server adds nothing to it, as it does to objects.
fn leaves(value: &Value, at: &str, target: &str, pins: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), target, pins);
            }
        }
        // A part of it is to change, so the whole would be pinned twice.
        Value::Array(items)
            if !items.is_empty() && (!items.iter().all(is_scalar) || target.starts_with(&format!("{at}/"))) =>
        {
            for (i, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{i}"), target, pins);
            }
        }
        Value::Null => {}
        value => pins.push((at.to_owned(), value.clone())),
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_))
}
