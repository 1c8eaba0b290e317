//! Pictures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::event::PictureChanged;
use crate::domain::operation::{
    DeleteGroupPicture, EngineAnswer, EngineError, GetGroupPicture, Operation as _, OperationName,
    Result, SetGroupPicture,
};
use crate::domain::picture::GroupPicture;
use crate::domain::port::picture::Picture;
use crate::domain::reducer::Change;
use crate::engine::waha::routed_session::{RoutedSession, Serve, not_admin};
use crate::engine::waha::server::Ask;
use crate::engine::waha::text;

impl Serve<SetGroupPicture<Picture>> for RoutedSession {
    async fn serve(&self, command: &SetGroupPicture<Picture>) -> Result<EngineAnswer<()>> {
        let SetGroupPicture { group_id, picture } = command;
        let operation = command.name();
        let file = json!({
            "mimetype": "image/jpeg",
            "filename": "picture.jpg",
            "data": STANDARD.encode(picture.jpeg()),
        });
        let path = [group_id.as_str(), "picture"];
        let answer = self.send(operation, Method::PUT, &path, json!({ "file": file })).await?;
        let is_refused =
            answer.json().and_then(|object| object.get("success")) == Some(&json!(false));
        if is_refused || answer.is_false() {
            return Err(not_admin(operation));
        }
        // WAHA does not return the new picture's id.
        let seen = self.serve(&GetGroupPicture { group_id: group_id.clone() }).await.ok().flatten();
        let picture_id = seen.map_or_else(|| of_content(picture.jpeg()), |seen| seen.picture_id);
        let change = Change::Picture(PictureChanged { picture_id: Some(picture_id) });
        Ok(self.answer(group_id, (), change))
    }
}

impl Serve<DeleteGroupPicture> for RoutedSession {
    async fn serve(&self, command: &DeleteGroupPicture) -> Result<EngineAnswer<()>> {
        let DeleteGroupPicture { group_id } = command;
        let path = [group_id.as_str(), "picture"];
        self.server.ask(Ask::of(command.name(), Method::DELETE, self.path(&path))).await?;
        // It answers success whatever happened.
        if let Ok(Some(_)) = self.serve(&GetGroupPicture { group_id: group_id.clone() }).await {
            return Err(EngineError::unknown(
                "WAHA says that the picture is removed, and still shows one; look at it again",
            ));
        }
        Ok(self.answer(group_id, (), Change::Picture(PictureChanged { picture_id: None })))
    }
}

/// Past the server's own cache, which keeps an answer for a day, also that there is none.
impl Serve<GetGroupPicture> for RoutedSession {
    async fn serve(&self, query: &GetGroupPicture) -> Result<Option<GroupPicture>> {
        let GetGroupPicture { group_id } = query;
        let ask = self.get(OperationName::GetGroupPicture, &[group_id.as_str(), "picture"]);
        let answer = self.server.ask(ask.with("refresh", "true")).await?;
        let url = answer.json().and_then(|object| object.get("url")).and_then(Value::as_str);
        let Some(url) = url.and_then(|url| url.parse::<Url>().ok()) else { return Ok(None) };
        Ok(Some(GroupPicture {
            picture_id: id(&url),
            url_expire_time: expire_time(&url),
            url: Some(url.into()),
            data: Bytes::new(),
        }))
    }
}

/// WhatsApp's file name of the picture: the rest of the URL is new each time.
fn id(url: &Url) -> String {
    let name = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default();
    if name.is_empty() {
        of_content(url.path().as_bytes())
    } else {
        text::kept(name, text::MAX_NAME_BYTES)
    }
}

fn of_content(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// `oe` of the URLs of WhatsApp's servers: seconds, in hex.
fn expire_time(url: &Url) -> Option<Timestamp> {
    let (_, value) = url.query_pairs().find(|(name, _)| name == "oe")?;
    i64::from_str_radix(&value, 16).ok().filter(|seconds| *seconds > 0).map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pictures_url_tells_its_id_and_when_it_ends() {
        let url = "https://pps.whatsapp.net/v/t61.24694-24/123_456_n.jpg?ccb=11-4&oh=01_Q5&oe=68E0B3F4&_nc_sid=5e";
        let url: Url = url.parse().unwrap();
        assert_eq!(id(&url), "123_456_n");
        assert_eq!(expire_time(&url), Some(Timestamp::from_seconds(0x68e0_b3f4)));
        let bare: Url = "https://example.org/".parse().unwrap();
        assert_eq!((id(&bare).len(), expire_time(&bare)), (32, None));
    }
}
