//! A network between a client and a server that fails as networks do: it carries nothing any more, breaks
//! at a byte, or keeps breaking.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What one statement sent, and what came back for it.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    pub sent: Vec<u8>,
    pub received: Vec<u8>,
}

impl Exchange {
    /// Whether the server has said that it is ready for the next statement.
    fn is_answered(&self) -> bool {
        self.received.ends_with(b"Z\0\0\0\x05I")
    }
}

#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    links: Mutex<Vec<Arc<Link>>>,
    watched: Mutex<Option<Watched>>,
    /// How many connections have ended over which commits went.
    ended_commits: AtomicUsize,
}

/// A place in what one statement sends or receives: after so many bytes of one of its messages, or before so many that
/// end it. A message of the same statement is now shorter and now longer, by the digits of its times and by what is
/// written along, so a count of all bytes would name no place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub way: Way,
    /// Counts from 0.
    pub message: usize,
    pub within: Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// After so many bytes, or where the message ends.
    After(usize),
    BeforeEnd(usize),
}

impl Place {
    /// Where it is in what has come so far; `None` where that does not tell yet.
    fn position(self, bytes: &[u8]) -> Option<usize> {
        let borders = borders(bytes);
        let start = *borders.get(self.message)?;
        match (self.within, borders.get(self.message + 1)) {
            (Within::After(count), Some(end)) => Some((start + count).min(*end)),
            (Within::After(0), None) => Some(start),
            (Within::After(_) | Within::BeforeEnd(_), None) => None,
            (Within::BeforeEnd(count), Some(end)) => Some(end.saturating_sub(count).max(start)),
        }
    }
}

/// Where the messages of PostgreSQL's protocol begin and end, as far as their heads are there: a letter and a length
/// each.
pub fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![0];
    let mut at = 0;
    while let Some(length) = bytes.get(at + 1..at + 5) {
        at += 1 + u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        borders.push(at);
    }
    borders
}

/// A statement that is waited for, and where it is to be cut.
#[derive(Debug)]
struct Watched {
    /// Bytes by which the statement is known.
    marker: Vec<u8>,
    cut: Option<Place>,
    exchange: Exchange,
    /// The link that carries the statement, once it has come.
    link: Option<Arc<Link>>,
    was_cut: bool,
}

/// One connection through the proxy.
#[derive(Debug, Default)]
struct Link {
    broken: CancellationToken,
    silent: AtomicBool,
    /// Whether something of its client waits since it is silent.
    holds: AtomicBool,
    /// Ends the silence.
    delivered: CancellationToken,
    /// Whether its client commits over it: says the name that it goes by at the server.
    commits: AtomicBool,
    /// How often its client has asked whether it lives, and got an answer, since its last statement.
    pings: AtomicUsize,
}

