//! What each form does with lists, namesakes, names, new resources and folders, by the program itself.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::cli::support::{World, has, left_out};

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn()); 20] = [
        ("lists", lists),
        ("a_resource_list", resource_list),
        ("no_name", no_name),
        ("namesakes_with_other_changes_are_left_out", namesakes),
        ("namesakes_with_the_same_change_are_one", twins),
        ("namesakes_of_other_groups_and_namespaces", kept_apart),
        ("names_are_no_patterns", names_are_no_patterns),
        ("custom_resources_are_merged_with_whole_lists", custom_resources),
        ("merges_remove_by_name", merges_remove_by_name),
        ("merges_keep_an_order_that_matters", merges_keep_order),
        ("parts_of_kustomizations", kustomizations),
        ("a_fix_is_whole", a_fix_is_whole),
        ("new_resources_need_a_folder", new_resources),
        ("new_namesakes_are_left_out", new_namesakes),
        ("folders_are_their_own", folders),
        ("scripts_and_comments_run_nothing", nothing_is_run),
        ("drift_is_refused", drift),
        ("exit_codes", exit_codes),
        ("nothing_to_do", nothing_to_do),
        ("the_page_says_what_is_printed", page),
    ];
    let trial = |(name, run): (&str, fn())| {
        Trial::test(format!("export::{name}"), move || {
            run();
            Ok(())
        })
    };
    cases.into_iter().map(trial).collect()
}

/// A workload in the node's network, as one document.
fn host_network(kind: &str, metadata: &str) -> String {
    let api = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\nspec:\n  selector: {{matchLabels: {{app: loom}}}}\n  \
         template:\n    metadata: {{labels: {{app: loom}}}}\n    spec:\n      hostNetwork: true\n      \
         containers: [{{name: loom, image: 'registry.mill.example/loom:1'}}]\n"
    )
}

/// The same in the network of the mesh.
fn in_mesh(metadata: &str) -> String {
    host_network("Deployment", metadata).replace("      hostNetwork: true\n", "")
}

const SELECT: [&str; 3] = ["--unsafe", "--select", "host-network"];

/// `export` in a form, of one rule.
fn export(form: &str, more: &[&str]) -> Vec<String> {
    let words = ["export", "--as", form].into_iter().chain(SELECT).chain(more.iter().copied());
    words.map(str::to_owned).collect()
}

#[track_caller]
fn run(world: &World, form: &str, more: &[&str]) -> crate::cli::support::Ran {
    let words = export(form, more);
    world.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let first = format!("- {}\n", lines.next().unwrap_or_default());
    first + &lines.map(|line| format!("  {line}\n")).collect::<String>()
}

fn lists() {
    let items =
        indented(&host_network("Deployment", "{name: warp}")) + &indented(&host_network("DaemonSet", "{name: weft}"));
    let world = World::with(&[("all.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n{items}"))]);
    let found = lines(&run(&world, "json-patch", &["."]).with(0).out());
    let names: Vec<&Value> = found.iter().map(|line| &line["target"]["name"]).collect();
    assert_eq!(names, ["warp", "weft"]);
    for line in &found {
        let path = "/spec/template/spec/hostNetwork";
        assert_eq!(
            line["patch"],
            serde_json::json!([
                {"op": "test", "path": path, "value": true}, {"op": "remove", "path": path},
            ])
        );
    }
}

/// A Service that nodes expose, with all that a gateway needs to know.
const EXPOSED: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: loom, namespace: mill}\nspec:\n  type: NodePort\n  selector: {app: loom}\n  ports: [{name: http, appProtocol: http, port: 80, nodePort: 30080}]\n";

const GATEWAYS: &str = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  rules:\n    exposed-service:\n      hostTemplate: \"{service}.mill.example\"\n      gatewaySelector: {istio: ingress}\n";

fn resource_list() {
    let world = World::with(&[("meshfix.yaml", GATEWAYS)]);
    let service = EXPOSED.replace(
        "namespace: mill}",
        "namespace: mill, annotations: {config.kubernetes.io/path: loom.yaml, config.kubernetes.io/index: '0'}}",
    );
    let list = format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{}", indented(&service));
    let flags = ["export", "--as", "kustomize-patch", "--unsafe", "--select", "exposed-service", "-"];
    let one_text = world.stream(&flags, &list).with(1).says("`-o FOLDER/` writes it beside the patches");
    assert!(one_text.out().contains("patches: []\n# Left out: <stdin>:"), "{}", one_text.out());
    world.stream(&[&flags[..], &["-o", "mesh/"]].concat(), &list).with(0).says("1 patched resource, 2 new resources");
    let component = world.read("mesh/kustomization.yaml");
    assert!(component.contains("path: /spec/type, value: ClusterIP"), "{component}");
    let gateway = component.lines().find_map(|line| line.trim().strip_prefix("- new-gateway-")).expect("a gateway");
    let gateway = world.read(&format!("mesh/new-gateway-{gateway}"));
    assert!(gateway.contains("kind: Gateway\n") && !gateway.contains("config.kubernetes.io"), "{gateway}");
}

