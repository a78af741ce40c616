//! A stream on standard input: the whole answer, or none.

use libtest_mimic::Trial;

use super::manifests::{BANK, CLEAN, SAFE, host, left_over};
use super::support::{World, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("stream_is_fixed_and_0_with_findings_left", fixed_with_findings),
        trial("stream_without_a_fix_comes_out_as_it_went_in", unchanged),
        trial("stream_empty_is_2_and_names_the_command_for_files", empty),
        trial("stream_without_any_argument_is_a_filter", no_argument),
        trial("stream_keeps_a_broken_document_byte_for_byte", broken_document),
        trial("stream_select_none_is_the_identity", identity),
        trial("stream_keeps_crlf_bom_and_a_missing_final_newline", endings),
        trial("stream_that_is_not_utf8_is_2", not_utf8),
        trial("stream_and_write_exclude_each_other", with_write),
        trial("stream_equals_write_on_the_same_text", equals_write),
        trial("stream_takes_the_version_from_the_release_and_a_file_does_not", release),
    ]
}

fn fixed_with_findings() {
    let world = World::new();
    let ran = world.stream(&["-"], BANK).with(0).says("<stdin>:24:16  host-network").says("2 more fixes need --unsafe");
    let fixed = BANK.replace("ClusterFirstWithHostNet", "ClusterFirst").replace("value: 5", "value: \"5\"");
    assert_eq!(ran.out(), fixed);
    world.stream(&["-q", "-"], BANK).with(0).prints("ClusterFirst #").err.is_empty().then_some(()).expect("quiet");
    // Helm and kpt throw the answer away on anything but 0, so what is left decides only for those who said so.
    world.stream(&["-"], host("van")).with(0).prints("hostNetwork: true");
    world.stream(&["--fail-on", "info", "-"], host("van")).with(1).prints("hostNetwork: true");
    world.stream(&["--fail-on", "info", "--exit-zero", "-"], host("van")).with(0);
    let all = world.stream(&["--unsafe", "-"], BANK).with(0).out();
    assert!(!all.contains("hostNetwork") && !all.contains("1337"), "{all}");
    assert_eq!(world.stream(&["--unsafe", "-"], &all).with(0).out(), all);
}

fn unchanged() {
    let world = World::new();
    for text in [CLEAN, "# nothing\n", "a: 1\n", "---\n---\n", "not a manifest", "[1, 2]"] {
        assert_eq!(world.stream(&["-"], text).with(0).out(), text);
    }
}

fn empty() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for input in ["", "\n", " \t\r\n\n", "\u{feff}"] {
        for args in [&["-"][..], &[], &["--select", "none", "-"], &["--format", "json", "-"]] {
            let ran = world.stream(args, input).with(2).says("run `meshfix .`");
            assert!(ran.bytes.is_empty(), "{}", ran.out());
        }
    }
    assert_eq!(world.read("bank.yaml"), BANK);
}

/// What is rendered anew for each release can't go stale.
fn release() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: tram}\nspec: {selector: {app: tram}, ports: [{name: http, port: 80}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: tram}\nspec:\n  selector: {matchLabels: {app: tram}}\n  template:\n    metadata: {labels: {app: tram, app.kubernetes.io/version: \"1.2\"}}\n    spec: {containers: [{name: tram, image: city/tram:1.2}]}\n";
    let world = World::with(&[("tram.yaml", text)]);
    let select = ["--select", "version-label"];
    world.stream(&[&select[..], &["-"]].concat(), text).with(0).prints("\"1.2\", version: \"1.2\"}");
    world.run(&[&select[..], &["tram.yaml"]].concat()).with(1).prints("\"1.2\", version: v1}");
}

fn no_argument() {
    let world = World::with(&[("bank.yaml", BANK)]);
    let ran = world.stream(&[], SAFE).with(0);
    assert_eq!(ran.bytes, world.stream(&["-"], SAFE).with(0).bytes);
    assert_eq!(world.read("bank.yaml"), BANK);
    // With a flag it is about the files here, unless somebody sends something.
    world.run(&["--check"]).with(1).prints("bank.yaml");
    world.stream(&["--check"], SAFE).with(2).says("no PATH says what to read").nothing();
}

fn broken_document() {
    let world = World::new();
    let broken = "---\nkind: Pod\n\tspec: {\n\"\n  x: [\n";
    let template = "---\nkind: Deployment\nspec:\n  replicas: {{ .Values.replicas }}\n  {{- with .Values.pod }}\n";
    let input = format!("{}{broken}{template}---\n{SAFE}", left_over("till"));
    let ran = world.stream(&["-"], &input).with(0);
    let fixed = input
        .replace("'ClusterFirstWithHostNet'", "'ClusterFirst'")
        .replace("ClusterFirstWithHostNet", "ClusterFirst")
        .replace("value: 5", "value: \"5\"");
    assert_eq!(ran.out(), fixed);
    ran.says("skipped <stdin>:1").says("not valid YAML").says("template text");
}

fn identity() {
    let world = World::new();
    let broken = format!("{BANK}---\nkind: Pod\n  bad: [\n");
    for text in
        [BANK, CLEAN, &broken, "\u{feff}a: 1\r\n\r\n", "x", "{{ template }}", "\n\n# only a comment", "a\rb\u{85}"]
    {
        let ran = world.stream(&["--select", "none", "--unsafe", "-"], text).with(0);
        assert_eq!(ran.bytes, text.as_bytes());
    }
}

fn endings() {
    let world = World::new();
    let fix = |text: &str| world.stream(&["--unsafe", "-"], text).with(0).out();
    let plain = fix(BANK);
    assert_eq!(fix(&BANK.replace('\n', "\r\n")), plain.replace('\n', "\r\n"));
    assert_eq!(fix(&format!("\u{feff}{BANK}")), format!("\u{feff}{plain}"));
    assert_eq!(fix(BANK.trim_end()), plain.trim_end());
    let all = format!("\u{feff}{}", BANK.trim_end().replace('\n', "\r\n"));
    assert_eq!(fix(&all), format!("\u{feff}{}", plain.trim_end().replace('\n', "\r\n")));
}

fn not_utf8() {
    let world = World::new();
    let utf16: Vec<u8> = BANK.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = BANK.replace("What", "Wh\u{1}t").bytes().map(|b| if b == 1 { 0xe4 } else { b }).collect();
    for input in [[&[0xff, 0xfe][..], &utf16].concat(), latin] {
        let ran = world.stream(&["-"], input).with(2).says("not UTF-8");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
}

fn with_write() {
    let world = World::with(&[("bank.yaml", BANK)]);
    for args in [&["--write", "-"][..], &["-", "bank.yaml"], &["bank.yaml", "-"], &["-", "--write", "bank.yaml"]] {
        let ran = world.stream(args, SAFE).with(2).says("`-`");
        assert!(ran.bytes.is_empty(), "{}", ran.out());
    }
    assert_eq!(world.read("bank.yaml"), BANK);
}

fn equals_write() {
    for text in [BANK, SAFE, CLEAN] {
        let world = World::with(&[("a.yaml", text)]);
        let fixed = world.stream(&["--unsafe", "-"], text).with(0).out();
        world.run(&["--unsafe", "--write", "a.yaml"]);
        assert_eq!(world.read("a.yaml"), fixed);
    }
}
