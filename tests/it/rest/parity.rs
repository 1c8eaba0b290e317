//! REST and gRPC answer the same: a walk over every route. What REST reads gRPC reads, and what REST changes
//! gRPC shows, with an event of origin API.

mod people;
mod whole;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wagroups::pb;
use wagroups::pb::act_request::Action;

use self::people::{change_people, compare_results};
use super::client::{Answer, Rest, ids};
use super::routes::{ROUTES, picture_file};
use super::{served_on_each_database, words};
use crate::harness::service::{Service, eventually};
use crate::service::refusals::act;
use crate::service::refusals::calls::{PERSON, group_of};

served_on_each_database!(every_route_answers_what_grpc_answers);

const OTHER_PERSON: &str = "4915120000002@c.us";
const THIRD_PERSON: &str = "4915120000003@c.us";

struct Walk {
    service: Service,
    rest: Rest,
    group: String,
    walked: BTreeSet<(&'static str, String)>,
}

async fn every_route_answers_what_grpc_answers(service: Service) {
    let rest = Rest::new(&service);
    let mut walk = Walk { service, rest, group: String::new(), walked: BTreeSet::new() };
    walk.creates().await;
    walk.texts().await;
    walk.pictures().await;
    walk.people().await;
    walk.settings().await;
    walk.invites().await;
    walk.join_requests().await;
    walk.reads().await;
    walk.refreshes().await;
    walk.leaves().await;
    let all = ROUTES.iter().map(|route| (route.method, route.path.to_owned()));
    assert_eq!(walk.walked, all.collect(), "all routes, and no others");
}

impl Walk {
    async fn send(&mut self, method: &'static str, path: &str, body: Option<Value>) -> Answer {
        let route = path.split('?').next().unwrap_or_default();
        self.walked.insert((method, route.to_owned()));
        let path = path.replace("{id}", &self.group);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.rest.send(method, &path, body).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// Makes a change that must become one event of type `event`, at the sequence that is answered.
    async fn change(
        &mut self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
        event: pb::EventType,
    ) -> Answer {
        let before = self.service.log("default").await.len();
        let answer = self.send(method, path, body).await;
        assert!([200, 201].contains(&answer.status), "{method} {path}: {answer:?}");
        let log = self.service.log("default").await;
        let told: Vec<_> = log[before..].iter().map(|e| (e.r#type(), e.origin())).collect();
        assert_eq!(told, [(event, pb::Origin::Api)], "{method} {path}");
        assert_eq!(answer.sequence(), log[before].sequence, "{method} {path}");
        answer
    }

    /// Over gRPC.
    async fn held(&self) -> pb::Group {
        self.service.get_group(&self.group, 0).await.expect("the group")
    }

    async fn creates(&mut self) {
        let people = [PERSON, "4915120000403", "4915120000404", "4915120000401", "4915120000408"];
        let request = pb::CreateGroupRequest {
            session: "default".into(),
            subject: "Team".into(),
            participant_ids: people.map(str::to_owned).to_vec(),
            ..Default::default()
        };
        let grpc = self.service.groups().create_group(request).await.expect("made").into_inner();
        let body = json!({ "name": "Team", "participants": ids(&people) });
        let made = self.change("POST", "", Some(body), pb::EventType::Joined).await;
        assert_eq!(made.status, 201);
        let mut made = made.json();
        self.group = made["id"].as_str().expect("an id").to_owned();
        let results = made.as_object_mut().expect("an object").remove("results").expect("results");
        assert_eq!(made, words::group(&self.held().await));
        compare_results(&results, &grpc.results);
    }

    async fn texts(&mut self) {
        let updated = pb::EventType::Updated;
        let body = Some(json!({ "subject": "Crew \"1\" ✓" }));
        let done = self.change("PUT", "/{id}/subject", body, updated).await;
        assert_eq!(done.bare(), "true");
        let body = Some(json!({ "description": "What we do\nand when" }));
        self.change("PUT", "/{id}/description", body, updated).await;
        let held = self.held().await;
        assert_eq!(held.subject, "Crew \"1\" ✓");
        assert_eq!(held.description, "What we do\nand when");
    }

    async fn pictures(&mut self) {
        assert_eq!(self.get("/{id}/picture").await.ok(), json!({ "url": null }));
        let changed = pb::EventType::PictureChanged;
        let set = self.change("PUT", "/{id}/picture", Some(picture_file()), changed).await;
        assert_eq!(set.ok(), json!({ "success": true }));
        let request = pb::GetGroupPictureRequest {
            session: "default".into(),
            group_id: self.group.clone(),
            ..Default::default()
        };
        let grpc = self.service.groups().get_group_picture(request).await.expect("a picture");
        let grpc = grpc.into_inner().picture.expect("a picture");
        let url = self.get("/{id}/picture").await.ok()["url"].as_str().expect("one").to_owned();
        if grpc.url.is_empty() {
            let data = url.strip_prefix("data:image/jpeg;base64,").expect("data");
            use base64::Engine as _;
            let data = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
            assert_eq!(data, grpc.data);
        } else {
            assert_eq!(url, grpc.url);
        }
        assert_eq!(self.held().await.picture_id, grpc.picture_id);
        let deleted = self.change("DELETE", "/{id}/picture", None, changed).await;
        assert_eq!(deleted.ok(), json!({ "success": true }));
        assert_eq!(self.held().await.picture_id, "");
        assert_eq!(self.get("/{id}/picture?refresh=true").await.ok(), json!({ "url": null }));
    }

    async fn people(&mut self) {
        let changed = pb::EventType::ParticipantsChanged;
        // A twin, to which gRPC does the same.
        let twin = group_of(&self.service, "default", &[PERSON]).await;
        let added = [OTHER_PERSON, THIRD_PERSON, PERSON, "4915120000403", "4915120000404"];
        let two = [THIRD_PERSON, "4915120000099@c.us"];
        let steps: [(&str, &[&str]); 4] = [
            ("/{id}/participants/add", &added),
            ("/{id}/admin/promote", &two),
            ("/{id}/admin/demote", &two),
            ("/{id}/participants/remove", &two),
        ];
        for (path, people) in steps {
            let grpc = change_people(&self.service, path, &twin, people).await;
            let body = Some(json!({ "participants": ids(people) }));
            let rest = self.change("POST", path, body, changed).await.ok();
            compare_results(&rest, &grpc);
            let roles = |group: &pb::Group| -> BTreeSet<(String, i32)> {
                group.participants.iter().map(|p| (p.id.clone(), p.role)).collect()
            };
            let twin = self.service.get_group(&twin, 0).await.expect("the twin");
            assert_eq!(roles(&self.held().await), roles(&twin), "after {path}");
        }
    }

    async fn settings(&mut self) {
        type Read = fn(&pb::GroupSettings) -> bool;
        let all = |s: &pb::GroupSettings| s.member_add_mode() == pb::MemberAddMode::AllMembers;
        let settings: [(&str, &str, Read); 5] = [
            ("info-admin-only", "adminsOnly", |s| s.info_admin_only),
            ("messages-admin-only", "adminsOnly", |s| s.messages_admin_only),
            ("member-add-mode", "membersCanAddNewMember", all),
            ("membership-approval", "newMembersApprovalRequired", |s| s.membership_approval),
            ("member-share-history-mode", "membersCanShareHistory", |s| s.member_share_history),
        ];
        for (name, field, read) in settings {
            let path = format!("/{{id}}/settings/security/{name}");
            let was = read(&self.held().await.settings.expect("settings"));
            for flag in [!was, was] {
                let body = Some(json!({ field: flag }));
                let done = self.change("PUT", &path, body, pb::EventType::Updated).await;
                assert_eq!(done.bare(), "true");
                let held = self.held().await.settings.expect("settings");
                assert_eq!(read(&held), flag, "{name}");
                assert_eq!(self.get(&path).await.ok(), json!({ field: flag }), "{name}");
                // Once more changes nothing.
                let log = self.service.log("default").await.len();
                let again = self.send("PUT", &path, Some(json!({ field: flag }))).await;
                assert_eq!((again.bare(), again.sequence()), ("true", done.sequence()), "{name}");
                assert_eq!(self.service.log("default").await.len(), log);
            }
        }
    }

    async fn invites(&mut self) {
        let code = self.get("/{id}/invite-code").await.bare().to_owned();
        assert_eq!(code, self.code().await);
        let revoked = pb::EventType::InviteRevoked;
        let other = self.change("POST", "/{id}/invite-code/revoke", None, revoked).await;
        let other = other.bare().to_owned();
        assert_ne!(code, other);
        assert_eq!(self.code().await, other);

        self.service.create_session("host").await;
        let theirs = group_of(&self.service, "host", &[PERSON]).await;
        let request = pb::GetInviteCodeRequest {
            session: "host".into(),
            group_id: theirs.clone(),
            ..Default::default()
        };
        let invite = self.service.groups().get_invite_code(request).await.expect("a code");
        let code = invite.into_inner().invite_code;
        let invite = Some(pb::get_join_info_request::Invite::InviteCode(code.clone()));
        let request = pb::GetJoinInfoRequest { session: "default".into(), invite };
        let grpc = self.service.groups().get_join_info(request).await.expect("a preview");
        let grpc = grpc.into_inner().preview.expect("a preview");
        let shown = self.get(&format!("/join-info?code={code}")).await.ok();
        assert_eq!(shown["id"], json!(grpc.group_id));
        assert_eq!(shown["subject"], json!(grpc.subject));
        assert_eq!(shown["description"], json!(grpc.description));
        assert_eq!(shown["size"], json!(grpc.member_count));
        assert_eq!(shown["newMembersApprovalRequired"], json!(grpc.membership_approval));
        assert_eq!(shown["participants"], words::members(&grpc.participants));
        assert_eq!(shown["invite"], json!(format!("https://chat.whatsapp.com/{code}")));
        let link = format!("https://chat.whatsapp.com/{code}?mode=gi_t");
        let body = Some(json!({ "code": link }));
        let joined = self.change("POST", "/join", body, pb::EventType::Joined).await;
        assert_eq!(joined.ok(), json!({ "id": theirs }));
        let held = self.service.get_group(&theirs, joined.sequence()).await.expect("joined");
        assert_eq!(held.my_role(), pb::Role::Participant);
    }

    /// Over gRPC.
    async fn code(&self) -> String {
        let (session, group_id) = ("default".to_owned(), self.group.clone());
        let request = pb::GetInviteCodeRequest { session, group_id, ..Default::default() };
        let code = self.service.groups().get_invite_code(request).await.expect("a code");
        code.into_inner().invite_code
    }

    async fn join_requests(&mut self) {
        let path = "/{id}/participants/join-requests";
        assert_eq!(self.get(path).await.ok(), json!([]));
        let body = Some(json!({ "newMembersApprovalRequired": true }));
        let approval = "/{id}/settings/security/membership-approval";
        self.change("PUT", approval, body, pb::EventType::Updated).await;
        for asker in ["4915120000071", "4915120000072"] {
            let ask = Action::RequestToJoin(pb::RequestToJoinAction {});
            act(&self.service, asker, &self.group, ask, false).await.expect("asked");
        }
        let asking = eventually("both are known to ask", || async {
            let asking = self.asking().await;
            (asking.len() == 2).then_some(asking)
        });
        let asking = asking.await;
        let listed = self.get(path).await.ok();
        assert_eq!(listed, asking.iter().map(words::join_request).collect::<Value>());
        let [yes, no] = [0, 1].map(|n| listed[n]["requesterId"].as_str().expect("an id"));

        let before = self.service.log("default").await.len();
        let body = json!({ "participants": ids(&[yes, "4915120000073@c.us"]) });
        let approved = self.send("POST", &format!("{path}/approve"), Some(body)).await;
        let [first, second] = [0, 1].map(|n| approved.ok()[n].clone());
        assert_eq!(first, json!({ "requesterId": yes, "success": true }));
        let unknown = json!({
            "requesterId": "4915120000073@c.us", "success": false, "error": 404,
        });
        assert_eq!(second, unknown);
        let log = self.service.log("default").await;
        let told = log[before..].iter().map(|e| (e.r#type(), e.origin()));
        let wanted = [pb::EventType::JoinRequest, pb::EventType::ParticipantsChanged];
        assert_eq!(told.collect::<Vec<_>>(), wanted.map(|event| (event, pb::Origin::Api)));
        assert!(self.held().await.participants.iter().any(|member| member.id == yes));

        let body = Some(json!({ "participants": ids(&[no]) }));
        let reject = format!("{path}/reject");
        let rejected = self.change("POST", &reject, body, pb::EventType::JoinRequest).await;
        assert_eq!(rejected.ok(), json!([{ "requesterId": no, "success": true }]));
        assert!(self.asking().await.is_empty());
        assert_eq!(self.get(path).await.ok(), json!([]));
    }

    /// Over gRPC.
    async fn asking(&self) -> Vec<pb::JoinRequest> {
        let (session, group_id) = ("default".to_owned(), self.group.clone());
        let request = pb::ListJoinRequestsRequest { session, group_id, ..Default::default() };
        let asking = self.service.groups().list_join_requests(request).await.expect("requests");
        asking.into_inner().join_requests
    }
}
