//! Two that publish: the one that acts, and one that does not know yet that it was replaced.

use std::sync::Arc;

use bytes::Bytes;
use wagroups::bus::{JetStream, Limits, Login, Options, Payload};
use wagroups::domain::event::{EventRecord, EventType};
use wagroups::domain::log_position::LogPosition;
use wagroups::domain::port::event_bus::{BusError, EventBus, Publication};
use wagroups::domain::relay::{LastPublished, RelayRun};
use wagroups::domain::token::{LogId, ResumeToken};
use wagroups::tls::Trust;

use super::nats::Nats;
use crate::repository::given::{NOW, event_id, name};

pub fn bus(url: &str) -> JetStream {
    let options = Options {
        servers: vec![url.parse().expect("an address")],
        login: Login::None,
        tls: Trust::default().client_config().expect("TLS"),
        stream: "WAGROUPS".to_owned(),
        subject_prefix: "wagroups.events".to_owned(),
        limits: Limits {
            replicas: 1,
            max_age: std::time::Duration::ZERO,
            max_bytes: 0,
            duplicate_window: std::time::Duration::from_secs(120),
        },
        payload: Payload::Protobuf,
    };
    JetStream::new(options)
}

fn event(session: &str, number: u32, event_type: EventType) -> Arc<EventRecord> {
    Arc::new(EventRecord {
        position: number.into(),
        id: event_id(),
        session: name(session),
        sequence: number.into(),
        group_id: None,
        event_type,
        record_time: NOW,
        wire: Bytes::from_static(b""),
    })
}

const FIRST: RelayRun = RelayRun { number: 0, repeats: false };

async fn publish(bus: &JetStream, event: &EventRecord, after: u64) -> Result<u64, BusError> {
    let token = ResumeToken { log_id: LogId([7; 7]), at: LogPosition::from(event) };
    let published = bus.publish(Publication { event, token, run: FIRST }, after).await;
    published.map(|acknowledged| acknowledged.number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_publisher_neither_reorders_nor_repeats() {
    let Some(nats) = Nats::start().await else { return };
    let (stale, heir) = (bus(&nats.url()), bus(&nats.url()));
    stale.make_ready().await.expect("ready");
    heir.make_ready().await.expect("ready");
    let shop = name("shop");
    assert_eq!(heir.last(&shop).await.expect("asked"), LastPublished::NOTHING);
    // Each of another type, so of another subject.
    let events = [
        event("shop", 1, EventType::Joined),
        event("shop", 2, EventType::Updated),
        event("shop", 3, EventType::Left),
        event("shop", 4, EventType::Joined),
    ];
    let other = publish(&heir, &event("desk", 9, EventType::Joined), 0).await.expect("taken");
    let first = publish(&stale, &events[0], 0).await.expect("taken");
    assert!(first > other);
    // It takes over, and asks what is there.
    let last = heir.last(&shop).await.expect("asked");
    assert_eq!(last.number, first);
    let is_past = |event: &EventRecord| last.is_past(LogId([7; 7]), FIRST, event);
    assert!(is_past(&events[0]) && !is_past(&events[1]));
    let second = publish(&heir, &events[1], first).await.expect("taken");
    let third = publish(&heir, &events[2], second).await.expect("taken");
    // What the stale one sends late comes too late, or is known.
    // Which of the two a server looks at first, its id or its place, is the server's affair.
    let again = publish(&stale, &events[1], first).await;
    assert!(again == Ok(second) || again == Err(BusError::Moved), "{again:?}");
    assert_eq!(publish(&stale, &events[3], first).await, Err(BusError::Moved));
    publish(&heir, &events[3], third).await.expect("taken");
    let messages = nats.messages().await;
    let of_shop = messages.iter().filter(|message| message.session() == "shop");
    assert_eq!(of_shop.map(|message| message.sequence()).collect::<Vec<_>>(), [1, 2, 3, 4]);
}
