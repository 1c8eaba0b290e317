//! Reading settings.

use super::super::read::decoded;
use super::{GetArgs, Setting, Switch, Target, mode};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::spans::Timer;
use crate::cli::{Done, text};
use crate::pb;

pub async fn all(target: &Target, args: GetArgs) -> Result<Done, Failure> {
    let request = pb::GetGroupRequest {
        session: target.session.clone(),
        group_id: args.group,
        view: pb::GroupView::Basic.into(),
        refresh: args.refresh,
        min_sequence: args.read.min_sequence,
    };
    let send = async |request| target.connection.groups().get_group(request).await;
    let Some(answer) = target.ask(&Effect::Read, "GetGroupResponse", request, send).await? else {
        return Ok(Done::Fully);
    };
    let settings = decoded(&answer.group)?.settings.unwrap_or_default();
    target.output.table(&mut text::properties(rows(&settings)))?;
    target.note_synced(answer.as_of_sequence, answer.synced_time.as_ref())?;
    Ok(Done::Fully)
}

fn rows(settings: &pb::GroupSettings) -> Vec<(&'static str, String)> {
    Setting::ALL.into_iter().map(|setting| (setting.name(), setting.of(settings))).collect()
}

/// One setting by its own call: the value alone on a line, for scripts.
pub async fn one(target: &Target, setting: Setting, args: GetArgs) -> Result<Done, Failure> {
    let (session, group_id) = (target.session.clone(), args.group);
    let min_sequence = args.read.min_sequence;
    let call = Effect::Read;
    let (value, as_of, synced) = match setting {
        Setting::InfoAdminOnly => {
            let request = pb::GetInfoAdminOnlyRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_info_admin_only(request).await;
            let answer = target.ask(&call, "GetInfoAdminOnlyResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (
                Switch::of(answer.info_admin_only).to_string(),
                answer.as_of_sequence,
                answer.synced_time,
            )
        }
        Setting::MessagesAdminOnly => {
            let request = pb::GetMessagesAdminOnlyRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_messages_admin_only(request).await;
            let answer = target.ask(&call, "GetMessagesAdminOnlyResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (
                Switch::of(answer.messages_admin_only).to_string(),
                answer.as_of_sequence,
                answer.synced_time,
            )
        }
        Setting::MemberAddMode => {
            let request = pb::GetMemberAddModeRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_member_add_mode(request).await;
            let answer = target.ask(&call, "GetMemberAddModeResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (mode(answer.member_add_mode()), answer.as_of_sequence, answer.synced_time)
        }
        Setting::MembershipApproval => {
            let request = pb::GetMembershipApprovalRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_membership_approval(request).await;
            let answer = target.ask(&call, "GetMembershipApprovalResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (
                Switch::of(answer.membership_approval).to_string(),
                answer.as_of_sequence,
                answer.synced_time,
            )
        }
        Setting::MemberShareHistory => {
            let request = pb::GetMemberShareHistoryRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_member_share_history(request).await;
            let answer = target.ask(&call, "GetMemberShareHistoryResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (
                Switch::of(answer.member_share_history).to_string(),
                answer.as_of_sequence,
                answer.synced_time,
            )
        }
        Setting::DisappearingTimer => {
            let request = pb::GetDisappearingTimerRequest { session, group_id, min_sequence };
            let send =
                async |request| target.connection.groups().get_disappearing_timer(request).await;
            let answer = target.ask(&call, "GetDisappearingTimerResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (
                Timer::of(answer.disappearing_timer.as_ref()).to_string(),
                answer.as_of_sequence,
                answer.synced_time,
            )
        }
    };
    target.output.line(&value)?;
    target.note_synced(as_of, synced.as_ref())?;
    Ok(Done::Fully)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_values_as_set_takes_them() {
        let settings = pb::GroupSettings {
            info_admin_only: true,
            member_add_mode: pb::MemberAddMode::Admins.into(),
            disappearing_timer: Some(prost_types::Duration { seconds: 7_776_000, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(
            text::render(&mut text::properties(rows(&settings))),
            "info-admin-only       on\n\
             messages-admin-only   off\n\
             member-add-mode       admins\n\
             membership-approval   off\n\
             member-share-history  off\n\
             disappearing-timer    90d"
        );
    }
}
