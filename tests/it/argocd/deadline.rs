//! Programs that do not end: a short error before Argo CD's own deadline, and nothing that outlives us.

use std::time::Duration;

use super::host::{Answer, App, Ending, runs};
use super::trial;
use libtest_mimic::Trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("a_program_that_hangs_is_ended_with_all_that_it_started", hanging),
        trial("a_program_that_leaves_others_behind_does_not_keep_us", left_behind),
        trial("argo_cd_ends_the_program_with_us", killed),
        trial("a_signal_ends_us_and_the_program_at_once", signalled),
        trial("much_output_on_both_sides_does_not_hang", much),
    ]
}

const CHART: &[(&str, &str)] = &[("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n")];

/// Starts another one, and ends with neither of the usual signals.
const HANGING: &str =
    "trap '' TERM INT HUP\nsleep 300 &\necho $$ $! >\"$LOG\"\necho 'kind: Namespace'\nwhile :; do sleep 300; done";

#[track_caller]
fn nothing_runs(app: &App) {
    let ids = app.logged();
    assert_eq!(ids.split_whitespace().count(), 2, "it was started: {ids}");
    // Their end is asked for, and comes when the system gets to it.
    for _ in 0..100 {
        if !ids.split_whitespace().any(runs) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("still running: {ids}");
}

fn hanging() {
    for (word, name, called) in [("generate", "helm", "helm template"), ("init", "helm", "helm dependency update")] {
        let files = [(
            "Chart.yaml",
            "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b, version: 1.0.0, repository: \"https://charts.example\"}]\n",
        )];
        let app = App::at(".", &files).program(name, HANGING).with("ARGOCD_EXEC_TIMEOUT", "2s");
        let answer = app.call(word);
        let error = answer.error(2);
        assert!(error.starts_with(&format!("error: `{called}` was not done after 1.8 s and was ended; ")), "{error}");
        assert!(error.contains("ARGOCD_EXEC_TIMEOUT"), "{error}");
        assert!(
            answer.took > Duration::from_millis(1800) && answer.took < Duration::from_secs(15),
            "{:?}",
            answer.took
        );
        nothing_runs(&app);
        assert!(app.left_behind().is_empty());
    }
    let app =
        App::at(".", &[("kustomization.yaml", "")]).program("kustomize", HANGING).with("ARGOCD_EXEC_TIMEOUT", "2s");
    assert!(app.call("generate").error(2).contains("`kustomize build` was not done after 1.8 s"));
    nothing_runs(&app);
}

/// A program that has ended is done, whatever it left behind.
fn left_behind() {
    for sleep in ["sleep 300", "setsid sleep 300", "setsid setsid sh -c 'sleep 300; true'"] {
        let script = format!("{sleep} &\necho $$ $! >\"$LOG\"\necho 'kind: Namespace'");
        let app = App::at(".", CHART).program("helm", &script);
        let answer = app.call("generate");
        answer.manifests();
        assert!(answer.took < Duration::from_secs(20), "{:?}", answer.took);
        nothing_runs(&app);
    }
}

/// Argo CD gives the plugin no time at its deadline. What it runs is of its group, which Argo CD ends too.
fn killed() {
    let mut app = App::at(".", CHART).program("helm", HANGING);
    app.timeout = Duration::from_secs(3);
    let answer = app.call("generate");
    assert_eq!((answer.code, answer.signal, answer.out.as_str()), (None, Some(9), ""));
    nothing_runs(&app);
}

fn signalled() {
    // In a session of its own, no signal to a group reaches it.
    let apart = HANGING.replace("sleep 300 &", "setsid sleep 300 &");
    for (script, ending, number) in [(HANGING, Ending::Term, 15), (&apart, Ending::Term, 15), (&apart, Ending::Quit, 3)]
    {
        let mut app = App::at(".", CHART).program("helm", script);
        app.timeout = Duration::from_secs(3);
        app.ending = ending;
        let Answer { code, signal, out, took, .. } = app.call("generate");
        assert_eq!((code, signal, out.as_str()), (None, Some(number), ""));
        assert!(took < Duration::from_millis(6500), "{took:?}");
        nothing_runs(&app);
        assert!(app.left_behind().is_empty(), "{:?}", app.left_behind());
    }
}

fn much() {
    let script = "i=0\nwhile [ $i -lt 20000 ]; do echo \"# a line of the chart $i\"; echo \"warning $i of many\" >&2; i=$((i + 1)); done\necho 'kind: Namespace'";
    let answer = App::at(".", CHART).program("helm", script).call("generate");
    assert_eq!(answer.manifests().len(), 1);
    assert_eq!((answer.out.lines().count(), answer.err.contains("of many")), (20001, false));
}
