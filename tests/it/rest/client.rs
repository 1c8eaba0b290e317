//! A client of WAHA's paths that takes nothing for granted: it answers status, headers, and text.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::service::Service;

/// Calls of one session, over connections that it keeps.
#[derive(Clone)]
pub struct Rest {
    client: Client,
    url: String,
    session: String,
    headers: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Ours, of a refusal; empty where nothing is refused.
    pub fn reason(&self) -> &str {
        self.header("x-wagroups-reason")
    }

    pub fn said(&self) -> (u16, &str) {
        (self.status, self.reason())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8", "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON of an answer of success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The bare text of an answer of success, as Nest sends what is no object.
    #[track_caller]
    pub fn bare(&self) -> &str {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8", "{self:?}");
        &self.text
    }

    /// Nothing, and success.
    #[track_caller]
    pub fn nothing(&self) {
        assert_eq!((self.status, self.text.as_str()), (200, ""), "{self:?}");
        assert_eq!(self.header("content-length"), "0", "{self:?}");
        assert_eq!(self.header("content-type"), "", "{self:?}");
    }

    /// The sequence at which it holds.
    #[track_caller]
    pub fn sequence(&self) -> i64 {
        let sequence = self.header("x-wagroups-sequence");
        sequence.parse().unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl Rest {
    /// For session `default`.
    pub fn new(service: &Service) -> Self {
        let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
        let client = Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
        let (url, session) = (service.rest_url(), "default".to_owned());
        Self { client, url, session, headers: Vec::new() }
    }

    pub fn of_session(&self, session: &str) -> Self {
        Self { session: session.to_owned(), ..self.clone() }
    }

    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// `path` is what follows `/api/{session}/groups`.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let path = format!("/api/{}/groups{path}", self.session);
        self.send_to(method, &path, body).await
    }

    pub async fn send_to(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send_as(method, path, "application/json", body).await
    }

    pub async fn send_as(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let method: Method = method.parse().expect("a method");
        let body = body.into();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !body.is_empty() {
            request = request.header("content-type", kind).body(body);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("a whole answer") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "").await
    }

    /// Makes a group; the answer, and the group's id.
    pub async fn create(&self, name: &str, people: &[&str]) -> (Answer, String) {
        let answer = self.post("", json!({ "name": name, "participants": ids(people) })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let made = answer.json();
        let id = ["id", "JID"].iter().find_map(|key| made[key].as_str());
        (answer.clone(), id.expect("an id").to_owned())
    }
}

/// As WAHA takes people.
pub fn ids(people: &[&str]) -> Value {
    people.iter().map(|id| json!({ "id": id })).collect()
}
