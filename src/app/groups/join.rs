//! Joining by an invite, and looking at the group behind one.

use std::sync::Arc;

use crate::app::calls::{Known, SingleFlightCache};
use crate::app::{App, Call};
use crate::domain::counter::Sequence;
use crate::domain::error::Result;
use crate::domain::id::SessionName;
use crate::domain::invite::{GroupPreview, Invite};
use crate::domain::operation::{EngineCall, GetJoinInfo, OperationName};

/// An invite as a key: the session that looks, and the invite.
pub(in crate::app) type InviteKey = (SessionName, String);

/// Answered previews, for the minute that the contract names.
pub(in crate::app) type Previews = SingleFlightCache<InviteKey, Arc<GroupPreview>>;

impl App {
    /// The group behind an invite, as WhatsApp showed it within the last minute.
    pub async fn join_info(
        &self,
        call: &Call,
        session: &SessionName,
        invite: Invite,
    ) -> Result<Known<Arc<GroupPreview>>> {
        self.admit_read(call, session, Sequence::ZERO).await?;
        let inner = &self.inner;
        let engine = inner.working_engine(session, OperationName::GetJoinInfo)?;
        let key = (session.clone(), preview_key(&invite));
        let name = session.clone();
        inner
            .groups
            .reads
            .previews
            .ask(call, inner, key, false, async move {
                let query = GetJoinInfo { invite };
                let seen = engine.perform(EngineCall::of_query(&name), &query).await;
                Ok(Arc::new(seen.map_err(|failed| failed.error)?))
            })
            .await
    }
}

fn preview_key(invite: &Invite) -> String {
    match invite {
        Invite::Code(code) => code.as_str().to_owned(),
        Invite::Private(private) => format!("{}/{}", private.group_id, private.code),
    }
}
