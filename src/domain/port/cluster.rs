//! Where replicas find each other, and who acts.

use async_trait::async_trait;

use super::store_error::Result;
use crate::domain::cluster::{ClusterView, Lease, ReplicaId, ReplicaRecord, SeenCluster};
use crate::domain::counter::Epoch;

#[async_trait]
pub trait ClusterStore: Send + Sync + std::fmt::Debug + 'static {
    /// Makes the replica a member.
    async fn join(&self, replica: &ReplicaRecord) -> Result<()>;

    /// Raises the replica's counter and answers what the others are; all by one statement.
    async fn heartbeat(&self, id: &ReplicaId, draining: bool) -> Result<ClusterView>;

    /// The same without a heartbeat, for who is no replica.
    async fn cluster_view(&self) -> Result<ClusterView>;

    /// Takes the lease in the next epoch; `None` where it is not `seen` any more, where its owner is alive after all,
    /// or where the claimant is no member. The row of an owner that is replaced goes first. May be repeated.
    async fn claim(&self, id: &ReplicaId, seen: &Claimable) -> Result<Option<Epoch>>;

    /// Gives the lease back; `false` where somebody else has it.
    async fn release(&self, id: &ReplicaId, epoch: Epoch) -> Result<bool>;

    /// Removes the row of a replica that is dead, as it was seen; one that has counted on keeps it.
    async fn evict(&self, dead: &ReplicaRecord) -> Result<()>;

    /// Ends the membership.
    async fn leave(&self, id: &ReplicaId) -> Result<()>;

    /// Another text whenever a row of the sessions was written.
    async fn sessions_mark(&self) -> Result<String>;

    /// Wakes all replicas. May get lost.
    async fn notify(&self, wakeup: Wakeup) -> Result<()>;

    /// Returns with the next wake-up that any replica has sent.
    async fn notified(&self) -> Result<Wakeup>;
}

/// The other replicas, for those who ask.
pub trait SeesReplicas: Send + Sync + std::fmt::Debug + 'static {
    /// As of the last heartbeat; `None` before the first one.
    fn replicas(&self) -> Option<SeenCluster>;
}

/// Why replicas are woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakeup {
    /// There is something in the log.
    Log,
    /// The lease has moved, or was given back.
    Lease,
    /// The connection that listens was opened anew: anything may have been missed.
    Anything,
}

/// A lease as it was seen when it was found to be free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimable {
    pub lease: Lease,
    /// The counter at which its owner stood still.
    pub owner_heartbeat: u64,
}
