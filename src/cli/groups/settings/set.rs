//! Changing one setting, each by its own call.

use clap::ValueEnum as _;

use super::super::change::note_changed;
use super::{Adders, SetArgs, Setting, Switch, Target};
use crate::cli::errors::Failure;
use crate::cli::spans::Timer;
use crate::cli::{Done, text};
use crate::pb::{self, MemberAddMode};

/// A setting with the value it shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    InfoAdminOnly(Switch),
    MessagesAdminOnly(Switch),
    MemberAddMode(Adders),
    MembershipApproval(Switch),
    MemberShareHistory(Switch),
    DisappearingTimer(Timer),
}

impl Wish {
    fn new(setting: Setting, value: &str) -> Result<Self, String> {
        let switch = || Switch::from_str(value, true).map_err(|_| "must be on or off".to_owned());
        match setting {
            Setting::InfoAdminOnly => switch().map(Self::InfoAdminOnly),
            Setting::MessagesAdminOnly => switch().map(Self::MessagesAdminOnly),
            Setting::MemberAddMode => Adders::from_str(value, true)
                .map(Self::MemberAddMode)
                .map_err(|_| "must be all or admins".to_owned()),
            Setting::MembershipApproval => switch().map(Self::MembershipApproval),
            Setting::MemberShareHistory => switch().map(Self::MemberShareHistory),
            Setting::DisappearingTimer => value.parse().map(Self::DisappearingTimer),
        }
    }
}

pub async fn set(target: &Target, args: SetArgs) -> Result<Done, Failure> {
    let setting = args.setting;
    let wish = Wish::new(setting, &args.value)
        .map_err(|why| Failure::Usage(format!("{}: {why}", setting.name())))?;
    let (request_id, call) = args.change.begin()?;
    let (session, group_id) = (target.session.clone(), args.group);
    let (group, changed, sequence) = match wish {
        Wish::InfoAdminOnly(switch) => {
            let info_admin_only = Some(switch.is_on());
            let request =
                pb::SetInfoAdminOnlyRequest { session, group_id, request_id, info_admin_only };
            let send =
                async |request| target.connection.groups().set_info_admin_only(request).await;
            let answer = target.ask(&call, "SetInfoAdminOnlyResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
        Wish::MessagesAdminOnly(switch) => {
            let messages_admin_only = Some(switch.is_on());
            let request = pb::SetMessagesAdminOnlyRequest {
                session,
                group_id,
                request_id,
                messages_admin_only,
            };
            let send =
                async |request| target.connection.groups().set_messages_admin_only(request).await;
            let answer = target.ask(&call, "SetMessagesAdminOnlyResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
        Wish::MemberAddMode(adders) => {
            let member_add_mode = MemberAddMode::from(adders).into();
            let request =
                pb::SetMemberAddModeRequest { session, group_id, request_id, member_add_mode };
            let send =
                async |request| target.connection.groups().set_member_add_mode(request).await;
            let answer = target.ask(&call, "SetMemberAddModeResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
        Wish::MembershipApproval(switch) => {
            let membership_approval = Some(switch.is_on());
            let request = pb::SetMembershipApprovalRequest {
                session,
                group_id,
                request_id,
                membership_approval,
            };
            let send =
                async |request| target.connection.groups().set_membership_approval(request).await;
            let answer = target.ask(&call, "SetMembershipApprovalResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
        Wish::MemberShareHistory(switch) => {
            let member_share_history = Some(switch.is_on());
            let request = pb::SetMemberShareHistoryRequest {
                session,
                group_id,
                request_id,
                member_share_history,
            };
            let send =
                async |request| target.connection.groups().set_member_share_history(request).await;
            let answer = target.ask(&call, "SetMemberShareHistoryResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
        Wish::DisappearingTimer(timer) => {
            let disappearing_timer = Some(timer.into());
            let request = pb::SetDisappearingTimerRequest {
                session,
                group_id,
                request_id,
                disappearing_timer,
            };
            let send =
                async |request| target.connection.groups().set_disappearing_timer(request).await;
            let answer = target.ask(&call, "SetDisappearingTimerResponse", request, send).await?;
            let Some(answer) = answer else { return Ok(Done::Fully) };
            (answer.group, answer.changed, answer.sequence)
        }
    };
    target.output.line(&line(setting, &group.unwrap_or_default()))?;
    note_changed(target, changed, sequence)?;
    Ok(Done::Fully)
}

fn line(setting: Setting, group: &pb::Group) -> String {
    let value = setting.of(&group.settings.unwrap_or_default());
    format!("{}  {} {value}", text::safe(&group.id), setting.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_takes_its_own_values() {
        let wish = |setting, value| Wish::new(setting, value).ok();
        assert_eq!(wish(Setting::InfoAdminOnly, "on"), Some(Wish::InfoAdminOnly(Switch::On)));
        assert_eq!(
            wish(Setting::MemberAddMode, "admins"),
            Some(Wish::MemberAddMode(Adders::Admins))
        );
        assert_eq!(wish(Setting::DisappearingTimer, "7d").map(|_| ()), Some(()));
        for setting in Setting::ALL {
            assert!(Wish::new(setting, "perhaps").is_err(), "{setting:?}");
        }
        assert_eq!(wish(Setting::MemberAddMode, "on"), None);
        assert_eq!(wish(Setting::MembershipApproval, "7d"), None);
    }

    #[test]
    fn what_a_group_shows_can_be_set_again() {
        let settings = pb::GroupSettings {
            member_add_mode: MemberAddMode::AllMembers.into(),
            ..Default::default()
        };
        for setting in Setting::ALL {
            assert!(Wish::new(setting, &setting.of(&settings)).is_ok(), "{setting:?}");
        }
    }

    #[test]
    fn the_answer_shows_the_value_that_holds_now() {
        let settings = pb::GroupSettings { messages_admin_only: true, ..Default::default() };
        let group =
            pb::Group { id: "1@g.us".into(), settings: Some(settings), ..Default::default() };
        assert_eq!(line(Setting::MessagesAdminOnly, &group), "1@g.us  messages-admin-only on");
    }
}
