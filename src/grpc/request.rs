//! What comes in: who calls, and fields that are checked all at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use tonic::{Request, Status};

use crate::app::Call;
use crate::app::groups::Target;
use crate::domain::auth::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Violations};
use crate::domain::event::EventType;
use crate::domain::excerpt::Quoted;
use crate::domain::id::{GroupId, ParticipantId, RequestId, SessionName};
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::domain::participant::Role;
use crate::domain::reason::Reason;
use crate::domain::trace_context::TraceContext;
use crate::middleware::audit::note_session;
use crate::middleware::{Deadline, to_status};
use crate::pb;
use crate::pb::wire::to_timestamp;

/// The most entries of a list of enum values: more than there are of any.
const MAX_ENUM_VALUES: usize = 100;

/// The most paths of an update's mask.
const MAX_PATHS: usize = 100;

/// Who calls. A request that passed no authentication is refused, whatever the cause.
pub(super) fn call<T>(request: &Request<T>) -> Result<Call, Status> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(|| {
        to_status(&Error::new(Reason::Unauthenticated, "this request was not authenticated"))
    })?;
    let deadline = request.extensions().get::<Deadline>().map(|deadline| deadline.0);
    let trace = request.extensions().get::<TraceContext>().cloned();
    Ok(Call { caller, deadline, trace })
}

/// Checks fields and gathers what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    violations: Violations,
}

impl Fields {
    pub fn parse<T>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: Display,
    {
        self.violations.check(field, text.parse::<T>())
    }

