//! The program as a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};
use wagroups::pb;
use wagroups::pb::sessions_service_client::SessionsServiceClient;

use super::postgres::TestDatabase;
use super::service::{PATIENCE, eventually};

/// Where the program keeps its data between its lives.
pub enum TestStore {
    Sqlite(TempDir),
    Postgres(TestDatabase),
}

impl TestStore {
    pub async fn sqlite() -> Option<Self> {
        Some(Self::Sqlite(TempDir::new().expect("a temporary folder")))
    }

    /// `None` where there is no PostgreSQL to test with.
    pub async fn postgres() -> Option<Self> {
        TestDatabase::create().await.map(Self::Postgres)
    }

    /// The same for a program that makes its tables itself.
    pub async fn empty_postgres() -> Option<Self> {
        TestDatabase::create_empty().await.map(Self::Postgres)
    }

    /// That of replicas.
    pub fn database(&self) -> &TestDatabase {
        match self {
            Self::Postgres(database) => database,
            Self::Sqlite(_) => unreachable!("replicas share a PostgreSQL"),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(dir) => format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }
}

pub struct Process {
    child: Child,
    ports: Ports,
}

/// Where it listens, the same in all its lives.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    grpc: SocketAddr,
    webhook: SocketAddr,
}

impl Ports {
    pub fn free() -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        // Both at once, so that they differ.
        let (grpc, webhook) = (free(), free());
        let addr = |listener: TcpListener| listener.local_addr().expect("an address");
        Self { grpc: addr(grpc), webhook: addr(webhook) }
    }

    /// A channel that connects anew by itself after each death, whose calls end after so long.
    pub fn channel_within(&self, timeout: Duration) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.grpc))
            .expect("an address")
            .connect_timeout(Duration::from_secs(1))
            .timeout(timeout)
            .connect_lazy()
    }
}

/// What became of it is the first question where a test fails.
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the process that the test leaves: {:?}", self.child.try_wait());
        }
    }
}

impl Process {
    /// Starts the program, at the addresses of its former life where there was one.
    pub async fn start(store: &TestStore, former: Option<&Self>) -> Self {
        let none: [(&str, &str); 0] = [];
        let process = Self::spawn(store, former.map(|former| former.ports), &none);
        process.wait_until_it_works().await;
        process
    }

    /// Starts the program with some settings of the environment.
    pub async fn start_with(store: &TestStore, settings: &[(&str, impl AsRef<str>)]) -> Self {
        let process = Self::spawn(store, None, settings);
        process.wait_until_it_works().await;
        process
    }

    /// Starts the program with such settings at the addresses of its former life.
    pub async fn restart_with(
        store: &TestStore,
        former: &Self,
        settings: &[(&str, impl AsRef<str>)],
    ) -> Self {
        let process = Self::spawn(store, Some(former.ports), settings);
        process.wait_until_it_works().await;
        process
    }

    /// Starts a program that was built elsewhere.
    pub async fn start_program(
        program: &str,
        store: &TestStore,
        ports: Ports,
        settings: &[(&str, impl AsRef<str>)],
    ) -> Self {
        // As the setting was called before.
        let webhook_listen = "WAGROUPS_WEBHOOK__LISTEN";
        let process = Self::spawn_program(program, webhook_listen, store, Some(ports), settings);
        process.wait_until_it_works().await;
        process
    }

    /// Starts the program at these ports.
    pub async fn start_at(
        store: &TestStore,
        ports: Ports,
        settings: &[(&str, impl AsRef<str>)],
    ) -> Self {
        let process = Self::spawn(store, Some(ports), settings);
        process.wait_until_it_works().await;
        process
    }

    /// Starts the program such that it dies at the n-th passage of a failpoint.
    pub async fn start_to_die_at(
        store: &TestStore,
        former: &Self,
        failpoint: &str,
        passage: usize,
    ) -> Self {
        // It may die before it works, so nobody waits for that.
        Self::spawn(
            store,
            Some(former.ports),
            &[("WAGROUPS_FAILPOINT", &format!("{failpoint}:{passage}"))],
        )
    }

