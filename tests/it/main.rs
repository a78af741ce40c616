//! One integration binary: every suite gives trials with names of their own.

mod architecture;
mod carriers;
mod cli;
mod crds;
mod creation;
mod engine;
mod fixtures;
mod formats;
mod istio_analyzers;
mod judge;
mod programs;
mod protocols;
mod repositories;
mod shared;
mod suites;
mod user_transforms;
mod vendor_specification;
mod yaml;

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = [
        architecture::trials(),
        carriers::trials(),
        cli::trials(),
        crds::trials(),
        creation::trials(),
        engine::trials(),
        fixtures::trials(),
        formats::trials(),
        istio_analyzers::trials(),
        judge::trials(),
        protocols::trials(),
        suites::trials(),
        user_transforms::trials(),
        vendor_specification::trials(),
        yaml::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
