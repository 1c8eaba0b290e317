//! The memory of bodies that arrive. They are not authenticated yet: a signature is verified once all of it is there.
//!
//! A webhook arrives within milliseconds, so that the bodies that have been arriving longest have to go where others
//! need their room. No session and no address may hold more than is still free, a single body aside; beyond that its
//! own oldest one goes. Peers behind a proxy all have its address, so that it is no bound of theirs. Sessions count by
//! the name that was given, whether or not there is one of that name: else an answer would reveal which there are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::domain::fair_share::FairShare;
use crate::domain::id::SessionName;
use crate::middleware::{Peer, Room};
use crate::telemetry;

/// All bodies that arrive at a listener.
#[derive(Debug, Clone)]
pub struct Arrivals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rule: FairShare,
    proxies: Arc<HashSet<IpAddr>>,
    bodies: Mutex<Bodies>,
}

#[derive(Debug, Default)]
struct Bodies {
    next: u64,
    held: u64,
    /// By the order in which they began.
    by_age: BTreeMap<u64, Body>,
    by_session: HashMap<SessionName, u64>,
    by_network: HashMap<IpAddr, u64>,
}

#[derive(Debug)]
struct Body {
    bytes: u64,
    /// `None` once its signature was verified: then it stays.
    unproven: Option<Whose>,
}

#[derive(Debug)]
struct Whose {
    session: SessionName,
    /// `None` where the address is a proxy's or unknown.
    network: Option<IpAddr>,
    /// Dropped when the body has to go.
    _stays: oneshot::Sender<Infallible>,
}

/// The room of one body; given back when it is dropped.
#[derive(Debug)]
pub struct Arriving {
    of: Arc<Inner>,
    number: u64,
    stays: oneshot::Receiver<Infallible>,
}

impl Arrivals {
    pub fn new(buffer_bytes: u64, proxies: Arc<HashSet<IpAddr>>) -> Self {
        let rule = FairShare { capacity: buffer_bytes, is_shared: true };
        Self(Arc::new(Inner { rule, proxies, bodies: Mutex::default() }))
    }

    /// A body begins to arrive.
    pub fn begin(&self, session: &SessionName, peer: Option<Peer>) -> Arriving {
        let (sender, stays) = oneshot::channel();
        let own = peer.filter(|peer| !peer.is_among(&self.0.proxies));
        let (session, network) = (session.clone(), own.map(Peer::network));
        let mut bodies = self.0.bodies();
        let number = bodies.next;
        bodies.next += 1;
        let unproven = Some(Whose { session, network, _stays: sender });
        bodies.by_age.insert(number, Body { bytes: 0, unproven });
        Arriving { of: self.0.clone(), number, stays }
    }
}

impl Inner {
    /// Nothing that runs under the lock can panic half-way.
    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        self.bodies.lock()
    }
}

impl Bodies {
    /// Makes room for more of a body, if need be by sending others away; `false` where the body itself has to go.
    fn make_room(&mut self, rule: FairShare, number: u64, wanted: u64) -> bool {
        loop {
            let Some(Body { bytes: own, unproven: Some(whose) }) = self.by_age.get(&number) else {
                return false;
            };
            let others = |held: Option<&u64>| held.copied().unwrap_or_default() - own;
            let of_session = others(self.by_session.get(&whose.session));
            let of_network = whose.network.map(|network| others(self.by_network.get(&network)));
            let oldest = if !rule.allows(0, self.held, wanted) {
                self.oldest(|_| true)
            } else if !rule.allows(of_session, self.held, wanted) {
                self.oldest(|other| other.session == whose.session)
            } else if !rule.allows(of_network.unwrap_or_default(), self.held, wanted) {
                self.oldest(|other| other.network == whose.network)
            } else {
                return true;
            };
            match oldest {
                Some(oldest) if oldest != number => self.remove(oldest),
                _ => return false,
            }
        }
    }

