//! What became of each person that a change named.

use anstyle::Style;

use crate::cli::errors::Failure;
use crate::cli::output::{BAD, GOOD, ODD, Output};
use crate::cli::{Done, text};
use crate::pb::{self, ParticipantStatus};

/// What was wanted for the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Added,
    Removed,
    Promoted,
    Demoted,
    LetIn,
    TurnedDown,
}

impl Wanted {
    fn done(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Promoted => "is admin now",
            Self::Demoted => "is admin no longer",
            Self::LetIn => "was let in",
            Self::TurnedDown => "was turned down",
        }
    }

    /// Whether this person is now as was wanted, whoever did it.
    fn is_reached(self, status: ParticipantStatus) -> bool {
        match status {
            ParticipantStatus::Ok => true,
            ParticipantStatus::AlreadyMember => matches!(self, Self::Added | Self::LetIn),
            ParticipantStatus::NotMember => self == Self::Removed,
            _ => false,
        }
    }
}

/// Whether everyone is as was wanted; the exit code says it.
pub fn done(wanted: Wanted, results: &[pb::ParticipantResult]) -> Done {
    if results.iter().all(|result| wanted.is_reached(result.status())) {
        Done::Fully
    } else {
        Done::InPart
    }
}

pub fn show(
    output: Output,
    wanted: Wanted,
    results: &[pb::ParticipantResult],
) -> Result<(), Failure> {
    results.iter().try_for_each(|result| output.line(&line(wanted, result)))
}

fn line(wanted: Wanted, result: &pb::ParticipantResult) -> String {
    let who = match &result.participant {
        Some(participant) if !participant.id.is_empty() => text::person(participant),
        _ => text::person_id(&result.requested_id),
    };
    let (mark, style): (_, Style) = match result.status() {
        ParticipantStatus::PendingApproval => ('…', ODD),
        status if wanted.is_reached(status) => ('✓', GOOD),
        _ if is_open(result) => ('?', ODD),
        _ => ('✗', BAD),
    };
    let code = match (result.status(), result.code) {
        (ParticipantStatus::Ok, _) | (_, 0) => String::new(),
        (_, code) => format!(" (WhatsApp's code {code})"),
    };
    format!("{style}{mark}{style:#} {who}  {}{code}", what(wanted, result))
}

fn what(wanted: Wanted, result: &pb::ParticipantResult) -> String {
    match result.status() {
        ParticipantStatus::Ok => wanted.done().to_owned(),
        ParticipantStatus::AlreadyMember => "is a member already".to_owned(),
        ParticipantStatus::NotOnWhatsapp => "has no WhatsApp account".to_owned(),
        ParticipantStatus::PrivacyInviteNeeded => private_invite(result.private_invite.as_ref()),
        ParticipantStatus::RecentlyLeft => {
            "left a short time ago and cannot be added yet".to_owned()
        }
        ParticipantStatus::NotMember => "is no member".to_owned(),
        ParticipantStatus::GroupFull => "does not fit: the group is full".to_owned(),
        ParticipantStatus::Blocked => {
            "cannot be added by this account; perhaps they blocked it".to_owned()
        }
        ParticipantStatus::PendingApproval => "waits for an admin's approval".to_owned(),
        ParticipantStatus::InvalidId => "is no id that WhatsApp knows".to_owned(),
        ParticipantStatus::NotAllowed => {
            "refused for this person, as for the superadmin".to_owned()
        }
        ParticipantStatus::RequestNotFound => "has no open request".to_owned(),
        _ if is_open(result) => "it is not known what became of them: look at the group".to_owned(),
        ParticipantStatus::Unknown | ParticipantStatus::Unspecified => "refused".to_owned(),
    }
}

/// Whether nothing is known of this person: a refusal has WhatsApp's code.
fn is_open(result: &pb::ParticipantResult) -> bool {
    let status = result.status();
    let says_nothing =
        matches!(status, ParticipantStatus::Unknown | ParticipantStatus::Unspecified);
    says_nothing && result.code == 0
}

fn private_invite(invite: Option<&pb::PrivateInvite>) -> String {
    match invite {
        Some(invite) => format!(
            "accepts only a private invite: code {}, for them alone, until {}",
            text::safe(&invite.code),
            text::time(invite.expire_time.as_ref())
        ),
        None => "accepts only a private invite, and WhatsApp gave none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(status: ParticipantStatus, code: i32) -> pb::ParticipantResult {
        pb::ParticipantResult {
            requested_id: "4915@c.us".into(),
            status: status.into(),
            code,
            ..Default::default()
        }
    }

    fn plain(wanted: Wanted, result: &pb::ParticipantResult) -> String {
        anstream::adapter::strip_str(&line(wanted, result)).to_string()
    }

    #[test]
    fn each_person_gets_a_readable_verdict() {
        assert_eq!(plain(Wanted::Added, &result(ParticipantStatus::Ok, 200)), "✓ +4915  added");
        let mut private = result(ParticipantStatus::PrivacyInviteNeeded, 403);
        private.private_invite = Some(pb::PrivateInvite {
            code: "abc".into(),
            expire_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            ..Default::default()
        });
        assert_eq!(
            plain(Wanted::Added, &private),
            "✗ +4915  accepts only a private invite: code abc, for them alone, \
             until 1970-01-01T00:00:01Z (WhatsApp's code 403)"
        );
    }

    #[test]
    fn who_may_have_been_added_is_not_said_to_be_refused() {
        let open = result(ParticipantStatus::Unknown, 0);
        assert_eq!(
            plain(Wanted::Added, &open),
            "? +4915  it is not known what became of them: look at the group"
        );
        assert_eq!(done(Wanted::Added, &[open]), Done::InPart);
        assert_eq!(
            plain(Wanted::Added, &result(ParticipantStatus::Unknown, 421)),
            "✗ +4915  refused (WhatsApp's code 421)"
        );
    }

    #[test]
    fn what_was_so_already_is_no_failure() {
        let already = [result(ParticipantStatus::AlreadyMember, 409)];
        assert_eq!(done(Wanted::Added, &already), Done::Fully);
        let gone = [result(ParticipantStatus::NotMember, 404)];
        assert_eq!(done(Wanted::Removed, &gone), Done::Fully);
        assert_eq!(done(Wanted::Promoted, &gone), Done::InPart);
        assert_eq!(done(Wanted::Added, &[]), Done::Fully);
    }

    #[test]
    fn someone_who_is_in_already_need_not_be_let_in() {
        let already = [result(ParticipantStatus::AlreadyMember, 409)];
        assert_eq!(done(Wanted::LetIn, &already), Done::Fully);
        assert_eq!(done(Wanted::TurnedDown, &already), Done::InPart);
        let gone = [result(ParticipantStatus::RequestNotFound, 404)];
        assert_eq!(done(Wanted::TurnedDown, &gone), Done::InPart);
        assert_eq!(
            plain(Wanted::LetIn, &gone[0]),
            "✗ +4915  has no open request (WhatsApp's code 404)"
        );
    }
}
