//! The far side of a webhook: a server that keeps what it is posted and answers as it is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::harness::service::eventually;
use crate::webhook::sender::sign;

/// What posts are signed with, where they are.
pub const KEY: &str = "the key of the receiver";

#[derive(Debug, Clone)]
pub struct Post {
    pub headers: HeaderMap,
    pub raw: Bytes,
    pub body: Value,
    pub arrived: Instant,
    /// What it was answered.
    pub status: u16,
}

impl Post {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn session(&self) -> &str {
        self.text("/session")
    }

    pub fn sequence(&self) -> i64 {
        self.body.pointer("/payload/_data/sequence").and_then(Value::as_i64).unwrap_or_default()
    }

    pub fn was_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    /// Never.
    Hang,
}

type Script = Box<dyn FnMut(&Post) -> Answer + Send>;

#[derive(Clone)]
pub struct Receiver {
    url: String,
    kept: Arc<Kept>,
}

struct Kept {
    posts: Mutex<Vec<Post>>,
    script: Mutex<Script>,
}

impl Receiver {
    /// Takes everything, until it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let script: Script = Box::new(|_| Answer::Status(200));
        let kept = Arc::new(Kept { posts: Mutex::default(), script: Mutex::new(script) });
        let app = Router::new().fallback(receive).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kept }
    }

    pub fn url(&self) -> String {
        format!("{}/hook", self.url)
    }

    /// The same by name, which has to be looked up.
    pub fn url_by_name(&self) -> String {
        self.url().replace("127.0.0.1", "localhost")
    }

    pub fn answer(&self, script: impl FnMut(&Post) -> Answer + Send + 'static) {
        *self.kept.script.lock().expect("not poisoned") = Box::new(script);
    }

    /// Everything that was posted, in the order of arrival.
    pub fn posts(&self) -> Vec<Post> {
        self.kept.posts.lock().expect("not poisoned").clone()
    }

    pub fn taken(&self) -> Vec<Post> {
        self.posts().into_iter().filter(Post::was_taken).collect()
    }

    pub async fn until_posted(&self, count: usize) -> Vec<Post> {
        eventually("so many posts arrive", || async {
            let posts = self.posts();
            (posts.len() >= count).then_some(posts)
        })
        .await
    }

    pub async fn until_taken(&self, count: usize) -> Vec<Post> {
        eventually("so many posts are taken", || async {
            let taken = self.taken();
            (taken.len() >= count).then_some(taken)
        })
        .await
    }
}

async fn receive(State(kept): State<Arc<Kept>>, headers: HeaderMap, raw: Bytes) -> Response {
    let body = serde_json::from_slice(&raw).expect("each post is JSON");
    let mut post = Post { headers, raw, body, arrived: Instant::now(), status: 0 };
    if let Some(signature) = post.headers.get("x-webhook-hmac") {
        assert_eq!(
            signature.to_str().expect("hex"),
            sign(KEY, &post.raw),
            "the signature is right"
        );
        assert_eq!(post.header("x-webhook-hmac-algorithm"), "sha512");
    }
    let answer = (kept.script.lock().expect("not poisoned"))(&post);
    post.status = match &answer {
        Answer::Status(status) | Answer::With(status, _, _) => *status,
        Answer::Hang => 0,
    };
    kept.posts.lock().expect("not poisoned").push(post);
    let status = |status: u16| StatusCode::from_u16(status).expect("a status");
    match answer {
        Answer::Status(code) => status(code).into_response(),
        Answer::With(code, name, value) => {
            let value = HeaderValue::from_str(&value).expect("a value");
            (status(code), [(HeaderName::from_static(name), value)]).into_response()
        }
        Answer::Hang => std::future::pending().await,
    }
}
