//! Pictures: told by URL, kept for a day whether there was one or not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use wagroups::domain::id::GroupId;
use wagroups::domain::operation::{
    DeleteGroupPicture, EngineCall, GetGroupPicture, Perform, SetGroupPicture,
};
use wagroups::domain::port::picture::Picture;

use super::WahaServer;
use super::call::check_fields;
use super::lookups::Desk;
use super::reply::{Answer, Problem, Reply};
use super::session::Session;

/// After a change WAHA asks anew.
const REFRESH_AFTER: Duration = Duration::from_secs(3);

/// Where WhatsApp has the picture, another place for each.
fn url(picture_id: &str) -> String {
    format!(
        "https://pps.whatsapp.net/v/t61.24694-24/{picture_id}_n.jpg?ccb=11-4&oh=01_Q5Aa&oe=7FFFFFFF"
    )
}

impl WahaServer {
    /// Asks WhatsApp, and keeps what it says for a day.
    async fn fetch_picture(&self, session: &Session, id: &GroupId) -> Option<String> {
        let fetched = self
            .simulator()
            .perform(
                EngineCall::of_query(&session.simulated),
                &GetGroupPicture { group_id: id.clone() },
            )
            .await;
        // Whatever goes wrong, it is as if there were none.
        let url = fetched.ok().flatten().map(|picture| url(&picture.picture_id));
        let kept = url.clone();
        self.change_session(&session.name, |session| session.pictures.insert(id.clone(), kept));
        url
    }
}

impl Desk<'_> {
    pub async fn picture(&self) -> Answer {
        let id = self.group_id()?;
        let refreshes = match self.call.query("refresh") {
            Some("true" | "True" | "1") => true,
            None | Some("false" | "False" | "0") => false,
            Some(_) => return Err(Problem::bad_request(&["refresh must be a boolean value"])),
        };
        let kept = (!refreshes).then(|| self.session.pictures.get(&id)).flatten();
        let url = match kept {
            Some(kept) => kept.clone(),
            None => self.server.fetch_picture(self.session, &id).await,
        };
        Ok(Reply::json(&json!({ "url": url })))
    }

    pub async fn set_picture(&self, key: &str) -> Answer {
        let body = self.call.json();
        let Some(file) = body.get("file").and_then(Value::as_object) else {
            return Err(Problem::impolite("a picture without a file removes it"));
        };
        check_fields("file", file, &[], &["url", "data", "mimetype", "filename"])?;
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let jpeg = match (text("data"), text("url")) {
            (Some(data), None) => STANDARD.decode(data).ok().map(Bytes::from),
            (None, Some(url)) => self.download(url).await,
            _ => return Err(Problem::impolite("a file has either data or a url")),
        };
        let Some(jpeg) = jpeg else {
            return Err(Problem::impolite("the file is neither base64 nor to be had"));
        };
        self.replace_picture(Some(jpeg), key).await
    }

    pub async fn replace_picture(&self, jpeg: Option<Bytes>, key: &str) -> Answer {
        let (id, session) = (self.group_id()?, &self.session.simulated);
        let (call, group_id) = (EngineCall::of_command(session, key), id.clone());
        let replaced = match jpeg {
            Some(jpeg) => {
                let picture = Picture::of_jpeg(jpeg);
                self.simulator().perform(call, &SetGroupPicture { group_id, picture }).await
            }
            None => self.simulator().perform(call, &DeleteGroupPicture { group_id }).await,
        };
        match replaced {
            Ok(_) => {
                let (server, session) = (self.server.clone(), self.session.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(REFRESH_AFTER).await;
                    server.fetch_picture(&session, &id).await
                });
                Ok(Reply::json(&json!({ "success": true })))
            }
            Err(error) => self.refused(error.into()),
        }
    }

    async fn download(&self, url: &str) -> Option<Bytes> {
        let response = self.server.http.get(url).send().await.ok()?;
        response.error_for_status().ok()?.bytes().await.ok()
    }
}
