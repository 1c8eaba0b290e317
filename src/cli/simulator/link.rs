//! `wagroups simulator link`: the holder's phone.

use clap::Args;

use super::World;
use crate::cli::Done;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::pb;

#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The session that waits to be linked
    session: String,
}

/// Scans the QR code or types the pairing code that the session waits for.
pub async fn run(world: &World, args: LinkArgs) -> Result<Done, Failure> {
    let request = pb::LinkDeviceRequest { session: args.session.clone() };
    let send = async |request| world.connection.simulator().link_device(request).await;
    if world.ask(&Effect::Once, "LinkDeviceResponse", request, send).await?.is_some() {
        world.output.line(&format!("linked: session {} starts", args.session))?;
    }
    Ok(Done::Fully)
}
