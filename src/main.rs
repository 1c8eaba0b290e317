//! The program `wagroups`: the service, and its client.

use std::process::ExitCode;

use clap_complete::CompleteEnv;
use tokio::runtime::Runtime;
use wagroups::cli::{self, Cli, Command};
use wagroups::server::{HeldSignals, Signals};

/// It gives back what a burst has taken. After 19,000 connections that said nothing, glibc's allocator kept 200 MiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A shell that completes a line asks by this variable; it is answered, and that is all.
    CompleteEnv::with_factory(cli::command).var(cli::COMPLETE).complete();
    let words = cli::in_order(std::env::args_os());
    let (runtime, signals) = match started(cli::asks_to_serve(&words)) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("wagroups: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let command = Cli::of_process(words).into_command();
    runtime.block_on(async {
        match command {
            Command::Serve(args) => cli::serve(args, signals).await,
            Command::Migrate(args) => cli::migrate(args).await,
            Command::Config(args) => cli::config(&args),
            Command::Cluster(command) => cli::cluster(command).await,
            Command::Client(client) => cli::run(client).await,
        }
    })
}

/// The runtime, and for the service the signals that stop it.
fn started(is_service: bool) -> std::io::Result<(Runtime, Option<Signals>)> {
    let held = is_service.then(HeldSignals::hold).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let inside = runtime.enter();
    let signals = is_service.then(Signals::listen).transpose()?;
    drop(inside);
    if let Some(held) = held {
        held.release()?;
    }
    Ok((runtime, signals))
}
