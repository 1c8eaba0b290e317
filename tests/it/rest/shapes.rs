//! Each shape, key by key: what a client that was written against one engine of WAHA reads.

mod browser;
mod gows;
mod normalized;
mod noweb;
mod round_trip;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wagroups::config::RestShape;
use wagroups::pb;

use super::client::Rest;
use super::listening;
use super::routes::picture_file;
use crate::harness::service::Service;
use crate::service::refusals::calls::group_of;

const FRIEND: &str = "4915120000001@c.us";
const NEEDS_INVITE: &str = "4915120000403@c.us";
const NOT_ON_WHATSAPP: &str = "4915120000404@c.us";
const BLOCKED_US: &str = "4915120000401@c.us";

/// A service of one shape, and a group with a friend in it.
struct Scene {
    service: Service,
    rest: Rest,
    group: String,
}

impl Scene {
    async fn of(shape: RestShape) -> Self {
        let service = Service::on_sqlite_with(|settings| {
            listening(settings);
            settings.rest.shape = shape;
        });
        let service = service.await;
        let rest = Rest::new(&service);
        let group = service.group_id("Team", &[FRIEND]).await;
        let path = format!("/{group}/description");
        assert_eq!(rest.put(&path, json!({ "description": "What we do" })).await.status, 200);
        Self { service, rest, group }
    }

    async fn held(&self) -> pb::Group {
        self.service.get_group(&self.group, 0).await.expect("the group")
    }

    /// The answer to what is done to these people.
    async fn people(&self, path: &str, people: &[&str]) -> Value {
        let body = json!({ "participants": super::client::ids(people) });
        self.rest.post(&format!("/{}/{path}", self.group), body).await.ok()
    }

    /// A group of another session, by its code.
    async fn invite(&self) -> (pb::Group, String) {
        self.service.create_session("host").await;
        let group_id = group_of(&self.service, "host", &[FRIEND]).await;
        let session = "host".to_owned();
        let request = pb::GetInviteCodeRequest {
            session: session.clone(),
            group_id: group_id.clone(),
            ..Default::default()
        };
        let code = self.service.groups().get_invite_code(request).await.expect("a code");
        let request = pb::GetGroupRequest { session, group_id, ..Default::default() };
        let group = self.service.groups().get_group(request).await.expect("the group");
        let group = <pb::Group as prost::Message>::decode(group.into_inner().group);
        (group.expect("a group"), code.into_inner().invite_code)
    }

    /// What is the same in all shapes.
    async fn says_what_all_say(&self) {
        let Self { rest, service, .. } = self;
        let group = &service.group_id("Another", &[FRIEND]).await;
        let read = rest.get(&format!("/{group}/picture")).await.ok();
        assert_eq!(read, json!({ "url": null }));
        for (method, body) in [("PUT", picture_file().to_string()), ("DELETE", String::new())] {
            let answer = rest.send(method, &format!("/{group}/picture"), body).await;
            assert_eq!(answer.ok(), json!({ "success": true }));
        }
        let security = |name: &str| format!("/{group}/settings/security/{name}");
        for (name, wanted) in [
            ("info-admin-only", json!({ "adminsOnly": false })),
            ("messages-admin-only", json!({ "adminsOnly": false })),
            ("member-add-mode", json!({ "membersCanAddNewMember": true })),
            ("membership-approval", json!({ "newMembersApprovalRequired": false })),
        ] {
            assert_eq!(rest.get(&security(name)).await.ok(), wanted);
        }
        let history = rest.get(&security("member-share-history-mode")).await.ok();
        assert_eq!(keys(&history), set(&["membersCanShareHistory"]));
        let requests = format!("/{group}/participants/join-requests");
        assert_eq!(rest.get(&requests).await.ok(), json!([]));
        // Where nobody asks, each person is refused, and not the request.
        for what in ["approve", "reject"] {
            let body = json!({ "participants": [{ "id": "4915129999998" }, { "id": "7@lid" }] });
            let refused = rest.post(&format!("{requests}/{what}"), body).await.ok();
            let each = |id: &str| json!({ "requesterId": id, "success": false, "error": 404 });
            assert_eq!(refused, json!([each("4915129999998@c.us"), each("7@lid")]));
        }
        let v2 = rest.get(&format!("/{group}/participants/v2")).await.ok();
        let v2 = v2.as_array().expect("a list");
        assert_eq!(v2.len(), 2);
        assert!(v2.iter().all(|member| keys(member) == set(&["id", "pn", "role"])), "{v2:?}");
        assert_eq!(rest.post("/refresh", Value::Null).await.ok(), json!({ "success": true }));
        assert!(keys(&rest.get("/count").await.ok()) == set(&["count"]));
        let (theirs, code) = self.invite().await;
        let joined = rest.post("/join", json!({ "code": code })).await.ok();
        assert_eq!(joined, json!({ "id": theirs.id }));
        rest.post(&format!("/{}/leave", theirs.id), Value::Null).await.nothing();
        assert_eq!(rest.delete(&format!("/{group}")).await.bare(), "true");
    }
}

fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().unwrap_or_else(|| panic!("no object: {object}"));
    object.keys().map(String::as_str).collect()
}

fn set<'a>(keys: &[&'a str]) -> BTreeSet<&'a str> {
    keys.iter().copied().collect()
}

/// As the socket engines write a phone number.
fn wire(id: &str) -> String {
    id.replace("@c.us", "@s.whatsapp.net")
}

/// Changes for which WAHA has no more to say than that they are done.
const CHANGES: [(&str, &str, &str); 7] = [
    ("subject", "subject", "\"Crew\""),
    ("description", "description", "\"Other\""),
    ("settings/security/info-admin-only", "adminsOnly", "true"),
    ("settings/security/messages-admin-only", "adminsOnly", "true"),
    ("settings/security/member-add-mode", "membersCanAddNewMember", "false"),
    ("settings/security/membership-approval", "newMembersApprovalRequired", "true"),
    ("settings/security/member-share-history-mode", "membersCanShareHistory", "true"),
];
