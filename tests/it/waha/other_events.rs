//! What a server tells beside groups: passed on as it came, to who asked and may see it, and never into the log.

use serde_json::json;
use wagroups::config::Settings;
use wagroups::domain::clock::Clock as _;
use wagroups::{pb, telemetry};

use super::passing::renamed;
use super::scene::{Scene, is_dense};
use crate::harness::service::eventually;
use crate::hooks::receiver::{Answer, Post, Receiver};
use crate::hooks::{posting, to};
use crate::rest::listening;
use crate::rest::socket::Socket;
use crate::service::keys::{key, with_key};
use crate::waha_server::Options;
use crate::webhook::sender::Sender;

const ANNA: &str = "4915120000001@c.us";
/// Frames of WAHA's own code.
const RECORDED: &str = include_str!("recorded/noweb-messages-2026.8.2.jsonl");

fn settings(settings: &mut Settings) {
    listening(settings);
    posting(settings);
}

/// A session `shop` that is called `remote-shop` at its server.
async fn scene() -> Scene {
    let scene = Scene::with(vec![Options::default()], settings).await;
    renamed(&scene).await;
    scene.service.until_compared("shop").await;
    scene
}

/// A recorded frame of this event, as a session's server sends it.
fn recorded(event: &str, session: &str) -> String {
    let is_it = |frame: &&str| frame.contains(&format!(r#""event":"{event}""#));
    let frame = RECORDED.lines().find(is_it).expect("a recorded frame");
    frame.replacen(r#""session":"default""#, &format!(r#""session":"{session}""#), 1)
}

/// As WAHA's documents have it; none was recorded.
fn presence(session: &str, number: usize) -> String {
    let payload = json!({ "id": "4915120000001@c.us", "presences": [
        { "participant": "4915120000001@c.us", "lastKnownPresence": "typing", "lastSeen": null },
    ] });
    json!({
        "id": format!("evt_{number}"), "timestamp": 1_795_971_681_317_i64, "event": "presence.update",
        "session": session, "me": { "id": "4915550000001@c.us" }, "payload": payload,
        "environment": { "version": "2026.9.2" },
    })
    .to_string()
}

fn message(session: &str, number: usize, bytes: usize) -> String {
    json!({
        "id": format!("evt_{number}"), "timestamp": 1_795_971_681_317_i64, "event": "message",
        "session": session, "payload": { "number": number, "body": "x".repeat(bytes) },
    })
    .to_string()
}

/// A frame that the session's server sends.
fn send(scene: &Scene, event: &str, frame: &str) {
    scene.server().send_frame("remote-shop", event, frame);
}

/// The server is followed by so many streams.
async fn streams(scene: &Scene, count: usize) {
    eventually("the server is followed", || async {
        (scene.server().websocket_count() == count).then_some(())
    })
    .await;
}

/// A stream of other events is open, and asks for these.
async fn until_asked(scene: &Scene, names: &[&str]) {
    streams(scene, 2).await;
    eventually("the stream asks for what is wanted", || async {
        let requests = scene.server().requests();
        let last = requests.iter().rev().find(|request| {
            request.path == "/ws" && !request.query.iter().any(|(_, name)| name == "session.status")
        })?;
        let events = last.query.iter().filter(|(name, _)| name == "events");
        let events: Vec<&str> = events.map(|(_, event)| event.as_str()).collect();
        (events == names).then_some(())
    })
    .await;
    streams(scene, 2).await;
}

fn passing_on(receiver: &Receiver, names: &[&str]) -> pb::CreateWebhookRequest {
    let passed_on_events = names.iter().map(|name| (*name).to_owned()).collect();
    pb::CreateWebhookRequest { passed_on_events, ..to(receiver) }
}

fn counted(outcome: &str) -> u64 {
    let metrics = telemetry::install().expect("metrics").render();
    let line = format!(r#"wagroups_passed_on_events_total{{outcome="{outcome}"}} "#);
    let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
    count.map_or(0, |count| count.parse().expect("a number"))
}

/// Each opening costs those who are there what is told meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_wishes_open_the_stream_anew_once_and_not_each_time() {
    let scene = scene().await;
    let _first = Socket::open(&scene.service, "events=message").await;
    until_asked(&scene, &["message"]).await;
    let _second = Socket::open(&scene.service, "events=x0").await;
    until_asked(&scene, &["*", "message", "x0"]).await;
    let openings = || scene.server().requests().iter().filter(|one| one.path == "/ws").count();
    let before = openings();
    let mut others = Vec::new();
    for number in 1..20 {
        others.push(Socket::open(&scene.service, &format!("events=x{number}")).await);
    }
    send(&scene, "x19", &presence("remote-shop", 1).replace("presence.update", "x19"));
    others.last_mut().expect("a socket").event().await;
    assert_eq!(openings(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_and_presence_come_as_they_came_under_the_sessions_name_here() {
    let scene = scene().await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let before = scene.service.log("shop").await.len();
    assert_eq!(scene.server().websocket_count(), 1, "nobody wants to know");

    let mut all = Socket::open(&scene.service, "").await;
    let mut named = Socket::open(&scene.service, "session=shop&events=presence.update").await;
    let mut of_groups = Socket::open(&scene.service, "events=group.v2.update").await;
    let mut of_another = Socket::open(&scene.service, "session=default").await;
    let (asking, silent) = (Receiver::start().await, Receiver::start().await);
    let asking_id =
        scene.service.create_webhook(passing_on(&asking, &["message", "message.any"])).await.id;
    scene.service.create_webhook(to(&silent)).await;
    for socket in [&mut all, &mut named, &mut of_groups, &mut of_another] {
        socket.is_told_nothing().await;
    }
    until_asked(&scene, &["*"]).await;

    for event in ["message", "message.any"] {
        send(&scene, event, &recorded(event, "remote-shop"));
        assert_eq!(all.text().await, recorded(event, "shop"));
    }
    send(&scene, "presence.update", &presence("remote-shop", 1));
    for socket in [&mut all, &mut named] {
        assert_eq!(socket.text().await, presence("shop", 1));
    }
    // Of sessions that are not here, and of names that mean nothing, nobody is told.
    scene.server().send_frame("stranger", "message", &recorded("message", "stranger"));
    send(&scene, "message", &recorded("message", "shop"));
    send(&scene, "message", "no event at all");
    // Groups are ours, whoever tells of them.
    let joined = json!({ "id": "evt_9", "event": "group.v2.join", "session": "remote-shop" });
    send(&scene, "group.v2.join", &joined.to_string());
    scene.others_rename(ANNA, &group_id, "Crew").await;
    for socket in [&mut all, &mut of_groups] {
        let renamed = socket.event().await;
        assert_eq!(renamed["payload"]["group"]["subject"], "Crew", "{renamed}");
        assert!(renamed["payload"]["_data"]["sequence"].is_u64(), "{renamed}");
    }
    for socket in [&mut all, &mut named, &mut of_groups, &mut of_another] {
        socket.is_told_nothing().await;
    }

    let posts = asking.until_taken(3).await;
    let other: Vec<&Post> = posts.iter().filter(|post| post.sequence() == 0).collect();
    assert_eq!(other.len(), 2);
    for (post, event) in other.into_iter().zip(["message", "message.any"]) {
        assert_eq!(post.raw, recorded(event, "shop"));
        assert_eq!(post.header("x-webhook-timestamp"), "1795971681317");
        assert_eq!(post.header("x-webhook-request-id").len(), 32);
        assert_eq!(post.header("content-type"), "application/json");
        assert!(post.headers.contains_key("x-webhook-hmac"), "the receiver has verified it");
    }
    let told = scene.service.until_delivered(&asking_id).await;
    assert_eq!(told.delivered_count, 1, "of the log");
    assert_eq!(silent.until_taken(1).await.len(), 1);
    assert_eq!(silent.posts()[0].text("/event"), "group.v2.update");

    let log = scene.service.log("shop").await;
    is_dense(&log);
    assert_eq!(log.len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_told_of_its_own_sessions_alone() {
    let scene = Scene::with(vec![Options::default()], |into| {
        settings(into);
        into.auth.keys = vec![key("all", "wag_all", "*"), key("panel", "wag_panel", "panel-*")];
    })
    .await;
    scene.server().add_session("remote-shop").await;
    let config = pb::WahaConfig {
        server: "waha-00".into(),
        remote_session: "remote-shop".into(),
        ..Default::default()
    };
    let create = pb::CreateSessionRequest {
        session: "shop".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    scene.service.sessions().create_session(with_key("wag_all", create)).await.expect("a session");
    let mut seeing = Socket::open(&scene.service, "x-api-key=wag_all").await;
    let mut blind = Socket::open(&scene.service, "x-api-key=wag_panel&events=*").await;
    let receiver = Receiver::start().await;
    let request = with_key("wag_panel", passing_on(&receiver, &["*"]));
    scene.service.webhooks().create_webhook(request).await.expect("a webhook");
    seeing.is_told_nothing().await;
    blind.is_told_nothing().await;
    until_asked(&scene, &["*"]).await;
    eventually("the session works", || async {
        let get = pb::GetSessionRequest { session: "shop".into() };
        let got = scene.service.sessions().get_session(with_key("wag_all", get)).await;
        let session = got.expect("the session").into_inner().session.expect("a session");
        (session.status() == pb::SessionStatus::Working).then_some(())
    })
    .await;
    send(&scene, "message", &recorded("message", "remote-shop"));
    assert_eq!(seeing.text().await, recorded("message", "shop"));
    blind.is_told_nothing().await;
    assert_eq!(receiver.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_loses_what_is_passed_on_and_no_event_of_groups() {
    const MESSAGES: usize = 600;
    const SUBJECTS: usize = 20;
    let scene = scene().await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let mut slow = Socket::open(&scene.service, "").await;
    slow.is_told_nothing().await;
    until_asked(&scene, &["*"]).await;
    let lost = counted("lost");
    for round in 0..SUBJECTS {
        for number in 0..MESSAGES / SUBJECTS {
            // What the kernels on both sides hold is some megabytes.
            send(&scene, "message", &message("remote-shop", number, 64 << 10));
        }
        scene.others_rename(ANNA, &group_id, &format!("Subject {round}")).await;
    }
    eventually("something is lost", || async { (counted("lost") > lost).then_some(()) }).await;
    scene.until_subject("shop", &group_id, &format!("Subject {}", SUBJECTS - 1)).await;
    let log = scene.service.log("shop").await;
    is_dense(&log);
    let (mut messages, mut sequences) = (0, vec![1]);
    while sequences.len() < log.len() {
        let event = slow.event().await;
        match event["event"].as_str() {
            Some("message") => messages += 1,
            Some(_) => sequences.extend(event["payload"]["_data"]["sequence"].as_i64()),
            None => panic!("{event}"),
        }
    }
    assert!(log.iter().map(|event| event.sequence).eq(sequences.iter().copied()), "{sequences:?}");
    assert!(messages < MESSAGES, "{messages}");
    // Who keeps up again is told again.
    let last = message("remote-shop", MESSAGES, 1);
    let sending = eventually("it is told again", || async {
        send(&scene, "message", &last);
        None::<()>
    });
    let told = async { while slow.text().await != message("shop", MESSAGES, 1) {} };
    tokio::select! {
        () = told => {}
        () = sending => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_dropped_counted_and_in_nobodys_way() {
    let scene = scene().await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let mut socket = Socket::open(&scene.service, "events=message,group.v2.update").await;
    socket.is_told_nothing().await;
    until_asked(&scene, &["message"]).await;
    let before = counted("too_large");
    send(&scene, "message", &message("remote-shop", 1, 1 << 20));
    send(&scene, "message", &message("remote-shop", 2, 1 << 19));
    assert_eq!(socket.text().await, message("shop", 2, 1 << 19));
    assert!(counted("too_large") > before);
    // More than a frame may have ends the stream of these events, and no other.
    send(&scene, "message", &message("remote-shop", 3, 9 << 20));
    scene.others_rename(ANNA, &group_id, "Crew").await;
    assert_eq!(socket.event().await["payload"]["group"]["subject"], "Crew");
    streams(&scene, 2).await;
    let opened = |request: &&crate::waha_server::Recorded| request.path == "/ws";
    eventually("it is opened anew", || async {
        let requests = scene.server().requests();
        (requests.iter().filter(opened).count() == 3).then_some(())
    })
    .await;
    streams(&scene, 2).await;
    send(&scene, "message", &message("remote-shop", 4, 10));
    assert_eq!(socket.text().await, message("shop", 4, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_asked_for_what_is_wanted_and_for_more_when_more_is() {
    let scene = scene().await;
    let mut first = Socket::open(&scene.service, "events=message").await;
    until_asked(&scene, &["message"]).await;
    let mut second = Socket::open(&scene.service, "events=presence.update,engine.event").await;
    until_asked(&scene, &["*", "engine.event", "message", "presence.update"]).await;
    for event in ["presence.update", "engine.event", "message"] {
        let frame = json!({ "id": "evt_1", "event": event, "session": "remote-shop" }).to_string();
        send(&scene, event, &frame);
    }
    assert_eq!(first.event().await["event"], "message");
    assert_eq!(second.event().await["event"], "presence.update");
    assert_eq!(second.event().await["event"], "engine.event");
    first.is_told_nothing().await;
    second.is_told_nothing().await;
    // Where less is wanted, the stream stays as it is.
    drop(second);
    let frame = json!({ "id": "evt_2", "event": "message", "session": "remote-shop" }).to_string();
    send(&scene, "message", &frame);
    assert_eq!(first.event().await["id"], "evt_2");
    // The server may hang up.
    scene.server().drop_websockets();
    streams(&scene, 2).await;
    send(&scene, "message", &frame);
    assert_eq!(first.event().await["id"], "evt_2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_takes_no_messages_is_told_of_groups_all_the_same() {
    let scene = scene().await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let receiver = Receiver::start().await;
    let is_message = |post: &Post| post.text("/event") == "message";
    receiver.answer(move |post| match post.text("/event") {
        "message" => Answer::Hang,
        "presence.update" => Answer::Status(503),
        _ => Answer::Status(200),
    });
    let webhook = scene.service.create_webhook(passing_on(&receiver, &["*"])).await;
    assert_eq!(webhook.passed_on_events, ["*"]);
    until_asked(&scene, &["*"]).await;
    send(&scene, "presence.update", &presence("remote-shop", 1));
    for number in 0..20 {
        send(&scene, "message", &message("remote-shop", number, 10));
    }
    let posts = eventually("it is tried three times, then the next one is out", || async {
        let posts = receiver.posts();
        posts.iter().any(is_message).then_some(posts)
    })
    .await;
    let tries: Vec<&Post> = posts.iter().filter(|post| !is_message(post)).collect();
    assert_eq!(tries.len(), 3);
    let id = tries[0].header("x-webhook-request-id");
    assert!(tries.iter().all(|post| post.header("x-webhook-request-id") == id));
    for round in 0..5 {
        scene.rename("shop", &group_id, &format!("Subject {round}")).await.expect("renamed");
    }
    assert_eq!(receiver.until_taken(5).await.len(), 5);
    let told = scene.service.until_delivered(&webhook.id).await;
    assert_eq!((told.state(), told.delivered_count), (pb::WebhookState::Active, 5));
    assert_eq!(
        receiver.posts().iter().filter(|post| is_message(post)).count(),
        1,
        "the first hangs"
    );

    // Paused, it is told nothing, and nothing of it later.
    let pause = pb::PauseWebhookRequest { webhook_id: webhook.id.clone() };
    scene.service.webhooks().pause_webhook(pause).await.expect("paused");
    let posted = receiver.posts().len();
    receiver.answer(|_| Answer::Status(200));
    let mut watcher = Socket::open(&scene.service, "events=message").await;
    watcher.is_told_nothing().await;
    send(&scene, "message", &message("remote-shop", 100, 10));
    assert_eq!(watcher.text().await, message("shop", 100, 10));
    scene.service.resume_webhook(&webhook.id).await;
    send(&scene, "message", &message("remote-shop", 101, 10));
    let posts = receiver.until_posted(posted + 1).await;
    assert_eq!(posts[posted].raw, message("shop", 101, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_webhooks_passes_on_what_they_tell() {
    let scene = Scene::with(vec![Options::default()], |into| {
        settings(into);
        into.waha_ingress.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let config = pb::WahaConfig {
        webhooks_only: true,
        webhook_secret: "secret of the shop".into(),
        remote_session: "default".into(),
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        session: "shop".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    scene.service.sessions().create_session(request).await.expect("a session");
    let mut socket = Socket::open(&scene.service, "session=shop&events=message").await;
    socket.is_told_nothing().await;
    let receiver = Receiver::start().await;
    scene.service.create_webhook(passing_on(&receiver, &["message"])).await;
    let sender = Sender::new(&scene.service.webhook_url(), "secret of the shop");
    // Events that are older than the log are refused.
    let now = telemetry::SystemClock.now().as_millis().to_string();
    let body = recorded("message", "default").replace("1795971681317", &now);
    let answer = sender.post("shop", body.clone()).await;
    assert_eq!(answer, (200, json!({ "outcome": "ignored" })));
    let wanted = body.replacen(r#""session":"default""#, r#""session":"shop""#, 1);
    assert_eq!(socket.text().await, wanted);
    assert_eq!(receiver.until_taken(1).await[0].raw, wanted);
    // Of another session of the server, or signed by somebody else.
    let stranger = body.replacen(r#""session":"default""#, r#""session":"other""#, 1);
    assert_eq!(sender.post("shop", stranger).await.0, 422);
    assert_eq!(sender.with_secret("another").post("shop", body).await.0, 401);
    socket.is_told_nothing().await;
    assert!(scene.service.log("shop").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_switches_it_off() {
    let scene = Scene::with(vec![Options::default()], |into| {
        settings(into);
        into.waha.pass_through = false;
    })
    .await;
    renamed(&scene).await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let mut socket = Socket::open(&scene.service, "").await;
    socket.is_told_nothing().await;
    scene.rename("shop", &group_id, "Crew").await.expect("renamed");
    assert_eq!(socket.event().await["event"], "group.v2.update");
    assert_eq!(scene.server().websocket_count(), 1);
}