fn no_name() {
    let world = World::with(&[("job.yaml", &host_network("Job", "{generateName: loom-}"))]);
    for form in ["kustomize-patch", "json-patch", "strategic-merge"] {
        let ran = run(&world, form, &["."]).with(1).says("job.yaml:9: host-network: it has no `metadata.name`");
        assert!(!ran.out().contains("hostNetwork,"), "{}", ran.out());
    }
}

fn namesakes() {
    let other = host_network("Deployment", "{name: loom}")
        .replace("hostNetwork: true\n", "hostNetwork: true\n      dnsPolicy: ClusterFirstWithHostNet\n");
    let world = World::with(&[
        ("one/loom.yaml", &host_network("Deployment", "{name: loom}")),
        ("two/loom.yaml", &other),
        ("two/mule.yaml", &host_network("Deployment", "{name: mule}")),
    ]);
    for form in ["kustomize-patch", "json-patch", "strategic-merge"] {
        let ran = run(&world, form, &["."])
            .with(1)
            .says("one/loom.yaml and two/loom.yaml both have it, with different changes");
        assert!(ran.err.contains("two/loom.yaml:9: host-network"), "{}", ran.err);
        assert!(ran.out().contains("mule") && !ran.out().contains("name: loom\n"), "{}", ran.out());
        run(&world, form, &["two"]).with(0);
    }
}

fn twins() {
    let world = World::with(&[
        ("one/loom.yaml", &host_network("Deployment", "{name: loom}")),
        ("two/loom.yaml", &host_network("Deployment", "{name: loom}")),
    ]);
    let out = run(&world, "kustomize-patch", &["."]).with(0).out();
    assert_eq!(out.matches("- target:").count(), 1, "{out}");
    assert!(out.contains("# one/loom.yaml, two/loom.yaml: host-network (unsafe)"), "{out}");
    assert_eq!(lines(&run(&world, "json-patch", &["."]).with(0).out()).len(), 1);
}

