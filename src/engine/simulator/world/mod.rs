//! The rules of WhatsApp groups: who may do what, each participant's result, who is notified.
//!
//! Pure: time is an argument, chance is drawn from a seeded generator at a position that is part of
//! the world, and nothing is read or written. The same seed and the same operations at the same
//! times make the same world. What an operation changed can be written down
//! ([`World::changes`]) and then be settled, or rolled back as if it had never been.

mod account;
mod creation;
mod group;
mod invites;
mod joining;
mod leaving;
mod membership;
mod notification;
pub mod numbers;
mod operation;
mod pictures;
mod platform;
mod ranks;
mod record;
mod refusal;
mod requests;
mod rows;
mod sessions;
mod table;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

pub use account::{AccountChange, AccountRecord, AccountSettings, AddPrivacy};
pub use group::{Departure, GroupCore, InviteRecord, Member, Members, PendingRequest, WorldGroup};
pub use invites::requests_of;
pub use notification::{GroupUpdate, Notification, SOURCE};
pub use operation::{Done, Operation};
pub use pictures::MAX_PICTURE_BYTES;
pub use record::{CallFilter, CallOutcome, CallRecord, REMEMBERED_CALLS, Statistics, Tally};
pub use refusal::Refusal;

use self::numbers::TestNumber;
use self::pictures::StoredPicture;
use self::rows::{CallSlot, Meta, PictureKey, QueueKey, TallyKey, TheOne};
use self::table::Table;
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::lww_state::Stamp;
use crate::domain::participant::Account;
use crate::domain::port::repository::StoreError;

/// How long a member who left cannot be added (408), and a removed one cannot rejoin by the invite
/// link (405). An admin may add a removed one again at once.
pub const RECENTLY: Duration = Duration::from_hours(24);
/// How long a private invite can be accepted.
pub const PRIVATE_INVITE_LIFE: Duration = Duration::from_hours(72);

#[derive(Debug, Clone)]
pub struct World {
    meta: Table<TheOne, Meta>,
    accounts: Table<PhoneNumber, AccountRecord>,
    groups: Table<GroupId, WorldGroup>,
    pictures: Table<PictureKey, StoredPicture>,
    /// Notifications that are not delivered yet.
    queue: Table<QueueKey, Notification>,
    calls: Table<CallSlot, CallRecord>,
    tallies: Table<TallyKey, Tally>,
    index: Index,
}

/// What follows from the tables, for look-ups.
#[derive(Debug, Clone, Default)]
struct Index {
    sessions: BTreeMap<SessionName, PhoneNumber>,
    listeners: HashMap<PhoneNumber, SessionName>,
    invites: HashMap<InviteCode, GroupId>,
    /// Codes that were voided.
    revoked: HashMap<InviteCode, GroupId>,
    /// Accounts by the number that they have by now, where it is not their first one.
    numbers: HashMap<PhoneNumber, PhoneNumber>,
    /// Sessions whose device was unlinked, by the account that they were.
    unlinked: BTreeMap<SessionName, PhoneNumber>,
    /// How often each key of a session was carried out.
    applied: HashMap<(SessionName, String), u32>,
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.meta == other.meta
            && self.accounts == other.accounts
            && self.groups == other.groups
            && self.pictures == other.pictures
            && self.queue == other.queue
            && self.calls == other.calls
            && self.tallies == other.tallies
    }
}

impl Index {
    fn note_applied(&mut self, call: &CallRecord) {
        let key = (call.session.clone(), call.call_key.clone());
        *self.applied.entry(key).or_default() += 1;
    }

    fn forget_applied(&mut self, call: &CallRecord) {
        let key = (call.session.clone(), call.call_key.clone());
        if let Some(count) = self.applied.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.applied.remove(&key);
            }
        }
    }
}

