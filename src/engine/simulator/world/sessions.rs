//! Sessions: which account each is logged in with, what waits for it, what it did.

use std::sync::Arc;

use super::rows::{AppliedCall, CallSlot, QueueKey, TheOne};
use super::{
    ChangeMark, Done, News, Notification, Operation, REMEMBERED_CALLS, Refusal, World, numbers,
};
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::port::engine::AccountWish;

impl World {
    /// Logs the session in: with the number it wishes, else the one it has, else one that follows
    /// from its name.
    pub fn log_in(
        &mut self,
        session: &SessionName,
        wish: &AccountWish,
    ) -> Result<PhoneNumber, Refusal> {
        let held = self.index.sessions.get(session).copied();
        let phone = match wish.phone_number.or(held) {
            Some(phone) => phone,
            None => self.free_number(session)?,
        };
        if self.index.listeners.get(&phone).is_some_and(|holder| holder != session) {
            return Err(Refusal::NumberTaken);
        }
        if held.is_some_and(|held| held != phone) {
            self.log_out(session);
        }
        let known = self.accounts.get(&phone).cloned();
        let mut record = match &known {
            Some(record) => (**record).clone(),
            // Whatever its number would say of a stranger, a session's account is there.
            None => super::AccountRecord::default(),
        };
        record.session = Some(session.clone());
        if let Some(name) = &wish.push_name {
            record.settings.push_name.clone_from(name);
        }
        if known.as_deref() != Some(&record) {
            self.accounts.put(phone, record);
        }
        self.index.sessions.insert(session.clone(), phone);
        self.index.listeners.insert(phone, session.clone());
        Ok(phone)
    }

    /// Unlinks the session's device: the account stays a member of its groups and is told nothing more.
    pub fn log_out(&mut self, session: &SessionName) {
        let Some(phone) = self.index.sessions.remove(session) else { return };
        self.index.listeners.remove(&phone);
        let mut record = self.account(phone);
        record.session = None;
        self.accounts.put(phone, record);
        let waiting: Vec<u64> = self.queued(phone, usize::MAX).iter().map(|n| n.number).collect();
        self.acknowledge(phone, &waiting);
    }

    fn free_number(&self, session: &SessionName) -> Result<PhoneNumber, Refusal> {
        (0..10_000_u64)
            .filter_map(|attempt| numbers::session_number(session, attempt))
            .find(|phone| {
                self.accounts.get(phone).is_none() && numbers::TestNumber::of(*phone).is_none()
            })
            .ok_or(Refusal::NumberTaken)
    }

    pub fn session_account(&self, session: &SessionName) -> Option<PhoneNumber> {
        self.index.sessions.get(session).copied()
    }

    /// What waits for the account, oldest first.
    pub fn queued(&self, phone: PhoneNumber, limit: usize) -> Vec<Arc<Notification>> {
        let all = QueueKey { phone, number: 0 }..=QueueKey { phone, number: u64::MAX };
        self.queue.range(all).take(limit).map(|(_, notification)| notification.clone()).collect()
    }

    /// The account has these; they need not be delivered again.
    pub fn acknowledge(&mut self, phone: PhoneNumber, numbers: &[u64]) {
        for number in numbers {
            self.queue.remove(&QueueKey { phone, number: *number });
        }
    }

    /// Carries out a session's call: what its account is told of it bears the call's key, and that the
    /// key acted is remembered.
    pub fn perform_call(
        &mut self,
        now: Timestamp,
        session: &SessionName,
        operation: &Operation,
        call_key: &str,
    ) -> Result<Done, Refusal> {
        let phone = self.session_account(session).ok_or(Refusal::NotOnWhatsapp)?;
        let mut done = self.perform(now, phone, operation, false)?;
        for told in &mut done.echo {
            Arc::make_mut(told).call_key = Some(call_key.to_owned());
            self.queue.put(QueueKey { phone, number: told.number }, told.clone());
        }
        self.note_applied(session, call_key);
        Ok(done)
    }

    /// Tells one account of a change, if it is a session's. What the acting account hears is also its
    /// answer.
    pub(super) fn notify(
        &mut self,
        done: &mut Done,
        mark: ChangeMark,
        (group_id, actor): (&GroupId, (PhoneNumber, ParticipantId)),
        to: PhoneNumber,
        news: News,
    ) {
        let is_listening = self.index.listeners.contains_key(&to);
        if !is_listening && to != actor.0 {
            return;
        }
        let notification = Arc::new(Notification {
            number: mark.number,
            time: mark.time,
            group_id: group_id.clone(),
            actor: actor.1,
            call_key: None,
            news,
        });
        if to == actor.0 {
            done.echo.push(notification.clone());
        }
        if is_listening {
            done.notification_count += 1;
            self.queue.put(QueueKey { phone: to, number: mark.number }, notification);
        }
    }

    /// Remembers that a call was carried out under this key. The oldest are forgotten.
    pub(super) fn note_applied(&mut self, session: &SessionName, call_key: &str) {
        let mut meta = self.meta();
        let slot = CallSlot(meta.calls % REMEMBERED_CALLS);
        meta.calls += 1;
        self.meta.put(TheOne, meta);
        if let Some(forgotten) = self.calls.get(&slot)
            && let Some(count) = self.index.applied.get_mut(&**forgotten)
        {
            *count -= 1;
            if *count == 0 {
                self.index.applied.remove(&**forgotten);
            }
        }
        let applied = AppliedCall { session: session.clone(), call_key: call_key.to_owned() };
        *self.index.applied.entry(applied.clone()).or_default() += 1;
        self.calls.put(slot, applied);
    }

    /// How often a call with this key was carried out: at most once, if all is well.
    pub fn applied(&self, session: &SessionName, call_key: &str) -> u32 {
        let key = AppliedCall { session: session.clone(), call_key: call_key.to_owned() };
        self.index.applied.get(&key).copied().unwrap_or(0)
    }

    /// The time of the latest change.
    pub fn last_change_time(&self) -> Timestamp {
        self.meta().last_change_time
    }
}
