//! Owners that cannot be reached, or are none: reads go on, and what is not sent says so.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tonic::Code;
use wagroups::domain::cluster::{ReplicaId, ReplicaRecord};
use wagroups::domain::port::cluster::{Claimable, ClusterStore as _};
use wagroups::pb;
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::SystemEntropy;

use super::replicas::Replica;
use crate::harness::postgres::TestDatabase;
use crate::harness::service::{eventually, reason};

/// An owner that counts on, and is at this address.
struct Owner {
    heartbeats: tokio::task::JoinHandle<()>,
}

impl Owner {
    async fn at(database: &TestDatabase, address: &str) -> Self {
        let options = ConnectOptions { allow_unsafe_fsync: true, ..ConnectOptions::default() };
        let store = SeaRepository::connect(database.url(), options).await.expect("connected");
        let id = ReplicaId::random(&SystemEntropy);
        let record = ReplicaRecord {
            id: id.clone(),
            address: address.to_owned(),
            version: "99.0.0".into(),
            heartbeat: 0,
            draining: false,
        };
        store.join(&record).await.expect("joined");
        let view = store.heartbeat(&id, false).await.expect("a heartbeat");
        let free = Claimable { lease: view.lease, owner_heartbeat: 0 };
        store.claim(&id, &free).await.expect("claimed").expect("it was free");
        let heartbeats = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = store.heartbeat(&id, false).await;
            }
        });
        Self { heartbeats }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

async fn with_session(database: &TestDatabase) {
    let first = Replica::start(database.url(), |_| ()).await;
    let request = pb::CreateSessionRequest { session: "shop".into(), ..Default::default() };
    first.sessions().create_session(request).await.expect("a session");
    first.server.stop().await;
}

async fn reads(replica: &Replica) {
    let list = pb::ListGroupsRequest { session: "shop".into(), ..Default::default() };
    replica.groups().list_groups(list).await.expect("reads go on");
}

#[tokio::test]
async fn a_follower_without_an_owner_reads_and_says_that_nothing_was_sent() {
    let Some(database) = TestDatabase::create().await else { return };
    with_session(&database).await;
    // Nobody listens there.
    let owner = Owner::at(&database, "127.0.0.1:1").await;
    let follower = Replica::start(database.url(), |_| ()).await;
    assert!(!follower.acts());
    let refused = follower.create_group("nobody makes it").await.expect_err("no owner");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "NO_OWNER"));
    reads(&follower).await;
    // Once it stands still, the follower acts itself.
    drop(owner);
    eventually("the follower takes over", || async { follower.acts().then_some(()) }).await;
    eventually("and does what it is told", || async {
        follower.create_group("made").await.ok().map(drop)
    })
    .await;
    follower.server.stop().await;
}

#[tokio::test]
async fn what_is_no_replica_has_done_nothing_whatever_it_answers() {
    let Some(database) = TestDatabase::create().await else { return };
    with_session(&database).await;
    for answer in
        ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "\0\0\0\0\0", "SSH-2.0-OpenSSH_9.9\r\n"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let stranger = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let owner = Owner::at(&database, &address).await;
        let follower = Replica::start(database.url(), |_| ()).await;
        let refused = follower.create_group("nobody makes it").await.expect_err("no owner");
        assert!(
            matches!(reason(&refused).as_str(), "NO_OWNER" | "OUTCOME_UNKNOWN"),
            "{answer:?}: {refused:?}"
        );
        reads(&follower).await;
        follower.server.stop().await;
        drop(owner);
        stranger.abort();
        let sql = "DELETE FROM replicas; UPDATE leases SET owner = ''";
        database.execute(sql).await;
    }
}

#[tokio::test]
async fn a_replica_with_another_secret_is_refused_and_says_so() {
    let Some(database) = TestDatabase::create().await else { return };
    let dir = tempfile::TempDir::new().expect("a folder");
    let secret = |name: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("{name}, which is long enough")).expect("written");
        file
    };
    let (ours, theirs) = (secret("ours"), secret("theirs"));
    let owner = Replica::start(database.url(), |settings| {
        settings.cluster.secret_file = Some(ours.clone());
    });
    let owner = owner.await;
    let request = pb::CreateSessionRequest { session: "shop".into(), ..Default::default() };
    owner.sessions().create_session(request).await.expect("a session");
    let stranger = Replica::start(database.url(), |settings| {
        settings.cluster.secret_file = Some(theirs.clone());
    });
    let stranger = stranger.await;
    let refused = stranger.create_group("nobody makes it").await.expect_err("another secret");
    assert_eq!(reason(&refused), "NO_OWNER");
    reads(&stranger).await;
    let friend = Replica::start(database.url(), |settings| {
        settings.cluster.secret_file = Some(ours.clone());
    });
    let friend = friend.await;
    eventually("the session works", || async { friend.create_group("made").await.ok() }).await;
    for replica in [stranger, friend, owner] {
        replica.server.stop().await;
    }
}
