//! Manifests for the trials of this folder, written for them.

/// Two workloads: two safe fixes (`dns-policy`, `dns-ndots`) and two unsafe ones (`proxy-uid`, `host-network`).
pub(crate) const BANK: &str = "\
# What the bank runs.
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger}
spec:
  template:
    metadata: {labels: {app: ledger}}
    spec:
      dnsPolicy: ClusterFirstWithHostNet # left behind
      dnsConfig:
        options:
          - {name: ndots, value: 5}
      containers:
        - name: ledger
          image: bank/ledger:1
          securityContext:
            runAsUser: 1337
---
apiVersion: v1
kind: Pod
metadata:
  name: teller
spec:
  hostNetwork: true
  containers:
    - name: teller
      image: bank/teller:1
";

/// Two workloads with safe fixes only.
pub(crate) const SAFE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: oven}
spec:
  template:
    metadata: {labels: {app: oven}}
    spec:
      dnsPolicy: 'ClusterFirstWithHostNet'
      containers:
        - {name: oven, image: bakery/oven:2}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: flour}
spec:
  template:
    metadata: {labels: {app: flour}}
    spec:
      containers:
        - {name: flour, image: bakery/flour:2}
      dnsConfig:
        options:
          - name: ndots
            value: 5
";

/// Two workloads that nothing keeps out of the mesh.
pub(crate) const CLEAN: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: shelf
spec:
  selector: {app: shelf}
  ports:
    - {name: http, port: 80}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shelf}
spec:
  template:
    metadata: {labels: {app: shelf, version: v1}}
    spec:
      containers:
        - {name: shelf, image: library/shelf:3}
";

/// One workload with a safe fix, by name.
pub(crate) fn left_over(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata: {{labels: {{app: x}}}}\n    spec:\n      \
         dnsPolicy: ClusterFirstWithHostNet\n      containers:\n        - {{name: {name}, image: shop/{name}:1}}\n"
    )
}

/// One workload with an unsafe fix, by name.
pub(crate) fn host(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata: {{labels: {{app: x}}}}\n    spec:\n      \
         hostNetwork: true\n      containers:\n        - {{name: {name}, image: shop/{name}:1}}\n"
    )
}
