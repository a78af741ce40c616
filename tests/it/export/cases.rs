//! What each form does with lists, namesakes, names and kustomizations, by the program itself.

use libtest_mimic::Trial;
use serde_json::Value;

use super::support::{EXPOSED, GATEWAYS, export, host_network, in_mesh, indented, kustomize, lines, named, run};
use crate::cli::support::World;

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn()); 9] = [
        ("lists", lists),
        ("a_resource_list", resource_list),
        ("no_name", no_name),
        ("namesakes_with_other_changes_are_left_out", namesakes),
        ("namesakes_with_the_same_change_are_one", twins),
        ("namesakes_of_other_groups_and_namespaces", kept_apart),
        ("names_are_no_patterns", names_are_no_patterns),
        ("parts_of_kustomizations", kustomizations),
        ("a_fix_is_whole", a_fix_is_whole),
    ];
    named(&cases)
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
