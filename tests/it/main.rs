//! One integration binary: every suite gives trials with names of their own.

mod architecture;
mod argocd;
mod carriers;
mod cli;
mod crds;
mod creation;
mod engine;
mod export;
mod fixtures;
mod formats;
mod istio_analyzers;
mod judge;
mod plugins;
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
        argocd::trials(),
        carriers::trials(),
        cli::trials(),
        crds::trials(),
        creation::trials(),
        engine::trials(),
        export::trials(),
        fixtures::trials(),
        formats::trials(),
        istio_analyzers::trials(),
        judge::trials(),
        plugins::trials(),
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
