//! Changing a session: its labels, and its engine's settings.

use std::collections::BTreeMap;

use super::{Inner, SessionChange};
use crate::domain::auth::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::repository::SessionPatch;
use crate::domain::reason::Reason;
use crate::domain::session::{EngineConfig, MAX_METADATA_ENTRIES, Session, WebhookSecret};

/// What to change of a session; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct SessionUpdate {
    pub metadata: MetadataUpdate,
    /// The engine's settings but for the webhooks' secret.
    pub config: Option<EngineConfig>,
    /// `Some(None)` removes it.
    pub webhook_secret: Option<Option<WebhookSecret>>,
    /// The session that it is meant for.
    pub expected_etag: Option<String>,
}

/// What to change of a session's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataUpdate {
    Replace(BTreeMap<String, String>),
    /// One by one: what is in neither stays.
    Merge {
        set: BTreeMap<String, String>,
        remove: Vec<String>,
    },
}

impl Default for MetadataUpdate {
    fn default() -> Self {
        Self::Merge { set: BTreeMap::new(), remove: Vec::new() }
    }
}

impl Inner {
    pub(super) async fn change_session(
        &self,
        caller: &Caller,
        session: &Session,
        update: SessionUpdate,
    ) -> Result<SessionChange> {
        let SessionUpdate { metadata, config, webhook_secret, expected_etag } = update;
        let name = &session.name;
        let current = session.etag();
        if expected_etag.is_some_and(|expected| expected != current) {
            return Err(changed_meanwhile(name, &current));
        }
        let metadata = updated_metadata(session, metadata)?;
        let placing = self.sessions.directory.placing().await;
        let config = updated_config(session, config, webhook_secret)?;
        let config = config.filter(|config| *config != session.config);
        let config = match config {
            Some(config) if config.server() != session.config.server() => {
                Some(self.placed(config)?)
            }
            config => config,
        };
        let moved = config.as_ref().filter(|config| config.route() != session.config.route());
        if let Some(config) = moved {
            self.claim(caller, name, config)?;
        }
        let is_moved = moved.is_some();
        let changed = metadata.is_some() || config.is_some();
        if changed {
            self.patch(name, SessionPatch { metadata, config, ..Default::default() }).await?;
        }
        drop(placing);
        if is_moved {
            self.reroute(name).await?;
        }
        Ok(SessionChange { session: self.refreshed(name).await?, changed })
    }
}

/// The labels as they are to be; `None` where they are so.
fn updated_metadata(
    session: &Session,
    update: MetadataUpdate,
) -> Result<Option<BTreeMap<String, String>>> {
    let metadata = match update {
        MetadataUpdate::Replace(metadata) => metadata,
        MetadataUpdate::Merge { set, remove } => {
            let mut merged = session.metadata.clone();
            merged.retain(|key, _| !remove.contains(key));
            merged.extend(set);
            merged
        }
    };
    if metadata.len() > MAX_METADATA_ENTRIES {
        let message = format!(
            "session {} would have {} labels, and may have {MAX_METADATA_ENTRIES}; remove some",
            session.name,
            metadata.len()
        );
        let must = format!("must leave at most {MAX_METADATA_ENTRIES} labels");
        return Err(Error::new(Reason::InvalidRequest, message).blaming("set_metadata", &must));
    }
    Ok(Some(metadata).filter(|metadata| *metadata != session.metadata))
}

fn changed_meanwhile(name: &SessionName, etag: &str) -> Error {
    let message = format!(
        "session {name} was changed since it had that etag; read it, and decide anew what to change"
    );
    Error::new(Reason::SessionConflict, message).with("session", name).with("etag", etag)
}

/// The engine's settings as they are to be; `None` where the update is not about them.
fn updated_config(
    session: &Session,
    config: Option<EngineConfig>,
    webhook_secret: Option<Option<WebhookSecret>>,
) -> Result<Option<EngineConfig>> {
    if config.is_none() && webhook_secret.is_none() {
        return Ok(None);
    }
    let is_foreign = config.as_ref().is_some_and(|config| config.kind() != session.engine)
        || (webhook_secret.is_some() && !session.config.takes_webhooks());
    if is_foreign {
        let engine = session.engine.as_str();
        return Err(Error::new(
            Reason::InvalidRequest,
            format!("session {} runs on engine {engine}, which never changes", session.name),
        )
        .blaming("config", &format!("must hold the settings of engine {engine}")));
    }
    let config = config.unwrap_or_else(|| session.config.clone());
    Ok(Some(config.updating(&session.config, webhook_secret)))
}
