//! Guesses of an engine, held against what is known of the group.

use crate::app::Inner;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineError, Outcome};
use crate::domain::participant::Role;
use crate::domain::reason::Reason;

impl Inner {
    /// The failure as it is reported: a refusal that the engine only supposes becomes an unknown outcome where the
    /// account is known to have the role it needs.
    pub(in crate::app) async fn believed(
        &self,
        session: &SessionName,
        group_id: Option<&GroupId>,
        failed: EngineError,
    ) -> EngineError {
        let (Outcome::Supposed, Some(group_id)) = (failed.outcome, group_id) else { return failed };
        if !self.contradicts(session, group_id, failed.error.reason()).await {
            return failed;
        }
        let said = failed.error.cause().unwrap_or_default();
        let known = "though this account may do it, as far as is known; look at the group before you repeat the call";
        EngineError::unknown(&match said {
            "" => format!("the engine failed without saying why, {known}"),
            said => format!("the engine failed without saying why ({said}), {known}"),
        })
    }

    async fn contradicts(&self, session: &SessionName, group_id: &GroupId, reason: Reason) -> bool {
        let Ok(Some(me)) = self.sessions.directory.get(session).map(|session| session.account)
        else {
            return false;
        };
        // What cannot be read contradicts nothing.
        let Ok(held) = self.held_group(session, group_id).await else { return false };
        let role = held.group.as_ref().and_then(|group| group.role_of(&me));
        match reason {
            Reason::NotGroupAdmin => role.is_some_and(Role::is_admin),
            Reason::GroupNotFound | Reason::NotGroupMember => role.is_some(),
            _ => false,
        }
    }
}
