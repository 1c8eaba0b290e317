//! Whether this replica is there, whether it acts, and else who does.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Entropy, Uptime, UptimeClock};
use crate::domain::cluster::{
    ClusterView, Confirmation, HEARTBEAT, ReplicaId, ReplicaRecord, SeenCluster, Tenure, Watchdog,
};
use crate::domain::counter::Epoch;
use crate::domain::port::cluster::{Claimable, ClusterStore, SeesReplicas, Wakeup};
use crate::domain::port::repository::Result;
use crate::telemetry::{self, Asked, SharedClock};

/// Heartbeats that may be out at the same time: one that hangs must not be the last.
const HEARTBEATS_OUT: usize = 3;

/// What this replica is to do.
#[derive(Debug, Clone)]
pub enum Role {
    /// Reads, watches, and hands on to the owner; `None` = there is none at the moment.
    Follower(Option<Owner>),
    /// Acts.
    Owner(Tenure),
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub id: ReplicaId,
    pub address: String,
    pub epoch: Epoch,
}

impl Role {
    /// Of the lease that the replica holds.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Follower(_) => None,
            Self::Owner(tenure) => Some(tenure.epoch),
        }
    }

    fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Follower(held), Self::Follower(other)) => held == other,
            (Self::Owner(held), Self::Owner(other)) => held.is_same_as(other),
            _ => false,
        }
    }
}

/// The replica's membership, for the rest of the process.
#[derive(Debug, Clone)]
pub struct Member {
    role: watch::Receiver<Role>,
    seen: watch::Receiver<Option<SeenCluster>>,
    draining: CancellationToken,
    leaving: CancellationToken,
    wake: Arc<Notify>,
}

impl Member {
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.clone()
    }

    /// Looks at the lease at once.
    pub fn look(&self) {
        self.wake.notify_one();
    }

    /// Takes nothing over from now on.
    pub fn begin_draining(&self) {
        self.draining.cancel();
        self.look();
    }

    /// Has the replica give its lease back, so that another one takes it at once, and end its membership: that ends
    /// [`Membership::run`].
    pub fn leave(&self) {
        self.leaving.cancel();
    }
}

impl SeesReplicas for Member {
    fn replicas(&self) -> Option<SeenCluster> {
        self.seen.borrow().clone()
    }
}

/// Heartbeats, claims, and what they mean for this replica.
pub struct Membership {
    store: Arc<dyn ClusterStore>,
    /// Which each heartbeat sets by the database's.
    clock: Arc<SharedClock>,
    entropy: Arc<dyn Entropy>,
    own: ReplicaRecord,
    has_joined: bool,
    /// The term in which this replica owns.
    tenure: Option<Tenure>,
    /// When the last heartbeat was sent that was confirmed.
    confirmed: Option<Uptime>,
    watchdog: Watchdog,
    role: watch::Sender<Role>,
    seen: watch::Sender<Option<SeenCluster>>,
    member: Member,
}

struct Answered {
    sent: Asked,
    id: ReplicaId,
    answer: Result<ClusterView>,
}

impl Membership {
    /// `address` is where the other replicas reach this one.
    pub fn new(
        store: Arc<dyn ClusterStore>,
        clock: Arc<SharedClock>,
        entropy: Arc<dyn Entropy>,
        address: String,
        version: &str,
    ) -> Self {
        let (role, role_seen) = watch::channel(Role::Follower(None));
        let (seen, seen_by_all) = watch::channel(None);
        let member = Member {
            role: role_seen,
            seen: seen_by_all,
            draining: CancellationToken::new(),
            leaving: CancellationToken::new(),
            wake: Arc::default(),
        };
        let own = ReplicaRecord {
            id: ReplicaId::random(entropy.as_ref()),
            address,
            version: version.to_owned(),
            heartbeat: 0,
            draining: false,
        };
        Self {
            store,
            clock,
            entropy,
            own,
            has_joined: false,
            tenure: None,
            confirmed: None,
            watchdog: Watchdog::default(),
            role,
            seen,
            member,
        }
    }

