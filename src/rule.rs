//! What a rule is, what it finds, and how it says what is to change.

use std::ops::Range;

use serde_json::Value;

use crate::config::Options;
pub use crate::config::{Level, Safety};
use crate::manifest::{Carrier, Field, Inventory, NodeId, ResourceId, ResourceName, Workload};
use crate::text::Loc;
use crate::yaml::{self, Op};

/// What a change relied on without changing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Premise {
    /// Text that must not change under it.
    Span(Loc),
    /// Something that nobody else may take: a port of a workload, a name.
    Claim {
        /// Whose.
        owner: ResourceName,
        /// What.
        key: String,
    },
}

/// A resource that is not there yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// The resource that it belongs to, by its top node.
    pub beside: NodeId,
    /// The name of its file; `None` where it goes into the stream that the other one came in.
    pub file: Option<String>,
    /// The whole resource.
    pub value: Value,
}

impl Creation {
    /// What it is called.
    pub fn name(&self) -> ResourceName {
        let text = |pointer: &str| self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        ResourceName {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty()),
            name: text("/metadata/name"),
        }
    }
}

/// A resource as the text of a manifest, for people to paste.
pub fn manifest_text(value: &Value) -> String {
    yaml::document_text(value)
}

/// What is to change, over any number of files: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// The operations.
    pub ops: Vec<(NodeId, Op)>,
    /// New resources, in order.
    pub creations: Vec<Creation>,
    /// What they rely on.
    pub premises: Vec<Premise>,
}

impl Change {
    /// Gives the field this value.
    pub fn set(&mut self, field: Field<'_>, value: impl Into<Value>) {
        self.ops.push((field.id(), Op::Set(value.into())));
    }

    /// Takes the field out.
    pub fn remove(&mut self, field: Field<'_>) {
        self.ops.push((field.id(), Op::Remove));
    }

    /// Adds the entry at `path` below a mapping, placed as `order` has it.
    pub fn insert(
        &mut self,
        parent: Field<'_>,
        path: &[&str],
        value: impl Into<Value>,
        order: &'static [&'static str],
    ) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.ops.push((parent.id(), Op::Insert { path, value: value.into(), order }));
    }

    /// Adds an item at the end of the sequence at `path` below a mapping.
    pub fn push(&mut self, parent: Field<'_>, path: &[&str], value: impl Into<Value>) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.ops.push((parent.id(), Op::Push { path, value: value.into() }));
    }

    /// Replaces a range of bytes of a string's value; the rest of its text stays as it is written.
    pub fn splice(&mut self, field: Field<'_>, range: Range<usize>, text: impl Into<String>) {
        self.ops.push((field.id(), Op::Splice { range, text: text.into() }));
    }

    /// Adds the entry at `path` of the YAML or JSON that stands in a string, in its own style.
    ///
    /// # Errors
    /// The reason, when the string is not such text or can't be changed in part.
    pub fn insert_inside(&mut self, field: Field<'_>, path: &[&str], value: impl Into<Value>) -> Result<(), String> {
        let embedded = field.embedded().ok_or("the text is not YAML")?;
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        let insert = Op::Insert { path, value: value.into(), order: &[] };
        let root = embedded.document().root().into();
        let splices = embedded.splices(&[(root, insert)]).map_err(|refusal| refusal.to_string())?;
        let outer = field.id();
        self.ops.extend(splices.into_iter().map(|(node, op)| (NodeId { node, ..outer }, op)));
        Ok(())
    }

    /// Makes a new resource beside another one: a document of a file of this name in the same folder, which
    /// kustomizations then name as they name the other one's; in a stream a document, in a ResourceList an item.
    /// Nobody else may make one of its name in the same pass.
    ///
    /// # Errors
    /// The reason, when a kustomization would have to name the file and can't be changed.
    pub fn create(
        &mut self,
        inventory: &Inventory<'_>,
        beside: ResourceId,
        file_name: &str,
        mut value: Value,
    ) -> Result<(), String> {
        let Some(root) = inventory.root(beside) else { return Err("its resource is gone".to_owned()) };
        let creation = match inventory.carrier(beside, file_name)? {
            Carrier::List { list, annotations, entries } => {
                for (kustomization, entry) in entries {
                    self.push_once(kustomization, "resources", entry);
                }
                let is_in_file = |(_, op): &&(NodeId, Op)| match op {
                    Op::Push { value, .. } => annotations
                        .first()
                        .is_some_and(|(key, path)| value["metadata"]["annotations"][*key].as_str() == Some(path)),
                    _ => false,
                };
                let earlier = self.ops.iter().filter(is_in_file).count();
                for (key, text) in annotations {
                    let index = text.parse::<usize>().ok().filter(|_| key.ends_with("index"));
                    let text = index.map_or(text, |index| (index + earlier).to_string());
                    value["metadata"]["annotations"][key] = text.into();
                }
                self.push(list, &["items"], value.clone());
                Creation { beside: root.id(), file: None, value }
            }
            Carrier::Stream => {
                let creation = Creation { beside: root.id(), file: None, value };
                self.creations.push(creation.clone());
                creation
            }
            Carrier::File { name, entries } => {
                for (kustomization, entry) in entries {
                    self.push_once(kustomization, "resources", entry);
                }
                let creation = Creation { beside: root.id(), file: Some(name), value };
                self.creations.push(creation.clone());
                creation
            }
        };
        // Without a namespace two of one name may be in two, unless they are deployed together.
        let owner = creation.name();
        let key = if owner.namespace.is_none() { inventory.deployed_as(beside) } else { String::new() };
        self.premises.push(Premise::Claim { owner, key });
        Ok(())
    }

    /// The resources that it makes, whatever carries them.
    pub fn new_resources(&self) -> impl Iterator<Item = &Value> {
        let items = self.ops.iter().filter_map(|(_, op)| match op {
            Op::Push { value, .. } => Some(value).filter(|value| value.get("kind").is_some()),
            _ => None,
        });
        self.creations.iter().map(|creation| &creation.value).chain(items)
    }

    /// Adds a text at the end of a list, unless this change adds it already.
    fn push_once(&mut self, parent: Field<'_>, key: &str, text: String) {
        let op = (parent.id(), Op::Push { path: vec![key.to_owned()], value: text.into() });
        if !self.ops.contains(&op) {
            self.ops.push(op);
        }
    }

    /// Says that the change is right only while the field stays as it is.
    pub fn rely_on(&mut self, field: Field<'_>) {
        self.premises.push(Premise::Span(field.entry_loc()));
    }
}

