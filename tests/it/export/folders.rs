//! Folders of exports, exit codes, drift, and what the page shows.

use libtest_mimic::Trial;

use super::support::{EXPOSED, GATEWAYS, export, host_network, in_mesh, kustomize, named, run};
use crate::cli::support::{World, has, left_out};

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn()); 8] = [
        ("new_resources_need_a_folder", new_resources),
        ("new_namesakes_are_left_out", new_namesakes),
        ("folders_are_their_own", folders),
        ("scripts_and_comments_run_nothing", nothing_is_run),
        ("drift_is_refused", drift),
        ("exit_codes", exit_codes),
        ("nothing_to_do", nothing_to_do),
        ("the_page_says_what_is_printed", page),
    ];
    named(&cases)
}

fn new_resources() {
    let world = World::with(&[("meshfix.yaml", GATEWAYS), ("loom.yaml", EXPOSED)]);
    let words = |form: &'static str| ["export", "--as", form, "--unsafe", "--select", "exposed-service", "loom.yaml"];
    for form in ["kustomize-patch", "json-patch", "strategic-merge"] {
        let ran = world.run(&words(form)).with(1).says("loom.yaml:5: exposed-service: it makes a new resource");
        assert!(!ran.out().contains("ClusterIP"), "half of the fix would be printed: {}", ran.out());
        let folder = format!("{form}/");
        world.run(&[&words(form)[..], &["-o", &folder]].concat()).with(0).says("2 new resources; 0 fixes left out");
        let new: Vec<_> =
            world.files().into_keys().filter(|path| path.to_string_lossy().contains(&format!("{form}/new-"))).collect();
        assert_eq!(new.len(), 2, "{new:?}");
    }
    let script = world.read("json-patch/patch.sh");
    let (apply, patch) =
        (script.rfind("kubectl apply").expect("it applies"), script.find("kubectl patch").expect("it patches"));
    assert!(apply < patch, "what is patched relies on what is new: {script}");
}

/// Two examples of one shop: both would get a gateway of one name.
fn new_namesakes() {
    let service = EXPOSED.replace(", namespace: mill", "");
    let other = service.replace("name: loom", "name: wheel");
    let kustomization = "resources: [loom.yaml]\nnamespace: mill\n";
    let world = World::with(&[
        ("meshfix.yaml", GATEWAYS),
        ("one/mill/kustomization.yaml", kustomization),
        ("one/mill/loom.yaml", &service),
        ("two/mill/kustomization.yaml", kustomization),
        ("two/mill/loom.yaml", &other),
    ]);
    let words = |path: &'static str| {
        ["export", "--as", "kustomize-patch", "--unsafe", "--select", "exposed-service", path, "-o", "mesh/"]
    };
    let ran = world.run(&words(".")).with(1).says("mill-gateway: two of this name would be made");
    assert_eq!(ran.err.matches("left out: ").count(), 2, "{}", ran.err);
    assert!(world.read("mesh/kustomization.yaml").contains("patches: []"), "no half of a fix is exported");
    world.run(&words("one")).with(0);
}

fn folders() {
    let world = World::with(&[
        ("kustomization.yaml", "resources: [loom.yaml]\n"),
        ("loom.yaml", EXPOSED),
        ("meshfix.yaml", GATEWAYS),
    ]);
    let words = ["export", "--as", "kustomize-patch", "--unsafe", "--select", "exposed-service", ".", "-o", "mesh/"];
    world.run(&words).with(0);
    let first = world.files();
    // What an export wrote is no input of the next one.
    world.run(&words).with(0);
    assert_eq!(world.files(), first, "the same export twice is the same");
    world.write("loom.yaml", EXPOSED.replace("NodePort", "ClusterIP").replace(", nodePort: 30080", ""));
    world
        .run(&words)
        .with(0)
        .says("new-gateway-mill-gateway.yaml: an earlier export wrote it, and this one has no use for it");
    // What somebody else wrote stays.
    let world = World::with(&[("loom.yaml", EXPOSED), ("kustomization.yaml", "resources: [loom.yaml]\n")]);
    world
        .run(&["export", "--as", "kustomize-patch", "--select", "none", ".", "-o", "./"])
        .with(2)
        .says("kustomization.yaml: it is there already, and meshfix did not write it")
        .says("a folder of its own");
    assert_eq!(world.read("kustomization.yaml"), "resources: [loom.yaml]\n");
}

/// Names that a shell or a reader of YAML would take for something else.
fn nothing_is_run() {
    let deployment =
        host_network("Deployment", "{name: \"x'; touch run; '$(touch run)\", namespace: \"$(touch run)\"}");
    let world = World::with(&[("loom\ntouch run\n#.yaml", &deployment)]);
    for form in ["kustomize-patch", "json-patch", "strategic-merge"] {
        let folder = format!("{form}/");
        run(&world, form, &[".", "-o", &folder]).with(0);
        for (path, bytes) in world.files().into_iter().filter(|(path, _)| path.starts_with(form)) {
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert!(text.lines().all(|line| !line.trim_start().starts_with("touch")), "{}:\n{text}", path.display());
        }
    }
    world.write("bin/kubectl", "#!/bin/sh\nprintf '<%s>' \"$@\" >>../called\n");
    let script = "chmod +x bin/kubectl && PATH=$PWD/bin:$PATH sh json-patch/patch.sh --context 'a b'";
    world.shell(script).with(0);
    let called = world.read("called");
    let file = "deployment-x---touch-run-----touch-run-.yaml";
    let expected = format!(
        "<patch><--context><a b>DRY<Deployment.v1.apps><x'; touch run; '$(touch run)><--namespace><$(touch run)><--type><json><--patch-file><{file}>"
    );
    assert_eq!(called, expected.replace("DRY", "<--dry-run=server>") + &expected.replace("DRY", ""));
    assert!(!world.path("run").exists() && !world.path("json-patch/run").exists());
}

