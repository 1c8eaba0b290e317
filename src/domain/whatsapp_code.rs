//! WhatsApp's own error codes, and what each means for a group.
//!
//! Seen on real servers: 401, 403, 404, 406 and 410 of a call, 403 of a person. The others are from the
//! tables of clients.

use super::error::Error;
use super::operation::OperationName;
use super::participant::ParticipantStatus;
use super::reason::Reason;

/// The most of WhatsApp's text that an error carries.
const MAX_TEXT_BYTES: usize = 200;

/// What a refusal of this operation with this code means.
pub fn reason_of(code: u32, operation: OperationName) -> Reason {
    use OperationName as Op;
    let is_joining = matches!(operation, Op::JoinGroup | Op::GetJoinInfo);
    match code {
        304 if is_joining => Reason::AlreadyMember,
        401 if operation == Op::GetJoinInfo => Reason::RecentlyRemoved,
        // Members need be no admins for these.
        401 | 403 if matches!(operation, Op::LeaveGroup | Op::FetchGroup) => Reason::NotGroupMember,
        401 | 403 if !is_joining && operation != Op::CreateGroup => Reason::NotGroupAdmin,
        404 if matches!(operation, Op::ApproveJoinRequests | Op::RejectJoinRequests) => {
            Reason::JoinRequestNotFound
        }
        404 if operation == Op::GetGroupPicture => Reason::PictureNotFound,
        404 if !is_joining && operation != Op::CreateGroup => Reason::GroupNotFound,
        405 if is_joining => Reason::RecentlyRemoved,
        406 if is_joining => Reason::InviteInvalid,
        406 if matches!(operation, Op::SetGroupSubject | Op::CreateGroup) => {
            Reason::SubjectRejected
        }
        406 if operation == Op::SetGroupPicture => Reason::PictureRejected,
        409 if operation == Op::SetGroupDescription => Reason::DescriptionConflict,
        410 if is_joining => Reason::InviteRevoked,
        419 => Reason::GroupFull,
        416 | 423 | 436 => Reason::GroupLocked,
        429 => Reason::RateLimited,
        500 | 503 => Reason::EngineUnavailable,
        _ => Reason::RefusedByWhatsapp,
    }
}

/// What became of one person whom this operation named, by WhatsApp's code for them.
pub fn participant_status(code: u32, operation: OperationName) -> ParticipantStatus {
    use OperationName as Op;
    use ParticipantStatus as Status;
    let is_adding = matches!(operation, Op::AddParticipants | Op::CreateGroup);
    let is_answering = matches!(operation, Op::ApproveJoinRequests | Op::RejectJoinRequests);
    match code {
        200 => Status::Ok,
        401 if is_adding => Status::Blocked,
        403 if is_adding => Status::PrivacyInviteNeeded,
        401 | 403 | 405 | 406 => Status::NotAllowed,
        404 if is_adding => Status::NotOnWhatsapp,
        404 if is_answering => Status::RequestNotFound,
        404 => Status::NotMember,
        408 => Status::RecentlyLeft,
        409 => Status::AlreadyMember,
        419 => Status::GroupFull,
        421 => Status::PendingApproval,
        400 | 451 => Status::InvalidId,
        _ => Status::Unknown,
    }
}

/// The text that WhatsApp usually sends with a code.
pub fn usual_text(code: u32) -> &'static str {
    match code {
        400 => "bad-request",
        401 => "not-authorized",
        403 => "forbidden",
        404 => "item-not-found",
        405 => "not-allowed",
        406 => "not-acceptable",
        409 => "conflict",
        410 => "gone",
        419 => "resource-limit",
        423 => "locked",
        429 => "rate-overlimit",
        500 => "internal-server-error",
        503 => "service-unavailable",
        _ => "refused",
    }
}

