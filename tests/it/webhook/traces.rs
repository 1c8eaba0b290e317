//! The trace of a webhook, in the events that it causes.

use wagroups::domain::clock::Clock as _;
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::sender::{self, Sender};
use super::told_on_each_database;
use crate::harness::service::Service;
use crate::harness::trace::{TRACEPARENT, TRACESTATE, trace_of};

const SECRET: &str = "the secret of all traces";
const GROUP: &str = "120363000000000001@g.us";

told_on_each_database!(what_a_webhook_tells_is_in_the_trace_that_it_came_with);

async fn what_a_webhook_tells_is_in_the_trace_that_it_came_with(service: Service) {
    service.create_waha_session("phone", SECRET).await;
    let sender = Sender::new(&service.webhook_url(), SECRET);
    let now = SystemClock.now().as_millis();
    let traced = [("traceparent", TRACEPARENT), ("tracestate", TRACESTATE)];
    let cases = [
        (&traced[..], (TRACEPARENT, TRACESTATE)),
        (&[], ("", "")),
        (&[("traceparent", "nonsense")], ("", "")),
    ];
    for (number, (headers, wanted)) in (1..).zip(cases) {
        let time = now + i64::try_from(number).expect("a few");
        let payload = sender::subject(GROUP, &format!("Subject {number}"), time);
        let id = sender::event_id(number);
        let event = sender::event("phone", &id, time, "group.v2.update", payload).to_string();
        let answer = sender.deliver_with("phone", event, headers).await.expect("an answer");
        assert_eq!(answer.said(), (200, "accepted"));
        let log = service.log("phone").await;
        let event = log.last().expect("an event");
        assert_eq!(log.len() as u64, number);
        assert_eq!(trace_of(event), wanted);
        assert_eq!((event.origin(), &*event.key_name), (pb::Origin::Engine, ""));
    }
}