fn drift() {
    let deployment =
        in_mesh("{name: loom}").replace("image: 'registry", "env: [{name: PORT, value: '15001'}], image: 'registry");
    let world = World::with(&[
        ("kustomization.yaml", "resources: [loom.yaml]\ncomponents: [mesh]\n"),
        ("loom.yaml", &deployment),
    ]);
    world
        .run(&[
            "export",
            "--as",
            "kustomize-patch",
            "--unsafe",
            "--select",
            "reserved-port",
            "loom.yaml",
            "-o",
            "mesh/",
        ])
        .with(0);
    let Some(built) = kustomize(&world, ".") else { return };
    assert!(built.contains("18001"), "{built}");
    // Another container at the place, and a variable that somebody changed.
    for (old, new) in [("name: loom, env", "name: wheel, env"), ("15001", "8080")] {
        world.write("loom.yaml", deployment.replace(old, new));
        let output = world.clean("kubectl").args(["kustomize", "."]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("test failed"), "{said}");
    }
}

fn exit_codes() {
    let world = World::with(&[("job.yaml", &host_network("Job", "{generateName: loom-}"))]);
    run(&world, "json-patch", &["."]).with(1);
    run(&world, "json-patch", &["--exit-zero", "."]).with(0).says("left out: job.yaml:9: host-network");
    run(&world, "json-patch", &["--exit-zero", "-q", "."]).with(0).silent();
    // A fix that was not asked for is not left out.
    world.run(&["export", "--as", "json-patch", "--select", "host-network", "."]).with(0);
    run(&world, "json-patch", &["missing.yaml"]).with(2).says("missing.yaml");
    run(&world, "json-patch", &["-", "job.yaml"]).with(2).says("`-` reads standard input and stands alone");
    run(&world, "yaml", &["."]).with(2).says("kustomize-patch");
    world.run(&["export", "."]).with(2).says("--as");
    let words = export("json-patch", &["-"]);
    let empty =
        world.stream(&words.iter().map(String::as_str).collect::<Vec<_>>(), "").with(2).says("standard input is empty");
    assert_eq!(empty.out(), "");
    let words = export("json-patch", &["-"]);
    let mut sabotaged = world.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    sabotaged.env("MESHFIX_TEST_SABOTAGE", "1");
    let ran = crate::cli::support::finish(&mut sabotaged, host_network("Deployment", "{name: loom}").as_bytes());
    assert_eq!(ran.with(70).out(), "");
}

fn nothing_to_do() {
    let world =
        World::with(&[("kustomization.yaml", "resources: [loom.yaml]\ncomponents: [mesh]\n"), ("loom.yaml", EXPOSED)]);
    let words = |form: &'static str| ["export", "--as", form, "--select", "none", "loom.yaml"];
    assert_eq!(world.run(&words("json-patch")).with(0).out(), "");
    assert!(world.run(&words("kustomize-patch")).with(0).out().ends_with("\npatches: []\n"));
    world.run(&[&words("kustomize-patch")[..], &["-o", "mesh/"]].concat()).with(0);
    let Some(built) = kustomize(&world, ".") else { return };
    assert!(built.contains("NodePort"), "an empty component changes nothing: {built}");
}

/// `docs/export.md` shows what the commands print.
fn page() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/export.md")).expect("the page");
    let world = World::new();
    let run = |form: &str| {
        let mut command = world.command(&["export", "--as", form, "--unsafe", "--exit-zero", "examples/shop"]);
        crate::cli::support::finish(command.current_dir(root), b"").with(0).out()
    };
    let shown: Vec<(&str, &str)> = page
        .split("<!-- printed by --as ")
        .skip(1)
        .filter_map(|part| {
            let (form, rest) = part.split_once(" -->\n```")?;
            Some((form, rest.split_once('\n')?.1.split("```").next()?))
        })
        .collect();
    assert_eq!(shown.len(), 3, "the page shows each form");
    commands(root, &page);
    for (form, text) in shown {
        let printed = run(form);
        assert!(printed.contains(text.trim_end()), "{form}: the page shows what is not printed:\n{text}\n{printed}");
    }
}

/// The commands of the page, run as they stand beside a copy of the example.
fn commands(root: &std::path::Path, page: &str) {
    if !has("kubectl") || !has("jq") {
        return left_out("the commands of docs/export.md: kubectl or jq is not there");
    }
    let world = World::new();
    for entry in std::fs::read_dir(root.join("examples/shop")).expect("the example").flatten() {
        let name = std::path::Path::new("examples/shop").join(entry.file_name());
        world.write(name, std::fs::read(entry.path()).expect("readable"));
    }
    let mut run = 0;
    for block in page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let ran = world.shell(&format!("set -e\n{block}")).with(0);
        assert!(!ran.err.contains("error") && !ran.err.contains(": not found"), "{block}\n{}", ran.err);
        run += 1;
        let out = ran.out();
        match run {
            1 => assert!(out.contains("kind: Gateway\nmetadata:\n  name: shop-gateway\n  namespace: shop\n"), "{out}"),
            3 => assert!(out.contains("kubectl patch \"$@\" Service.v1. storefront --namespace shop"), "{out}"),
            4 => assert!(out.contains("kubectl 'patch' 'Deployment.v1.apps' 'payment' '--namespace' 'shop'"), "{out}"),
            _ => {}
        }
    }
    assert_eq!(run, 5, "the page's commands are run");
}
