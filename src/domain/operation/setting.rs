//! Changing one setting of a group.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::id::GroupId;
use crate::domain::reducer::Change;
use crate::domain::setting::Setting;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSetting {
    pub group_id: GroupId,
    pub setting: Setting,
}

impl Operation for ChangeSetting {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::of_setting(self.setting)
    }
}

impl OperationName {
    pub fn of_setting(setting: Setting) -> Self {
        match setting {
            Setting::InfoAdminOnly(_) => Self::SetInfoAdminOnly,
            Setting::MessagesAdminOnly(_) => Self::SetMessagesAdminOnly,
            Setting::MemberAddMode(_) => Self::SetMemberAddMode,
            Setting::MembershipApproval(_) => Self::SetMembershipApproval,
            Setting::MemberShareHistory(_) => Self::SetMemberShareHistory,
            Setting::DisappearingTimer(_) => Self::SetDisappearingTimer,
        }
    }
}

impl GroupCommand for ChangeSetting {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        vec![Change::Fields(vec![self.setting.value()])]
    }
}
