//! `wagroups simulator`: the other side of the simulated WhatsApp, for tests and for trying out.

mod account;
mod act;
mod calls;
mod fault;
mod group;
mod link;

use clap::{Args, Subcommand};
use prost::Message;
use tonic::{Request, Response, Status};

use super::Done;
use super::connect::{ClientOptions, Connection};
use super::effect::Effect;
use super::errors::Failure;
use super::output::Output;

#[derive(Debug, Args)]
pub struct SimulatorArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    #[command(subcommand)]
    command: SimulatorCommand,
}

#[derive(Debug, Subcommand)]
enum SimulatorCommand {
    /// People and their settings
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Do something as someone else
    #[command(subcommand)]
    Act(act::ActCommand),
    /// Let something go wrong
    #[command(subcommand)]
    Fault(fault::FaultCommand),
    /// Groups as the simulated world holds them: what sessions must come to see
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Show the calls that sessions made to the world
    Calls(calls::CallsArgs),
    /// Count calls and notifications
    Stats(calls::StatsArgs),
    /// Deliver a session's last notifications once more, unchanged
    Replay(calls::ReplayArgs),
    /// Scan the QR code, or type the pairing code, that a session waits for
    Link(link::LinkArgs),
}

/// The way to the world.
struct World {
    connection: Connection,
    output: Output,
}

impl World {
    /// Sends the request; the answer where it is wanted as text, none where it was printed as JSON.
    async fn ask<Q: Clone, A: Message>(
        &self,
        call: &Effect,
        answer_name: &str,
        request: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<Option<A>, Failure> {
        let answer = self.connection.unary(call, request, send).await?;
        Ok((!self.output.answer(answer_name, &answer)?).then_some(answer))
    }
}

pub async fn run(args: SimulatorArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    let world = World { connection, output };
    match args.command {
        SimulatorCommand::Account(command) => account::run(&world, command).await,
        SimulatorCommand::Act(command) => act::run(&world, command).await,
        SimulatorCommand::Fault(command) => fault::run(&world, command).await,
        SimulatorCommand::Group(command) => group::run(&world, command).await,
        SimulatorCommand::Calls(args) => calls::calls(&world, args).await,
        SimulatorCommand::Stats(args) => calls::stats(&world, args).await,
        SimulatorCommand::Replay(args) => calls::replay(&world, args).await,
        SimulatorCommand::Link(args) => link::run(&world, args).await,
    }
}
