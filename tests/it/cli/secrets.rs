//! A Secret's values appear in no output of any kind.

use libtest_mimic::Trial;

use super::manifests::{SAFE, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("secret_beside_a_change_shows_nowhere", beside),
        trial("secret_item_of_a_list_shows_nowhere", list_item),
        trial("secret_on_the_line_of_a_change_refuses_it", minified),
        trial("secret_on_the_line_after_a_change_shows_nowhere", next_line),
        trial("secret_list_beside_a_change_shows_nowhere", secret_list),
        trial("secret_behind_its_document_marker_shows_nowhere", marker_line),
        trial("secret_that_cannot_be_read_shows_nowhere", broken_secret),
        trial("secret_of_one_line_between_two_changes_shows_nowhere", between),
        trial("secret_files_are_never_edited", never_edited),
    ]
}

const DATA: &str = "Q0FOQVJZLWRhdGE";
const TEXT: &str = "CANARY-string-data";

fn secret() -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: till}}\ndata:\n  key: {DATA}\nstringData:\n  word: {TEXT}\n"
    )
}

/// A pod whose change is its last line.
fn ends_with_change(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers: []\n  dnsPolicy: ClusterFirstWithHostNet\n"
    )
}

/// A pod whose change is its first line.
fn starts_with_change(name: &str) -> String {
    format!(
        "spec: {{dnsPolicy: ClusterFirstWithHostNet, containers: []}}\nkind: Pod\napiVersion: v1\nmetadata: {{name: {name}}}\n"
    )
}

/// Every output of every mode, without the canaries; the diff still applies.
#[track_caller]
fn hidden(name: &str, text: &str) -> World {
    let world = World::with(&[(name, text), ("other.yaml", SAFE)]);
    for mode in [
        &["."][..],
        &["--unsafe", "-v", "."],
        &["--check", "-v", "."],
        &["--format", "json", "."],
        &["--unsafe", "--format", "json", "."],
        &["--unsafe", "--format", "sarif", "."],
        &["--unsafe", "--format", "github", "."],
        &["--unsafe", "--format", "gitlab", "."],
        &["--unsafe", "--format", "junit", "."],
        &["--unsafe", "--format", "rdjson", "."],
        &["--unsafe", "--format", "markdown", "."],
        &["--color", "always", "."],
        &["--color", "always", "--check", "."],
    ] {
        let ran = world.run(mode);
        let all = ran.out() + &ran.err;
        assert!(!all.contains(DATA) && !all.contains(TEXT), "{mode:?} shows a secret of {name}:\n{all}");
    }
    let twin = world.twin();
    let ran = twin.run(&["--write", "--unsafe", "-v", "."]);
    let all = ran.out() + &ran.err;
    assert!(!all.contains(DATA) && !all.contains(TEXT), "--write shows a secret of {name}:\n{all}");
    let ran = world.stream(&["-v", "-"], text).with(0);
    assert!(
        !ran.err.contains(DATA) && !ran.err.contains(TEXT),
        "the stream's notes show a secret of {name}:\n{}",
        ran.err
    );
    super::law::law(&world, &["."]);
    super::law::law(&world, &["--unsafe", "."]);
    twin
}

fn beside() {
    let secret = secret();
    for text in [
        format!("{}---\n{secret}---\n{}", ends_with_change("a"), starts_with_change("b")),
        format!("{secret}---\n{}", starts_with_change("a")),
        format!("---\n{}---\n{secret}", ends_with_change("a")),
        format!("{}---\n---\n{secret}...\n---\n{}", ends_with_change("a"), starts_with_change("b")),
        format!("{}--- # the till's\n{secret}", ends_with_change("a")),
        format!("{}---\n{secret}---\n{}", ends_with_change("a"), starts_with_change("b")).replace('\n', "\r\n"),
    ] {
        let written = hidden("shop.yaml", &text);
        assert!(!written.read("shop.yaml").contains("WithHostNet"));
        assert!(written.read("shop.yaml").contains(TEXT));
    }
}

