//! The program `wagroups`: the service, and its client.

use std::process::ExitCode;

use clap::Parser;
use wagroups::cli::{self, Cli, Command};
use wagroups::server::Signals;

/// It gives back what a burst has taken. After 19,000 connections that said nothing, glibc's allocator kept 200 MiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: until a signal is listened for, it ends the process on the spot.
    let started =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().and_then(|runtime| {
            let inside = runtime.enter();
            let signals =
                cli::asks_to_serve(std::env::args_os()).then(Signals::listen).transpose()?;
            drop(inside);
            Ok((runtime, signals))
        });
    let (runtime, signals) = match started {
        Ok(started) => started,
        Err(error) => {
            eprintln!("wagroups: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let command = Cli::parse().into_command();
    runtime.block_on(async {
        match command {
            Command::Serve(args) => cli::serve(args, signals).await,
            Command::Migrate(args) => cli::migrate(args).await,
            Command::Config(args) => cli::config(&args),
            Command::Client(client) => cli::run(client).await,
        }
    })
}