    /// The oldest of those meant that hold anything.
    fn oldest(&self, is_meant: impl Fn(&Whose) -> bool) -> Option<u64> {
        let meant = |body: &Body| body.bytes > 0 && body.unproven.as_ref().is_some_and(&is_meant);
        self.by_age.iter().find(|(_, body)| meant(body)).map(|(number, _)| *number)
    }

    fn add(&mut self, number: u64, more: u64) {
        let Some(body) = self.by_age.get_mut(&number) else { return };
        body.bytes += more;
        self.held += more;
        if let Some(whose) = &body.unproven {
            *self.by_session.entry(whose.session.clone()).or_default() += more;
            if let Some(network) = whose.network {
                *self.by_network.entry(network).or_default() += more;
            }
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(body) = self.by_age.remove(&number) else { return };
        self.held -= body.bytes;
        if let Some(whose) = body.unproven {
            self.release(&whose, body.bytes);
        }
    }

    /// Whose it is does not count any longer.
    fn release(&mut self, whose: &Whose, bytes: u64) {
        take_off(&mut self.by_session, &whose.session, bytes);
        if let Some(network) = &whose.network {
            take_off(&mut self.by_network, network, bytes);
        }
    }
}

fn take_off<K: Hash + Eq>(held: &mut HashMap<K, u64>, key: &K, bytes: u64) {
    if let Some(sum) = held.get_mut(key) {
        *sum -= bytes;
        if *sum == 0 {
            // Names that somebody made up must not stay for ever.
            held.remove(key);
        }
    }
}

impl Arriving {
    /// The body is one of the session's server, and is not sent away any more.
    pub fn vouch_for(&mut self) {
        let mut bodies = self.of.bodies();
        let Some(body) = bodies.by_age.get_mut(&self.number) else { return };
        let bytes = body.bytes;
        if let Some(whose) = body.unproven.take() {
            bodies.release(&whose, bytes);
        }
    }
}

impl Room for Arriving {
    fn take(&mut self, bytes: usize) -> bool {
        let more = bytes as u64;
        let mut bodies = self.of.bodies();
        let has_room = bodies.make_room(self.of.rule, self.number, more);
        if has_room {
            bodies.add(self.number, more);
        }
        telemetry::ingress_buffer(bodies.held);
        has_room
    }

