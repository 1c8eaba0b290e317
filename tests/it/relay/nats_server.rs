//! A process of nats-server, and what its stream holds. The benchmark has it from here, too.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures::StreamExt as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Which server to start; `scripts/test.sh` sets it.
pub const SERVER: &str = "WAGROUPS_TEST_NATS_SERVER";
const PATIENCE: Duration = Duration::from_secs(30);

pub struct NatsServer {
    program: String,
    pub port: u16,
    pub dir: TempDir,
    child: Option<Child>,
}

/// A message of the stream.
#[derive(Debug, Clone)]
pub struct Message {
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl NatsServer {
    /// With these lines in its configuration; `None` where there is no server to start.
    pub async fn start(config: &str) -> Option<Self> {
        let program = std::env::var(SERVER).ok()?;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let dir = TempDir::new().expect("a temporary folder");
        let mut server = Self { program, port, dir, child: None };
        server.restart(config).await;
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash of its machine would; what it has acknowledged is on its disk.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("it ends");
        }
    }

    pub async fn restart(&mut self, config: &str) {
        self.stop().await;
        let (file, store) = (self.dir.path().join("nats.conf"), self.dir.path().join("store"));
        let (port, store) = (self.port, store.display());
        let config = format!(
            "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{store}\" }}\n{config}\n"
        );
        std::fs::write(&file, config).expect("its configuration");
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.expect("nats-server starts"));
        until(async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
    }

    /// A client without a name and password.
    pub async fn context(&self) -> Context {
        jetstream::new(until(async || async_nats::connect(self.url()).await.ok()).await)
    }

    /// All that the stream holds, in its order, as a consumer reads it.
    pub async fn messages(&self) -> Vec<Message> {
        let stream = self.context().await.get_stream("WAGROUPS").await.expect("the stream");
        let wanted = stream.cached_info().state.messages;
        if wanted == 0 {
            return Vec::new();
        }
        let consumer = stream.create_consumer(OrderedConfig::default()).await.expect("a consumer");
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

async fn until<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            match attempt().await {
                Some(value) => return value,
                None => sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("nats-server answers")
}
