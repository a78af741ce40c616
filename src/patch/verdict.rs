//! What a JSON Patch says of a value: nothing to do, a new value, or that it does not apply.

use json_patch::jsonptr::Pointer;
use json_patch::{PatchErrorKind, PatchOperation, TestOperation};
use serde_json::Value;

/// What a patch says of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// A `test` does not hold, or the value is as the patch would leave it.
    Complies,
    /// The value becomes this one.
    Becomes(Value),
    /// An operation needs something that is not there.
    Stops {
        /// Which operation, what it needs.
        reason: String,
        /// The place that it needs.
        path: Vec<String>,
    },
}

/// Applies the patch as RFC 6902 has it, operation by operation; `json_patch` is the judge.
pub(super) fn verdict(patch: &[PatchOperation], value: &Value) -> Verdict {
    let mut after = value.clone();
    for (i, operation) in patch.iter().enumerate() {
        match (apply(operation, &mut after), operation) {
            (Ok(()), _) => {}
            (Err(_), PatchOperation::Test(_)) => return Verdict::Complies,
            (Err(_), _) if is_done(patch, value) => return Verdict::Complies,
            (Err(kind), _) => return stop(i, operation, &kind, &after),
        }
    }
    if after == *value { Verdict::Complies } else { Verdict::Becomes(after) }
}

/// A `test` for null also holds where a mapping has no such key, as kubectl and kustomize have it: RFC 6902 has no
/// other way to ask for what is not there.
fn apply(operation: &PatchOperation, value: &mut Value) -> Result<(), PatchErrorKind> {
    if let PatchOperation::Test(TestOperation { path, value: Value::Null }) = operation
        && let Some((parent, key)) = path.split_back()
        && let Some(Value::Object(map)) = value.pointer(parent.as_str())
        && !map.contains_key(key.decoded().as_ref())
    {
        return Ok(());
    }
    json_patch::patch_unsafe(value, std::slice::from_ref(operation)).map_err(|error| error.kind)
}

/// Why the patch would not leave its own result alone, if so.
pub(super) fn unsettled(patch: &[PatchOperation], after: &Value) -> Option<String> {
    let what = match verdict(patch, after) {
        Verdict::Complies => return None,
        Verdict::Becomes(_) => "the patch would change its own result again".to_owned(),
        Verdict::Stops { reason, .. } => format!("the patch would not apply to its own result: {reason}"),
    };
    Some(format!("{what}; add a `test`, so that it applies once"))
}

/// True when all that the patch takes away is away, and the rest of it changes nothing.
fn is_done(patch: &[PatchOperation], value: &Value) -> bool {
    let mut after = value.clone();
    for operation in patch {
        let gone = match operation {
            PatchOperation::Remove(remove) => Some(&remove.path),
            PatchOperation::Move(moved) => Some(&moved.from),
            _ => None,
        };
        if gone.is_some_and(|path| after.pointer(path.as_str()).is_none()) {
            continue;
        }
        if apply(operation, &mut after).is_err() {
            return matches!(operation, PatchOperation::Test(_));
        }
    }
    after == *value
}

fn stop(index: usize, operation: &PatchOperation, kind: &PatchErrorKind, value: &Value) -> Verdict {
    let pointer = match (kind, operation) {
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Move(moved)) => &moved.from,
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Copy(copied)) => &copied.from,
        (_, operation) => operation.path(),
    };
    let needs = match kind {
        PatchErrorKind::CannotMoveInsideItself => "a value can't be moved into itself".to_owned(),
        _ => missing(pointer, value),
    };
    let reason = format!("operation {} ({}) stops: {needs}", index + 1, title(operation));
    Verdict::Stops { reason, path: parts(pointer) }
}

/// Says how far a pointer leads.
fn missing(pointer: &Pointer, value: &Value) -> String {
    let mut at = value;
    let mut path = String::new();
    for token in pointer.tokens() {
        let shown = if path.is_empty() { "the resource".to_owned() } else { format!("`{path}`") };
        path = format!("{path}/{}", token.encoded());
        at = match at {
            Value::Object(map) => match map.get(token.decoded().as_ref()) {
                Some(next) => next,
                None => break,
            },
            Value::Array(items) => match token.decoded().parse::<usize>().ok().and_then(|index| items.get(index)) {
                Some(next) => next,
                None => break,
            },
            Value::Null => return format!("{shown} is empty"),
            _ => return format!("{shown} holds nothing else"),
        };
    }
    format!("`{path}` is not there")
}

/// An operation as people say it.
pub(super) fn title(operation: &PatchOperation) -> String {
    let path = operation.path();
    match operation {
        PatchOperation::Add(_) => format!("add `{path}`"),
        PatchOperation::Remove(_) => format!("remove `{path}`"),
        PatchOperation::Replace(_) => format!("replace `{path}`"),
        PatchOperation::Move(moved) => format!("move `{}` to `{path}`", moved.from),
        PatchOperation::Copy(copied) => format!("copy `{}` to `{path}`", copied.from),
        PatchOperation::Test(_) => format!("test `{path}`"),
    }
}

