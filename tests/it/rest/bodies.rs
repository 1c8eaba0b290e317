//! What bodies may take of the memory: how large they are, and for how long they count.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use wagroups::pb;
use wagroups::pb::inject_fault_request::Fault;

use super::client::{Rest, ids};
use super::listening;
use crate::harness::service::{PATIENCE, Service, eventually};
use crate::service::refusals::calls::{PERSON, group_of, picture};
use crate::service::refusals::inject;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_picture_has_a_large_body() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let padding = " ".repeat(257 << 10);
    for (method, path, body) in [
        ("POST", String::new(), json!({ "name": "Team", "participants": [] })),
        ("PUT", format!("/{group}/subject"), json!({ "subject": "Crew" })),
        ("POST", format!("/{group}/participants/add"), json!({ "participants": ids(&[PERSON]) })),
    ] {
        let answer = rest.send(method, &path, format!("{body}{padding}")).await;
        assert_eq!(answer.said(), (413, "MESSAGE_TOO_LARGE"), "{path}");
        let said = answer.json();
        assert_eq!(
            (&said["error"], &said["statusCode"]),
            (&"Payload Too Large".into(), &413.into())
        );
        assert!(said["message"].as_str().is_some_and(|text| text.contains("262144")), "{said}");
    }
    // It is read whole, and is none.
    let picture = json!({ "file": { "data": STANDARD.encode(vec![0; 2 << 20]) } });
    let answer = rest.put(&format!("/{group}/picture"), picture).await;
    assert_eq!(answer.said(), (500, "INVALID_PICTURE"));
    // As many as a group may have fit easily.
    let many: Vec<String> = (0..1024).map(|number| format!("49151{number:08}@c.us")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let answer = rest.post("", json!({ "name": "Team", "participants": ids(&many) })).await;
    assert_ne!(answer.status, 413, "{answer:?}");
    // More are refused by their number.
    let more = json!({ "name": "Team", "participants": vec![json!({ "id": "" }); 1025] });
    let answer = rest.post("", more).await;
    assert_eq!(answer.said(), (400, "INVALID_REQUEST"));
    assert!(answer.text.contains("must hold") && answer.text.len() < 1000, "{}", answer.text);
}

/// Of small values a body would take many times its size, also where a large one is allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_few_values() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    for (path, values) in [("/participants/add", 50_000), ("/picture", 1_000_000)] {
        let method = if path == "/picture" { "PUT" } else { "POST" };
        let body = format!("[{}[0]]", "[0],".repeat(values));
        let answer = rest.send(method, &format!("/{group}{path}"), body).await;
        assert_eq!(answer.said(), (400, "INVALID_REQUEST"), "{path}");
        assert!(answer.text.contains("more than 16384 values"), "{}", answer.text);
    }
    let answer = rest.send("DELETE", &format!("/{group}/picture"), " ".repeat(257 << 10)).await;
    assert_eq!(answer.said(), (413, "MESSAGE_TOO_LARGE"), "only a new picture is large");
}

/// What was made of a body is in memory for as long as the call takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_its_share_of_the_buffer_until_its_call_ends() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.rest.max_body_bytes = "64KiB".parse().expect("a size");
        settings.rest.buffer_bytes = "64KiB".parse().expect("a size");
    })
    .await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let hang = Fault::Hang(pb::HangFault { point: pb::FaultPoint::BeforeApply.into() });
    inject(&service, "default", &["SetGroupDescription"], hang).await;
    let padding = " ".repeat(40 << 10);
    let (caller, path) = (rest.clone(), format!("/{group}/description"));
    let body = format!("{}{padding}", json!({ "description": "Of us" }));
    let waits = tokio::spawn(async move {
        // One of the reads below may have the buffer just then.
        while caller.send("PUT", &path, body.clone()).await.status == 503 {}
    });
    // A read takes no turn from a change; its body is of no use, and is read like any other.
    let body = format!("{{}}{padding}");
    let full = eventually("the buffer is full", || async {
        let answer = rest.send("GET", "/count", body.clone()).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(full.said(), (503, "OVERLOADED"));
    // What is small has room beside it.
    assert_eq!(rest.get("/count").await.status, 200);
    waits.abort();
    eventually("who hangs up gives its share back", || async {
        (rest.send("GET", "/count", body.clone()).await.status == 200).then_some(())
    })
    .await;
}

/// As a simple client does it: it sends all, and then reads.
async fn sent_whole(url: &str, path: &str, headers: &str, bytes: usize) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {bytes}\r\n{headers}\r\n"
    );
    let exchange = async {
        stream.write_all(head.as_bytes()).await.expect("the head is taken");
        let chunk = vec![b' '; 64 << 10];
        for _ in 0..bytes / chunk.len() {
            stream.write_all(&chunk).await.expect("the body is taken");
        }
        let mut answer = vec![0; 64 << 10];
        let read = stream.read(&mut answer).await.expect("an answer, and no reset");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    timeout(PATIENCE, exchange).await.expect("in time")
}

