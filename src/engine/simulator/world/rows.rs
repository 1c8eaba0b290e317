//! The keys under which the world is stored: one row for each thing that changes by itself.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::table::TableKey;
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, PhoneNumber, SessionName};
use crate::domain::operation::OperationName;

/// The counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub seed: u64,
    /// How often chance was asked.
    pub draws: u64,
    pub changes: u64,
    pub last_change_time: Timestamp,
    pub calls: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TheOne;

impl TableKey for TheOne {
    const PREFIX: &'static str = "meta";

    fn to_text(&self) -> String {
        String::new()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.is_empty().then_some(Self)
    }
}

impl TableKey for PhoneNumber {
    const PREFIX: &'static str = "a/";

    fn to_text(&self) -> String {
        self.get().to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().and_then(Self::new)
    }
}

impl TableKey for GroupId {
    const PREFIX: &'static str = "g/";

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

/// A group's picture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PictureKey(pub GroupId);

impl TableKey for PictureKey {
    const PREFIX: &'static str = "p/";

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// A notification that waits for its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueKey {
    pub phone: PhoneNumber,
    pub number: u64,
}

impl TableKey for QueueKey {
    const PREFIX: &'static str = "n/";

    fn to_text(&self) -> String {
        format!("{}/{:020}", self.phone.get(), self.number)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (phone, number) = text.split_once('/')?;
        Some(Self { phone: PhoneNumber::from_text(phone)?, number: number.parse().ok()? })
    }
}

/// A place in the ring of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallSlot(pub u64);

impl TableKey for CallSlot {
    const PREFIX: &'static str = "c/";

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// Whose tally it is, and of what; `None` = of notifications.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TallyKey {
    pub session: SessionName,
    pub operation: Option<OperationName>,
}

impl TableKey for TallyKey {
    const PREFIX: &'static str = "s/";

    fn to_text(&self) -> String {
        let operation = self.operation.map_or("", OperationName::as_str);
        format!("{}/{operation}", self.session)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (session, operation) = text.rsplit_once('/')?;
        let operation = match operation {
            "" => None,
            name => Some(OperationName::from_name(name)?),
        };
        Some(Self { session: session.parse().ok()?, operation })
    }
}
