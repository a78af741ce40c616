//! `kpt fn render` and `kpt fn eval` on the shipped package.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::support::{Host, SABOTAGE, nothing_is_deleted, resources, text, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("kpt::renders_the_package", render),
        trial("kpt::keeps_results", results),
        trial("kpt::writes_nothing_when_the_function_fails", failures),
        trial("kpt::takes_a_package_without_resources", empty),
        trial("kpt::a_deployment_alone_is_not_renumbered", selected),
        trial("kpt::other_files_are_as_kpt_prints_them", other_files),
        trial("kpt::new_resources_get_files_beside_their_service", new_resources),
    ]
}

/// The shipped package as `orders` in a world.
fn host() -> Option<Host> {
    let host = Host::where_there("kpt")?;
    host.copy("kpt/package", "orders");
    Some(host)
}

/// The shipped file with the safe fixes.
fn labelled() -> String {
    let billing = text("kpt/package/billing.yaml");
    billing.replace(
        "        tier: billing\n    spec",
        "        tier: billing\n        app: billing\n        version: v1\n    spec",
    )
}

/// The shipped file with all fixes.
fn fixed() -> String {
    labelled().replace("dnsPolicy: Default", "dnsPolicy: ClusterFirst")
}

fn render() {
    let Some(host) = host() else { return };
    for _ in 0..2 {
        host.run(&["kpt", "fn", "render", "orders", "--allow-exec"]).with(0).says("[PASS] \"meshfix fn\"");
        assert_eq!(host.world.read("orders/billing.yaml"), fixed());
        assert_eq!(host.world.read("orders/Kptfile"), text("kpt/package/Kptfile"));
        assert_eq!(host.world.files().len(), 2);
    }
}

fn results() {
    let Some(host) = host() else { return };
    let eval = ["kpt", "fn", "eval", "orders", "--truncate-output=false", "--exec", "meshfix", "--results-dir", "told"];
    let ran = host.run(&eval).with(0).says("[PASS]");
    assert_eq!(host.world.read("orders/billing.yaml"), labelled(), "an unsafe fix needs a word");
    let of_rule = || -> Value {
        let told: Value = serde_yaml::from_str(&host.world.read("told/results.yaml")).expect("YAML");
        let results = told["items"][0]["results"].as_array().expect("results");
        results.iter().find(|result| result["tags"]["rule"] == "dns-policy").expect("the rule's result").clone()
    };
    let mut expected = json!({
        "message": "`dnsPolicy: Default` keeps the pod from the cluster's DNS; the fix needs `unsafe: true`: set `dnsPolicy: ClusterFirst`",
        "severity": "error",
        "resourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "billing"},
        "field": {"path": "spec.template.spec.dnsPolicy", "currentValue": "Default", "proposedValue": "ClusterFirst"},
        "file": {"path": "billing.yaml"},
        "tags": {"rule": "dns-policy", "fix": "unsafe"},
    });
    assert_eq!(of_rule(), expected);
    // The terminal shows the same, and what stands on standard error beside it.
    ran.says("[error] apps/v1/Deployment/billing spec.template.spec.dnsPolicy: `dnsPolicy: Default` keeps")
        .says("error dns-policy: Deployment/billing in billing.yaml");
    host.run(&[&eval[..], &["--", "unsafe=true"]].concat()).with(0);
    assert_eq!(host.world.read("orders/billing.yaml"), fixed());
    expected["message"] =
        "`dnsPolicy: Default` keeps the pod from the cluster's DNS; fixed: set `dnsPolicy: ClusterFirst`".into();
    expected["severity"] = "info".into();
    expected["tags"]["fix"] = "applied".into();
    assert_eq!(of_rule(), expected);
}

/// Findings that are to fail, a defect, mistakes in the configuration, a broken file: no file is touched.
fn failures() {
    let Some(host) = host() else { return };
    let before = host.world.files();
    let eval = ["kpt", "fn", "eval", "orders", "--truncate-output=false", "--exec", "meshfix", "--"];
    for (configuration, says) in [
        (&["failOn=error"][..], "error dns-policy: Deployment/billing in billing.yaml"),
        (&["mode=check", "unsafe=true", "failOn=error"], "error dns-policy"),
        (&["unsave=true"], "there is no key `unsave`"),
        (&["unsafe=perhaps"], "perhaps"),
        (&["select=dns-polcy"], "did you mean `dns-policy`?"),
    ] {
        host.run(&[&eval[..], configuration].concat()).with(1).says("[FAIL]").says(says);
        assert_eq!(host.world.files(), before, "{configuration:?}");
    }
    for words in [&eval[..], &["kpt", "fn", "render", "orders", "--allow-exec", "--truncate-output=false"]] {
        host.run_with(SABOTAGE, words).with(1).says("[FAIL]").says("Exit code: 70").says("this is a defect of meshfix");
        assert_eq!(host.world.files(), before, "{words:?}");
    }
    host.world.write("orders/broken.yaml", "kind: Pod\nspec: [\n");
    host.run(&eval).with(1).says("broken.yaml");
    assert_eq!(host.world.read("orders/billing.yaml"), text("kpt/package/billing.yaml"));
}