/// A change with its meaning for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What it does, as an order: "remove `hostNetwork`".
    pub title: String,
    /// Whether it needs a person.
    pub safety: Safety,
    /// What may happen to what is outside the input; "" when nothing.
    pub consequence: String,
    /// The change.
    pub change: Change,
}

/// A place that keeps a workload out of the mesh. It owns its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The code of `istioctl analyze` for the same problem.
    pub istio: Option<&'static str>,
    /// How bad it is.
    pub level: Level,
    /// The resource's number in the inventory of the pass that found it; in an outcome, its number in the input.
    pub id: ResourceId,
    /// The resource.
    pub resource: ResourceName,
    /// The place.
    pub at: Loc,
    /// The place as a JSON Pointer into the document.
    pub path: String,
    /// The same with list items by their names, where they have one: it does not change when items move.
    pub named_path: String,
    /// What was found, quoting the user's own value.
    pub message: String,
    /// Why it matters and what to do.
    pub help: String,
    /// Text to paste where there is no fix.
    pub snippet: Option<String>,
    /// Other places that matter, each with a remark.
    pub related: Vec<(Loc, String)>,
    /// The fix, if a manifest can decide it.
    pub fix: Option<Fix>,
    /// Why there is no fix although the rule has one, or why a fix is not applied.
    pub refusal: Option<String>,
    /// The message when the rule finds the same in several places, `{}` for their number: one setting of the mesh
    /// decides all of them, so a run reports them as one.
    pub together: Option<String>,
}

impl Finding {
    /// A finding of the rule's own level at a field of a workload.
    pub fn new(meta: &Meta, workload: Workload<'_>, field: Field<'_>, message: impl Into<String>) -> Self {
        Finding::on(meta, workload.id, workload.resource.name.clone(), field, message.into())
    }

