//! Faults of the simulated network: each kind is a command.

use clap::{Args, Subcommand, ValueEnum};

use super::World;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, spans, text};
use crate::pb::inject_fault_request::Fault;
use crate::pb::{self, FaultPoint, SnapshotDefect};

#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Let something go wrong with the next calls or notifications
    Inject(InjectArgs),
    /// Remove faults that are not used up; what hangs or is held goes on
    Clear {
        /// Only these, by the id that `inject` answered; all unless given
        #[arg(value_name = "FAULT")]
        faults: Vec<String>,
        /// Only those of this session
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        session: String,
    },
}

#[derive(Debug, Args)]
pub struct InjectArgs {
    /// Only for this session; for all unless given
    #[arg(long, global = true, value_name = "NAME", default_value = "", hide_default_value = true)]
    session: String,
    /// Only for this operation, by its call's name, such as AddParticipants, or FetchAll for the list
    /// of a comparison; may be repeated. Not for notifications and the connection
    #[arg(long = "operation", global = true, value_name = "CALL")]
    operations: Vec<String>,
    /// How often it strikes; -1: until it is cleared
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    uses: i32,
    #[command(subcommand)]
    fault: FaultKind,
}

#[derive(Debug, Subcommand)]
enum FaultKind {
    /// The call takes longer
    Latency {
        /// By how much, up to 1h
        #[arg(value_parser = spans::span)]
        duration: prost_types::Duration,
    },
    /// The call never answers
    Hang {
        /// Whether it took effect
        #[arg(long, value_enum, default_value_t = Point::BeforeApply)]
        point: Point,
    },
    /// WhatsApp asks to slow down
    RateLimit {
        /// The back-off it names; none unless given
        #[arg(value_parser = spans::span)]
        backoff: Option<prost_types::Duration>,
    },
    /// The connection breaks during the call
    DropConnection {
        /// Whether the call took effect
        #[arg(long, value_enum, default_value_t = Point::BeforeApply)]
        point: Point,
    },
    /// WhatsApp refuses the call
    Refuse {
        /// WhatsApp's code, 300 to 599
        code: i32,
        /// Its text; the usual one unless given
        #[arg(default_value = "", hide_default_value = true)]
        text: String,
    },
    /// Notifications come more than once
    DuplicateNotifications {
        /// How many times more: 1 to 100
        #[arg(default_value_t = 1)]
        count: i32,
    },
    /// Notifications come in another order
    ReorderNotifications {
        /// How many are mixed: 2 to 1,000; 2 swaps each pair
        #[arg(default_value_t = 2)]
        window: i32,
    },
    /// Notifications do not come at all
    LoseNotifications,
    /// Notifications come late
    DelayNotifications {
        /// By how much, up to 1h
        #[arg(value_parser = spans::span)]
        duration: prost_types::Duration,
    },
    /// The list of all groups is not true
    Snapshot {
        /// In what way
        #[arg(value_enum)]
        defect: Defect,
        /// How many of the groups, in percent; not for empty and stale
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        percent: i32,
        /// For stale: how old the list is; 24h unless given
        #[arg(long, value_name = "DURATION", value_parser = spans::span)]
        age: Option<prost_types::Duration>,
    },
    /// The session goes offline and hears of nothing meanwhile
    Disconnect {
        /// For how long, up to 1h; it comes back at once unless given
        #[arg(value_parser = spans::span)]
        duration: Option<prost_types::Duration>,
    },
    /// WhatsApp unlinks the session's device
    Logout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Point {
    /// Before the world applied it: it never takes effect
    BeforeApply,
    /// After the world applied it: it took effect, and no event reports it
    AfterApply,
}

impl From<Point> for FaultPoint {
    fn from(point: Point) -> Self {
        match point {
            Point::BeforeApply => Self::BeforeApply,
            Point::AfterApply => Self::AfterApply,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Defect {
    /// Some groups are missing
    MissingGroups,
    /// Some groups have no members
    MissingMembers,
    /// Some groups have a blank subject and no members
    BlankGroups,
    /// The list is empty
    Empty,
    /// The list is an old one
    Stale,
}

impl From<Defect> for SnapshotDefect {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::MissingGroups => Self::MissingGroups,
            Defect::MissingMembers => Self::MissingMembers,
            Defect::BlankGroups => Self::BlankGroups,
            Defect::Empty => Self::Empty,
            Defect::Stale => Self::Stale,
        }
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Latency { duration } => {
                Self::Latency(pb::LatencyFault { duration: Some(duration) })
            }
            FaultKind::Hang { point } => {
                Self::Hang(pb::HangFault { point: FaultPoint::from(point).into() })
            }
            FaultKind::RateLimit { backoff } => Self::RateLimit(pb::RateLimitFault { backoff }),
            FaultKind::DropConnection { point } => Self::DropConnection(pb::DropConnectionFault {
                point: FaultPoint::from(point).into(),
            }),
            FaultKind::Refuse { code, text } => Self::Refuse(pb::RefuseFault { code, text }),
            FaultKind::DuplicateNotifications { count } => {
                Self::DuplicateNotifications(pb::DuplicateNotificationsFault { count })
            }
            FaultKind::ReorderNotifications { window } => {
                Self::ReorderNotifications(pb::ReorderNotificationsFault { window })
            }
            FaultKind::LoseNotifications => Self::LoseNotifications(pb::LoseNotificationsFault {}),
            FaultKind::DelayNotifications { duration } => {
                Self::DelayNotifications(pb::DelayNotificationsFault { duration: Some(duration) })
            }
            FaultKind::Snapshot { defect, percent, age } => Self::Snapshot(pb::SnapshotFault {
                defect: SnapshotDefect::from(defect).into(),
                percent,
                age,
            }),
            FaultKind::Disconnect { duration } => {
                Self::Disconnect(pb::DisconnectFault { duration })
            }
            FaultKind::Logout => Self::Logout(pb::LogoutFault {}),
        }
    }
}

pub async fn run(world: &World, command: FaultCommand) -> Result<Done, Failure> {
    match command {
        FaultCommand::Inject(args) => {
            let request = pb::InjectFaultRequest {
                session: args.session,
                operations: args.operations,
                uses: args.uses,
                fault: Some(args.fault.into()),
            };
            let send = async |request| world.connection.simulator().inject_fault(request).await;
            let answer = world.ask(&Effect::Once, "InjectFaultResponse", request, send).await?;
            if let Some(answer) = answer {
                let id = text::safe(&answer.fault_id);
                world.output.line(&id)?;
                world.output.note(&format!("to remove it: wagroups simulator fault clear {id}"))?;
            }
        }
        FaultCommand::Clear { faults, session } => {
            let all = faults.is_empty() && session.is_empty();
            let request = pb::ClearFaultsRequest { fault_ids: faults, session, all };
            let send = async |request| world.connection.simulator().clear_faults(request).await;
            let answer = world.ask(&Effect::Once, "ClearFaultsResponse", request, send).await?;
            if let Some(answer) = answer {
                let number = usize::try_from(answer.cleared_count).unwrap_or(0);
                world
                    .output
                    .line(&format!("removed {}", text::count(number, "fault", "faults")))?;
            }
        }
    }
    Ok(Done::Fully)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser};

