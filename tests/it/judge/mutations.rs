//! The judge can say no: fixes that are wrong on purpose, and what it must say of them.

/// A wrong fix, or a right one where nothing is expected.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) unsafe_fixes: bool,
    /// The failures, in order, by what each must hold.
    pub(crate) failures: &'static [&'static str],
}

/// All of them.
pub(crate) const ALL: &[Mutation] = &[
    Mutation {
        name: "a_selector_stays",
        before: r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]}}}}"#,
        after: r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "shop"}}, "template": {"metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]}}}}"#,
        unsafe_fixes: true,
        failures: &["on top of what is there: 422 Deployment"],
    },
    Mutation {
        name: "a_node_port_goes_with_its_type",
        before: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}}"#,
        after: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": "ClusterIP", "ports": [{"port": 80, "nodePort": 30080}]}}"#,
        unsafe_fixes: true,
        failures: &["in an empty namespace: 422 Service"],
    },
    Mutation {
        name: "a_pod_may_be_made_again_after_an_unsafe_fix",
        before: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"hostNetwork": true, "containers": [{"name": "web", "image": "web"}]}}"#,
        after: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "web", "image": "web"}]}}"#,
        unsafe_fixes: true,
        failures: &[],
    },
    Mutation {
        name: "no_pod_is_made_again_after_a_safe_fix",
        before: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"hostNetwork": true, "containers": [{"name": "web", "image": "web"}]}}"#,
        after: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "web", "image": "web"}]}}"#,
        unsafe_fixes: false,
        failures: &["on top of what is there: 422 Pod"],
    },
    Mutation {
        name: "an_unknown_field_is_seen",
        before: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80}]}}"#,
        after: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80, "protocolName": "http"}]}}"#,
        unsafe_fixes: true,
        failures: &["on top of what is there: 500", "in an empty namespace: 400"],
    },
    Mutation {
        name: "a_new_resource_is_judged_and_its_name_is_free",
        before: r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}"#,
        after: r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
---
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
---
{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "web"},
    "spec": {"servers": [{"port": {"number": 80}, "hosts": []}]}}"#,
        unsafe_fixes: true,
        failures: &[
            "Gateway default/web: after the fix, on top of what is there: 422",
            "ConfigMap default/web: after the fix, in an empty namespace: 409",
            "Gateway default/web: after the fix, in an empty namespace: 422",
        ],
    },
    Mutation {
        name: "what_is_refused_before_may_be_refused_after",
        before: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "nodeport"}}"#,
        after: r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "clusterip"}}"#,
        unsafe_fixes: true,
        failures: &[],
    },
];

/// What the API server takes, and Istio does not.
pub(crate) const USER: Mutation = Mutation {
    name: "the_proxy_has_its_user_alone",
    before: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": "web"}]}}"#,
    after: r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"securityContext": {"runAsUser": 1337}, "containers": [{"name": "web", "image": "web"}]}}"#,
    unsafe_fixes: true,
    failures: &["the_proxy_has_its_user_alone: IST0144 Pod shop/web"],
};
