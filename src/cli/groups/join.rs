//! Joining by an invite, and looking at what is behind one.

use clap::Args;

use super::Target;
use super::change::note_changed;
use super::invitation::{Invitation, InvitationArgs};
use super::read::{self, member_table};
use crate::cli::call::ChangeOptions;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, text};
use crate::pb::{self, JoinOutcome};

#[derive(Debug, Args)]
pub struct JoinArgs {
    #[command(flatten)]
    invitation: InvitationArgs,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Debug, Args)]
pub struct JoinInfoArgs {
    #[command(flatten)]
    invitation: InvitationArgs,
}

pub async fn join(target: &Target, args: JoinArgs) -> Result<Done, Failure> {
    use pb::join_group_request::Invite;

    let (request_id, call) = args.change.begin()?;
    let invite = match args.invitation.read()? {
        Invitation::Code(code) => Invite::InviteCode(code),
        Invitation::Private(invite) => Invite::PrivateInvite(invite),
    };
    let request =
        pb::JoinGroupRequest { session: target.session.clone(), request_id, invite: Some(invite) };
    let send = async |request| target.connection.groups().join_group(request).await;
    let Some(answer) = target.ask(&call, "JoinGroupResponse", request, send).await? else {
        return Ok(Done::Fully);
    };
    let outcome = answer.outcome();
    let group = answer.group.unwrap_or_default();
    target.output.line(&headline(outcome, &group))?;
    target.output.table(&mut member_table(&group.participants))?;
    note_changed(target, answer.changed, answer.sequence)?;
    Ok(Done::Fully)
}

fn headline(outcome: JoinOutcome, group: &pb::Group) -> String {
    let id = text::safe(&group.id);
    match outcome {
        JoinOutcome::Joined => format!("joined {id}  {}", text::safe(&group.subject)),
        JoinOutcome::PendingApproval => {
            format!("asked to join {id}: an admin must approve, which the log will tell")
        }
        JoinOutcome::Unspecified => {
            format!("{id}: an outcome that this version of the client does not know")
        }
    }
}

pub async fn join_info(target: &Target, args: JoinInfoArgs) -> Result<Done, Failure> {
    use pb::get_join_info_request::Invite;

    let invite = match args.invitation.read()? {
        Invitation::Code(code) => Invite::InviteCode(code),
        Invitation::Private(invite) => Invite::PrivateInvite(invite),
    };
    let request = pb::GetJoinInfoRequest { session: target.session.clone(), invite: Some(invite) };
    let send = async |request| target.connection.groups().get_join_info(request).await;
    let Some(answer) = target.ask(&Effect::Read, "GetJoinInfoResponse", request, send).await?
    else {
        return Ok(Done::Fully);
    };
    let preview = answer.preview.unwrap_or_default();
    target.output.table(&mut text::properties(preview_rows(&preview)))?;
    if !preview.participants.is_empty() {
        target.output.line("")?;
        target.output.table(&mut member_table(&preview.participants))?;
    }
    target.output.note(&format!("synced {}", text::time(answer.synced_time.as_ref())))?;
    Ok(Done::Fully)
}

fn preview_rows(preview: &pb::GroupPreview) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("id", text::safe(&preview.group_id)),
        ("subject", text::safe(&preview.subject)),
        ("description", text::safe(&preview.description)),
        ("created", read::created(preview.create_time.as_ref(), &preview.owner)),
        ("members", preview.member_count.to_string()),
        ("admins approve who joins", text::yes_no(preview.membership_approval)),
    ];
    if !preview.parent_group_id.is_empty() {
        rows.push(("community", text::safe(&preview.parent_group_id)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_an_admin_is_told_from_being_in() {
        let group = pb::Group { id: "1@g.us".into(), subject: "A".into(), ..Default::default() };
        assert_eq!(headline(JoinOutcome::Joined, &group), "joined 1@g.us  A");
        assert!(headline(JoinOutcome::PendingApproval, &group).starts_with("asked to join 1@g.us"));
    }

    #[test]
    fn a_preview_shows_what_the_invite_tells() {
        let preview = pb::GroupPreview {
            group_id: "1@g.us".into(),
            subject: "A\u{1b}".into(),
            owner: "4915@c.us".into(),
            member_count: 3,
            membership_approval: true,
            ..Default::default()
        };
        let shown = text::render(&mut text::properties(preview_rows(&preview)));
        assert_eq!(
            shown,
            "id                        1@g.us\n\
             subject                   A\\u{1b}\n\
             description\n\
             created                   unknown, by +4915\n\
             members                   3\n\
             admins approve who joins  yes"
        );
    }
}
