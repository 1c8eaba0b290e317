//! Which server carries which session.

use wagroups::pb;
use wagroups::pb::update_session_request::Config;

use super::scene::{Scene, is_dense};
use crate::harness::service::{eventually, reason, violated_fields};
use crate::service::keys::{ALL, SHOP, with_key, with_keys};
use crate::waha_server::Options;

fn server_of(session: &pb::Session) -> String {
    match session.config.as_ref().expect("settings") {
        pb::session::Config::Waha(config) => config.server.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_session_takes_the_server_with_the_most_room() {
    let scene = Scene::holding(vec![Options::default(); 3], 2, |_| ()).await;
    let mut placed = Vec::new();
    for number in 0..6 {
        let session = scene.create(&format!("s{number}"), None).await.expect("room");
        placed.push(server_of(&session));
    }
    assert_eq!(placed, ["waha-00", "waha-01", "waha-02", "waha-00", "waha-01", "waha-02"]);
    let full = scene.create("one-too-many", None).await.expect_err("no room");
    assert_eq!(reason(&full), "SESSION_LIMIT_REACHED");
    let full = scene.create("here-neither", Some(1)).await.expect_err("no room");
    assert_eq!(reason(&full), "SESSION_LIMIT_REACHED");
    let unknown = scene.create("nowhere", Some(7)).await.expect_err("no such server");
    assert_eq!(violated_fields(&unknown), ["waha.server"]);

    let delete = pb::DeleteSessionRequest { session: "s4".into() };
    scene.service.sessions().delete_session(delete).await.expect("deleted");
    let session = scene.create("room-again", None).await.expect("room");
    assert_eq!(server_of(&session), "waha-01");

    let config = pb::WahaConfig { webhooks_only: true, ..Default::default() };
    let request = pb::CreateSessionRequest {
        session: "told".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    let told = scene.service.sessions().create_session(request).await.expect("needs no room");
    assert_eq!(server_of(&told.into_inner().session.expect("a session")), "");
}

/// Those that come at once are given as many places as there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_place_is_given_once() {
    let scene = Scene::holding(vec![Options::default(); 2], 2, |_| ()).await;
    let names: Vec<String> = (0..12).map(|number| format!("s{number}")).collect();
    let created =
        futures::future::join_all(names.iter().map(|name| scene.create(name, None))).await;
    let (placed, refused): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    let mut servers: Vec<String> =
        placed.into_iter().map(|session| server_of(&session.expect("placed"))).collect();
    servers.sort();
    assert_eq!(servers, ["waha-00", "waha-00", "waha-01", "waha-01"]);
    for refused in refused {
        assert_eq!(reason(&refused.expect_err("no room")), "SESSION_LIMIT_REACHED");
    }
}

/// Whoever is a session of a server reads its account's groups: one session here may be it, and its name there
/// must be one that the caller's key may use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_a_server_belongs_to_one_session_here() {
    let scene = Scene::with(vec![Options::default(); 2], |_| ()).await;
    scene.working("shop").await;
    let config = |server: &str| pb::WahaConfig {
        server: server.to_owned(),
        remote_session: "shop".into(),
        ..Default::default()
    };
    let create = |server: &str| pb::CreateSessionRequest {
        session: "other".into(),
        config: Some(pb::create_session_request::Config::Waha(config(server))),
        ..Default::default()
    };
    let mut sessions = scene.service.sessions();
    let refused = sessions.create_session(create("waha-00")).await.expect_err("it is shop's");
    assert_eq!(violated_fields(&refused), ["waha.remote_session"]);
    sessions.create_session(create("waha-01")).await.expect("another server's");
    let update = pb::UpdateSessionRequest {
        session: "other".into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["waha".into()] }),
        config: Some(Config::Waha(config("waha-00"))),
        ..Default::default()
    };
    let refused = sessions.update_session(update).await.expect_err("it is shop's");
    assert_eq!(violated_fields(&refused), ["waha.remote_session"]);
}

