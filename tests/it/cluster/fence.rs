//! Who was replaced cannot write: two repositories on one database, as two processes have them.

use wagroups::domain::cluster::{ReplicaId, ReplicaRecord};
use wagroups::domain::port::cluster::{Claimable, ClusterStore};
use wagroups::domain::port::repository::{EventLog, SessionPatch, SessionStore, StoreError};
use wagroups::domain::port::webhooks::{ProgressWrite, WebhookStore};
use wagroups::domain::webhook::{Progress, Webhook};
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::SystemEntropy;

use crate::harness::postgres::TestDatabase;
use crate::repository::given::session;
use crate::repository::webhooks::webhook;

async fn open(database: &TestDatabase) -> SeaRepository {
    let options = ConnectOptions { allow_unsafe_fsync: true, ..ConnectOptions::default() };
    SeaRepository::connect(database.url(), options).await.expect("connected")
}

async fn join(store: &SeaRepository) -> ReplicaId {
    let id = ReplicaId::random(&SystemEntropy);
    let record = ReplicaRecord {
        id: id.clone(),
        address: "127.0.0.1:1".into(),
        version: "0".into(),
        heartbeat: 0,
        draining: false,
    };
    store.join(&record).await.expect("joined");
    id
}

async fn seen_by(store: &SeaRepository, id: &ReplicaId) -> Claimable {
    let view = store.heartbeat(id, false).await.expect("a heartbeat");
    let owner_heartbeat = view.owner().map_or(0, |owner| owner.heartbeat);
    Claimable { lease: view.lease, owner_heartbeat }
}

#[tokio::test]
async fn a_lease_moves_only_as_it_was_seen_and_a_revived_heartbeat_keeps_it() {
    let Some(database) = TestDatabase::create().await else { return };
    let (first, second) = (open(&database).await, open(&database).await);
    let (one, two) = (join(&first).await, join(&second).await);
    let free = seen_by(&first, &one).await;
    assert_eq!(free.lease.owner, None);
    let epoch = first.claim(&one, &free).await.expect("claimed").expect("it was free");
    assert_eq!(second.claim(&two, &free).await.expect("asked"), None, "it was free, and is not");
    assert_eq!(first.claim(&one, &free).await.expect("asked"), Some(epoch), "a repeated claim");

    let held = seen_by(&second, &two).await;
    assert_eq!(held.lease.owner, Some(one.clone()));
    // It was believed dead, and counts on before it is replaced.
    first.heartbeat(&one, false).await.expect("alive");
    assert_eq!(second.claim(&two, &held).await.expect("asked"), None, "it lives");
    let held = seen_by(&second, &two).await;
    let next = second.claim(&two, &held).await.expect("claimed").expect("it stood still");
    assert!(next > epoch);
    let view = first.heartbeat(&one, false).await.expect("answered");
    assert!(!view.is_member, "who was replaced has no row any more");
    assert_eq!(first.claim(&one, &seen_by(&second, &two).await).await.expect("asked"), None);
    assert!(!first.release(&one, epoch).await.expect("asked"), "it is not its own to give back");
    assert!(second.release(&two, next).await.expect("released"));
}

