//! The manual page: the command with all its commands, in roff.

use std::io;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Cli, help};

/// The page.
///
/// # Errors
/// Never: it is written to memory.
pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command =
        told_in_full(Cli::command()).override_usage("meshfix [OPTIONS] [PATH]...\nmeshfix COMMAND [OPTIONS]");
    command.build();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut commands = Roff::new();
    commands.control("SH", ["COMMANDS"]);
    commands.to_writer(&mut page)?;
    inner(&command, &mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["EXIT STATUS"]).text([roman(help::EXIT_CODES)]);
    rest.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in help::ENVIRONMENT {
        rest.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
    }
    rest.control("SH", ["FILES"]).text([roman(help::FILES)]);
    rest.control("SH", ["EXAMPLES"]);
    for (example, meaning) in help::EXAMPLES {
        rest.control("TP", []).text([bold(*example)]).text([roman(*meaning)]);
    }
    rest.to_writer(&mut page)?;
    Ok(once(&page))
}

/// Each part defines the apostrophe anew; once is enough.
fn once(page: &[u8]) -> Vec<u8> {
    let is_definition = |line: &[u8]| line.starts_with(b".ie ") || line.starts_with(b".el ");
    let lines = page.split_inclusive(|byte| *byte == b'\n').enumerate();
    lines.filter(|(i, line)| *i < 2 || !is_definition(line)).flat_map(|(_, line)| line.to_vec()).collect()
}

/// The command with the texts of those flags, too, that only the long help has.
fn told_in_full(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_short_help(false)).mut_subcommands(told_in_full)
}

/// The commands of a command, each with its flags, and theirs behind them.
fn inner(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    for command in command.get_subcommands().filter(shown) {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        let man = Man::new(command.clone());
        let mut head = Roff::new();
        head.control("SS", [name]);
        head.to_writer(page)?;
        section(page, |out| man.render_synopsis_section(out))?;
        let mut gap = Roff::new();
        gap.control("PP", []);
        gap.to_writer(page)?;
        section(page, |out| man.render_description_section(out))?;
        if command.get_arguments().any(|arg| !arg.is_hide_set()) {
            section(page, |out| man.render_options_section(out))?;
        }
        inner(command, page)?;
    }
    Ok(())
}

/// What a section says, without its heading.
fn section(page: &mut Vec<u8>, render: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    render(&mut text)?;
    let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b".SH "));
    lines.for_each(|line| page.extend_from_slice(line));
    Ok(())
}
