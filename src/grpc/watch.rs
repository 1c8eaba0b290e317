//! WatchGroupEvents: the request checked, the items as responses.

use std::time::Duration;

use bytes::Bytes;
use tonic::Status;

use super::request::Fields;
use super::respond::refuse;
use crate::app::watch::{WatchItem, WatchRequest, WatchStart};
use crate::domain::error::{Error, Result};
use crate::domain::token::ResumeToken;
use crate::pb::wire;
use crate::pb::wire::{number, timestamp};
use crate::pb::{self, watch_group_events_request::Start};

/// The most sessions and the most groups that one watch may name.
const MAX_NAMES: usize = 1000;
const PROGRESS_INTERVAL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(600);

pub(super) fn request(message: &pb::WatchGroupEventsRequest) -> Result<WatchRequest, Status> {
    let mut fields = Fields::default();
    let sessions = fields.each("sessions", &message.sessions, MAX_NAMES);
    let group_ids = fields.each("group_ids", &message.group_ids, MAX_NAMES);
    let types = fields.event_types(&message.types);
    let mut refused_token = None;
    let start = match &message.start {
        None if message.send_initial_state => Some(WatchStart::InitialState),
        None => Some(WatchStart::Now),
        Some(start) => {
            if message.send_initial_state {
                fields.add(
                    "send_initial_state",
                    "goes with no other start; leave one of the two out",
                );
            }
            match start {
                Start::ResumeToken(token) => match ResumeToken::decode(token) {
                    Ok(token) => Some(WatchStart::After(token)),
                    Err(error) => {
                        refused_token = Some(error);
                        None
                    }
                },
                Start::StartTime(time) => {
                    fields.time("start_time", Some(time)).map(WatchStart::Time)
                }
                Start::Earliest(_) => Some(WatchStart::Earliest),
            }
        }
    };
    let progress_interval = match &message.progress_interval {
        None => None,
        Some(interval) => match wire::span(interval) {
            Some(interval) if PROGRESS_INTERVAL.contains(&interval) => Some(interval),
            _ => {
                fields.add("progress_interval", "must be 1 second to 10 minutes");
                None
            }
        },
    };
    if let Some(error) = refused_token {
        fields.finish(Some(()))?;
        return Err(refuse(error));
    }
    fields.finish(start.map(|start| WatchRequest {
        sessions,
        group_ids,
        types,
        start,
        progress_interval,
    }))
}

pub(super) fn response(
    item: Result<WatchItem, Error>,
) -> Result<pb::WatchGroupEventsResponse, Status> {
    let item = item.map_err(refuse)?;
    let mut response = pb::WatchGroupEventsResponse::default();
    match item {
        WatchItem::Events { events, token } => {
            response.events = events.iter().map(|event| event.wire.clone()).collect();
            response.resume_token = token.as_ref().map(encode).unwrap_or_default();
        }
        WatchItem::InitialGroups(groups) => {
            response.initial_groups = groups
                .into_iter()
                .map(|group| pb::InitialGroup {
                    session: group.session.to_string(),
                    group: group.group,
                    as_of_sequence: number(group.as_of_sequence),
                })
                .collect();
        }
        WatchItem::InitialStateEnd { group_count, token } => {
            response.initial_state_end =
                Some(pb::InitialStateEnd { group_count: number(group_count) });
            response.resume_token = encode(&token);
        }
        WatchItem::Progress { time, caught_up, token } => {
            response.progress = Some(pb::Progress { time: Some(timestamp(time)), caught_up });
            response.resume_token = encode(&token);
        }
        WatchItem::LastToken(token) => response.resume_token = encode(&token),
    }
    Ok(response)
}

fn encode(token: &ResumeToken) -> Bytes {
    Bytes::copy_from_slice(&token.encode())
}
