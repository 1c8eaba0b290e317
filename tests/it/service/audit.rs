//! One line in the log for each change that was asked for and for each refusal, and nothing private in any.
//!
//! The service runs on the test's own thread, so that the log is the test's own.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use prost_reflect::DescriptorPool;
use serde_json::{Value, json};
use tonic::Status;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use wagroups::config::ApiKey;
use wagroups::domain::auth::Role;
use wagroups::pb;
use wagroups::pb::relay_service_client::RelayServiceClient;

use super::keys::{ALL, SHOP, key, with_key, with_keys};
use super::refusals::calls::{self, CHANGES, PERSON, Target};
use crate::harness::service::{Service, http_client, reason};
use crate::rest::listening;

/// Nobody else's texts and numbers hold these.
const TEXT: &str = "Zaunkönig";
const NUMBER: &str = "+49 1577 0009911";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
        let subscriber = subscriber.with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
    }

    /// Whether anybody wants a line is decided once for each place in the code that writes one. If another test's thread
    /// meets the place first, while this log begins, that may be decided without this log: now it is decided anew.
    fn is_wanted(&self) {
        tracing::callsite::rebuild_interest_cache();
    }

    /// The lines of the audit so far.
    fn audited(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.filter(|line: &Value| line["target"] == "wagroups::audit").collect()
    }

    fn of(&self, rpc: &str) -> Vec<Value> {
        let mut lines = self.audited();
        lines.retain(|line| line["rpc"].as_str().is_some_and(|name| name.ends_with(rpc)));
        lines
    }
}

/// All RPCs of the contract that change something, but for those of the simulator.
fn mutations() -> BTreeSet<String> {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let services = contract.services().filter(|service| service.name() != "SimulatorService");
    let methods = services.flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods.into_iter().map(move |method| format!("{}/{}", service.full_name(), method.name()))
    });
    let reads = ["/Get", "/List", "/Count", "/Watch"];
    methods.filter(|name| !reads.iter().any(|read| name.contains(read))).collect()
}

fn said(ended: Result<(), Status>) -> String {
    ended.map_or_else(|status| reason(&status), |()| "OK".to_owned())
}

