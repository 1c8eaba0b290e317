//! Accounts that go by two names.

use std::sync::Arc;

use super::moves::Moves;
use super::{GroupState, Reduction};
use crate::domain::event::{EventBody, FieldChange};
use crate::domain::group::Group;
use crate::domain::id::ParticipantId;
use crate::domain::lww_state::{LwwState, Stamp};
use crate::domain::participant::{Account, Participant};

/// The account under all names that we know of it.
pub(super) fn known_account(facts: &LwwState, account: Account) -> Account {
    let lid = account
        .lid()
        .or_else(|| account.phone().and_then(|phone| facts.aliases.get(&phone).copied()));
    let phone = account.phone().or_else(|| {
        account
            .lid()
            .and_then(|lid| facts.aliases.iter().find(|(_, l)| **l == lid).map(|(phone, _)| *phone))
    });
    Account::from_names(lid, phone).unwrap_or(account)
}

pub(super) enum United {
    Nothing,
    /// The member is there and goes by a name that it did not have before.
    Renamed,
    /// By what was known under the other name, the member is gone.
    Gone(Participant),
}

/// Makes one of what was kept under an account's two names; the newer report of the two stands.
pub(super) fn unite(group: &mut Group, facts: &mut LwwState, account: Account) -> United {
    let Some((lid, phone)) = account.both_names() else { return United::Nothing };
    let (by_lid, by_phone) = (ParticipantId::Lid(lid), ParticipantId::Phone(phone));
    let find = |id: ParticipantId| group.participants().iter().find(|p| p.id() == id).copied();
    let (member_lid, member_phone) = (find(by_lid), find(by_phone));
    let stamp_phone = facts.members.remove(&by_phone);
    let stamp_lid = facts.members.get(&by_lid).cloned();
    let phone_is_newer = match (&stamp_phone, &stamp_lid) {
        (Some(phone), Some(lid)) => phone.is_after(lid),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => member_lid.is_none(),
    };
    if phone_is_newer && let Some(stamp) = stamp_phone.clone() {
        facts.members.insert(by_lid, stamp);
    }
    let knows_phone = stamp_phone.is_some() || member_phone.is_some();
    let winner = if phone_is_newer && knows_phone { member_phone } else { member_lid };
    let loser = member_lid.or(member_phone);
    match (winner, loser) {
        (Some(winner), _) => {
            let united = Participant::new(account, winner.role);
            let renamed = winner.account != account || member_phone.is_some();
            group.put_participant(united);
            if renamed { United::Renamed } else { United::Nothing }
        }
        (None, Some(loser)) => {
            group.remove_participant(&account);
            United::Gone(loser)
        }
        (None, None) => United::Nothing,
    }
}

pub(super) fn teach(facts: &mut LwwState, participants: &[Participant], stamp: Option<&Stamp>) {
    for participant in participants {
        if let Some((lid, phone)) = participant.account.both_names() {
            facts.learn_alias(lid, phone, stamp);
        }
    }
}

pub(super) fn with_known_names(facts: &LwwState, group: &mut Group) {
    let renamed: Vec<Participant> = group
        .participants()
        .iter()
        .map(|p| Participant::new(known_account(facts, p.account), p.role))
        .filter(|p| group.participant(&p.account).is_some_and(|held| held.account != p.account))
        .collect();
    for participant in renamed {
        group.put_participant(participant);
    }
}

/// What even an outdated description teaches: the second names of those who are in the group.
pub(super) fn learn(
    state: &mut GroupState,
    accounts: impl Iterator<Item = Account>,
    stamp: Option<&Stamp>,
) -> Reduction {
    let mut reduction = Reduction::default();
    let Some(held) = &state.group else {
        for (lid, phone) in accounts.filter_map(|account| account.both_names()) {
            state.facts.learn_alias(lid, phone, stamp);
        }
        return reduction;
    };
    let mut group = (**held).clone();
    let mut aliases = Vec::new();
    let mut moves = Moves::default();
    for account in accounts {
        let Some((lid, phone)) = account.both_names() else { continue };
        if !state.facts.learn_alias(lid, phone, stamp) {
            continue;
        }
        match unite(&mut group, &mut state.facts, account) {
            United::Nothing => {}
            United::Renamed => aliases.extend(group.participant(&account).copied()),
            United::Gone(gone) => moves.left(gone),
        }
    }
    if !aliases.is_empty() {
        reduction
            .events
            .push(EventBody::Updated(aliases.into_iter().map(FieldChange::Alias).collect()));
    }
    reduction.events.extend(moves.into_events());
    if !reduction.events.is_empty() {
        state.group = Some(Arc::new(group));
    }
    reduction
}
