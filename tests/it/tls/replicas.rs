//! Mutual TLS of replicas.

use std::path::{Path, PathBuf};

use rustls::AlertDescription;
use tempfile::TempDir;
use wagroups::config::Settings;
use wagroups::pb;

use super::authority::{Authority, Files};
use super::secured::Client;
use crate::cluster::replicas::Replica;
use crate::harness::postgres::TestDatabase;
use crate::harness::service::{eventually, reason};

struct Cluster {
    database: TestDatabase,
    dir: TempDir,
    authority: Authority,
    ca: PathBuf,
}

impl Cluster {
    async fn new() -> Option<Self> {
        let database = TestDatabase::create().await?;
        let (dir, authority) = (TempDir::new().expect("a folder"), Authority::new("replicas"));
        let ca = authority.write(dir.path(), "ca");
        Some(Self { database, dir, authority, ca })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn start(&self, files: &Files) -> Replica {
        Replica::start(self.database.url(), |settings| with_tls(settings, files, &self.ca)).await
    }

    /// One that acts, with a session `shop`.
    async fn owner(&self) -> Replica {
        let files = self.authority.certify(&["wagroups"]).write(self.path(), "owner");
        let owner = self.start(&files).await;
        let request = pb::CreateSessionRequest { session: "shop".into(), ..Default::default() };
        owner.sessions().create_session(request).await.expect("a session");
        eventually("the session works", || async { owner.create_group("first").await.ok() }).await;
        owner
    }
}

fn with_tls(settings: &mut Settings, files: &Files, ca: &Path) {
    settings.cluster.cert_file = Some(files.cert.clone());
    settings.cluster.key_file = Some(files.key.clone());
    settings.cluster.ca_file = Some(ca.to_owned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_handed_on_and_a_renewed_certificate_is_shown() {
    let Some(cluster) = Cluster::new().await else { return };
    let owner = cluster.owner().await;
    let pair = cluster.authority.certify(&["wagroups"]);
    let follower = cluster.start(&pair.write(cluster.path(), "follower")).await;
    assert!(owner.acts() && !follower.acts());
    follower.create_group("handed on").await.expect("made");

    // Another authority, believed beside the old one before anybody shows a certificate of it.
    let next = Authority::new("replicas, next");
    let both = cluster.authority.pem() + &next.pem();
    std::fs::write(&cluster.ca, &both).expect("written");
    let either = cluster.path().join("either.crt");
    std::fs::write(&either, both).expect("written");
    let addr = owner.server.cluster_addr().expect("a listener");
    let renewed = next.certify(&["wagroups"]).write(cluster.path(), "probe");
    let probe = Client::showing_to(&either, &renewed);
    eventually("the owner believes the next authority", || async {
        probe.judged(addr, "wagroups").await.ok()
    })
    .await;
    for name in ["owner", "follower"] {
        next.certify(&["wagroups"]).write(cluster.path(), name);
    }
    std::fs::write(&cluster.ca, next.pem()).expect("written");
    // Those of the old authority are strangers from now on; the connection of before lives on.
    let stranger = cluster.authority.certify(&["wagroups"]).write(cluster.path(), "late");
    let stranger = Client::showing_to(&either, &stranger);
    eventually("the owner forgets the old authority", || async {
        stranger.judged(addr, "wagroups").await.err()
    })
    .await;
    follower.create_group("over the connection of before").await.expect("made");
    // And a new replica with a new certificate connects anew.
    let newest = cluster.start(&next.certify(&["wagroups"]).write(cluster.path(), "newest")).await;
    newest.create_group("over a new one").await.expect("made");
    for replica in [newest, follower, owner] {
        replica.server.stop().await;
    }
}

/// Whoever is let in may do what any key may: the certificate is all that there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_gets_nowhere_and_no_replica_goes_to_one() {
    let Some(cluster) = Cluster::new().await else { return };
    let owner = cluster.owner().await;
    let of_another = Authority::new("another").certify(&["wagroups"]);
    let for_another = cluster.authority.certify(&["billing.example"]);
    let expired = cluster.authority.expired(&["wagroups"]);
    let refused = [
        ("of another authority", of_another, AlertDescription::UnknownCA),
        ("of ours, for another program", for_another, AlertDescription::BadCertificate),
        ("of ours, and expired", expired, AlertDescription::CertificateExpired),
    ];
    let addr = owner.server.cluster_addr().expect("a listener");
    for (which, pair, alert) in refused {
        let files = pair.write(cluster.path(), "stranger");
        let stranger = Client::showing(&cluster.authority, &cluster.dir, &files);
        let judged = stranger.judged(addr, "wagroups").await;
        assert_eq!(judged, Err(alert), "{which}");
    }
    // A replica whose certificate is of another authority: nothing is sent, and it says so.
    let theirs = Authority::new("another");
    let files = theirs.certify(&["wagroups"]).write(cluster.path(), "stranger");
    let ca = cluster.ca.clone();
    let stranger =
        Replica::start(cluster.database.url(), |settings| with_tls(settings, &files, &ca));
    let stranger = stranger.await;
    let refused = stranger.create_group("nobody makes it").await.expect_err("it is a stranger");
    assert_eq!(reason(&refused), "NO_OWNER");
    // One that speaks without TLS, and one that does not believe the owner.
    let plain = Replica::start(cluster.database.url(), |_| ()).await;
    let refused = plain.create_group("nobody makes it").await.expect_err("it speaks no TLS");
    assert!(matches!(reason(&refused).as_str(), "NO_OWNER" | "OUTCOME_UNKNOWN"), "{refused:?}");
    let files = cluster.authority.certify(&["wagroups"]).write(cluster.path(), "doubtful");
    let ca = theirs.write(cluster.path(), "their-ca");
    let doubtful =
        Replica::start(cluster.database.url(), |settings| with_tls(settings, &files, &ca));
    let doubtful = doubtful.await;
    let refused = doubtful.create_group("nobody makes it").await.expect_err("it does not believe");
    assert_eq!(reason(&refused), "NO_OWNER");
    for replica in [stranger, plain, doubtful, owner] {
        replica.server.stop().await;
    }
}
