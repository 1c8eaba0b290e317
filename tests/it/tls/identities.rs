//! Callers whom their client certificate names: by gRPC, by REST, by a WebSocket, and through a replica that hands on.

use futures::StreamExt as _;
use rcgen::SanType;
use tempfile::TempDir;
use tokio_tungstenite::client_async;
use tonic::Status;
use wagroups::config::{CertificateCaller, ClientAuth, Settings};
use wagroups::domain::auth::Role;
use wagroups::pb;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::server::Server;

use super::authority::Authority;
use super::secured::{Client, asking_clients, settings};
use crate::harness::postgres::TestDatabase;
use crate::harness::service::{eventually, reason};
use crate::service::keys::key;

const BILLING: &str = "spiffe://example.org/billing";
const ROLLOUT: &str = "spiffe://example.org/rollout";

fn known(name: &str, uri: &str, role: Role) -> CertificateCaller {
    let sessions = vec!["default".parse().expect("a pattern")];
    CertificateCaller {
        name: name.into(),
        san: format!("uri:{uri}").parse().expect("a name"),
        sessions,
        role,
    }
}

fn with_identities(settings: &mut Settings, authority: &Authority, dir: &TempDir) {
    asking_clients(ClientAuth::Optional)(settings, authority, dir);
    settings.rest.listen = "127.0.0.1:0".parse().ok();
    settings.auth.keys = vec![key("all", "wag_all", "*")];
    settings.auth.certificates =
        vec![known("billing", BILLING, Role::Reader), known("rollout", ROLLOUT, Role::Admin)];
}

/// A client that shows a certificate with this name.
fn client(authority: &Authority, dir: &TempDir, uri: &str) -> Client {
    let pair = authority.certify_with(&[], |params| {
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI")));
    });
    Client::showing(authority, dir, &pair.write(dir.path(), "client"))
}

async fn create(client: &Client, server: &Server, session: &str) -> Result<String, Status> {
    let request = pb::CreateGroupRequest {
        session: session.into(),
        subject: "Team".into(),
        ..Default::default()
    };
    let made = client.groups(server.grpc_addr()).await.create_group(request).await?.into_inner();
    Ok(made.group.expect("a group").id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_let_in_as_whom_it_names_and_as_nobody_else() {
    let (dir, authority) = (TempDir::new().expect("a folder"), Authority::new("the service's"));
    let server = Server::start(&settings(&dir, &authority, with_identities)).await.expect("starts");
    let rest = format!("https://{}/api/default/groups", server.rest_addr().expect("REST"));

    let rollout = client(&authority, &dir, ROLLOUT);
    create(&rollout, &server, "default").await.expect("an admin of this session");
    let other = create(&rollout, &server, "another").await.expect_err("not of its sessions");
    assert_eq!(reason(&other), "PERMISSION_DENIED");

    let billing = client(&authority, &dir, BILLING);
    let list = pb::ListGroupsRequest { session: "default".into(), ..Default::default() };
    let listed =
        billing.groups(server.grpc_addr()).await.list_groups(list).await.expect("a reader");
    assert_eq!(listed.into_inner().groups.len(), 1);
    let refused = create(&billing, &server, "default").await.expect_err("a reader");
    assert_eq!(reason(&refused), "PERMISSION_DENIED");
    assert!(refused.message().contains("role reader"), "{refused:?}");
    assert_eq!(billing.http().get(&rest).send().await.expect("an answer").status(), 200);
    let posted = billing.http().post(&rest).body("{}").send().await.expect("an answer");
    assert_eq!(posted.status(), 403);
    // A key goes before the certificate.
    let keyed = billing.http().get(&rest).header("x-api-key", "wag_wrong").send().await;
    assert_eq!(keyed.expect("an answer").status(), 401);
    let addr = server.rest_addr().expect("REST");
    let stream = billing.stream(addr, &["http/1.1"]).await.expect("a handshake");
    let (mut socket, _) =
        client_async("wss://localhost/ws?session=default", stream).await.expect("a socket");
    create(&rollout, &server, "default").await.expect("made");
    let told = socket.next().await.expect("a frame").expect("no error");
    assert!(told.is_text(), "{told:?}");

    let stranger = client(&authority, &dir, "spiffe://example.org/stranger");
    let refused = create(&stranger, &server, "default").await.expect_err("nobody");
    assert_eq!(reason(&refused), "UNAUTHENTICATED");
    assert_eq!(stranger.http().get(&rest).send().await.expect("an answer").status(), 401);
    let none = create(&Client::trusting(&authority, &dir), &server, "default").await;
    assert_eq!(reason(&none.expect_err("nobody")), "UNAUTHENTICATED");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_handed_on_is_still_its_client_s() {
    let Some(database) = TestDatabase::create().await else { return };
    let (dir, authority) = (TempDir::new().expect("a folder"), Authority::new("the service's"));
    let replica = |settings: &mut Settings, authority: &Authority, dir: &TempDir| {
        with_identities(settings, authority, dir);
        settings.database.url = database.url().into();
        settings.database.max_connections = 4;
        settings.cluster.listen = "127.0.0.1:0".parse().ok();
    };
    let owner = Server::start(&settings(&dir, &authority, replica)).await.expect("starts");
    let follower = Server::start(&settings(&dir, &authority, replica)).await.expect("starts");
    assert!(follower.app().is_follower());
    let rollout = client(&authority, &dir, ROLLOUT);
    let channel = rollout.channel(follower.grpc_addr()).await.expect("a connection");
    let request = pb::CreateSessionRequest { session: "default".into(), ..Default::default() };
    SessionsServiceClient::new(channel).create_session(request).await.expect("an admin");
    eventually("the session works", || async { create(&rollout, &follower, "default").await.ok() })
        .await;
    let billing = client(&authority, &dir, BILLING);
    let refused = create(&billing, &follower, "default").await.expect_err("a reader");
    assert_eq!(reason(&refused), "PERMISSION_DENIED");
    // What a client itself says of its certificate counts for nothing.
    let mut forged = tonic::Request::new(pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Forged".into(),
        ..Default::default()
    });
    let names = format!("[\"uri:{ROLLOUT}\"]").parse().expect("a header");
    forged.metadata_mut().insert("wagroups-client-certificate", names);
    let stranger = client(&authority, &dir, "spiffe://example.org/stranger");
    let refused = stranger.groups(follower.grpc_addr()).await.create_group(forged).await;
    assert_eq!(reason(&refused.expect_err("nobody")), "UNAUTHENTICATED");
    follower.stop().await;
    owner.stop().await;
}
