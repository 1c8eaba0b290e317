//! Sessions that wait for someone to link their device: QR codes follow each other, and then it is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::SessionName;
use crate::domain::port::engine::{ConnectionEvent, EngineEventSink, QrCode};

/// WhatsApp sends six codes at once. The first is shown for a minute, the others for 20 seconds each, as two
/// clients of WhatsApp Web were seen to do; after the last one the connection ends.
const FIRST_CODE_LIFE: Duration = Duration::from_secs(60);
const CODE_LIFE: Duration = Duration::from_secs(20);
const FURTHER_CODES: u32 = 5;

/// Whose codes are shown.
#[derive(Debug, Default)]
pub(super) struct Linking(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    begun: u64,
    sessions: HashMap<SessionName, Codes>,
}

/// The codes of one session, from a start to the end.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    number: u64,
    cancelled: CancellationToken,
    /// When the last of them ends.
    end: Timestamp,
}

impl Linking {
    /// From now on, and in the place of codes that are shown already.
    pub fn begin(&self, session: &SessionName, now: Timestamp) -> Codes {
        let mut shown = self.0.lock();
        shown.begun += 1;
        let end = now + FIRST_CODE_LIFE + CODE_LIFE * FURTHER_CODES;
        let codes = Codes { number: shown.begun, cancelled: CancellationToken::new(), end };
        if let Some(before) = shown.sessions.insert(session.clone(), codes.clone()) {
            before.cancelled.cancel();
        }
        codes
    }

    /// Takes the codes away, so that nobody else ends them: for a device that is about to be linked.
    pub fn take(&self, session: &SessionName) -> Option<Codes> {
        self.0.lock().sessions.remove(session)
    }

    /// They are shown on, unless others are shown by now.
    pub fn put_back(&self, session: &SessionName, codes: Codes) {
        self.0.lock().sessions.entry(session.clone()).or_insert(codes);
    }

    pub fn end(&self, session: &SessionName) {
        if let Some(codes) = self.take(session) {
            codes.cancel();
        }
    }

    pub fn end_all(&self) {
        self.0.lock().sessions.drain().for_each(|(_, codes)| codes.cancel());
    }

    /// Nobody came; returns whether it is still these codes that are shown.
    fn expire(&self, session: &SessionName, codes: &Codes) -> bool {
        let mut shown = self.0.lock();
        let is_own = shown.sessions.get(session).is_some_and(|own| own.number == codes.number);
        if is_own {
            shown.sessions.remove(session);
        }
        is_own
    }

    /// When the last code of the session ends.
    pub fn end_of(&self, session: &SessionName) -> Option<Timestamp> {
        self.0.lock().sessions.get(session).map(|codes| codes.end)
    }
}

impl Codes {
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }
}

pub(super) fn first_code(value: String, clock: &dyn Clock) -> QrCode {
    QrCode { value, expire_time: Some(clock.now() + FIRST_CODE_LIFE) }
}

/// The codes after the first one of a session.
pub(super) struct FurtherCodes {
    pub session: SessionName,
    pub ledger: Ledger,
    pub sink: Arc<dyn EngineEventSink>,
    pub clock: Arc<dyn Clock>,
    pub linking: Arc<Linking>,
}

impl FurtherCodes {
    /// Until the device is linked, the session is stopped, or nobody came.
    pub async fn run(self, codes: Codes) {
        let nobody_came = tokio::select! {
            () = self.show() => self.linking.expire(&self.session, &codes),
            () = codes.cancelled.cancelled() => false,
        };
        if nobody_came {
            let reason = "nobody has scanned a QR code in time; StartSession shows new ones";
            let failed = ConnectionEvent::Failed(reason.to_owned());
            self.sink.connection_changed(&self.session, failed).await;
        }
    }

    async fn show(&self) {
        let mut life = FIRST_CODE_LIFE;
        for _ in 0..FURTHER_CODES {
            sleep(life).await;
            life = CODE_LIFE;
            let value = match self.ledger.apply(|world, _| world.new_qr_code()).await {
                Ok(value) => value,
                Err(failed) => {
                    tracing::warn!(session = %self.session, %failed, "no new QR code could be made");
                    continue;
                }
            };
            let expire_time = Some(self.clock.now() + life);
            let code = ConnectionEvent::Pairing(QrCode { value, expire_time });
            self.sink.connection_changed(&self.session, code).await;
        }
        sleep(life).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_before_end_nothing() {
        let (linking, session) = (Linking::default(), "shop".parse().unwrap());
        let first = linking.begin(&session, Timestamp::default());
        let second = linking.begin(&session, Timestamp::default());
        assert!(first.cancelled.is_cancelled() && !second.cancelled.is_cancelled());
        assert!(!linking.expire(&session, &first), "others are shown by now");
        let taken = linking.take(&session).unwrap();
        assert!(!linking.expire(&session, &second), "the device is being linked");
        linking.put_back(&session, taken);
        assert!(linking.expire(&session, &second));
        assert!(linking.take(&session).is_none());
    }
}
