//! What the user of the command line can do about each reason.

use crate::domain::reason::Reason;

pub fn for_reason(reason: Reason) -> &'static str {
    use Reason as R;
    match reason {
        R::InvalidRequest => "correct what is named above",
        R::RequestIdReused => "leave --request-id out, or repeat exactly the call it was used for",
        R::InvalidResumeToken => {
            "give the token unchanged, or start without one, as --from earliest does"
        }
        R::InvalidPageToken | R::PageTokenMismatch => {
            "repeat the first page's arguments with the token unchanged, or use --all"
        }
        R::StartTimeInFuture => "leave --from out to begin now; check this machine's clock",
        R::MessageTooLarge => "name fewer people in one call; give a large picture by its URL",
        R::Unauthenticated => "set --api-key or WAGROUPS_API_KEY to a key of this service",
        R::PermissionDenied => "use a key that covers this session and has the role for it",
        R::SessionNotFound => {
            "see `wagroups sessions list`, or make it: `wagroups sessions create NAME`"
        }
        R::GroupNotFound => "see `wagroups groups list`",
        R::PictureNotFound => {
            "nothing: the group has no picture; `wagroups groups picture set GROUP FILE` gives it one"
        }
        R::JoinRequestNotFound => {
            "see `wagroups groups requests list GROUP --refresh`; they were answered or withdrawn"
        }
        R::SessionAlreadyExists => "use it, choose another name, or delete it first",
        R::AccountNotFound => "make the account: `wagroups simulator account put NUMBER`",
        R::WebhookNotFound => "see `wagroups webhooks list`",
        R::WebhookLimitReached => "delete a webhook, or have the limit raised",
        R::SessionNotWorking => {
            "start it: `wagroups sessions start NAME`, and log in where \
             `wagroups sessions watch NAME` asks for that"
        }
        R::SessionStarting => {
            "try again when it is there: `wagroups sessions watch NAME --until-working`"
        }
        R::SessionLimitReached => "delete a session, or have the limit raised",
        R::LoggedOut => {
            "link the account again: `wagroups sessions start NAME`, then scan what \
             `wagroups sessions watch NAME` shows"
        }
        R::TemporarilyBanned => "wait until the ban ends, and act more slowly afterwards",
        R::AlreadyLoggedIn => "to link another account, first `wagroups sessions logout NAME`",
        R::NotGroupMember => "join the group first: `wagroups groups join LINK`",
        R::NotGroupAdmin => "have an admin of the group promote this session's account",
        R::NotGroupOwner => "use the session of the group's owner; leaving works for everyone",
        R::GroupFull => "remove someone first",
        R::InviteInvalid => "ask for a new invite",
        R::InviteRevoked => {
            "ask an admin for the current link, as `wagroups groups invite get GROUP` shows it"
        }
        R::InviteExpired => "have the admin add you again, which makes a new invite",
        R::AlreadyMember => "nothing: this account is in the group",
        R::NotOnWhatsapp => "check the numbers",
        R::RecentlyRemoved => "an admin must add this account",
        R::SubjectRejected => "choose another subject",
        R::InvalidPicture => "give a JPEG, PNG or WebP of at most 10 MiB",
        R::PictureFetchFailed => "use a public URL, or send the file itself",
        R::DescriptionConflict => "read the group, then decide anew: `wagroups groups get GROUP`",
        R::SessionConflict => "read the session, then decide anew: `wagroups sessions get NAME`",
        R::GroupLocked => "wait, or ask WhatsApp's support",
        R::RefusedByWhatsapp => "look WhatsApp's code up; the same again will be refused again",
        R::PictureRejected => "use another picture",
        R::ConcurrentUpdate | R::RequestInProgress => "try again with the same request id",
        R::OutcomeUnknown => {
            "look before you repeat it: `wagroups groups get GROUP` or `wagroups groups events`"
        }
        R::SnapshotRefused => {
            "try later; where the loss is real: `wagroups groups refresh --accept-losses`"
        }
        R::SequenceNotReached => "try again; check that --min-sequence is one of this session",
        R::ResumeTokenExpired | R::StartTimeExpired => {
            "go on with what is kept (--from earliest), or from the groups as they are (--initial-state)"
        }
        R::LogMismatch => "this is another service's log: begin anew with --initial-state",
        R::LogDiverged => {
            "the service lost events, as in a restore: begin anew with --initial-state"
        }
        R::RateLimited => "wait as long as it says; it may be minutes",
        R::Overloaded | R::Draining | R::DatabaseUnavailable | R::EngineUnavailable => {
            "nothing was done; try again"
        }
        R::TooManyWatchers => "close other watches first",
        R::UnsupportedByEngine => "use a session of another engine",
        R::NotImplemented | R::MethodNotFound => "use a newer version of the service",
        R::SimulatorDisabled => {
            "name another engine, such as --engine waha; or enable the simulator in the settings of a test server"
        }
        R::RelayDisabled => {
            "set nats.url in the server's settings to hand its log to NATS JetStream"
        }
        R::ConnectionAged => "connect again",
        R::DeadlineExceeded => "nothing was done; give it more time with --timeout",
        R::Cancelled => "nothing",
        R::NoOwner => "nothing was done; try again",
        R::Internal => "report it, with the server's id of the request",
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn commands_that_an_advice_names_exist() {
        let mut named = 0;
        for reason in Reason::ALL {
            let advice = for_reason(*reason);
            for words in advice.split('`').filter_map(|text| text.strip_prefix("wagroups ")) {
                let mut command = Cli::command();
                for word in words.split(' ').filter(|word| word.starts_with(char::is_lowercase)) {
                    command = command
                        .find_subcommand(word)
                        .unwrap_or_else(|| panic!("{reason:?}: there is no {words}"))
                        .clone();
                }
                for flag in words.split(' ').filter_map(|word| word.strip_prefix("--")) {
                    assert!(
                        command.get_arguments().any(|each| each.get_long() == Some(flag)),
                        "{reason:?}: {words} has no --{flag}"
                    );
                }
                named += 1;
            }
        }
        assert!(named > 10);
    }

    #[test]
    fn every_reason_has_an_advice() {
        assert!(Reason::ALL.iter().all(|reason| !for_reason(*reason).is_empty()));
    }
}
