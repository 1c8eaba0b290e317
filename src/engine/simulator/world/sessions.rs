//! Sessions: which account each is logged in with, what waits for it, what it did.

use std::sync::Arc;

use super::rows::QueueKey;
use super::{
    AccountRecord, CallOutcome, CallRecord, ChangeMark, Done, GroupUpdate, Notification, Operation,
    Refusal, World, numbers,
};
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::port::engine::RequestedAccount;

impl World {
    /// Logs the session in: with the number it wishes, else the one it has, else one that follows
    /// from its name.
    pub fn log_in(
        &mut self,
        session: &SessionName,
        wish: &RequestedAccount,
    ) -> Result<PhoneNumber, Refusal> {
        // An unlinked session is known, and stays so until somebody links the device.
        if let Some(phone) = self.index.unlinked.get(session)
            && wish.phone_number.is_none_or(|wished| wished == *phone)
        {
            return Ok(*phone);
        }
        self.forget_unlinked(session);
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
            // A session's account exists, whatever its test number means otherwise.
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

    /// Unlinks the session's device; it can be linked again.
    pub fn unlink(&mut self, session: &SessionName) {
        let Some(phone) = self.session_account(session) else { return };
        self.log_out(session);
        let record = self.account(phone);
        self.accounts.put(phone, AccountRecord { unlinked: Some(session.clone()), ..record });
        self.index.unlinked.insert(session.clone(), phone);
    }

    /// The account's holder links the device again. `false` where it was not unlinked.
    pub fn link(&mut self, session: &SessionName) -> Result<bool, Refusal> {
        let Some(phone) = self.forget_unlinked(session) else { return Ok(false) };
        let wish = RequestedAccount { phone_number: Some(phone), push_name: None };
        self.log_in(session, &wish).map(|_| true)
    }

    pub fn is_unlinked(&self, session: &SessionName) -> bool {
        self.index.unlinked.contains_key(session)
    }

    /// The session is gone for good; its account lives on as a stranger.
    pub fn forget_session(&mut self, session: &SessionName) {
        self.forget_unlinked(session);
    }

    fn forget_unlinked(&mut self, session: &SessionName) -> Option<PhoneNumber> {
        let phone = self.index.unlinked.remove(session)?;
        let record = self.account(phone);
        self.accounts.put(phone, AccountRecord { unlinked: None, ..record });
        Some(phone)
    }

    /// A text for someone to scan.
    pub fn new_qr_code(&mut self) -> String {
        format!("2@{}", hex::encode(self.draw::<24>()))
    }

    /// Eight letters and digits for someone to type, none of them easily taken for another.
    pub fn new_pairing_code(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"123456789ABCDEFGHJKLMNPQRSTVWXYZ";
        self.draw::<8>().iter().map(|byte| char::from(LETTERS[usize::from(*byte) % 32])).collect()
    }

    /// Ends the session's login: the account stays a member of its groups and is no longer notified.
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

    pub fn session_names(&self) -> Vec<SessionName> {
        self.index.sessions.keys().cloned().collect()
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

    /// Carries out a session's call, and notes it: its account's notifications of it bear the call's key.
    pub fn perform_call(
        &mut self,
        now: Timestamp,
        call: CallRecord,
        operation: &Operation,
    ) -> Result<Done, Refusal> {
        let phone = self.session_account(&call.session).ok_or(Refusal::NotOnWhatsapp)?;
        let performed = self.perform(now, phone, operation, false);
        match &performed {
            Ok(done) => {
                for echo in &done.echo {
                    let mut echo = (**echo).clone();
                    echo.call_key = Some(call.call_key.clone());
                    self.queue.put(QueueKey { phone, number: echo.number }, echo);
                }
                let group_id = done.group_id.clone().or(call.group_id.clone());
                self.note_call(CallRecord { group_id, applied: true, ..call });
            }
            Err(refusal) => {
                let (outcome, code) = (CallOutcome::Refused, refusal.code());
                self.note_call(CallRecord { outcome, code, ..call });
            }
        }
        performed
    }

    /// Notifies one account of a change, if it is a session's. The acting account's own is also its answer.
    pub(super) fn notify(
        &mut self,
        done: &mut Done,
        mark: ChangeMark,
        (group_id, actor): (&GroupId, (PhoneNumber, ParticipantId)),
        to: PhoneNumber,
        update: GroupUpdate,
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
            update,
        });
        if to == actor.0 {
            done.echo.push(notification.clone());
        }
        if is_listening {
            done.notification_count += 1;
            if let Some(session) = self.index.listeners.get(&to).cloned() {
                self.note_notified(&session);
            }
            self.queue.put(QueueKey { phone: to, number: mark.number }, notification);
        }
    }

    /// The time of the latest change.
    pub fn last_change_time(&self) -> Timestamp {
        self.meta().last_change_time
    }
}