/// The parts of a pointer, without escapes.
pub(super) fn parts(pointer: &Pointer) -> Vec<String> {
    pointer.tokens().map(|token| token.decoded().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(operations: Value, value: &Value) -> Verdict {
        let patch: json_patch::Patch = serde_json::from_value(operations).expect("a patch");
        verdict(&patch, value)
    }

    fn reason(operations: Value, value: &Value) -> String {
        match of(operations, value) {
            Verdict::Stops { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_test_is_a_condition_wherever_it_stands() {
        let value = json!({"a": 1, "list": ["x"]});
        let push = json!([{"op": "test", "path": "/a", "value": 2}, {"op": "add", "path": "/list/-", "value": "y"}]);
        assert_eq!(of(push, &value), Verdict::Complies);
        let late = json!([{"op": "replace", "path": "/a", "value": 2}, {"op": "test", "path": "/a", "value": 1}]);
        assert_eq!(of(late, &value), Verdict::Complies);
        let absent = json!([{"op": "test", "path": "/b", "value": 2}, {"op": "remove", "path": "/a"}]);
        assert_eq!(of(absent, &value), Verdict::Complies);
        let holds = json!([{"op": "test", "path": "/a", "value": 1}, {"op": "replace", "path": "/a", "value": 3}]);
        assert_eq!(of(holds, &value), Verdict::Becomes(json!({"a": 3, "list": ["x"]})));
    }

    #[test]
    fn a_test_for_null_asks_for_what_is_not_there() {
        let fresh = json!([{"op": "test", "path": "/a/b", "value": null}, {"op": "add", "path": "/a/b", "value": {}}]);
        assert_eq!(of(fresh.clone(), &json!({"a": {}})), Verdict::Becomes(json!({"a": {"b": {}}})));
        assert_eq!(of(fresh.clone(), &json!({"a": {"b": null}})), Verdict::Becomes(json!({"a": {"b": {}}})));
        for other in [json!({"a": {"b": {"c": 1}}}), json!({"a": []}), json!({})] {
            assert_eq!(of(fresh.clone(), &other), Verdict::Complies);
        }
    }

    #[test]
    fn what_is_to_go_and_is_not_there_complies() {
        let value = json!({"a": 1});
        assert_eq!(of(json!([{"op": "remove", "path": "/b"}]), &value), Verdict::Complies);
        assert_eq!(of(json!([{"op": "move", "from": "/b", "path": "/a"}]), &value), Verdict::Complies);
        let both = json!([{"op": "replace", "path": "/a", "value": 2}, {"op": "remove", "path": "/b"}]);
        assert_eq!(reason(both, &value), "operation 2 (remove `/b`) stops: `/b` is not there");
    }

    #[test]
    fn it_says_what_an_operation_needs() {
        let value = json!({"a": {"b/c": 1, "null": null}, "list": ["x"]});
        let add = |path: &str| json!([{"op": "add", "path": path, "value": 1}]);
        assert_eq!(reason(add("/a/x/y"), &value), "operation 1 (add `/a/x/y`) stops: `/a/x` is not there");
        assert_eq!(
            reason(add("/a/b~1c/y"), &value),
            "operation 1 (add `/a/b~1c/y`) stops: `/a/b~1c` holds nothing else"
        );
        assert_eq!(reason(add("/a/null/y"), &value), "operation 1 (add `/a/null/y`) stops: `/a/null` is empty");
        assert_eq!(reason(add("/list/5"), &value), "operation 1 (add `/list/5`) stops: `/list/5` is not there");
        let copy = json!([{"op": "copy", "from": "/x", "path": "/y"}]);
        assert_eq!(reason(copy, &value), "operation 1 (copy `/x` to `/y`) stops: `/x` is not there");
        let inside = json!([{"op": "move", "from": "/a", "path": "/a/b"}]);
        assert!(reason(inside, &value).ends_with("stops: a value can't be moved into itself"));
    }

    #[test]
    fn a_patch_must_leave_its_own_result_alone() {
        let unsettled = |operations: Value, value: Value| {
            let patch: json_patch::Patch = serde_json::from_value(operations).expect("a patch");
            match verdict(&patch, &value) {
                Verdict::Becomes(after) => unsettled(&patch, &after),
                other => panic!("{other:?}"),
            }
        };
        let push = json!([{"op": "add", "path": "/list/-", "value": "y"}]);
        let reason = unsettled(push, json!({"list": []})).expect("it grows each time");
        assert!(reason.ends_with("add a `test`, so that it applies once"), "{reason}");
        assert_eq!(unsettled(json!([{"op": "remove", "path": "/a"}]), json!({"a": 1})), None);
        assert_eq!(unsettled(json!([{"op": "move", "from": "/a", "path": "/b"}]), json!({"a": 1})), None);
        assert_eq!(unsettled(json!([{"op": "add", "path": "/a", "value": 2}]), json!({"a": 1})), None);
        let own_test = json!([{"op": "replace", "path": "/a/b", "value": 2}, {"op": "remove", "path": "/a"}]);
        assert!(unsettled(own_test, json!({"a": {"b": 1}, "c": 1})).expect("it stops").contains("operation 1"));
    }
}
