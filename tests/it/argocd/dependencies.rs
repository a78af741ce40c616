//! The dependencies of charts: fetched where the repository lacks them, and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use libtest_mimic::Trial;

use super::host::{App, names};
use super::trial;
use crate::programs;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("init_runs_helm_only_for_charts_that_are_not_there", only_where_needed),
        trial("init_refuses_charts_outside_the_repository", outside),
        trial("init_tells_why_helm_failed", failing),
        trial("init_refuses_links_that_lead_out", links),
        trial("init_shows_no_credentials_of_repositories", credentials),
        trial("real_helm_fetches_charts_of_the_repository", real_files),
        trial("real_helm_fetches_the_very_versions_of_the_lock", real_server),
    ]
}

const HEAD: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";

fn chart(dependencies: &str) -> String {
    format!("{HEAD}dependencies:\n{dependencies}")
}

/// Writes down how it was called; a line for each call.
const LOGGED: &str = "echo \"$@\" >>\"$LOG\"";

fn only_where_needed() {
    let needs = chart("- {name: redis, version: ^1.0.0, repository: \"oci://charts.example/all\"}\n");
    let both = chart("- {name: redis, version: 1.0.0, repository: \"@team\"}\n- {name: local, version: 1.0.0}\n");
    let with = |name: &'static str| (name, "x: y\n");
    for (chart, files, called) in [
        (HEAD, vec![], ""),
        (&format!("{HEAD}dependencies: []\n"), vec![with("Chart.lock")], ""),
        (&needs, vec![], "dependency update .\n"),
        (&needs, vec![with("Chart.lock")], "dependency build .\n"),
        (&needs, vec![with("Chart.lock"), with("charts/redis-1.2.0.tgz")], ""),
        (&needs, vec![with("charts/redis/Chart.yaml")], ""),
        (&needs, vec![with("charts/redis-cluster-1.2.0.tgz")], "dependency update .\n"),
        (&needs, vec![with("charts/redis/values.yaml")], "dependency update .\n"),
        (&both, vec![with("charts/redis-v1.0.0.tgz")], "dependency update .\n"),
        (&both, vec![with("charts/redis-v1.0.0.tgz"), with("charts/local/Chart.yaml")], ""),
        // As Helm 2 had it.
        (
            HEAD,
            vec![("requirements.yaml", "dependencies: [{name: old, version: 1.0.0}]\n"), with("requirements.lock")],
            "dependency build .\n",
        ),
    ] {
        let files: Vec<(&str, &str)> = files.into_iter().chain([("Chart.yaml", chart)]).collect();
        let app = App::at(".", &files).program("helm", LOGGED);
        app.call("init").prints("");
        assert_eq!(app.logged(), called, "{files:?}");
    }
    for files in [&[("kustomization.yaml", "resources: []\n")][..], &[("a.yaml", "kind: Namespace\n")], &[]] {
        let app = App::at(".", files).program("helm", LOGGED).alone();
        app.call("init").prints("");
        assert_eq!(app.logged(), "");
    }
}

fn outside() {
    for repository in ["file://../../charts", "file:///etc", "file://../gone"] {
        let chart = chart(&format!("- {{name: a, version: 1.0.0, repository: \"{repository}\"}}\n"));
        let app = App::at("shop", &[("shop/Chart.yaml", &chart)]).program("helm", LOGGED);
        let answer = app.call("init");
        let expected = format!("error: Chart.yaml: the dependency `a` has the repository `{repository}`: ");
        assert!(answer.error(2).starts_with(&expected), "{}", answer.err);
        assert_eq!(app.logged(), "");
    }
}

fn failing() {
    let app = App::at(
        ".",
        &[("Chart.yaml", &chart("- {name: a, version: 1.0.0, repository: \"https://charts.example\"}\n"))],
    );
    let app = app.program("helm", "echo 'Error: can not reach it' >&2; exit 1");
    let expected = "error: `helm dependency update` failed (exit code 1): Error: can not reach it;";
    assert!(app.call("init").error(2).starts_with(expected));
    // What is wrong with the chart, `helm template` says.
    App::at(".", &[("Chart.yaml", "dependencies: [\n")]).alone().call("init").prints("");
}

fn links() {
    let chart = chart("- {name: a, version: 1.0.0, repository: \"file://../a\"}\n");
    for link in ["shop/Chart.lock", "a/token"] {
        let app = App::at("shop", &[("shop/Chart.yaml", &chart), ("a/Chart.yaml", HEAD)]).program("helm", LOGGED);
        std::os::unix::fs::symlink("/etc/passwd", app.world.path(link)).expect("a link");
        let answer = app.call("init");
        assert!(answer.error(2).starts_with(&format!("error: {link}: it is a symbolic link")), "{}", answer.err);
        assert_eq!(app.logged(), "", "nothing was run");
    }
}

