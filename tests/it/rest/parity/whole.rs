//! The routes that read groups as a whole, and those after which a group is gone.

use prost::Message;
use serde_json::{Value, json};
use wagroups::pb;
use wagroups::pb::inject_fault_request::Fault;

use super::{Walk, words};
use crate::harness::service::reason;
use crate::service::refusals::calls::{PERSON, group_of};
use crate::service::refusals::{act, clear, inject, number_of};

impl Walk {
    pub(super) async fn reads(&mut self) {
        let request = pb::ListGroupsRequest {
            session: "default".into(),
            view: pb::GroupView::Full.into(),
            ..Default::default()
        };
        let grpc = self.service.groups().list_groups(request).await.expect("a list").into_inner();
        let grpc: Vec<Value> = grpc
            .groups
            .into_iter()
            .map(|bytes| words::group(&pb::Group::decode(bytes).expect("a group")))
            .collect();
        assert!(grpc.len() > 3, "{}", grpc.len());
        let list = self.get("").await;
        assert_eq!(list.header("x-total-count"), grpc.len().to_string());
        assert_eq!(list.ok(), Value::Array(grpc));

        let count = pb::CountGroupsRequest { session: "default".into(), ..Default::default() };
        let count = self.service.groups().count_groups(count).await.expect("a count").into_inner();
        assert_eq!(self.get("/count").await.ok(), json!({ "count": count.count }));

        let held = self.held().await;
        assert_eq!(self.get("/{id}").await.ok(), words::group(&held));
        let request = pb::ListParticipantsRequest {
            session: "default".into(),
            group_id: self.group.clone(),
            ..Default::default()
        };
        let grpc = self.service.groups().list_participants(request).await.expect("the members");
        let grpc = words::members(&grpc.into_inner().participants);
        for path in ["/{id}/participants", "/{id}/participants/v2"] {
            assert_eq!(self.get(path).await.ok(), grpc, "{path}");
        }
        let slashed = format!("/{}/participants/", self.group);
        assert_eq!(self.rest.get(&slashed).await.ok(), grpc, "with a slash at its end");
    }

    pub(super) async fn refreshes(&mut self) {
        let lose = Fault::LoseNotifications(pb::LoseNotificationsFault {});
        inject(&self.service, "default", &[], lose).await;
        let subject = "Nobody told us".to_owned();
        let rename = pb::act_request::Action::ChangeSubject(pb::ChangeSubjectAction { subject });
        let actor = number_of(&self.service, "default").await;
        act(&self.service, &actor, &self.group, rename, false).await.expect("renamed");
        assert_ne!(self.held().await.subject, "Nobody told us");
        let refreshed = self.send("POST", "/refresh", None).await;
        assert_eq!(refreshed.ok(), json!({ "success": true }));
        assert_eq!(self.held().await.subject, "Nobody told us");
        let log = self.service.log("default").await;
        assert_eq!(log.last().expect("an event").origin(), pb::Origin::Reconciled);
        // Not before: the news may be on its way for a moment.
        clear(&self.service).await;
    }

    pub(super) async fn leaves(&mut self) {
        let left = self.change("POST", "/{id}/leave", None, pb::EventType::Left).await;
        left.nothing();
        let gone = self.service.get_group(&self.group, left.sequence()).await.expect_err("gone");
        assert_eq!(reason(&gone), "GROUP_NOT_FOUND");

        self.group = group_of(&self.service, "default", &[PERSON]).await;
        let before = self.service.log("default").await.len();
        let deleted = self.send("DELETE", "/{id}", None).await;
        assert_eq!(deleted.bare(), "true");
        let gone = self.service.get_group(&self.group, deleted.sequence()).await.expect_err("gone");
        assert_eq!(reason(&gone), "GROUP_NOT_FOUND");
        let log = self.service.log("default").await;
        assert_eq!(deleted.sequence(), log.last().expect("an event").sequence);
        assert!(log[before..].iter().all(|event| event.origin() == pb::Origin::Api), "{log:?}");
        let told: Vec<_> = log[before..].iter().map(pb::GroupEvent::r#type).collect();
        assert!(told.ends_with(&[pb::EventType::ParticipantsChanged, pb::EventType::Left]));
    }
}