/// What kustomize says of a folder, as values by what it makes; nothing where it is not there.
fn kustomize(world: &World, folder: &str) -> Option<String> {
    if !has("kubectl") {
        left_out("what kustomize makes of exports: kubectl is not there");
        return None;
    }
    let output = world.clean("kubectl").args(["kustomize", folder]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn kept_apart() {
    let knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: loom}\nspec:\n  template:\n    spec:\n      containers: [{image: 'registry.mill.example/loom:1'}]\n";
    let core = |namespace: &str| {
        EXPOSED
            .replace("namespace: mill", namespace)
            .replace("NodePort", "ClusterIP")
            .replace(", nodePort: 30080", "")
            .replace(", appProtocol: http", "")
    };
    let world = World::with(&[
        ("kustomization.yaml", "resources: [all.yaml]\ncomponents: [mesh]\n"),
        (
            "all.yaml",
            &[&core("labels: {kept: apart}"), knative, &core("namespace: weavers")]
                .map(|text| text.replace("name: http, ", "name: http-web, "))
                .join("---\n"),
        ),
        (
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  transforms:\n    - id: owner\n      message: the Service says who owns it\n      target: {kind: Service, labelSelector: kept=apart}\n      patch: [{op: add, path: /metadata/labels/owner, value: mill}]\n",
        ),
    ]);
    let words = ["export", "--as", "kustomize-patch", "--unsafe", "--select", "owner", "all.yaml", "-o", "mesh/"];
    world.run(&words).with(0).says("1 patched resource");
    let component = world.read("mesh/kustomization.yaml");
    assert!(component.contains("group: ^$") && component.contains("namespace: default"), "{component}");
    let Some(built) = kustomize(&world, ".") else { return };
    assert_eq!(built.matches("owner: mill").count(), 1, "{built}");
}

fn names_are_no_patterns() {
    let world = World::with(&[
        ("kustomization.yaml", "resources: [all.yaml]\ncomponents: [mesh]\n"),
        (
            "all.yaml",
            &(host_network("Deployment", "{name: loom.v2}")
                + "---\n"
                + &host_network("Deployment", "{name: loomxv2, annotations: {meshfix.dev/ignore: 'true'}}")),
        ),
    ]);
    run(&world, "kustomize-patch", &[".", "-o", "mesh/"]).with(0);
    assert!(world.read("mesh/kustomization.yaml").contains("name: loom\\.v2\n"));
    let Some(built) = kustomize(&world, ".") else { return };
    assert_eq!(built.matches("hostNetwork: true").count(), 1, "{built}");
}

fn custom_resources() {
    let rollout = in_mesh("{name: loom, namespace: mill}")
        .replace("apps/v1\nkind: Deployment", "argoproj.io/v1alpha1\nkind: Rollout")
        .replace("name: loom, image", "name: loom, securityContext: {runAsUser: 1337}, image");
    let world = World::with(&[("loom.yaml", &rollout)]);
    let words = ["export", "--as", "strategic-merge", "--unsafe", "--select", "proxy-uid", "."];
    let out = world.run(&words).with(0).out();
    assert!(out.contains("its lists are given whole") && out.contains("image: registry.mill.example/loom:1"), "{out}");
    world.run(&[&words[..], &["-o", "mesh/"]].concat()).with(0);
    assert!(world.read("mesh/patch.sh").contains("Rollout.v1alpha1.argoproj.io loom --namespace mill --type merge "));
}

fn merges_remove_by_name() {
    let deployment = in_mesh("{name: loom}").replace("image: 'registry", "ports: [{containerPort: 15001, name: web}, {containerPort: 9090}], env: [{name: PORT, value: '15001'}], image: 'registry");
    let world = World::with(&[("loom.yaml", &deployment)]);
    let out =
        world.run(&["export", "--as", "strategic-merge", "--unsafe", "--select", "reserved-port", "."]).with(0).out();
    assert!(out.contains("- containerPort: 15001\n          $patch: delete\n"), "{out}");
    assert!(!out.contains("9090") && out.contains("- name: PORT\n          value: \"18001\"\n"), "{out}");
}

fn merges_keep_order() {
    let deployment = in_mesh("{name: loom}").replace(
        "      containers:",
        "      initContainers:\n        - {name: first, image: 'registry.mill.example/first:1'}\n        - {name: second, image: 'registry.mill.example/second:1'}\n        - {name: third, image: 'registry.mill.example/third:1'}\n      containers:",
    );
    let world = World::with(&[
        ("kustomization.yaml", "resources: [loom.yaml]\ncomponents: [mesh]\n"),
        ("loom.yaml", &deployment),
        (
            "meshfix.yaml",
            "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n  transforms:\n    - id: second\n      message: the second one is not new\n      target: {kind: Deployment}\n      patch: [{op: replace, path: /spec/template/spec/initContainers/1/image, value: 'registry.mill.example/second:2'}]\n",
        ),
    ]);
    let words = ["export", "--as", "strategic-merge", "--unsafe", "--select", "second", "loom.yaml", "-o", "mesh/"];
    world.run(&words).with(0);
    let patch = world.read("mesh/deployment-loom.yaml");
    assert!(
        patch.contains("- name: first\n      - name: second\n        image: registry.mill.example/second:2\n"),
        "{patch}"
    );
    assert!(!patch.contains("third"), "{patch}");
    let Some(built) = kustomize(&world, ".") else { return };
    let at = |name: &str| built.find(&format!("name: {name}\n")).expect("it is there");
    assert!(at("first") < at("second") && at("second") < at("third"), "{built}");
}

fn kustomizations() {
    let part = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: loom}\nspec:\n  template:\n    spec:\n      hostNetwork: true\n";
    let plain = in_mesh("{name: loom}");
    let world = World::with(&[
        ("base/kustomization.yaml", "resources: [loom.yaml]\n"),
        ("base/loom.yaml", &plain),
        ("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: node.yaml}]\nnamespace: mill\n"),
        ("prod/node.yaml", part),
        ("renamed/kustomization.yaml", "resources: [mule.yaml]\nnamePrefix: big-\nnamespace: spinners\n"),
        ("renamed/mule.yaml", &host_network("Deployment", "{name: mule}")),
    ]);
    let ran = run(&world, "kustomize-patch", &["."])
        .with(1)
        .says("prod/node.yaml:7: host-network: prod/node.yaml is a patch of a kustomization");
    assert!(ran.out().contains("name: mule\n"), "{}", ran.out());
    run(&world, "json-patch", &["renamed"])
        .with(1)
        .says("renamed/kustomization.yaml gives it another name; export what it builds");
    let Some(built) = kustomize(&world, "prod") else { return };
    let words = export("json-patch", &["-"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let found = lines(&world.stream(&words, &built).with(0).out());
    assert_eq!(
        found[0]["kubectl"],
        serde_json::json!(["patch", "Deployment.v1.apps", "loom", "--namespace", "mill", "--type", "json"])
    );
}

/// The port of a Job without a name stays, so that of what calls it stays too.
fn a_fix_is_whole() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: loom, namespace: mill}\nspec:\n  selector: {app: loom}\n  ports: [{name: http, port: 80, targetPort: 15001}]\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {NAME: loom, namespace: mill, labels: {app: loom}}\nspec:\n  containers:\n    - name: loom\n      image: registry.mill.example/loom:1\n      env: [{name: SERVER_PORT, value: '15001'}]\n      ports: [{containerPort: 15001}]\n";
    for (name, patched) in [("name", 2), ("generateName", 0)] {
        let world = World::with(&[("loom.yaml", &format!("{service}---\n{}", pod.replace("NAME", name)))]);
        let words = ["export", "--as", "json-patch", "--unsafe", "--select", "reserved-port", "."];
        let ran = world.run(&words);
        assert_eq!(ran.out().lines().count(), patched, "{}\n{}", ran.out(), ran.err);
        assert_eq!(ran.code, Some(i32::from(patched == 0)));
    }
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