    /// A finding of the rule's own level at a field of any resource.
    pub fn of(
        meta: &Meta,
        inventory: &Inventory<'_>,
        id: ResourceId,
        field: Field<'_>,
        message: impl Into<String>,
    ) -> Self {
        Finding::on(meta, id, inventory.resource(id).name.clone(), field, message.into())
    }

    fn on(meta: &Meta, id: ResourceId, resource: ResourceName, field: Field<'_>, message: String) -> Self {
        Finding {
            rule: meta.name,
            istio: meta.istio,
            level: meta.level,
            id,
            resource,
            at: field.loc(),
            path: field.json_pointer(),
            named_path: field.named_path(),
            message,
            help: String::new(),
            snippet: None,
            related: Vec::new(),
            fix: None,
            refusal: None,
            together: None,
        }
    }

    /// With another level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// With the reason and the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// With text to paste.
    #[must_use]
    pub fn snippet(mut self, snippet: impl Into<String>) -> Self {
        self.snippet = Some(snippet.into());
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn related(mut self, field: Field<'_>, remark: impl Into<String>) -> Self {
        self.related.push((field.loc(), remark.into()));
        self
    }

    /// With the message for several places that are reported as one, `{}` for their number.
    #[must_use]
    pub fn together(mut self, message: impl Into<String>) -> Self {
        self.together = Some(message.into());
        self
    }

    /// With a fix. A workload that is not to be changed here keeps the finding and loses the fix; one
    /// that the API server would not update gets an unsafe one.
    #[must_use]
    pub fn fix(mut self, workload: Workload<'_>, mut fix: Fix) -> Self {
        if let Some(reason) = workload.not_ours() {
            self.refusal = Some(reason.to_owned());
            return self;
        }
        let is_in_metadata = |(at, op): &(NodeId, Op)| match op {
            Op::Insert { path, .. } | Op::Push { path, .. } => workload.is_own_metadata(*at, path),
            Op::Set(_) | Op::Splice { .. } | Op::Remove => workload.is_own_metadata(*at, &[]),
        };
        let only_metadata = fix.change.ops.iter().all(is_in_metadata);
        if let Some(reason) = workload.immutable().filter(|_| !only_metadata) {
            fix.safety = Safety::Unsafe;
            if !fix.consequence.is_empty() {
                fix.consequence.push_str("; ");
            }
            fix.consequence.push_str(reason);
            fix.consequence.push_str(": delete and create it anew");
        }
        self.fix = Some(fix);
        self
    }
}

/// What a rule says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Its name, as users write it.
    pub name: &'static str,
    /// What it requires, in one line.
    pub summary: &'static str,
    /// Its page, in Markdown: the doc comment of its type.
    pub docs: &'static str,
    /// The level of its findings.
    pub level: Level,
    /// Rules that must settle first on the same resource.
    pub after: &'static [&'static str],
    /// The code of `istioctl analyze` for the same problem.
    pub istio: Option<&'static str>,
    /// The diff of a fixture as its example, or what was found there for a rule that only reports; "" for a rule
    /// of the user's own.
    pub example: &'static str,
    /// The best safety that its fixes can have; `None` for a rule that only reports.
    pub safety: Option<Safety>,
}

/// What a rule sees.
pub struct Context<'a> {
    /// The manifests.
    pub inventory: &'a Inventory<'a>,
    /// The options of all rules.
    pub options: &'a Options,
}

/// A rule: it looks at everything and reports at the place that must change.
pub trait Transform: Sync {
    /// What the rule says of itself.
    fn meta(&self) -> &Meta;

    /// Whether its fixes are for what is in the mesh, so that a base must be in the mesh wherever it is deployed.
    fn is_about_the_mesh(&self) -> bool {
        true
    }

    /// Adds what it finds.
    fn check(&self, cx: &Context<'_>, findings: &mut Vec<Finding>);
}

/// Declares a rule: its page as a doc comment, its type, and what it says of itself.
#[macro_export]
macro_rules! transform {
    ($(#[doc = $doc:literal])* $type:ident, $name:literal, $summary:literal, $($field:ident: $value:expr),* $(,)?) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(crate) struct $type;

        impl $type {
            const META: $crate::rule::Meta = $crate::rule::Meta {
                name: $name,
                summary: $summary,
                docs: concat!($($doc, "\n"),*),
                $($field: $value),*
            };
        }
    };
}
