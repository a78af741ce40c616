//! What `--help` and the manual say beside the flags.

/// Commands to begin with, and what each does.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("meshfix .", "what can be fixed safely, and what is left"),
    ("meshfix --unsafe deploy/", "also fixes that a person has to judge"),
    ("meshfix --write deploy/", "fix the files"),
    ("helm template shop | meshfix -", "fix a rendered stream"),
    ("meshfix explain host-network", "why a rule exists, and what its fix does"),
];

/// Files that are read without being named.
pub const FILES: &str =
    "A file meshfix.yaml gives options for all runs in its folder; flags win. docs/configuration.md lists them.";

/// What the exit codes mean.
pub const EXIT_CODES: &str = "0 nothing to do, 1 something would change or a finding stays open, 2 bad usage or \
    input, 70 a defect of meshfix. With `-` and as a function or plugin: 0 whenever the output is complete.";

/// Variables of the environment, the strongest first where several decide the same.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("MESHFIX_PAGER, PAGER", "shows diffs and rules on a terminal; cat: none [less]"),
    ("LESS", "options of less [FRX]"),
    ("NO_COLOR", "if not empty: no colours, but for --color"),
    ("CLICOLOR_FORCE", "unless 0: colours also where there is no terminal"),
    ("CLICOLOR", "if 0: no colours; TERM=dumb says the same"),
    ("COLUMNS", "the terminal's width, where it does not say it itself"),
];

/// What stands behind the flags; more of it for `--help` than for `-h`.
pub(super) fn behind(is_long: bool) -> String {
    let mut out = format!("Examples:\n{}\n{FILES}\n\nExit codes: {EXIT_CODES}", table(EXAMPLES));
    if is_long {
        out.push_str(&format!("\n\nEnvironment:\n{}", table(ENVIRONMENT)));
    }
    out
}

fn table(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, text)| format!("  {name:width$}   {text}\n")).collect()
}
