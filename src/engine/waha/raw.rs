//! Looking things up in an engine's own object.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::names;
use crate::domain::clock::Timestamp;
use crate::domain::id::ParticipantId;
use crate::domain::participant::Account;

/// GOWS and NOWEB give milliseconds, WEBJS and WPP seconds. 100,000,000,000 is the year 5138 in seconds
/// and March 1973 in milliseconds.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;
/// A clock that is further ahead than this is wrong, and its stamps would outrank later events.
const AHEAD: Duration = Duration::from_secs(86_400);
/// Private invites are good for about three days; what ends later than this is no end.
const LIFE: Duration = Duration::from_secs(366 * 86_400);

/// A time in seconds or milliseconds; `None` for none, zero, nonsense, and what is far ahead.
pub(super) fn time(value: &Value, now: Timestamp) -> Option<Timestamp> {
    moment(value).filter(|time| *time <= now + AHEAD)
}

/// When something ends that is good still.
pub(super) fn expiry(value: &Value, now: Timestamp) -> Option<Timestamp> {
    let written = value.as_str().and_then(|text| text.parse().ok());
    written.or_else(|| moment(value)).filter(|end| (now..=now + LIFE).contains(end))
}

fn moment(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?))?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    match number {
        ..=0 => None,
        FIRST_MILLISECONDS.. => Some(Timestamp::from_micros(number.saturating_mul(1000))),
        _ => Some(Timestamp::from_seconds(number)),
    }
}

fn whole(number: f64) -> Option<i64> {
    // Up to 2^53 every whole number has a double of its own.
    (number.is_finite() && number.abs() < 9.0e15).then_some(number as i64)
}

pub(super) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        // WhatsApp Web keeps some of them as numbers.
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        _ => None,
    }
}

/// An engine's own object, and when it arrived. Places are JSON pointers, since each engine keeps the same
/// thing elsewhere.
pub(super) struct Raw<'a>(&'a Value, Timestamp);

impl<'a> Raw<'a> {
    pub fn new(value: &'a Value, now: Timestamp) -> Self {
        Self(value, now)
    }

    /// What stands at the first of these places that is there.
    pub fn find(&self, places: &[&str]) -> Option<&'a Value> {
        places.iter().find_map(|place| self.0.pointer(place).filter(|value| !value.is_null()))
    }

    pub fn flag(&self, places: &[&str]) -> Option<bool> {
        places.iter().find_map(|place| flag(self.0.pointer(place)))
    }

    pub fn text(&self, places: &[&str]) -> Option<&'a str> {
        places.iter().find_map(|place| self.0.pointer(place).and_then(Value::as_str))
    }

    /// The members as the engine names them, by each of their names.
    pub fn accounts(&self) -> BTreeMap<ParticipantId, Account> {
        let lists = ["/Participants", "/participants", "/groupMetadata/participants"];
        let listed = lists.iter().filter_map(|list| self.0.pointer(list)?.as_array()).flatten();
        listed
            .filter_map(|listed| {
                names::listed(listed).filter(|account| account.both_names().is_some())
            })
            .flat_map(|account| account.names().map(move |name| (name, account)))
            .collect()
    }

    pub fn first(&self, places: &[&str]) -> Option<ParticipantId> {
        places.iter().find_map(|place| self.0.pointer(place).and_then(names::participant_id))
    }

    /// Go writes the year 1 for no time.
    pub fn time(&self, places: &[&str]) -> Option<Timestamp> {
        let found = self.find(places)?;
        let time =
            found.as_str().and_then(|text| text.parse().ok()).or_else(|| time(found, self.1));
        time.filter(|time| *time > Timestamp::EPOCH)
    }

    /// Whether this is the engine's whole group and not what changed of it.
    pub fn is_whole(&self) -> bool {
        let is_list = |place| self.0.pointer(place).is_some_and(Value::is_array);
        is_list("/Participants") || (is_list("/participants") && self.0.get("subject").is_some())
    }

    pub fn disappearing_timer(&self) -> Option<u32> {
        let found = self.find(&[
            "/DisappearingTimer",
            "/Ephemeral/DisappearingTimer",
            "/ephemeralDuration",
        ]);
        match found {
            Some(seconds) => seconds.as_u64().and_then(|seconds| u32::try_from(seconds).ok()),
            // NOWEB leaves out what is off.
            None => self.is_whole().then_some(0),
        }
    }
}
