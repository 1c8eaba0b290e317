//! A real NATS server, as the tests use it.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::{self, Context};

pub use super::nats_server::Message;
use super::nats_server::{NatsServer, SERVER};
use crate::harness::service::eventually;

pub struct Nats {
    server: NatsServer,
    config: String,
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
    /// `None` where there is no server to test with: the tests that need one do nothing then.
    pub async fn start() -> Option<Self> {
        Self::start_with("").await
    }

    /// With these lines in its configuration.
    pub async fn start_with(config: &str) -> Option<Self> {
        let Some(server) = NatsServer::start(config).await else {
            eprintln!("left out: {SERVER} is not set");
            return None;
        };
        Some(Self { server, config: config.to_owned() })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn folder(&self) -> &Path {
        self.server.dir.path()
    }

    pub fn configure(&mut self, config: &str) {
        config.clone_into(&mut self.config);
    }

    /// Ends it as a crash of its machine would.
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    pub async fn restart(&mut self) {
        self.server.restart(&self.config).await;
    }

    /// A client without a name and password.
    pub async fn context(&self) -> Context {
        self.server.context().await
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

    /// All that the stream holds, in its order.
    pub async fn messages(&self) -> Vec<Message> {
        self.server.messages().await
    }
}