/// Calls each of them once; answers what came of it.
async fn call_all(service: &Service) -> Vec<(String, String)> {
    let mut ended = Vec::new();
    let (mut groups, mut sessions) = (service.groups(), service.sessions());
    let mut webhooks = service.webhooks();
    let mut relay = RelayServiceClient::new(service.channel.clone());
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        subject: TEXT.into(),
        description: TEXT.into(),
        participant_ids: vec![NUMBER.into(), PERSON.into()],
        ..Default::default()
    };
    let made = groups.create_group(create).await.expect("a group").into_inner();
    ended.push(("CreateGroup".to_owned(), "OK".to_owned()));
    let group_id = made.group.expect("a group").id;
    macro_rules! call {
        ($client:ident . $method:ident ($name:literal, $request:ident { $($field:ident: $value:expr),* $(,)? })) => {{
            #[allow(clippy::needless_update, reason = "some requests have no other fields")]
            let request = pb::$request { $($field: $value,)* ..Default::default() };
            let answer = $client.$method(request).await;
            ended.push(($name.to_owned(), said(answer.as_ref().map(drop).map_err(Clone::clone))));
            answer.map(tonic::Response::into_inner)
        }};
    }
    let session = || "default".to_owned();
    let _ =
        call!(groups.refresh_groups("RefreshGroups", RefreshGroupsRequest { session: session() }));
    let link = "https://chat.whatsapp.com/ZaunkonigAAAAAAAAAAAAA".to_owned();
    let by_link = Some(pb::join_group_request::Invite::InviteCode(link));
    let _ = call!(
        groups.join_group("JoinGroup", JoinGroupRequest { session: session(), invite: by_link })
    );
    // Leaving comes last.
    for rpc in CHANGES
        .iter()
        .rev()
        .filter(|rpc| **rpc != "LeaveGroup")
        .chain(&["DeleteGroup", "LeaveGroup"])
    {
        let target = Target::new("default", &group_id);
        ended.push(((*rpc).to_owned(), said(calls::call(service, rpc, &target).await)));
    }
    let own = pb::SimulatorConfig { phone_number: NUMBER.into() };
    let another = || "another".to_owned();
    let metadata = [("note".to_owned(), TEXT.to_owned())];
    let _ = call!(sessions.create_session(
        "CreateSession",
        CreateSessionRequest {
            session: another(),
            config: Some(pb::create_session_request::Config::Simulator(own)),
        }
    ));
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let _ = call!(sessions.update_session(
        "UpdateSession",
        UpdateSessionRequest {
            session: another(),
            metadata: metadata.into_iter().collect(),
            update_mask: mask("metadata"),
        }
    ));
    let _ = call!(sessions.request_pairing_code(
        "RequestPairingCode",
        RequestPairingCodeRequest { session: another(), phone_number: NUMBER.into() }
    ));
    let _ = call!(sessions.stop_session("StopSession", StopSessionRequest { session: another() }));
    let _ =
        call!(sessions.start_session("StartSession", StartSessionRequest { session: another() }));
    let _ = call!(
        sessions.logout_session("LogoutSession", LogoutSessionRequest { session: another() })
    );
    let _ = call!(
        sessions.delete_session("DeleteSession", DeleteSessionRequest { session: another() })
    );
    let made = call!(webhooks.create_webhook(
        "CreateWebhook",
        CreateWebhookRequest {
            url: format!("http://127.0.0.1:9/{TEXT}"),
            hmac_key: TEXT.repeat(2),
            paused: true,
        }
    ));
    let id = made.expect("a webhook").webhook.expect("a webhook").id;
    let id = || id.clone();
    let _ = call!(webhooks.update_webhook(
        "UpdateWebhook",
        UpdateWebhookRequest {
            webhook_id: id(),
            update_mask: mask("url"),
            url: format!("http://127.0.0.1:9/{TEXT}/2"),
        }
    ));
    let _ = call!(webhooks.test_webhook("TestWebhook", TestWebhookRequest { webhook_id: id() }));
    let _ = call!(webhooks.replay_webhook(
        "ReplayWebhook",
        ReplayWebhookRequest {
            webhook_id: id(),
            start: Some(pb::replay_webhook_request::Start::Earliest(pb::Earliest {})),
        }
    ));
    let _ = call!(relay.replay_relay(
        "ReplayRelay",
        ReplayRelayRequest { start: Some(pb::replay_relay_request::Start::Latest(pb::Latest {})) }
    ));
    let _ = call!(webhooks.pause_webhook("PauseWebhook", PauseWebhookRequest { webhook_id: id() }));
    let _ =
        call!(webhooks.resume_webhook("ResumeWebhook", ResumeWebhookRequest { webhook_id: id() }));
    let _ =
        call!(webhooks.delete_webhook("DeleteWebhook", DeleteWebhookRequest { webhook_id: id() }));
    ended
}

