//! SessionsService.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};

use super::request::{Fields, call};
use super::respond::refuse;
use crate::app::App;
use crate::app::sessions::{MetadataUpdate, NewSession, SessionQuery, SessionState, SessionUpdate};
use crate::domain::excerpt::Quoted;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::session::{
    EngineConfig, EngineKind, MAX_METADATA_ENTRIES, MAX_METADATA_KEY_BYTES,
    MAX_METADATA_VALUE_BYTES, WebhookSecret,
};
use crate::pb::wire::{count, timestamp};
use crate::pb::{
    self, create_session_request, sessions_service_server::SessionsService, update_session_request,
};

/// What an update's mask may name.
const PATHS: &str = "metadata, simulator, waha, waha.webhook_secret, native";

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
    let config = message.config.as_ref().map(|config| match config {
        Config::Simulator(config) => simulator(&mut fields, config),
        Config::Waha(config) => waha(&mut fields, config),
        Config::Native(pb::NativeConfig {}) => EngineConfig::Native {},
    });
    let engine = match pb::Engine::try_from(message.engine) {
        Ok(pb::Engine::Unspecified) => {
            Some(config.as_ref().map_or(EngineKind::Simulator, EngineConfig::kind))
        }
        Ok(engine) => engine.to_domain(),
        Err(_) => {
            fields.add("engine", "must be a known engine");
            None
        }
    };
    let config = match (config, engine) {
        (Some(config), Some(engine)) if config.kind() != engine => {
            fields.add("config", "must be that of the engine");
            None
        }
        (Some(config), _) => Some(config),
        (None, engine) => engine.map(EngineConfig::default_of),
    };
    let metadata = metadata(&mut fields, "metadata", &message.metadata);
    fields.finish(name.zip(config).map(|(name, config)| NewSession {
        name,
        config,
        push_name: None,
        metadata,
        start: !message.stopped,
    }))
}

fn simulator(fields: &mut Fields, config: &pb::SimulatorConfig) -> EngineConfig {
    let phone_number = match config.phone_number.as_str() {
        "" => None,
        number => fields.parse::<PhoneNumber>("simulator.phone_number", number),
    };
    EngineConfig::Simulator { phone_number }
}

fn waha(fields: &mut Fields, config: &pb::WahaConfig) -> EngineConfig {
    let mut name = |field: &str, text: &str| match text {
        "" => None,
        text => fields.parse::<SessionName>(field, text).map(|name| name.to_string()),
    };
    EngineConfig::Waha {
        server: name("waha.server", &config.server),
        remote_session: name("waha.remote_session", &config.remote_session),
        webhook_secret: webhook_secret(fields, config),
        webhooks_only: config.webhooks_only,
    }
}

fn webhook_secret(fields: &mut Fields, config: &pb::WahaConfig) -> Option<WebhookSecret> {
    match config.webhook_secret.as_str() {
        "" => None,
        secret => fields.parse("waha.webhook_secret", secret),
    }
}

/// What an update changes: each path of the mask as a whole.
fn update(fields: &mut Fields, message: &pb::UpdateSessionRequest) -> SessionUpdate {
    use update_session_request::Config;
    let mut update = SessionUpdate::default();
    let merges = !message.set_metadata.is_empty() || !message.remove_metadata.is_empty();
    let mask = message.update_mask.as_ref();
    let is_unmasked = mask.is_none_or(|mask| mask.paths.is_empty());
    let paths = if merges && is_unmasked { &[] } else { fields.paths(mask, PATHS) };
    let replaces = paths.iter().any(|path| path == "metadata");
    if merges && replaces {
        fields.add("set_metadata", "must not be there where update_mask replaces all labels");
    }
    if merges && fields.is_short("remove_metadata", &message.remove_metadata, MAX_METADATA_ENTRIES)
    {
        let set = metadata(fields, "set_metadata", &message.set_metadata);
        let remove = message.remove_metadata.clone();
        update.metadata = MetadataUpdate::Merge { set, remove };
    }
    if message.expected_etag.len() > 64 {
        fields.add("expected_etag", "must have at most 64 bytes");
    }
    update.expected_etag = Some(message.expected_etag.clone()).filter(|etag| !etag.is_empty());
    for path in paths {
        let given = match (path.as_str(), &message.config) {
            ("metadata", _) => {
                let replaced = metadata(fields, "metadata", &message.metadata);
                update.metadata = MetadataUpdate::Replace(replaced);
                continue;
            }
            ("waha.webhook_secret", Some(Config::Waha(given))) => {
                update.webhook_secret = Some(webhook_secret(fields, given));
                continue;
            }
            ("waha.webhook_secret", None) => {
                update.webhook_secret = Some(None);
                continue;
            }
            ("simulator", Some(Config::Simulator(given))) => simulator(fields, given),
            ("waha", Some(Config::Waha(given))) => {
                // It cannot be read back, so that who changes the rest could not send it again.
                if !given.webhook_secret.is_empty() {
                    update.webhook_secret = Some(webhook_secret(fields, given));
                }
                waha(fields, &pb::WahaConfig { webhook_secret: String::new(), ..given.clone() })
            }
            ("native", Some(Config::Native(pb::NativeConfig {}))) => EngineConfig::Native {},
            ("simulator", None) => EngineConfig::default_of(EngineKind::Simulator),
            ("waha", None) => EngineConfig::default_of(EngineKind::Waha),
            ("native", None) => EngineConfig::default_of(EngineKind::Native),
            ("simulator" | "waha" | "waha.webhook_secret" | "native", Some(_)) => {
                fields.add("config", format!("must be that of {path}, which update_mask names"));
                continue;
            }
            _ => {
                fields.add_unknown_path(path, PATHS);
                continue;
            }
        };
        update.config = Some(given);
    }
    update
}