#[tokio::test]
async fn what_a_replaced_owner_writes_is_refused_by_the_database_whatever_it_is() {
    let Some(database) = TestDatabase::create().await else { return };
    let (first, second) = (open(&database).await, open(&database).await);
    let (one, two) = (join(&first).await, join(&second).await);
    let epoch = first.claim(&one, &seen_by(&first, &one).await).await.expect("claimed");
    let epoch = epoch.expect("it was free");
    let owner = first.fenced(&one, epoch).expect("on PostgreSQL");
    let shop = session("shop");
    owner.insert_session(&shop, epoch).await.expect("it is the owner");

    let held = seen_by(&second, &two).await;
    let next = second.claim(&two, &held).await.expect("claimed").expect("it stood still");
    let heir = second.fenced(&two, next).expect("on PostgreSQL");
    let patch = SessionPatch { wanted: Some(false), ..SessionPatch::default() };
    let refused = |what: &str, error: Option<StoreError>| {
        assert!(matches!(error, Some(StoreError::NotOwner(_))), "{what}: {error:?}");
    };
    refused("a patch", owner.patch_session(&shop.name, &patch).await.err());
    let desk = session("desk");
    refused("a session", owner.insert_session(&desk, epoch).await.err());
    heir.patch_session(&shop.name, &patch).await.expect("the heir writes");
    assert_eq!(heir.current_epoch().await.expect("an epoch"), next);

    // A process that knows no replicas takes over by force, and both are out.
    let alone = first.begin_epoch().await.expect("by force");
    assert!(alone > next);
    refused("the heir", heir.patch_session(&shop.name, &patch).await.err());
    first.patch_session(&shop.name, &patch).await.expect("the only process writes");
}

#[tokio::test]
async fn a_role_that_begins_anew_within_its_term_writes_over_what_it_wrote_before() {
    let Some(database) = TestDatabase::create().await else { return };
    let store = open(&database).await;
    let id = join(&store).await;
    let epoch = store.claim(&id, &seen_by(&store, &id).await).await.expect("claimed");
    let epoch = epoch.expect("it was free");
    let (shop, hook) = (session("shop"), webhook(1));
    let before = store.fenced(&id, epoch).expect("on PostgreSQL");
    before.insert_session(&shop, epoch).await.expect("inserted");
    before.insert_webhook(&hook).await.expect("inserted");
    let patch = |wanted| SessionPatch { wanted: Some(wanted), ..SessionPatch::default() };
    for number in 0..9 {
        before.patch_session(&shop.name, &patch(number % 2 == 0)).await.expect("patched");
    }

    let anew = store.fenced(&id, epoch).expect("on PostgreSQL");
    let progress = Progress { delivered_count: 7, ..hook.progress.clone() };
    let put = anew.put_webhook_progress(hook.id, &hook.status, &progress, epoch).await;
    assert_eq!(put.expect("an answer"), ProgressWrite::Written);
    assert_eq!(anew.webhooks().await.expect("webhooks"), [Webhook { progress, ..hook }]);
    anew.patch_session(&shop.name, &patch(false)).await.expect("patched");
    assert!(!store.session(&shop.name).await.expect("read").expect("there").wanted);
}

#[tokio::test]
async fn a_restored_database_gets_a_new_log_id_though_a_replica_that_is_gone_has_its_lease() {
    let Some(database) = TestDatabase::create().await else { return };
    let store = open(&database).await;
    let gone = join(&store).await;
    let epoch = store.claim(&gone, &seen_by(&store, &gone).await).await.expect("claimed");
    let before = store.bounds().await.expect("the bounds").log_id;
    let id = store.new_log_id().await.expect("a new id");
    assert_ne!(id, before);
    let heir = join(&store).await;
    let next = store.claim(&heir, &seen_by(&store, &heir).await).await.expect("claimed");
    assert!(next > epoch, "the lease is free, and its epoch grows");
}

/// Tables that a stale owner may write to, and why that does no harm.
const UNFENCED: [(&str, &str); 5] = [
    ("group_members", "written by commits alone, which the session's epoch fences"),
    ("leases", "claimed under a lock, where the epoch may not fall"),
    ("probe", "says nothing; it is written where the epoch is that of the log's head"),
    ("replicas", "each writes its own row"),
    ("seaql_migrations", "written by migrations, under a lock of their own"),
];

#[tokio::test]
async fn every_table_is_fenced_but_for_those_with_a_reason() {
    let Some(database) = TestDatabase::create().await else { return };
    let tables = database
        .texts(
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND n.nspname = 'public' AND NOT EXISTS \
             (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'fence') ORDER BY 1",
        )
        .await;
    assert_eq!(tables, UNFENCED.map(|(table, _)| table.to_owned()));
}