    /// What must be set: left out, its default would have a meaning.
    pub fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "must be set: an omitted value changes nothing");
        }
        value
    }

    pub fn session(&mut self, text: &str) -> Option<SessionName> {
        let session = self.parse("session", text)?;
        note_session(&session);
        Some(session)
    }

    pub fn group_id(&mut self, text: &str) -> Option<GroupId> {
        self.parse("group_id", text)
    }

    pub fn add(&mut self, field: impl Display, description: impl Display) {
        self.violations.add(field, description);
    }

    /// Whether a list is short enough to be looked at, entry by entry.
    pub fn is_short<T>(&mut self, field: &str, list: &[T], max: usize) -> bool {
        let is_short = list.len() <= max;
        if !is_short {
            let must = format_args!("must have at most {max} entries; it has {}", list.len());
            self.violations.add(field, must);
        }
        is_short
    }

    pub fn each<T>(&mut self, field: &str, texts: &[String], max: usize) -> Vec<T>
    where
        T: std::str::FromStr + PartialEq,
        T::Err: Display,
    {
        if !self.is_short(field, texts, max) {
            return Vec::new();
        }
        let mut values: Vec<T> = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let parsed = text.parse::<T>();
            if let Some(value) = self.violations.check(format_args!("{field}[{index}]"), parsed) {
                values.push(value);
            }
        }
        values
    }

    /// Values of an enum, each of which must have a meaning here.
    pub fn each_value<T>(
        &mut self,
        field: &str,
        values: &[i32],
        known: impl Fn(i32) -> Option<T>,
        must: &str,
    ) -> Vec<T> {
        if !self.is_short(field, values, MAX_ENUM_VALUES) {
            return Vec::new();
        }
        let mut meant = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match known(*value) {
                Some(value) => meant.push(value),
                None => self.add(format_args!("{field}[{index}]"), must),
            }
        }
        meant
    }

    /// People, each named once.
    pub fn participants(
        &mut self,
        field: &str,
        texts: &[String],
        count: RangeInclusive<usize>,
    ) -> Vec<ParticipantId> {
        if !count.contains(&texts.len()) {
            self.add(
                field,
                format!(
                    "must name {} to {} participants; it names {}",
                    count.start(),
                    count.end(),
                    texts.len()
                ),
            );
            return Vec::new();
        }
        let mut seen = std::collections::HashMap::new();
        let mut ids = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let path = format!("{field}[{index}]");
            let Some(id) = self.parse::<ParticipantId>(&path, text) else { continue };
            match seen.insert(id, index) {
                Some(first) => {
                    self.add(path, format_args!("is the same participant as {field}[{first}]"));
                }
                None => ids.push(id),
            }
        }
        ids
    }

    pub fn page_size(&mut self, size: i32) -> u32 {
        match u32::try_from(size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => {
                self.add("page_size", "must not be negative");
                DEFAULT_PAGE_SIZE
            }
        }
    }

    /// A sequence; 0 stands for none.
    pub fn sequence(&mut self, field: &str, value: i64) -> Sequence {
        Sequence::try_from(value).unwrap_or_else(|_| {
            self.add(field, "must not be negative");
            Sequence::ZERO
        })
    }

    pub fn roles(&mut self, field: &str, values: &[i32]) -> Vec<Role> {
        let known = |value| pb::Role::try_from(value).ok().and_then(pb::Role::to_domain);
        let must = "must be ROLE_PARTICIPANT, ROLE_ADMIN or ROLE_SUPERADMIN";
        self.each_value(field, values, known, must)
    }

    pub fn event_types(&mut self, values: &[i32]) -> Vec<EventType> {
        let known = |value| pb::EventType::try_from(value).ok().and_then(pb::EventType::to_domain);
        let must = "must be a known event type other than UNSPECIFIED";
        self.each_value("types", values, known, must)
    }

    /// What an update's mask names.
    pub fn paths<'a>(
        &mut self,
        mask: Option<&'a prost_types::FieldMask>,
        known: &str,
    ) -> &'a [String] {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            self.add("update_mask", format_args!("must name what to change: {known}"));
        }
        if self.is_short("update_mask", paths, MAX_PATHS) { paths } else { &[] }
    }

    pub fn add_unknown_path(&mut self, path: &str, known: &str) {
        let must = format_args!("{} cannot be changed; there are {known}", Quoted(path));
        self.violations.add("update_mask", must);
    }

    pub fn time(
        &mut self,
        field: &str,
        time: Option<&prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let time = time?;
        // The range of google.protobuf.Timestamp: years 1 to 9999.
        let in_range = (-62_135_596_800..=253_402_300_799).contains(&time.seconds)
            && (0..1_000_000_000).contains(&time.nanos);
        if !in_range {
            self.add(
                field,
                "must lie between the years 1 and 9999, with nanos from 0 to 999,999,999",
            );
            return None;
        }
        Some(to_timestamp(time))
    }

    /// Empty stands for none.
    pub fn request_id(&mut self, text: &str) -> Option<RequestId> {
        if text.is_empty() { None } else { self.parse("request_id", text) }
    }

    /// The group that the request changes.
    pub fn target<M: ChangesGroup>(&mut self, message: &M) -> Option<Target> {
        let session = self.session(message.session());
        let group_id = self.group_id(message.group_id());
        let request_id = self.request_id(message.request_id());
        let (session, group_id) = session.zip(group_id)?;
        Some(Target { session, group_id, request_id })
    }

    /// A span of whole seconds; nothing stands for zero.
    pub fn seconds(&mut self, field: &str, span: Option<&prost_types::Duration>, max: u32) -> u32 {
        let Some(span) = span else { return 0 };
        match u32::try_from(span.seconds) {
            Ok(seconds) if span.nanos == 0 && seconds <= max => seconds,
            _ => {
                self.add(field, format!("must be whole seconds from 0 to {max}"));
                0
            }
        }
    }

    /// Answers all violations at once; else the values, which are there then.
    pub fn finish<T>(self, values: Option<T>) -> Result<T, Status> {
        crate::domain::error::checked(self.violations, values).map_err(|error| to_status(&error))
    }
}

/// A request that changes one group.
pub(super) trait ChangesGroup {
    fn request_id(&self) -> &str;

    fn session(&self) -> &str;

    fn group_id(&self) -> &str;
}

// `ChangesGroup` of each request of `GroupsService` that has these fields; `build.rs` makes it of the contract.
include!(concat!(env!("OUT_DIR"), "/changes_group.rs"));
