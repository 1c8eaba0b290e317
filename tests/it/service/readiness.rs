//! Ready means that it can commit.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tonic_health::pb::health_check_response::ServingStatus;
use wagroups::domain::log_position::LogPosition;
use wagroups::domain::port::repository::EventLog;
use wagroups::pb;
use wagroups::server::Ended;

use super::on_each_database;
use super::outage::{becomes, health};
use crate::harness::service::{Service, eventually, reason};

on_each_database!(
    data_that_the_database_refuses_does_not_end_readiness,
    an_idle_process_that_was_replaced_ends,
    a_process_whose_database_was_put_back_ends_and_says_so,
);

/// How soon readiness follows what commits do.
const SOON: Duration = Duration::from_secs(5);

fn renamed(group_id: &str, subject: &str, request_id: &str) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        request_id: request_id.into(),
        subject: subject.into(),
    }
}

async fn readyz(service: &Service) -> (u16, String) {
    let server = service.server.as_ref().expect("a running service");
    let ops = server.ops_addr().expect("ops.listen is set");
    let mut socket = TcpStream::connect(ops).await.expect("a connection");
    let request = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    socket.write_all(request).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer)
}

/// The database answers, and can be read, but takes nothing: as with a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_ready_while_commits_work_and_not_while_they_fail() {
    let ops = |settings: &mut wagroups::config::Settings| {
        settings.ops.listen = Some("127.0.0.1:0".parse().expect("an address"));
    };
    let Some(service) = Service::on_postgres_with(ops).await else { return };
    let id = service.group_id("Before", &[]).await;
    becomes(&service, ServingStatus::Serving).await;

    service.database().refuse_writes().await;
    let failed_at = Instant::now();
    // Only the simulator's world takes it: the call fails before anything is sent.
    let call = service.groups().set_group_subject(renamed(&id, "During", "")).await;
    assert!(call.is_err());
    // The connections were cut, too, so that for a moment it may not answer at all.
    eventually("it answers, and takes no commits", || async {
        let (status, body) = readyz(&service).await;
        let commits_fail = body.contains(r#""database":"ok","commits":"failing""#);
        commits_fail.then(|| assert_eq!(status, 503))
    })
    .await;
    assert!(failed_at.elapsed() < SOON, "{:?}", failed_at.elapsed());
    becomes(&service, ServingStatus::NotServing).await;
    // Reads go on.
    assert_eq!(service.get_group(&id, 1).await.expect("the group").subject, "Before");
    let list = pb::ListGroupsRequest { session: "default".into(), ..Default::default() };
    service.groups().list_groups(list).await.expect("a list, from the database");

    service.database().take_writes().await;
    let healed_at = Instant::now();
    becomes(&service, ServingStatus::Serving).await;
    assert!(healed_at.elapsed() < SOON, "{:?}", healed_at.elapsed());
    assert_eq!(readyz(&service).await.0, 200);
    let changed = service.groups().set_group_subject(renamed(&id, "After", "")).await;
    assert!(changed.expect("it is changed").into_inner().changed);
}

/// A row that the database cannot take says nothing of others.
async fn data_that_the_database_refuses_does_not_end_readiness(service: Service) {
    let id = service.group_id("Before", &[]).await;
    let repository = service.repository();
    let refused = "CREATE UNIQUE INDEX refuses ON events ((1))";
    assert!(repository.bounds().await.expect("the bounds").head != LogPosition::START);
    let database = sea_orm::Database::connect(service.database_url()).await.expect("a connection");
    sea_orm::ConnectionTrait::execute_unprepared(&database, refused).await.expect("an index");
    let call = service.groups().set_group_subject(renamed(&id, "During", "")).await;
    assert_eq!(reason(&call.expect_err("it cannot be written")), "OUTCOME_UNKNOWN");
    service.server.as_ref().expect("a running service").app().check_commits().await;
    assert_eq!(health(&service, "").await, Some(ServingStatus::Serving));
    sea_orm::ConnectionTrait::execute_unprepared(&database, "DROP INDEX refuses")
        .await
        .expect("no index");
    let after = service.groups().set_group_subject(renamed(&id, "After", "")).await;
    assert!(after.expect("it is changed").into_inner().changed);
}

/// It would go on serving what is no longer true.
async fn an_idle_process_that_was_replaced_ends(mut service: Service) {
    let server = service.server.take().expect("a running service");
    server.repository().begin_epoch().await.expect("an epoch");
    let ended = timeout(SOON, server.run_until(std::future::pending())).await.expect("it ends");
    let Ended::Failed(cause) = ended else { panic!("it was not told to stop") };
    assert!(cause.contains("another process has taken over"), "{cause}");
}

/// It is no other process then, and running one replica only is no help.
async fn a_process_whose_database_was_put_back_ends_and_says_so(mut service: Service) {
    let server = service.server.take().expect("a running service");
    let database = sea_orm::Database::connect(service.database_url()).await.expect("a connection");
    let back = "UPDATE log_head SET epoch = epoch - 1";
    sea_orm::ConnectionTrait::execute_unprepared(&database, back).await.expect("an older epoch");
    let ended = timeout(SOON, server.run_until(std::future::pending())).await.expect("it ends");
    let Ended::Failed(cause) = ended else { panic!("it was not told to stop") };
    assert!(cause.contains("put back to an earlier state"), "{cause}");
}

/// All connections carry nothing any more, new ones work: it heals by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_to_the_database_heal_in_time() {
    let Some((service, proxy)) = Service::behind_proxy().await else { return };
    let id = service.group_id("Before", &[]).await;
    becomes(&service, ServingStatus::Serving).await;

    proxy.silence();
    let limit = Duration::from_secs(15);
    let works = async {
        for attempt in 0_u32.. {
            let request_id = format!("00000000-0000-4000-8000-{attempt:012}");
            let request = renamed(&id, "After", &request_id);
            // As a client does that has not all day.
            let call = timeout(limit, service.groups().set_group_subject(request)).await;
            if let Ok(Ok(_)) = call {
                return;
            }
        }
    };
    timeout(limit, works).await.expect("changes work again in time");
    timeout(limit, becomes(&service, ServingStatus::Serving)).await.expect("it is ready");
    assert_eq!(service.get_group(&id, 2).await.expect("the group").subject, "After");
}
