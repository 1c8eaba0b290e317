//! More than the service may hold: some are told to come again, and whoever does is taken in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use sea_orm::sqlx::{self, Connection, SqliteConnection};
use tokio::io::AsyncWriteExt;

use super::raw::{Raw, head};
use super::{SECRET, SESSION, Scene};
use crate::harness::service::{PATIENCE, Service, eventually};
use crate::webhook::listening;
use crate::webhook::sender::{Answer, Sender, sign};

fn assert_comes_again(answer: &Answer, reasons: &[&str]) {
    let (status, reason) = answer.said();
    assert!(status == 503 && reasons.contains(&reason), "{answer:?}");
    let after: u64 = answer.header("retry-after").parse().expect("seconds to wait");
    assert!((1..=60).contains(&after), "{after} seconds");
}

/// Bodies with a false signature that stay unfinished, of a session whose name somebody knows, and of names that he
/// made up: whatever room they take, webhooks that arrive find it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_nobody_vouches_for_keep_no_webhook_out() {
    const HELD: usize = 24;
    let mut scene = Scene::on_sqlite_with(|webhook| {
        webhook.buffer_bytes = "256KiB".parse().expect("a size");
        webhook.max_body_bytes = "64KiB".parse().expect("a size");
        webhook.body_timeout = 2 * PATIENCE;
    })
    .await;
    scene.service.create_waha_session("other", SECRET).await;
    let signature = sign("what a stranger knows", b"");
    let headers = [("x-webhook-hmac", &*signature), ("content-length", "65000")];
    for attacked in ["shop", "made-up", "each-another"] {
        let mut held = Vec::new();
        for number in 0..HELD {
            let path = match attacked {
                "each-another" => format!("/webhook/name-{number}"),
                name => format!("/webhook/{name}"),
            };
            let begun = head("POST", &path, &headers) + &" ".repeat(60_000);
            held.push(Raw::begin(&scene.url(), begun).await);
        }
        // The buffer has room for four of them, so that it is full by now, and stays so as more of them come.
        for raw in &mut held[..HELD / 2] {
            // Who still sends when he is refused may see the end of the connection alone.
            if let Some(answer) = raw.answer().await {
                assert_comes_again(&answer, &["OVERLOADED"]);
            }
            *raw = Raw::begin(
                &scene.url(),
                head("POST", "/webhook/shop", &headers) + &" ".repeat(60_000),
            )
            .await;
            scene.goes_on(&format!("while bodies of {attacked} are held")).await;
        }
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_be_in_flight_come_again_and_are_taken_in_once() {
    const AT_ONCE: usize = 32;
    let mut scene = Scene::on_sqlite_with(|webhook| webhook.max_in_flight = 1).await;
    let refused = AtomicUsize::new(0);
    let mut sent = 0;
    // How many meet is up to chance; that some do is not.
    while refused.load(Ordering::Relaxed) < 10 {
        let bodies: Vec<String> = (0..AT_ONCE).map(|_| scene.good().to_string()).collect();
        sent += bodies.len();
        assert!(sent < 100 * AT_ONCE, "none is ever refused");
        let deliveries = bodies.into_iter().map(|body| deliver_until_taken(&scene, body, &refused));
        futures::stream::iter(deliveries).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
    let log = scene.service.log(SESSION).await;
    assert_eq!(log.len(), scene.log.len() + sent, "each is in the log once");
    scene.log = log;
    scene.goes_on("after the crowd").await;
}

/// What is still being written is in flight, though WAHA was told long ago to send it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_in_time_keeps_its_place_until_it_is_done() {
    let mut scene = Scene::on_sqlite_with(|webhook| {
        webhook.max_in_flight = 1;
        webhook.commit_timeout = Duration::from_secs(1);
    })
    .await;
    let file = scene.service.database_url().to_owned();
    let mut other = SqliteConnection::connect(&file).await.expect("the database");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("nobody else may write");
    let (first, second) = (scene.good().to_string(), scene.good().to_string());
    assert_comes_again(&scene.post(first.clone()).await, &["NOT_IN_TIME"]);
    assert_comes_again(&scene.post(second.clone()).await, &["OVERLOADED"]);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("they may again");
    for (body, wanted) in [(first, ["accepted", "duplicate"]), (second, ["accepted"; 2])] {
        let said = eventually("it is taken", || async {
            let answer = scene.post(body.clone()).await;
            (answer.status == 200).then(|| answer.said().1.to_owned())
        })
        .await;
        assert!(wanted.contains(&said.as_str()), "{said}");
    }
    let log = scene.service.log(SESSION).await;
    assert_eq!(log.len(), scene.log.len() + 2, "each is in the log once");
    scene.log = log;
    scene.goes_on("after the wait").await;
}

async fn deliver_until_taken(scene: &Scene, body: String, refused: &AtomicUsize) {
    loop {
        let answer = scene.post(body.clone()).await;
        if answer.status == 200 {
            assert_eq!(answer.said(), (200, "accepted"), "who was refused has left nothing behind");
            return;
        }
        assert_comes_again(&answer, &["OVERLOADED"]);
        refused.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_wants_again_what_it_has_not_taken_in() {
    let mut scene = Scene::on_sqlite().await;
    let body = scene.good().to_string();
    let signature = sign(SECRET, body.as_bytes());
    let length = body.len().to_string();
    let headers =
        [("x-webhook-hmac", &*signature), ("content-length", &*length), ("expect", "100-continue")];
    // Admitted before, and complete only when the service is on its way out.
    let mut raw = Raw::begin(&scene.url(), head("POST", "/webhook/shop", &headers)).await;
    assert_eq!(raw.answer().await.expect("an answer").status, 100, "it waits for the body");
    let (sender, probe) = (scene.sender.clone(), scene.good().to_string());
    let late = async {
        eventually("the service stops", || async {
            match sender.deliver(SESSION, probe.clone()).await {
                Ok(answer) => (answer.said() == (503, "DRAINING")).then_some(()),
                // It takes no more connections.
                Err(_) => Some(()),
            }
        })
        .await;
        raw.write.write_all(body.as_bytes()).await.expect("sent");
        raw.answer().await.expect("an answer")
    };
    let ((), answer) = tokio::join!(scene.service.restart(), late);
    assert_comes_again(&answer, &["DRAINING"]);
    scene.sender = Sender::new(&scene.url(), SECRET);
    assert_eq!(scene.post(body).await.said(), (200, "accepted"), "it left nothing behind");
    scene.log = scene.service.log(SESSION).await;
    scene.goes_on("after the restart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_service_wants_webhooks_again_and_takes_them_once() {
    let Some(service) = Service::on_postgres_with(listening).await else { return };
    let mut scene = Scene::on(service).await;
    scene.service.database().cut_off().await;
    let body = scene.good().to_string();
    for _ in 0..2 {
        let answer = scene.post(body.clone()).await;
        assert_comes_again(&answer, &["DATABASE_UNAVAILABLE", "NOT_IN_TIME"]);
    }
    scene.service.database().restore().await;
    // Its first try may have come through after all, when the database came back.
    let said = eventually("it is taken", || async {
        let answer = scene.post(body.clone()).await;
        (answer.status == 200).then(|| answer.said().1.to_owned())
    })
    .await;
    assert!(["accepted", "duplicate"].contains(&said.as_str()), "{said}");
    let log = scene.service.log(SESSION).await;
    assert_eq!(log.len(), scene.log.len() + 1, "it is in the log once");
    scene.log = log;
    scene.goes_on("after the outage").await;
}
