//! Manifests that have something of everything a report can hold, written for these trials.

use crate::cli::support::World;

/// The rules that the manifests are written for.
pub(super) const CHOSEN: &str = "--select=host-network,host-port,reserved-port";

/// A fix of two operations in one file, one over two files, a finding for a person; a wide character in front of places.
const BOAT: &str = "\
# Die Fähre legt stündlich ab.
apiVersion: apps/v1
kind: Deployment
metadata: {name: boat, namespace: ferry}
spec:
  selector: {matchLabels: {app: boat}}
  template:
    metadata: {labels: {app: boat}}
    spec:
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      containers:
        - name: boat
          image: registry.ferry.example/boat:3.2
          env: [{name: FLAG, value: 🛥}, {name: SERVER_PORT, value: \"15020\"}]
          ports:
            - {name: http, containerPort: 15020, hostPort: 80}
";

const PIER: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pier, namespace: ferry}
spec:
  selector: {app: boat}
  ports:
    - {name: http, port: 80, targetPort: 15020}
";

/// A fix that can't be made: other places use the value.
const BUOY: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: buoy, namespace: ferry}
spec:
  hostNetwork: &fixed true
  shareProcessNamespace: *fixed
  containers: [{name: buoy, image: \"registry.ferry.example/buoy:1\"}]
";

/// A name that every format must write in its own way.
pub(super) const ODD: &str = "ferry/a,b: 100% `x`|<y>&é.yaml";

/// The files of the goldens.
pub(super) fn ferry() -> World {
    let world = World::with(&[
        ("ferry/boat.yaml", BOAT),
        ("ferry/pier.yaml", PIER),
        ("ferry/buoy.yaml", BUOY),
        ("ferry/broken.yaml", "kind: Pod\nspec: [\n"),
        (ODD, &pod("raft")),
    ]);
    world.write("ferry/utf16.yaml", [0xff, 0xfe, b'k', 0]);
    world
}

/// A pod in the node's network.
pub(super) fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  hostNetwork: true\n  containers: [{{name: {name}, image: x}}]\n"
    )
}