impl Proxy {
    /// Before the PostgreSQL server that the URL names as host:port.
    pub async fn before(url: &str) -> Self {
        let server: PgConnectOptions = url.parse().expect("a URL");
        let target = format!("{}:{}", server.get_host(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").to_string();
        assert!(url.contains(&target), "the server of the tests must be named as host:port");
        let shared: Arc<Shared> = Arc::default();
        let accepting = tokio::spawn(accept(listener, target.clone(), shared.clone()));
        Self { url: url.replacen(&target, &own, 1), shared, accepting }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets none of the connections that are open carry anything any more, without closing them. New ones
    /// work.
    pub fn silence(&self) {
        for link in self.shared.open_links() {
            link.silent.store(true, Ordering::SeqCst);
        }
    }

    /// Until a connection that was used is back in its pool, which asks it twice then whether it lives: once for us, and
    /// once by itself.
    pub async fn until_one_rests(&self) {
        while !self.shared.open_links().iter().any(|link| link.pings.load(Ordering::SeqCst) >= 2) {
            tokio::task::yield_now().await;
        }
    }

    /// Until a silent connection holds something for the server.
    pub async fn until_it_holds(&self) {
        while !self.shared.open_links().iter().any(|link| link.holds.load(Ordering::SeqCst)) {
            tokio::task::yield_now().await;
        }
    }

    /// Delivers what was held, to whomever is still there.
    pub fn deliver(&self) {
        self.shared.open_links().iter().for_each(|link| link.delivered.cancel());
    }

    /// Breaks the connections that are open.
    pub fn cut(&self) {
        self.shared.open_links().iter().for_each(|link| link.broken.cancel());
    }

    /// Breaks those that are open and over which commits go.
    pub fn cut_commits(&self) {
        let links = self.shared.open_links();
        let commits = links.iter().filter(|link| link.commits.load(Ordering::SeqCst));
        commits.for_each(|link| link.broken.cancel());
    }

    /// Until so many connections have ended over which commits went.
    pub async fn until_commits_ended(&self, count: usize) {
        while self.shared.ended_commits.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    /// From now on breaks each connection with a chance in a hundred, time and again.
    pub fn flap(&self, seed: u64, chance: u64, pause: Duration) -> JoinHandle<()> {
        let shared = self.shared.clone();
        let mut random = seed;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                for link in shared.open_links() {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if (random >> 33) % 100 < chance {
                        link.broken.cancel();
                    }
                }
            }
        })
    }

    /// Waits for the statement that holds the marker on the connection that commits, and cuts its
    /// connection at the place; without one it is only noted what goes both ways.
    pub fn watch_for(&self, marker: &[u8], cut: Option<Place>) {
        *self.shared.watched() = Some(Watched {
            marker: marker.to_owned(),
            cut,
            exchange: Exchange::default(),
            link: None,
            was_cut: false,
        });
    }

    /// What the statement exchanged, and whether it was cut; ends the wait for it.
    pub fn watched(&self) -> (Exchange, bool) {
        let watched = self.shared.watched().take().expect("a statement was waited for");
        (watched.exchange, watched.was_cut)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Shared {
    fn open_links(&self) -> Vec<Arc<Link>> {
        let mut links = self.links.lock().expect("the links");
        links.retain(|link| !link.broken.is_cancelled());
        links.clone()
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Option<Watched>> {
        self.watched.lock().expect("the statement")
    }

    /// How many bytes may pass, and whether the connection breaks after them.
    fn judge(&self, link: &Arc<Link>, way: Way, bytes: &[u8]) -> (usize, bool) {
        let whole = (bytes.len(), false);
        let mut watched = self.watched();
        let Some(watched) = watched.as_mut() else { return whole };
        if watched.link.is_none() {
            let begins = way == Way::ToServer
                && link.commits.load(Ordering::SeqCst)
                && bytes.windows(watched.marker.len()).any(|part| part == watched.marker);
            if !begins {
                return whole;
            }
            watched.link = Some(link.clone());
        }
        let is_its = watched.link.as_ref().is_some_and(|own| Arc::ptr_eq(own, link));
        if !is_its || watched.was_cut || watched.exchange.is_answered() {
            return whole;
        }
        let exchanged = match way {
            Way::ToServer => &mut watched.exchange.sent,
            Way::ToClient => &mut watched.exchange.received,
        };
        let before = exchanged.len();
        exchanged.extend_from_slice(bytes);
        let cut = watched.cut.filter(|cut| cut.way == way);
        match cut.and_then(|cut| cut.position(exchanged)) {
            Some(position) if exchanged.len() >= position => {
                watched.was_cut = true;
                (position.saturating_sub(before), true)
            }
            _ => whole,
        }
    }
}

async fn accept(listener: TcpListener, target: String, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        for socket in [&client, &server] {
            socket.set_nodelay(true).expect("an option of TCP");
        }
        let link: Arc<Link> = Arc::default();
        shared.links.lock().expect("the links").push(link.clone());
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        for (way, from, to) in
            [(Way::ToServer, from_client, to_server), (Way::ToClient, from_server, to_client)]
        {
            let (shared, link) = (shared.clone(), link.clone());
            tokio::spawn(async move {
                let broken = link.broken.clone();
                tokio::select! {
                    () = carry(shared.clone(), link.clone(), way, from, to) => broken.cancel(),
                    () = broken.cancelled() => {}
                }
                if way == Way::ToServer && link.commits.load(Ordering::SeqCst) {
                    shared.ended_commits.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    }
}

async fn carry(
    shared: Arc<Shared>,
    link: Arc<Link>,
    way: Way,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if link.silent.load(Ordering::SeqCst) {
            if way == Way::ToServer {
                link.holds.store(true, Ordering::SeqCst);
            }
            link.delivered.cancelled().await;
        }
        let bytes = &buffer[..count];
        if way == Way::ToServer && bytes.windows(8).any(|part| part == b" commits") {
            link.commits.store(true, Ordering::SeqCst);
        }
        let is_ping = bytes == b"S\0\0\0\x04";
        if way == Way::ToServer && !is_ping {
            link.pings.store(0, Ordering::SeqCst);
        }
        let (passes, breaks) = shared.judge(&link, way, bytes);
        if to.write_all(&bytes[..passes]).await.is_err() || breaks {
            return;
        }
        // The answer to a ping is this alone.
        if way == Way::ToClient && bytes == b"Z\0\0\0\x05I" {
            link.pings.fetch_add(1, Ordering::SeqCst);
        }
    }
}
