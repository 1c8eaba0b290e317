//! A group's picture: its id is part of the group, its bytes are kept beside it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::operation::Actor;
use super::rows::PictureKey;
use super::{Done, GroupUpdate, Refusal, World};
use crate::domain::id::{GroupId, PhoneNumber};
use crate::domain::picture::GroupPicture;

/// The largest JPEG that the world takes.
pub const MAX_PICTURE_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPicture {
    pub id: String,
    /// In base64.
    pub jpeg: String,
}

impl World {
    pub(super) fn set_picture(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        jpeg: Option<&Bytes>,
    ) -> Result<Done, Refusal> {
        use base64::Engine as _;
        let (mut group, role) = self.group_for(actor, group_id)?;
        if group.core.settings.info_admin_only && !role.is_admin() {
            return Err(Refusal::NotAdmin("change the picture"));
        }
        let mut done = Done::of(group_id);
        let key = PictureKey(group_id.clone());
        group.core.picture_id = match jpeg {
            None if group.core.picture_id.is_none() => return Ok(done),
            None => {
                self.pictures.remove(&key);
                None
            }
            Some(jpeg) => {
                let is_jpeg = jpeg.starts_with(&[0xff, 0xd8, 0xff]);
                if !is_jpeg || jpeg.len() > MAX_PICTURE_BYTES {
                    return Err(Refusal::PictureRejected(group_id.clone()));
                }
                let id = (u64::from_le_bytes(self.draw()) >> 16).to_string();
                let jpeg = base64::engine::general_purpose::STANDARD.encode(jpeg);
                self.pictures.put(key, StoredPicture { id: id.clone(), jpeg });
                Some(id)
            }
        };
        let mark = self.next_change(actor.now);
        let update = GroupUpdate::Picture(group.core.picture_id.clone());
        self.announce(&mut done, mark, &group.core, actor, |_| update.clone());
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    /// The picture as a member sees it; `None` where there is none.
    pub fn picture(
        &self,
        viewer: PhoneNumber,
        group_id: &GroupId,
    ) -> Result<Option<GroupPicture>, Refusal> {
        use base64::Engine as _;
        self.member_view(viewer, group_id)?;
        let Some(stored) = self.pictures.get(&PictureKey(group_id.clone())) else {
            return Ok(None);
        };
        let jpeg = base64::engine::general_purpose::STANDARD.decode(&stored.jpeg);
        Ok(Some(GroupPicture {
            picture_id: stored.id.clone(),
            url: None,
            url_expire_time: None,
            data: jpeg.unwrap_or_default().into(),
        }))
    }
}
