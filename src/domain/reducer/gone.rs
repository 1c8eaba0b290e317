//! Reports that we are no longer in a group.

use std::sync::Arc;

use super::{GroupState, Reduction};
use crate::domain::event::{EventBody, Field, FieldValue};
use crate::domain::group::Group;
use crate::domain::lww_state::{LwwState, Stamp};
use crate::domain::participant::Account;

/// `event` makes the event of the group as it was.
pub(super) fn reduce(
    state: &mut GroupState,
    event: fn(Option<Arc<Group>>) -> EventBody,
    stamp: Option<&Stamp>,
) -> Reduction {
    let mut reduction = Reduction::default();
    if !state.facts.counts(stamp, None) {
        return reduction;
    }
    // Facts that are newer than our leaving are of a later stay whose beginning has yet to arrive.
    let newer_stay = stamp.is_some_and(|stamp| {
        let is_newer = |own: &&Stamp| own.source == stamp.source && own.is_after(stamp);
        let is_of_leaving =
            |field: &Field, own: &Stamp| Field::VALUED.contains(field) && own.time == stamp.time;
        state.facts.fields.iter().any(|(field, own)| is_newer(&own) && !is_of_leaving(field, own))
            || state.facts.members.values().any(|own| is_newer(&own))
            || state
                .facts
                .requests
                .values()
                .filter_map(|fact| fact.stamp.as_ref())
                .any(|own| is_newer(&own))
    });
    let aliases = std::mem::take(&mut state.facts.aliases);
    let create_time = state.facts.create_time;
    if newer_stay {
        let stamp = stamp.cloned();
        let held = state.group.take();
        let mut facts =
            LwwState { gone: stamp.clone(), aliases, create_time, ..LwwState::default() };
        let before = std::mem::take(&mut state.facts);
        let mut partial = None;
        if let Some(held) = &held {
            let mut group = Group::partial(held.id.clone());
            for (field, own) in before.fields {
                // An update of the second in which we left may follow it (part.rs).
                let is_of_leaving = Field::VALUED.contains(&field)
                    && stamp.as_ref().is_some_and(|stamp| own.time == stamp.time);
                if !is_of_leaving && facts.counts(Some(&own), None) {
                    if let Some(value) = FieldValue::of(held, field) {
                        value.set_on(&mut group);
                    } else if field == Field::Picture {
                        group.picture_id = held.picture_id.clone();
                    }
                    facts.fields.insert(field, own);
                }
            }
            for (id, own) in before.members {
                if facts.counts(Some(&own), None) {
                    if let Some(participant) = held.participant(&Account::new(id)) {
                        group.put_participant(*participant);
                    }
                    facts.members.insert(id, own);
                }
            }
            for (id, fact) in before.requests {
                if fact.stamp.as_ref().is_some_and(|own| facts.counts(Some(own), None)) {
                    facts.requests.insert(id, fact);
                }
            }
            partial = Some(Arc::new(group));
        }
        state.facts = facts;
        if let (Some(held), Some(partial)) = (held, partial) {
            if !held.partial {
                reduction.events.push(event(Some(held)));
                reduction.events.push(EventBody::Joined(partial.clone()));
            } else if *held != *partial {
                reduction.events.push(EventBody::Joined(partial.clone()));
            }
            state.group = Some(partial);
        }
        reduction.reread = true;
        return reduction;
    }
    let gone = stamp.cloned().or_else(|| state.facts.gone.clone());
    state.facts = LwwState { gone, aliases, create_time, ..LwwState::default() };
    if let Some(held) = state.group.take() {
        reduction.events.push(event(Some(held)));
    }
    reduction
}