    pub fn member(&self) -> Member {
        self.member.clone()
    }

    /// Lives until the replica leaves.
    pub async fn run(mut self) {
        let mut out: FuturesUnordered<BoxFuture<'static, Answered>> = FuturesUnordered::new();
        loop {
            if let Some(confirmed) = self.confirmed {
                telemetry::heartbeat_age(self.clock.uptime().since(confirmed));
            }
            if out.len() < HEARTBEATS_OUT && self.joined().await {
                out.push(self.heartbeat());
            }
            let pause = tokio::time::sleep(self.entropy.jittered(HEARTBEAT, 0.1));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    Some(answered) = out.next() => self.take_in(answered).await,
                    () = &mut pause => break,
                    () = self.member.wake.notified() => break,
                    () = self.member.leaving.cancelled() => return self.leave().await,
                }
            }
        }
    }

    async fn joined(&mut self) -> bool {
        if !self.has_joined {
            match self.store.join(&self.own).await {
                Ok(()) => self.has_joined = true,
                Err(error) => tracing::warn!(%error, "could not join the other replicas"),
            }
        }
        self.has_joined
    }

    fn heartbeat(&self) -> BoxFuture<'static, Answered> {
        let (store, id, sent) = (self.store.clone(), self.own.id.clone(), self.clock.ask());
        let is_draining = self.member.draining.is_cancelled();
        Box::pin(async move {
            let answer = store.heartbeat(&id, is_draining).await;
            Answered { sent, id, answer }
        })
    }

    async fn take_in(&mut self, answered: Answered) {
        let Answered { sent: asked, id, answer } = answered;
        let sent = asked.uptime;
        // Several may be out, and come back in any order.
        if id != self.own.id || self.confirmed.is_some_and(|confirmed| sent <= confirmed) {
            return;
        }
        let view = match answer {
            Ok(view) => view,
            Err(error) => return tracing::warn!(%error, "a heartbeat was not confirmed"),
        };
        self.clock.read(asked, view.time);
        if !view.is_member {
            return self.begin_anew();
        }
        self.confirmed = Some(sent);
        self.watchdog.observe(&view, sent, self.clock.uptime());
        self.confirm(&view, sent);
        let role = self.role_in(&view, sent).await;
        let ids = view.replicas.iter().map(|replica| replica.id.clone());
        let alive: BTreeSet<ReplicaId> = ids.filter(|id| !self.watchdog.is_dead(id)).collect();
        let epoch = role.epoch().unwrap_or(view.lease.epoch);
        telemetry::cluster(role.epoch().is_some(), alive.len(), epoch);
        if role.epoch().is_some() {
            self.evict_the_dead(&view).await;
        }
        self.seen.send_replace(Some(SeenCluster { own: self.own.id.clone(), view, alive }));
        self.take_on(role);
    }

    /// The owner keeps the table as it is: who was killed cannot remove its own row.
    async fn evict_the_dead(&self, view: &ClusterView) {
        let is_dead = |replica: &&ReplicaRecord| {
            replica.id != self.own.id && self.watchdog.is_dead(&replica.id)
        };
        for dead in view.replicas.iter().filter(is_dead) {
            tracing::warn!(replica = %dead.id, address = dead.address, "a replica has no heartbeat any more");
            if let Err(error) = self.store.evict(dead).await {
                tracing::debug!(%error, "its row stays for now");
            }
        }
    }

    /// The term goes on where the lease is as it was given; else it has ended, and nothing more is done in it.
    fn confirm(&mut self, view: &ClusterView, sent: Uptime) {
        let goes_on = |tenure: &Tenure| {
            view.lease.owner.as_ref() == Some(&tenure.owner) && view.lease.epoch == tenure.epoch
        };
        match &self.tenure {
            Some(tenure) if goes_on(tenure) => tenure.confirmation.confirm(sent),
            _ => self.end_tenure(),
        }
    }

    fn end_tenure(&mut self) {
        if let Some(tenure) = self.tenure.take() {
            tenure.confirmation.revoke();
        }
    }

    async fn role_in(&mut self, view: &ClusterView, sent: Uptime) -> Role {
        match &view.lease.owner {
            // Also where the answer to the claim was lost: no other process has this id.
            Some(owner) if *owner == self.own.id => {
                return Role::Owner(self.tenure(view.lease.epoch, sent));
            }
            Some(owner) if !self.watchdog.is_dead(owner) => {}
            _ if self.member.draining.is_cancelled() => {}
            _ => {
                if let Some(epoch) = self.claim(view).await {
                    // What was asked before knows nothing of it.
                    self.confirmed = Some(self.clock.uptime());
                    return Role::Owner(self.tenure(epoch, sent));
                }
            }
        }
        let owner = view.owner().filter(|owner| !self.watchdog.is_dead(&owner.id));
        Role::Follower(owner.map(|owner| Owner {
            id: owner.id.clone(),
            address: owner.address.clone(),
            epoch: view.lease.epoch,
        }))
    }

    async fn claim(&self, view: &ClusterView) -> Option<Epoch> {
        let owner_heartbeat = view.owner().map_or(0, |owner| owner.heartbeat);
        let seen = Claimable { lease: view.lease.clone(), owner_heartbeat };
        match self.store.claim(&self.own.id, &seen).await {
            Ok(Some(epoch)) => {
                tracing::info!(%epoch, replica = %self.own.id, "this replica owns all sessions now");
                if let Err(error) = self.store.notify(Wakeup::Lease).await {
                    tracing::debug!(%error, "the other replicas learn of the new owner by themselves");
                }
                Some(epoch)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the lease could not be claimed");
                None
            }
        }
    }

    /// The term of this epoch, begun where it is new: by a heartbeat that was sent before the claim.
    fn tenure(&mut self, epoch: Epoch, sent: Uptime) -> Tenure {
        if let Some(tenure) = self.tenure.as_ref().filter(|tenure| tenure.epoch == epoch) {
            return tenure.clone();
        }
        let (owner, confirmation) = (self.own.id.clone(), Confirmation::default());
        confirmation.confirm(sent);
        let tenure = Tenure { owner, epoch, confirmation, clock: self.clock.clone() };
        self.tenure = Some(tenure.clone());
        tenure
    }

    fn take_on(&self, role: Role) {
        self.role.send_if_modified(|held| {
            let is_news = !held.is_same_as(&role);
            if is_news {
                if held.epoch() != role.epoch() {
                    telemetry::role_changed();
                }
                if held.epoch().is_some() && role.epoch() != held.epoch() {
                    tracing::warn!("another replica owns all sessions now");
                }
                *held = role;
            }
            is_news
        });
    }

    /// The row is gone: another replica took this one for dead. What it owned is not its own any more; the new id
    /// owns nothing.
    fn begin_anew(&mut self) {
        tracing::warn!(replica = %self.own.id, "this replica was taken for dead; it begins anew");
        self.own.id = ReplicaId::random(self.entropy.as_ref());
        self.has_joined = false;
        self.end_tenure();
        self.watchdog = Watchdog::default();
        self.take_on(Role::Follower(None));
        self.member.look();
    }

    async fn leave(self) {
        let id = &self.own.id;
        let held = self.role.borrow().epoch();
        if let Some(epoch) = held {
            if let Err(error) = self.store.release(id, epoch).await {
                tracing::warn!(%error, "the lease could not be given back; another replica takes it once it expires");
            }
            if let Err(error) = self.store.notify(Wakeup::Lease).await {
                tracing::debug!(%error, "the other replicas learn of it by themselves");
            }
        }
        if let Err(error) = self.store.leave(id).await {
            tracing::debug!(%error, "the replica's row stays until its next owner removes it");
        }
        self.take_on(Role::Follower(None));
    }
}
