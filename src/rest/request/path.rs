//! The names in a path.

use axum::RequestPartsExt as _;
use axum::extract::RawPathParams;
use axum::http::request::Parts;

use crate::domain::id::SessionName;
use crate::middleware::audit::note_session;

/// The session, and whom else the path names; empty where it names nobody.
#[derive(Debug, Default)]
pub struct PathNames {
    pub session: String,
    pub group_id: String,
}

impl PathNames {
    pub async fn of(parts: &mut Parts) -> Self {
        let mut names = Self::default();
        if let Ok(params) = parts.extract::<RawPathParams>().await {
            for (name, value) in &params {
                match name {
                    "session" => names.session = value.to_owned(),
                    _ => names.group_id = value.to_owned(),
                }
            }
        }
        names
    }

    /// The session, noted for the audit; none where the path names none.
    pub fn note_session(&self) -> Option<SessionName> {
        let session = self.session.parse().ok()?;
        note_session(&session);
        Some(session)
    }
}
