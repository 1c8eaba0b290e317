//! Following one session's state.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::app::sessions::directory::SessionState;
use crate::app::watch::Seat;
use crate::app::{App, Call, Inner, draining};
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::reason::Reason;
use crate::domain::session::Session;
use std::sync::Arc;
use std::time::Duration;

/// One follower: it holds no queue, and sees the newest state when it looks.
pub struct SessionWatch {
    inner: Arc<Inner>,
    name: SessionName,
    states: watch::Receiver<SessionState>,
    end: Instant,
    ends_by_age: bool,
    /// Whether the state as it is has been handed out.
    began: bool,
    _seat: Seat,
}

impl App {
    /// The session as it is, with what links it.
    pub fn session_state(&self, call: &Call, name: &SessionName) -> Result<SessionState> {
        call.caller.authorize(name)?;
        let states = self.inner.sessions.directory.watch(name)?;
        let state = states.borrow().clone();
        Ok(state)
    }

    pub fn watch_session(&self, call: &Call, name: &SessionName) -> Result<SessionWatch> {
        let inner = &self.inner;
        call.caller.authorize(name)?;
        let states = inner.sessions.directory.watch(name)?;
        inner.refuse_if_draining()?;
        let seat = inner.watches.seats.take(&call.caller)?;
        let oldest = Instant::now() + inner.entropy.jittered(inner.options.watch_max_age, 0.1);
        let (end, ends_by_age) = match call.deadline {
            Some(deadline) if deadline < oldest => (deadline, false),
            _ => (oldest, true),
        };
        Ok(SessionWatch {
            inner: inner.clone(),
            name: name.clone(),
            states,
            end,
            ends_by_age,
            began: false,
            _seat: seat,
        })
    }
}

impl SessionWatch {
    /// The state as it is, then as it is after each change; `None` once the session is deleted.
    pub async fn next(&mut self) -> Option<Result<SessionState>> {
        if self.began {
            let draining_began = self.inner.lifecycle.draining.clone();
            tokio::select! {
                changed = self.states.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = sleep_until(self.end) => return Some(Err(self.too_old())),
                () = draining_began.cancelled() => return Some(Err(draining())),
            }
        }
        self.began = true;
        let mut state = self.states.borrow_and_update().clone();
        let sequence = self.inner.log.sequence(&self.name);
        state.session = Arc::new(Session { sequence, ..(*state.session).clone() });
        Some(Ok(state))
    }

    fn too_old(&self) -> Error {
        if self.ends_by_age {
            Error::new(Reason::ConnectionAged, "the watch has reached its maximum age; call again")
                .retry_after(Duration::ZERO)
        } else {
            Error::new(Reason::DeadlineExceeded, "the deadline of the watch has passed; call again")
        }
    }
}
