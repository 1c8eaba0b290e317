//! The settings of a group, one at a time.

use serde::{Deserialize, Serialize};

use super::event::{Field, FieldValue};
use super::group::{GroupSettings, MemberAddMode};

/// A setting with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    InfoAdminOnly(bool),
    MessagesAdminOnly(bool),
    MemberAddMode(MemberAddMode),
    MembershipApproval(bool),
    MemberShareHistory(bool),
    /// In seconds; 0 = messages stay.
    DisappearingTimer(u32),
}

impl Setting {
    pub fn set_on(self, settings: &mut GroupSettings) {
        match self {
            Self::InfoAdminOnly(value) => settings.info_admin_only = value,
            Self::MessagesAdminOnly(value) => settings.messages_admin_only = value,
            Self::MemberAddMode(value) => settings.member_add_mode = value,
            Self::MembershipApproval(value) => settings.membership_approval = value,
            Self::MemberShareHistory(value) => settings.member_share_history = value,
            Self::DisappearingTimer(value) => settings.disappearing_timer_seconds = value,
        }
    }

    pub fn field(self) -> Field {
        self.value().field()
    }

    /// The setting as a field of its group.
    pub fn value(self) -> FieldValue {
        match self {
            Self::InfoAdminOnly(value) => FieldValue::InfoAdminOnly(value),
            Self::MessagesAdminOnly(value) => FieldValue::MessagesAdminOnly(value),
            Self::MemberAddMode(value) => FieldValue::MemberAddMode(value),
            Self::MembershipApproval(value) => FieldValue::MembershipApproval(value),
            Self::MemberShareHistory(value) => FieldValue::MemberShareHistory(value),
            Self::DisappearingTimer(value) => FieldValue::DisappearingTimer(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::group::Group;

    #[test]
    fn a_setting_is_the_same_in_a_request_and_as_a_field_of_its_group() {
        let settings = [
            (Setting::InfoAdminOnly(true), Field::InfoAdminOnly),
            (Setting::MessagesAdminOnly(true), Field::MessagesAdminOnly),
            (Setting::MemberAddMode(MemberAddMode::AdminsOnly), Field::MemberAddMode),
            (Setting::MembershipApproval(true), Field::MembershipApproval),
            (Setting::MemberShareHistory(true), Field::MemberShareHistory),
            (Setting::DisappearingTimer(86_400), Field::DisappearingTimer),
        ];
        let mut all = GroupSettings::default();
        for (setting, field) in settings {
            assert_eq!((setting.field(), setting.value().field()), (field, field));
            let mut alone = GroupSettings::default();
            setting.set_on(&mut alone);
            let mut group = Group::partial("120363000000000001@g.us".parse().expect("an id"));
            setting.value().set_on(&mut group);
            assert_eq!(group.settings, alone, "{setting:?}");
            assert_ne!(alone, GroupSettings::default(), "{setting:?}");
            setting.set_on(&mut all);
        }
        let expected = GroupSettings {
            info_admin_only: true,
            messages_admin_only: true,
            member_add_mode: MemberAddMode::AdminsOnly,
            membership_approval: true,
            member_share_history: true,
            disappearing_timer_seconds: 86_400,
        };
        assert_eq!(all, expected);
    }
}
