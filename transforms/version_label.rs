use super::pod_labels::{Wanted, doubt, is_judged, named};
use crate::config::VersionValue;
use crate::manifest::{Primary, ResourceId, Workload};
use crate::rule::{Context, Finding, Level, Meta, Safety, Transform};
use crate::transform;

transform! {
    /// Flags pods without a label `version` that tells them from others behind the same Service.
    ///
    /// ## Why
    /// Subsets, canary releases and traffic lanes choose pods of a Service by `version`, and metrics are told apart
    /// by it. It must be there, and differ for each workload behind one Service. Istio recommends the label (profile
    /// `istio`: a warning). The specification, read by the letter, asks for the name of the Service as its value;
    /// `rules.version-label.value: service-name` asks for that, and it leaves nothing to choose by.
    ///
    /// ## Fix
    /// Adds `version` to the labels of the pod template, never to a selector. The value is the first of: the annotation
    /// `meshfix.dev/version` of the pod template; the version of a subset that a DestinationRule of the Service has for
    /// these pods; in a rendered stream, `app.kubernetes.io/version`; the end of the workload's name, where it tells a
    /// version (`reviews-v2`, `cart-canary`); else `v1` (`rules.version-label.default`).
    ///
    /// ## Safety
    /// Safe where no selector in the files would come to match the pods; unsafe where one would, such as a subset that
    /// had no pods, where the selector is not written and defaults to the labels, and where a kustomize patch may set the
    /// labels. Manual where two workloads behind one Service have the same version, or would get it.
    VersionLabel, "version-label", "pods must have a label `version` of their own",
    level: Level::Error, after: &["reserved-port", "target-port", "headless-port", "port-protocol", "app-label"], istio: None,
    safety: Some(Safety::Safe),
    example: include_str!("../testdata/version-label/two-versions/fix.diff"),
}

/// Why the label matters.
const WHY: &str = "subsets, canary releases and traffic lanes choose the pods of a Service by `version`";

impl Transform for VersionLabel {
    fn meta(&self) -> &Meta {
        &Self::META
    }

    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>) {
        for workload in cx.inventory.workloads() {
            let Primary::One { service, is_certain } = cx.inventory.primary_service(workload) else { continue };
            let doubts = doubt(cx, service, is_certain);
            let pods = Pods { cx, workload, service, doubts };
            let finding = match cx.options.version_label.value {
                VersionValue::Present => pods.present(),
                VersionValue::ServiceName => pods.service_name(),
            };
            findings.extend(finding.filter(|_| is_judged(cx, workload, "version")));
        }
    }
}

struct Pods<'a> {
    cx: &'a Context<'a>,
    workload: Workload<'a>,
    service: ResourceId,
    doubts: Vec<String>,
}

impl<'a> Pods<'a> {
    fn version(&self, workload: Workload<'a>) -> Option<&'a str> {
        self.cx.inventory.pod_label(workload, "version").filter(|version| !version.is_empty())
    }

    fn wanted(self, value: String) -> Wanted<'a> {
        let Pods { cx, workload, doubts, .. } = self;
        Wanted { cx, meta: &VersionLabel::META, workload, key: "version", value, why: WHY, doubts }
    }

    fn present(self) -> Option<Finding> {
        let beside = self.cx.inventory.workloads_beside(self.workload, self.service);
        let others = beside.iter().map(|other| (*other, self.version(*other)));
        let have = self.version(self.workload);
        let value = match have {
            Some(have) => have.to_owned(),
            None => self.derived(self.workload, beside.is_empty()),
        };
        let theirs = |(other, version): (Workload<'a>, Option<&'a str>)| {
            (other, version.map_or_else(|| self.derived(other, false), str::to_owned))
        };
        let equal = others.map(theirs).find(|(_, version)| *version == value).map(|(other, _)| other);
        match (have, equal) {
            (Some(_), None) => None,
            (Some(_), Some(other)) => self.not_distinct(other),
            (None, Some(other)) => Some(self.collision(&value, other)),
            (None, None) => {
                let message = format!("the pods of {} have no label `version`", named(self.cx, self.service));
                Some(self.wanted(value).missing(message))
            }
        }
    }

    /// The version that the manifests tell.
    fn derived(&self, workload: Workload<'a>, is_alone: bool) -> String {
        let (inventory, name) = (self.cx.inventory, workload.resource.name.name.as_str());
        if let Some(version) = workload.pod_annotation("meshfix.dev/version").filter(|version| !version.is_empty()) {
            return version.to_owned();
        }
        let by_name = inventory.version_by_name(name, self.service, is_alone);
        let subsets = inventory.subset_versions(self.service, workload);
        match (by_name, subsets.as_slice()) {
            (Some(version), subsets) if subsets.contains(&version) => return version.to_owned(),
            (_, [version]) if is_alone => return (*version).to_owned(),
            _ => {}
        }
        let released = || workload.pod_label("app.kubernetes.io/version").filter(|version| is_label_value(version));
        let released = inventory.is_rendered(workload.id).then(released).flatten().filter(|_| is_alone);
        released.or(by_name).unwrap_or(&self.cx.options.version_label.default).to_owned()
    }

    fn not_distinct(self, other: Workload<'a>) -> Option<Finding> {
        let field = self.workload.labels()?.get("version")?;
        // One finding says it for both.
        if self.workload.id < other.id {
            return None;
        }
        let (name, service) = (&other.resource.name, named(self.cx, self.service));
        let value = self.version(self.workload)?;
        let message = format!("`version` is `{value}`, as for {}/{} behind the same {service}", name.kind, name.name);
        let wanted = self.wanted(String::new());
        let finding = wanted.finding(field, message);
        Some(finding.help(format!("{WHY}; give each workload behind it a version of its own")))
    }

    fn collision(self, value: &str, other: Workload<'a>) -> Finding {
        let (name, service) = (&other.resource.name, named(self.cx, self.service));
        let message = format!("the pods of {service} have no label `version`");
        let other = format!("{}/{}", name.kind, name.name);
        let value = value.to_owned();
        let workload = self.workload;
        let finding = self.wanted(value.clone()).finding(super::pod_labels::place(workload), message);
        finding
            .help(format!("{WHY}; `{value}` would be that of {other} behind the same {service}, so choose one"))
            .snippet("annotations:\n  meshfix.dev/version: v2")
    }

    /// The specification by the letter.
    fn service_name(self) -> Option<Finding> {
        let name = self.cx.inventory.resource(self.service).name.name.clone();
        let have = self.version(self.workload);
        let service = named(self.cx, self.service);
        if have == Some(&name) {
            return None;
        }
        if let Some(kustomization) = self.cx.inventory.renamer(self.service) {
            let file = self.cx.inventory.file_name(kustomization);
            let help = format!("{WHY}; {file} gives the Service another name, so write `version` with that name there");
            let field = super::pod_labels::place(self.workload);
            let message = format!("`version` is not the name of {service}");
            return Some(self.wanted(name).finding(field, message).help(help));
        }
        let field = self.workload.labels().and_then(|labels| labels.get("version")).filter(|_| have.is_some());
        Some(match (have, field) {
            (Some(have), Some(field)) => {
                let message = format!("`version` is `{have}`, not the name of {service}");
                self.wanted(name).wrong(field, message)
            }
            _ => self.wanted(name).missing(format!("the pods of {service} have no label `version`")),
        })
    }
}

/// True for what a label's value may be.
fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63 && ends(text.chars().next()) && ends(text.chars().last()) && text.chars().all(inside)
}
