//! One write request, reduced into what its session's transaction will write.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::echo::Echo;
use super::echo_window::{CallKey, Claim, EchoWindows};
use super::own_changes::contradicts;
use super::session_draft::{DraftGroup, SessionDraft};
use super::working_set::{GroupKey, WorkingGroup};
use super::write_request::{
    CallAnswer, EngineChanges, Fetched, Identities, SessionEnd, WriteContent, WriteOutcome,
    WriteResult,
};
use crate::domain::answer::{Answer, StoredResponse};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::{Event, EventBody, EventId, Initiator, Origin};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::port::repository::AnswerWrite;
use crate::domain::reducer::{Change, Observation, reduce};
use crate::domain::session::EngineKind;
use crate::domain::trace_context::TraceContext;

pub(super) struct Reduction<'a> {
    pub session: &'a SessionName,
    pub engine: EngineKind,
    pub now: Timestamp,
    pub entropy: &'a dyn Entropy,
    pub echo_windows: &'a EchoWindows,
    /// Source ids that were dealt with before.
    pub known: &'a mut BTreeSet<(SessionName, String)>,
    pub loaded: &'a HashMap<GroupKey, Arc<WorkingGroup>>,
    pub draft: &'a mut SessionDraft,
}

/// Whose change an event is.
#[derive(Debug, Clone)]
struct Cause {
    origin: Origin,
    initiator: Initiator,
}

impl Cause {
    fn of(origin: Origin) -> Self {
        Self { origin, initiator: Initiator::default() }
    }

    /// An engine's report, and the trace of its delivery.
    fn reported(trace: Option<TraceContext>) -> Self {
        let initiator = Initiator { trace, ..Initiator::default() };
        Self { origin: Origin::Engine, initiator }
    }

    fn call(initiator: Initiator) -> Self {
        Self { origin: Origin::Api, initiator }
    }
}