fn credentials() {
    let init = |repository: &str| {
        let chart = chart(&format!("- {{name: a, version: 1.0.0, repository: \"{repository}\"}}\n"));
        let script = format!("echo 'Error: looks like \"{repository}\" is not valid' >&2; exit 1");
        App::at("shop", &[("shop/Chart.yaml", &chart)]).program("helm", &script).call("init")
    };
    let answer = init("https://team:hunter2z@charts.example/all");
    assert!(answer.error(2).contains("looks like \"https://***@charts.example/all\" is"), "{}", answer.err);
    let answer = init("file://team:hunter2z@charts.example/all");
    assert!(answer.error(2).contains("the repository `file://***@charts.example/all`:"), "{}", answer.err);
}

fn real_files() {
    let Some(helms) = programs::find("the Argo CD plugin", ["helm3", "helm4"]) else { return };
    for helm in helms {
        let files = [
            (
                "apps/shop/Chart.yaml",
                &*chart("- {name: common, version: 1.0.0, repository: \"file://../../charts/common\"}\n"),
            ),
            ("charts/common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 1.0.0\n"),
            ("charts/common/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: common}\n"),
        ];
        let app = App::at("apps/shop", &files).real("helm", &helm);
        assert!(app.call("generate").error(2).contains("missing in charts/"));
        app.call("init").prints("");
        assert_eq!(names(&app.call("generate").manifests()), ["ConfigMap/common"]);
        // The lock is there now, and so is the chart.
        app.call("init").prints("");
    }
}

/// A server of two versions of a chart.
fn serve(folder: &Path, helm: &Path) -> String {
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(folder).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::create_dir_all(folder.join("redis/templates")).expect("a folder");
    for version in ["1.0.0", "1.1.0"] {
        let chart = format!("apiVersion: v2\nname: redis\nversion: {version}\n");
        std::fs::write(folder.join("redis/Chart.yaml"), chart).expect("written");
        let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: redis-{version}}}\n");
        std::fs::write(folder.join("redis/templates/a.yaml"), manifest).expect("written");
        run(helm, &["package", "redis"]);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    run(helm, &["repo", "index", ".", "--url", &url]);
    let folder = folder.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { continue };
            let mut request = [0; 4096];
            let length = connection.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            let name = text.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(folder.join(&name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
        }
    });
    url
}

fn real_server() {
    let Some(helms) = programs::find("the Argo CD plugin", ["helm3", "helm4"]) else { return };
    for helm in helms {
        let folder = tempfile::tempdir().expect("a folder");
        let url = serve(folder.path(), &helm);
        let chart = chart(&format!("- {{name: redis, version: ^1.0.0, repository: \"{url}\"}}\n"));
        let app = App::at(".", &[("Chart.yaml", &chart)]).real("helm", &helm).with("HOME", "/nowhere");
        app.call("init").prints("");
        assert_eq!(names(&app.call("generate").manifests()), ["ConfigMap/redis-1.1.0"], "the newest without a lock");
        // The lock of an older day: its version is taken, from a repository that Helm was never told of.
        let lock = app.world.read("Chart.lock").replace("version: 1.1.0", "version: 1.0.0");
        let locked = || {
            let app = App::at(".", &[("Chart.yaml", &chart), ("Chart.lock", &lock)]).real("helm", &helm);
            app.with("HOME", "/nowhere")
        };
        // The digest is one of the request and the locked versions.
        let app = locked();
        let answer = app.call("init");
        assert!(answer.error(2).contains("out of sync"), "{}", answer.err);
        let exact = chart.replace("^1.0.0", "1.0.0");
        let app = App::at(".", &[("Chart.yaml", &exact)]).real("helm", &helm).with("HOME", "/nowhere");
        app.call("init").prints("");
        let lock = app.world.read("Chart.lock");
        for known in [
            "",
            "apiVersion: \"\"\ngenerated: \"2026-01-01T00:00:00Z\"\nrepositories:\n- {name: team, url: \"URL/\", password: s3cret, username: a}\n",
        ] {
            let app = App::at(".", &[("Chart.yaml", &exact), ("Chart.lock", &lock)]).real("helm", &helm);
            let config = app.world.outside("repositories.yaml");
            let app = if known.is_empty() {
                app.with("HOME", "/nowhere")
            } else {
                std::fs::write(&config, known.replace("URL", &url)).expect("written");
                app.with("HELM_REPOSITORY_CONFIG", &config.display().to_string())
            };
            app.call("init").prints("");
            assert_eq!(names(&app.call("generate").manifests()), ["ConfigMap/redis-1.0.0"], "{helm:?}");
            assert!(app.left_behind().is_empty());
        }
    }
}
