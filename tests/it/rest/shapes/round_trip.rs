//! What each shape says is read back as the same group by this program's own reader of WAHA's engines: a service whose
//! session another service carries, as if that were a WAHA server.

use std::time::Duration;

use serde_json::json;
use wagroups::config::{RestShape, WahaServer};
use wagroups::pb;
use wagroups::pb::create_session_request::Config;

use super::{FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, Scene};
use crate::harness::service::{Service, eventually};

const OTHER: &str = "4915120000002@c.us";

/// A service in front of another one, and its session there.
async fn in_front_of(there: &Service) -> Service {
    let table = format!("name = \"there\"\nurl = \"{}\"\napi_key = \"none\"", there.rest_url());
    let server: WahaServer = toml::from_str(&table).expect("a server's settings");
    let here = Service::on_sqlite_with(|settings| {
        settings.waha.servers = vec![server];
        settings.reconcile.min_interval = Duration::ZERO;
        settings.waha.full_fetches_per_hour = 0;
    })
    .await;
    let config = pb::WahaConfig {
        server: "there".to_owned(),
        remote_session: "default".to_owned(),
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        session: "front".into(),
        config: Some(Config::Waha(config)),
        ..Default::default()
    };
    here.sessions().create_session(request).await.expect("a session");
    here.until_compared("front").await;
    here
}

/// What a group is, without what a shape has no word for.
fn essence(mut group: pb::Group, shape: RestShape) -> pb::Group {
    // No engine tells it with a group.
    group.picture_id = String::new();
    let is_gows = shape == RestShape::Gows;
    if let Some(settings) = &mut group.settings {
        settings.member_share_history &= is_gows;
    }
    let times = [&mut group.create_time, &mut group.subject_time, &mut group.description_time];
    if !is_gows {
        times.into_iter().flatten().for_each(|time| time.nanos = 0);
    }
    // A browser shows a member under one name.
    if matches!(shape, RestShape::Webjs | RestShape::Wpp) {
        group.participants.iter_mut().for_each(|member| member.phone_number_id.clear());
    }
    group
}

async fn read_back(shape: RestShape) {
    let there = Scene::of(shape).await;
    let team = there.group.clone();
    let open = there.service.group_id("Open", &[]).await;
    let put = async |path: &str, body: serde_json::Value| {
        let answer = there.rest.put(&format!("/{team}/{path}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    put("settings/security/info-admin-only", json!({ "adminsOnly": true })).await;
    put("settings/security/messages-admin-only", json!({ "adminsOnly": true })).await;
    put("settings/security/member-add-mode", json!({ "membersCanAddNewMember": false })).await;
    put("settings/security/membership-approval", json!({ "newMembersApprovalRequired": true }))
        .await;
    there
        .rest
        .post(&format!("/{team}/admin/promote"), json!({ "participants": [{ "id": FRIEND }] }))
        .await;

    let here = in_front_of(&there.service).await;
    for id in [&team, &open] {
        let held = there.service.get_group(id, 0).await.expect("the group");
        let wanted = essence(held, shape);
        eventually(&format!("{id} is read as it is"), async || {
            let request = pb::GetGroupRequest {
                session: "front".into(),
                group_id: id.clone(),
                ..Default::default()
            };
            let read = here.groups().get_group(request).await.ok()?.into_inner().group;
            let read = <pb::Group as prost::Message>::decode(read).expect("a group");
            let read = essence(read, shape);
            (read == wanted).then_some(())
        })
        .await;
    }

    // Verdicts, too, are about whom they were asked for.
    let people = [OTHER, NEEDS_INVITE, NOT_ON_WHATSAPP];
    let request = pb::AddParticipantsRequest {
        session: "front".into(),
        group_id: team,
        participant_ids: people.map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let added = here.groups().add_participants(request).await.expect("an answer").into_inner();
    let codes: Vec<_> =
        added.results.iter().map(|result| (result.requested_id.as_str(), result.code)).collect();
    assert_eq!(codes, [(OTHER, 200), (NEEDS_INVITE, 403), (NOT_ON_WHATSAPP, 404)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gows_is_read_back() {
    read_back(RestShape::Gows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noweb_is_read_back() {
    read_back(RestShape::Noweb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webjs_is_read_back() {
    read_back(RestShape::Webjs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wpp_is_read_back() {
    read_back(RestShape::Wpp).await;
}