impl Reduction<'_> {
    pub fn reduce(mut self, content: &WriteContent) -> Result<WriteResult> {
        match content {
            WriteContent::EngineChanges(changes) => Ok(self.engine_changes(changes)),
            WriteContent::CallAnswer(answer) => self.call_answer(answer),
            WriteContent::Fetched(fetched) => Ok(self.fetched(fetched)),
            WriteContent::Identities(identities) => Ok(self.identities(identities)),
            WriteContent::SessionDeleted(ended) => Ok(self.session_deleted(ended)),
        }
    }

    fn engine_changes(&mut self, changes: &EngineChanges) -> WriteResult {
        let before = self.draft.last_sequence();
        if !self.note_source(&changes.source_id) {
            let outcome = WriteOutcome::Duplicate;
            return WriteResult { outcome, ..WriteResult::unchanged(before) };
        }
        for observation in &changes.observations {
            if changes.may_be_late && self.is_late_description(observation) {
                continue;
            }
            let (me, key) = (self.draft.account, changes.call_key.as_deref());
            // The late report of a call that was answered says nothing of those that are out.
            let echo = self.echo_windows.late_echo(self.session, me.as_ref(), observation);
            if echo == Echo::No {
                self.echo_windows.note_members(self.session, me.as_ref(), observation);
            }
            let claim = self.echo_windows.claim(self.session, me.as_ref(), key, observation);
            // An engine that names calls leaves nothing to guess.
            let claim = claim.or_else(|| match key {
                Some(_) => None,
                None => self.claim_creation(observation),
            });
            let rest = match self.overtaken_echo(echo, observation, claim.is_some()) {
                Echo::Own => continue,
                Echo::PartlyOwn => Some(self.echo_windows.rest_of(self.session, observation)),
                Echo::No => None,
            };
            let observation = rest.as_ref().unwrap_or(observation);
            let cause = match &claim {
                Some(claim) => Cause::call(claim.initiator.clone()),
                None => Cause::reported(changes.trace.clone()),
            };
            let has_events = self.apply(observation, &cause, false);
            if let Some(claim) = claim.filter(|_| has_events) {
                self.draft.claimed.push((claim.key, self.draft.last_sequence()));
            }
        }
        self.result_since(before)
    }

    fn call_answer(&mut self, answer: &CallAnswer) -> Result<WriteResult> {
        let before = self.draft.last_sequence();
        for id in &answer.source_ids {
            self.note_source(id);
        }
        let cause = Cause::call(answer.initiator.clone());
        for observation in &answer.observations {
            // A revoke is reported without a state, so comparing states cannot show that the answer repeats it.
            let is_revoke = observation.change == Change::InviteRevoked;
            if !(is_revoke && self.echoed(&answer.call_key).is_some()) {
                self.apply(observation, &cause, false);
            }
        }
        let mut result = self.result_since(before);
        if !result.changed {
            // The echo may have been quicker than the answer.
            let of_creation = answer.observations.first().filter(|_| answer.is_creation);
            let sequence = match of_creation {
                // Of the group that the answer names: which description was taken for its echo is a guess.
                Some(made) => Some(self.group(&made.group_id).now.sequence),
                None => self.echoed(&answer.call_key),
            };
            if let Some(sequence) = sequence {
                (result.changed, result.sequence) = (true, sequence);
            }
        }
        if let Some((key, outcome)) = &answer.stored {
            let settled = StoredResponse::Answered(Answer {
                outcome: outcome.clone(),
                changed: result.changed,
                sequence: result.sequence,
                repeated: false,
            });
            let answer = serde_json::to_vec(&settled).map_err(Error::internal)?.into();
            self.draft.answers.push(AnswerWrite { key: key.clone(), answer });
        }
        Ok(result)
    }

    fn fetched(&mut self, fetched: &Fetched) -> WriteResult {
        let before = self.draft.last_sequence();
        let group = &self.group(&fetched.observation.group_id).now;
        let held = group.state.group.as_ref().map_or(Sequence::ZERO, |_| group.sequence);
        if fetched.only_at_sequence.is_some_and(|expected| expected != held) {
            let outcome = WriteOutcome::Overtaken;
            return WriteResult { outcome, ..WriteResult::unchanged(before) };
        }
        self.apply(&fetched.observation, &Cause::of(Origin::Reconciled), false);
        self.result_since(before)
    }

    fn identities(&mut self, identities: &Identities) -> WriteResult {
        let before = self.draft.last_sequence();
        let observation = Observation {
            group_id: identities.group_id.clone(),
            change: Change::Aliases(identities.aliases.clone()),
            actor: None,
            occur_time: self.now,
            stamp: None,
        };
        self.apply(&observation, &Cause::of(Origin::Engine), identities.rewrites);
        self.result_since(before)
    }

    fn session_deleted(&mut self, ended: &SessionEnd) -> WriteResult {
        let before = self.draft.last_sequence();
        self.draft.deletes_session = true;
        let body = EventBody::SessionDeleted(Some(Box::new(ended.session.clone())));
        self.append(None, body, self.now, None, &Cause::call(ended.initiator.clone()));
        self.result_since(before)
    }

    /// Notes an id of the engine's; returns whether it is new.
    fn note_source(&mut self, id: &str) -> bool {
        let is_new = self.known.insert((self.session.clone(), id.to_owned()));
        if is_new {
            self.draft.source_ids.push(id.to_owned());
        }
        is_new
    }

    /// Whether it is a whole description that may be older than the answer of a call of ours, and is not to be
    /// written. The group is then to be read anew.
    fn is_late_description(&mut self, observation: &Observation) -> bool {
        let own_changes = &self.echo_windows.own_changes;
        if !observation.change.is_whole() || !own_changes.has(self.session, &observation.group_id) {
            return false;
        }
        let account = self.draft.account;
        let held = &self.group(&observation.group_id).now.state;
        // Where nothing is known, nothing newer is lost by it; and an engine that reads it anew may not know more.
        let is_undescribed = held.group.as_ref().is_some_and(|held| is_undescribed(held));
        // A description equal to what we hold is no reason to read: reading has engines describe all groups again.
        let says_more = !reduce(&mut held.clone(), observation, account.as_ref()).events.is_empty();
        if says_more {
            self.draft.doubtful.insert(observation.group_id.clone());
        }
        !is_undescribed
    }

    /// How much of it is the late report of a change by our call, after which the group was changed once more. Engines
    /// that describe more than what has changed (WEBJS) report it beside fields that nobody changed.
    fn overtaken_echo(&mut self, echo: Echo, observation: &Observation, is_claimed: bool) -> Echo {
        let held = &self.group(&observation.group_id).now.state;
        let would_change = echo != Echo::No
            && held.group.as_ref().is_some_and(|held| contradicts(held, &observation.change));
        // A call that is out writes its change itself. Otherwise another account may have made the same change just
        // now, which only a read can show; for a revoke not even a read.
        let is_open_question = !is_claimed && observation.change != Change::InviteRevoked;
        if would_change && is_open_question {
            self.draft.doubtful.insert(observation.group_id.clone());
        }
        if would_change { echo } else { Echo::No }
    }

    /// The call whose group this is, where an event describes it before the call is answered.
    fn claim_creation(&mut self, observation: &Observation) -> Option<Claim> {
        let me = self.draft.account;
        let claim = self.echo_windows.claim_creation(self.session, me.as_ref(), observation)?;
        let is_known = self.group(&observation.group_id).now.state.group.is_some();
        // One event makes a group; within a batch the call may have been found already.
        (!is_known && self.echoed(&claim.key).is_none()).then_some(claim)
    }

    /// The sequence of the event that a call's echo became, where it came before the call's answer.
    fn echoed(&self, key: &CallKey) -> Option<Sequence> {
        let here = self.draft.claimed.iter().rev().find(|(claimed, _)| claimed == key);
        here.map(|(_, sequence)| *sequence)
            .or_else(|| self.echo_windows.sequence_of(self.session, key))
    }

    fn group(&mut self, id: &GroupId) -> &mut DraftGroup {
        self.draft.group(self.session, id, self.loaded)
    }

    /// Returns whether it became any event.
    fn apply(&mut self, observation: &Observation, cause: &Cause, rewrites: bool) -> bool {
        let bodies = self.draft.apply(self.session, observation, self.loaded, rewrites);
        let has_events = !bodies.is_empty();
        for body in bodies {
            let Observation { group_id, actor, occur_time, .. } = observation;
            self.append(Some(group_id), body, *occur_time, *actor, cause);
        }
        has_events
    }

    fn append(
        &mut self,
        group_id: Option<&GroupId>,
        body: EventBody,
        occur_time: Timestamp,
        actor: Option<ParticipantId>,
        cause: &Cause,
    ) {
        self.draft.append(Event {
            id: EventId::new(self.now, self.entropy),
            session: self.session.clone(),
            sequence: Sequence::ZERO,
            group_id: group_id.cloned(),
            occur_time,
            record_time: self.now,
            engine: self.engine,
            origin: cause.origin,
            actor,
            initiator: cause.initiator.clone(),
            body,
        });
    }

    fn result_since(&self, before: Sequence) -> WriteResult {
        let sequence = self.draft.last_sequence();
        let events = usize::try_from(sequence.since(before)).unwrap_or(usize::MAX);
        WriteResult { changed: events > 0, events, ..WriteResult::unchanged(sequence) }
    }
}

/// Whether nothing is known of the group but that we are in it.
fn is_undescribed(group: &Group) -> bool {
    group.partial && group.subject.text.is_empty() && group.participants().is_empty()
}
