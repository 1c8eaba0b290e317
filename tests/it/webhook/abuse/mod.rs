//! What strangers, and servers gone wrong, may do to the receiver: each is answered as documented, leaves
//! the log alone, and keeps nobody else out.

mod addresses;
mod bodies;
mod load;
mod raw;
mod signatures;
mod sizes;
mod slow;
mod times;

use bytes::Bytes;
use serde_json::Value;
use wagroups::domain::clock::Clock;
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::sender::{Answer, Sender, event, event_id, members};
use crate::harness::service::Service;

const SESSION: &str = "shop";
const SECRET: &str = "what shop and its WAHA server know";
const GROUP: &str = "120363000000000001@g.us";

/// A session with a group, and its log as it has to be.
struct Scene {
    service: Service,
    sender: Sender,
    log: Vec<pb::GroupEvent>,
    next: u64,
}

impl Scene {
    async fn on(service: Service) -> Self {
        service.create_waha_session(SESSION, SECRET).await;
        let sender = Sender::new(&service.webhook_url(), SECRET);
        let mut scene = Self { service, sender, log: Vec::new(), next: 0 };
        scene.goes_on("at first").await;
        scene
    }

    async fn on_sqlite() -> Self {
        Self::on_sqlite_with(|_| ()).await
    }

    async fn on_sqlite_with(change: impl FnOnce(&mut wagroups::config::WahaIngress)) -> Self {
        let service = Service::on_sqlite_with(|settings| {
            super::listening(settings);
            change(&mut settings.waha_ingress);
        });
        Self::on(service.await).await
    }

    async fn restart(&mut self) {
        self.service.restart().await;
        self.sender = Sender::new(&self.service.webhook_url(), SECRET);
    }

    fn url(&self) -> String {
        self.service.webhook_url()
    }

    /// The next number that nothing has had yet.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A webhook of this session, with an id of its own.
    fn event(&mut self, name: &str, payload: Value) -> Value {
        let id = event_id(self.number());
        event(SESSION, &id, now(), name, payload)
    }

    /// A webhook that is all right: someone who was never in the group joins it.
    fn good(&mut self) -> Value {
        let person = format!("{}@lid", 1_000_000 + self.number());
        self.event("group.v2.participants", members(GROUP, "join", &[&person], now()))
    }

    async fn post(&self, body: impl Into<Bytes>) -> Answer {
        self.sender.deliver(SESSION, body).await.expect("an answer")
    }

    /// It was answered like this, and nothing came of it.
    async fn check(&mut self, what: &str, answer: &Answer, wanted: (u16, &str)) {
        assert_eq!(answer.said(), wanted, "{what}: {}", answer.body);
        self.is_unharmed(what).await;
    }

    /// Nothing came of it, and the service takes the next webhook.
    async fn is_unharmed(&mut self, what: &str) {
        assert_eq!(self.service.log(SESSION).await, self.log, "{what}: the log is as before");
        self.goes_on(what).await;
    }

    async fn goes_on(&mut self, what: &str) {
        let good = self.good();
        let answer = self.post(good.to_string()).await;
        assert_eq!(answer.said(), (200, "accepted"), "{what}: the next one is taken");
        let before = std::mem::replace(&mut self.log, self.service.log(SESSION).await);
        assert_eq!(self.log.len(), before.len() + 1, "{what}: the next one is an event");
        assert_eq!(self.log[..before.len()], before, "{what}: what was logged stays");
    }
}

fn now() -> i64 {
    SystemClock.now().as_millis()
}
