//! The settings of a group.

use http::Method;
use serde_json::{Value, json};

use crate::domain::group::MemberAddMode;
use crate::domain::id::GroupId;
use crate::domain::operation::{ChangeSetting, EngineAnswer, OperationName, Result};
use crate::domain::reducer::Change;
use crate::domain::setting::Setting;
use crate::engine::waha::routed_session::{RoutedSession, Serve, unsupported};

impl RoutedSession {
    pub(super) async fn write_setting(&self, group_id: &GroupId, setting: Setting) -> Result<()> {
        let operation = OperationName::of_setting(setting);
        let (name, body) =
            route(setting).ok_or_else(|| unsupported(operation, "set when messages disappear"))?;
        let path = [group_id.as_str(), "settings", "security", name];
        self.change(operation, Method::PUT, &path, body).await
    }
}

impl Serve<ChangeSetting> for RoutedSession {
    async fn serve(&self, command: &ChangeSetting) -> Result<EngineAnswer<()>> {
        let ChangeSetting { group_id, setting } = command;
        self.write_setting(group_id, *setting).await?;
        Ok(self.answer(group_id, (), Change::Fields(vec![setting.value()])))
    }
}

/// A field that is missing means something else on each engine, so the body is always whole.
fn route(setting: Setting) -> Option<(&'static str, Value)> {
    Some(match setting {
        Setting::InfoAdminOnly(on) => ("info-admin-only", json!({ "adminsOnly": on })),
        Setting::MessagesAdminOnly(on) => ("messages-admin-only", json!({ "adminsOnly": on })),
        Setting::MemberAddMode(mode) => {
            let all = mode == MemberAddMode::AllMembers;
            ("member-add-mode", json!({ "membersCanAddNewMember": all }))
        }
        Setting::MembershipApproval(on) => {
            ("membership-approval", json!({ "newMembersApprovalRequired": on }))
        }
        Setting::MemberShareHistory(on) => {
            ("member-share-history-mode", json!({ "membersCanShareHistory": on }))
        }
        Setting::DisappearingTimer(_) => return None,
    })
}
