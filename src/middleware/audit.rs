//! One line for each change that somebody asked for, and for each refusal: who it was, what, and what came of it.
//!
//! The lines have the target `wagroups::audit`, so that a filter can choose them. No number, text, key or token is in
//! them, and no id of a group: those of old groups hold a phone number. A caller can have itself refused as often
//! as it likes, so that lines about refusals are limited in rate.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::Peer;
use super::request_id::CallId;
use crate::domain::auth::Caller;
use crate::domain::id::SessionName;
use crate::domain::reason::Reason;
use crate::domain::trace_context::TraceContext;

/// How many refusals are written in a second, of all callers together.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("more than none");

tokio::task_local! {
    static SUBJECT: Subject;
}

/// What a call turns out to be about while it runs. The code that finds out notes it, however deep in the call that is.
#[derive(Debug, Clone, Default)]
pub struct Subject(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    caller: Option<Caller>,
    session: Option<SessionName>,
}

impl Subject {
    /// Runs the work, which may note what it is about.
    pub fn scope<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        SUBJECT.scope(self.clone(), work)
    }

    /// The same for work that is done on the spot.
    pub fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        SUBJECT.sync_scope(self.clone(), work)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock()
    }
}

/// Notes who calls.
pub fn note_caller(caller: &Caller) {
    note(|noted| noted.caller = Some(caller.clone()));
}

/// Notes which session the call is about. The first one counts: some calls name others later.
pub fn note_session(session: &SessionName) {
    note(|noted| {
        noted.session.get_or_insert_with(|| session.clone());
    });
}

/// Nothing is noted of work that nobody asked for.
fn note(change: impl FnOnce(&mut Noted)) {
    let _ = SUBJECT.try_with(|subject| change(&mut subject.noted()));
}

/// Writes the lines. Cheap to clone; all clones share the limit.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Limited>);

#[derive(Debug)]
struct Limited {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl Default for Audit {
    fn default() -> Self {
        let limiter = RateLimiter::direct(Quota::per_second(REFUSALS_PER_SECOND));
        Self(Arc::new(Limited { limiter, left_out: AtomicU64::new(0) }))
    }
}

impl Audit {
    /// `rpc` is the call's name, or its route: never what somebody made up.
    pub fn begin(
        &self,
        rpc: impl Into<Arc<str>>,
        is_mutation: bool,
        peer: Option<Peer>,
    ) -> Audited {
        Audited {
            audit: self.clone(),
            subject: Subject::default(),
            rpc: rpc.into(),
            is_mutation,
            peer,
            request_id: None,
            trace: None,
            began: Instant::now(),
            has_ended: false,
        }
    }
}

/// A call that runs. One that is dropped before its end was given up by its caller.
#[derive(Debug)]
pub struct Audited {
    audit: Audit,
    pub subject: Subject,
    rpc: Arc<str>,
    is_mutation: bool,
    peer: Option<Peer>,
    pub request_id: Option<CallId>,
    pub trace: Option<TraceContext>,
    began: Instant,
    has_ended: bool,
}

impl Audited {
    /// Writes what there is to write: nothing of a read that was served. `outcome` is `OK`, or the reason.
    pub fn end(mut self, outcome: &str) {
        self.has_ended = true;
        if Reason::from_name(outcome).is_some_and(Reason::is_refusal) {
            self.write_refusal(outcome);
        } else if self.is_mutation {
            self.write("mutation", outcome, None);
        }
    }

    /// Writes that the call was refused, unless too many were.
    pub fn refuse(mut self, outcome: &str) {
        self.has_ended = true;
        self.write_refusal(outcome);
    }

    fn write_refusal(&self, outcome: &str) {
        let Limited { limiter, left_out } = self.audit.0.as_ref();
        if limiter.check().is_ok() {
            self.write("refused", outcome, Some(left_out.swap(0, Ordering::Relaxed)));
        } else {
            left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, what: &str, outcome: &str, left_out: Option<u64>) {
        let noted = self.subject.noted();
        tracing::info!(
            target: "wagroups::audit",
            outcome,
            key.name = noted.caller.as_ref().map(Caller::key_name),
            peer = self.peer.map(|peer| tracing::field::display(peer.0)),
            rpc = &*self.rpc,
            session = noted.session.as_ref().map(SessionName::as_str),
            request.id = self.request_id.as_ref().map(CallId::to_string),
            trace_id = self.trace.as_ref().map(TraceContext::trace_id),
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            left_out,
            "{what}"
        );
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        // What it was to change goes on all the same.
        if self.is_mutation && !self.has_ended {
            self.write("mutation", Reason::Cancelled.as_str(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What the work has written, a JSON object a line.
    fn written(work: impl FnOnce()) -> Vec<serde_json::Value> {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
        tracing::subscriber::with_default(subscriber.with_writer(log.clone()).finish(), work);
        let bytes = log.0.lock().clone();
        let lines = String::from_utf8(bytes).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn change(audit: &Audit) -> Audited {
        let peer = Peer("192.0.2.7:1000".parse().unwrap());
        audit.begin("wagroups.v1.GroupsService/SetGroupSubject", true, Some(peer))
    }

    #[test]
    fn a_mutation_leaves_its_key_peer_session_and_outcome() {
        let audit = Audit::default();
        let read = || audit.begin("wagroups.v1.GroupsService/GetGroup", false, None);
        let lines = written(|| {
            let mut call = change(&audit);
            call.request_id = Some(CallId::of("4bf92f35"));
            call.trace = TraceContext::parse(PARENT, "");
            call.subject.sync_scope(|| {
                note_caller(&Caller::new("shop", Vec::new()));
                note_session(&"shop-1".parse().unwrap());
                note_session(&"shop-2".parse().unwrap());
            });
            call.end("OK");
            change(&audit).end("GROUP_FULL");
            drop(change(&audit));
            read().end("OK");
            read().end("GROUP_NOT_FOUND");
            drop(read());
        });
        assert_eq!(lines.len(), 3, "reads that were no refusals leave none: {lines:?}");
        let line = &lines[0];
        assert_eq!(line["message"], "mutation");
        assert_eq!(line["key.name"], "shop");
        assert_eq!(line["peer"], "192.0.2.7:1000");
        assert_eq!(line["session"], "shop-1");
        assert_eq!(line["request.id"], "4bf92f35");
        assert_eq!(line["trace_id"], PARENT[3..35]);
        assert!(lines[1].get("trace_id").is_none(), "it came without one");
        assert_eq!(line["outcome"], "OK");
        assert!(line["duration_ms"].is_u64());
        assert_eq!(lines[1]["outcome"], "GROUP_FULL");
        assert_eq!(lines[2]["outcome"], "CANCELLED", "its caller hung up");
    }

    #[test]
    fn refusals_are_limited_in_rate_and_those_left_out_are_counted() {
        const REFUSED: u64 = 1000;
        let audit = Audit::default();
        let lines = written(|| {
            for _ in 0..REFUSED {
                change(&audit).end("UNAUTHENTICATED");
            }
        });
        // So many at once, and a few more where the machine is slow.
        assert!((10..100).contains(&lines.len()), "{} lines", lines.len());
        assert!(lines.iter().all(|line| line["message"] == "refused"));
        let logged: u64 = lines.iter().map(|line| line["left_out"].as_u64().unwrap()).sum();
        let pending = audit.0.left_out.load(Ordering::Relaxed);
        assert_eq!(lines.len() as u64 + logged + pending, REFUSED);
        // Changes are written all the same.
        let lines = written(|| change(&audit).end("OK"));
        assert_eq!(lines.len(), 1);
    }
}