/// The error of an operation that WhatsApp refused.
pub fn refusal(code: u32, text: &str, operation: OperationName) -> Error {
    let text = if text.is_empty() { usual_text(code) } else { text };
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    let text = &text[..end];
    let reason = reason_of(code, operation);
    let error =
        Error::new(reason, format!("WhatsApp refused {}: {code} {text}", operation.as_str()))
            .with("code", code);
    if reason == Reason::RefusedByWhatsapp { error.with("text", text) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_what_the_operation_makes_of_it() {
        use OperationName as Op;
        let cases = [
            (304, Op::JoinGroup, Reason::AlreadyMember),
            (401, Op::GetInviteCode, Reason::NotGroupAdmin),
            (401, Op::GetJoinInfo, Reason::RecentlyRemoved),
            (403, Op::SetGroupSubject, Reason::NotGroupAdmin),
            (403, Op::LeaveGroup, Reason::NotGroupMember),
            (403, Op::FetchGroup, Reason::NotGroupMember),
            (403, Op::JoinGroup, Reason::RefusedByWhatsapp),
            (403, Op::CreateGroup, Reason::RefusedByWhatsapp),
            (401, Op::JoinGroup, Reason::RefusedByWhatsapp),
            (304, Op::LeaveGroup, Reason::RefusedByWhatsapp),
            (404, Op::FetchGroup, Reason::GroupNotFound),
            (404, Op::CreateGroup, Reason::RefusedByWhatsapp),
            (404, Op::JoinGroup, Reason::RefusedByWhatsapp),
            (404, Op::RejectJoinRequests, Reason::JoinRequestNotFound),
            (404, Op::GetGroupPicture, Reason::PictureNotFound),
            (404, Op::ApproveJoinRequests, Reason::JoinRequestNotFound),
            (405, Op::JoinGroup, Reason::RecentlyRemoved),
            (406, Op::JoinGroup, Reason::InviteInvalid),
            (406, Op::CreateGroup, Reason::SubjectRejected),
            (405, Op::LeaveGroup, Reason::RefusedByWhatsapp),
            (406, Op::SetGroupSubject, Reason::SubjectRejected),
            (406, Op::SetGroupPicture, Reason::PictureRejected),
            (406, Op::DemoteParticipants, Reason::RefusedByWhatsapp),
            (409, Op::SetGroupDescription, Reason::DescriptionConflict),
            (409, Op::SetGroupSubject, Reason::RefusedByWhatsapp),
            (410, Op::GetJoinInfo, Reason::InviteRevoked),
            (410, Op::LeaveGroup, Reason::RefusedByWhatsapp),
            (416, Op::AddParticipants, Reason::GroupLocked),
            (419, Op::JoinGroup, Reason::GroupFull),
            (423, Op::AddParticipants, Reason::GroupLocked),
            (429, Op::FetchAll, Reason::RateLimited),
            (436, Op::AddParticipants, Reason::GroupLocked),
            (500, Op::FetchGroup, Reason::EngineUnavailable),
            (503, Op::FetchGroup, Reason::EngineUnavailable),
            (599, Op::LeaveGroup, Reason::RefusedByWhatsapp),
        ];
        for (code, operation, reason) in cases {
            assert_eq!(reason_of(code, operation), reason, "{code} {operation:?}");
        }
    }

    #[test]
    fn a_person_s_code_means_what_the_operation_makes_of_it() {
        use OperationName as Op;
        use ParticipantStatus as Status;
        let cases = [
            (200, Op::AddParticipants, Status::Ok),
            (400, Op::RemoveParticipants, Status::InvalidId),
            (401, Op::AddParticipants, Status::Blocked),
            (401, Op::PromoteParticipants, Status::NotAllowed),
            (403, Op::AddParticipants, Status::PrivacyInviteNeeded),
            (403, Op::CreateGroup, Status::PrivacyInviteNeeded),
            (403, Op::RemoveParticipants, Status::NotAllowed),
            (404, Op::CreateGroup, Status::NotOnWhatsapp),
            (404, Op::ApproveJoinRequests, Status::RequestNotFound),
            (404, Op::RejectJoinRequests, Status::RequestNotFound),
            (404, Op::DemoteParticipants, Status::NotMember),
            (405, Op::RemoveParticipants, Status::NotAllowed),
            (406, Op::DemoteParticipants, Status::NotAllowed),
            (408, Op::AddParticipants, Status::RecentlyLeft),
            (409, Op::AddParticipants, Status::AlreadyMember),
            (419, Op::AddParticipants, Status::GroupFull),
            (421, Op::AddParticipants, Status::PendingApproval),
            (451, Op::AddParticipants, Status::InvalidId),
            (599, Op::AddParticipants, Status::Unknown),
        ];
        for (code, operation, status) in cases {
            assert_eq!(participant_status(code, operation), status, "{code} {operation:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_refused_and_why() {
        let operation = OperationName::SetGroupSubject;
        for (code, text) in [
            (400, "bad-request"),
            (401, "not-authorized"),
            (403, "forbidden"),
            (404, "item-not-found"),
            (405, "not-allowed"),
            (406, "not-acceptable"),
            (409, "conflict"),
            (410, "gone"),
            (419, "resource-limit"),
            (423, "locked"),
            (429, "rate-overlimit"),
            (500, "internal-server-error"),
            (503, "service-unavailable"),
            (599, "refused"),
        ] {
            let error = refusal(code, "", operation);
            let expected = format!("WhatsApp refused SetGroupSubject: {code} {text}");
            assert_eq!(error.message(), expected);
            assert_eq!(error.reason(), reason_of(code, operation));
            assert_eq!(error.metadata()["code"], code.to_string());
            // Whoever knows what the code means needs no text.
            let is_known = error.reason() != Reason::RefusedByWhatsapp;
            assert_eq!(error.metadata().contains_key("text"), !is_known, "{code}");
        }
        let error = refusal(599, "try tomorrow", operation);
        assert!(error.message().ends_with("599 try tomorrow"), "{error}");
        assert_eq!(error.metadata()["text"], "try tomorrow");
    }

    #[test]
    fn words_are_cut_between_characters() {
        let error = refusal(599, &"ä".repeat(150), OperationName::LeaveGroup);
        assert_eq!(error.metadata()["text"].len(), MAX_TEXT_BYTES);
    }
}
