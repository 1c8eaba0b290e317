//! REST, WAHA's webhooks and streams of sessions at a replica that does not act.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::timeout;
use wagroups::config::Settings;
use wagroups::domain::clock::Clock as _;
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::replicas::{Replica, Replicas, event as event_of};
use crate::harness::service::{Service, eventually};
use crate::harness::trace::{OTHER_TRACEPARENT, TRACEPARENT, TRACESTATE, trace_of, traced};
use crate::rest::socket::Socket;
use crate::waha::scene::set_servers;
use crate::waha_server::{Options, WahaServer, Whatsapp};
use crate::webhook::sender::{self, Sender};

const SECRET: &str = "7777777777777777777777777777777777777777777777777777777777777777";

fn client() -> Client {
    let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
    Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
}

fn with_all_listeners(settings: &mut Settings) {
    settings.rest.listen = "127.0.0.1:0".parse().ok();
    settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
}

#[tokio::test]
async fn waha_s_paths_work_at_any_replica_and_show_there_what_was_changed_there() {
    let Some(replicas) = Replicas::start(2, with_all_listeners).await else { return };
    let client = client();
    for replica in &replicas.running {
        let base = format!("http://{}/api/shop/groups", replica.server.rest_addr().expect("REST"));
        let body = json!({ "name": "Crew", "participants": [{ "id": "4915100000001@c.us" }] });
        let made = client.post(&base).json(&body).send().await.expect("an answer");
        let (status, made) = (made.status(), made.json::<Value>().await.expect("JSON"));
        assert_eq!(status, 201, "{made}");
        let id = made["id"].clone();
        let id = id.as_str().expect("an id").to_owned();
        let subject = json!({ "subject": "Renamed" });
        let changed = client.put(format!("{base}/{id}/subject")).json(&subject).send().await;
        assert!(changed.expect("an answer").status().is_success());
        let got = client.get(format!("{base}/{id}")).send().await.expect("an answer");
        assert_eq!(got.json::<Value>().await.expect("a group")["subject"], "Renamed");
        // A refusal of the owner's is one of this replica's.
        let refused = client.put(format!("{base}/{id}/subject")).json(&json!({})).send().await;
        assert_eq!(refused.expect("an answer").status(), 400);
        let unknown = client.get(format!("{base}/120363000000000099@g.us")).send().await;
        assert_eq!(unknown.expect("an answer").status(), 500, "as WAHA answers it");
    }
    replicas.stop().await;
}

#[tokio::test]
async fn webhooks_of_waha_are_taken_by_any_replica_and_written_by_the_owner() {
    let Some(replicas) = Replicas::start(2, with_all_listeners).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let waha = pb::WahaConfig { webhook_secret: SECRET.into(), ..Default::default() };
    let request = pb::CreateSessionRequest {
        session: "phone".into(),
        config: Some(pb::create_session_request::Config::Waha(waha)),
        ..Default::default()
    };
    owner.sessions().create_session(request).await.expect("a session");
    let door = follower.server.waha_ingress_addr().expect("a door");
    let sender = Sender::new(&format!("http://{door}"), SECRET);
    let time = SystemClock.now().as_millis();
    let joined = sender::members("120363000000000001@g.us", "join", &["4915100000002@c.us"], time);
    let event = sender::event("phone", &sender::event_id(1), time, "group.v2.participants", joined);
    let post = async || {
        let traced = [("traceparent", TRACEPARENT)];
        let answer = sender.deliver_with("phone", event.to_string(), &traced).await;
        let answer = answer.expect("an answer");
        (answer.status, answer.body)
    };
    let outcome = eventually("the follower knows the session", || async {
        let (status, body) = post().await;
        (status == 200).then_some(body)
    });
    assert_eq!(outcome.await["outcome"], "accepted");
    assert_eq!(post().await.1["outcome"], "duplicate", "the owner knows what it has");
    let stranger = sender.with_secret("another secret, which is long enough");
    assert_eq!(stranger.post("phone", event.to_string()).await.0, 401);
    for replica in [owner, follower] {
        eventually("its event is in the log", || async {
            let list = pb::ListGroupEventsRequest { session: "phone".into(), ..Default::default() };
            let list = replica.groups().list_group_events(list).await.ok()?.into_inner();
            let first = list.events.first().map(event_of)?;
            assert_eq!(trace_of(&first), (TRACEPARENT, ""), "it was handed on with its trace");
            Some(())
        })
        .await;
    }
    replicas.stop().await;
}

