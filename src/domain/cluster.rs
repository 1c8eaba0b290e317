//! Replicas of one database: who is there, who acts, and who is dead.
//!
//! Clocks of replicas are never compared. Each counts its heartbeats in its own row; a replica is dead for an observer
//! once its counter has stood still for [`DEAD_AFTER`] of the observer's time, of which only stretches between two
//! heartbeats of the observer's own count that both succeeded, one soon after the other. So whoever comes back first
//! after the database was away believes nobody dead, and a replica that was frozen does not take those for dead who
//! went on without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Entropy, Timestamp, Uptime, UptimeClock};
use super::counter::{Epoch, Position};

/// Between two heartbeats.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// So long after the last confirmed heartbeat began, a replica acts.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(4);
/// Longer than [`CONFIRMED_FOR`]: a replica that cannot reach the database has stopped before it is replaced.
pub const DEAD_AFTER: Duration = Duration::from_secs(6);
/// The longest stretch between two heartbeats of our own that tells anything of others.
const LONGEST_STRETCH: Duration = Duration::from_millis(2500);

/// A start of a process, or what it became after its membership was lost. Random, so that no two are ever equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(Arc<str>);

impl ReplicaId {
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(format!("{:016x}{:016x}", entropy.u64(), entropy.u64()).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ReplicaId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_ours = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours { Ok(Self(text.into())) } else { Err("must be 32 hexadecimal digits") }
    }
}

/// A replica as its row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRecord {
    pub id: ReplicaId,
    /// Where other replicas reach it: `host:port`.
    pub address: String,
    pub version: String,
    pub heartbeat: u64,
    /// It is stopping and takes nothing over.
    pub draining: bool,
}

/// Who acts; `None` = nobody, or a single process that knows no replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub owner: Option<ReplicaId>,
    pub epoch: Epoch,
}

/// What a heartbeat answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// Whether the replica's own row was there.
    pub is_member: bool,
    pub lease: Lease,
    /// The log's head.
    pub head: Position,
    /// What the database's clock said.
    pub time: Timestamp,
    pub replicas: Vec<ReplicaRecord>,
}

impl ClusterView {
    pub fn owner(&self) -> Option<&ReplicaRecord> {
        let owner = self.lease.owner.as_ref()?;
        self.replicas.iter().find(|replica| replica.id == *owner)
    }
}

/// The replicas as one of them sees them.
#[derive(Debug, Clone)]
pub struct SeenCluster {
    /// Who sees them.
    pub own: ReplicaId,
    pub view: ClusterView,
    /// Those that count on.
    pub alive: BTreeSet<ReplicaId>,
}

/// What an observer has seen of the others.
#[derive(Debug, Default)]
pub struct Watchdog {
    last: Option<Uptime>,
    seen: BTreeMap<ReplicaId, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    heartbeat: u64,
    still_for: Duration,
}

impl Watchdog {
    /// Takes in what a heartbeat answered. The rows were read at some moment between the two times, so that at least
    /// from the arrival of the answer before until this one was sent nothing has counted on that has not now.
    pub fn observe(&mut self, view: &ClusterView, sent: Uptime, arrived: Uptime) {
        let stretch = self.last.replace(arrived).map(|last| sent.since(last));
        let stretch = stretch.filter(|stretch| *stretch <= LONGEST_STRETCH).unwrap_or_default();
        let now = view.replicas.iter().map(|replica| {
            let held =
                self.seen.get(&replica.id).filter(|seen| seen.heartbeat == replica.heartbeat);
            let still_for = held.map_or(Duration::ZERO, |seen| seen.still_for + stretch);
            (replica.id.clone(), Seen { heartbeat: replica.heartbeat, still_for })
        });
        self.seen = now.collect();
    }

    /// Whether the replica is dead for this observer; one without a row is.
    pub fn is_dead(&self, id: &ReplicaId) -> bool {
        self.seen.get(id).is_none_or(|seen| seen.still_for >= DEAD_AFTER)
    }
}

/// Until when a replica may act: shared by the one who heartbeats and by those who act.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    until: Arc<AtomicU64>,
    revoked: Arc<AtomicBool>,
}

impl Confirmation {
    /// A heartbeat that was sent then has been answered.
    pub fn confirm(&self, sent: Uptime) {
        self.until.fetch_max(sent.plus(CONFIRMED_FOR).as_millis(), Ordering::AcqRel);
    }

    /// For good: who has lost the right to act gets another confirmation with the next one.
    pub fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }

    pub fn is_valid(&self, now: Uptime) -> bool {
        !self.revoked.load(Ordering::Acquire)
            && now.as_millis() < self.until.load(Ordering::Acquire)
    }
}

/// The right to act as the owner, for as long as heartbeats confirm it.
#[derive(Debug, Clone)]
pub struct Tenure {
    pub owner: ReplicaId,
    pub epoch: Epoch,
    pub confirmation: Confirmation,
    pub clock: Arc<dyn UptimeClock>,
}

