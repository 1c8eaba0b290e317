//! What can be asked of WhatsApp, as data: one type per operation, in a file with what it is about.
//!
//! [`Command`]s change something and [`Query`]s read it live. The list in this file is the only one: names, enums and
//! what an engine has to do ([`GroupEngine`]) are made of it. A command is more than a way to call an engine: what a
//! repetition must equal, what is expected to change, how metrics and the log name it, all come from it, and it can be
//! handed to another process ([`encoding`]).
//!
//! [`GroupEngine`]: crate::domain::port::engine::GroupEngine

mod create_group;
mod description;
mod encoding;
mod invite_code;
mod join_group;
mod join_requests;
mod leave_group;
mod outcome;
mod participants;
mod picture;
mod reads;
mod setting;
mod subject;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::create_group::{CreateGroup, Created};
pub use self::description::SetGroupDescription;
pub use self::encoding::{Digest, decode, encode};
pub use self::invite_code::{GetInviteCode, RevokeInviteCode};
pub use self::join_group::{GetJoinInfo, JoinGroup, Joined};
pub use self::join_requests::{AnswerJoinRequests, ListJoinRequests, RequestAnswer};
pub use self::leave_group::LeaveGroup;
pub use self::outcome::{CommandValue, EngineAnswer, EngineError, Outcome, Result};
pub use self::participants::ChangeParticipants;
pub use self::picture::{DeleteGroupPicture, GetGroupPicture, SetGroupPicture};
pub use self::reads::{FetchAll, FetchGroup, FetchedGroup, Snapshot};
pub use self::setting::ChangeSetting;
pub use self::subject::SetGroupSubject;
use super::id::{GroupId, SessionName};
use super::participant::Account;
use super::port::picture::Picture;
use super::reducer::Change;

/// Something that an engine does at WhatsApp.
pub trait Operation: Debug + Send + Sync + 'static {
    type Answer: Send;

    fn name(&self) -> OperationName;
}

/// An operation that changes a group, or makes us a member of one.
pub trait GroupCommand: Operation<Answer = EngineAnswer<Self::Value>> {
    type Value: CommandValue;

    /// The group that it names.
    fn group_id(&self) -> Option<&GroupId>;

    /// What WhatsApp will report if it goes well.
    fn expected(&self) -> Vec<Change>;
}

/// Carries the operation out. `call` has the session, and the key that names the call.
#[async_trait]
pub trait Perform<O: Operation>: Send + Sync {
    async fn perform(&self, call: EngineCall<'_>, operation: &O) -> Result<O::Answer>;
}

/// A call of an engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineCall<'a> {
    pub session: &'a SessionName,
    /// Names the call of a command; empty for queries. An engine that can hand it to WhatsApp brings it back with the
    /// echo of the change ([`GroupChanges::call_key`]).
    ///
    /// [`GroupChanges::call_key`]: crate::domain::port::engine::GroupChanges::call_key
    pub key: &'a str,
    /// For engines whose answers leave open what became of people.
    pub echo: Option<&'a Arc<dyn CallEcho>>,
}

impl<'a> EngineCall<'a> {
    pub fn of_query(session: &'a SessionName) -> Self {
        Self::of_command(session, "")
    }

    pub fn of_command(session: &'a SessionName, key: &'a str) -> Self {
        Self { session, key, echo: None }
    }

    pub fn with_echo(self, echo: &'a Arc<dyn CallEcho>) -> Self {
        Self { echo: Some(echo), ..self }
    }
}

/// What events report of a call's own change while it is out.
#[async_trait]
pub trait CallEcho: Debug + Send + Sync {
    /// The people who were reported so far, changed in the call's group as it changes them, as soon as there are more
    /// than so many.
    async fn members(&self, more_than: usize) -> Vec<Account>;

    /// How many were reported by now.
    fn count(&self) -> usize;
}

