//! Whom a call means: a member may be listed by another spelling of the number that the caller knows.

use crate::app::Inner;
use crate::domain::error::{Error, Result};
use crate::domain::event::MemberAction;
use crate::domain::id::{GroupId, Likeness, ParticipantId, SessionName};
use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::participant::{Account, Participant, ParticipantResult};
use crate::domain::reason::Reason;

/// The people of a call, as the caller and as the group names them.
#[derive(Debug, Clone)]
pub(super) struct Meant {
    requested: Vec<ParticipantId>,
    /// Each person once.
    ids: Vec<ParticipantId>,
    /// For each requested one, the place among the ids.
    places: Vec<usize>,
}

impl Meant {
    /// As the caller names them, but for those who are named twice by two spellings.
    pub fn literally(requested: Vec<ParticipantId>) -> Self {
        let named: Vec<_> = requested.iter().map(|id| (*id, false)).collect();
        Self::named(requested, &named)
    }

    /// Under these names, of which those that are one line are one person; but for members who were found, who are as
    /// many as the group has.
    fn named(requested: Vec<ParticipantId>, named: &[(ParticipantId, bool)]) -> Self {
        let mut ids: Vec<ParticipantId> = Vec::with_capacity(named.len());
        let mut are_members: Vec<bool> = Vec::with_capacity(named.len());
        let mut places = Vec::with_capacity(named.len());
        for (id, is_member) in named {
            // Only a number that has another spelling can be there under it.
            let line = id.phone().filter(|phone| phone.has_other_spellings());
            let known = ids.iter().zip(&are_members).position(|(known, known_is_member)| {
                let are_two = *is_member && *known_is_member && known != id;
                let is_line = line
                    .zip(known.phone())
                    .is_some_and(|(line, known)| line.likeness(known) == Likeness::Same);
                is_line && !are_two
            });
            places.push(known.unwrap_or_else(|| {
                ids.push(*id);
                are_members.push(*is_member);
                ids.len() - 1
            }));
        }
        Self { requested, ids, places }
    }

    /// Each person once, as the group names them.
    pub fn ids(&self) -> &[ParticipantId] {
        &self.ids
    }

    /// A result for each name that the caller gave.
    pub fn as_requested(&self, results: &[ParticipantResult]) -> Vec<ParticipantResult> {
        let of = |(requested, place): (&ParticipantId, &usize)| {
            let result = results.get(*place)?.clone();
            Some(ParticipantResult { requested: *requested, ..result })
        };
        self.requested.iter().zip(&self.places).filter_map(of).collect()
    }
}

impl Inner {
    /// Looks through the members only for numbers that have another spelling. A member who is found keeps the name
    /// that the caller gave where it is the member's too; a number that may be several members' is refused.
    pub(super) async fn meant(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        requested: Vec<ParticipantId>,
    ) -> Result<Meant> {
        let has_spellings =
            |id: &ParticipantId| id.phone().is_some_and(|phone| phone.has_other_spellings());
        if !requested.iter().any(has_spellings) {
            return Ok(Meant::literally(requested));
        }
        let held = match self.held_group(session, group_id).await {
            Ok(held) => held,
            // WhatsApp may know it all the same.
            Err(error) if error.reason() == Reason::GroupNotFound => {
                return Ok(Meant::literally(requested));
            }
            Err(error) => return Err(error),
        };
        let members: &[Participant] = held.group.as_ref().map_or(&[], |group| group.participants());
        among(members, action, requested)
    }
}

