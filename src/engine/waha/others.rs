//! Following one server's events that are not about groups, by a separate stream that is open only while a client wants
//! them. So messages, however many or large, never delay events of groups.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep, sleep_until};

use super::other_event::{Head, NotPassedOn};
use super::routes::Routes;
use super::server::Server;
use super::stream::{self, Broken};
use crate::domain::backoff::Backoff;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::other_event::OtherEventNames;
use crate::domain::port::other_events::OtherEvents;
use crate::telemetry;

/// Between two tries to open the stream.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an unused stream stays open: clients come again.
const LINGER: Duration = Duration::from_secs(30);

pub(super) struct Others {
    pub server: Arc<Server>,
    pub routes: Arc<Routes>,
    pub receivers: Arc<dyn OtherEvents>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub connect_timeout: Duration,
}

/// The events that clients want, and changes of that.
struct Wanted {
    names: OtherEventNames,
    changes: BoxStream<'static, OtherEventNames>,
}

impl Wanted {
    /// Waits until they change; `false` once they never will again.
    async fn changed(&mut self) -> bool {
        let Some(names) = self.changes.next().await else { return false };
        self.names = names;
        true
    }

    /// Waits until somebody wants anything.
    async fn some(&mut self) -> bool {
        while let Some(Some(names)) = self.changes.next().now_or_never() {
            self.names = names;
        }
        while self.names.is_empty() {
            if !self.changed().await {
                return false;
            }
        }
        true
    }
}

/// Why a stream is followed no longer.
enum End {
    Broken(Broken),
    /// It was opened for fewer events than are wanted now.
    MoreWanted,
    NothingWanted,
}

impl Others {
    pub async fn run(self) {
        let mut wanted =
            Wanted { names: OtherEventNames::default(), changes: self.receivers.wanted() };
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut last_cause = None;
        // Wanting more events reopens the stream, and all clients lose what is sent meanwhile. So the first such wish
        // opens it for all events: it is reopened a few times at the most.
        let mut has_grown = false;
        while wanted.some().await {
            let opened = Instant::now();
            let asked = wanted.names.clone();
            let asked = if has_grown { asked.or_all() } else { asked };
            let names = asked.to_ask_for();
            let end = match stream::connect(&self.server, &names, self.connect_timeout).await {
                Ok(socket) => {
                    if last_cause.take().is_some() {
                        tracing::info!(server = %self.server.name, "the stream of other events is back");
                    }
                    self.follow(stream::frames(socket), &asked, &mut wanted).await
                }
                Err(cause) => End::Broken(cause),
            };
            let cause = match end {
                End::MoreWanted => {
                    has_grown = true;
                    continue;
                }
                End::NothingWanted => {
                    has_grown = false;
                    continue;
                }
                End::Broken(cause) => cause,
            };
            if last_cause.as_ref() != Some(&cause) {
                tracing::warn!(server = %self.server.name, %cause, "no stream of other events; trying again");
                last_cause = Some(cause);
            }
            // One that is closed as soon as it opens (a wrong key, a proxy) is no success.
            if opened.elapsed() >= LONGEST_PAUSE {
                pauses.reset();
            }
            sleep(pauses.pause(None, self.entropy.as_ref())).await;
        }
    }

    async fn follow(
        &self,
        mut frames: impl futures::Stream<Item = Result<Bytes, Broken>> + Unpin,
        asked: &OtherEventNames,
        wanted: &mut Wanted,
    ) -> End {
        let mut end = None;
        loop {
            let closing = async {
                match end {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frame = frames.next() => match frame {
                    Some(Ok(body)) => self.pass_on(&body),
                    Some(Err(cause)) => return End::Broken(cause),
                    None => return End::Broken(Broken::closed()),
                },
                may_change = wanted.changed() => {
                    if !may_change {
                        return End::NothingWanted;
                    }
                    if !asked.cover(&wanted.names) {
                        return End::MoreWanted;
                    }
                    end = wanted.names.is_empty().then(|| Instant::now() + LINGER);
                }
                () = closing => return End::NothingWanted,
            }
        }
    }

    fn pass_on(&self, body: &Bytes) {
        let passed = Head::read(body).and_then(|head| {
            // Events of sessions that are not here are dropped.
            let session = self.routes.session_of(&self.server, &head.remote);
            let event = session.map(|session| {
                head.of(&session, body, self.clock.now()).map(|event| (session, event))
            });
            event.transpose()
        });
        match passed {
            Ok(Some((session, event))) => self.receivers.publish(&session, event),
            Ok(None) | Err(NotPassedOn::Ours) => {}
            Err(NotPassedOn::TooLarge) => telemetry::passed_on("too_large"),
            Err(NotPassedOn::Unreadable) => telemetry::passed_on("unreadable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use tokio_stream::wrappers::WatchStream;

    use super::*;
    use crate::domain::id::SessionName;
    use crate::domain::other_event::OtherEvent;
    use crate::engine::waha::server::tests::server;
    use crate::telemetry::{SystemClock, SystemEntropy};

    #[derive(Debug, Default)]
    struct Receivers(watch::Sender<OtherEventNames>);

    impl OtherEvents for Receivers {
        fn wanted(&self) -> BoxStream<'static, OtherEventNames> {
            WatchStream::new(self.0.subscribe()).boxed()
        }

        fn named(&self) -> BoxStream<'static, OtherEventNames> {
            self.wanted()
        }

        fn publish(&self, _session: &SessionName, _event: OtherEvent) {}
    }

    impl Receivers {
        fn want(&self, names: &[&str]) {
            self.0.send_replace(names.iter().map(|name| name.parse().expect("a name")).collect());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_lasts_while_it_is_wanted_and_a_moment_longer() {
        let receivers = Arc::new(Receivers::default());
        receivers.want(&["message"]);
        let others = Others {
            server: Arc::new(server("http://a:3000")),
            routes: Arc::default(),
            receivers: receivers.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            connect_timeout: Duration::from_secs(1),
        };
        let mut wanted = Wanted { names: OtherEventNames::default(), changes: receivers.wanted() };
        assert!(wanted.some().await);
        let asked = wanted.names.clone();
        let frames = || futures::stream::pending::<Result<Bytes, Broken>>();

        // Somebody goes and comes again within the moment.
        let coming_and_going = async {
            for names in [&[][..], &["message"], &[]] {
                receivers.want(names);
                sleep(LINGER - Duration::from_secs(1)).await;
            }
        };
        let began = Instant::now();
        let (end, ()) =
            tokio::join!(others.follow(frames(), &asked, &mut wanted), coming_and_going);
        assert!(matches!(end, End::NothingWanted));
        let lasted = began.elapsed() + Duration::from_secs(2);
        assert!(lasted >= 3 * LINGER && lasted < 3 * LINGER + Duration::from_secs(1), "{lasted:?}");

        // Others want more than it was opened for.
        receivers.want(&["message", "*"]);
        assert!(wanted.some().await);
        let end = others.follow(frames(), &asked, &mut wanted).now_or_never();
        assert!(end.is_none(), "what was wanted before it was opened is no change");
        let more = others.follow(frames(), &asked, &mut wanted);
        receivers.want(&["message", "*", "engine.event"]);
        assert!(matches!(more.await, End::MoreWanted));
        let broken = futures::stream::iter([Err(Broken::closed())]);
        assert!(matches!(others.follow(broken, &asked, &mut wanted).await, End::Broken(_)));
    }
}
