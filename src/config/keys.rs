//! The keys of the configuration; those of each rule are in `rule_keys.rs`.

use super::key::{Is, Key, Many, One, Texts, Without};
use super::{Cidr, Config, Exempt, Ignore, Level, Mode, NativeSidecars, Profile, Safety, Target, UserTransform};

use Without::{Default, Required, Unset};

/// Any text but an empty one.
pub(super) const TEXT: Texts = Texts { what: "text that is not empty", pattern: ".", accepts: |text| !text.is_empty() };

/// Names with wildcards.
pub(super) const GLOB: Texts = Texts { what: "a name or glob", ..TEXT };

/// Files below the configuration's folder.
const FILES: Texts = Texts {
    what: "a path below the folder of the configuration, without `..`",
    pattern: INSIDE,
    accepts: |text| !text.is_empty() && is_inside(text),
};

/// Names of rules.
pub(super) const RULE_NAME: Texts = Texts {
    what: "a name in lower case, with `-` between words",
    pattern: "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    accepts: |text| {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        };
        text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('-').all(is_word)
    },
};

/// Values of labels (apimachinery, `IsValidLabelValue`).
pub(super) const LABEL_VALUE: Texts = Texts {
    what: "the value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
    pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    accepts: |text| {
        let is_inner = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter);
        let ends = |text: &str| {
            text.starts_with(|end: char| end.is_ascii_alphanumeric())
                && text.ends_with(|end: char| end.is_ascii_alphanumeric())
        };
        text.len() <= 63 && ends(text) && text.bytes().all(is_inner)
    },
};

/// Names in the DNS.
pub(super) const DOMAIN: Texts = Texts {
    what: "a name like `cluster.local`",
    pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
    accepts: is_domain,
};

/// Blocks of addresses.
const CIDR: Texts = Texts {
    what: "a block of addresses like `10.0.0.0/8`",
    pattern: "^[0-9A-Fa-f:.]+/[0-9]+$",
    accepts: |text| Cidr::parse(text).is_some(),
};

fn cidrs(blocks: &[String]) -> Vec<Cidr> {
    blocks.iter().filter_map(|block| Cidr::parse(block)).collect()
}

/// True for labels of letters in lower case, digits and inner `-`, parted by dots (DNS-1123).
pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// True for a public name as a Gateway takes it: a domain, `*.` in front of one, or `*`.
pub fn is_host(text: &str) -> bool {
    let is_named = |text: &str| {
        let last = text.rsplit('.').next().unwrap_or_default();
        is_domain(text) && !last.bytes().all(|letter| letter.is_ascii_digit())
    };
    text == "*" || is_named(text.strip_prefix("*.").unwrap_or(text))
}

