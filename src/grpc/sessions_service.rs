//! SessionsService.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use super::not_implemented;
use super::request::{Fields, call};
use super::respond::refuse;
use crate::app::App;
use crate::app::sessions::{NewSession, SessionQuery};
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::port::engine::AccountWish;
use crate::domain::session::{
    EngineKind, MAX_METADATA_ENTRIES, MAX_METADATA_KEY_BYTES, MAX_METADATA_VALUE_BYTES,
};
use crate::pb::{self, create_session_request, sessions_service_server::SessionsService};

#[derive(Debug, Clone)]
pub struct Sessions {
    app: App,
}

impl Sessions {
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

fn session_name(text: &str) -> Result<SessionName, Status> {
    let mut fields = Fields::default();
    let name = fields.session(text);
    fields.finish(name)
}

fn new_session(message: &pb::CreateSessionRequest) -> Result<NewSession, Status> {
    use create_session_request::Config;
    let mut fields = Fields::default();
    let name = fields.session(&message.session);
    let engine = match pb::Engine::try_from(message.engine) {
        Ok(pb::Engine::Unspecified) => Some(match &message.config {
            None | Some(Config::Simulator(_)) => EngineKind::Simulator,
            Some(Config::Waha(_)) => EngineKind::Waha,
            Some(Config::Native(_)) => EngineKind::Native,
        }),
        Ok(engine) => engine.to_domain(),
        Err(_) => {
            fields.add("engine", "must be a known engine");
            None
        }
    };
    let mut wish = AccountWish::default();
    match (&message.config, engine) {
        (Some(Config::Simulator(config)), Some(EngineKind::Simulator) | None)
            if !config.phone_number.is_empty() =>
        {
            wish.phone_number =
                fields.parse::<PhoneNumber>("simulator.phone_number", &config.phone_number);
        }
        (None, _)
        | (Some(Config::Simulator(_)), Some(EngineKind::Simulator) | None)
        | (Some(Config::Waha(_)), Some(EngineKind::Waha) | None)
        | (Some(Config::Native(_)), Some(EngineKind::Native) | None) => {}
        (Some(_), Some(_)) => fields.add("config", "must be that of the engine"),
    }
    let metadata = metadata(&mut fields, &message.metadata);
    fields.finish(name.zip(engine).map(|(name, engine)| NewSession {
        name,
        engine,
        wish,
        metadata,
        start: !message.stopped,
    }))
}

fn metadata(
    fields: &mut Fields,
    entries: &std::collections::HashMap<String, String>,
) -> BTreeMap<String, String> {
    if entries.len() > MAX_METADATA_ENTRIES {
        fields.add("metadata", format!("must have at most {MAX_METADATA_ENTRIES} entries"));
    }
    for (key, value) in entries {
        if key.is_empty() || key.len() > MAX_METADATA_KEY_BYTES {
            fields.add("metadata", format!("keys must have 1 to {MAX_METADATA_KEY_BYTES} bytes"));
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            fields.add(
                format!("metadata[{key:?}]"),
                format!("must have at most {MAX_METADATA_VALUE_BYTES} bytes"),
            );
        }
    }
    entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[tonic::async_trait]
impl SessionsService for Sessions {
    async fn create_session(
        &self,
        request: Request<pb::CreateSessionRequest>,
    ) -> Result<Response<pb::CreateSessionResponse>, Status> {
        let call = call(&request)?;
        let new = new_session(request.get_ref())?;
        let session = self.app.create_session(&call, new).await.map_err(refuse)?;
        Ok(Response::new(pb::CreateSessionResponse { session: Some(session.as_ref().into()) }))
    }

    async fn get_session(
        &self,
        request: Request<pb::GetSessionRequest>,
    ) -> Result<Response<pb::GetSessionResponse>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let session = self.app.get_session(&call(&request)?, &name).await.map_err(refuse)?;
        Ok(Response::new(pb::GetSessionResponse { session: Some(session.as_ref().into()) }))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let page_size = fields.page_size(message.page_size);
        let mut query = SessionQuery::default();
        for (index, status) in message.statuses.iter().enumerate() {
            match pb::SessionStatus::try_from(*status).ok().and_then(pb::SessionStatus::to_domain) {
                Some(status) => query.statuses.push(status),
                None => fields.add(format!("statuses[{index}]"), "must be a known status"),
            }
        }
        for (index, engine) in message.engines.iter().enumerate() {
            match pb::Engine::try_from(*engine).ok().and_then(pb::Engine::to_domain) {
                Some(engine) => query.engines.push(engine),
                None => fields.add(format!("engines[{index}]"), "must be a known engine"),
            }
        }
        fields.finish(Some(()))?;
        let (sessions, next_page_token) = self
            .app
            .list_sessions(&call, &query, page_size, &message.page_token)
            .await
            .map_err(refuse)?;
        let sessions = sessions.iter().map(|session| session.as_ref().into()).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn update_session(
        &self,
        _: Request<pb::UpdateSessionRequest>,
    ) -> Result<Response<pb::UpdateSessionResponse>, Status> {
        Err(not_implemented("UpdateSession"))
    }

    async fn delete_session(
        &self,
        request: Request<pb::DeleteSessionRequest>,
    ) -> Result<Response<pb::DeleteSessionResponse>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let sequence = self.app.delete_session(&call(&request)?, &name).await.map_err(refuse)?;
        Ok(Response::new(pb::DeleteSessionResponse { sequence: pb::wire::number(sequence) }))
    }

    async fn start_session(
        &self,
        request: Request<pb::StartSessionRequest>,
    ) -> Result<Response<pb::StartSessionResponse>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let change = self.app.start_session(&call(&request)?, &name).await.map_err(refuse)?;
        let session = Some(change.session.as_ref().into());
        Ok(Response::new(pb::StartSessionResponse { session, changed: change.changed }))
    }

    async fn stop_session(
        &self,
        request: Request<pb::StopSessionRequest>,
    ) -> Result<Response<pb::StopSessionResponse>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let change = self.app.stop_session(&call(&request)?, &name).await.map_err(refuse)?;
        let session = Some(change.session.as_ref().into());
        Ok(Response::new(pb::StopSessionResponse { session, changed: change.changed }))
    }

    async fn logout_session(
        &self,
        _: Request<pb::LogoutSessionRequest>,
    ) -> Result<Response<pb::LogoutSessionResponse>, Status> {
        Err(not_implemented("LogoutSession"))
    }

    async fn request_pairing_code(
        &self,
        _: Request<pb::RequestPairingCodeRequest>,
    ) -> Result<Response<pb::RequestPairingCodeResponse>, Status> {
        Err(not_implemented("RequestPairingCode"))
    }

    type WatchSessionStream = tokio_stream::Empty<Result<pb::WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        _: Request<pb::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        Err(not_implemented("WatchSession"))
    }
}
