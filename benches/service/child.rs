//! A server in a process of its own, and what the kernel says it used.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use wagroups::config::Settings;
use wagroups::server::{Server, Stop};

/// The NATS servers that the log is handed to; set where it is.
const NATS: &str = "WAGROUPS_BENCH_NATS";
/// Set for replicas.
const IS_REPLICA: &str = "WAGROUPS_BENCH_REPLICA";

pub struct Child {
    process: std::process::Child,
    pub addr: String,
    /// Where the service takes webhooks; empty for the others.
    pub webhook_addr: String,
    _dir: Option<TempDir>,
}

impl Child {
    /// The service on a fresh SQLite database.
    pub fn service() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let mut child = Self::service_on(dir.path());
        child._dir = Some(dir);
        child
    }

    pub fn service_on(dir: &Path) -> Self {
        Self::service_at(&format!("sqlite://{}/wagroups.db?mode=rwc", dir.display()))
    }

    pub fn service_at(url: &str) -> Self {
        Self::spawn(
            Command::new(own_path()).arg("--role-service").env("WAGROUPS_BENCH_DATABASE", url),
        )
    }

    /// The service on a SQLite database, whose log is handed to NATS.
    pub fn relaying(dir: &Path, nats_url: &str) -> Self {
        let url = format!("sqlite://{}/wagroups.db?mode=rwc", dir.display());
        Self::spawn(
            Command::new(own_path())
                .arg("--role-service")
                .env("WAGROUPS_BENCH_DATABASE", url)
                .env(NATS, nats_url),
        )
    }

    /// One of several replicas on this database.
    pub fn replica(url: &str) -> Self {
        Self::spawn(
            Command::new(own_path())
                .arg("--role-service")
                .env("WAGROUPS_BENCH_DATABASE", url)
                .env(IS_REPLICA, "1"),
        )
    }

    /// A bare HTTP server that writes each body into this database.
    pub fn bare_http(url: &str) -> Self {
        Self::spawn(
            Command::new(own_path()).arg("--role-bare-http").env("WAGROUPS_BENCH_DATABASE", url),
        )
    }

    /// A bare tonic server that answers these bytes.
    pub fn bare(group: &Path, event: &Path) -> Self {
        Self::spawn(Command::new(own_path()).arg("--role-bare").arg(group).arg(event))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process =
            command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().expect("a process");
        let stdout = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("its addresses");
        let mut addrs = line.split_whitespace().map(str::to_owned);
        let (addr, webhook_addr) = (addrs.next(), addrs.next());
        Self {
            process,
            addr: addr.unwrap_or_default(),
            webhook_addr: webhook_addr.unwrap_or_default(),
            _dir: None,
        }
    }

    /// Tells it to stop; it ends once its input has.
    pub fn stop(&mut self) {
        self.process.stdin.take();
    }

    /// Kills it, as -9 does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
    }

    pub async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addr)).expect("an address");
        let endpoint = endpoint.initial_connection_window_size(8 << 20).tcp_nodelay(true);
        endpoint.connect().await.expect("a connection")
    }

    pub async fn connect_many(&self, count: usize) -> Vec<Channel> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(self.connect().await);
        }
        channels
    }

    /// Processor time used so far, in seconds, of all its threads: by the clock that counts nanoseconds, since `stat`
    /// counts hundredths of a second, which is more than a short measurement takes.
    pub fn cpu_seconds(&self) -> f64 {
        let process = Pid::from_raw(i32::try_from(self.process.id()).expect("a process id"));
        let clock = clock_getcpuclockid(process).expect("the clock of the process");
        Duration::from(clock_gettime(clock).expect("its time")).as_secs_f64()
    }

    pub fn resident_bytes(&self) -> f64 {
        let statm = self.read("statm");
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4096.0
    }

    /// The most memory that it ever had.
    pub fn peak_bytes(&self) -> f64 {
        let status = self.read("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
        kibibytes.unwrap_or(0.0) * 1024.0
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn own_path() -> std::path::PathBuf {
    std::env::current_exe().expect("the path of this program")
}

/// The child's side: serves until its input ends.
pub async fn serve() {
    let mut settings = Settings::default();
    settings.database.url = database_url().as_str().into();
    settings.grpc.listen = "127.0.0.1:0".parse().expect("an address");
    settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
    settings.grpc.max_streams_per_connection = 100_000;
    settings.ops.listen = None;
    if std::env::var_os(IS_REPLICA).is_some() {
        settings.cluster.listen = "127.0.0.1:0".parse().ok();
    }
    settings.nats.url = std::env::var(NATS).unwrap_or_default();
    let server = Server::start(&settings).await.expect("the service starts");
    println!("{} {}", server.grpc_addr(), server.waha_ingress_addr().expect("it takes webhooks"));
    server.run_until(until_input_ends()).await;
}

/// The database that the parent has chosen.
pub fn database_url() -> String {
    std::env::var("WAGROUPS_BENCH_DATABASE").expect("a database")
}

pub async fn until_input_ends() -> Stop {
    let waiting = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
    });
    let _ = waiting.await;
    Stop::Asked
}