/// True for one such label.
pub(super) fn is_label(text: &str) -> bool {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Paths that are relative and never leave their folder, as editors check them.
pub(super) const INSIDE: &str = "^(?!/)(?!(.*/)?\\.\\.(/|$)).";

/// True for such a path.
pub(super) fn is_inside(path: &str) -> bool {
    !path.starts_with('/') && !path.split('/').any(|part| part == "..")
}

/// The keys below `spec`.
pub(super) const SPEC: &[Key<Config>] = &[
    Key {
        name: "profile",
        is: Is::Word(&[
            ("seed", |config| config.options.profile = Profile::Seed),
            ("istio", |config| config.options.profile = Profile::Istio),
        ]),
        without: Default("\"seed\""),
        help: "which requirements: the vendor's specification for integrating applications (`seed`), or Istio's own \
               (`istio`); as `--profile`",
    },
    Key {
        name: "istioVersion",
        is: Is::Version(|config, version| config.options.istio_version = Some(version)),
        without: Unset("the newest"),
        help: "the mesh's release; in quotes",
    },
    Key {
        name: "kubernetesVersion",
        is: Is::Version(|config, version| config.options.kubernetes_version = Some(version)),
        without: Unset("the newest"),
        help: "the oldest release of the clusters; in quotes",
    },
    Key {
        name: "nativeSidecars",
        is: Is::Word(&[
            ("auto", |config| config.options.native_sidecars = NativeSidecars::Auto),
            ("on", |config| config.options.native_sidecars = NativeSidecars::On),
            ("off", |config| config.options.native_sidecars = NativeSidecars::Off),
        ]),
        without: Default("\"auto\""),
        help: "whether the proxy is an init container that stays; `auto` tells it from the two versions",
    },
    Key {
        name: "select",
        is: Is::Selection(|config, rules| config.select = rules),
        without: Unset("all rules"),
        help: "only these rules, or `[none]`; `--select` replaces this and `ignore`",
    },
    Key {
        name: "ignore",
        is: Is::Rules(|config, rules| config.ignore = rules),
        without: Unset("none"),
        help: "all rules but these; `--ignore` adds to it",
    },
    Key {
        name: "failOn",
        is: Is::Word(&[
            ("error", |config| config.fail_on = Some(Level::Error)),
            ("warning", |config| config.fail_on = Some(Level::Warning)),
            ("info", |config| config.fail_on = Some(Level::Info)),
        ]),
        without: Default("\"error\""),
        help: "lowest level of an open finding that makes the exit code 1; `--fail-on` wins",
    },
    Key {
        name: "unsafe",
        is: Is::Flag(|config, value| config.unsafe_fixes = value),
        without: Default("false"),
        help: "include fixes that can break something outside the files, as `--unsafe`",
    },
    Key {
        name: "mode",
        is: Is::Word(&[("fix", |config| config.mode = Mode::Fix), ("check", |config| config.mode = Mode::Check)]),
        without: Default("\"fix\""),
        help: "for functions and plugins: `check` gives everything back as it came and only reports; files have `--check`",
    },
    Key {
        name: "exempt",
        is: Is::Part(&One { keys: EXEMPT, part: |config: &mut Config| &mut config.options.exempt }),
        without: Unset("nothing more"),
        help: "what is no part of the mesh, beside what belongs to the system and to the mesh itself",
    },
    Key {
        name: "clusters",
        is: Is::Folders(|config, folders| config.options.clusters = folders),
        without: Unset("none"),
        help: "the folder of each cluster's manifests, by the cluster's name: what lies in it belongs to nothing \
               outside; `--cluster` adds to it",
    },
    Key {
        name: "apps",
        is: Is::Folders(|config, folders| config.options.apps = folders),
        without: Unset("none"),
        help: "the folder of each application, by its name: what lies in it belongs to nothing outside",
    },
    Key {
        name: "clusterDomain",
        is: Is::Text(&DOMAIN, |config, text| config.options.cluster_domain = text),
        without: Default("\"cluster.local\""),
        help: "the domain of the clusters' own names",
    },
    Key {
        name: "podCIDRs",
        is: Is::TextList(&CIDR, |config, blocks| config.options.pod_cidrs = cidrs(&blocks)),
        without: Unset("all private addresses"),
        help: "the addresses of pods",
    },
    Key {
        name: "serviceCIDRs",
        is: Is::TextList(&CIDR, |config, blocks| config.options.service_cidrs = cidrs(&blocks)),
        without: Unset("none"),
        help: "the addresses of Services, which are none of pods",
    },
    Key {
        name: "ignores",
        is: Is::Part(&Many {
            keys: IGNORE,
            new: Ignore::default,
            add: |config: &mut Config, ignore| config.options.ignores.push(ignore),
        }),
        without: Unset("none"),
        help: "findings that are not to be reported; all conditions of an entry must hold",
    },
    Key {
        name: "transforms",
        is: Is::Part(&Many {
            keys: TRANSFORM,
            new: new_transform,
            add: |config: &mut Config, transform| config.options.transforms.push(transform),
        }),
        without: Unset("none"),
        help: "rules of your own: a JSON Patch for all resources of a target",
    },
    Key {
        name: "rules",
        is: Is::RuleOptions(|config| &mut config.options),
        without: Unset("the defaults"),
        help: "options of each rule, below its name",
    },
];

const EXEMPT: &[Key<Exempt>] = &[
    Key {
        name: "namespaces",
        is: Is::TextList(&GLOB, |exempt, globs| exempt.namespaces = globs),
        without: Unset("none"),
        help: "namespaces that are not in the mesh",
    },
    Key {
        name: "images",
        is: Is::TextList(&GLOB, |exempt, globs| exempt.images = globs),
        without: Unset("none"),
        help: "images of containers that are left alone",
    },
    Key {
        name: "kinds",
        is: Is::TextList(&GLOB, |exempt, globs| exempt.kinds = globs),
        without: Unset("none"),
        help: "kinds of resources that are left alone",
    },
];

const IGNORE: &[Key<Ignore>] = &[
    Key {
        name: "rules",
        is: Is::Rules(|ignore, rules| ignore.rules = rules),
        without: Unset("all"),
        help: "findings of these rules",
    },
    Key {
        name: "paths",
        is: Is::TextList(&FILES, |ignore, globs| ignore.paths = globs),
        without: Unset("all"),
        help: "in these files, as paths from the folder of the configuration; `*` stands for any text, `/` included",
    },
    Key {
        name: "resource",
        is: Is::Part(&One { keys: IGNORED_RESOURCE, part: |ignore: &mut Ignore| ignore }),
        without: Unset("all"),
        help: "of these resources",
    },
    Key {
        name: "reason",
        is: Is::Text(&TEXT, |ignore, text| ignore.reason = text),
        without: Required,
        help: "why, for those who come after you",
    },
];

const IGNORED_RESOURCE: &[Key<Ignore>] = &[
    Key {
        name: "kind",
        is: Is::Text(&TEXT, |ignore, text| ignore.kind = Some(text)),
        without: Unset("all"),
        help: "the kind",
    },
    Key {
        name: "name",
        is: Is::Text(&GLOB, |ignore, text| ignore.name = Some(text)),
        without: Unset("all"),
        help: "the name",
    },
    Key {
        name: "namespace",
        is: Is::Text(&GLOB, |ignore, text| ignore.namespace = Some(text)),
        without: Unset("all"),
        help: "the namespace",
    },
];

fn new_transform() -> UserTransform {
    UserTransform {
        id: String::new(),
        message: String::new(),
        help: String::new(),
        level: Level::Warning,
        safety: Safety::Unsafe,
        consequence: String::new(),
        target: Target::default(),
        patch: json_patch::Patch(Vec::new()),
    }
}

const TRANSFORM: &[Key<UserTransform>] = &[
    Key {
        name: "id",
        is: Is::Text(&RULE_NAME, |transform, text| transform.id = text),
        without: Required,
        help: "its name: what `--select`, ignores and reports call it",
    },
    Key {
        name: "message",
        is: Is::Text(&TEXT, |transform, text| transform.message = text),
        without: Required,
        help: "what is wrong where the patch applies",
    },
    Key {
        name: "help",
        is: Is::Text(&TEXT, |transform, text| transform.help = text),
        without: Unset("none"),
        help: "why it matters and what to do",
    },
    Key {
        name: "level",
        is: Is::Word(&[
            ("error", |transform| transform.level = Level::Error),
            ("warning", |transform| transform.level = Level::Warning),
            ("info", |transform| transform.level = Level::Info),
        ]),
        without: Default("\"warning\""),
        help: "how bad it is",
    },
    Key {
        name: "safety",
        is: Is::Word(&[
            ("safe", |transform| transform.safety = Safety::Safe),
            ("unsafe", |transform| transform.safety = Safety::Unsafe),
        ]),
        without: Default("\"unsafe\""),
        help: "whether its fix is made without `--unsafe`",
    },
    Key {
        name: "consequence",
        is: Is::Text(&TEXT, |transform, text| transform.consequence = text),
        without: Unset("none"),
        help: "what may happen outside the files when it is applied",
    },
    Key {
        name: "target",
        is: Is::Part(&One { keys: TARGET, part: |transform: &mut UserTransform| &mut transform.target }),
        without: Required,
        help: "the resources it is for; all conditions must hold",
    },
    Key {
        name: "patch",
        is: Is::Patch(|transform, patch| transform.patch = patch),
        without: Required,
        help: "RFC 6902 operations; where a `test` does not hold, nothing is found",
    },
];

const TARGET: &[Key<Target>] = &[
    Key {
        name: "group",
        is: Is::Text(&Texts { what: "an API group", pattern: "", accepts: |_| true }, |target, text| {
            target.group = Some(text)
        }),
        without: Unset("all"),
        help: "the API group, `\"\"` for the core group",
    },
    Key {
        name: "kind",
        is: Is::Text(&TEXT, |target, text| target.kind = Some(text)),
        without: Unset("all"),
        help: "the kind",
    },
    Key {
        name: "name",
        is: Is::Text(&GLOB, |target, text| target.name = Some(text)),
        without: Unset("all"),
        help: "the name; a glob, not a regular expression",
    },
    Key {
        name: "namespace",
        is: Is::Text(&GLOB, |target, text| target.namespace = Some(text)),
        without: Unset("all"),
        help: "the namespace; a glob, not a regular expression",
    },
    Key {
        name: "labelSelector",
        is: Is::Labels(|target, labels| target.labels = labels),
        without: Unset("all"),
        help: "labels of the resource that must be equal: `app=web,tier=front`",
    },
];
