//! The log as history.

use clap::{Args, ValueEnum};
use prost::Message as _;

use super::Target;
use crate::cli::call::ReadOptions;
use crate::cli::describe::Subjects;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::moment::Moment;
use crate::cli::{Done, json};
use crate::pb;

const MAX_PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only of this group; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Only of this type; may be repeated
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    types: Vec<TypeName>,
    /// Only events after this sequence
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    after: i64,
    /// Only events up to this sequence
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    until: i64,
    /// Only events recorded since this time: RFC 3339, or "15m ago"
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Newest first (the default)
    #[arg(long, conflicts_with = "oldest")]
    newest: bool,
    /// Oldest first
    #[arg(long)]
    oldest: bool,
    /// How many at most; with --json one a line
    #[arg(long, alias = "page-size", value_name = "COUNT", default_value_t = 100, conflicts_with = "all",
        value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All that are kept
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    read: ReadOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TypeName {
    Joined,
    Left,
    ParticipantsChanged,
    Updated,
    Deleted,
    PictureChanged,
    InviteRevoked,
    JoinRequest,
    SessionDeleted,
}

impl From<TypeName> for pb::EventType {
    fn from(name: TypeName) -> Self {
        match name {
            TypeName::Joined => Self::Joined,
            TypeName::Left => Self::Left,
            TypeName::ParticipantsChanged => Self::ParticipantsChanged,
            TypeName::Updated => Self::Updated,
            TypeName::Deleted => Self::Deleted,
            TypeName::PictureChanged => Self::PictureChanged,
            TypeName::InviteRevoked => Self::InviteRevoked,
            TypeName::JoinRequest => Self::JoinRequest,
            TypeName::SessionDeleted => Self::SessionDeleted,
        }
    }
}

pub fn event_types(names: &[TypeName]) -> Vec<i32> {
    names.iter().map(|name| pb::EventType::from(*name).into()).collect()
}

pub async fn events(target: &Target, args: EventsArgs) -> Result<Done, Failure> {
    let order = if args.oldest { pb::EventOrder::OldestFirst } else { pb::EventOrder::NewestFirst };
    let mut request = pb::ListGroupEventsRequest {
        session: target.session.clone(),
        group_ids: args.group,
        types: event_types(&args.types),
        after_sequence_exclusive: args.after,
        until_sequence_inclusive: args.until,
        start_time: args.since.map(Moment::timestamp),
        order: order.into(),
        min_sequence: args.read.min_sequence,
        ..Default::default()
    };
    let mut subjects = Subjects::default();
    let mut left = if args.all { u32::MAX } else { args.limit };
    loop {
        request.page_size = i32::try_from(left.min(MAX_PAGE)).unwrap_or(0);
        let send = async |request| target.connection.groups().list_group_events(request).await;
        let page = target.connection.unary(&Effect::Read, request.clone(), send).await?;
        for encoded in &page.events {
            if target.output.is_structured() {
                target.output.one_of_many(&json::of_bytes("GroupEvent", encoded)?)?;
                continue;
            }
            let event = pb::GroupEvent::decode(encoded.as_ref()).map_err(|error| {
                Failure::Local(format!("the service sent an event that is none: {error}"))
            })?;
            target.output.line(&subjects.line(&event))?;
        }
        left = left.saturating_sub(u32::try_from(page.events.len()).unwrap_or(u32::MAX));
        if left == 0 || page.next_page_token.is_empty() {
            let (newest, oldest) = (page.as_of_sequence, page.oldest_sequence);
            target.output.note(&format!("the log holds sequences {oldest} to {newest}"))?;
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}
