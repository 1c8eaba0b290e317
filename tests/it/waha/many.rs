//! Twenty servers and two thousand sessions: each is carried where it was placed, and one server that dies
//! takes nobody else with it.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::eventually;
use crate::waha_server::Options;

const SERVERS: usize = 20;
const SESSIONS: usize = 2000;
const ANNA: &str = "4915120000001@c.us";

async fn statuses(scene: &Scene) -> BTreeMap<pb::SessionStatus, usize> {
    let mut counts = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListSessionsRequest {
            page_size: 1000,
            page_token,
            engines: vec![pb::Engine::Waha.into()],
            ..Default::default()
        };
        let page = scene.service.sessions().list_sessions(request).await.expect("a page");
        let page = page.into_inner();
        for session in &page.sessions {
            *counts.entry(session.status()).or_default() += 1;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return counts;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_server_affects_only_its_own_sessions() {
    let scene = Scene::holding(vec![Options::default(); SERVERS], SESSIONS / SERVERS, |_| ()).await;
    let names: Vec<String> = (0..SESSIONS).map(|number| format!("s{number:04}")).collect();
    // Placing is one session at a time, so that each server gets its share.
    for (number, name) in names.iter().enumerate() {
        scene.servers[number % SERVERS].add_session(name).await;
        scene.create(name, None).await.expect("room");
    }
    eventually("all of them work", || async {
        (statuses(&scene).await.get(&pb::SessionStatus::Working) == Some(&SESSIONS)).then_some(())
    })
    .await;

    // A call of each server's goes to that server.
    let scene = &scene;
    let groups: Vec<String> = futures::stream::iter(&names[..SERVERS])
        .then(|name| scene.group_id(name, &[ANNA]))
        .collect()
        .await;
    for (server, name) in scene.servers.iter().zip(&names) {
        let made: Vec<String> = server
            .requests()
            .into_iter()
            .filter(|request| request.method == "POST" && request.path.ends_with("/groups"))
            .map(|request| request.path)
            .collect();
        assert_eq!(made, [format!("/api/{name}/groups")]);
    }

    scene.servers[3].kill().await;
    eventually("its sessions are away", || async {
        let counts = statuses(scene).await;
        (counts.get(&pb::SessionStatus::Starting) == Some(&(SESSIONS / SERVERS))).then_some(())
    })
    .await;
    let counts = statuses(scene).await;
    let others = SESSIONS - SESSIONS / SERVERS;
    assert_eq!(counts.get(&pb::SessionStatus::Working), Some(&others), "{counts:?}");
    scene.rename(&names[3], &groups[3], "Lost").await.expect_err("its server is dead");
    for index in [2, 4] {
        scene.rename(&names[index], &groups[index], "Fine").await.expect("another server's");
    }
    scene.others_rename(ANNA, &groups[3], "Meanwhile").await;
    scene.until_missed(&scene.servers[3], &names[3]).await;
    scene.servers[3].revive().await;
    eventually("all of them work again", || async {
        (statuses(scene).await.get(&pb::SessionStatus::Working) == Some(&SESSIONS)).then_some(())
    })
    .await;
    scene.until_subject(&names[3], &groups[3], "Meanwhile").await;
}
