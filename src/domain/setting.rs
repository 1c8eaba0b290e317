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