    fn spawn(
        store: &TestStore,
        ports: Option<Ports>,
        settings: &[(&str, impl AsRef<str>)],
    ) -> Self {
        let program = env!("CARGO_BIN_EXE_wagroups");
        Self::spawn_program(program, "WAGROUPS_WAHA_INGRESS__LISTEN", store, ports, settings)
    }

    fn spawn_program(
        program: &str,
        webhook_listen: &str,
        store: &TestStore,
        ports: Option<Ports>,
        settings: &[(&str, impl AsRef<str>)],
    ) -> Self {
        let ports = ports.unwrap_or_else(Ports::free);
        let mut command = Command::new(program);
        command
            .arg("serve")
            // For the tests themselves; the program would take it for a setting.
            .env_remove("WAGROUPS_CRASH_ROUNDS")
            .env_remove("WAGROUPS_CHAOS_FAULTS")
            .env_remove("WAGROUPS_FLEET_SESSIONS")
            .env_remove("WAGROUPS_RELAY_KILLS")
            .env_remove("WAGROUPS_TEST_NATS_SERVER")
            .env_remove("WAGROUPS_BEFORE")
            .env("WAGROUPS_DATABASE__URL", store.url())
            .env("WAGROUPS_GRPC__LISTEN", ports.grpc.to_string())
            .env(webhook_listen, ports.webhook.to_string())
            .env("WAGROUPS_OPS__LISTEN", "off")
            .env("WAGROUPS_LOG__FILTER", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_ref())));
        Self { child: command.spawn().expect("the program starts"), ports }
    }

    /// A channel that connects anew by itself after each death.
    pub fn channel(&self) -> Channel {
        self.channel_within(Duration::from_secs(20))
    }

    /// The same, whose calls end after so long.
    pub fn channel_within(&self, timeout: Duration) -> Channel {
        self.ports.channel_within(timeout)
    }

    /// Where webhooks are taken, without a path.
    pub fn webhook_url(&self) -> String {
        format!("http://{}", self.ports.webhook)
    }

    /// The memory that the process has now.
    pub fn resident_bytes(&self) -> u64 {
        let pid = self.id();
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("Linux tells");
        let pages: u64 =
            statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4096
    }

    /// Whether it lives, however it may have ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("a running process")
    }

    /// Waits until its threads stand still, as after SIGSTOP.
    pub async fn until_frozen(&self) {
        eventually("the process is frozen", || async {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).ok()?;
            // The state stands behind the name, which may hold anything.
            stat.rsplit_once(") ").filter(|(_, rest)| rest.starts_with('T')).map(drop)
        })
        .await;
    }

    /// Tells it to stop, and waits until it has ended well.
    pub async fn terminate(&mut self) {
        let pid = self.id().to_string();
        let told = Command::new("kill").arg(pid).status().await;
        assert!(told.expect("kill").success(), "SIGTERM reaches it");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends");
        let status = ended.expect("a status");
        assert!(status.success(), "{status}");
    }

    /// Stops its threads where they are, or lets them go on.
    pub async fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.await.expect("kill").success(), "SIG{name} reaches it");
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.expect("SIGKILL reaches it");
    }

    pub async fn wait_for_death(&mut self) {
        let died = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it dies at the failpoint");
        assert!(!died.expect("a status").success(), "it was to be killed, not to end");
    }

    /// However it does.
    pub async fn wait_for_end(&mut self) {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends")
            .expect("a status");
    }

    async fn wait_until_it_works(&self) {
        eventually("the session works", || async {
            let mut sessions = SessionsServiceClient::new(self.channel());
            let create =
                pb::CreateSessionRequest { session: "default".into(), ..Default::default() };
            // On PostgreSQL nobody has made it yet.
            let _ = sessions.create_session(create).await;
            let get = pb::GetSessionRequest { session: "default".into() };
            let session = sessions.get_session(get).await.ok()?.into_inner().session?;
            (session.status() == pb::SessionStatus::Working).then_some(())
        })
        .await;
    }
}
