//! A group's invite link.

use clap::Subcommand;

use super::Target;
use super::change::note_changed;
use crate::cli::call::{ChangeOptions, ReadOptions};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, text};
use crate::pb;

#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Show the invite link
    Get {
        /// The group, …@g.us
        group: String,
        /// Ask WhatsApp now
        #[arg(long)]
        refresh: bool,
        #[command(flatten)]
        read: ReadOptions,
    },
    /// Void the invite link and show the new one
    Revoke {
        /// The group, …@g.us
        group: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

pub async fn run(target: &Target, command: InviteCommand) -> Result<Done, Failure> {
    match command {
        InviteCommand::Get { group, refresh, read } => {
            let request = pb::GetInviteCodeRequest {
                session: target.session.clone(),
                group_id: group,
                refresh,
                min_sequence: read.min_sequence,
            };
            let send = async |request| target.connection.groups().get_invite_code(request).await;
            let answer = target.ask(&Effect::Read, "GetInviteCodeResponse", request, send).await?;
            if let Some(answer) = answer {
                target.output.line(&text::safe(&answer.invite_url))?;
                target.note_synced(answer.as_of_sequence, answer.synced_time.as_ref())?;
            }
        }
        InviteCommand::Revoke { group, change } => {
            let (request_id, call) = change.begin()?;
            let request = pb::RevokeInviteCodeRequest {
                session: target.session.clone(),
                group_id: group,
                request_id,
            };
            let send = async |request| target.connection.groups().revoke_invite_code(request).await;
            let answer = target.ask(&call, "RevokeInviteCodeResponse", request, send).await?;
            if let Some(answer) = answer {
                target.output.line(&text::safe(&answer.invite_url))?;
                note_changed(target, answer.changed, answer.sequence)?;
            }
        }
    }
    Ok(Done::Fully)
}
