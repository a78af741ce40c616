//! Parses the arguments, runs, and turns the result into the exit code.

use std::process::ExitCode;

use meshfix::cli::Cli;
use meshfix::run;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print().is_ok();
            return ExitCode::from(if error.use_stderr() || !printed { 2 } else { 0 });
        }
    };
    ExitCode::from(run::run(&cli))
}