    async fn taken_away(&mut self) {
        // Nothing is ever sent: it ends when its other half is dropped.
        let _ = (&mut self.stays).await;
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut bodies = self.of.bodies();
        bodies.remove(self.number);
        telemetry::ingress_buffer(bodies.held);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 64;

    fn begin(arrivals: &Arrivals, session: &str, peer: u8) -> Arriving {
        let peer = Peer(([192, 0, 2, peer], 1000).into());
        arrivals.begin(&session.parse().unwrap(), Some(peer))
    }

    fn was_sent_away(body: &mut Arriving) -> bool {
        body.taken_away().now_or_never().is_some()
    }

    #[test]
    fn a_single_body_may_take_all() {
        let arrivals = Arrivals::new(ROOM as u64, Arc::default());
        let mut body = begin(&arrivals, "shop", 1);
        for _ in 0..ROOM {
            assert!(body.take(1));
        }
        assert!(!body.take(1));
    }

    #[test]
    fn what_arrives_now_displaces_what_has_been_arriving_of_the_same_session_or_address() {
        for (session, peer) in [("shop", 2), ("other", 1)] {
            let arrivals = Arrivals::new(ROOM as u64, Arc::default());
            let mut slow: Vec<Arriving> = (0..4).map(|_| begin(&arrivals, "shop", 1)).collect();
            assert!(slow.iter_mut().all(|body| body.take(10)));
            // 24 are free, and the session and the address hold 40.
            let mut real = begin(&arrivals, session, peer);
            assert!(real.take(4));
            let away: Vec<bool> = slow.iter_mut().map(was_sent_away).collect();
            assert_eq!(away, [true, false, false, false], "{session} from {peer}");
            assert!(!slow[0].take(1), "it does not come back");
            assert!(!was_sent_away(&mut real));
        }
    }

    #[test]
    fn peers_behind_a_proxy_do_not_share_the_bound_of_one_address() {
        let proxies = Arc::new([IpAddr::from([192, 0, 2, 1])].into());
        let arrivals = Arrivals::new(ROOM as u64, proxies);
        let mut slow: Vec<Arriving> =
            (0..4).map(|number| begin(&arrivals, &format!("s{number}"), 1)).collect();
        assert!(slow.iter_mut().all(|body| body.take(10)));
        let mut real = begin(&arrivals, "shop", 1);
        assert!(real.take(4));
        assert!(!slow.iter_mut().any(was_sent_away), "24 were free");
        let mut second = begin(&arrivals, "s3", 1);
        assert!(second.take(20));
        let away: Vec<bool> = slow.iter_mut().map(was_sent_away).collect();
        assert_eq!(away, [false, false, false, true], "a session's bound holds all the same");
    }

    #[test]
    fn a_body_of_nobody_involved_has_room_while_there_is_any_and_then_the_oldest_goes() {
        let arrivals = Arrivals::new(ROOM as u64, Arc::default());
        let mut slow = begin(&arrivals, "attacked", 1);
        assert!(slow.take(60));
        let mut real = begin(&arrivals, "shop", 2);
        assert!(real.take(4) && !was_sent_away(&mut slow));
        assert!(real.take(1) && was_sent_away(&mut slow));
    }

    #[test]
    fn the_oldest_goes_itself_where_nobody_older_is_there_and_what_is_proven_stays() {
        let arrivals = Arrivals::new(ROOM as u64, Arc::default());
        let mut proven = begin(&arrivals, "shop", 1);
        assert!(proven.take(40));
        proven.vouch_for();
        let mut oldest = begin(&arrivals, "shop", 1);
        assert!(oldest.take(12));
        let mut newer = begin(&arrivals, "other", 2);
        assert!(newer.take(12));
        assert!(!oldest.take(1), "it has been arriving longest");
        drop(oldest);
        assert!(newer.take(12) && !newer.take(1));
        assert_eq!(arrivals.0.bodies().held, ROOM as u64, "what is proven is still there");
        drop((proven, newer));
        let bodies = arrivals.0.bodies();
        assert!(bodies.by_age.is_empty() && bodies.by_session.is_empty());
        assert!(bodies.by_network.is_empty() && bodies.held == 0);
    }

    proptest! {
        #[test]
        fn no_more_is_held_than_there_is_and_the_sums_are_right(
            steps in proptest::collection::vec((0_usize..6, 0_u8..3, 1_usize..40, 0_u8..4), 0..200),
        ) {
            let arrivals = Arrivals::new(ROOM as u64, Arc::default());
            let mut all: Vec<Option<Arriving>> = (0..6).map(|_| None).collect();
            for (slot, peer, bytes, step) in steps {
                match (&mut all[slot], step) {
                    (slot @ None, _) => *slot = Some(begin(&arrivals, &format!("s{peer}"), peer)),
                    (Some(body), 0) => body.vouch_for(),
                    (slot, 1) => *slot = None,
                    (Some(body), _) => {
                        body.take(bytes);
                    }
                }
                let bodies = arrivals.0.bodies();
                let sum: u64 = bodies.by_age.values().map(|body| body.bytes).sum();
                prop_assert_eq!(bodies.held, sum);
                prop_assert!(sum <= ROOM as u64);
                let unproven = bodies.by_age.values().filter(|body| body.unproven.is_some());
                let sum: u64 = unproven.map(|body| body.bytes).sum();
                prop_assert_eq!(bodies.by_session.values().sum::<u64>(), sum);
                prop_assert_eq!(bodies.by_network.values().sum::<u64>(), sum);
            }
        }
    }
}