fn empty() {
    let Some(host) = host() else { return };
    std::fs::remove_file(host.world.path("orders/billing.yaml")).expect("removed");
    let before = host.world.files();
    host.run(&["kpt", "fn", "render", "orders", "--allow-exec"]).with(0).says("[PASS]");
    host.run(&["kpt", "fn", "eval", "orders", "--exec", "meshfix"]).with(0).says("[PASS]");
    assert_eq!(host.world.files(), before);
}

/// A port of the mesh that one setting gives and a Service names.
const TILL: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: till
spec:
  selector:
    matchLabels:
      app: till
      version: v1
  template:
    metadata:
      labels:
        app: till
        version: v1
    spec:
      containers:
        - name: till
          image: till:1.0
          env:
            - name: SERVER_PORT
              value: \"15001\"
          ports:
            - containerPort: 15001
---
apiVersion: v1
kind: Service
metadata:
  name: till
spec:
  selector:
    app: till
  ports:
    - name: http
      port: 80
      targetPort: 15001
";

fn selected() {
    let Some(host) = host() else { return };
    host.world.write("orders/till.yaml", TILL);
    let eval = ["kpt", "fn", "eval", "orders", "--exec", "meshfix"];
    for kind in ["Deployment", "Service"] {
        host.run(&[&eval[..], &["--match-kind", kind]].concat()).with(0).says("on 2 resource(s)");
        assert_eq!(host.world.read("orders/till.yaml"), TILL, "{kind}");
        assert_eq!(host.world.read("orders/billing.yaml"), text("kpt/package/billing.yaml"), "{kind}");
    }
    host.run(&eval).with(0);
    assert_eq!(host.world.read("orders/till.yaml"), TILL.replace("15001", "18001"));
}

/// kpt prints files anew around any function. Those that meshfix has nothing to do in are as `cat` leaves them.
fn other_files() {
    let Some(host) = host() else { return };
    let odd = "# leads\napiVersion:   v1\nkind: ConfigMap\nmetadata:\n    name:  \"odd\"     # aligned\n\ndata:\n    a:   'yes'\n    b: |\n        text\n    c: {flow:   \"1\"}\n    list: [ 1,2 ]\n# foot\n";
    host.world.write("orders/odd.yaml", odd);
    host.world.write(
        "orders/deep/wide.json",
        "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"wide\"}}\n",
    );
    let copied = host.shell("cp -r orders copy && kpt fn eval copy --exec cat").with(0);
    assert!(copied.err.contains("[PASS]"), "{}", copied.err);
    host.run(&["kpt", "fn", "eval", "orders", "--exec", "meshfix"]).with(0);
    for name in ["odd.yaml", "deep/wide.json", "Kptfile"] {
        assert_eq!(host.world.read(&format!("orders/{name}")), host.world.read(&format!("copy/{name}")), "{name}");
    }
    assert_eq!(host.world.read("orders/billing.yaml"), labelled());
    assert!(host.world.read("orders/odd.yaml").contains("# aligned"));
}

fn new_resources() {
    let Some(host) = host() else { return };
    let billing = text("kpt/package/billing.yaml").replace(
        "spec:\n  selector:\n    tier: billing\n  ports",
        "spec:\n  type: NodePort\n  selector:\n    tier: billing\n  ports",
    );
    host.world.write("orders/deep/billing.yaml", &billing);
    std::fs::remove_file(host.world.path("orders/billing.yaml")).expect("removed");
    host.world.write("mesh.yaml", "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nmetadata: {name: mesh}\nspec:\n  unsafe: true\n  rules:\n    exposed-service: {hostTemplate: \"{service}.example.com\", gatewaySelector: {istio: ingress}}\n");
    host.run(&["kpt", "fn", "eval", "orders", "--exec", "meshfix", "--fn-config", "mesh.yaml"]).with(0);
    let out = host.world.read("orders/deep/billing.yaml");
    nothing_is_deleted(&resources(&billing), &resources(&out));
    assert!(out.contains("type: ClusterIP"), "{out}");
    for (file, kind) in [("billing-gateway.yaml", "Gateway"), ("billing-external.yaml", "VirtualService")] {
        let new = host.world.read(&format!("orders/deep/{file}"));
        assert!(new.contains(&format!("kind: {kind}\n")) && !new.contains("annotations"), "{new}");
    }
}
