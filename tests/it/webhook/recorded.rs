//! What WAHA's own sender posted (`recorded/README.md`), byte for byte and under its headers. Only the signature is made
//! anew where it has to be right: the key of the recording is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;
use wagroups::pb;

use super::listening;
use super::sender::{Sender, sign};
use crate::harness::service::Service;

const POSTS: &str = include_str!("recorded/posts-2026.8.2.jsonl");
const SECRET: &str = "a secret of this test";

#[derive(Deserialize)]
struct Posted {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Posted {
    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// As they came, without the signature.
    fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.headers.iter().filter(|(name, _)| *name != "x-webhook-hmac");
        headers.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_comes_in_as_it_was_posted() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        // It is of November 2026.
        settings.events.retention = Duration::from_secs(36_500 * 86_400);
    })
    .await;
    let config = pb::WahaConfig {
        webhooks_only: true,
        webhook_secret: SECRET.into(),
        remote_session: "default".into(),
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        session: "shop".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    service.sessions().create_session(request).await.expect("a session");
    let sender = Sender::new(&service.webhook_url(), SECRET);
    let posts: Vec<Posted> =
        POSTS.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(posts.len(), 24);
    let mut ids = BTreeSet::new();
    let mut subjects = BTreeMap::new();
    for post in &posts {
        let post_with = async |signature: Option<&str>| {
            let mut headers = post.headers();
            headers.extend(signature.map(|signature| ("x-webhook-hmac", signature)));
            sender.post_with("shop", post.body.clone(), &headers).await.expect("an answer")
        };
        // Its own signature has the right form, and is of another secret.
        match post.headers.get("x-webhook-hmac") {
            Some(other) => {
                assert_eq!(other.len(), sign(SECRET, b"").len());
                let answer = post_with(Some(other)).await;
                assert_eq!(answer.said(), (401, "WRONG_SIGNATURE"));
            }
            None => assert_eq!(post_with(None).await.said(), (401, "NOT_SIGNED")),
        }
        let signature = sign(SECRET, post.body.as_bytes());
        let answer = post_with(Some(&signature)).await;
        let event = post.event();
        let id = event["id"].as_str().expect("an id").to_owned();
        // Sent to several receivers and repeated, it has one id.
        let outcome = if ids.insert(id) { "accepted" } else { "duplicate" };
        let is_status = event["event"] == "session.status";
        assert_eq!(answer.said(), (200, if is_status { "accepted" } else { outcome }), "{event}");
        if let Some(group) = event["payload"].get("group") {
            let text = |field: &str| group[field].as_str().expect("a text").to_owned();
            let members = group["participants"].as_array().expect("members").len();
            subjects.insert(text("id"), (text("subject"), members));
        }
    }
    let list =
        pb::ListGroupsRequest { session: "shop".into(), page_size: 100, ..Default::default() };
    let listed = service.groups().list_groups(list).await.expect("groups").into_inner();
    let listed = listed.groups.into_iter().map(|group| {
        let group = pb::Group::decode(group).expect("a group");
        (group.id, (group.subject, usize::try_from(group.member_count).expect("few")))
    });
    let listed: BTreeMap<String, (String, usize)> = listed.collect();
    assert_eq!(listed, subjects);
    assert_eq!(listed.len(), 8);
}
