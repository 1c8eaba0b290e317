//! Bodies that are too large, and such as end before their end.

use tokio::io::AsyncWriteExt;

use super::raw::{Raw, exchange, head};
use super::{SECRET, SESSION, Scene};
use crate::webhook::sender::sign;

const LARGE: usize = 50 << 20;
const TOO_LARGE: (u16, &str) = (413, "TOO_LARGE");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not() {
    let limit = 64 * 1024;
    let mut scene =
        Scene::on_sqlite_with(|webhook| webhook.max_body_bytes = "64KiB".parse().expect("a size"))
            .await;
    let body = scene.good().to_string();
    let padded = |size: usize| format!("{body}{}", " ".repeat(size - body.len()));
    let answer = scene.post(padded(limit + 1)).await;
    scene.check("one byte more", &answer, TOO_LARGE).await;
    for chunk in [1, 100, limit] {
        let request = chunked(padded(limit + 1).as_bytes(), chunk);
        let what = format!("one byte more, in chunks of {chunk}");
        scene.check(&what, &exchange(&scene.url(), request).await, TOO_LARGE).await;
    }
    assert_eq!(scene.post(padded(limit)).await.said(), (200, "accepted"));
    scene.log = scene.service.log(SESSION).await;
    let request = chunked(padded(limit).as_bytes(), 1000);
    let again = exchange(&scene.url(), request).await;
    scene.check("the same in chunks", &again, (200, "duplicate")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_megabytes_are_refused_whether_or_not_they_are_announced() {
    let mut scene = Scene::on_sqlite().await;
    let body = format!("{}{}", scene.good(), " ".repeat(LARGE));
    let signature = sign(SECRET, body.as_bytes());
    let length = body.len().to_string();
    let announced = head(
        "POST",
        "/webhook/shop",
        &[("x-webhook-hmac", &signature), ("content-length", &length)],
    );
    let answer = exchange(&scene.url(), [announced.as_bytes(), body.as_bytes()].concat()).await;
    scene.check("announced and sent", &answer, TOO_LARGE).await;
    let answer = exchange(&scene.url(), chunked(body.as_bytes(), 64 * 1024)).await;
    scene.check("in chunks", &answer, TOO_LARGE).await;
    // An ordinary client sees it, or sees that it was cut off while it still sent.
    if let Ok(answer) = scene.sender.deliver(SESSION, body).await {
        assert_eq!(answer.said(), TOO_LARGE);
    }
    scene.is_unharmed("by a client of HTTP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_a_few_times_the_limit_sees_why_it_is_refused() {
    let mut scene = Scene::on_sqlite().await;
    for mebibytes in [5, 8, 12] {
        let body = format!("{}{}", scene.good(), " ".repeat(mebibytes << 20));
        let answer = scene.sender.deliver(SESSION, body).await.expect("an answer");
        scene.check(&format!("{mebibytes} MiB"), &answer, TOO_LARGE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_announces_too_much_is_refused_without_having_to_send_it() {
    let mut scene = Scene::on_sqlite().await;
    for length in ["52428800", "9223372036854775807"] {
        let mut headers = vec![("x-webhook-hmac", NO_SIGNATURE), ("content-length", length)];
        let announced = head("POST", "/webhook/shop", &headers);
        let answer = exchange(&scene.url(), announced).await;
        scene.check(&format!("{length} bytes"), &answer, TOO_LARGE).await;
        headers.push(("expect", "100-continue"));
        let asked = head("POST", "/webhook/shop", &headers);
        let answer = exchange(&scene.url(), asked).await;
        scene.check(&format!("asking whether to send {length} bytes"), &answer, TOO_LARGE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_ends_before_its_end_is_refused() {
    let mut scene = Scene::on_sqlite().await;
    let body = scene.good().to_string();
    let signature = sign(SECRET, body.as_bytes());
    let longer = (body.len() + 1).to_string();
    let announced = [("x-webhook-hmac", &*signature), ("content-length", &*longer)];
    let in_chunks = [("x-webhook-hmac", &*signature), ("transfer-encoding", "chunked")];
    let size = format!("{:x}", body.len());
    let cases = [
        ("a byte short", head("POST", "/webhook/shop", &announced) + &body),
        (
            "without the last chunk",
            format!("{}{size}\r\n{body}\r\n", head("POST", "/webhook/shop", &in_chunks)),
        ),
        (
            "in the middle of a chunk",
            format!("{}ffff\r\n{body}", head("POST", "/webhook/shop", &in_chunks)),
        ),
        (
            "with a chunk of no size",
            format!("{}xyz\r\n{body}\r\n0\r\n\r\n", head("POST", "/webhook/shop", &in_chunks)),
        ),
    ];
    for (what, request) in cases {
        let mut raw = Raw::begin(&scene.url(), request).await;
        raw.write.shutdown().await.expect("the end");
        let answer = raw.answer().await.expect("an answer");
        scene.check(what, &answer, (400, "BROKEN_OFF")).await;
    }
}

/// Has the form of a signature.
const NO_SIGNATURE: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";

/// A request that does not say how long it is, in chunks of this size.
fn chunked(body: &[u8], chunk: usize) -> Vec<u8> {
    let signature = sign(SECRET, body);
    let headers = [("x-webhook-hmac", &*signature), ("transfer-encoding", "chunked")];
    let mut request = head("POST", "/webhook/shop", &headers).into_bytes();
    for chunk in body.chunks(chunk) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}