#[tokio::test]
async fn what_waha_servers_tell_beside_groups_reaches_the_sockets_of_every_replica() {
    let whatsapp = Whatsapp::new().await;
    let waha = WahaServer::start(&whatsapp, Options::default()).await;
    waha.add_session("phone").await;
    let with_waha = |settings: &mut Settings| {
        with_all_listeners(settings);
        set_servers(settings, std::slice::from_ref(&waha), 10);
    };
    let Some(replicas) = Replicas::start(3, with_waha).await else { return };
    let config = pb::WahaConfig { server: "waha-00".into(), ..Default::default() };
    let request = pb::CreateSessionRequest {
        session: "phone".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    replicas.running[0].sessions().create_session(request).await.expect("a session");
    let mut sockets = Vec::new();
    for replica in &replicas.running {
        let addr = replica.server.rest_addr().expect("REST");
        sockets.push(Socket::at(addr, "session=phone&events=message,session.status").await);
    }
    let message = |number: usize| {
        json!({ "id": format!("evt_{number}"), "timestamp": 1_795_971_681_317_i64, "event": "message",
                "session": "phone", "payload": { "number": number } })
        .to_string()
    };
    // Until it reaches all: the streams open one after another.
    let mut sent = 0;
    for socket in &mut sockets {
        let mut tries = 0;
        loop {
            sent += 1;
            waha.send_frame("phone", "message", &message(sent));
            if timeout(Duration::from_millis(200), socket.text()).await.is_ok() {
                break;
            }
            tries += 1;
            assert!(tries < 100, "no message is passed on");
        }
    }
    sent += 1;
    waha.send_frame("phone", "message", &message(sent));
    for socket in &mut sockets {
        while socket.text().await != message(sent) {}
    }
    // What the owner tells itself.
    let stop = pb::StopSessionRequest { session: "phone".into() };
    replicas.running[2].sessions().stop_session(stop).await.expect("stopped");
    for socket in &mut sockets {
        let told = socket.event().await;
        assert_eq!(
            (&told["event"], &told["payload"]["status"]),
            (&json!("session.status"), &json!("STOPPED")),
            "{told}"
        );
    }
    replicas.stop().await;
}

#[tokio::test]
async fn a_call_that_is_handed_on_stays_in_the_trace_of_its_caller() {
    let Some(replicas) = Replicas::start(2, with_all_listeners).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let create = pb::CreateGroupRequest {
        session: "shop".into(),
        subject: "Team".into(),
        ..Default::default()
    };
    let create = traced(create, TRACEPARENT, TRACESTATE);
    let made = follower.groups().create_group(create).await.expect("made").into_inner();
    let id = made.group.expect("a group").id;
    let rest = follower.server.rest_addr().expect("REST");
    let renamed = client()
        .put(format!("http://{rest}/api/shop/groups/{id}/subject"))
        .header("traceparent", OTHER_TRACEPARENT)
        .json(&json!({ "subject": "Crew" }))
        .send()
        .await;
    assert!(renamed.expect("an answer").status().is_success());
    for replica in [owner, follower] {
        let log = eventually("both events are in the log", || async {
            let list = pb::ListGroupEventsRequest {
                session: "shop".into(),
                order: pb::EventOrder::OldestFirst.into(),
                ..Default::default()
            };
            let list = replica.groups().list_group_events(list).await.ok()?.into_inner();
            let events: Vec<_> = list.events.iter().map(event_of).collect();
            (events.len() == 2).then_some(events)
        });
        let wanted = [(TRACEPARENT, TRACESTATE), (OTHER_TRACEPARENT, "")];
        assert_eq!(log.await.iter().map(trace_of).collect::<Vec<_>>(), wanted);
    }
    replicas.stop().await;
}

#[tokio::test]
async fn a_session_is_watched_through_a_follower() {
    let Some(replicas) = Replicas::start(2, |_| ()).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let watch = pb::WatchSessionRequest { session: "shop".into() };
    let mut seen = follower.sessions().watch_session(watch).await.expect("a stream").into_inner();
    let stop = pb::StopSessionRequest { session: "shop".into() };
    owner.sessions().stop_session(stop).await.expect("stopped");
    loop {
        let state = seen.next().await.expect("a state").expect("no error");
        if state.session.expect("a session").status() == pb::SessionStatus::Stopped {
            break;
        }
    }
    drop(seen);
    replicas.stop().await;
}

#[tokio::test]
async fn a_process_of_before_is_fenced_and_its_log_goes_on() {
    let Some(alone) = Service::on_postgres().await else { return };
    let request = |subject: &str| pb::CreateGroupRequest {
        session: "default".into(),
        subject: subject.into(),
        ..Default::default()
    };
    let made = alone.groups().create_group(request("before")).await.expect("made").into_inner();
    let replica = Replica::start(alone.database_url(), |_| ()).await;
    eventually("it takes over", || async { replica.acts().then_some(()) }).await;
    let next = eventually("and acts", || async {
        replica.groups().create_group(request("after")).await.ok()
    });
    assert!(next.await.into_inner().sequence > made.sequence, "the sequence goes on");
    let refused = alone.groups().create_group(request("too late")).await;
    assert!(refused.is_err(), "who was replaced writes nothing: {refused:?}");
    let count = pb::CountGroupsRequest { session: "default".into(), ..Default::default() };
    let counted = replica.groups().count_groups(count).await.expect("counted").into_inner();
    assert_eq!(counted.count, 2);
    replica.server.stop().await;
}

#[tokio::test]
async fn each_replica_tells_of_all_of_them() {
    let Some(mut replicas) = Replicas::start(2, with_all_listeners).await else { return };
    let client = client();
    let read = async |replica: &Replica| {
        let rest = replica.server.rest_addr().expect("REST");
        let asked = client.get(format!("http://{rest}/api/server/replicas")).send().await;
        asked.expect("an answer").json::<Value>().await.expect("JSON")
    };
    for (place, replica) in replicas.running.iter().enumerate() {
        let found = eventually("both are seen", || async {
            let found = read(replica).await;
            (found["replicas"].as_array()?.len() == 2).then_some(found)
        })
        .await;
        let all = found["replicas"].as_array().expect("replicas");
        let own = all.iter().find(|each| each["isSelf"] == true).expect("itself");
        assert_eq!(own["role"], if place == 0 { "owner" } else { "follower" });
        assert!(all.iter().all(|each| each["state"] == "alive"), "{found}");
        assert_eq!(all.iter().filter(|each| each["role"] == "owner").count(), 1, "{found}");
    }
    let owner = replicas.running.remove(0);
    owner.server.stop().await;
    let heir = &replicas.running[0];
    eventually("the other one acts", || async {
        let found = read(heir).await;
        let [only] = &found["replicas"].as_array()?[..] else { return None };
        (only["role"] == "owner").then_some(())
    })
    .await;
    replicas.stop().await;

    let alone = Service::on_sqlite_with(with_all_listeners).await;
    let found = client.get(format!("{}/api/server/replicas", alone.rest_url())).send().await;
    let found: Value = found.expect("an answer").json().await.expect("JSON");
    assert_eq!(found, json!({ "epoch": 0, "replicas": [] }));
}