#[tokio::test(flavor = "current_thread")]
async fn each_mutation_leaves_one_line_and_nothing_private_in_it() {
    let (log, _capturing) = Log::capture();
    let service = Service::on_sqlite_with(|settings| {
        settings.webhooks.allow_private_addresses = true;
        settings.rest.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    service.until_compared("default").await;
    log.is_wanted();
    let begun = log.audited().len();
    let ended = call_all(&service).await;
    let lines = log.audited().split_off(begun);
    let names: BTreeSet<String> =
        lines.iter().map(|line| line["rpc"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names, mutations(), "all that there are");
    let said: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            let text = |field: &str| line[field].as_str().expect("a text").to_owned();
            assert_eq!(line["level"], "INFO");
            assert!(line["duration_ms"].is_u64() && !text("request.id").is_empty(), "{line}");
            let rpc = text("rpc");
            let is_of_session = !rpc.contains("WebhooksService") && !rpc.contains("RelayService");
            assert_eq!(line["session"].is_string(), is_of_session, "{line}");
            (rpc.rsplit('/').next().unwrap_or_default().to_owned(), text("outcome"))
        })
        .collect();
    assert_eq!(said, ended, "one line for each, in their order");

    // The same over REST.
    let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("it");
    let body = json!({ "name": TEXT, "participants": [{ "id": "4915770009911@c.us" }] });
    let url = format!("{}/api/default/groups", service.rest_url());
    let made = client.post(&url).json(&body).send().await.expect("an answer");
    assert_eq!(made.status(), 201);
    assert_eq!(client.get(&url).send().await.expect("an answer").status(), 200);
    let lines = log.of("/groups");
    assert_eq!(lines.len(), 1, "a read leaves none: {lines:?}");
    assert_eq!(lines[0]["rpc"], "POST /api/{session}/groups");
    assert_eq!((&lines[0]["session"], &lines[0]["outcome"]), (&json!("default"), &json!("OK")));

    // No line of the whole log tells what nobody but the caller may know.
    let person = PERSON.trim_start_matches('+');
    let text = log.text();
    for private in [TEXT, "Zaunk", "4915770009911", "1577 0009911", person, "Zaunkonig"] {
        let told: Vec<&str> = text.lines().filter(|line| line.contains(private)).collect();
        assert!(told.is_empty(), "{private}: {told:#?}");
    }
    for line in log.audited() {
        let line = line.to_string();
        assert!(!["@g.us", "@lid", "@c.us"].iter().any(|id| line.contains(id)), "{line}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_leaves_a_line_that_names_its_key() {
    let (log, _capturing) = Log::capture();
    let service = Service::on_sqlite_with(|settings| {
        with_keys(settings);
        settings.watch.max_watchers = 1;
    })
    .await;
    let count =
        |session: &str| pb::CountGroupsRequest { session: session.into(), ..Default::default() };
    let mut groups = service.groups();
    log.is_wanted();
    groups.count_groups(with_key(SHOP, count("default"))).await.expect_err("not its session");
    groups.count_groups(count("default")).await.expect_err("no key");
    let create = pb::CreateSessionRequest { session: "shop-1".into(), ..Default::default() };
    service.sessions().create_session(with_key(SHOP, create)).await.expect("a session");
    let watch = || with_key(ALL, pb::WatchGroupEventsRequest::default());
    let _held = groups.watch_group_events(watch()).await.expect("a watch");
    groups.watch_group_events(watch()).await.expect_err("one too many");
    let line = |line: &Value| {
        ["message", "key.name", "session", "outcome"].map(|field| line[field].clone())
    };
    let counted: Vec<_> = log.of("/CountGroups").iter().map(line).collect();
    let refused = json!("refused");
    assert_eq!(
        counted,
        [
            [refused.clone(), json!("shop"), json!("default"), json!("PERMISSION_DENIED")],
            [refused.clone(), Value::Null, Value::Null, json!("UNAUTHENTICATED")],
        ]
    );
    let created = log.of("/CreateSession");
    let created = line(created.last().expect("a line"));
    assert_eq!(created, [json!("mutation"), json!("shop"), json!("shop-1"), json!("OK")]);
    let watched: Vec<_> = log.of("/WatchGroupEvents").iter().map(line).collect();
    assert_eq!(watched, [[refused, json!("all"), Value::Null, json!("TOO_MANY_WATCHERS")]]);
    for key in [ALL, SHOP] {
        assert!(!log.text().contains(key), "keys are told nobody");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_request_that_needs_a_higher_role_leaves_a_line_with_its_session_where_the_path_names_one()
 {
    let (log, _capturing) = Log::capture();
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.auth.keys = vec![ApiKey { role: Some(Role::Reader), ..key("shop", SHOP, "*") }];
    })
    .await;
    log.is_wanted();
    for path in ["/api/sessions/shop-1/stop", "/api/sessions/stop"] {
        let request = http_client().post(format!("{}{path}", service.rest_url()));
        let answer = request.header("x-api-key", SHOP).send().await.expect("an answer");
        assert_eq!(answer.status(), 403);
    }
    let sessions = ["POST /api/sessions/{session}/stop", "POST /api/sessions/stop"]
        .map(|route| log.of(route).iter().map(|line| line["session"].clone()).collect::<Vec<_>>());
    assert_eq!(sessions, [[json!("shop-1")], [Value::Null]]);
}
