//! Callers that hang up in the middle of what must not end half-way.

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Connection, Postgres, Transaction};
use wagroups::app::sessions::NewSession;
use wagroups::app::{App, Call};
use wagroups::domain::EngineKind;
use wagroups::domain::session::EngineConfig;
use wagroups::pb;

use crate::harness::service::{Service, eventually, reason};

/// Holds a table, so that whoever wants to use it waits.
async fn hold<'a>(connection: &'a mut PgConnection, table: &str) -> Transaction<'a, Postgres> {
    let mut held = connection.begin().await.expect("a transaction");
    let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *held).await.expect("the table is held");
    held
}

/// Until a connection of the service waits for a lock.
pub async fn until_one_waits(observer: &mut PgConnection) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let count: i64 =
            sqlx::query_scalar(waiting).fetch_one(&mut *observer).await.expect("the activity");
        if count > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn connect(service: &Service) -> PgConnection {
    PgConnection::connect(service.database().url()).await.expect("a connection")
}

fn app(service: &Service) -> App {
    service.server.as_ref().expect("a running service").app().clone()
}

/// Begins a call, waits until the store keeps it waiting, and hangs up.
async fn hang_up<T: Send + 'static>(
    service: &Service,
    table: &str,
    call: impl Future<Output = T> + Send + 'static,
) {
    let (mut observer, mut holder) = (connect(service).await, connect(service).await);
    let held = hold(&mut holder, table).await;
    let call = tokio::spawn(call);
    until_one_waits(&mut observer).await;
    call.abort();
    assert!(call.await.is_err(), "it has hung up");
    held.rollback().await.expect("the table is free");
}

async fn session(service: &Service, name: &str) -> Option<pb::Session> {
    let get = pb::GetSessionRequest { session: name.into() };
    match service.sessions().get_session(get).await {
        Ok(got) => got.into_inner().session,
        Err(status) => {
            assert_eq!(reason(&status), "SESSION_NOT_FOUND");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_maker_hangs_up_is_made_and_one_whose_remover_does_is_gone() {
    let Some(service) = Service::on_postgres().await else { return };
    let (maker, remover) = (app(&service), app(&service));
    let new = NewSession {
        name: "shop".parse().expect("a name"),
        config: EngineConfig::default_of(EngineKind::Simulator),
        push_name: None,
        metadata: Default::default(),
        start: true,
    };
    hang_up(
        &service,
        "sessions",
        async move { maker.create_session(&Call::internal(), new).await },
    )
    .await;
    eventually("the session is there, and works", || async {
        let session = session(&service, "shop").await?;
        (session.status() == pb::SessionStatus::Working).then_some(())
    })
    .await;

    let name = "shop".parse().expect("a name");
    hang_up(
        &service,
        "events",
        async move { remover.delete_session(&Call::internal(), &name).await },
    )
    .await;
    eventually("the session is gone", || async {
        session(&service, "shop").await.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_stopped_by_one_who_hangs_up_is_stopped_everywhere() {
    let Some(service) = Service::on_postgres().await else { return };
    let stopper = app(&service);
    let name = "default".parse().expect("a name");
    hang_up(
        &service,
        "sessions",
        async move { stopper.stop_session(&Call::internal(), &name).await },
    )
    .await;
    eventually("the session has stopped", || async {
        let session = session(&service, "default").await.expect("the session");
        (session.status() == pb::SessionStatus::Stopped).then_some(())
    })
    .await;
}

/// The store has made it, though its caller was told that nobody knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_only_the_store_knows_is_found_by_who_makes_it_again() {
    let Some(service) = Service::on_postgres().await else { return };
    let copy = "INSERT INTO sessions SELECT (jsonb_populate_record(s, jsonb_build_object('name', 'shop'))).* \
                FROM sessions s WHERE s.name = 'default'";
    let mut connection = connect(&service).await;
    sqlx::query(copy).execute(&mut connection).await.expect("a row");
    assert!(session(&service, "shop").await.is_none());
    let request = pb::CreateSessionRequest { session: "shop".into(), ..Default::default() };
    let again = service.sessions().create_session(request).await.expect_err("it exists");
    assert_eq!(reason(&again), "SESSION_ALREADY_EXISTS");
    assert!(session(&service, "shop").await.is_some());
    let start = pb::StartSessionRequest { session: "shop".into() };
    service.sessions().start_session(start).await.expect("it starts");
}

/// The one who asks for a group that we are not in must not be told later that it was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_whose_caller_hangs_up_before_it_began_leaves_no_answer() {
    let Some(service) = Service::on_postgres().await else { return };
    let delete = pb::DeleteGroupRequest {
        session: "default".into(),
        group_id: "120363000000000777@g.us".into(),
        request_id: "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d12".into(),
    };
    let (mut groups, request) = (service.groups(), delete.clone());
    let (mut observer, mut holder) = (connect(&service).await, connect(&service).await);
    let held = hold(&mut holder, "groups").await;
    let call = tokio::spawn(async move { groups.delete_group(request).await });
    until_one_waits(&mut observer).await;
    call.abort();
    assert!(call.await.is_err(), "it has hung up");
    // The server has noticed once another call on the same connection is answered.
    session(&service, "default").await.expect("the session");
    held.rollback().await.expect("the table is free");
    eventually("the id is free again", || async {
        let taken = "SELECT count(*) FROM reservations";
        let taken: i64 =
            sqlx::query_scalar(taken).fetch_one(&mut connect(&service).await).await.ok()?;
        (taken == 0).then_some(())
    })
    .await;
    let again = service.groups().delete_group(delete).await.expect_err("no such group");
    assert_eq!(reason(&again), "GROUP_NOT_FOUND");
}

/// The service stops once all calls have ended; that they ended is what their callers hear, and not that it stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_end_while_the_service_stops_get_their_answers() {
    let Some(mut service) = Service::on_postgres().await else { return };
    let (mut observer, mut holder) = (connect(&service).await, connect(&service).await);
    let held = hold(&mut holder, "events").await;
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let mut groups = service.groups();
            let request = pb::CreateGroupRequest {
                session: "default".into(),
                subject: format!("Team {number}"),
                request_id: format!("00000000-0000-4000-8000-{number:012}"),
                ..Default::default()
            };
            tokio::spawn(async move { groups.create_group(request).await })
        })
        .collect();
    until_one_waits(&mut observer).await;
    let server = service.server.take().expect("a running service");
    let app = server.app().clone();
    let stopping = tokio::spawn(server.stop());
    eventually("it stops", || async { app.is_draining().then_some(()) }).await;
    held.rollback().await.expect("the table is free");
    let mut answered = 0;
    for call in calls {
        match call.await.expect("an end") {
            Ok(_) => answered += 1,
            // It came too late, or behind too many; nothing was sent of it.
            Err(status) => {
                let reason = reason(&status);
                assert!(["DRAINING", "DATABASE_UNAVAILABLE"].contains(&&*reason), "{status:?}");
            }
        }
    }
    assert!(answered > 0, "one at the least was on its way");
    stopping.await.expect("it stops");
}
