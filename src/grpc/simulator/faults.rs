//! What shall go wrong, out of an InjectFaultRequest.

use std::time::Duration;

use crate::domain::operation::OperationName;
use crate::engine::simulator::{Aim, CallFault, Defect, NotificationFault, Point, Uses};
use crate::grpc::request::Fields;
use crate::pb::wire;
use crate::pb::{self, inject_fault_request::Fault};

const LONGEST: Duration = Duration::from_secs(3600);
const STALE_AGE: Duration = Duration::from_secs(24 * 3600);
/// More than there are.
const MAX_OPERATIONS: usize = 100;
const DEFAULT_PERCENT: u32 = 30;

/// A fault, before it is known what it needs of the world.
pub(super) enum Wanted {
    Call(CallFault),
    Notifications(NotificationFault),
    Snapshot { defect: Lie, percent: u32 },
    Disconnect(Duration),
    Logout,
}

/// In what way a list shall not be true.
pub(super) enum Lie {
    Of(Defect),
    /// The list as it is now, later.
    Stale(Duration),
}

/// Whom the fault strikes, and how often.
pub(super) fn aim(fields: &mut Fields, message: &pb::InjectFaultRequest) -> Aim {
    let session = super::optional_session(fields, &message.session);
    let named = message.operations.as_slice();
    let named = if fields.is_short("operations", named, MAX_OPERATIONS) { named } else { &[] };
    let mut operations = Vec::new();
    for (index, name) in named.iter().enumerate() {
        // GetGroup goes out as the read of one group.
        let name = if name == "GetGroup" { "FetchGroup" } else { name };
        match OperationName::from_name(name) {
            Some(operation) => operations.push(operation),
            None => fields.add(
                format_args!("operations[{index}]"),
                "must be the name of an RPC that goes to WhatsApp, FetchGroup or FetchAll",
            ),
        }
    }
    let uses = match message.uses {
        0 => Uses::Times(1),
        -1 => Uses::UntilCleared,
        uses => Uses::Times(u32::try_from(uses).unwrap_or_else(|_| {
            fields.add("uses", "must be -1 or more");
            0
        })),
    };
    Aim { session, operations, uses }
}

