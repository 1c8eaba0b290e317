//! The life of a session that is told of WhatsApp by webhooks, and cannot ask it anything.

mod aliases;
mod secrets;
mod status;
mod unsupported;

use serde_json::Value;
use wagroups::domain::clock::Clock;
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::sender::{Sender, event, event_id};
use crate::harness::service::Service;

const SESSION: &str = "shop";
const SECRET: &str = "what shop and its WAHA server know";
const GROUP: &str = "120363000000000001@g.us";

/// A session, as it was just made.
struct Scene {
    service: Service,
    sender: Sender,
    /// When the first webhook is made; each is made a second after the one before.
    time: i64,
    next: u64,
}

impl Scene {
    async fn on(service: Service) -> Self {
        service.create_waha_session(SESSION, SECRET).await;
        let sender = Sender::new(&service.webhook_url(), SECRET);
        // All of them lie in the past.
        Self { service, sender, time: SystemClock.now().as_millis() - 3_600_000, next: 0 }
    }

    async fn restart(&mut self) {
        self.service.restart().await;
        self.sender = Sender::new(&self.service.webhook_url(), SECRET);
    }

    /// A new webhook; its payload has the same time.
    fn event(&mut self, name: &str, payload: impl FnOnce(i64) -> Value) -> Value {
        self.next += 1;
        let time = self.time + i64::try_from(self.next).expect("few") * 1000;
        event(SESSION, &event_id(self.next), time, name, payload(time))
    }

    /// Delivers a webhook that is accepted.
    async fn tell(&self, body: &Value) {
        let (status, answer) = self.sender.post(SESSION, body.to_string()).await;
        assert_eq!((status, &answer["outcome"]), (200, &"accepted".into()), "{answer} to {body}");
    }

    async fn tell_new(&mut self, name: &str, payload: impl FnOnce(i64) -> Value) {
        let body = self.event(name, payload);
        self.tell(&body).await;
    }

    /// What a webhook is answered now.
    async fn said(&self, sender: &Sender, body: &Value) -> (u16, String) {
        let answer = sender.deliver(SESSION, body.to_string()).await.expect("an answer");
        (answer.said().0, answer.said().1.to_owned())
    }

    async fn session(&self) -> pb::Session {
        let get = pb::GetSessionRequest { session: SESSION.into() };
        let session = self.service.sessions().get_session(get).await.expect("the session");
        session.into_inner().session.expect("a session")
    }

    async fn group(&self, group_id: &str) -> pb::Group {
        let request = pb::GetGroupRequest {
            session: SESSION.into(),
            group_id: group_id.into(),
            ..Default::default()
        };
        let group = self.service.groups().get_group(request).await.expect("the group");
        prost::Message::decode(group.into_inner().group).expect("a group")
    }

    async fn start(&self) -> pb::StartSessionResponse {
        let start = pb::StartSessionRequest { session: SESSION.into() };
        self.service.sessions().start_session(start).await.expect("started").into_inner()
    }

    async fn stop(&self) -> pb::StopSessionResponse {
        let stop = pb::StopSessionRequest { session: SESSION.into() };
        self.service.sessions().stop_session(stop).await.expect("stopped").into_inner()
    }
}
