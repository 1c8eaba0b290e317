//! Several servers before one WhatsApp, and what WhatsApp itself does wrong.

use std::time::Duration;

use serde_json::{Value, json};
use wagroups::domain::operation::OperationName;
use wagroups::engine::simulator::{Aim, CallFault, Defect, SnapshotFault, Uses};
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Rest, Socket, person, scene};
use crate::waha_server::{Options, WahaServer, Whatsapp};

#[tokio::test]
async fn sessions_of_different_servers_meet_in_one_whatsapp() {
    let whatsapp = Whatsapp::new().await;
    let gows = WahaServer::start(&whatsapp, Options::default()).await;
    let options = Options { engine: WahaEngine::Noweb, api_key: None, ..Options::default() };
    let noweb = WahaServer::start(&whatsapp, options).await;
    let (anna, ben) = (gows.add_session("default").await, noweb.add_session("default").await);
    assert_ne!(anna.id(), ben.id());
    let mut told = Socket::open(&noweb, "session=default").await;
    let body = json!({ "name": "Both", "participants": [{ "id": ben.id() }] });
    let made = Rest::new(&gows).call("POST", "/api/default/groups", body).await.json(201);
    let joined = told.event_of("group.v2.join").await;
    assert_eq!(joined["payload"]["group"]["id"], made["JID"]);
    assert_eq!(joined["engine"], json!("NOWEB"));
    let listed = Rest::new(&noweb).call("GET", "/api/default/groups", Value::Null).await;
    let id = made["JID"].as_str().expect("an id");
    assert_eq!(listed.json(200)[id]["subject"], json!("Both"));
    gows.assert_polite();
    noweb.assert_polite();
}

#[tokio::test]
async fn whatsapps_own_faults_come_through_in_the_engines_words() {
    for (engine, limited) in [
        (WahaEngine::Gows, "2 UNKNOWN: info query returned status 429: rate-overlimit"),
        (WahaEngine::Noweb, "rate-overlimit"),
    ] {
        let scene = scene(engine).await;
        let id = scene.group().await;
        let faults = scene.whatsapp.simulator().faults();
        let aim = |operation: OperationName| Aim {
            session: Some(scene.server.simulated("alice")),
            operations: vec![operation],
            uses: Uses::Times(1),
        };
        let limit = CallFault::RateLimit { backoff: Some(Duration::from_secs(7)) };
        faults.inject_call(aim(OperationName::AddParticipants), limit).expect("a fault");
        let body = super::people(&[person(2)]);
        let added = scene.post("alice", &format!("/{id}/participants/add"), body).await;
        added.threw(limited);
        let lie = SnapshotFault { defect: Defect::BlankGroups, percent: 100 };
        faults.inject_snapshots(aim(OperationName::FetchAll), lie).expect("a fault");
        let listed = scene.get("alice", "").await.json(200);
        let (shown, blank) = match engine {
            WahaEngine::Noweb => (&listed[id.as_str()]["creation"], Value::Null),
            _ => (&listed[0]["Name"], json!("")),
        };
        assert_eq!(*shown, blank, "{listed}");
    }
}

/// Before 2026.8.2. Nothing was done.
#[tokio::test]
async fn an_old_gows_hangs_at_an_empty_text() {
    let options = Options { version: "2026.8.1", ..Options::default() };
    let scene = super::scene_of(options).await;
    let id = scene.group().await;
    let path = format!("/{id}/description");
    let clear = scene.put("alice", &path, json!({ "description": "" }));
    assert!(tokio::time::timeout(Duration::from_millis(300), clear).await.is_err());
    let got = scene.get("alice", &format!("/{id}")).await.json(200);
    assert_eq!(got["Topic"], json!("Sundays"));
}
