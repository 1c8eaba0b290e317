//! Connections that take their time. Nobody else has to wait for them.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval};

use super::raw::{Raw, head};
use super::{SECRET, SESSION, Scene};
use crate::harness::service::PATIENCE;
use crate::webhook::sender::sign;

const SLOW: usize = 200;

/// A signed webhook of the session, cut after its head and `sent` bytes of its body.
fn begun(scene: &mut Scene, sent: usize) -> (String, String) {
    let body = scene.good().to_string();
    let headers = [
        ("x-webhook-hmac", sign(SECRET, body.as_bytes())),
        ("content-length", body.len().to_string()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (first, rest) = body.split_at(sent);
    (head("POST", "/webhook/shop", &headers) + first, rest.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_slow_connections_keep_no_one_waiting() {
    let mut scene = Scene::on_sqlite_with(|webhook| webhook.body_timeout = PATIENCE).await;
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let (request, rest) = begun(&mut scene, 10);
        // Some stop within the head, some before the body, some within it.
        let end = match number % 3 {
            0 => 20 + number / 3,
            1 => request.len() - 10,
            _ => request.len(),
        };
        let raw = Raw::begin(&scene.url(), &request[..end]).await;
        slow.push((raw, request[end..].to_owned() + &rest));
    }
    for number in 0..30 {
        scene.goes_on(&format!("good one {number} among the slow")).await;
    }
    // They were slow, and no more than that: whoever goes on in time is taken in.
    for (mut raw, rest) in slow {
        raw.write.write_all(rest.as_bytes()).await.expect("taken");
        assert_eq!(raw.answer().await.expect("an answer").said(), (200, "accepted"));
    }
    let log = scene.service.log(SESSION).await;
    assert_eq!(log.len(), scene.log.len() + SLOW);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_drips_is_given_up_while_others_are_served() {
    let mut scene =
        Scene::on_sqlite_with(|webhook| webhook.body_timeout = Duration::from_secs(1)).await;
    let (request, rest) = begun(&mut scene, 0);
    let mut raw = Raw::begin(&scene.url(), request).await;
    let dripping = tokio::spawn(async move {
        // Slowness is what this is about; at this pace the body would take its time until next week.
        let mut drip = interval(Duration::from_millis(50));
        let mut rest = rest.into_bytes().into_iter();
        loop {
            tokio::select! {
                answer = raw.answer() => return answer,
                _ = drip.tick() => {
                    let byte = rest.next().expect("it is given up before all has been sent");
                    // It may have been given up just now.
                    let _ = raw.write.write_all(&[byte]).await;
                }
            }
        }
    });
    while !dripping.is_finished() {
        scene.goes_on("meanwhile").await;
    }
    let answer = dripping.await.expect("no panic").expect("an answer");
    scene.check("a dripping body", &answer, (408, "TOO_SLOW")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_is_demanded_before_the_body() {
    let mut scene = Scene::on_sqlite().await;
    // Were it waited for, the answer would be another one, and late.
    let headers = [("content-length", "1000")];
    let mut raw = Raw::begin(&scene.url(), head("POST", "/webhook/shop", &headers)).await;
    let answer = raw.answer().await.expect("an answer");
    scene.check("a body that nobody signed", &answer, (401, "NOT_SIGNED")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_end_is_cut_off_while_others_are_served() {
    let mut scene = Scene::on_sqlite().await;
    let Raw { mut read, mut write } =
        Raw::begin(&scene.url(), "POST /webhook/shop HTTP/1.1\r\n").await;
    let flood = tokio::spawn(async move {
        let line = format!("x-{}: {}\r\n", "a".repeat(100), "b".repeat(1000));
        let mut sent = 0_usize;
        loop {
            tokio::select! {
                biased;
                answer = read.answer() => return (answer, sent),
                written = write.write_all(line.as_bytes()) => match written {
                    Ok(()) => sent += line.len(),
                    Err(_) => return (read.answer().await, sent),
                }
            }
        }
    });
    let flood = tokio::time::timeout(PATIENCE, flood);
    scene.goes_on("during the flood").await;
    let (answer, sent) = flood.await.expect("an end").expect("no panic");
    // It is no request yet, so that the library answers, if anyone does.
    assert!(answer.is_none_or(|answer| answer.status == 431), "it is cut off");
    assert!(sent < 16 << 20, "{sent} bytes of a head were taken");
    scene.is_unharmed("a head without end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_stalls_gives_its_place_up() {
    let mut scene = Scene::on_sqlite().await;
    let whole = begun(&mut scene, 0).0;
    let began = Instant::now();
    let mut stalled = Raw::begin(&scene.url(), &whole[..30]).await;
    while began.elapsed() < Duration::from_secs(1) {
        scene.goes_on("while a head is stalled").await;
    }
    // The listener waits for 30 seconds, and this one for that.
    let end = tokio::time::timeout(2 * PATIENCE, stalled.answer()).await.expect("its end");
    assert!(end.is_none_or(|answer| answer.status == 408));
    scene.is_unharmed("a stalled head").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_makes_room_when_all_places_are_taken() {
    let mut scene = Scene::on_sqlite_with(|webhook| webhook.max_connections = 2).await;
    // The sender keeps one connection; the other place is taken by someone who says nothing.
    let silent = Raw::connect(&scene.url()).await;
    let mut new = Raw::connect(&scene.url()).await;
    let (request, rest) = begun(&mut scene, 0);
    new.write.write_all((request + &rest).as_bytes()).await.expect("sent");
    let answer = new.answer().await.expect("an answer");
    assert_eq!(answer.said(), (200, "accepted"), "there is a place");
    drop(silent);
    assert_eq!(scene.service.log(SESSION).await.len(), scene.log.len() + 1);
}
