//! New certificates under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use prost::Message as _;
use tokio::time::timeout;
use wagroups::pb;

use super::secured::{Secured, make_group};
use crate::harness::service::{PATIENCE, eventually};

/// The certificate that a new connection is shown.
async fn shown(service: &Secured) -> Vec<u8> {
    let stream = service.client.stream(service.grpc(), &["h2"]).await.expect("a handshake");
    let certificates = stream.get_ref().1.peer_certificates().expect("a certificate");
    certificates[0].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_costs_no_call_and_no_stream() {
    let service = Arc::new(Secured::start().await);
    let groups = service.client.groups(service.grpc()).await;
    make_group(&groups, "before").await;
    let watch = pb::WatchGroupEventsRequest::default();
    let mut watch = groups.clone().watch_group_events(watch).await.expect("a watch").into_inner();

    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = (0..4).map(|_| {
        let (service, stop, calls) = (service.clone(), stop.clone(), calls.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // A connection of its own each time.
                service.works(&service.client).await.expect("no call is lost");
                calls.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let load: Vec<_> = load.collect();
    let mut seen = shown(&service).await;
    for _ in 0..3 {
        service.authority.certify(&["localhost"]).write(service.dir.path(), "server");
        let renewed = eventually("the new one is shown", || async {
            let now = shown(&service).await;
            (now != seen).then_some(now)
        });
        seen = timeout(Duration::from_secs(5), renewed).await.expect("within 5 s");
    }
    let before = shown(&service).await;
    let files = service.dir.path().join("server.crt");
    std::fs::write(files, "-----BEGIN CERTIFICATE-----\nno\n").expect("written");
    let made = calls.load(Ordering::Relaxed);
    // Calls that begin in any case after the next look at the files.
    eventually("calls go on", || async {
        (calls.load(Ordering::Relaxed) > made + 50).then_some(())
    })
    .await;
    assert_eq!(shown(&service).await, before, "a broken one leaves the old one");
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no call is lost");
    }

    // The connections of before are there, with all that runs on them.
    let id = make_group(&groups, "after").await;
    let told = async {
        loop {
            let seen = watch.next().await.expect("an answer").expect("no error");
            let mut events =
                seen.events.iter().map(|event| pb::GroupEvent::decode(&**event).expect("an event"));
            if events.any(|event| event.group_id == id) {
                break;
            }
        }
    };
    timeout(PATIENCE, told).await.expect("the watch of before tells of it");
    let service = Arc::into_inner(service).expect("nobody else has it");
    service.server.stop().await;
}
