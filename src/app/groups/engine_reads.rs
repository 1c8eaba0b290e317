//! What of WhatsApp the log does not hold, as it was read: each kind asked for once at a time, and kept where an event
//! reports its change.

use std::sync::Arc;
use std::time::Duration;

use super::join::Previews;
use super::reconcile::{ComparisonKey, Refreshed};
use crate::app::calls::SingleFlightCache;
use crate::app::log::WriteResult;
use crate::domain::event::EventType;
use crate::domain::id::{GroupId, InviteCode, SessionName};
use crate::domain::picture::GroupPicture;

/// How long an invite's preview is as good as a new one; the contract names it.
const PREVIEW_LIFETIME: Duration = Duration::from_secs(60);
/// Codes and pictures change by events, which can get lost: a day is long enough.
const LIFETIME: Duration = Duration::from_hours(24);

type GroupKey = (SessionName, GroupId);

/// All that is asked for.
#[derive(Debug)]
pub(in crate::app) struct EngineReadCache {
    pub previews: Previews,
    pub invite_codes: SingleFlightCache<GroupKey, InviteCode>,
    pub pictures: SingleFlightCache<GroupKey, Option<Arc<GroupPicture>>>,
    /// Reads of groups, join requests and whole sessions end in the log, so that nothing of them is kept.
    pub groups: SingleFlightCache<GroupKey, WriteResult>,
    pub comparisons: SingleFlightCache<ComparisonKey, Refreshed>,
    pub join_requests: SingleFlightCache<GroupKey, ()>,
}

impl Default for EngineReadCache {
    fn default() -> Self {
        Self {
            previews: SingleFlightCache::new(PREVIEW_LIFETIME),
            invite_codes: SingleFlightCache::new(LIFETIME),
            pictures: SingleFlightCache::new(LIFETIME),
            groups: SingleFlightCache::new(Duration::ZERO),
            comparisons: SingleFlightCache::new(Duration::ZERO),
            join_requests: SingleFlightCache::new(Duration::ZERO),
        }
    }
}

impl EngineReadCache {
    /// An event of the log reports that something has changed.
    pub fn changed(&self, session: &SessionName, group_id: Option<&GroupId>, what: EventType) {
        let Some(group_id) = group_id else { return };
        let key = (session.clone(), group_id.clone());
        match what {
            EventType::InviteRevoked => self.invite_codes.drop(&key),
            EventType::PictureChanged => self.pictures.drop(&key),
            // Whether we may see them depends on whether we are in the group, and as what.
            EventType::Joined
            | EventType::Left
            | EventType::Deleted
            | EventType::ParticipantsChanged => {
                self.invite_codes.drop(&key);
                if what != EventType::ParticipantsChanged {
                    self.pictures.drop(&key);
                }
            }
            EventType::Updated | EventType::JoinRequest | EventType::SessionDeleted => {}
        }
    }

    /// The session connects anew, or is gone: what it missed may have changed any of it.
    pub fn forget_session(&self, session: &SessionName) {
        self.previews.drop_where(|(name, _)| name == session);
        self.invite_codes.drop_where(|(name, _)| name == session);
        self.pictures.drop_where(|(name, _)| name == session);
    }
}
