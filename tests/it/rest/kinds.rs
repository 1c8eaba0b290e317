//! Bodies as WAHA takes them: forms, packed bodies, and what editors and tools put around JSON; and what is not taken.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use super::client::{Answer, Rest};
use super::listening;
use crate::harness::service::{Service, http_client};
use crate::service::refusals::calls::picture;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

async fn served() -> (Service, Rest) {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    (service, rest)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::best());
    packing.write_all(text).expect("packed");
    packing.finish().expect("packed")
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut packing = ZlibEncoder::new(Vec::new(), Compression::best());
    packing.write_all(text).expect("packed");
    packing.finish().expect("packed")
}

/// Posts a body with these headers and no others.
async fn post(service: &Service, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    send(service, reqwest::Method::POST, path, headers, body).await
}

async fn send(
    service: &Service,
    method: reqwest::Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let url = format!("{}/api/default/groups{path}", service.rest_url());
    let mut request = http_client().request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a whole answer") }
}

fn people(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 201, "{answer:?}");
    let made = answer.json();
    let members = made["participants"].as_array().expect("members").iter();
    members.map(|member| member["pn"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_json_packed_or_not_with_a_mark_or_without() {
    let (service, _rest) = served().await;
    let body = json!({ "name": "Team", "participants": [{ "id": "4915120000001@c.us" }] });
    let text = body.to_string().into_bytes();
    let marked = [b"\xef\xbb\xbf".to_vec(), text.clone()].concat();
    for (headers, body) in [
        (vec![("content-type", JSON)], text.clone()),
        (vec![("content-type", "application/json; charset=UTF-8")], marked.clone()),
        (vec![], text.clone()),
        // curl's word for whatever it is given, and a library's for a text.
        (vec![("content-type", FORM)], text.clone()),
        (vec![("content-type", "text/plain;charset=UTF-8")], text.clone()),
        (vec![("content-type", JSON), ("content-encoding", "gzip")], gzip(&text)),
        (vec![("content-type", JSON), ("content-encoding", "GZIP")], gzip(&marked)),
        (vec![("content-type", JSON), ("content-encoding", "deflate")], zlib(&text)),
        (vec![("content-type", JSON), ("content-encoding", "identity")], text.clone()),
    ] {
        let answer = post(&service, "", &headers, body).await;
        assert!(people(&answer).contains(&"4915120000001@c.us".to_owned()), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_as_good_as_json() {
    let (service, rest) = served().await;
    let form = [("content-type", FORM)];
    for body in [
        "name=A+%26+B&participants[0][id]=4915120000001@c.us&participants[1][id]=4915120000002",
        "name=A+%26+B&participants%5B%5D%5Bid%5D=4915120000001&participants%5B%5D%5Bid%5D=4915120000002",
    ] {
        let answer = post(&service, "", &form, body.into()).await;
        let people = people(&answer);
        assert_eq!(answer.json()["subject"], json!("A & B"));
        for person in ["4915120000001@c.us", "4915120000002@c.us"] {
            assert!(people.contains(&person.to_owned()), "{people:?}");
        }
    }
    let (_, group_id) = rest.create("Team", &[]).await;
    let set = format!("/{group_id}/settings/security/info-admin-only");
    for (body, wanted) in [("adminsOnly=true", true), ("adminsOnly=0", false)] {
        let answer = send(&service, reqwest::Method::PUT, &set, &form, body.into()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(rest.get(&set).await.ok(), json!({ "adminsOnly": wanted }));
    }
    let answer = send(&service, reqwest::Method::PUT, &set, &form, "adminsOnly=maybe".into()).await;
    assert_eq!(answer.said(), (400, "INVALID_REQUEST"));
    // In JSON a text is no boolean, as before.
    let answer = rest.put(&set, json!({ "adminsOnly": "true" })).await;
    assert_eq!(answer.said(), (400, "INVALID_REQUEST"));
    let torn = post(&service, "", &form, "name=a&name[b]=c".into()).await;
    assert_eq!(torn.said(), (400, "INVALID_REQUEST"));
    let many = post(&service, "", &form, "a=&".repeat(20_000).into()).await;
    assert_eq!(many.said(), (400, "INVALID_REQUEST"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_named() {
    let (service, _rest) = served().await;
    let text = br#"{"name":"Team","participants":[]}"#.to_vec();
    let utf16: Vec<u8> =
        [0xfe_ff_u16].into_iter().chain("{}".encode_utf16()).flat_map(u16::to_be_bytes).collect();
    for (status, headers, body, named) in [
        (415, vec![("content-encoding", "br")], text.clone(), "content-encoding \"br\""),
        (
            415,
            vec![("content-encoding", "gzip, gzip")],
            text.clone(),
            "content-encoding \"gzip, gzip\"",
        ),
        (
            415,
            vec![("content-type", "application/json; charset=latin1")],
            text.clone(),
            "charset \"latin1\"",
        ),
        (
            415,
            vec![("content-type", "multipart/form-data; boundary=x")],
            b"--x".to_vec(),
            "content-type \"multipart/form-data\"",
        ),
        (
            415,
            vec![("content-type", "text/plain")],
            b"Team".to_vec(),
            "content-type \"text/plain\"",
        ),
        (415, vec![("content-type", JSON)], utf16, "UTF-16"),
        (
            400,
            vec![("content-type", JSON), ("content-encoding", "gzip")],
            text.clone(),
            "content-encoding",
        ),
        (400, vec![("content-type", JSON)], gzip(&text), "content-encoding"),
    ] {
        let answer = post(&service, "", &headers, body).await;
        assert_eq!(answer.said(), (status, "INVALID_REQUEST"), "{headers:?} {answer:?}");
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(named), "{headers:?}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_is_refused_at_the_size_of_what_comes_out() {
    let (service, _rest) = served().await;
    let bomb = gzip(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < 64 << 10);
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    assert_eq!(post(&service, "", &headers, bomb).await.said(), (413, "MESSAGE_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_taken_in_every_writing_of_base64() {
    let (_service, rest) = served().await;
    let (_, group_id) = rest.create("Team", &[]).await;
    let plain = STANDARD.encode(picture());
    let lines = plain.as_bytes().chunks(76).map(String::from_utf8_lossy);
    let wrapped: String = lines.map(|line| format!("{line}\r\n")).collect();
    for data in [
        plain.clone(),
        wrapped,
        URL_SAFE_NO_PAD.encode(picture()),
        format!("data:image/png;base64,{plain}"),
    ] {
        let path = format!("/{group_id}/picture");
        let set = rest.put(&path, json!({ "file": { "data": data } })).await;
        assert_eq!(set.ok(), json!({ "success": true }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_the_query_is_read_as_every_client_writes_it() {
    let (_service, rest) = served().await;
    rest.create("Team", &["4915120000001@c.us"]).await;
    let has_members = |listed: &Value| listed[0].get("participants").is_some();
    assert!(has_members(&rest.get("").await.ok()));
    for query in ["exclude", "exclude[]", "exclude%5B%5D", "exclude[0]", "exclude%5B12%5D"] {
        let listed = rest.get(&format!("?{query}=participants")).await.ok();
        assert_eq!(listed[0]["subject"], json!("Team"));
        assert!(!has_members(&listed), "{query}: {listed}");
        let wrong = rest.get(&format!("?{query}=foo")).await;
        assert_eq!(wrong.said(), (400, "INVALID_REQUEST"), "{query}");
    }
    // What is not taken is named, and not passed over.
    for query in ["exclude[a]", "exclude%5Bparticipants%5D"] {
        let wrong = rest.get(&format!("?{query}=participants")).await;
        assert_eq!(wrong.said(), (400, "INVALID_REQUEST"), "{query}");
    }
}