/// Of 8 MiB to a path that takes 256 KiB, no client saw anything but a reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_too_much_is_answered_all_the_same() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        crate::webhook::listening(settings);
        settings.ops.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let server = service.server.as_ref().expect("a service");
    let ops = format!("http://{}", server.ops_addr().expect("ops.listen is set"));
    let (rest, webhook) = (service.rest_url(), service.webhook_url());
    service.create_waha_session("told", "a long secret").await;
    for (url, path, wanted) in [
        (&rest, "/api/default/groups", "HTTP/1.1 413 "),
        (&rest, "/nowhere", "HTTP/1.1 404 "),
        (&webhook, "/webhook/told", "HTTP/1.1 401 "),
        (&webhook, "/nowhere", "HTTP/1.1 404 "),
        (&ops, "/metrics", "HTTP/1.1 405 "),
    ] {
        let answer = sent_whole(url, path, "", 8 << 20).await;
        assert!(answer.starts_with(wanted), "{url}{path}: {answer}");
    }
    // Whoever asks first whether to send is told no, and sends nothing.
    let address = rest.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /api/default/groups HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        8 << 20
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.expect("in time").expect("read");
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// A server that begins to send a picture, and goes on with a byte now and then.
async fn slow_server(begun: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = Router::new().fallback(move || async move {
        let drops = futures::stream::iter(0..).then(move |number| {
            let begun = begun.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                // By now its head has arrived, and that it is a picture's is known.
                begun.fetch_add(usize::from(number == 5), Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from_static(b"."))
            }
        });
        ([("content-type", "image/png")], Body::from_stream(drops)).into_response()
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// The file of a picture is in memory for as long as its change takes, whoever still waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_keeps_its_share_when_its_caller_hangs_up() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.rest.max_body_bytes = "1MiB".parse().expect("a size");
        settings.rest.buffer_bytes = "1MiB".parse().expect("a size");
        settings.picture.allow_private_addresses = true;
        settings.picture.fetch_timeout = Duration::from_secs(15);
    })
    .await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let path = format!("/{group}/picture");
    // All places are taken, so that the file of the next one waits.
    let begun = Arc::new(AtomicUsize::new(0));
    let address = slow_server(begun.clone()).await;
    let slow = json!({ "file": { "url": format!("http://{address}/") } });
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let (rest, path, body) = (rest.clone(), path.clone(), slow.clone());
            tokio::spawn(async move { rest.put(&path, body).await })
        })
        .collect();
    eventually("all places are taken", || async {
        (begun.load(Ordering::Relaxed) == 8).then_some(())
    })
    .await;
    let body = json!({ "file": { "data": STANDARD.encode(vec![0; 700 << 10]) } }).to_string();
    assert!(body.len() > 900 << 10);
    let mut attempts = 0;
    let waits = loop {
        attempts += 1;
        assert!(attempts < 6, "places are free though eight pictures have begun to arrive");
        let (caller, its_path, its_body) = (rest.clone(), path.clone(), body.clone());
        let mut waits = tokio::spawn(async move { caller.send("PUT", &its_path, its_body).await });
        // The eight have been heard by their server, and take their places when its answer begins: until then
        // this one finds a place, and is soon answered.
        if tokio::time::timeout(Duration::from_secs(2), &mut waits).await.is_err() {
            break waits;
        }
    };
    let padding = format!("{{}}{}", " ".repeat(200 << 10));
    eventually("the buffer is full", || async {
        (rest.send("GET", "/count", padding.clone()).await.status == 503).then_some(())
    })
    .await;
    waits.abort();
    assert!(waits.await.is_err(), "nobody waits any more");
    // That nobody does is noticed at once, and frees nothing.
    for _ in 0..10 {
        assert_eq!(rest.send("GET", "/count", padding.clone()).await.status, 503);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eventually("the change has ended, and its share is free", || async {
        (rest.send("GET", "/count", padding.clone()).await.status == 200).then_some(())
    })
    .await;
    for ended in slow {
        assert_eq!(ended.await.expect("an answer").reason(), "PICTURE_FETCH_FAILED");
    }
}

/// What WhatsApp is to get was made of the file, which is of no more use while WhatsApp takes its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pictures_file_gives_its_share_back_before_whatsapp_answers() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.rest.max_body_bytes = "1MiB".parse().expect("a size");
        settings.rest.buffer_bytes = "1MiB".parse().expect("a size");
    })
    .await;
    let rest = Rest::new(&service);
    let group = group_of(&service, "default", &[PERSON]).await;
    let hang = Fault::Hang(pb::HangFault { point: pb::FaultPoint::BeforeApply.into() });
    inject(&service, "default", &["SetGroupPicture"], hang).await;
    // Whoever reads a PNG stops at its end.
    let file = [picture(), vec![0; 700 << 10]].concat();
    let body = json!({ "file": { "data": STANDARD.encode(file) } });
    let (caller, path) = (rest.clone(), format!("/{group}/picture"));
    let waits = tokio::spawn(async move { caller.put(&path, body).await });
    eventually("the picture is on its way", || async {
        let list =
            pb::ListCallsRequest { operation: "SetGroupPicture".into(), ..Default::default() };
        let calls = service.simulator().list_calls(list).await.expect("the calls").into_inner();
        (!calls.calls.is_empty()).then_some(())
    })
    .await;
    let padding = format!("{{}}{}", " ".repeat(200 << 10));
    assert_eq!(rest.send("GET", "/count", padding).await.status, 200);
    assert!(!waits.is_finished());
    waits.abort();
}