    use super::*;
    use crate::cli::tests::oneof_members;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: InjectArgs,
    }

    fn parsed(words: &[&str]) -> Option<InjectArgs> {
        let words = std::iter::once("inject").chain(words.iter().copied());
        Line::try_parse_from(words).ok().map(|line| line.args)
    }

    #[test]
    fn every_fault_of_the_contract_is_a_command() {
        let commands: BTreeSet<String> = Line::command()
            .get_subcommands()
            .map(|command| command.get_name().replace('-', "_"))
            .collect();
        assert_eq!(commands, oneof_members("InjectFaultRequest", "fault"));
    }

    #[test]
    fn whom_it_strikes_may_be_said_behind_the_fault() {
        let words = ["latency", "1m 30s", "--session", "a", "--operation", "AddParticipants"];
        let args = parsed(&[&words[..], &["--uses", "-1"]].concat()).expect("arguments");
        assert_eq!((args.session.as_str(), args.uses), ("a", -1));
        assert_eq!(args.operations, ["AddParticipants"]);
        let Fault::Latency(latency) = Fault::from(args.fault) else { panic!("another fault") };
        assert_eq!(latency.duration.map(|span| span.seconds), Some(90));
    }

    #[test]
    fn a_rate_limit_may_name_no_back_off() {
        let fault = |words: &[&str]| Fault::from(parsed(words).expect("arguments").fault);
        assert!(matches!(
            fault(&["rate-limit"]),
            Fault::RateLimit(pb::RateLimitFault { backoff: None })
        ));
        let stale = fault(&["snapshot", "stale", "--age", "2h"]);
        let Fault::Snapshot(snapshot) = stale else { panic!("another fault") };
        assert_eq!(snapshot.defect(), SnapshotDefect::Stale);
        assert_eq!(snapshot.age.map(|age| age.seconds), Some(7200));
        assert!(parsed(&["latency"]).is_none());
    }
}
