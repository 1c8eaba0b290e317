//! A real NATS server, and what its stream holds.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures::StreamExt as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::harness::service::eventually;

/// Which server to start; `scripts/test.sh` sets it. Without it the tests that need one do nothing.
const SERVER: &str = "WAGROUPS_TEST_NATS_SERVER";

pub struct Nats {
    server: String,
    config: String,
    port: u16,
    dir: TempDir,
    child: Option<Child>,
}

/// A message of the stream.
#[derive(Debug, Clone)]
pub struct Message {
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl Message {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.as_str())
    }

    /// The event's number in its session.
    pub fn sequence(&self) -> i64 {
        self.header("Wagroups-Sequence").parse().expect("a number")
    }

    pub fn session(&self) -> &str {
        self.header("ce-source").trim_start_matches("/wagroups/sessions/")
    }
}

impl Nats {
    /// `None` where there is no server to test with.
    pub async fn start() -> Option<Self> {
        Self::start_with("").await
    }

    /// With these lines in its configuration.
    pub async fn start_with(config: &str) -> Option<Self> {
        let Ok(server) = std::env::var(SERVER) else {
            eprintln!("left out: {SERVER} is not set");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let dir = TempDir::new().expect("a temporary folder");
        let mut nats = Self { server, config: config.to_owned(), port, dir, child: None };
        nats.restart().await;
        Some(nats)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub fn configure(&mut self, config: &str) {
        config.clone_into(&mut self.config);
    }

    /// Ends it as a crash of its machine would; what it has acknowledged is on its disk.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("it ends");
        }
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        let file = self.dir.path().join("nats.conf");
        let store = self.dir.path().join("store");
        let config = format!(
            "host: 127.0.0.1\nport: {}\njetstream {{ store_dir: \"{}\" }}\n{}\n",
            self.port,
            store.display(),
            self.config
        );
        std::fs::write(&file, config).expect("its configuration");
        let child = Command::new(&self.server)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.expect("nats-server starts"));
        let address = self.address();
        eventually("nats-server listens", || async {
            tokio::net::TcpStream::connect(&address).await.ok()
        })
        .await;
    }

    /// A client without a name and password.
    pub async fn context(&self) -> Context {
        let client =
            eventually("a client of NATS", || async { async_nats::connect(self.url()).await.ok() })
                .await;
        jetstream::new(client)
    }

    /// How many messages the stream holds; none where there is no stream.
    pub async fn count(&self) -> u64 {
        let client = async_nats::ConnectOptions::new().connection_timeout(Duration::from_secs(2));
        let Ok(client) = client.connect(self.url()).await else { return 0 };
        match jetstream::new(client).get_stream("WAGROUPS").await {
            Ok(stream) => stream.cached_info().state.messages,
            Err(_) => 0,
        }
    }

    pub async fn until_it_holds(&self, count: u64) {
        eventually(&format!("the stream holds {count} messages"), || async {
            (self.count().await >= count).then_some(())
        })
        .await;
    }

    /// All that the stream holds, in its order, as a consumer reads it.
    pub async fn messages(&self) -> Vec<Message> {
        let stream = self.context().await.get_stream("WAGROUPS").await.expect("the stream");
        let wanted = stream.cached_info().state.messages;
        if wanted == 0 {
            return Vec::new();
        }
        let ordered = jetstream::consumer::pull::OrderedConfig::default();
        let consumer = stream.create_consumer(ordered).await.expect("a consumer");
        let mut messages = consumer.messages().await.expect("messages");
        let mut taken = Vec::new();
        while (taken.len() as u64) < wanted {
            let message = messages.next().await.expect("one more").expect("a message");
            let message = message.message.clone();
            taken.push(Message {
                subject: message.subject.to_string(),
                headers: message.headers.unwrap_or_default(),
                payload: message.payload,
            });
        }
        taken
    }
}