fn among(
    members: &[Participant],
    action: MemberAction,
    requested: Vec<ParticipantId>,
) -> Result<Meant> {
    let asked: Vec<Asked> = requested.iter().map(|id| Asked::new(*id)).collect();
    let rows: Vec<Option<Account>> = members.iter().map(|member| Some(member.account)).collect();
    // Somebody else may have the number that only may be a member's, and be the one who is to be added.
    let trust = if action == MemberAction::Join { Trust::Certain } else { Trust::Likely };
    let mut named: Vec<_> = requested.iter().map(|id| (*id, false)).collect();
    let mut ambiguous: Option<Error> = None;
    for (at, found) in rows_of(&asked, &rows, trust).into_iter().enumerate() {
        match found {
            Found::At(place) => {
                let account = &members[place].account;
                let id = if account.goes_by(requested[at]) { requested[at] } else { account.id() };
                named[at] = (id, true);
            }
            Found::Ambiguous => {
                let error = ambiguous.take().unwrap_or_else(|| {
                    let message = "a number may be that of several members; nothing was sent";
                    Error::new(Reason::InvalidRequest, message)
                });
                let must =
                    "must be a member's id as GetGroup shows it: the number may be that of several";
                ambiguous = Some(error.blaming(&format!("participant_ids[{at}]"), must));
            }
            Found::Nothing => {}
        }
    }
    match ambiguous {
        Some(error) => Err(error),
        None => Ok(Meant::named(requested, &named)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::participant::{ParticipantStatus, Role};

    fn ids(texts: &[&str]) -> Vec<ParticipantId> {
        texts.iter().map(|text| text.parse().expect("an id")).collect()
    }

    fn members(texts: &[&str]) -> Vec<Participant> {
        let member = |id: &ParticipantId| Participant::new(Account::new(*id), Role::Participant);
        ids(texts).iter().map(member).collect()
    }

    #[test]
    fn a_member_is_named_as_the_group_names_them() {
        let members = members(&["551187654321", "4915100000001", "541123456789"]);
        let asked = ids(&["5511987654321", "+49 151 00000001", "5491123456789"]);
        let meant = among(&members, MemberAction::Leave, asked.clone()).expect("nobody is two");
        assert_eq!(meant.ids(), ids(&["551187654321", "4915100000001", "541123456789"]));
        // The mobile line is perhaps another person than the fixed one.
        let meant = among(&members, MemberAction::Join, asked).expect("nobody is two");
        assert_eq!(meant.ids(), ids(&["551187654321", "4915100000001", "5491123456789"]));
    }

    #[test]
    fn who_is_named_twice_is_asked_for_once_and_answered_twice() {
        let asked = ids(&["5511987654321", "4915100000001", "551187654321"]);
        let meant = Meant::literally(asked.clone());
        assert_eq!(meant.ids(), ids(&["5511987654321", "4915100000001"]));
        let results: Vec<ParticipantResult> = meant
            .ids()
            .iter()
            .zip([403, 200])
            .map(|(id, code)| ParticipantResult {
                requested: *id,
                account: Account::new(*id),
                status: ParticipantStatus::Ok,
                code,
                private_invite: None,
            })
            .collect();
        let results = meant.as_requested(&results);
        let listed: Vec<_> = results.iter().map(|result| (result.requested, result.code)).collect();
        assert_eq!(listed, [(asked[0], 403), (asked[1], 200), (asked[2], 403)]);
    }

    #[test]
    fn two_members_stay_two_though_their_numbers_are_one_line() {
        let member = |lid: &str, phone: &str| {
            let lid = lid.parse::<crate::domain::Lid>().expect("an id");
            let account = Account::from_names(Some(lid), phone.parse().ok()).expect("names");
            Participant::new(account, Role::Participant)
        };
        let members = [member("1@lid", "5547991112222"), member("2@lid", "554791112222")];
        let asked = ids(&["5547991112222", "554791112222"]);
        let meant = among(&members, MemberAction::Leave, asked.clone()).expect("nobody is two");
        assert_eq!(meant.ids(), asked);
    }

    #[test]
    fn who_may_be_several_members_is_refused() {
        let members = members(&["2250712345678", "2250512345678"]);
        let meant = among(&members, MemberAction::Leave, ids(&["491510000001", "22512345678"]));
        let refused = meant.expect_err("nobody is guessed");
        assert_eq!(refused.violations()[0].field, "participant_ids[1]");
    }
}
