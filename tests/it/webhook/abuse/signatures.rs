//! Signatures that are none, and bodies that came before.

use super::{SECRET, SESSION, Scene};
use crate::harness::service::Service;
use crate::webhook::sender::{event, event_id, members, sign};
use crate::webhook::told_on_each_database;

told_on_each_database!(what_came_before_is_a_duplicate_also_after_a_restart);

const OTHER_SECRET: &str = "what the other session's server knows";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_sessions_own_signature_opens() {
    let mut scene = Scene::on_sqlite().await;
    scene.service.create_waha_session("other", OTHER_SECRET).await;
    let body = scene.good().to_string();
    let right = sign(SECRET, body.as_bytes());
    let one_byte_more = sign(SECRET, format!("{body} ").as_bytes());
    let another = sign(OTHER_SECRET, body.as_bytes());
    let shorter = &right[..64];
    let no_hex = "x".repeat(128);
    let (hmac, algorithm) = ("x-webhook-hmac", "x-webhook-hmac-algorithm");
    let not_signed = (401, "NOT_SIGNED");
    let wrong = (401, "WRONG_SIGNATURE");
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str));
    let cases: [Case<'_>; 14] = [
        ("without any header", &[], not_signed),
        ("with an algorithm alone", &[(algorithm, "sha512")], not_signed),
        ("with the signature where others have it", &[("x-hub-signature", &right)], not_signed),
        ("with another body's signature", &[(hmac, &one_byte_more)], wrong),
        ("with the other session's secret", &[(hmac, &another)], wrong),
        ("signed with nothing", &[(hmac, &sign("", body.as_bytes()))], wrong),
        ("with half of a signature", &[(hmac, shorter)], wrong),
        ("with a signature and a half", &[(hmac, &format!("{right}{shorter}"))], wrong),
        ("with a signature that is not hex", &[(hmac, &no_hex)], wrong),
        ("with an empty signature", &[(hmac, "")], wrong),
        ("with a wrong one before the right one", &[(hmac, &another), (hmac, &right)], wrong),
        ("with SHA-256", &[(hmac, shorter), (algorithm, "sha256")], (401, "OTHER_ALGORITHM")),
        ("right, but named MD5", &[(hmac, &right), (algorithm, "md5")], (401, "OTHER_ALGORITHM")),
        ("right, but named nothing", &[(hmac, &right), (algorithm, "")], (401, "OTHER_ALGORITHM")),
    ];
    for (what, headers, wanted) in cases {
        let answer = scene.sender.post_with(SESSION, body.clone(), headers).await;
        scene.check(what, &answer.expect("an answer"), wanted).await;
    }
    // None of them has used the event up.
    let answer = scene.sender.post_with(SESSION, body, &[(hmac, &right)]).await;
    assert_eq!(answer.expect("an answer").said(), (200, "accepted"));
}

async fn what_came_before_is_a_duplicate_also_after_a_restart(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.service.create_waha_session("other", SECRET).await;
    let body = scene.good();
    assert_eq!(scene.post(body.to_string()).await.said(), (200, "accepted"));
    scene.log = scene.service.log(SESSION).await;
    // The id counts, whatever else may be told under it.
    let mut forged = body.clone();
    forged["payload"]["participants"][0]["id"] = "777@lid".into();
    for life in ["at once", "after a restart", "after another restart"] {
        for (what, body) in [("the same body", &body), ("another one with the same id", &forged)] {
            let answer = scene.post(body.to_string()).await;
            scene.check(&format!("{what}, {life}"), &answer, (200, "duplicate")).await;
        }
        let elsewhere = scene.sender.deliver("other", body.to_string()).await.expect("an answer");
        let what = format!("replayed to a session with the same secret, {life}");
        scene.check(&what, &elsewhere, (422, "OTHER_SESSION")).await;
        assert!(scene.service.log("other").await.is_empty(), "{what}");
        scene.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_in_another_session_is_another_event() {
    let mut scene = Scene::on_sqlite().await;
    scene.service.create_waha_session("other", OTHER_SECRET).await;
    let other = scene.sender.with_secret(OTHER_SECRET);
    let group = "120363000000000002@g.us";
    let joins = members(group, "join", &["5@lid"], super::now());
    let body = event("other", &event_id(1), super::now(), "group.v2.participants", joins);
    let answer = other.deliver("other", body.to_string()).await.expect("an answer");
    assert_eq!(answer.said(), (200, "accepted"), "id 1 is taken in {SESSION} only");
    assert_eq!(scene.service.log("other").await.len(), 1);
    scene.is_unharmed("what happened in another session").await;
}