pub(super) fn fault(fields: &mut Fields, message: &pb::InjectFaultRequest) -> Option<Wanted> {
    let Some(fault) = &message.fault else {
        fields.add("fault", "must be set");
        return None;
    };
    let is_of_calls = match fault {
        Fault::Latency(_)
        | Fault::Hang(_)
        | Fault::RateLimit(_)
        | Fault::DropConnection(_)
        | Fault::Refuse(_) => true,
        Fault::DuplicateNotifications(_)
        | Fault::ReorderNotifications(_)
        | Fault::LoseNotifications(_)
        | Fault::DelayNotifications(_)
        | Fault::Snapshot(_)
        | Fault::Disconnect(_)
        | Fault::Logout(_) => false,
    };
    if !is_of_calls && !message.operations.is_empty() {
        fields.add("operations", "goes with faults of calls only; leave it empty");
    }
    match fault {
        Fault::Latency(latency) => {
            let latency = required(fields, "latency.duration", latency.duration.as_ref());
            latency.map(CallFault::Latency).map(Wanted::Call)
        }
        Fault::Hang(hang) => Some(Wanted::Call(CallFault::Hang(point(hang.point())))),
        Fault::RateLimit(limit) => {
            let backoff = limit.backoff.as_ref();
            let backoff = backoff.and_then(|span| within(fields, "rate_limit.backoff", span));
            Some(Wanted::Call(CallFault::RateLimit { backoff }))
        }
        Fault::DropConnection(drop) => {
            Some(Wanted::Call(CallFault::DropConnection(point(drop.point()))))
        }
        Fault::Refuse(refuse) => {
            if refuse.text.len() > 200 {
                fields.add("refuse.text", "must have at most 200 bytes");
            }
            match u32::try_from(refuse.code) {
                Ok(code @ 300..=599) => {
                    Some(Wanted::Call(CallFault::Refuse { code, text: refuse.text.clone() }))
                }
                Ok(_) | Err(_) => {
                    fields.add("refuse.code", "must be 300 to 599");
                    None
                }
            }
        }
        Fault::DuplicateNotifications(duplicate) => {
            let field = "duplicate_notifications.count";
            let times = number(fields, field, duplicate.count, 1, 1..=100);
            Some(Wanted::Notifications(NotificationFault::Duplicate { times }))
        }
        Fault::ReorderNotifications(reorder) => {
            let field = "reorder_notifications.window";
            let window = number(fields, field, reorder.window, 2, 2..=1000);
            let window = usize::try_from(window).unwrap_or(usize::MAX);
            Some(Wanted::Notifications(NotificationFault::Reorder { window }))
        }
        Fault::LoseNotifications(_) => Some(Wanted::Notifications(NotificationFault::Lose)),
        Fault::DelayNotifications(delay) => {
            let field = "delay_notifications.duration";
            let delay = required(fields, field, delay.duration.as_ref());
            delay.map(NotificationFault::Delay).map(Wanted::Notifications)
        }
        Fault::Snapshot(snapshot) => {
            let field = "snapshot.percent";
            let percent = number(fields, field, snapshot.percent, DEFAULT_PERCENT, 1..=100);
            let age = snapshot.age.as_ref();
            let age = age.map_or(STALE_AGE, |age| wire::span(age).unwrap_or(STALE_AGE));
            let defect = match snapshot.defect() {
                pb::SnapshotDefect::MissingGroups => Lie::Of(Defect::MissingGroups),
                pb::SnapshotDefect::MissingMembers => Lie::Of(Defect::MissingMembers),
                pb::SnapshotDefect::BlankGroups => Lie::Of(Defect::BlankGroups),
                pb::SnapshotDefect::Empty => Lie::Of(Defect::Empty),
                pb::SnapshotDefect::Stale => Lie::Stale(age),
                pb::SnapshotDefect::Unspecified => {
                    fields.add("snapshot.defect", "must say in what way the list is not true");
                    return None;
                }
            };
            Some(Wanted::Snapshot { defect, percent })
        }
        Fault::Disconnect(disconnect) => {
            let span = disconnect.duration.as_ref();
            let span = span.and_then(|span| within(fields, "disconnect.duration", span));
            Some(Wanted::Disconnect(span.unwrap_or_default()))
        }
        Fault::Logout(_) => Some(Wanted::Logout),
    }
}

fn point(point: pb::FaultPoint) -> Point {
    match point {
        pb::FaultPoint::Unspecified | pb::FaultPoint::BeforeApply => Point::BeforeApply,
        pb::FaultPoint::AfterApply => Point::AfterApply,
    }
}

fn required(
    fields: &mut Fields,
    field: &str,
    span: Option<&prost_types::Duration>,
) -> Option<Duration> {
    match span {
        Some(span) => within(fields, field, span),
        None => {
            fields.add(field, "must be set");
            None
        }
    }
}

fn within(fields: &mut Fields, field: &str, span: &prost_types::Duration) -> Option<Duration> {
    let parsed = wire::span(span).filter(|duration| *duration <= LONGEST);
    if parsed.is_none() {
        fields.add(field, "must be a duration from 0 to 1 hour");
    }
    parsed
}

/// A number in a range; 0 stands for the default.
fn number(
    fields: &mut Fields,
    field: &str,
    value: i32,
    default: u32,
    range: std::ops::RangeInclusive<u32>,
) -> u32 {
    match u32::try_from(value) {
        Ok(0) => default,
        Ok(value) if range.contains(&value) => value,
        Ok(_) | Err(_) => {
            fields.add(field, format!("must be {} to {}", range.start(), range.end()));
            default
        }
    }
}