/// Types with the names of the RPCs that they serve, or of the service's own calls.
macro_rules! operations {
    (
        commands { $($command:ident $(as $sent:ty)? => [$($command_name:ident),+ $(,)?],)+ }
        queries { $($query:ident => [$($query_name:ident),+ $(,)?],)+ }
        sessions { $($session_name:ident,)+ }
    ) => {
        /// What an engine can be asked to do, by name: for metrics, limits, faults, and what an engine cannot do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum OperationName {
            $($($command_name,)+)+
            $($($query_name,)+)+
            $($session_name,)+
        }

        impl OperationName {
            pub const ALL: &[Self] = &[
                $($(Self::$command_name,)+)+
                $($(Self::$query_name,)+)+
                $(Self::$session_name,)+
            ];

            pub fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$command_name => stringify!($command_name),)+)+
                    $($(Self::$query_name => stringify!($query_name),)+)+
                    $(Self::$session_name => stringify!($session_name),)+
                }
            }

            /// Whether it changes nothing, so that it may be sent again.
            pub fn is_read(self) -> bool {
                match self {
                    $($(Self::$query_name)|+)|+ => true,
                    $($(Self::$command_name)|+)|+ | $(Self::$session_name)|+ => false,
                }
            }
        }

        /// Any change that a caller can ask for.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Command {
            $($command($command),)+
        }

        impl Command {
            pub fn name(&self) -> OperationName {
                match self {
                    $(Self::$command(command) => command.name(),)+
                }
            }

            pub fn group_id(&self) -> Option<&GroupId> {
                match self {
                    $(Self::$command(command) => command.group_id(),)+
                }
            }

            pub fn expected(&self) -> Vec<Change> {
                match self {
                    $(Self::$command(command) => command.expected(),)+
                }
            }
        }

        $(
            impl From<$command> for Command {
                fn from(command: $command) -> Self {
                    Self::$command(command)
                }
            }
        )+

        /// Any read that goes to WhatsApp.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Query {
            $($query($query),)+
        }

        impl Query {
            pub fn name(&self) -> OperationName {
                match self {
                    $(Self::$query(query) => query.name(),)+
                }
            }
        }

        $(
            impl From<$query> for Query {
                fn from(query: $query) -> Self {
                    Self::$query(query)
                }
            }
        )+

        /// Performs every command and query.
        pub trait PerformsAll: $(Perform<sent!($command $($sent)?)> +)+ $(Perform<$query> +)+ {}

        impl<E> PerformsAll for E
        where
            E: $(Perform<sent!($command $($sent)?)> +)+ $(Perform<$query> +)+
        {
        }
    };
}

/// What goes to an engine of a command: the command itself, where nothing has to be made of it before.
macro_rules! sent {
    ($command:ident) => {
        $command
    };
    ($command:ident $sent:ty) => {
        $sent
    };
}

operations! {
    commands {
        CreateGroup => [CreateGroup],
        LeaveGroup => [LeaveGroup],
        JoinGroup => [JoinGroup],
        SetGroupSubject => [SetGroupSubject],
        SetGroupDescription => [SetGroupDescription],
        SetGroupPicture as SetGroupPicture<Picture> => [SetGroupPicture],
        DeleteGroupPicture => [DeleteGroupPicture],
        ChangeSetting => [
            SetInfoAdminOnly,
            SetMessagesAdminOnly,
            SetMemberAddMode,
            SetMembershipApproval,
            SetMemberShareHistory,
            SetDisappearingTimer,
        ],
        ChangeParticipants => [
            AddParticipants,
            RemoveParticipants,
            PromoteParticipants,
            DemoteParticipants,
        ],
        AnswerJoinRequests => [ApproveJoinRequests, RejectJoinRequests],
        RevokeInviteCode => [RevokeInviteCode],
    }
    queries {
        GetJoinInfo => [GetJoinInfo],
        GetGroupPicture => [GetGroupPicture],
        ListJoinRequests => [ListJoinRequests],
        GetInviteCode => [GetInviteCode],
        FetchGroup => [FetchGroup],
        FetchAll => [FetchAll],
    }
    sessions { LogoutSession, RequestPairingCode, }
}

impl OperationName {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
