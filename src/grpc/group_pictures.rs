//! The RPCs of a group's picture.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{Fields, call};
use super::respond::{changed, group_response, refuse};
use crate::domain::operation::{DeleteGroupPicture, SetGroupPicture};
use crate::domain::port::picture::PictureSource;
use crate::pb;
use crate::pb::set_group_picture_request::Source;
use crate::pb::wire::{number, timestamp};

impl Groups {
    pub(super) async fn get_group_picture(
        &self,
        request: Request<pb::GetGroupPictureRequest>,
    ) -> Result<Response<pb::GetGroupPictureResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let read = self
            .app
            .picture(&call, &session, &group_id, message.refresh, min_sequence)
            .await
            .map_err(refuse)?;
        let picture = &read.value;
        Ok(Response::new(pb::GetGroupPictureResponse {
            picture: Some(pb::GroupPicture {
                picture_id: picture.picture_id.clone(),
                url: picture.url.clone().unwrap_or_default(),
                url_expire_time: picture.url_expire_time.map(timestamp),
                data: picture.data.clone(),
            }),
            as_of_sequence: number(read.as_of_sequence),
            synced_time: Some(timestamp(read.synced_time)),
        }))
    }

    pub(super) async fn set_group_picture(
        &self,
        request: Request<pb::SetGroupPictureRequest>,
    ) -> Result<Response<pb::SetGroupPictureResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let target = fields.target(message);
        let picture = match &message.source {
            Some(Source::Data(data)) => Some(PictureSource::Data(data.clone())),
            Some(Source::Url(url)) => fields.parse("url", url).map(PictureSource::Url),
            None => {
                fields.add("source", "must be data or a url");
                None
            }
        };
        let (target, picture) = fields.finish(target.zip(picture))?;
        let mutation = target.mutation(|group_id| SetGroupPicture { group_id, picture });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(group_response!(SetGroupPictureResponse, answer)))
    }

    pub(super) async fn delete_group_picture(
        &self,
        request: Request<pb::DeleteGroupPictureRequest>,
    ) -> Result<Response<pb::DeleteGroupPictureResponse>, Status> {
        let call = call(&request)?;
        let mut fields = Fields::default();
        let target = fields.target(request.get_ref());
        let target = fields.finish(target)?;
        let mutation = target.mutation(|group_id| DeleteGroupPicture { group_id });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(group_response!(DeleteGroupPictureResponse, answer)))
    }
}
