//! A replica's life: the role that its membership gives it, and the service in that role.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bind::bind;
use super::generation::{Assembly, Generation};
use super::serving::Serving;
use super::stack::Peers;
use super::startup::{self, StartError};
use super::tls;
use crate::cluster::{Forwarder, Member, Membership, PeerSecret, PeerTls, Role};
use crate::domain::port::cluster::{ClusterStore, SeesReplicas as _, Wakeup};

/// How long the first heartbeat may take.
const FIRST_HEARTBEAT: Duration = Duration::from_secs(15);
/// What runs when a role ends has so long to end: it can write nothing any more.
const GRACE_OF_A_LOST_ROLE: Duration = Duration::from_secs(1);
/// How long an owner that is stopped finishes what runs before it gives its lease back: meanwhile nobody acts. What runs
/// longer ends with OUTCOME_UNKNOWN, which its request id settles.
const LONGEST_HAND_OVER: Duration = Duration::from_secs(5);
/// Between two tries to take up a role, or to listen for wake-ups.
const PAUSE: Duration = Duration::from_secs(1);

/// A replica beside others.
#[derive(Debug)]
pub(super) struct Replica {
    pub member: Member,
    stopping: CancellationToken,
    membership: JoinHandle<()>,
    supervisor: JoinHandle<Option<Generation>>,
    listener: JoinHandle<()>,
}

/// A replica before it serves.
pub(super) struct Joined {
    pub member: Member,
    pub peers: Peers,
    pub generation: Generation,
    pub forwarder: Arc<Forwarder>,
    pub membership: JoinHandle<()>,
}

