//! The program `wagroups`: the service, and its client.

use std::process::ExitCode;

use clap::Parser;
use wagroups::cli::{self, Cli, Command};

fn main() -> ExitCode {
    let command = Cli::parse().into_command();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wagroups: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match command {
            Command::Serve(args) => cli::serve(args).await,
            Command::Migrate(args) => cli::migrate(args).await,
            Command::Config(args) => cli::config(&args),
            Command::Client(client) => cli::run(client).await,
        }
    })
}
