//! A group's settings: all in one table, or one by one.

mod get;
mod set;
mod value;

use clap::{Args, Subcommand, ValueEnum};

use super::Target;
use crate::cli::Done;
use crate::cli::call::{ChangeOptions, ReadOptions};
use crate::cli::errors::Failure;
use crate::cli::spans::Timer;
use crate::pb::{self, MemberAddMode};

pub use value::{Adders, Switch};

#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show all settings, or one
    Get(GetArgs),
    /// Change one setting
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// The group, …@g.us
    group: String,
    /// Only this one
    #[arg(value_enum)]
    setting: Option<Setting>,
    /// First ask WhatsApp; for all settings together only
    #[arg(long, conflicts_with = "setting")]
    refresh: bool,
    #[command(flatten)]
    read: ReadOptions,
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// The group, …@g.us
    group: String,
    /// Which setting
    #[arg(value_enum)]
    setting: Setting,
    /// on or off; for member-add-mode all or admins; for disappearing-timer off, 24h, 7d, 90d or
    /// another span that WhatsApp may refuse
    value: String,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Setting {
    /// Whether only admins may change the subject, the description, the picture and the timer
    InfoAdminOnly,
    /// Whether only admins may send messages
    MessagesAdminOnly,
    /// Who may add members: all or admins
    MemberAddMode,
    /// Whether an admin must approve those who come by invite
    MembershipApproval,
    /// Whether members may share recent messages with those they add
    MemberShareHistory,
    /// After what time messages disappear: off, 24h, 7d, 90d
    DisappearingTimer,
}

impl Setting {
    const ALL: [Self; 6] = [
        Self::InfoAdminOnly,
        Self::MessagesAdminOnly,
        Self::MemberAddMode,
        Self::MembershipApproval,
        Self::MemberShareHistory,
        Self::DisappearingTimer,
    ];

    /// As the command line calls it.
    fn name(self) -> &'static str {
        match self {
            Self::InfoAdminOnly => "info-admin-only",
            Self::MessagesAdminOnly => "messages-admin-only",
            Self::MemberAddMode => "member-add-mode",
            Self::MembershipApproval => "membership-approval",
            Self::MemberShareHistory => "member-share-history",
            Self::DisappearingTimer => "disappearing-timer",
        }
    }

    /// Its value as `set` takes it.
    fn of(self, settings: &pb::GroupSettings) -> String {
        match self {
            Self::InfoAdminOnly => Switch::of(settings.info_admin_only).to_string(),
            Self::MessagesAdminOnly => Switch::of(settings.messages_admin_only).to_string(),
            Self::MemberAddMode => mode(settings.member_add_mode()),
            Self::MembershipApproval => Switch::of(settings.membership_approval).to_string(),
            Self::MemberShareHistory => Switch::of(settings.member_share_history).to_string(),
            Self::DisappearingTimer => Timer::of(settings.disappearing_timer.as_ref()).to_string(),
        }
    }
}

fn mode(mode: MemberAddMode) -> String {
    match mode {
        MemberAddMode::AllMembers => Adders::All.to_string(),
        MemberAddMode::Admins => Adders::Admins.to_string(),
        MemberAddMode::Unspecified => "unknown".to_owned(),
    }
}

pub async fn run(target: &Target, command: SettingsCommand) -> Result<Done, Failure> {
    match command {
        SettingsCommand::Get(args) => match args.setting {
            None => get::all(target, args).await,
            Some(setting) => get::one(target, setting, args).await,
        },
        SettingsCommand::Set(args) => set::set(target, args).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line_and_of_the_contract() {
        assert_eq!(Setting::ALL, Setting::value_variants());
        for setting in Setting::ALL {
            let value = setting.to_possible_value().expect("a value");
            assert_eq!(value.get_name(), setting.name());
            let rpc = setting.name().split('-').map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_uppercase() + rest
            });
            let rpc: String = rpc.collect();
            assert!(
                crate::cli::tests::rpcs("GroupsService").contains(&format!("Set{rpc}")),
                "{rpc}"
            );
        }
    }
}