/// What somebody with more rights has set is kept by those with fewer; only a move is a claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_changes_the_secret_of_a_session_with_a_name_beyond_its_rights() {
    let scene = Scene::with(vec![Options::default()], with_keys).await;
    let mut sessions = scene.service.sessions();
    let config = |remote: &str, secret: &str| pb::WahaConfig {
        server: "waha-00".into(),
        remote_session: remote.into(),
        webhook_secret: secret.into(),
        ..Default::default()
    };
    let create = |name: &str| pb::CreateSessionRequest {
        session: name.into(),
        config: Some(pb::create_session_request::Config::Waha(config("acc7", ""))),
        ..Default::default()
    };
    let refused = sessions.create_session(with_key(SHOP, create("shop-1"))).await;
    assert_eq!(reason(&refused.expect_err("acc7 is not its own")), "PERMISSION_DENIED");
    sessions.create_session(with_key(ALL, create("shop-1"))).await.expect("created");
    let update = |remote: &str, path: &str| pb::UpdateSessionRequest {
        session: "shop-1".into(),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.into()] }),
        config: Some(Config::Waha(config(remote, "0123456789abcdef0123456789abcdef"))),
        ..Default::default()
    };
    let changed = sessions.update_session(with_key(SHOP, update("", "waha.webhook_secret"))).await;
    assert!(changed.expect("it stays where it is").into_inner().changed);
    let moved = sessions.update_session(with_key(SHOP, update("acc8", "waha"))).await;
    assert_eq!(reason(&moved.expect_err("acc8 is not its own")), "PERMISSION_DENIED");
    let moved = sessions.update_session(with_key(SHOP, update("shop-9", "waha"))).await;
    assert!(moved.expect("its own").into_inner().changed);
}

/// One call moves a session; its log goes on, and what is different there becomes events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_moves_to_another_server_with_its_log() {
    let scene = Scene::with(vec![Options::default(); 2], |_| ()).await;
    scene.working("shop").await;
    let anna = "4915120000001@c.us";
    let group_id = scene.group_id("shop", &[anna]).await;
    let before = scene.service.log("shop").await.len();
    // The same account, linked to the other server as well.
    scene.servers[1].adopt_session("shop", &scene.servers[0]).await;
    let update = pb::UpdateSessionRequest {
        session: "shop".into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["waha".into()] }),
        config: Some(Config::Waha(pb::WahaConfig {
            server: "waha-01".into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let moved = scene.service.sessions().update_session(update).await.expect("moved").into_inner();
    assert_eq!(server_of(&moved.session.expect("a session")), "waha-01");
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.servers[0].kill().await;
    scene.rename("shop", &group_id, "Moved").await.expect("by the other server");
    let path = format!("/{group_id}/subject");
    let asked = scene.servers[1].requests().into_iter().filter(|r| r.path.ends_with(&path));
    assert_eq!(asked.count(), 1);
    scene.others_rename(anna, &group_id, "Told").await;
    scene.until_subject("shop", &group_id, "Told").await;
    let log = scene.service.log("shop").await;
    is_dense(&log);
    assert_eq!(log.len(), before + 2);
}

/// Groups of two accounts must not mix in one log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_is_not_followed() {
    let scene = Scene::with(vec![Options::default(); 2], |_| ()).await;
    scene.working("shop").await;
    scene.servers[1].add_session("other").await;
    let update = pb::UpdateSessionRequest {
        session: "shop".into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["waha".into()] }),
        config: Some(Config::Waha(pb::WahaConfig {
            server: "waha-01".into(),
            remote_session: "other".into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    scene.service.sessions().update_session(update).await.expect("its settings are kept");
    let failed = eventually("it has failed", || async {
        let session = scene.session("shop").await;
        (session.status() == pb::SessionStatus::Failed).then_some(session)
    })
    .await;
    assert!(failed.status_reason.contains("linked to another account"), "{}", failed.status_reason);
}