impl Tenure {
    /// Whether it is one term of one owner.
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.owner, self.epoch) == (&other.owner, other.epoch)
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmation.is_valid(self.clock.uptime())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ReplicaId {
        digit.to_string().repeat(32).parse().expect("an id")
    }

    fn view(heartbeats: &[(char, u64)]) -> ClusterView {
        let replicas = heartbeats.iter().map(|(digit, heartbeat)| ReplicaRecord {
            id: id(*digit),
            address: String::new(),
            version: String::new(),
            heartbeat: *heartbeat,
            draining: false,
        });
        ClusterView {
            is_member: true,
            lease: Lease { owner: None, epoch: Epoch::ZERO },
            head: Position::ZERO,
            time: Timestamp::EPOCH,
            replicas: replicas.collect(),
        }
    }

    fn at(millis: u64) -> Uptime {
        Uptime::from_millis(millis)
    }

    #[test]
    fn who_stands_still_is_dead_after_six_seconds_and_alive_with_the_next_heartbeat() {
        let mut dog = Watchdog::default();
        for second in 0..6 {
            dog.observe(&view(&[('a', 7), ('b', second)]), at(second * 1000), at(second * 1000));
            assert!(!dog.is_dead(&id('a')) && !dog.is_dead(&id('b')), "{second}");
        }
        dog.observe(&view(&[('a', 7), ('b', 6)]), at(6000), at(6000));
        assert!(dog.is_dead(&id('a')) && !dog.is_dead(&id('b')));
        dog.observe(&view(&[('a', 8), ('b', 7)]), at(7000), at(7000));
        assert!(!dog.is_dead(&id('a')), "it lives again");
        assert!(dog.is_dead(&id('c')), "no row at all");
    }

    #[test]
    fn an_answer_that_took_long_brings_nobody_s_death_nearer() {
        let mut dog = Watchdog::default();
        dog.observe(&view(&[('a', 7)]), at(0), at(4000));
        for second in 5..11 {
            dog.observe(&view(&[('a', 7)]), at(second * 1000), at(second * 1000));
            assert_eq!(dog.is_dead(&id('a')), second >= 10, "{second}");
        }
    }

    #[test]
    fn time_in_which_the_observer_did_not_reach_the_database_counts_for_nothing() {
        let mut dog = Watchdog::default();
        dog.observe(&view(&[('a', 7)]), at(0), at(0));
        dog.observe(&view(&[('a', 7)]), at(20_000), at(20_000));
        assert!(!dog.is_dead(&id('a')), "the database was away, or we were frozen");
        for second in 21..26 {
            dog.observe(&view(&[('a', 7)]), at(second * 1000), at(second * 1000));
            assert!(!dog.is_dead(&id('a')), "{second}");
        }
        dog.observe(&view(&[('a', 7)]), at(26_000), at(26_000));
        assert!(dog.is_dead(&id('a')));
    }

    #[test]
    fn a_confirmation_lasts_from_before_its_heartbeat_was_sent_and_never_shrinks() {
        let confirmation = Confirmation::default();
        assert!(!confirmation.is_valid(at(0)));
        confirmation.confirm(at(1000));
        confirmation.confirm(at(500));
        assert!(confirmation.is_valid(at(4999)));
        assert!(!confirmation.is_valid(at(5000)));
        assert!(CONFIRMED_FOR + HEARTBEAT < DEAD_AFTER, "it has stopped before it is replaced");
        confirmation.revoke();
        confirmation.confirm(at(2000));
        assert!(!confirmation.is_valid(at(2000)), "for good");
    }

    #[test]
    fn a_stretch_between_two_heartbeats_counts_while_it_is_short() {
        for (millis, dead) in [(2500, true), (2501, false)] {
            let mut dog = Watchdog::default();
            for number in 0..4 {
                dog.observe(&view(&[('a', 7)]), at(number * millis), at(number * millis));
            }
            assert_eq!(dog.is_dead(&id('a')), dead, "{millis}");
        }
    }

    #[test]
    fn ids_are_of_one_form() {
        assert!("x".repeat(32).parse::<ReplicaId>().is_err());
        assert!("ab".parse::<ReplicaId>().is_err());
        assert_eq!(id('a').to_string(), "a".repeat(32));
        assert_eq!(id('a').as_str(), "a".repeat(32));
    }

    #[test]
    fn a_new_id_is_all_that_was_drawn_and_can_be_read_again() {
        #[derive(Default)]
        struct Counting(AtomicU64);
        impl Entropy for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0);
                bytes[0] = u8::try_from(self.0.fetch_add(1, Ordering::Relaxed)).expect("small");
            }
        }
        let entropy = Counting::default();
        let id = ReplicaId::random(&entropy);
        assert_eq!(id.as_str(), "00000000000000000000000000000001");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(ReplicaId::random(&entropy), id);
    }

    #[test]
    fn the_owner_is_the_replica_that_the_lease_names() {
        let mut view = view(&[('a', 1), ('b', 2)]);
        assert_eq!(view.owner(), None, "nobody acts");
        view.lease.owner = Some(id('b'));
        assert_eq!(view.owner().map(|owner| owner.heartbeat), Some(2));
        view.lease.owner = Some(id('c'));
        assert_eq!(view.owner(), None, "its row is gone");
    }

    #[test]
    fn a_tenure_is_one_owner_s_one_term_and_holds_while_it_is_confirmed() {
        #[derive(Debug)]
        struct Stopped;
        impl UptimeClock for Stopped {
            fn uptime(&self) -> Uptime {
                at(3000)
            }
        }
        let tenure = |owner, epoch: u32| Tenure {
            owner: id(owner),
            epoch: Epoch::from(epoch),
            confirmation: Confirmation::default(),
            clock: Arc::new(Stopped),
        };
        let held = tenure('a', 1);
        for (other, same) in
            [(tenure('a', 1), true), (tenure('a', 2), false), (tenure('b', 1), false)]
        {
            assert_eq!(held.is_same_as(&other), same, "{other:?}");
        }
        assert!(!held.is_confirmed());
        held.confirmation.confirm(at(2000));
        assert!(held.is_confirmed());
        held.confirmation.revoke();
        assert!(!held.is_confirmed());
    }
}
