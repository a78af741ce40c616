use super::*;
use serde_json::json;

const RULES: &[&str] = &[
    "app-label",
    "dns-ndots",
    "dns-policy",
    "envoy-base-id",
    "health-probe",
    "host-network",
    "init-network",
    "job-completion",
    "proxy-uid",
    "reserved-port",
    "start-order",
    "trace-context",
    "version-label",
];

/// A configuration with this below `spec`, which is indented by two.
fn spec(text: &str) -> String {
    format!("apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nspec:\n{text}")
}

#[track_caller]
fn good(text: &str) -> Config {
    read(&spec(text), RULES).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What is wrong, each with its place.
#[track_caller]
fn bad(text: &str) -> Vec<String> {
    let problems = read(text, RULES).expect_err("something is wrong");
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn bad_spec(text: &str, expected: &[&str]) {
    assert_eq!(bad(&spec(text)), expected);
}

#[test]
fn every_key_finds_its_place() {
    let config = good(
        r#"  profile: istio
  istioVersion: "1.26"
  kubernetesVersion: v1.33.2
  nativeSidecars: off
  select: [proxy-uid, needs-team]
  ignore: [dns-ndots]
  failOn: warning
  unsafe: true
  exempt:
    namespaces: [legacy-*]
    images: ['*/agent:*']
    kinds: [CronJob]
  clusters: {east: clusters/east/, west: ./clusters/west}
  apps: {shop: .}
  ignores:
    - rules: [host-network]
      paths: ["legacy/*"]
      resource: {kind: DaemonSet, name: agent-*, namespace: ops}
      reason: goes away in spring
  transforms:
    - id: needs-team
      message: no team
      help: add the label
      level: error
      safety: safe
      consequence: none that we know
      target: {group: apps, kind: Deployment, name: web-*, namespace: shop, labelSelector: "app=web, tier==front"}
      patch:
        - {op: test, path: /metadata/labels/team, value: null}
        - {op: add, path: /metadata/labels/team, value: shop}
  rules:
    app-label: {canonical: true, withoutService: workload-name}
    dns-ndots: {explicit: true, value: "2", safety: safe}
    dns-policy: {safety: unsafe}
    envoy-base-id: {start: 10, images: ['*/edge:*']}
    health-probe: {generate: tcp}
    host-network: {allow: [radar-*], explicitOptOut: true, dropHostPorts: true}
    init-network: {cni: false}
    job-completion: {strategy: opt-out}
    proxy-uid: {replacement: 20000, strategy: remove}
    reserved-port: {portMap: {15001: 8081, "15006": 8082}, portBase: 20000, extraPorts: [15443]}
    start-order: {annotate: true}
    trace-context: {mode: sdk-env, endpoint: "http://otel:4317", instrumentation: "true", provider: otel}
    version-label: {value: service-name, default: blue}
"#,
    );
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let options = &config.options;
    assert_eq!((config.select, config.ignore), (text(&["proxy-uid", "needs-team"]), text(&["dns-ndots"])));
    assert_eq!((config.fail_on, config.unsafe_fixes), (Some(Level::Warning), true));
    assert_eq!((options.profile, options.native_sidecars), (Profile::Istio, NativeSidecars::Off));
    assert_eq!((options.istio_version, options.kubernetes_version), (Some(Version(1, 26)), Some(Version(1, 33))));
    assert_eq!(options.exempt.namespaces, ["legacy-*"]);
    assert_eq!((&options.exempt.images[0][..], &options.exempt.kinds[0][..]), ("*/agent:*", "CronJob"));
    assert_eq!((&options.clusters["east"][..], &options.clusters["west"][..]), ("clusters/east", "clusters/west"));
    assert_eq!(options.apps["shop"], "");
    let ignore = &options.ignores[0];
    assert_eq!((&ignore.rules, &ignore.paths), (&text(&["host-network"]), &text(&["legacy/*"])));
    assert_eq!((ignore.kind.as_deref(), ignore.name.as_deref()), (Some("DaemonSet"), Some("agent-*")));
    assert_eq!((ignore.namespace.as_deref(), ignore.reason.as_str()), (Some("ops"), "goes away in spring"));
    let transform = &options.transforms[0];
    assert_eq!((transform.level, transform.safety), (Level::Error, Safety::Safe));
    assert_eq!((&transform.help[..], &transform.consequence[..]), ("add the label", "none that we know"));
    assert_eq!(
        (transform.target.group.as_deref(), transform.target.kind.as_deref()),
        (Some("apps"), Some("Deployment"))
    );
    assert_eq!((&transform.target.labels["app"][..], &transform.target.labels["tier"][..]), ("web", "front"));
    assert_eq!(transform.patch.0.len(), 2);
    assert!(options.app_label.canonical && options.app_label.without_service == WithoutService::WorkloadName);
    assert!(options.dns_ndots.explicit && options.dns_ndots.value == "2");
    assert_eq!((options.safety["dns-ndots"], options.safety["dns-policy"]), (Safety::Safe, Safety::Unsafe));
    assert_eq!((options.envoy_base_id.start, options.envoy_base_id.images.len()), (10, 1));
    assert_eq!(options.health_probe.generate, GeneratedProbe::Tcp);
    let host_network = &options.host_network;
    assert!(host_network.allow == ["radar-*"] && host_network.explicit_opt_out && host_network.drop_host_ports);
    assert_eq!((options.init_network.cni, options.job_completion.strategy), (Some(false), JobStrategy::OptOut));
    assert_eq!(options.proxy_uid, ProxyUidOptions { replacement: 20_000, remove: true });
    let ports = &options.reserved_port;
    assert_eq!(ports.port_map, BTreeMap::from([(15_001, 8081), (15_006, 8082)]));
    assert_eq!((ports.port_base, &ports.extra_ports[..]), (20_000, &[15_443][..]));
    assert!(options.start_order.annotate);
    let trace = &options.trace_context;
    assert_eq!((trace.mode, trace.endpoint.as_deref()), (TraceMode::SdkEnv, Some("http://otel:4317")));
    assert_eq!((trace.instrumentation.as_deref(), trace.provider.as_deref()), (Some("true"), Some("otel")));
    assert_eq!((options.version_label.value, &options.version_label.default[..]), (VersionValue::ServiceName, "blue"));
}

#[test]
fn nothing_written_is_the_default() {
    assert_eq!(good("  # nothing yet\n"), Config::default());
    assert_eq!(good("  rules:\n    proxy-uid:\n  exempt:\n  unsafe:\n  ignores:\n"), Config::default());
    let metadata = "apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nmetadata: {name: x, annotations: {a: b}}\n";
    assert_eq!(read(metadata, RULES), Ok(Config::default()));
}

/// The defaults that the documentation and the schema show are those that hold.
#[test]
fn shown_defaults_are_true() {
    let mut shown = 0;
    let schema = schema(RULES);
    let mut open = vec![(Vec::new(), &schema["properties"]["spec"])];
    let mut value = json!({});
    while let Some((path, schema)) = open.pop() {
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            if let Some(default) = schema.get("default") {
                shown += 1;
                let parent = path[..path.len() - 1].iter().fold(&mut value, |at, part| &mut at[*part]);
                parent[name] = default.clone();
            }
            open.push((path, schema));
        }
    }
    assert!(shown > 15, "{shown} defaults");
    let whole = json!({"apiVersion": API_VERSION, "kind": KIND, "spec": value});
    let expected = Config { fail_on: Some(Level::Error), ..Config::default() };
    assert_eq!(read_value(&whole, RULES), Ok(expected));
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    bad_spec(
        "  rule: {}\n  rules:\n    reserved-port: {portmap: {}}\n    proxy-id: {}\n    dns-policy: {x: 1}\n",
        &[
            "4:3: there is no key `rule` in `spec`; did you mean `rules`?",
            "6:21: there is no key `portmap` in `rules.reserved-port`; did you mean `portMap`?",
            "7:5: there is no rule `proxy-id`; did you mean `proxy-uid`?",
            "8:18: there is no key `x` in `rules.dns-policy`; there is `safety`",
        ],
    );
    assert_eq!(
        bad("apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\nprofile: seed\nmetdata: {}\n"),
        ["3:1: `profile` belongs below `spec`", "4:1: there is no key `metdata`; did you mean `metadata`?"]
    );
    bad_spec("  select: [proxy-uuid]\n", &["4:12: there is no rule `proxy-uuid`; did you mean `proxy-uid`?"]);
}

/// A configuration comes with a repository. It runs nothing, writes nowhere, leaves nothing unproven.
#[test]
fn a_configuration_has_no_reach() {
    for key in [
        "command",
        "exec",
        "plugins",
        "output",
        "write",
        "check",
        "proof",
        "verify",
        "maxFileSize",
        "threads",
        "format",
        "exitZero",
        "config",
        "extends",
        "baseline",
        "select-none",
    ] {
        let problems = bad(&spec(&format!("  {key}: 1\n")));
        assert!(problems[0].contains(&format!("there is no key `{key}`")), "{problems:?}");
    }
    bad_spec(
        "  clusters: {a: ../x, b: /etc, c: a/../../b, d: ''}\n  ignores: [{paths: [../x], reason: why}]\n",
        &[
            "4:17: `clusters.a` must be a folder below that of the configuration, without `..`, not the string \"../x\"",
            "4:26: `clusters.b` must be a folder below that of the configuration, without `..`, not the string \"/etc\"",
            "4:35: `clusters.c` must be a folder below that of the configuration, without `..`, not the string \"a/../../b\"",
            "4:49: `clusters.d` must be a folder below that of the configuration, without `..`, not the string \"\"",
            "5:22: `ignores[0].paths[0]` must be a path below the folder of the configuration, without `..`, not the string \"../x\"",
        ],
    );
}

#[test]
fn values_of_another_type_are_named() {
    bad_spec(
        r#"  unsafe: "true"
  profile: sed
  istioVersion: 1.30
  kubernetesVersion: latest
  rules:
    proxy-uid: {replacement: "x"}
    dns-ndots: {value: 5}
    host-network: {allow: radar}
    app-label: [canonical]
    version-label: {default: "-v1"}
  ignores: [{reason: yes}]
"#,
        &[
            "4:11: `unsafe` must be true or false, not the string \"true\"",
            "5:12: `profile` must be `seed` or `istio`, not the string \"sed\"; did you mean `seed`?",
            "6:17: `istioVersion` must stand in quotes, like \"1.30\": without them YAML reads the number 1.3, \
             and 1.30 is the same number as 1.3",
            "7:22: `kubernetesVersion` must be a version like \"1.30\", not the string \"latest\"",
            "9:30: `rules.proxy-uid.replacement` must be a number, not the string \"x\"",
            "10:24: `rules.dns-ndots.value` must be a string: write \"5\", with the quotes",
            "11:27: `rules.host-network.allow` must be a list of texts, not the string \"radar\"",
            "12:16: `rules.app-label` must be a mapping, not a list",
            "13:30: `rules.version-label.default` must be the value of a label: at most 63 letters, digits, `-`, `_` \
             and `.`, with a letter or digit at both ends, not the string \"-v1\"",
            "14:22: `ignores[0].reason` must be a string, and YAML reads true here: put it in quotes",
        ],
    );
}

#[test]
fn values_out_of_range_are_named() {
    bad_spec(
        r#"  rules:
    proxy-uid: {replacement: 1337}
    envoy-base-id: {start: 0}
    dns-ndots: {value: "16"}
    reserved-port:
      portMap: {15001: 8081, 15006: 8081, 15020: 15021, x: 1, 15090: 70000, 15000: 9000}
      portBase: 15000
      extraPorts: [9000]
"#,
        &[
            "5:30: `rules.proxy-uid.replacement` must not be 1337, the proxy's own user",
            "6:28: `rules.envoy-base-id.start` must be from 1 to 65535, not 0",
            "7:24: `rules.dns-ndots.value` must be a number from 0 to 15 in quotes, not the string \"16\"",
            "9:37: `rules.reserved-port.portMap[15006]` must not be 8081, which 15001 has become already",
            "9:50: `rules.reserved-port.portMap[15020]` must not be 15021, which the mesh reserves too",
            "9:60: `x` is no port: a port is a number from 1 to 65535",
            "9:70: `rules.reserved-port.portMap[15090]` must be from 1 to 65535, not 70000",
            "9:84: `rules.reserved-port.portMap[15000]` must not be 9000, which `extraPorts` reserves",
            "10:17: `rules.reserved-port.portBase` must not be 15000, one that the mesh reserves",
        ],
    );
}

#[test]
fn rules_of_ones_own_are_checked() {
    bad_spec(
        r#"  ignores:
    - rules: [proxy-uid]
  transforms:
    - id: proxy-uid
      message: x
      target: {kind: Pod, labelSelector: app in (web)}
      patch: [{op: replce, path: /x}, {op: add, path: /x}, {op: add, path: x, value: 1}, {op: remove, path: /x, vale: 1}]
    - id: My Rule
      message: x
      target: {}
      patch: |
        - op: remove
    - id: mine
      patch: []
  rules:
    mine: {safety: safe}
"#,
        &[
            "5:7: `ignores[0]` needs `reason`: why, for those who come after you",
            "7:11: `transforms[0].id` must not be `proxy-uid`, which is a rule of meshfix",
            "9:42: `transforms[0].target.labelSelector` takes labels like `app=web,tier=front`, each equal; not `app in (web)`",
            "10:15: `transforms[0].patch[0]`: there is no operation `replce`; did you mean `replace`?",
            "10:39: `transforms[0].patch[1]`: the operation `add` needs `value`",
            "10:76: `transforms[0].patch[2].path` must be a JSON Pointer like `/spec/replicas`, not the string \"x\"",
            "10:119: `transforms[0].patch[3]`: the operation `remove` has no `vale`; there is `op` and `path`",
            "11:11: `transforms[1].id` must be a name in lower case, with `-` between words, not the string \"My Rule\"",
            "14:14: `transforms[1].patch` must be a list of operations, not a text: take away the `|` in front of it",
            "16:7: `transforms[2]` needs `message`: what is wrong where the patch applies",
            "16:7: `transforms[2]` needs `target`: the resources it is for; all conditions must hold",
            "17:14: `transforms[2].patch` has no operation",
            "19:5: `mine` is a rule of your own: say its `level` and `safety` in `transforms`",
        ],
    );
}

#[test]
fn the_head_must_be_right() {
    assert_eq!(
        bad("kind: MeshFix\nspec: {}\n"),
        [
            "1:1: `apiVersion` is missing; a configuration starts with `apiVersion: meshfix.dev/v1alpha1` and `kind: MeshFix`"
        ]
    );
    assert_eq!(
        bad("apiVersion: meshfix.dev/v1\nkind: MeshFix\nspec: {x: 1}\n"),
        ["1:13: `apiVersion` must be `meshfix.dev/v1alpha1`, not the string \"meshfix.dev/v1\""]
    );
    assert_eq!(
        bad("apiVersion: meshfix.dev/v1alpha1\nkind: Deployment\n"),
        ["2:7: `kind` must be `MeshFix`, not the string \"Deployment\""]
    );
    assert!(bad("- 1\n")[0].starts_with("1:1: it is a list, not a configuration; a configuration starts with"));
    assert!(bad("# nothing\n")[0].starts_with("1:1: it is empty; a configuration starts with"));
    assert_eq!(
        bad("apiVersion: meshfix.dev/v1alpha1\nkind: MeshFix\n---\nkind: Pod\n"),
        ["4:1: a configuration is one document; this is a second one"]
    );
    assert!(bad("kind: [\n")[0].contains("not valid YAML"));
    bad_spec("  unsafe: true\n  unsafe: false\n", &["5:3: the key `unsafe` stands twice in this mapping; keep one"]);
}

#[test]
fn a_configuration_without_text_has_problems_without_places() {
    let value =
        json!({"apiVersion": API_VERSION, "kind": KIND, "spec": {"rules": {"proxy-uid": {"replacement": "x"}}}});
    let problems = read_value(&value, RULES).expect_err("wrong");
    assert_eq!(
        problems,
        [Problem {
            at: None,
            message: "`rules.proxy-uid.replacement` must be a number, not the string \"x\"".to_owned()
        }]
    );
}

#[test]
fn a_part_of_a_document_is_read_where_it_stands() {
    let text = "items: []\nfunctionConfig:\n  apiVersion: meshfix.dev/v1alpha1\n  kind: MeshFix\n  spec: {unsafe: 1}\n";
    let document = crate::yaml::parse_text(text).expect("YAML").expect("a document");
    let node = document.root().get("functionConfig").expect("there");
    let problems = read_node(node, RULES).expect_err("wrong");
    assert_eq!(problems[0].to_string(), "5:18: `unsafe` must be true or false, not the number 1");
}
