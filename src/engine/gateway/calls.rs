//! Each call of the port, passed on.

use std::sync::Arc;

use async_trait::async_trait;

use super::Gateway;
use crate::domain::error::Error;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::operation::{EngineCall, Operation, OperationName as Op, Perform, Result};
use crate::domain::port::engine::{GroupEngine, Login, PairingCode, RequestedAccount, Started};
use crate::domain::session::{EngineConfig, EngineKind};

#[async_trait]
impl GroupEngine for Gateway {
    fn kind(&self) -> EngineKind {
        self.engine.kind()
    }

    fn supports(&self, session: &SessionName, operation: Op) -> bool {
        self.engine.supports(session, operation)
    }

    fn fetches_all(&self, session: &SessionName) -> bool {
        self.engine.fetches_all(session)
    }

    fn upstream(&self, session: &SessionName) -> Arc<str> {
        self.engine.upstream(session)
    }

    fn place(
        &self,
        config: EngineConfig,
        load: &(dyn Fn(&str) -> usize + Sync),
    ) -> std::result::Result<EngineConfig, Error> {
        self.engine.place(config, load)
    }

    fn configure(&self, session: &SessionName, config: &EngineConfig) {
        self.engine.configure(session, config);
    }

    async fn log_in(
        &self,
        session: &SessionName,
        wish: &RequestedAccount,
    ) -> Result<Option<Login>> {
        self.timely(session, || self.engine.log_in(session, wish)).await
    }

    async fn start(&self, session: &SessionName) -> Result<Started> {
        self.timely(session, || self.engine.start(session)).await
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        self.engine.stop(session).await
    }

    async fn log_out(&self, session: &SessionName) -> Result<()> {
        self.pass(session, Op::LogoutSession, || self.engine.log_out(session)).await
    }

    async fn request_pairing_code(
        &self,
        session: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode> {
        let call = || self.engine.request_pairing_code(session, phone);
        self.pass(session, Op::RequestPairingCode, call).await
    }

    async fn forget(&self, session: &SessionName) -> Result<()> {
        self.lanes.forget(session);
        self.engine.forget(session).await
    }
}

#[async_trait]
impl<O: Operation> Perform<O> for Gateway
where
    dyn GroupEngine: Perform<O>,
{
    async fn perform(&self, call: EngineCall<'_>, operation: &O) -> Result<O::Answer> {
        let perform = || self.engine.perform(call, operation);
        self.pass(call.session, operation.name(), perform).await
    }
}