fn list_item() {
    let secret = secret().replace('\n', "\n    ");
    let item = |text: String| format!("  - {}\n", text.trim_end().replace('\n', "\n    "));
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n{}  - {}\n{}",
        item(ends_with_change("a")),
        secret.trim_end(),
        item(starts_with_change("b"))
    );
    let written = hidden("list.yaml", &text);
    assert!(!written.read("list.yaml").contains("WithHostNet"), "{}", written.read("list.yaml"));
    let json = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n  {{\"kind\": \"Secret\", \"apiVersion\": \"v1\",\n   \"data\": {{\n     \"key\": \"{DATA}\"\n   }} }},\n  {{\"kind\": \"Pod\", \"apiVersion\": \"v1\",\n   \"spec\": {{\"dnsPolicy\": \"ClusterFirstWithHostNet\", \"containers\": []}}}}\n]}}\n"
    );
    let written = hidden("list.json", &json);
    assert!(!written.read("list.json").contains("WithHostNet"));
}

fn minified() {
    let json = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"a\"}},\"spec\":{{\"dnsPolicy\":\"ClusterFirstWithHostNet\",\"hostNetwork\":false,\"containers\":[]}}}},{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"t\"}},\"stringData\":{{\"w\":\"{TEXT}\"}},\"data\":{{\"k\":\"{DATA}\"}}}}]}}\n"
    );
    let written = hidden("mini.json", &json);
    assert_eq!(written.read("mini.json"), json);
    let world = World::with(&[("mini.json", &json)]);
    world.run(&["."]).with(1).says("mini.json:1:").says("not fixed: a Secret stands on the same line");
    let ran = world.stream(&["-"], &json).with(0).says("a Secret stands on the same line");
    assert_eq!(ran.out(), json);
}

fn next_line() {
    // `git apply` needs one line behind a change, and here that line is the Secret.
    let json = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"a\"}},\"spec\":{{\"dnsPolicy\":\"ClusterFirstWithHostNet\",\"containers\":[]}}}},\n{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{{\"w\":\"{TEXT}\"}}}}\n]}}\n"
    );
    hidden("list.json", &json);
    let flow = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{kind: Pod, apiVersion: v1, metadata: {{name: a}}, spec: {{dnsPolicy: ClusterFirstWithHostNet, containers: []}}}}\n- {{kind: Secret, apiVersion: v1, stringData: {{w: {TEXT}}}}}\n"
    );
    hidden("list.yaml", &flow);
}

fn secret_list() {
    let text = format!(
        "{}---\nitems: [{{data: {{k: {DATA}}}}}]\nkind: SecretList\napiVersion: v1\n---\n{}",
        ends_with_change("a"),
        starts_with_change("b")
    );
    hidden("list.yaml", &text);
}

fn marker_line() {
    let text = format!(
        "{}--- {{kind: Secret, apiVersion: v1, stringData: {{w: {TEXT}}}}}\n---\n{}",
        ends_with_change("a"),
        starts_with_change("b")
    );
    hidden("flow.yaml", &text);
}

fn broken_secret() {
    let text = format!(
        "{}---\n{{\"kind\": \"Secret\", \"stringData\":\n  {{\"w\": \"{TEXT}\", ]\n---\n{}",
        ends_with_change("a"),
        starts_with_change("b")
    );
    hidden("broken.yaml", &text);
    let template = format!(
        "{}---\n\"kind\": Secret\nstringData: {{w: {TEXT}}}\n{{{{ end }}}}\n---\n{}",
        ends_with_change("a"),
        starts_with_change("b")
    );
    hidden("template.yaml", &template);
}

fn between() {
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  apiVersion: v1\n  metadata: {{name: a}}\n  spec:\n    dnsPolicy: ClusterFirstWithHostNet\n    containers: []\n- kind: Secret\n  stringData: {{w: {TEXT}}}\n- spec: {{dnsPolicy: ClusterFirstWithHostNet, containers: []}}\n  kind: Pod\n  apiVersion: v1\n"
    );
    let written = hidden("list.yaml", &text);
    assert!(!written.read("list.yaml").contains("WithHostNet"), "{}", written.read("list.yaml"));
}

fn never_edited() {
    let odd = secret() + "spec:\n  hostNetwork: true\n  dnsPolicy: ClusterFirstWithHostNet\n";
    let world = World::with(&[("secret.yaml", &odd), ("a.yaml", &left_over("a"))]);
    world.run(&["--write", "--unsafe", "."]).with(0);
    assert_eq!(world.read("secret.yaml"), odd);
}