/// A session's state as its watchers see it.
fn state(state: &SessionState) -> pb::WatchSessionResponse {
    pb::WatchSessionResponse {
        session: Some(state.session.as_ref().into()),
        qr_code: state.qr_code.as_ref().map(|code| pb::QrCode {
            value: code.value.clone(),
            expire_time: code.expire_time.map(timestamp),
        }),
        pairing_code: state.pairing_code.as_ref().map(Into::into),
        comparison: state.progress.map(|progress| pb::ComparisonProgress {
            compared_count: count(progress.compared),
            total_count: count(progress.total),
        }),
    }
}

fn metadata(
    fields: &mut Fields,
    field: &str,
    entries: &std::collections::HashMap<String, String>,
) -> BTreeMap<String, String> {
    if entries.len() > MAX_METADATA_ENTRIES {
        fields.add(field, format!("must have at most {MAX_METADATA_ENTRIES} entries"));
        return BTreeMap::new();
    }
    for (key, value) in entries {
        if key.is_empty() || key.len() > MAX_METADATA_KEY_BYTES {
            fields.add(field, format!("keys must have 1 to {MAX_METADATA_KEY_BYTES} bytes"));
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            fields.add(
                format_args!("{field}[{}]", Quoted(key)),
                format_args!("must have at most {MAX_METADATA_VALUE_BYTES} bytes"),
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
        let status =
            |value| pb::SessionStatus::try_from(value).ok().and_then(pb::SessionStatus::to_domain);
        let engine = |value| pb::Engine::try_from(value).ok().and_then(pb::Engine::to_domain);
        let query = SessionQuery {
            statuses: fields.each_value(
                "statuses",
                &message.statuses,
                status,
                "must be a known status",
            ),
            engines: fields.each_value(
                "engines",
                &message.engines,
                engine,
                "must be a known engine",
            ),
        };
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
        request: Request<pb::UpdateSessionRequest>,
    ) -> Result<Response<pb::UpdateSessionResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let name = fields.session(&message.session);
        let update = update(&mut fields, message);
        let name = fields.finish(name)?;
        let change = self.app.update_session(&call, &name, update).await.map_err(refuse)?;
        let session = Some(change.session.as_ref().into());
        Ok(Response::new(pb::UpdateSessionResponse { session, changed: change.changed }))
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
        request: Request<pb::LogoutSessionRequest>,
    ) -> Result<Response<pb::LogoutSessionResponse>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let change = self.app.log_out_session(&call(&request)?, &name).await.map_err(refuse)?;
        let session = Some(change.session.as_ref().into());
        Ok(Response::new(pb::LogoutSessionResponse { session, changed: change.changed }))
    }

    async fn request_pairing_code(
        &self,
        request: Request<pb::RequestPairingCodeRequest>,
    ) -> Result<Response<pb::RequestPairingCodeResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let name = fields.session(&message.session);
        let phone = fields.parse::<PhoneNumber>("phone_number", &message.phone_number);
        let (name, phone) = fields.finish(name.zip(phone))?;
        let code = self.app.request_pairing_code(&call, &name, phone).await.map_err(refuse)?;
        Ok(Response::new(pb::RequestPairingCodeResponse { pairing_code: Some((&code).into()) }))
    }

    type WatchSessionStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchSessionResponse, Status>> + Send>>;

    async fn watch_session(
        &self,
        request: Request<pb::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        let name = session_name(&request.get_ref().session)?;
        let watch = self.app.watch_session(&call(&request)?, &name).map_err(refuse)?;
        let states = futures::stream::unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            let step = watch.next().await?;
            let rest = step.is_ok().then_some(watch);
            Some((step.map(|reached| state(&reached)).map_err(refuse), rest))
        });
        Ok(Response::new(Box::pin(states)))
    }
}
