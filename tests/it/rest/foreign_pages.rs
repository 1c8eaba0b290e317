//! Pages of other sites, which a browser on this machine may be made to show: they cannot call.

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wagroups::config::{ApiKey, Settings};

use super::client::Rest;
use super::listening;
use crate::harness::service::{Service, http_client};

fn locked(settings: &mut Settings) {
    listening(settings);
    settings.auth.keys = vec![ApiKey {
        name: "all".into(),
        sha256: hex::encode(Sha256::digest("wag_all")).parse().expect("a digest"),
        sessions: vec!["*".parse().expect("a pattern")],
        role: None,
    }];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_changes_and_reads_nothing() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let team = json!({ "name": "Team", "participants": [] });
    for site in ["cross-site", "same-site", "whatever"] {
        let page = rest.with_header("sec-fetch-site", site);
        assert_eq!(page.post("", team.clone()).await.said(), (403, "PERMISSION_DENIED"), "{site}");
        assert_eq!(page.get("").await.said(), (403, "PERMISSION_DENIED"), "{site}");
        let sessions = page.send_to("GET", "/api/sessions", "").await;
        assert_eq!(sessions.json(), json!({ "message": "Forbidden", "statusCode": 403 }));
    }
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "127.0.0.1"] {
        let page = rest.with_header("origin", origin);
        assert_eq!(
            page.post("", team.clone()).await.said(),
            (403, "PERMISSION_DENIED"),
            "{origin}"
        );
        // Sockets obey no rule of browsers but this one.
        let socket = page
            .with_header("connection", "upgrade")
            .with_header("upgrade", "websocket")
            .with_header("sec-websocket-version", "13")
            .with_header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(
            socket.send_to("GET", "/ws", "").await.said(),
            (403, "PERMISSION_DENIED"),
            "{origin}"
        );
    }
    assert!(service.log("default").await.is_empty());
    // Ours, an address that somebody typed, and everybody who is no browser.
    for rest in [
        rest.with_header("sec-fetch-site", "same-origin"),
        rest.with_header("sec-fetch-site", "none"),
        rest.with_header("origin", &service.rest_url()),
        rest.clone(),
    ] {
        assert_eq!(rest.post("", team.clone()).await.status, 201);
    }
}

/// A name that leads to this machine makes a stranger's page one of the same site.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_this_machine_is_reached_by_its_own_names_only() {
    let service = Service::on_sqlite_with(listening).await;
    let page = Rest::new(&service).with_header("sec-fetch-site", "same-origin");
    for host in ["evil.example", "localhost.evil.example:3000", "127.0.0.1.evil.example", "", "x@y"]
    {
        let answer = page.with_header("host", host).get("").await;
        assert_eq!(answer.said(), (403, "PERMISSION_DENIED"), "{host:?}");
        // Of a page that is not one of HTTPS, browsers say nothing but the name.
        let silent = Rest::new(&service).with_header("host", host);
        let paths = ["/", "/docs", "/openapi.json", "/assets/api.js", "/ws", "/nowhere"];
        let data = ["/api/sessions", "/api/default/groups", "/api/default/groups/events"];
        for path in paths.into_iter().chain(data) {
            let answer = silent.send_to("GET", path, "").await;
            assert_eq!(answer.said(), (403, "PERMISSION_DENIED"), "{host:?} {path}");
        }
        let made = silent.post("", json!({ "name": "Team", "participants": [] })).await;
        assert_eq!(made.said(), (403, "PERMISSION_DENIED"), "{host:?}");
    }
    // No browser leaves it out, or says two.
    let address = service.rest_url().trim_start_matches("http://").to_owned();
    for host in ["", "host: localhost\r\nhost: evil.example\r\n"] {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        let head = format!("GET /api/sessions HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 40"), "{host:?}: {answer}");
    }
    assert!(service.log("default").await.is_empty());
    for host in ["localhost", "localhost:3000", "app.localhost", "127.0.0.1:3000", "[::1]:3000"] {
        assert_eq!(page.with_header("host", host).get("").await.status, 200, "{host:?}");
        let silent = Rest::new(&service).with_header("host", host);
        for path in ["/", "/openapi.json", "/api/default/groups"] {
            assert_eq!(silent.send_to("GET", path, "").await.status, 200, "{host:?} {path}");
        }
    }
    // Where keys are set, a stranger's page has none.
    let service = Service::on_sqlite_with(locked).await;
    let page = Rest::new(&service).with_header("sec-fetch-site", "same-origin");
    let page = page.with_header("host", "groups.example.com");
    assert_eq!(page.get("").await.status, 401);
    assert_eq!(page.with_header("x-api-key", "wag_all").get("").await.status, 200);
    let silent = Rest::new(&service).with_header("host", "groups.example.com");
    assert_eq!(silent.send_to("GET", "/", "").await.status, 200);
    let elsewhere = Rest::new(&service).with_header("sec-fetch-site", "cross-site");
    assert_eq!(elsewhere.get("").await.status, 401);
    assert_eq!(elsewhere.with_header("x-api-key", "wag_all").get("").await.status, 200);
}

/// What is answered is nothing else than it says, and nobody in between keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_not_guessed_at_and_kept_nowhere() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        crate::webhook::listening(settings);
    })
    .await;
    let rest = Rest::new(&service);
    for path in ["/api/sessions", "/api/default/groups", "/api/nobody/groups", "/nowhere", "/ws"] {
        let answer = rest.send_to("GET", path, "").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let page = rest.send_to("GET", "/", "").await;
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-cache", "pages say it themselves");
    let nowhere = format!("{}/nowhere", service.webhook_url());
    let answer = http_client().get(nowhere).send().await.expect("an answer");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}
