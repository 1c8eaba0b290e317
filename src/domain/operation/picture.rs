//! A group's picture: read, set and deleted.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::event::PictureChanged;
use crate::domain::id::GroupId;
use crate::domain::picture::GroupPicture;
use crate::domain::port::picture::PictureSource;
use crate::domain::reducer::Change;

/// A caller gives a file or a URL; what goes to an engine is the picture that was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetGroupPicture<P = PictureSource> {
    pub group_id: GroupId,
    pub picture: P,
}

impl<P: Debug + Send + Sync + 'static> Operation for SetGroupPicture<P> {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::SetGroupPicture
    }
}

impl<P: Debug + Send + Sync + 'static> GroupCommand for SetGroupPicture<P> {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        vec![Change::Picture(PictureChanged { picture_id: None })]
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteGroupPicture {
    pub group_id: GroupId,
}

impl Operation for DeleteGroupPicture {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::DeleteGroupPicture
    }
}

impl GroupCommand for DeleteGroupPicture {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        vec![Change::Picture(PictureChanged { picture_id: None })]
    }
}

/// Answers `None` where the group has no picture, or hides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetGroupPicture {
    pub group_id: GroupId,
}

impl Operation for GetGroupPicture {
    type Answer = Option<GroupPicture>;

    fn name(&self) -> OperationName {
        OperationName::GetGroupPicture
    }
}