/// Joins the other replicas, and builds the service in the role that comes of it.
pub(super) async fn join(
    assembly: &Assembly,
    listen: std::net::SocketAddr,
) -> Result<Joined, StartError> {
    let listener = bind(listen, "cluster.listen")?;
    let secret = PeerSecret::new(&startup::peer_secret(&assembly.settings)?);
    let address = address(assembly, &listener)?;
    let membership = Membership::new(
        assembly.repository.clone(),
        assembly.clock.clone(),
        assembly.entropy.clone(),
        address,
        env!("CARGO_PKG_VERSION"),
    );
    let member = membership.member();
    let _ = assembly.replicas.set(Arc::new(member.clone()));
    let membership = tokio::spawn(membership.run());
    member.look();
    let seen = async {
        while member.replicas().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(FIRST_HEARTBEAT, seen).await.is_err() {
        membership.abort();
        return Err(StartError::other(
            "no heartbeat in the database was confirmed in time; the log says why",
        ));
    }
    let name = tls::name_of_peers(&assembly.settings)?;
    let tls = assembly.tls.peers.clone().map(|handle| PeerTls { handle, name });
    let forwarder = Arc::new(Forwarder::new(member.role(), secret.clone(), tls));
    let role = member.role().borrow().clone();
    let generation = build(assembly, &role, &forwarder).await?;
    Ok(Joined { member, peers: Peers { listener, secret }, generation, forwarder, membership })
}

fn address(assembly: &Assembly, listener: &TcpListener) -> Result<String, StartError> {
    if let Some(set) = assembly.settings.cluster.address() {
        return Ok(set.to_owned());
    }
    listener.local_addr().map(|addr| addr.to_string()).map_err(StartError::other)
}

async fn build(
    assembly: &Assembly,
    role: &Role,
    forwarder: &Arc<Forwarder>,
) -> Result<Generation, StartError> {
    match role {
        Role::Owner(tenure) => assembly.owner(tenure.clone()).await,
        Role::Follower(_) => assembly.follower(forwarder.clone()).await,
    }
}

impl Replica {
    /// Serves in whichever role the replica has, from now on.
    pub fn begin(
        assembly: Assembly,
        member: Member,
        forwarder: Arc<Forwarder>,
        membership: JoinHandle<()>,
        mut generation: Generation,
        serving: watch::Sender<Arc<Serving>>,
    ) -> Self {
        let stopping = CancellationToken::new();
        let store: Arc<dyn ClusterStore> = assembly.repository.clone();
        generation.begin(Some(store.clone()));
        let woken = serving.subscribe();
        let listener = tokio::spawn(listen(store.clone(), member.clone(), woken));
        let supervisor = Supervisor {
            assembly,
            store,
            member: member.clone(),
            forwarder,
            serving,
            stopping: stopping.clone(),
        };
        let supervisor = tokio::spawn(supervisor.run(generation));
        Self { member, stopping, membership, supervisor, listener }
    }

    /// Resolves only if what must not end has ended.
    pub async fn failed(&mut self) -> String {
        tokio::select! {
            ended = &mut self.membership => format!("the membership has ended: {ended:?}"),
            _ = &mut self.supervisor => "the supervisor of the replica's role has ended".to_owned(),
        }
    }

    /// Takes nothing over from now on.
    pub fn begin_draining(&self) {
        self.member.begin_draining();
    }

    /// Finishes what runs, then gives the lease back.
    pub async fn stop(self, grace: Duration) {
        self.stopping.cancel();
        let generation = self.supervisor.await.ok().flatten();
        if let Some(generation) = &generation {
            let acts = !generation.app().is_follower();
            generation.drain(if acts { grace.min(LONGEST_HAND_OVER) } else { grace }).await;
        }
        self.member.leave();
        if let Err(error) = self.membership.await {
            tracing::error!(%error, "the membership has ended badly");
        }
        self.listener.abort();
        if let Some(generation) = generation {
            generation.end().await;
        }
    }
}

/// Wakes whoever waits for what other replicas do.
async fn listen(
    store: Arc<dyn ClusterStore>,
    member: Member,
    serving: watch::Receiver<Arc<Serving>>,
) {
    loop {
        let wakeup = store.notified().await;
        match wakeup {
            Ok(Wakeup::Log) => {}
            Ok(Wakeup::Lease) => member.look(),
            Ok(Wakeup::Anything) => member.look(),
            Err(error) => {
                tracing::warn!(%error, "wake-ups by other replicas are missed; this one asks by itself");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        let app = serving.borrow().app.clone();
        if app.is_follower() {
            app.wake();
        }
    }
}

struct Supervisor {
    assembly: Assembly,
    store: Arc<dyn ClusterStore>,
    member: Member,
    forwarder: Arc<Forwarder>,
    serving: watch::Sender<Arc<Serving>>,
    stopping: CancellationToken,
}

impl Supervisor {
    /// The service in the role of the moment, until the replica stops; `None` where there is none just then.
    async fn run(self, mut generation: Generation) -> Option<Generation> {
        let mut roles = self.member.role();
        loop {
            let role = roles.borrow_and_update().clone();
            if !generation.is_of(&role) {
                generation = self.exchange(generation, &role).await;
                if self.stopping.is_cancelled() {
                    return Some(generation);
                }
                continue;
            }
            tokio::select! {
                changed = roles.changed() => if changed.is_err() { return Some(generation) },
                cause = generation.broken() => {
                    tracing::error!(cause, "the service in this role cannot go on; it is built anew");
                    generation = self.rebuild(generation).await?;
                }
                () = self.stopping.cancelled() => return Some(generation),
            }
        }
    }

    /// The service in the new role in place of the old one, which is ended. Where it cannot be built yet, the old one
    /// stays: an owner that was replaced can do no harm.
    async fn exchange(&self, old: Generation, role: &Role) -> Generation {
        match build(&self.assembly, role, &self.forwarder).await {
            Ok(new) => {
                let new = self.serve(new);
                old.drain(GRACE_OF_A_LOST_ROLE).await;
                old.end().await;
                new
            }
            Err(error) => {
                tracing::error!(%error, "the service in its new role cannot be built yet");
                tokio::time::sleep(PAUSE).await;
                old
            }
        }
    }

    /// Lets the listeners have it from now on.
    fn serve(&self, mut new: Generation) -> Generation {
        new.begin(Some(self.store.clone()));
        self.serving.send_replace(new.serving.clone());
        new
    }

    /// The service anew, of what the database holds. The old one is ended first: it may have the same term, in which the
    /// database would let both write. `None` where the replica stops meanwhile.
    async fn rebuild(&self, old: Generation) -> Option<Generation> {
        // Whoever is fenced learns of it by a heartbeat.
        self.member.look();
        old.drain(GRACE_OF_A_LOST_ROLE).await;
        old.end().await;
        loop {
            let role = self.member.role().borrow().clone();
            match build(&self.assembly, &role, &self.forwarder).await {
                Ok(new) => return Some(self.serve(new)),
                Err(error) => tracing::error!(%error, "the service cannot be built yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.stopping.cancelled() => return None,
            }
        }
    }
}