/// The number and the time of one change.
#[derive(Debug, Clone, Copy)]
struct ChangeMark {
    number: u64,
    time: Timestamp,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut world = Self::empty();
        world.meta.put(TheOne, Meta { seed, ..Meta::default() });
        world
    }

    fn empty() -> Self {
        Self {
            meta: Table::default(),
            accounts: Table::default(),
            groups: Table::default(),
            pictures: Table::default(),
            queue: Table::default(),
            calls: Table::default(),
            tallies: Table::default(),
            index: Index::default(),
        }
    }

    /// The world as it was written down; a new one where nothing was.
    pub fn restore(rows: &[(String, Bytes)], seed: u64) -> Result<Self, StoreError> {
        let mut world = Self::empty();
        for (name, bytes) in rows {
            let known = world.meta.read(name, bytes)?
                || world.accounts.read(name, bytes)?
                || world.groups.read(name, bytes)?
                || world.pictures.read(name, bytes)?
                || world.queue.read(name, bytes)?
                || world.calls.read(name, bytes)?
                || world.tallies.read(name, bytes)?;
            if !known {
                return Err(StoreError::Corrupt(format!("simulator key {name}")));
            }
        }
        if rows.is_empty() {
            return Ok(Self::new(seed));
        }
        world.rebuild_index();
        Ok(world)
    }

    /// What has to be written, all at once, before anybody may see the changes.
    pub fn changes(&self) -> Result<Vec<(String, Option<Bytes>)>, StoreError> {
        let mut changes = Vec::new();
        self.meta.write_changes(&mut changes)?;
        self.accounts.write_changes(&mut changes)?;
        self.groups.write_changes(&mut changes)?;
        self.pictures.write_changes(&mut changes)?;
        self.queue.write_changes(&mut changes)?;
        self.calls.write_changes(&mut changes)?;
        self.tallies.write_changes(&mut changes)?;
        Ok(changes)
    }

    /// Whether a call changed a group or was noted as applied, rather than only its delivery.
    pub fn has_unsaved_mutation(&self) -> bool {
        self.groups.is_touched() || self.calls.is_touched()
    }

    /// Whose queue grew since the last settling.
    pub fn grown_queues(&self) -> Vec<PhoneNumber> {
        let grown = self.queue.touched().filter(|key| self.queue.get(key).is_some());
        let mut phones: Vec<PhoneNumber> = grown.map(|key| key.phone).collect();
        phones.dedup();
        phones
    }

    /// The changes are written.
    pub fn settle(&mut self) {
        self.meta.settle();
        self.accounts.settle();
        self.groups.settle();
        self.pictures.settle();
        self.queue.settle();
        self.calls.settle();
        self.tallies.settle();
    }

    /// The changes were not written: they never happened.
    pub fn roll_back(&mut self) {
        self.meta.roll_back();
        self.accounts.roll_back();
        self.groups.roll_back();
        self.pictures.roll_back();
        self.queue.roll_back();
        self.calls.roll_back();
        self.tallies.roll_back();
        self.rebuild_index();
    }

    fn rebuild_index(&mut self) {
        let mut index = Index::default();
        for (phone, record) in self.accounts.iter() {
            if let Some(session) = &record.session {
                index.sessions.insert(session.clone(), *phone);
                index.listeners.insert(*phone, session.clone());
            }
            if let Some(session) = &record.unlinked {
                index.unlinked.insert(session.clone(), *phone);
            }
            if let Some(number) = record.number.filter(|number| number != phone) {
                index.numbers.insert(number, *phone);
            }
        }
        for (id, group) in self.groups.iter() {
            index.invites.insert(group.invite_code.clone(), id.clone());
            for code in &group.revoked {
                index.revoked.insert(code.clone(), id.clone());
            }
        }
        for (_, call) in self.calls.iter() {
            if call.applied {
                index.note_applied(call);
            }
        }
        self.index = index;
    }

    fn meta(&self) -> Meta {
        self.meta.get(&TheOne).map(|meta| (**meta).clone()).unwrap_or_default()
    }

    /// The next change. Its time is after that of every earlier one, whatever the clock shows.
    fn next_change(&mut self, now: Timestamp) -> ChangeMark {
        let mut meta = self.meta();
        meta.changes += 1;
        meta.last_change_time = now.max(meta.last_change_time + Duration::from_micros(1));
        let mark = ChangeMark { number: meta.changes, time: meta.last_change_time };
        self.meta.put(TheOne, meta);
        mark
    }

    /// The next random numbers. Each draw has its own stream, so that a restart goes on in the middle.
    fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut meta = self.meta();
        let mut generator = ChaCha8Rng::seed_from_u64(meta.seed);
        generator.set_stream(meta.draws);
        meta.draws += 1;
        self.meta.put(TheOne, meta);
        let mut bytes = [0; N];
        generator.fill_bytes(&mut bytes);
        bytes
    }

    pub fn group(&self, id: &GroupId) -> Option<&Arc<WorldGroup>> {
        self.groups.get(id)
    }

    /// All groups, or those that an account is in, by id.
    pub fn groups(&self, member: Option<PhoneNumber>) -> impl Iterator<Item = &Arc<WorldGroup>> {
        self.groups
            .iter()
            .map(|(_, group)| group)
            .filter(move |group| member.is_none_or(|phone| group.core.role_of(phone).is_some()))
    }

    pub fn account(&self, phone: PhoneNumber) -> AccountRecord {
        match self.accounts.get(&phone) {
            Some(record) => (**record).clone(),
            None => {
                AccountRecord { settings: settings_by_number(phone), ..AccountRecord::default() }
            }
        }
    }

    /// Sets what an account is like. It keeps its session.
    pub fn set_account(&mut self, phone: PhoneNumber, settings: AccountSettings) {
        let record = self.account(phone);
        self.accounts.put(phone, AccountRecord { settings, ..record });
    }

    pub fn names(&self, phone: PhoneNumber) -> Account {
        let number = self.accounts.get(&phone).and_then(|record| record.number).unwrap_or(phone);
        match numbers::lid_of(phone) {
            Some(lid) => Account::with_both(lid, number),
            None => Account::new(ParticipantId::Phone(number)),
        }
    }

    /// Whose name this is, as the number under which the world knows the account; `None` for a hidden id
    /// or a number that belongs to nobody (any more).
    pub fn phone_of(&self, id: ParticipantId) -> Option<PhoneNumber> {
        match id {
            ParticipantId::Phone(phone) => match self.index.numbers.get(&phone) {
                Some(key) => Some(*key),
                None => {
                    let moved = self.accounts.get(&phone).and_then(|record| record.number);
                    (moved.is_none() || moved == Some(phone)).then_some(phone)
                }
            },
            ParticipantId::Lid(lid) => numbers::phone_behind(lid),
        }
    }

    /// Where the world is: everything that happened before is older than this.
    pub fn stamp(&self) -> Stamp {
        let meta = self.meta();
        notification::stamp(meta.changes, meta.last_change_time)
    }

    /// Whether adding this account answers RECENTLY_LEFT whatever it did, by its number.
    fn always_recently_left(&self, phone: PhoneNumber) -> bool {
        self.accounts.get(&phone).is_none()
            && TestNumber::of(phone) == Some(TestNumber::RecentlyLeft)
    }

    fn blocks(&self, phone: PhoneNumber, adder: PhoneNumber) -> bool {
        match self.accounts.get(&phone) {
            Some(record) => record.settings.blocked.contains(&adder),
            None => TestNumber::of(phone) == Some(TestNumber::BlockedUs),
        }
    }
}

/// The settings of an account of which only the number is known.
fn settings_by_number(phone: PhoneNumber) -> AccountSettings {
    let mut settings = AccountSettings::default();
    match TestNumber::of(phone) {
        Some(TestNumber::NotOnWhatsapp) => settings.on_whatsapp = false,
        Some(TestNumber::NeedsInvite) => settings.add_privacy = AddPrivacy::Nobody,
        Some(TestNumber::BlockedUs | TestNumber::RecentlyLeft) | None => {}
    }
    settings
}
