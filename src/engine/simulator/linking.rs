//! Sessions that wait for someone to link their device: QR codes follow each other, and then it is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use crate::domain::clock::Clock;
use crate::domain::id::SessionName;
use crate::domain::port::engine::{ConnectionEvent, EngineEventSink, QrCode};

/// WhatsApp hands out six codes at once. The first is shown for a minute, the others for 20 seconds each, as two
/// clients of WhatsApp Web were seen to do; after the last one the connection ends.
const FIRST_CODE_LIFE: Duration = Duration::from_secs(60);
const CODE_LIFE: Duration = Duration::from_secs(20);
const FURTHER_CODES: u32 = 5;

/// Whose codes are shown.
#[derive(Debug, Default)]
pub(super) struct Linking(Mutex<HashMap<SessionName, CancellationToken>>);

impl Linking {
    /// From now on, and in the place of codes that are shown already.
    pub fn begin(&self, session: &SessionName) -> CancellationToken {
        let shown = CancellationToken::new();
        if let Some(before) = self.0.lock().insert(session.clone(), shown.clone()) {
            before.cancel();
        }
        shown
    }

    /// Says whether codes were shown.
    pub fn end(&self, session: &SessionName) -> bool {
        let shown = self.0.lock().remove(session);
        shown.inspect(CancellationToken::cancel).is_some()
    }

    pub fn end_all(&self) {
        self.0.lock().drain().for_each(|(_, shown)| shown.cancel());
    }

    pub fn is_shown(&self, session: &SessionName) -> bool {
        self.0.lock().contains_key(session)
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
    pub async fn run(self, shown: CancellationToken) {
        tokio::select! {
            () = self.show() => {}
            () = shown.cancelled() => {}
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
        self.linking.end(&self.session);
        let reason = "nobody has scanned a QR code in time; StartSession shows new ones".to_owned();
        self.sink.connection_changed(&self.session, ConnectionEvent::Failed(reason)).await;
    }
}
